"""The Byzantine core for any number of members, views and values: an inductive invariant, and its tie to the code."""

from quorate_check.proofs.bft.proof import subject

__all__ = ["subject"]
