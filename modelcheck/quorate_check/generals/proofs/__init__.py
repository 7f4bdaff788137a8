"""What generals can't do, by z3."""

from quorate_check.generals.proofs.impossible import subject

__all__ = ["subject"]
