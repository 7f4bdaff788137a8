"""OM(m) by view projection: IC2 is about one lieutenant, IC1 about two, and few statements of traitors reach them.

Only what a view reads is varied, all of it at once: a value that depends on k choices of the traitors is the table of
its 2^k results, kept as the bits of one integer, so that one operation on integers evaluates every choice. The formula
is that of the paper (Lamport, Shostak, Pease 1982, §3), written here once more and on purpose without the code that
runs; what it finds is replayed there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Generic, TypeVar

from quorate_check.generals.rounds import TooLargeError
from quorate_check.generals.watch import NOBODY, Watch, WorkProgress

MOST_BITS = 24  # a table of 2 MiB
MOST_EVALUATIONS = 1 << 33  # about a minute

V = TypeVar("V")
Path = tuple[int, ...]
Statement = tuple[Path, int]  # the last general of a path reports the order to another general


@dataclass(frozen=True, slots=True)
class Case:
    """The traitors, a loyal commander's order (None if he is a traitor), and the lieutenants compared."""

    n: int
    m: int
    traitors: frozenset[int]
    order: bool | None
    views: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Words(Generic[V]):
    """The values of a formula: of each traitor's statement, of an order, and of a majority."""

    statements: Mapping[Statement, V]
    constant: Callable[[bool], V]
    majority: Callable[[list[V]], V]


@dataclass(frozen=True, slots=True)
class Projected:
    """The result over all cases: evaluations and violations of IC1 and IC2, and an example of each.

    An example gives for each traitor's statement that a view reads whether it is ATTACK.
    """

    evaluations_ic2: int
    evaluations_ic1: int
    ic2_violations: int
    ic1_violations: int
    ic2_example: tuple[Case, dict[Statement, bool]] | None
    ic1_example: tuple[Case, dict[Statement, bool]] | None
    stopped: str | None = None


def cases_ic2(n: int, f: int, m: int) -> Iterator[Case]:
    """Yield every loyal lieutenant of every set of `f` traitors among the lieutenants, under either order."""
    for lies in combinations(range(1, n), f):
        for view in sorted(set(range(1, n)) - set(lies)):
            for order in (True, False):
                yield Case(n, m, frozenset(lies), order, (view,))


def cases_ic1(n: int, f: int, m: int) -> Iterator[Case]:
    """Yield every pair of loyal lieutenants of every set of `f` traitors, the commander among them."""
    for lies in combinations(range(1, n), f - 1):
        for views in combinations(sorted(set(range(1, n)) - set(lies)), 2):
            yield Case(n, m, frozenset({0, *lies}), None, views)


def project(n: int, f: int, m: int, watch: Watch = NOBODY) -> Projected:
    """Examine all cases of OM(m) with `n` generals and `f` traitors, at least one; TooLargeError if that takes long.

    If `watch` has a reason to end early, those of the cases that were examined, and the reason.
    """
    about_one, about_two = list(cases_ic2(n, f, m)), list(cases_ic1(n, f, m))
    expected = 0
    for cases in (about_one, about_two):
        if cases:  # all cases of a kind read as many choices
            bits = len(reads(cases[0]))
            expected += len(cases) << bits
            if bits > MOST_BITS or expected > MOST_EVALUATIONS:
                raise TooLargeError(f"view projection takes {len(cases):,} cases of 2^{bits} choices")
    number = len(about_one) + len(about_two)
    two = _examine(about_one, 0, number, watch)
    one = _Examined() if two.stopped else _examine(about_two, len(about_one), number, watch)
    return Projected(
        two.evaluations, one.evaluations, two.violations, one.violations, two.example, one.example,
        two.stopped or one.stopped,
    )  # fmt: skip


@dataclass(slots=True)
class _Examined:
    evaluations: int = 0
    violations: int = 0
    example: tuple[Case, dict[Statement, bool]] | None = None
    stopped: str | None = None


def _examine(cases: list[Case], done: int, number: int, watch: Watch) -> _Examined:
    found = _Examined()
    for position, case in enumerate(cases, start=done):
        watch.report(WorkProgress(position, number, "cases", found.evaluations))
        if (reason := watch.stop()) is not None:
            found.stopped = reason
            break
        statements = reads(case)
        wrong = _wrong(case, statements)
        found.evaluations += 1 << len(statements)
        found.violations += wrong.bit_count()
        if wrong and found.example is None:
            choice = (wrong & -wrong).bit_length() - 1
            found.example = (case, {word: bool(choice >> k & 1) for k, word in enumerate(statements)})
    return found


def _wrong(case: Case, statements: list[Statement]) -> int:
    """Return the table of the choices that break the promise of this case."""
    every = (1 << (1 << len(statements))) - 1
    tables = {word: variable(k, len(statements)) for k, word in enumerate(statements)}
    words = Words(tables, lambda attack: every if attack else 0, lambda values: majority(values, every))
    decisions = [heard(case, view, words) for view in case.views]
    if case.order is None:
        return decisions[0] ^ decisions[1]
    return decisions[0] ^ words.constant(case.order)


def reads(case: Case) -> list[Statement]:
    """Return the traitors' statements that the views of a case read, in a fixed order."""
    statements = {statement for view in case.views for statement in _leaves(case, view, (0,))}
    return sorted(statements, key=lambda statement: (len(statement[0]), statement))


def _leaves(case: Case, view: int, path: Path) -> Iterator[Statement]:
    if (statement := _origin(case, (path, view))) is not None:
        yield statement
    if len(path) <= case.m:
        for i in _others(case, view, path):
            yield from _leaves(case, view, (*path, i))


def _origin(case: Case, statement: Statement) -> Statement | None:
    """Return the traitor's statement that `statement` repeats; None if it repeats the commander's true order.

    A loyal general passes on the statement that he received.
    """
    path, _ = statement
    while path:
        if path[-1] in case.traitors:
            return statement
        statement = (path[:-1], path[-1])
        path = statement[0]
    return None


def _others(case: Case, view: int, path: Path) -> list[int]:
    return [i for i in range(case.n) if i not in path and i != view]


def heard(case: Case, view: int, words: Words[V]) -> V:
    """Return the decision of `view`, as a value of the kind of `words`."""
    return _value(case, view, (0,), words)


def _value(case: Case, view: int, path: Path, words: Words[V]) -> V:
    """Return the value that `view` gives to the statement of the last general of `path`."""
    origin = _origin(case, (path, view))
    direct = words.statements[origin] if origin is not None else words.constant(bool(case.order))
    if len(path) > case.m:
        return direct
    others = (_value(case, view, (*path, i), words) for i in _others(case, view, path))
    return words.majority([direct, *others])


@cache
def variable(k: int, bits: int) -> int:
    """Return the table of choice `k` of `bits`: result number c is its bit k."""
    period = 2 << k
    block = ((1 << (1 << k)) - 1) << (1 << k)  # 2^k zeros, then 2^k ones
    length = period
    while length < 1 << bits:
        block |= block << length
        length *= 2
    return block


def majority(tables: list[int], every: int) -> int:
    """Return the table of whether more than half of `tables` say so."""
    needed = len(tables) // 2 + 1
    at_least = [every, *([0] * needed)]  # at_least[j]: j or more of those so far
    for table in tables:
        for j in range(needed, 0, -1):
            at_least[j] |= at_least[j - 1] & table
    return at_least[needed]
