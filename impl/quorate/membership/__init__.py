"""The identities of storages: a cluster has an identity, each storage an incarnation, and members remember both.

`register.py` has the rules and the argument for their safety; `register_file.py` stores the register;
`introductions.py` applies the rules when members connect; `restraint.py` keeps a replaced storage from voting. Since
members may change, `directory.py` has how to reach them, `changes.py` decides operators' requests, and `serving.py`
follows the configuration in force.
"""
