"""Raft.tla unrolled: k steps as one formula, which has a model exactly if k steps can break a promise."""
