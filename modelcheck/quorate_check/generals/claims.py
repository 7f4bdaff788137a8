"""The claims about the protocols among traitors: the bounds within which each is safe, and that it is unsafe beyond."""

from __future__ import annotations

from dataclasses import dataclass

from quorate.generals import Order, Protocol, Rules
from quorate_check.core.verdict import Verdict
from quorate_check.generals.subject import Instance, Setup

HOLDS, VIOLATED = Verdict.HOLDS, Verdict.VIOLATED
_A, _R = Order.ATTACK, Order.RETREAT

# Four want to attack, four to retreat; the ninth, a traitor, has no wish of his own.
STORY = Instance(Rules(Protocol.VOTE, 9, 1, 0), setup=Setup(frozenset({8}), (_A,) * 4 + (_R,) * 4 + (_A,)))


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence about an instance, and whether IC1 and IC2 hold there."""

    sentence: str
    instance: Instance
    verdict: Verdict


def _rules(protocol: Protocol, n: int, f: int, m: int) -> Instance:
    return Instance(Rules(protocol, n, f, m))


def _vote(n: int, f: int, *, loss: bool = False, agreed: bool = False) -> Instance:
    return Instance(Rules(Protocol.VOTE, n, f, 0), loss=loss, agreed=agreed)


CLAIMS: tuple[Claim, ...] = (
    Claim("vote, n=5, no traitor: safe", _vote(5, 0), HOLDS),
    Claim("vote, nine generals, the ninth a traitor: he splits the army", STORY, VIOLATED),
    Claim("vote, n=3, no traitor, lost messages: splits without any traitor", _vote(3, 0, loss=True), VIOLATED),
    Claim("vote over agreed inputs, n=5, f=2: n > 2f is enough", _vote(5, 2, agreed=True), HOLDS),
    Claim("vote over agreed inputs, n=4, f=2: n = 2f isn't", _vote(4, 2, agreed=True), VIOLATED),
    Claim("OM(0), n=3, f=1: one round isn't enough", _rules(Protocol.ORAL, 3, 1, 0), VIOLATED),
    Claim("OM(1), n=3, f=1: a loyal majority isn't enough", _rules(Protocol.ORAL, 3, 1, 1), VIOLATED),
    Claim("OM(1), n=4, f=1: n > 3f is", _rules(Protocol.ORAL, 4, 1, 1), HOLDS),
    Claim("OM(2), n=6, f=2: n = 3f isn't enough", _rules(Protocol.ORAL, 6, 2, 2), VIOLATED),
    Claim("OM(2), n=7, f=2: n > 3f is", _rules(Protocol.ORAL, 7, 2, 2), HOLDS),
    Claim("SM(1), n=3, f=1: signatures need n >= f + 2 only", _rules(Protocol.SIGNED, 3, 1, 1), HOLDS),
    Claim(
        "SM(1), n=3, f=1, messengers forge signatures: all rests on A4",
        Instance(Rules(Protocol.SIGNED, 3, 1, 1), forge=True),
        VIOLATED,
    ),
    Claim("SM(1), n=4, f=2: one round too few", _rules(Protocol.SIGNED, 4, 2, 1), VIOLATED),
    Claim("SM(2), n=4, f=2: f + 1 rounds", _rules(Protocol.SIGNED, 4, 2, 2), HOLDS),
    Claim("Bracha broadcast, n=3, f=1: n = 3f isn't enough", _rules(Protocol.BRACHA, 3, 1, 0), VIOLATED),
    Claim("Bracha broadcast, n=4, f=1: n > 3f is", _rules(Protocol.BRACHA, 4, 1, 0), HOLDS),
    Claim("phase king, n=4, f=1: n = 4f isn't enough", _rules(Protocol.PHASE_KING, 4, 1, 1), VIOLATED),
    Claim(
        "phase king, n=5, f=1, one phase: the king may be the traitor", _rules(Protocol.PHASE_KING, 5, 1, 0), VIOLATED
    ),
    Claim("phase king, n=5, f=1, two phases: n > 4f, f + 1 kings", _rules(Protocol.PHASE_KING, 5, 1, 1), HOLDS),
)
