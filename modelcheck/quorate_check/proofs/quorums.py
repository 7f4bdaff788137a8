"""Quorums of any size: why majorities are enough against crashes, and two thirds against liars.

A few sets of servers cut the servers into regions, as in a Venn diagram: those in both quorums and no traitor, those in
the first alone, and so on. How many servers are in each region is a number, and all that a quorum asks for is a sum of
such numbers. So a question about any sets of any number of servers is one about a few sums, which z3 settles for all
numbers at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from itertools import chain, combinations
from typing import Final, TypeAlias

import z3

from quorate import quorum
from quorate_check.core.verdict import Verdict
from quorate_check.proofs.obligation import Obligation, ProofOutcome, ProofSubject, Sentences, Tie

Number: TypeAlias = z3.ArithRef
NOBODY: Final = z3.IntVal(0)
CHECKED_SIZES: Final = 1000
SHOWN_SERVERS: Final = 9


@dataclass(frozen=True, slots=True)
class Venn:
    """Sets by name, and the regions that they cut the servers into: each is named by the sets that it lies in.

    Whoever is in none of the sets is in the region of no name.
    """

    sets: tuple[str, ...]

    @property
    def regions(self) -> tuple[frozenset[str], ...]:
        """Every region."""
        sizes = range(len(self.sets) + 1)
        return tuple(frozenset(c) for c in chain.from_iterable(combinations(self.sets, size) for size in sizes))

    def size(self, region: frozenset[str]) -> Number:
        """How many servers are in a region."""
        return z3.Int(f"|{' & '.join(sorted(region)) or 'no set'}|")

    def count(self, inside: Collection[str], outside: Collection[str] = ()) -> Number:
        """How many servers are in all sets of `inside` and in none of `outside`; of no sets: all servers."""
        kept = (r for r in self.regions if r.issuperset(inside) and not r.intersection(outside))
        return z3.Sum(NOBODY, *map(self.size, kept))

    def sentences(self) -> Sentences:
        """No region has fewer than no servers, and there is a server."""
        least = z3.And(*(self.size(r) >= 0 for r in self.regions))
        return {"sets of servers": z3.And(least, self.count(()) >= 1)}

    def picture(self, model: z3.ModelRef) -> str:
        """Return the members of each set in a counterexample."""
        names: dict[str, list[str]] = {name: [] for name in self.sets}
        number = 0
        for region in self.regions:
            for _ in range(model.eval(self.size(region), model_completion=True).as_long()):
                number += 1
                for name in region:
                    names[name].append(f"s{number}")
        sets = "; ".join(f"{name} = {{{', '.join(names[name])}}}" for name in self.sets)
        return f"{number} server{'' if number == 1 else 's'}: {sets}"


def majority(n: Number) -> Number:
    """More than half of n."""
    return n / 2 + 1


def faults(n: Number) -> Number:
    """The f of n >= 3f + 1."""
    return (n - 1) / 3


def byzantine(n: Number) -> Number:
    """The size of a quorum of which any two share more than f servers."""
    return (n + faults(n)) / 2 + 1


TWO: Final = Venn(("A", "B"))
TRAITORS: Final = Venn(("A", "B", "traitors"))
CONFIGURED: Final = Venn(("old", "new", "A", "B"))
EVERYBODY, OLD, NEW = TWO.count(()), CONFIGURED.count({"old"}), CONFIGURED.count({"new"})
MEMBERS: Final = TRAITORS.count(())
N, F = z3.Ints("n f")


def prove(name: str, claim: str, venn: Venn, given: dict[str, z3.BoolRef], claimed: z3.BoolRef) -> Obligation:
    """Return the obligation that `given` implies `claimed`, for any sets of any size."""

    def sentences() -> Sentences:
        return {**venn.sentences(), **given, "the claim is false": z3.Not(claimed)}

    return Obligation(name, "any number of servers", claim, sentences, counterexample=venn.picture)


def control(name: str, claim: str, venn: Venn, given: dict[str, z3.BoolRef], claimed: z3.BoolRef) -> Obligation:
    """Return a negative control, with a counterexample small enough to print."""
    few = {"few enough to show": venn.count(()) <= SHOWN_SERVERS}
    return replace(prove(name, claim, venn, given | few, claimed), group="controls", expected=Verdict.VIOLATED)


def both(size: Number, venn: Venn = TWO) -> dict[str, z3.BoolRef]:
    """A and B have so many servers each."""
    return {f"{name} is a quorum": venn.count({name}) >= size for name in ("A", "B")}


def of(part: str, whole: str) -> dict[str, z3.BoolRef]:
    """One set is a majority of another, in which all of it lies."""
    inside = CONFIGURED.count({part}, {whole}) == 0
    enough = CONFIGURED.count({part}) >= majority(CONFIGURED.count({whole}))
    return {f"{part} is a majority of {whole}": z3.And(inside, enough)}


def joint(part: str) -> dict[str, z3.BoolRef]:
    """One set holds a majority of the old members and one of the new (§6)."""
    return {
        f"{part} has a majority of {whole}": CONFIGURED.count({part, whole}) >= majority(CONFIGURED.count({whole}))
        for whole in ("old", "new")
    }


def differing(added: int, removed: int) -> z3.BoolRef:
    """A change of members: the numbers that join and leave; both configurations have a member."""
    come = CONFIGURED.count({"new"}, {"old"}) == added
    leave = CONFIGURED.count({"old"}, {"new"}) == removed
    return z3.And(come, leave, OLD >= 1, NEW >= 1)


SHARED: Final = TWO.count({"A", "B"}) >= 1
HONEST: Final = TRAITORS.count({"A", "B"}, {"traitors"}) >= 1
COMMON: Final = CONFIGURED.count({"A", "B"}) >= 1
FEW_TRAITORS: Final = {"at most f traitors": TRAITORS.count({"traitors"}) <= faults(MEMBERS)}
CONFIGURATIONS: Final = {"somebody is a member": z3.And(OLD >= 1, NEW >= 1)}


def _crashes() -> tuple[Obligation, ...]:
    """Return what is proved of servers that crash, and what must fail."""
    of_each = {**of("A", "old"), **of("B", "new")}
    return (*_majorities(of_each), *_less_than_majorities(of_each))


def _majorities(of_each: dict[str, z3.BoolRef]) -> tuple[Obligation, ...]:
    adjacent = {"one server more, or one less": z3.Or(differing(1, 0), differing(0, 1))}
    smallest = 2 * (majority(N) - 1) <= N
    return (
        prove("majorities intersect", "Two majorities share a server.", TWO, both(majority(EVERYBODY)), SHARED),
        prove(
            "majority is smallest",
            "Of any number of servers, two sets one smaller than a majority needn't share one.",
            TWO,
            {"n servers": z3.And(N == EVERYBODY)},
            smallest,
        ),
        prove(
            "one server changes",
            "Majorities of configurations that differ by one server share one (dissertation §4.1).",
            CONFIGURED,
            adjacent | of_each,
            COMMON,
        ),
        prove(
            "joint majorities intersect",
            "Two joint majorities of any two configurations share a server of each (§6).",
            CONFIGURED,
            CONFIGURATIONS | joint("A") | joint("B"),
            z3.And(*(CONFIGURED.count({"A", "B", whole}) >= 1 for whole in ("old", "new"))),
        ),
        prove(
            "joint meets old and new",
            "A joint majority shares a server with every majority of the old members, and with every one of the new.",
            CONFIGURED,
            CONFIGURATIONS | joint("A") | {"B is one": z3.Or(*of("B", "old").values(), *of("B", "new").values())},
            COMMON,
        ),
    )


def _less_than_majorities(of_each: dict[str, z3.BoolRef]) -> tuple[Obligation, ...]:
    return (
        control(
            "half of them",
            "Two sets of n // 2 servers share one.",
            TWO,
            {"more than one server": EVERYBODY >= 2} | both(EVERYBODY / 2),
            SHARED,
        ),
        control(
            "two servers change",
            "Majorities of configurations that differ by two servers share one.",
            CONFIGURED,
            {"two servers more": differing(2, 0)} | of_each,
            COMMON,
        ),
    )


def _liars() -> tuple[Obligation, ...]:
    """Return what is proved of servers that lie, and what must fail."""
    return (*_certificates(), *_less_than_certificates())


def _certificates() -> tuple[Obligation, ...]:
    quorums = both(byzantine(MEMBERS), TRAITORS)
    exactly = {"n = 3f + 1": MEMBERS == 3 * F + 1, "f traitors": TRAITORS.count({"traitors"}) == F}
    return (
        prove(
            "2f + 1 of 3f + 1",
            "Two sets of 2f + 1 servers of 3f + 1, f of them traitors, share one that is honest.",
            TRAITORS,
            exactly | both(2 * F + 1, TRAITORS),
            HONEST,
        ),
        prove(
            "certificates intersect",
            "Of any n, two sets of (n + f) // 2 + 1, where f is (n - 1) // 3, share an honest server.",
            TRAITORS,
            FEW_TRAITORS | quorums,
            HONEST,
        ),
        prove(
            "the honest suffice",
            "The honest servers are enough for a quorum, whatever the traitors keep to themselves.",
            TRAITORS,
            FEW_TRAITORS,
            TRAITORS.count((), {"traitors"}) >= byzantine(MEMBERS),
        ),
        prove(
            "a quorum has honest members",
            "In every quorum more servers are honest than can be traitors.",
            TRAITORS,
            FEW_TRAITORS | quorums,
            TRAITORS.count({"A"}, {"traitors"}) > faults(MEMBERS),
        ),
        prove(
            "2f + 1 is the formula", "Of n = 3f + 1, (n + f) // 2 + 1 is 2f + 1.", TRAITORS, exactly, _is_two_thirds()
        ),
    )


def _less_than_certificates() -> tuple[Obligation, ...]:
    a_third = {"n = 3f": MEMBERS == 3 * F, "f traitors": TRAITORS.count({"traitors"}) == F, "f > 0": F > 0}
    one = {"one traitor": TRAITORS.count({"traitors"}) == 1}
    return (
        control(
            "n = 3f",
            "Of 3f servers, f of them traitors, two sets that the honest can form share an honest one.",
            TRAITORS,
            a_third | both(2 * F, TRAITORS),
            HONEST,
        ),
        control(
            "a majority with a traitor",
            "Two majorities share an honest server although one is a traitor.",
            TRAITORS,
            one | {"n > 2": MEMBERS > 2} | both(majority(MEMBERS), TRAITORS),
            HONEST,
        ),
        control(
            "five servers, one traitor",
            "More than two thirds honest is enough for majorities, too.",
            TRAITORS,
            one | {"n = 5": MEMBERS == 5} | both(majority(MEMBERS), TRAITORS),
            HONEST,
        ),
    )


def _is_two_thirds() -> z3.BoolRef:
    return z3.And(faults(MEMBERS) == F, byzantine(MEMBERS) == 2 * F + 1)


FORMULAS: Final[tuple[tuple[Callable[[int], int], Callable[[Number], Number]], ...]] = (
    (quorum.majority, majority),
    (quorum.byzantine_faults, faults),
    (quorum.byzantine_quorum, byzantine),
)


def same_as_the_code(limit: float) -> ProofOutcome:
    """Compare the proved sizes with impl/quorate/quorum.py, for every n up to 1,000."""
    began, busy = time.perf_counter(), time.process_time()
    for n in range(1, CHECKED_SIZES + 1):
        if (wrong := _differs(n)) is not None:
            return ProofOutcome(Verdict.VIOLATED, time.perf_counter() - began, wrong)
        if time.process_time() - busy > limit:
            return ProofOutcome(Verdict.UNKNOWN, time.perf_counter() - began, f"compared up to n = {n} only")
    return ProofOutcome(Verdict.HOLDS, time.perf_counter() - began, f"every n up to {CHECKED_SIZES:,}")


def _differs(n: int) -> str | None:
    for function, formula in FORMULAS:
        there = z3.simplify(formula(z3.IntVal(n))).as_long()
        if function(n) != there:
            return f"{function.__name__}({n}) is {function(n)}, and {there} by what is proved"
    members, enough = range(n), quorum.majority(n)
    for votes in {0, enough - 1, enough, n}:
        # Strangers vote, too, and count for nothing.
        voters = {*range(votes), *range(n, 2 * n)}
        if quorum.is_majority(voters, members) != (votes >= enough):
            return f"is_majority is wrong about {votes} of {n}"
        if quorum.is_joint_majority(voters, members, range(n + 1)) != (votes >= enough and votes + 1 > n - votes):
            return f"is_joint_majority is wrong about {votes} of {n} members, and one more"
    for size in (enough, quorum.byzantine_quorum(n)):
        held = [(7 * i) % n for i in range(n)]
        index = quorum.quorum_index(held, size)
        if sum(h >= index for h in held) < size or sum(h > index for h in held) >= size:
            return f"quorum_index is wrong: {index} isn't the largest that {size} of {n} hold"
    return None


def subject() -> ProofSubject:
    """The obligations and ties about quorums."""
    tie = Tie("the code's numbers", "The functions of impl/quorate/quorum.py are these formulas.", same_as_the_code)
    obligations = (*_crashes(), *_liars())
    quick = frozenset(o.name for o in obligations)
    return ProofSubject("quorums", "Quorums, of any number of servers", obligations, (tie,), quick)
