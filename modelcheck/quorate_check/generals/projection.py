"""OM(m) by view projection: IC2 is about one lieutenant, IC1 about two, and few statements of traitors reach them.

Only statements that a view reads are varied, all at once: a value that depends on k choices of the traitors is the
table of its 2^k results, stored as the bits of one integer, so that one operation on integers evaluates every choice.
The formula is that of the paper (Lamport, Shostak, Pease 1982, §3), written a second time to be independent of the code
that runs; a violation is replayed on that code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Generic, TypeVar

from quorate_check.generals.rounds import TooLargeError
from quorate_check.generals.watch import NO_WATCH, Watch, WorkProgress

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
class Projection:
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
    for liars in combinations(range(1, n), f):
        for view in sorted(set(range(1, n)) - set(liars)):
            for order in (True, False):
                yield Case(n, m, frozenset(liars), order, (view,))


def cases_ic1(n: int, f: int, m: int) -> Iterator[Case]:
    """Yield every pair of loyal lieutenants of every set of `f` traitors that includes the commander."""
    for liars in combinations(range(1, n), f - 1):
        for views in combinations(sorted(set(range(1, n)) - set(liars)), 2):
            yield Case(n, m, frozenset({0, *liars}), None, views)


def project(n: int, f: int, m: int, watch: Watch = NO_WATCH) -> Projection:
    """Examine all cases of OM(m) with `n` generals and `f` >= 1 traitors, or as many as `watch` allows.

    Raises TooLargeError if a case has more than MOST_BITS choices or all have more than MOST_EVALUATIONS evaluations.
    """
    ic2_cases, ic1_cases = list(cases_ic2(n, f, m)), list(cases_ic1(n, f, m))
    expected = 0
    for cases in (ic2_cases, ic1_cases):
        if cases:  # all cases of a kind read as many choices
            bits = len(reads(cases[0]))
            expected += len(cases) << bits
            if bits > MOST_BITS or expected > MOST_EVALUATIONS:
                raise TooLargeError(f"view projection takes {len(cases):,} cases of 2^{bits} choices")
    number = len(ic2_cases) + len(ic1_cases)
    ic2 = _examine(ic2_cases, 0, number, watch)
    ic1 = _Counts() if ic2.stopped else _examine(ic1_cases, len(ic2_cases), number, watch)
    return Projection(
        ic2.evaluations, ic1.evaluations, ic2.violations, ic1.violations, ic2.example, ic1.example,
        ic2.stopped or ic1.stopped,
    )  # fmt: skip


@dataclass(slots=True)
class _Counts:
    evaluations: int = 0
    violations: int = 0
    example: tuple[Case, dict[Statement, bool]] | None = None
    stopped: str | None = None


def _examine(cases: list[Case], done: int, number: int, watch: Watch) -> _Counts:
    counts = _Counts()
    for position, case in enumerate(cases, start=done):
        watch.report(WorkProgress(position, number, "cases", counts.evaluations))
        if (reason := watch.stop()) is not None:
            counts.stopped = reason
            break
        statements = reads(case)
        violations = _violation_table(case, statements)
        counts.evaluations += 1 << len(statements)
        counts.violations += violations.bit_count()
        if violations and counts.example is None:
            choice = (violations & -violations).bit_length() - 1
            counts.example = (case, {word: bool(choice >> k & 1) for k, word in enumerate(statements)})
    return counts


def _violation_table(case: Case, statements: list[Statement]) -> int:
    """Return the table of the choices that break the promise of `case`: bit c is 1 if choice c does."""
    every = (1 << (1 << len(statements))) - 1
    tables = {word: variable(k, len(statements)) for k, word in enumerate(statements)}
    words = Words(tables, lambda attack: every if attack else 0, lambda values: majority(values, every))
    decisions = [decision(case, view, words) for view in case.views]
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


def decision(case: Case, view: int, words: Words[V]) -> V:
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
    """Return the table of the choices for which more than half of `tables` are 1; `every` is the table of all 1s."""
    threshold = len(tables) // 2 + 1
    tables_so_far = [every, *([0] * threshold)]  # at_least[j]: j or more of those so far
    for table in tables:
        for j in range(threshold, 0, -1):
            tables_so_far[j] |= tables_so_far[j - 1] & table
    return tables_so_far[threshold]
