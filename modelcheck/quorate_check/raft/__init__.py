"""Raft: the core behind a disk, its bounds, what it promises, its specification, and its pictures."""
