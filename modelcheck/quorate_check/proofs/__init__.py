"""What holds for any number of steps, servers and terms, asked of z3; and what ties it to the code that is explored.

z3 is an extra (`pip install 'quorate[proofs]'`): whoever imports a module of this package must have it.
"""
