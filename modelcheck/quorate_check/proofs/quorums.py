"""Quorums of any size: majorities suffice against crashes, and two thirds against traitors.

A few sets divide the servers into regions, as in a Venn diagram: servers in both quorums that are no traitors, servers
in the first quorum alone, and so on. Each region has a number of servers, and a quorum is a condition on a sum of such
numbers. So a question about sets of any number of servers is one about a few sums, which z3 decides for all numbers.
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
    """Sets of servers by name, and the regions into which they divide all servers.

    A region is the set of the names of the sets that it is inside; that of the servers in no set is empty.
    """

    sets: tuple[str, ...]

    @property
    def regions(self) -> tuple[frozenset[str], ...]:
        """Every region."""
        sizes = range(len(self.sets) + 1)
        return tuple(frozenset(c) for c in chain.from_iterable(combinations(self.sets, size) for size in sizes))

    def size(self, region: frozenset[str]) -> Number:
        """Return the number of servers in a region."""
        return z3.Int(f"|{' & '.join(sorted(region)) or 'no set'}|")

    def count(self, inside: Collection[str], outside: Collection[str] = ()) -> Number:
        """Return the number of servers in all sets of `inside` and in none of `outside`; without sets, of all."""
        regions = (r for r in self.regions if r.issuperset(inside) and not r.intersection(outside))
        return z3.Sum(NOBODY, *map(self.size, regions))

    def sentences(self) -> Sentences:
        """Return the sentence that no region has a negative number of servers, and that there is a server."""
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
TWO_CHANGES: Final = Venn(("old", "one", "other", "A", "B"))
EVERYBODY, OLD, NEW = TWO.count(()), CONFIGURED.count({"old"}), CONFIGURED.count({"new"})
MEMBERS: Final = TRAITORS.count(())
N, F = z3.Ints("n f")


def prove(name: str, claim: str, venn: Venn, assumptions: dict[str, z3.BoolRef], claimed: z3.BoolRef) -> Obligation:
    """Return the obligation that `assumptions` imply `claimed`, for any sets of any size."""

    def sentences() -> Sentences:
        return {**venn.sentences(), **assumptions, "the claim is false": z3.Not(claimed)}

    return Obligation(name, "any number of servers", claim, sentences, counterexample=venn.picture)


def control(name: str, claim: str, venn: Venn, assumptions: dict[str, z3.BoolRef], claimed: z3.BoolRef) -> Obligation:
    """Return a negative control, with a counterexample small enough to print."""
    small = {"few enough to show": venn.count(()) <= SHOWN_SERVERS}
    return replace(prove(name, claim, venn, assumptions | small, claimed), group="controls", expected=Verdict.VIOLATED)


def two_quorums(size: Number, venn: Venn = TWO) -> dict[str, z3.BoolRef]:
    """Return the sentences that A and B have at least `size` servers each."""
    return {f"{name} is a quorum": venn.count({name}) >= size for name in ("A", "B")}


def majority_of(part: str, whole: str, venn: Venn = CONFIGURED) -> dict[str, z3.BoolRef]:
    """Return the sentence that the set `part` is a subset of `whole` and a majority of it."""
    inside = venn.count({part}, {whole}) == 0
    size_of_majority = venn.count({part}) >= majority(venn.count({whole}))
    return {f"{part} is a majority of {whole}": z3.And(inside, size_of_majority)}


def joint(part: str) -> dict[str, z3.BoolRef]:
    """Return the sentences that a set has a majority of the old members and one of the new (§6)."""
    return {
        f"{part} has a majority of {whole}": CONFIGURED.count({part, whole}) >= majority(CONFIGURED.count({whole}))
        for whole in ("old", "new")
    }


def configuration_change(added: int, removed: int) -> z3.BoolRef:
    """Return the sentence that `added` members join and `removed` leave, and that no configuration is empty."""
    joined = CONFIGURED.count({"new"}, {"old"}) == added
    removed_count = CONFIGURED.count({"old"}, {"new"}) == removed
    return z3.And(joined, removed_count, OLD >= 1, NEW >= 1)


SHARED: Final = TWO.count({"A", "B"}) >= 1
HONEST: Final = TRAITORS.count({"A", "B"}, {"traitors"}) >= 1
COMMON: Final = CONFIGURED.count({"A", "B"}) >= 1
FEW_TRAITORS: Final = {"at most f traitors": TRAITORS.count({"traitors"}) <= faults(MEMBERS)}
CONFIGURATIONS: Final = {"somebody is a member": z3.And(OLD >= 1, NEW >= 1)}


def _crashes() -> tuple[Obligation, ...]:
    """Return the proofs and controls about servers that crash."""
    majority_of_each = {**majority_of("A", "old"), **majority_of("B", "new")}
    return (*_majorities(majority_of_each), *_less_than_majorities(majority_of_each))


def _majorities(majority_of_each: dict[str, z3.BoolRef]) -> tuple[Obligation, ...]:
    adjacent = {"one server more, or one less": z3.Or(configuration_change(1, 0), configuration_change(0, 1))}
    smallest = 2 * (majority(N) - 1) <= N
    return (
        prove("majorities intersect", "Two majorities share a server.", TWO, two_quorums(majority(EVERYBODY)), SHARED),
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
            adjacent | majority_of_each,
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
            CONFIGURATIONS
            | joint("A")
            | {"B is one": z3.Or(*majority_of("B", "old").values(), *majority_of("B", "new").values())},
            COMMON,
        ),
    )


def _less_than_majorities(majority_of_each: dict[str, z3.BoolRef]) -> tuple[Obligation, ...]:
    return (
        control(
            "half of them",
            "Two sets of n // 2 servers share one.",
            TWO,
            {"more than one server": EVERYBODY >= 2} | two_quorums(EVERYBODY / 2),
            SHARED,
        ),
        control(
            "two servers change",
            "Majorities of configurations that differ by two servers share one.",
            CONFIGURED,
            {"two servers more": configuration_change(2, 0)} | majority_of_each,
            COMMON,
        ),
        control(
            "two leaders change one server each",
            "Majorities of two configurations, each one server away from the same one, share one (erratum of 2015).",
            TWO_CHANGES,
            {f"{new} lacks one server of old": _lacks_one(new) for new in ("one", "other")}
            | majority_of("A", "one", TWO_CHANGES)
            | majority_of("B", "other", TWO_CHANGES),
            TWO_CHANGES.count({"A", "B"}) >= 1,
        ),
    )


def _lacks_one(new: str) -> z3.BoolRef:
    removed, added = TWO_CHANGES.count({"old"}, {new}), TWO_CHANGES.count({new}, {"old"})
    return z3.And(removed == 1, added == 0, TWO_CHANGES.count({new}) >= 1)


def _liars() -> tuple[Obligation, ...]:
    """Return the proofs and controls about traitors."""
    return (*_certificates(), *_less_than_certificates())


def _certificates() -> tuple[Obligation, ...]:
    quorums = two_quorums(byzantine(MEMBERS), TRAITORS)
    exactly = {"n = 3f + 1": MEMBERS == 3 * F + 1, "f traitors": TRAITORS.count({"traitors"}) == F}
    return (
        prove(
            "2f + 1 of 3f + 1",
            "Two sets of 2f + 1 servers of 3f + 1, f of them traitors, share one that is honest.",
            TRAITORS,
            exactly | two_quorums(2 * F + 1, TRAITORS),
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
    one_traitor = {"one traitor": TRAITORS.count({"traitors"}) == 1}
    return (
        control(
            "n = 3f",
            "Of 3f servers, f of them traitors, two sets that the honest can form share an honest one.",
            TRAITORS,
            a_third | two_quorums(2 * F, TRAITORS),
            HONEST,
        ),
        control(
            "a majority with a traitor",
            "Two majorities share an honest server although one is a traitor.",
            TRAITORS,
            one_traitor | {"n > 2": MEMBERS > 2} | two_quorums(majority(MEMBERS), TRAITORS),
            HONEST,
        ),
        control(
            "five servers, one traitor",
            "More than two thirds honest is enough for majorities, too.",
            TRAITORS,
            one_traitor | {"n = 5": MEMBERS == 5} | two_quorums(majority(MEMBERS), TRAITORS),
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
    start, cpu_start = time.perf_counter(), time.process_time()
    for n in range(1, CHECKED_SIZES + 1):
        if (difference := _difference(n)) is not None:
            return ProofOutcome(Verdict.VIOLATED, time.perf_counter() - start, difference)
        if time.process_time() - cpu_start > limit:
            return ProofOutcome(Verdict.UNKNOWN, time.perf_counter() - start, f"compared up to n = {n} only")
    return ProofOutcome(Verdict.HOLDS, time.perf_counter() - start, f"every n up to {CHECKED_SIZES:,}")


def _difference(n: int) -> str | None:
    for function, formula in FORMULAS:
        proved = z3.simplify(formula(z3.IntVal(n))).as_long()
        if function(n) != proved:
            return f"{function.__name__}({n}) is {function(n)}, and {proved} by what is proved"
    members, size_of_majority = range(n), quorum.majority(n)
    for votes in {0, size_of_majority - 1, size_of_majority, n}:
        # The votes of strangers must not count.
        voters = {*range(votes), *range(n, 2 * n)}
        if quorum.is_majority(voters, members) != (votes >= size_of_majority):
            return f"is_majority is wrong about {votes} of {n}"
        if quorum.is_joint_majority(voters, members, range(n + 1)) != (
            votes >= size_of_majority and votes + 1 > n - votes
        ):
            return f"is_joint_majority is wrong about {votes} of {n} members, and one more"
    for size in (size_of_majority, quorum.byzantine_quorum(n)):
        match_index = [(7 * i) % n for i in range(n)]
        index = quorum.quorum_index(match_index, size)
        if sum(h >= index for h in match_index) < size or sum(h > index for h in match_index) >= size:
            return f"quorum_index is wrong: {index} isn't the largest that {size} of {n} hold"
    return None


def subject() -> ProofSubject:
    """Return the obligations and ties about quorums."""
    tie = Tie("the code's numbers", "The functions of impl/quorate/quorum.py are these formulas.", same_as_the_code)
    obligations = (*_crashes(), *_liars())
    quick = frozenset(o.name for o in obligations)
    return ProofSubject("quorums", "Quorums, of any number of servers", obligations, (tie,), quick)
