"""The naive vote: every general sends its opinion to all, and does what the majority of opinions is.

It is safe only without traitors and without loss.
"""

from dataclasses import dataclass, replace

from quorate.generals.basics import Event, GeneralId, Order, Receive, majority
from quorate.generals.messages import Vote


@dataclass(frozen=True, slots=True)
class VotingGeneral:
    """A general of the naive vote; `heard` has the opinions by general, None for silence."""

    id: GeneralId
    n: int
    opinion: Order
    round: int = 0
    heard: tuple[Order | None, ...] = ()
    decision: Order | None = None


def step(voter: VotingGeneral, event: Event) -> tuple[VotingGeneral, tuple[Vote, ...]]:
    """Return the voter after `event` and the messages it sends."""
    if voter.decision is not None:
        return voter, ()
    if isinstance(event, Receive):
        return _hear(voter, event.message), ()
    if voter.round == 0:
        heard = tuple(voter.opinion if i == voter.id else None for i in range(voter.n))
        others = (i for i in range(voter.n) if i != voter.id)
        return replace(voter, round=1, heard=heard), tuple(Vote(voter.id, i, voter.opinion) for i in others)
    decision = majority(Order.RETREAT if order is None else order for order in voter.heard)
    return replace(voter, round=2, heard=(), decision=decision), ()


def _hear(voter: VotingGeneral, message: object) -> VotingGeneral:
    if not isinstance(message, Vote) or voter.round != 1:
        return voter
    if not 0 <= message.source < voter.n or voter.heard[message.source] is not None:
        return voter
    heard = (*voter.heard[: message.source], message.order, *voter.heard[message.source + 1 :])
    return replace(voter, heard=heard)
