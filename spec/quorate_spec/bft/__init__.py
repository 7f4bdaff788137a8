"""Byzantine agreement on a log: Bft.tla, and the same in Python."""
