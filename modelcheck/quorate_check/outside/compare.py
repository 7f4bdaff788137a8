"""The comparison within the same bounds: the Python text on our engine, the TLA+ text on an outside checker.

TLC's depth is compared exactly only if it ran with one worker: with more it may reach a state by a longer path first.

On a network of any number of messages our engine doesn't visit every state, and finds them in no order of depth. What
it claims is every tuple of local states. So there these are counted on both sides; and where the states of TLC are few
enough, all of them are compared with those that plain Python reaches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from quorate_check import engine
from quorate_check.core.path import GlobalState, Path
from quorate_check.core.system import System
from quorate_check.core.verdict import Exploration, Verdict
from quorate_check.engine import Limits
from quorate_check.outside import apalache, tla_checker, tlc
from quorate_check.outside.judgement import CheckerError, CheckerProgress, Judgement, NotRunError, Stop
from quorate_check.outside.model import Extra, Model
from quorate_check.outside.process import Limit
from quorate_check.outside.sets import Stray, first_stray, reachable, stray_lines, unreduced_dump
from quorate_check.outside.spec_states import path_along
from quorate_check.raft.spec import SpecBounds
from quorate_check.tell.path_text import path_as_dict

MOST_COMPARED = 30_000  # states, one by one


class Checker(Enum):
    """The outside checkers."""

    TLC = tlc.NAME
    TLA_CHECKER = tla_checker.NAME
    APALACHE = apalache.NAME

    def missing(self) -> str | None:
        """Return why the checker can't run here, in one line; None if it can."""
        try:
            {Checker.TLC: tlc.find, Checker.TLA_CHECKER: tla_checker.find, Checker.APALACHE: apalache.find}[self]()
        except NotRunError as error:
            return str(error)
        return None


@dataclass(frozen=True, slots=True)
class Terms:
    """The limits of a comparison: the checker's workers (ours is one), each side's `seconds`, a `stop`.

    `report` receives the progress; `length` is the most steps that Apalache searches.
    """

    workers: int = 1
    seconds: float | None = None
    stop: Stop = lambda: None
    report: Callable[[Any], None] = lambda _: None
    length: int = apalache.DEFAULT_LENGTH


