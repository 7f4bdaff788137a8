"""Proofs about generals by z3: what no protocol can achieve, and what OM(m) can't."""

from quorate_check.generals.proofs.impossible import subject

__all__ = ["subject"]
