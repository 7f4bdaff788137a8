"""Which storage is whose: a cluster has an identity, each member's storage an incarnation, and members remember them.

`register.py` has the rules, and the argument for their safety; `register_file.py` keeps what must be remembered;
`introductions.py` is what the transport asks; `restraint.py` holds back a storage that took the place of a lost one.
"""