@dataclass(frozen=True, slots=True)
class Agreement:
    """The results of both sides within `bounds`, and their differences.

    `exploration` is our search of the Python text, `judgement` the checker's of the TLA+ text. `judgement` is None if
    the checker wasn't run, because our side ended early, or if it failed; then `differences` say so. `path` leads to a
    violation, as a path of the Python text whichever side found it. `stray` is a state that only one side reaches.
    `tuples` are the tuples of local states that the checker reached, None if they weren't counted.
    """

    bounds: SpecBounds
    checker: Checker
    system: System
    exploration: Exploration
    judgement: Judgement | None = None
    sets_compared: bool = False
    differences: tuple[str, ...] = ()
    stray: Stray | None = None
    path: Path | None = None
    tuples: int | None = None

    @property
    def stopped(self) -> str | None:
        """The reason why a side ended early, None if neither did."""
        return self.exploration.stopped or (self.judgement.stopped if self.judgement is not None else None)

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if they differ or a promise is broken, UNKNOWN if one ended early, else HOLDS."""
        if self.differences or self.path is not None:
            return Verdict.VIOLATED
        return Verdict.UNKNOWN if self.stopped is not None else Verdict.HOLDS

    @property
    def conclusion(self) -> str:
        """The verdict in one line."""
        if self.differences:
            return f"different: {'; '.join(self.differences)}"
        if self.path is not None:
            return f"violated here and there: {self.path.broken} after {len(self.path.steps)} steps"
        if self.stopped is not None:
            return f"unknown: {self.stopped}"
        return self.exploration.cut_off.after("the same")

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        judgement = self.judgement
        return {
            "bounds": self.bounds.as_dict(),
            "checker": self.checker.value,
            "verdict": self.verdict.value,
            "conclusion": self.conclusion,
            "differences": list(self.differences),
            "sets_compared": self.sets_compared,
            "here": {
                "verdict": verdict_here(self.exploration).value,
                "states": self.exploration.states,
                "depth": self.exploration.depth,
                "transitions": self.exploration.transitions,
                "seconds": self.exploration.seconds,
                "tuples": self.exploration.tuples if self.bounds.any_network else None,
            },
            "there": None
            if judgement is None
            else {
                "verdict": judgement.verdict.value,
                "states": judgement.states,
                "depth": judgement.depth,
                "transitions": judgement.transitions,
                "seconds": judgement.seconds,
                "tuples": self.tuples,
                "searched": judgement.searched,
                "broken": judgement.broken,
            },
            "alone": None if self.stray is None else "\n".join(stray_lines(self.system, self.stray)),
            "path": None if self.path is None else path_as_dict(self.system, self.path),
        }


def verdict_here(exploration: Exploration) -> Verdict:
    """Return our verdict on the invariants alone: an outside checker has no witnesses to miss."""
    if exploration.path is not None:
        return Verdict.VIOLATED
    return Verdict.UNKNOWN if exploration.stopped is not None else Verdict.HOLDS


@dataclass(slots=True)
class _Comparison:
    """A comparison in progress."""

    bounds: SpecBounds
    checker: Checker
    model: Model
    system: System
    terms: Terms
    differences: list[str] = field(default_factory=list)

    def run(self) -> Agreement:
        exploration = self._exploration()
        if exploration.stopped is not None:
            return Agreement(self.bounds, self.checker, self.system, exploration)
        if self.checker is Checker.TLA_CHECKER and exploration.states > tla_checker.MOST_STATES:
            raise NotRunError(
                f"{exploration.states:,} states are too many for tla-checker, {tla_checker.MOST_STATES:,} aren't"
            )
        unreduced = exploration.states if exploration.orbit_sum is None else exploration.orbit_sum
        few = self.bounds.any_network or unreduced <= MOST_COMPARED
        sets = self.checker is Checker.TLC and exploration.path is None and few
        try:
            judgement = self._judgement(sets)
        except CheckerError as error:
            return Agreement(self.bounds, self.checker, self.system, exploration, differences=(str(error),))
        if sets and self.bounds.any_network and judgement.verdict is Verdict.HOLDS and judgement.dump is None:
            reason = f"TLC reached {judgement.states:,} states, and at most {tlc.MOST_DUMPED:,} are compared"
            judgement = replace(judgement, verdict=Verdict.UNKNOWN, stopped=reason)
        if judgement.stopped is None:
            self.differences += differences(self.bounds, exploration, judgement)
        path = self._path(exploration, judgement)
        agreement = Agreement(self.bounds, self.checker, self.system, exploration, judgement, path=path)
        if judgement.dump is not None:
            agreement = self._with_sets(agreement, unreduced_dump(self.system, judgement.dump))
        return replace(agreement, differences=tuple(self.differences))

    def _with_sets(self, agreement: Agreement, dump: dict[GlobalState, int]) -> Agreement:
        """Return `agreement` after a comparison with all states that the checker reached."""
        if self.bounds.any_network:
            here, there = agreement.exploration.tuples, len({state.nodes for state in dump})
            if here != there:
                self.differences.append(f"{here:,} tuples of local states here, {there:,} there")
            agreement = replace(agreement, tuples=there)
            if len(dump) > MOST_COMPARED:
                return agreement
        stray = first_stray(reachable(self.system), dump)
        if stray is not None:
            self.differences.append("a state that only one side reaches")
        return replace(agreement, sets_compared=True, stray=stray)

    def _exploration(self) -> Exploration:
        start = time.monotonic()

        def stop() -> str | None:
            late = self.terms.seconds is not None and time.monotonic() - start > self.terms.seconds
            return self.terms.stop() or (f"the time limit of {self.terms.seconds:g} s is over" if late else None)

        return engine.explore(self.system, Limits(), stop=stop, report=self.terms.report)

    def _judgement(self, sets: bool) -> Judgement:  # noqa: FBT001 - whether they are compared
        start, latest = time.perf_counter(), CheckerProgress()

        def report(progress: CheckerProgress) -> None:
            nonlocal latest
            latest = progress
            self.terms.report(replace(progress, seconds=time.perf_counter() - start))

        def stop() -> str | None:
            report(latest)  # a checker may be silent for a minute; time goes on
            return self.terms.stop()

        limit = Limit(self.terms.seconds, stop)
        match self.checker:
            case Checker.TLC:
                workers = 1 if sets else self.terms.workers  # one worker finds states in the order of their depths
                return tlc.check(self.model, self.system, tlc.find(), limit, report=report, workers=workers, dump=sets)
            case Checker.TLA_CHECKER:
                return tla_checker.check(self.model, self.system, tla_checker.find(), limit)
            case Checker.APALACHE:
                return apalache.check(self.model, apalache.find(), limit, self.terms.length)

    def _path(self, exploration: Exploration, judgement: Judgement) -> Path | None:
        """Return the checker's path to a violation, replayed on the Python text, or else ours."""
        if judgement.trace and judgement.broken is not None:
            try:
                return path_along(self.system, judgement.trace, judgement.broken)
            except CheckerError as error:
                self.differences.append(str(error))
        return exploration.path


