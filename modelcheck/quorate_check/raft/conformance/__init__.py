"""The conformance check: the specification allows each distinct step of the Raft core."""
