"""Backups: the state of a store in one file, and a new cluster that begins with that state.

`file.py` defines the file; `export.py` makes a backup on a leader that serves, `stopped.py` from the folders of stopped
nodes; `restoring.py` makes the folders of a new cluster.
"""
