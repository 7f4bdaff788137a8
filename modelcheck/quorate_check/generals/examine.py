"""The examination of an instance of the generals, by the method that suits its size."""

from __future__ import annotations

import time
from math import comb
from typing import TYPE_CHECKING

from quorate.generals import COMMANDER, Protocol, Rules
from quorate_check.api.extras import MISSING, has_z3
from quorate_check.core import reference
from quorate_check.generals.bracha import MOST_LOYAL, scenes, story_of_path, system
from quorate_check.generals.examined import BrokenRun, Examined, Method
from quorate_check.generals.projection import Projected, project
from quorate_check.generals.rounds import TooLargeError
from quorate_check.generals.story import story
from quorate_check.generals.subject import IC1, IC2, Instance, enumerate_runs, is_oral, replay
from quorate_check.generals.watch import NOBODY, Watch, WorkProgress

if TYPE_CHECKING:
    from quorate_check.generals.proofs.oral import Solved

MOST_WORDS = 10_000  # of traitors in OM
MOST_ENUMERATED = 10**6  # runs of OM that are played, rather than projected


def examine(instance: Instance, watch: Watch = NOBODY, method: Method | None = None) -> Examined:
    """Examine an instance, as far as `watch` leaves time, by `method` or the simplest that is able to.

    TooLargeError, with an estimate, if none can. View projection and z3 are for OM with good messengers.
    """
    began = time.perf_counter()
    if instance.rules.protocol is Protocol.BRACHA:
        return _explored(instance, began, watch)
    if method in {None, Method.ENUMERATION} and not _is_for_views(instance, method):
        return _enumerated(instance, began, watch)
    if method is Method.Z3:
        return _solved(instance, began, watch)
    try:
        return _projected(instance, began, watch)
    except TooLargeError as error:
        if method is Method.VIEW_PROJECTION:
            raise
        if not has_z3():
            raise TooLargeError(f"{error}; z3 might do, but {MISSING.replace(':', ',')}") from error
    return _solved(instance, began, watch)


def _is_for_views(instance: Instance, method: Method | None) -> bool:
    """Whether an instance has too many runs to play, and view projection can examine it instead."""
    return method is None and is_oral(instance) and sum(runs_of_om(instance.rules)) > MOST_ENUMERATED


def runs_of_om(rules: Rules) -> tuple[int, int]:
    """Return how many strategies traitors have in OM: with a loyal commander, and with a traitor.

    Each word of a traitor to a loyal lieutenant is one choice, for every path along which he may have heard the order.
    TooLargeError if the number would fill the memory.
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


def _enumerated(instance: Instance, began: float, watch: Watch) -> Examined:
    found = enumerate_runs(instance, watch)
    return _examined(
        instance,
        began,
        Method.ENUMERATION,
        runs=(found.loyal_commander.runs, found.traitor_commander.runs),
        violations=(found.violations(IC1), found.violations(IC2)),
        stories=tuple(story(example) for example in found.examples),
        stopped=found.stopped,
    )


def _projected(instance: Instance, began: float, watch: Watch) -> Examined:
    found = project(instance.rules.n, instance.rules.f, instance.rules.m, watch)
    return _of_strategies(instance, began, Method.VIEW_PROJECTION, found, found.evaluations_ic1 + found.evaluations_ic2)


def _solved(instance: Instance, began: float, watch: Watch) -> Examined:
    from quorate_check.generals.proofs import oral  # noqa: PLC0415 - z3 is an extra

    found = oral.solve(instance.rules.n, instance.rules.f, instance.rules.m, watch)
    return _of_strategies(instance, began, Method.Z3, found, found.questions)


def _of_strategies(
    instance: Instance, began: float, method: Method, found: Projected | Solved, evaluations: int
) -> Examined:
    """Return what a method found that counts the strategies of traitors in OM, and replays an example of each kind."""
    examples = ((IC1, found.ic1_example), (IC2, found.ic2_example))
    replayed = [replay(instance, *example, name) for name, example in examples if example is not None]
    return _examined(
        instance,
        began,
        method,
        runs=runs_of_om(instance.rules),
        violations=(found.ic1_violations, found.ic2_violations),
        stories=tuple(map(story, replayed)),
        evaluations=evaluations,
        stopped=found.stopped,
    )


def _explored(instance: Instance, began: float, watch: Watch) -> Examined:
    """Explore Bracha's broadcast in every kind of setup, each to its first violation."""
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
        found = reference.explore(explored, stop=watch.stop)
        states[COMMANDER in scene.traitors] += found.states
        if found.path is not None:
            violations[found.path.broken] += 1
            stories.setdefault(found.path.broken, story_of_path(scene, explored, found.path))
        if (stopped := found.stopped) is not None:
            break
    return _examined(
        instance,
        began,
        Method.EXPLORATION,
        runs=(states[False], states[True]),
        violations=(violations[IC1], violations[IC2]),
        stories=tuple(stories[name] for name in sorted(stories)),
        stopped=stopped,
    )


def _examined(
    instance: Instance,
    began: float,
    method: Method,
    *,
    runs: tuple[int, int],
    violations: tuple[int, int],
    stories: tuple[BrokenRun, ...],
    evaluations: int | None = None,
    stopped: str | None = None,
) -> Examined:
    rules = instance.rules
    faults = {"lossy messengers": instance.loss, "forging messengers": instance.forge, "agreed inputs": instance.agreed}
    return Examined(
        protocol=rules.protocol.value,
        n=rules.n,
        traitors=rules.f,
        rounds=_rounds(rules),
        faults=tuple(name for name, there in faults.items() if there),
        method=method,
        runs_loyal_commander=runs[0],
        runs_traitor_commander=runs[1] if instance.has_commander else None,
        evaluations=evaluations,
        ic1_violations=violations[0],
        ic2_violations=violations[1],
        stories=stories,
        stopped=stopped,
        seconds=time.perf_counter() - began,
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
