"""First-order logic for z3 and for Python, over any vocabulary; it knows no protocol.

`formulas` reads sentences, `rewriting` finds sorts and says what a sentence means after an update, `solving` gives
sentences to z3, `worlds` reads the models that z3 finds, and `evaluating` judges sentences in states that are known.
"""
