"""The inductive invariant: sentences that are true at first, and that no action makes false where all are true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from quorate_check.bft.proofs.model import certified, formula, hopeless
from quorate_check.proofs.logic.formulas import Formula


@dataclass(frozen=True)
class Conjunct:
    """One sentence of the invariant, in words and as a formula over all values of its variables."""

    name: str
    claim: str
    text: str

    @property
    def formula(self) -> Formula:
        """The text as a formula."""
        return formula(self.text)


INVARIANT: Final = (
    Conjunct(
        "OneFirstVote",
        "A member gives one first vote in a view.",
        "first(n, v, d) & first(n, v, e) -> d = e",
    ),
    Conjunct(
        "VotesWhereItIs",
        "Who has voted in a view has left all earlier ones.",
        "(first(n, v, d) | second(n, v, d)) & u < v -> left(n, u)",
    ),
    Conjunct(
        "SecondVoteIsCertified",
        "A second vote is for what a quorum has given its first.",
        f"(exists n. second(n, v, d)) -> {certified('first', 'v', 'd')}",
    ),
    Conjunct(
        "LockedWhereItVoted",
        "Who has given a second vote is locked in its view, or in a later one.",
        "second(n, v, d) -> locked(n, v)",
    ),
    Conjunct(
        "LaterVotesDoNoHarm",
        "Who has given a second vote gives a first vote to something else in a later view only if no decision can ever "
        "come of the former.",
        f"second(n, v, d) & first(n, w, e) & v < w & d != e -> {hopeless('v', 'd')}",
    ),
    Conjunct(
        "DecisionIsCertified",
        "What is decided is what a quorum has given its second vote.",
        f"(exists n. decided(n, v, d)) -> {certified('second', 'v', 'd')}",
    ),
)
AGREEMENT: Final = Conjunct(
    "Agreement",
    "No two members decide differently, in whatever views.",
    "decided(n, v, d) & decided(m, w, e) -> d = e",
)
