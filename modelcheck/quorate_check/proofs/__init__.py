"""Proofs by z3 for any number of steps, servers and terms, and the ties between them and the explored code.

z3 is an extra (`pip install 'quorate[proofs]'`), which importing most modules of this package needs.
"""
