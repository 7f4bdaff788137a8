"""A conjunct of the inductive invariant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from quorate_check.proofs.logic.formulas import Formula
from quorate_check.raft.proofs.model import formula


@dataclass(frozen=True)
class Conjunct:
    """One sentence of the invariant, in words and as a formula over all values of its variables."""

    name: str
    claim: str
    text: str
    follows: bool = False  # implied by the others in every state, so no induction of its own is needed

    @cached_property
    def formula(self) -> Formula:
        """The text as a formula."""
        return formula(self.text)
