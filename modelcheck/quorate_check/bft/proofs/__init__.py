"""The Byzantine core for any number of members, views and values: an inductive invariant, and its tie to the code."""

from quorate_check.bft.proofs.proof import subject

__all__ = ["subject"]
