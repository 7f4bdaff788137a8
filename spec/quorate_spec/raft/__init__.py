"""Raft: Raft.tla, and the same in Python."""
