"""Consensus: Consensus.tla, and the same in Python."""
