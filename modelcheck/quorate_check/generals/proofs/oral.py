"""A search by z3 for words of traitors by which OM(m) breaks a promise: z3 finds some, or there are none.

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

from quorate_check.generals.projection import Case, Statement, Words, heard, reads
from quorate_check.generals.rounds import TooLargeError
from quorate_check.generals.watch import NOBODY, Watch, WorkProgress

PATIENCE_MS = 1000  # until the first look at whether to go on; z3 then begins again, with twice as long
MOST_MAJORITIES = 200_000  # in all questions: a minute or two


@dataclass(slots=True)
class Solved:
    """The number of questions that z3 answered, the number in which a promise breaks, and an example of each."""

    questions: int = 0
    ic1_violations: int = 0
    ic2_violations: int = 0
    ic1_example: tuple[Case, dict[Statement, bool]] | None = None
    ic2_example: tuple[Case, dict[Statement, bool]] | None = None
    stopped: str | None = None


def sets_of_traitors(n: int, f: int, m: int) -> Iterator[Case]:
    """Yield every set of `f` traitors, under either order of a loyal commander, with all loyal lieutenants' views."""
    for traitors in combinations(range(n), f):
        views = tuple(i for i in range(1, n) if i not in traitors)
        for order in (None,) if 0 in traitors else (True, False):
            yield Case(n, m, frozenset(traitors), order, views)


def solve(n: int, f: int, m: int, watch: Watch = NOBODY) -> Solved:
    """Examine every set of traitors, as far as `watch` leaves time; TooLargeError, with an estimate, if too many."""
    questions = 2 * comb(n - 1, f) + comb(n - 1, f - 1)
    majorities = (n - f) * sum(prod(range(n - 2, n - 2 - k, -1)) for k in range(m))
    if questions * majorities > MOST_MAJORITIES:
        raise TooLargeError(f"z3 would need {questions:,} questions of {majorities:,} majorities each")
    z3 = importlib.import_module("z3")
    found = Solved()
    cases = list(sets_of_traitors(n, f, m))
    for done, case in enumerate(cases):
        watch.report(WorkProgress(done, len(cases), "sets of traitors and orders", found.questions))
        lie = _lie(z3, case, watch)
        if isinstance(lie, str):
            found.stopped = lie
            break
        found.questions += 1
        if lie is None:
            continue
        if case.order is None:
            found.ic1_violations += 1
            found.ic1_example = found.ic1_example or lie
        else:
            found.ic2_violations += 1
            found.ic2_example = found.ic2_example or lie
    return found


def _lie(z3: Any, case: Case, watch: Watch) -> tuple[Case, dict[Statement, bool]] | str | None:  # noqa: ANN401 - untyped
    """Return traitors' words that break the promise of `case` for some of its views, or why there was no time."""
    variables = {word: z3.Bool(f"{word}") for word in reads(case)}
    words = Words(variables, z3.BoolVal, lambda values: z3.AtLeast(*values, len(values) // 2 + 1))
    decisions = {view: heard(case, view, words) for view in case.views}
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
