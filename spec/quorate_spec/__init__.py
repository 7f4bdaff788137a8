"""What must be true: readable specifications, TLA+ beside Python.

Nothing here is shared with the implementation, on purpose: messages, roles and variables are written down once more,
for code that both used would have its bugs in both.
"""
