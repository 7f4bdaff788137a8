"""The conformance check: Bft.tla allows each distinct step of the Byzantine core."""
