"""The specifications: TLA+ and Python side by side.

The package shares nothing with the implementation: it defines messages, roles and variables a second time, because a
bug in shared code would be in both.
"""
