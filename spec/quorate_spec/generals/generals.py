"""Generals.tla in Python: interactive consistency among traitors, by oral messages OM(m) and signed messages SM(m).

After Lamport, Shostak and Pease (1982). General 0 is the commander. A step is a whole round: everything that loyal
generals say arrives, and traitors tell each loyal general whatever he would listen to. Names and order are those of the
TLA+ text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, permutations, product
from typing import Final

Path = tuple[int, ...]
Said = tuple[Path, int, str]  # the path, whose last general speaks, to whom, and the order

ORDER: Final = ("ATTACK", "RETREAT")


@dataclass(frozen=True, slots=True)
class World:
    """The constants, and the variables under them; `decision` is by general, None for "none"."""

    n: int
    m: int
    is_signed: bool
    traitors: frozenset[int]
    order: str
    round: int = 0
    said: frozenset[Said] = frozenset()
    decision: tuple[str | None, ...] = ()

    @property
    def loyal(self) -> list[int]:
        """The generals who don't lie."""
        return [i for i in range(self.n) if i not in self.traitors]


# Helpers


def paths(w: World, k: int) -> list[Path]:
    """The paths of k different generals, from the commander."""
    return [(0, *rest) for rest in permutations(range(1, w.n), k - 1)]


def heard(w: World, i: int, p: Path) -> str:
    """What reached general i along a path; silence is RETREAT."""
    return "ATTACK" if (p, i, "ATTACK") in w.said else "RETREAT"


def received(w: World, i: int, k: int) -> set[str]:
    """The orders that reached general i duly signed within k rounds."""
    return {o for p, to, o in w.said if to == i and len(p) <= k}


# What is said in round k


def oral_truth(w: World, k: int) -> Iterator[Said]:
    """OM: each loyal general tells all others what he heard; the commander, what he orders."""
    for p, i in product(paths(w, k), range(w.n)):
        if p[-1] in w.loyal and i not in p:
            yield p, i, w.order if k == 1 else heard(w, p[-1], p[:-1])


def oral_lies(w: World, k: int) -> Iterator[set[Said]]:
    """OM: what traitors tell loyal generals along the paths that they end."""
    slots = [(p, i) for p, i in product(paths(w, k), w.loyal) if p[-1] in w.traitors and i not in p]
    for lie in product(ORDER, repeat=len(slots)):
        yield {(p, i, o) for (p, i), o in zip(slots, lie, strict=True)}


def signed_truth(w: World, k: int) -> Iterator[Said]:
    """SM: each loyal general signs and relays what brought him a new order; the commander, his."""
    for p, i, o in product(paths(w, k), range(w.n), ORDER):
        if p[-1] in w.loyal and i not in p:
            is_new = (p[:-1], p[-1], o) in w.said and o not in received(w, p[-1], k - 2)
            if o == w.order if k == 1 else is_new:
                yield p, i, o


def signed_lies(w: World, k: int) -> Iterator[set[Said]]:
    """SM: traitors send a chain of signatures or don't, if every loyal one in it was given."""

    def given(p: Path, j: int, o: str) -> bool:
        return p[j] in w.traitors or any((p[: j + 1], x, o) in w.said for x in range(w.n))

    possible = [
        (p, i, o)
        for p, i, o in product(paths(w, k), w.loyal, ORDER)
        if p[-1] in w.traitors and i not in p and all(given(p, j, o) for j in range(k))
    ]
    for size in range(len(possible) + 1):
        yield from map(set, combinations(possible, size))


# What is decided


def majority(attack: int, everybody: int) -> str:
    """OM: ATTACK if more than half say so."""
    return "ATTACK" if 2 * attack > everybody else "RETREAT"


def value(w: World, i: int, p: Path) -> str:
    """OM: what the last of a path said, in the eyes of general i."""
    if len(p) > w.m:
        return heard(w, i, p)
    others = [j for j in range(w.n) if j != i and j not in p]
    told = [heard(w, i, p), *(value(w, i, (*p, j)) for j in others)]
    return majority(told.count("ATTACK"), len(told))


def choice(w: World, i: int) -> str:
    """SM: the only order that there is, otherwise RETREAT."""
    return "ATTACK" if received(w, i, w.m + 1) == {"ATTACK"} else "RETREAT"


# Steps


def init(n: int, f: int, m: int, *, is_signed: bool) -> Iterator[World]:
    """Any f generals are traitors, and a loyal commander orders anything."""
    for liars in combinations(range(n), f):
        for order in ORDER[:1] if 0 in liars else ORDER:
            yield World(n, m, is_signed, frozenset(liars), order, decision=(None,) * n)


def speak(w: World) -> Iterator[World]:
    """All say what they say in the next round."""
    if w.round <= w.m:
        k = w.round + 1
        truth = frozenset(signed_truth(w, k) if w.is_signed else oral_truth(w, k))
        for lies in signed_lies(w, k) if w.is_signed else oral_lies(w, k):
            yield replace(w, round=k, said=w.said | truth | lies)


def decide(w: World) -> Iterator[World]:
    """All loyal generals do what they have come to."""
    if w.round == w.m + 1 and not any(w.decision):

        def does(i: int) -> str | None:
            if i in w.traitors:
                return None
            if i == 0:
                return w.order
            return choice(w, i) if w.is_signed else value(w, i, (0,))

        yield replace(w, decision=tuple(map(does, range(w.n))))


# Promises


def ic1(w: World) -> bool:
    """All loyal lieutenants obey the same order."""
    return len({w.decision[i] for i in w.loyal if i != 0}) <= 1


def ic2(w: World) -> bool:
    """If the commander is loyal, every loyal lieutenant obeys the order that he sent."""
    return 0 in w.traitors or all(w.decision[i] in {None, w.order} for i in w.loyal if i != 0)
