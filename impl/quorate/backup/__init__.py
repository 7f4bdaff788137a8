"""The state of a store in one file, taken while it serves or when it is stopped, and a new cluster that begins with it.

`file.py` is the file; `export.py` hands one out while a node leads; `stopped.py` makes one of the folders of nodes that
are stopped; `restoring.py` makes the folders of a new cluster of one.
"""
