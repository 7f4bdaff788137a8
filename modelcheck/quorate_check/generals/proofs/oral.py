"""A search by z3 for statements of traitors that make OM(m) break a promise; if z3 finds none, there are none.

The formula is that of view projection, but for all lieutenants of a set of traitors at once, and z3 searches where view
projection tries every choice. So it goes further, and counts sets of traitors that break a promise, not their choices.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb, prod
from typing import Any

from quorate_check.generals.projection import Case, Statement, Words, decision, reads
from quorate_check.generals.rounds import TooLargeError
from quorate_check.generals.watch import NO_WATCH, Watch, WorkProgress

PATIENCE_MS = 1000  # z3's first time limit; it is doubled at each attempt, between which `watch` may end the search
MOST_MAJORITIES = 200_000  # in all questions together: one or two minutes


@dataclass(slots=True)
class Z3Search:
    """The number of questions that z3 answered, the number in which a promise breaks, and an example of each."""

    questions: int = 0
    ic1_violations: int = 0
    ic2_violations: int = 0
    ic1_example: tuple[Case, dict[Statement, bool]] | None = None
    ic2_example: tuple[Case, dict[Statement, bool]] | None = None
    stopped: str | None = None


def traitor_sets(n: int, f: int, m: int) -> Iterator[Case]:
    """Yield every set of `f` traitors, under either order of a loyal commander, with all loyal lieutenants' views."""
    for traitors in combinations(range(n), f):
        views = tuple(i for i in range(1, n) if i not in traitors)
        for order in (None,) if 0 in traitors else (True, False):
            yield Case(n, m, frozenset(traitors), order, views)


def solve(n: int, f: int, m: int, watch: Watch = NO_WATCH) -> Z3Search:
    """Examine every set of traitors, as far as `watch` allows; raise TooLargeError if there are too many majorities."""
    questions = 2 * comb(n - 1, f) + comb(n - 1, f - 1)
    majorities = (n - f) * sum(prod(range(n - 2, n - 2 - k, -1)) for k in range(m))
    if questions * majorities > MOST_MAJORITIES:
        raise TooLargeError(f"z3 would need {questions:,} questions of {majorities:,} majorities each")
    z3 = importlib.import_module("z3")
    search = Z3Search()
    cases = list(traitor_sets(n, f, m))
    for done, case in enumerate(cases):
        watch.report(WorkProgress(done, len(cases), "sets of traitors and orders", search.questions))
        violation = _violation(z3, case, watch)
        if isinstance(violation, str):
            search.stopped = violation
            break
        search.questions += 1
        if violation is None:
            continue
        if case.order is None:
            search.ic1_violations += 1
            search.ic1_example = search.ic1_example or violation
        else:
            search.ic2_violations += 1
            search.ic2_example = search.ic2_example or violation
    return search


def _violation(z3: Any, case: Case, watch: Watch) -> tuple[Case, dict[Statement, bool]] | str | None:  # noqa: ANN401 - untyped
    """Return statements of traitors that break the promise of `case` for some of its views, or why the search ended."""
    variables = {word: z3.Bool(f"{word}") for word in reads(case)}
    words = Words(variables, z3.BoolVal, lambda values: z3.AtLeast(*values, len(values) // 2 + 1))
    decisions = {view: decision(case, view, words) for view in case.views}
    wrong: list[tuple[tuple[int, ...], Any]]
    if case.order is None:
        wrong = [(pair, z3.Xor(decisions[pair[0]], decisions[pair[1]])) for pair in combinations(case.views, 2)]
    else:
        wrong = [((view,), decision != z3.BoolVal(case.order)) for view, decision in decisions.items()]
    solver, patience = z3.Solver(), PATIENCE_MS
    solver.add(z3.Or([broken for _, broken in wrong]))
    solver.set("timeout", patience)
    while (answer := solver.check()) == z3.unknown:
        if (reason := watch.stop()) is not None:
            return reason
        patience *= 2
        solver.set("timeout", patience)
    if (reason := watch.stop()) is not None:
        return reason
    if answer == z3.unsat:
        return None
    model = solver.model()
    views = next(views for views, broken in wrong if z3.is_true(model.eval(broken, model_completion=True)))
    values = {word: z3.is_true(model.eval(value, model_completion=True)) for word, value in variables.items()}
    return replace(case, views=views), values
