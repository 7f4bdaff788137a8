"""Generals.tla in Python: interactive consistency among traitors, by oral messages OM(m) and signed messages SM(m).

After Lamport, Shostak and Pease (1982). General 0 is the commander. A step is a whole round: all messages of loyal
generals arrive, and traitors send each loyal general any messages that he accepts. Names and order are those of the
TLA+ text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, permutations, product
from typing import Final

Path = tuple[int, ...]
Message = tuple[Path, int, str]  # the path, whose last general is the sender, the receiver, and the order

ORDER: Final = ("ATTACK", "RETREAT")


@dataclass(frozen=True, slots=True)
class World:
    """The constants and the variables of the TLA+ text; `decision` has a value for each general, None for "none"."""

    n: int
    m: int
    is_signed: bool
    traitors: frozenset[int]
    order: str
    round: int = 0
    messages: frozenset[Message] = frozenset()
    decision: tuple[str | None, ...] = ()

    @property
    def loyal(self) -> list[int]:
        """The generals that aren't traitors."""
        return [i for i in range(self.n) if i not in self.traitors]


# Helpers


def paths(w: World, k: int) -> list[Path]:
    """Return the paths of k different generals, from the commander."""
    return [(0, *rest) for rest in permutations(range(1, w.n), k - 1)]


def heard(w: World, i: int, p: Path) -> str:
    """Return the order that general i received along a path; silence is RETREAT."""
    return "ATTACK" if (p, i, "ATTACK") in w.messages else "RETREAT"


def received(w: World, i: int, k: int) -> set[str]:
    """Return the signed orders that general i received within k rounds."""
    return {o for p, receiver, o in w.messages if receiver == i and len(p) <= k}


# The messages of round k


def oral_truth(w: World, k: int) -> Iterator[Message]:
    """OM: each loyal general relays the order that he received to all others; the commander sends his own."""
    for p, i in product(paths(w, k), range(w.n)):
        if p[-1] in w.loyal and i not in p:
            yield p, i, w.order if k == 1 else heard(w, p[-1], p[:-1])


def oral_lies(w: World, k: int) -> Iterator[set[Message]]:
    """OM: any orders of traitors to loyal generals, along the paths that end with a traitor."""
    slots = [(p, i) for p, i in product(paths(w, k), w.loyal) if p[-1] in w.traitors and i not in p]
    for lie in product(ORDER, repeat=len(slots)):
        yield {(p, i, o) for (p, i), o in zip(slots, lie, strict=True)}


def signed_truth(w: World, k: int) -> Iterator[Message]:
    """SM: each loyal general signs and relays the chains that brought him a new order; the commander sends his own."""
    for p, i, o in product(paths(w, k), range(w.n), ORDER):
        if p[-1] in w.loyal and i not in p:
            is_new = (p[:-1], p[-1], o) in w.messages and o not in received(w, p[-1], k - 2)
            if o == w.order if k == 1 else is_new:
                yield p, i, o


def signed_lies(w: World, k: int) -> Iterator[set[Message]]:
    """SM: any chains of signatures from traitors to loyal generals, if the loyal generals in them did sign."""

    def has_signed(p: Path, j: int, o: str) -> bool:
        return p[j] in w.traitors or any((p[: j + 1], x, o) in w.messages for x in range(w.n))

    possible = [
        (p, i, o)
        for p, i, o in product(paths(w, k), w.loyal, ORDER)
        if p[-1] in w.traitors and i not in p and all(has_signed(p, j, o) for j in range(k))
    ]
    for size in range(len(possible) + 1):
        yield from map(set, combinations(possible, size))


# Decisions


def majority(attack: int, everybody: int) -> str:
    """OM: ATTACK if more than half of the values are ATTACK."""
    return "ATTACK" if 2 * attack > everybody else "RETREAT"


def value(w: World, i: int, p: Path) -> str:
    """OM: the value that general i gives to the message of the last general of a path."""
    if len(p) > w.m:
        return heard(w, i, p)
    others = [j for j in range(w.n) if j != i and j not in p]
    values = [heard(w, i, p), *(value(w, i, (*p, j)) for j in others)]
    return majority(values.count("ATTACK"), len(values))


def choice(w: World, i: int) -> str:
    """SM: ATTACK if it is the only order received, otherwise RETREAT."""
    return "ATTACK" if received(w, i, w.m + 1) == {"ATTACK"} else "RETREAT"


# Steps


def init(n: int, f: int, m: int, *, is_signed: bool) -> Iterator[World]:
    """Yield the initial worlds: any f generals are traitors, and a loyal commander may send any order."""
    for liars in combinations(range(n), f):
        for order in ORDER[:1] if 0 in liars else ORDER:
            yield World(n, m, is_signed, frozenset(liars), order, decision=(None,) * n)


def speak(w: World) -> Iterator[World]:
    """The messages of the next round are sent and arrive."""
    if w.round <= w.m:
        k = w.round + 1
        truth = frozenset(signed_truth(w, k) if w.is_signed else oral_truth(w, k))
        for lies in signed_lies(w, k) if w.is_signed else oral_lies(w, k):
            yield replace(w, round=k, messages=w.messages | truth | lies)


def decide(w: World) -> Iterator[World]:
    """All loyal generals decide."""
    if w.round == w.m + 1 and not any(w.decision):

        def decision(i: int) -> str | None:
            if i in w.traitors:
                return None
            if i == 0:
                return w.order
            return choice(w, i) if w.is_signed else value(w, i, (0,))

        yield replace(w, decision=tuple(map(decision, range(w.n))))


# Promises


def ic1(w: World) -> bool:
    """All loyal lieutenants obey the same order."""
    return len({w.decision[i] for i in w.loyal if i != 0}) <= 1


def ic2(w: World) -> bool:
    """If the commander is loyal, every loyal lieutenant obeys the order that he sent."""
    return 0 in w.traitors or all(w.decision[i] in {None, w.order} for i in w.loyal if i != 0)
