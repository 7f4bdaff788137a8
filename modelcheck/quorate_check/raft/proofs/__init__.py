"""Raft for any number of servers, terms, entries and steps: an inductive invariant, and its tie to what is explored."""

from quorate_check.raft.proofs.everything import subject

__all__ = ["subject"]
