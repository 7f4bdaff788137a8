"""First-order logic for z3 and for Python, over any vocabulary; it knows no protocol.

`formulas` parses sentences, `rewriting` infers sorts and substitutes updates, `solving` translates sentences for z3,
`worlds` reads z3's models, and `evaluating` compiles sentences to Python functions of a given state.
"""