def agree(
    bounds: SpecBounds,
    checker: Checker | str = Checker.TLC,
    terms: Terms | None = None,
    *,
    extra: Extra | None = None,
    system: System | None = None,
) -> Agreement:
    """Search `bounds` on our engine and with `checker`, and compare.

    `extra` is one more invariant of the TLA+ text; `system` is searched here instead of the system of `bounds`. Raises
    NotRunError if the checker isn't installed, or the bounds are too large for it, or of a network that it doesn't
    search. With tla-checker or Apalache neither side reduces by symmetry.
    """
    checker = Checker(checker)
    if checker is not Checker.TLC:
        bounds = replace(bounds, symmetry=False)
    if bounds.any_network and checker is not Checker.TLC:
        raise NotRunError("any number of messages is compared with TLC alone, which prints the states that it reached")
    if (missing := checker.missing()) is not None:
        raise NotRunError(missing.removeprefix("not run: "))
    return _Comparison(bounds, checker, Model(bounds, extra), system or bounds.system(), terms or Terms()).run()


def differences(bounds: SpecBounds, exploration: Exploration, judgement: Judgement) -> Iterator[str]:
    """Yield the differences of two finished searches, in the figures that both report."""
    verdict = verdict_here(exploration)
    if (
        judgement.searched is not None
        and exploration.path is not None
        and len(exploration.path.steps) > judgement.searched
    ):
        verdict = Verdict.HOLDS  # as far as the checker looked
    if verdict is not judgement.verdict:
        yield f"{verdict.value} here, {judgement.verdict.value} there"
    elif judgement.verdict is Verdict.VIOLATED:
        # A breadth-first search finds a shortest path first; which of several promises it breaks isn't determined.
        steps = None if exploration.path is None or bounds.any_network else len(exploration.path.steps)
        if steps is not None and judgement.trace and steps != len(judgement.trace) - 1:
            yield f"violated after {steps} steps here, {len(judgement.trace) - 1} there"
    elif not bounds.any_network:
        yield from _counts(bounds, exploration, judgement)


def _counts(bounds: SpecBounds, exploration: Exploration, judgement: Judgement) -> Iterator[str]:
    if judgement.states is not None and judgement.states != exploration.states:
        yield f"{exploration.states:,} distinct states here, {judgement.states:,} there"
    if judgement.depth is not None:
        exact = judgement.depth_is_exact
        if judgement.depth < exploration.depth or (exact and judgement.depth != exploration.depth):
            yield f"depth {exploration.depth} here, {judgement.depth} there"
    # Here, receiving a message that stays in flight is a transition of its own; TLC counts it differently.
    if judgement.transitions not in {None, exploration.transitions} and not bounds.duplicates:
        yield f"{exploration.transitions:,} transitions here, {judgement.transitions:,} there"
