"""The examination of an instance of the generals, by the method that suits its size."""

from __future__ import annotations

import time
from math import comb
from typing import TYPE_CHECKING

from quorate.generals import COMMANDER, Protocol, Rules
from quorate_check.api.extras import MISSING, has_z3
from quorate_check.core import reference
from quorate_check.generals.bracha import MOST_LOYAL, scenes, story_of_path, system
from quorate_check.generals.projection import Projection, project
from quorate_check.generals.result import BrokenRun, Examination, Method
from quorate_check.generals.rounds import TooLargeError
from quorate_check.generals.story import story
from quorate_check.generals.subject import IC1, IC2, Instance, enumerate_runs, is_oral, replay
from quorate_check.generals.watch import NO_WATCH, Watch, WorkProgress

if TYPE_CHECKING:
    from quorate_check.generals.proofs.oral import Z3Search

MOST_WORDS = 10_000  # of traitors in OM
MOST_ENUMERATED = 10**6  # with more runs, OM is examined by view projection


def examine(instance: Instance, watch: Watch = NO_WATCH, method: Method | None = None) -> Examination:
    """Examine an instance, as far as `watch` allows, by `method`; None chooses the simplest that is able to.

    View projection and z3 are for OM with reliable messengers. Raises TooLargeError, with an estimate, if no method is
    able to.
    """
    start = time.perf_counter()
    if instance.rules.protocol is Protocol.BRACHA:
        return _exploration(instance, start, watch)
    if method in {None, Method.ENUMERATION} and not _needs_projection(instance, method):
        return _enumeration(instance, start, watch)
    if method is Method.Z3:
        return _z3_search(instance, start, watch)
    try:
        return _projection(instance, start, watch)
    except TooLargeError as error:
        if method is Method.VIEW_PROJECTION:
            raise
        if not has_z3():
            raise TooLargeError(f"{error}; z3 might do, but {MISSING.replace(':', ',')}") from error
    return _z3_search(instance, start, watch)


def _needs_projection(instance: Instance, method: Method | None) -> bool:
    """Whether an instance has too many runs to play, and view projection can examine it instead."""
    return method is None and is_oral(instance) and sum(runs_of_om(instance.rules)) > MOST_ENUMERATED


def runs_of_om(rules: Rules) -> tuple[int, int]:
    """Return the numbers of strategies of traitors in OM: under a loyal commander, and under a traitor.

    A strategy chooses the order in each statement of a traitor to a loyal lieutenant, for every path along which the
    traitor received the order. Raises TooLargeError if there are more than MOST_WORDS statements.
    """
    n, f = rules.n, rules.f
    if (words := _words(rules, f, commander=False)) > MOST_WORDS:
        raise TooLargeError(f"traitors have 2^{words:,} strategies under each order")
    loyal = 2 * comb(n - 1, f) << _words(rules, f, commander=False)
    return loyal, comb(n - 1, f - 1) << _words(rules, f - 1, commander=True) if f else 0


def _words(rules: Rules, liars: int, *, commander: bool) -> int:
    """Return the number of words from traitors to loyal lieutenants, for a number of traitors among the lieutenants."""
    lieutenants = rules.n - 1
    listeners = lieutenants - liars
    words = listeners if commander else 0
    between = 1  # ways to choose, in order, those between the commander and the traitor
    for length in range(2, rules.m + 2):
        words += liars * listeners * between
        between *= lieutenants - length
    return words


def _enumeration(instance: Instance, start: float, watch: Watch) -> Examination:
    result = enumerate_runs(instance, watch)
    return _examination(
        instance,
        start,
        Method.ENUMERATION,
        runs=(result.loyal_commander.runs, result.traitor_commander.runs),
        violations=(result.violations(IC1), result.violations(IC2)),
        stories=tuple(story(example) for example in result.examples),
        stopped=result.stopped,
    )


def _projection(instance: Instance, start: float, watch: Watch) -> Examination:
    result = project(instance.rules.n, instance.rules.f, instance.rules.m, watch)
    return _strategy_examination(
        instance, start, Method.VIEW_PROJECTION, result, result.evaluations_ic1 + result.evaluations_ic2
    )


def _z3_search(instance: Instance, start: float, watch: Watch) -> Examination:
    from quorate_check.generals.proofs import oral  # noqa: PLC0415 - z3 is an extra

    result = oral.solve(instance.rules.n, instance.rules.f, instance.rules.m, watch)
    return _strategy_examination(instance, start, Method.Z3, result, result.questions)


def _strategy_examination(
    instance: Instance, start: float, method: Method, result: Projection | Z3Search, evaluations: int
) -> Examination:
    """Return the examination of OM by view projection or z3, with an example of each violation replayed on the code."""
    examples = ((IC1, result.ic1_example), (IC2, result.ic2_example))
    runs = [replay(instance, *example, name) for name, example in examples if example is not None]
    return _examination(
        instance,
        start,
        method,
        runs=runs_of_om(instance.rules),
        violations=(result.ic1_violations, result.ic2_violations),
        stories=tuple(map(story, runs)),
        evaluations=evaluations,
        stopped=result.stopped,
    )


def _exploration(instance: Instance, start: float, watch: Watch) -> Examination:
    """Explore Bracha's broadcast in every kind of setup, each up to a first violation."""
    rules = instance.rules
    if (loyal := rules.n - rules.f) > MOST_LOYAL:
        raise TooLargeError(f"{loyal} loyal generals have up to 14^{loyal} states; {MOST_LOYAL} can be explored")
    states = [0, 0]
    violations = dict.fromkeys((IC1, IC2), 0)
    stories: dict[str, BrokenRun] = {}
    stopped, all_scenes = None, scenes(rules, loss=instance.loss)
    for done, scene in enumerate(all_scenes):
        watch.report(WorkProgress(done, len(all_scenes), "setups", sum(states)))
        explored = system(scene)
        result = reference.explore(explored, stop=watch.stop)
        states[COMMANDER in scene.traitors] += result.states
        if result.path is not None:
            violations[result.path.broken] += 1
            stories.setdefault(result.path.broken, story_of_path(scene, explored, result.path))
        if (stopped := result.stopped) is not None:
            break
    return _examination(
        instance,
        start,
        Method.EXPLORATION,
        runs=(states[False], states[True]),
        violations=(violations[IC1], violations[IC2]),
        stories=tuple(stories[name] for name in sorted(stories)),
        stopped=stopped,
    )


def _examination(
    instance: Instance,
    start: float,
    method: Method,
    *,
    runs: tuple[int, int],
    violations: tuple[int, int],
    stories: tuple[BrokenRun, ...],
    evaluations: int | None = None,
    stopped: str | None = None,
) -> Examination:
    rules = instance.rules
    faults = {"lossy messengers": instance.loss, "forging messengers": instance.forge, "agreed inputs": instance.agreed}
    return Examination(
        protocol=rules.protocol.value,
        n=rules.n,
        traitors=rules.f,
        rounds=_rounds(rules),
        faults=tuple(name for name, present in faults.items() if present),
        method=method,
        runs_loyal_commander=runs[0],
        runs_traitor_commander=runs[1] if instance.has_commander else None,
        evaluations=evaluations,
        ic1_violations=violations[0],
        ic2_violations=violations[1],
        stories=stories,
        stopped=stopped,
        seconds=time.perf_counter() - start,
    )


def _rounds(rules: Rules) -> int | None:
    """Return the number of rounds of this protocol, None for Bracha's."""
    match rules.protocol:
        case Protocol.BRACHA:
            return None
        case Protocol.VOTE:
            return 1
        case _:
            return rules.m
