"""The truth of each promise at a place, and what it needs before there is anything to judge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from quorate_check.core import behaviour, fair_cycles
from quorate_check.core.invariants import Invariant, StepInvariant
from quorate_check.core.liveness import Eventually, LeadsTo, Liveness
from quorate_check.core.path import GlobalState
from quorate_check.core.system import System
from quorate_check.core.values import same
from quorate_check.core.verdict import counted
from quorate_check.tell.described import described
from quorate_check.tell.explorer.endless import awaited_since
from quorate_check.tell.explorer.places import Place
from quorate_check.tell.path_text import NO_DEADLOCK
from quorate_check.tell.phrases import value_text

Json = dict[str, Any]
LONGEST_VIEWS = 120  # characters
HOLDS, BROKEN, IDLE = "holds", "broken", "nothing to judge yet"


def promises(system: System, place: Place) -> list[Json]:
    """Return each promise of `system` with its truth at `place`, and what that depends on."""
    results = [
        _of_steps(place, promise) if isinstance(promise, StepInvariant) else _of_states(system, place, promise)
        for promise in system.invariants
    ]
    if system.done is not None:
        results.append(_of_ends(place))
    return [*results, *(_of_time(place, promise) for promise in system.liveness)]


def _promise(name: str, sentence: str, truth: str, detail: str) -> Json:
    return {"name": name, "sentence": sentence.removesuffix("."), "truth": truth, "detail": detail}


def _of_states(system: System, place: Place, promise: Invariant) -> Json:
    """Return an invariant: broken, true, or true of nothing as long as what it needs isn't there."""
    name, sentence = promise.name, promise.sentence
    if behaviour.broken(replace(system, invariants=(promise,)), place.state) is not None:
        return _promise(name, sentence, BROKEN, _looked_at(promise, place.state))
    needs = [need for need in described(system).needs if need.promise == name]
    counts = [(need, need.count(place.state.nodes)) for need in needs]
    if any(count < need.least for need, count in counts):
        return _promise(name, sentence, IDLE, "; ".join(need.text(count) for need, count in counts))
    if needs:
        return _promise(name, sentence, HOLDS, "; ".join(need.text(count) for need, count in counts))
    pairs = zip(place.state.nodes, place.chain[0].state.nodes, strict=True)
    if all(same(promise.view(now), promise.view(then)) for now, then in pairs):
        return _promise(name, sentence, IDLE, "what it looks at is as it was at the beginning")
    return _promise(name, sentence, HOLDS, _looked_at(promise, place.state))


def _looked_at(promise: Invariant, state: GlobalState) -> str:
    """Return what an invariant looks at, of each node, if that is short and nothing of it is left out."""
    text = "looks at " + ", ".join(value_text(promise.view(local)) for local in state.nodes)
    is_whole = len(text) <= LONGEST_VIEWS and "…" not in text
    return text if is_whole else "what it looks at isn't as at the beginning any more"


def _of_steps(place: Place, promise: StepInvariant) -> Json:
    if place.broken == promise.name:
        return _promise(promise.name, promise.sentence, BROKEN, "by the last step")
    count = sum(each.step is not None and each.step.move.node is not None for each in place.chain)
    if not count:
        return _promise(promise.name, promise.sentence, IDLE, "needs a step of a node: none yet")
    detail = f"{'each of ' * (count > 1)}{count} step{'s' * (count != 1)} of a node so far kept it"
    return _promise(promise.name, promise.sentence, HOLDS, detail)


def _of_ends(place: Place) -> Json:
    if place.broken == behaviour.DEADLOCK:
        return _promise(behaviour.DEADLOCK, NO_DEADLOCK, BROKEN, "nothing can happen here")
    count = len(place.edges)
    return _promise(behaviour.DEADLOCK, NO_DEADLOCK, HOLDS, f"{count} step{'s' * (count != 1)} can happen here")


def _of_time(place: Place, promise: Liveness) -> Json:
    """Return a promise of liveness: broken by going on for ever, kept for good, or awaited; and what is true here."""
    name, sentence, states = promise.name, promise.sentence, [each.state for each in place.chain]
    if place.path.loop is not None and fair_cycles.breach(place.system, promise, place.path) is None:
        return _promise(name, sentence, BROKEN, f"if {place.path.rest_of_time}")
    since = awaited_since(promise, states)
    if isinstance(promise, Eventually) and since is None:
        first = next(n for n, state in enumerate(states) if promise.condition.is_true(state))
        return _promise(name, sentence, HOLDS, f"its condition was true after {counted(first, 'step')}")
    truth = "true here" if promise.condition.is_true(place.state) else "not true here"
    if isinstance(promise, LeadsTo):
        cause = "true" if promise.cause.is_true(place.state) else "not true"
        truth = f"its cause is {cause} here, its effect is {truth}"
        if since is not None:
            truth += f" and awaited since {f'step {since}' if since else 'the beginning'}"
    else:
        truth = f"its condition is {truth}"
    return _promise(name, sentence, "judged of endless behaviours", truth)
