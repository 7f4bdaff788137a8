"""Outside checkers: programs that share no code with this project, run on the specification's TLA+ text.

`compare.agree` runs the Python text on our engine and the TLA+ text on one of them within the same bounds, and reports
the differences.
"""
