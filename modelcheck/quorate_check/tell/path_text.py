"""A path in words: the acting node, the event and the change of each step, and the values that break the promise.

A system names its nodes with `Described.name`; a system that gives no names has nodes n0, n1 and so on, with the
numbers that its own code and the JSON reports use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.pretty import pretty_repr

from quorate_check.core import behaviour, fair_cycles
from quorate_check.core.invariants import Invariant, StepInvariant
from quorate_check.core.path import GlobalState, Move, MoveKind, Path, Step
from quorate_check.tell import phrases
from quorate_check.tell.described import described
from quorate_check.tell.wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from quorate_check.core.liveness import Liveness
    from quorate_check.core.system import Outcome, System

# The limits of a printed value: elements of one container, characters of one text, nested containers.
MOST_ELEMENTS, LONGEST_TEXT, DEEPEST = 12, 200, 6
NO_DEADLOCK = "something can happen until every node is done, faults and bounds aside"
MOST_REASONS = 5  # why a cycle is fair
CAPACITY = "this would put more messages in flight than the bounds allow"


@dataclass(frozen=True, slots=True)
class StepText:
    """One step in words: the event with its node, and the change there (empty if no node acts)."""

    event: str
    change: str


@dataclass(frozen=True, slots=True)
class Breakage:
    """Why the end of a path breaks its promise: the promise's sentence, the value of each node involved, and a reason.

    `why` is empty for a promise that gives no reason.
    """

    sentence: str
    values: tuple[tuple[int, str], ...]
    why: str = ""


def name_of(system: System, node: int) -> str:
    """Return the name that `system` gives to a node, or n0, n1 and so on where it gives none."""
    return described(system).name(system.initial[node]) or f"n{node}"


def move_text(system: System, move: Move) -> str:
    """Return a move in words, its node first."""
    event = "" if move.event is None else described(system).event(move.event)
    name = "" if move.node is None else name_of(system, move.node)
    match move.kind:
        case MoveKind.DELIVER:
            return f"{name} receives {event}"
        case MoveKind.DUPLICATE:
            return f"{name} receives {event}, which also stays in flight"
        case MoveKind.DROP:
            return f"the network loses {event} to {name_of(system, system.destination(move.event))}"
        case MoveKind.SPONTANEOUS:
            return f"{name}: {event}"
        case MoveKind.ROUND:
            return "the next round begins"
        case MoveKind.ROUND_END:
            return f"{name}: {event}, the round is over"


def step_texts(system: System, path: Path) -> Iterator[StepText]:
    """Yield the steps of `path` in words."""
    before = path.initial
    for step in path.steps:
        yield StepText(move_text(system, step.move), _change(system, before, step, path))
        before = step.after or before


def _change(system: System, before: GlobalState, step: Step, path: Path) -> str:
    node = step.move.node
    if step.after is not None:
        return "" if node is None else described(system).change(before.nodes[node], step.after.nodes[node])
    if path.broken == behaviour.RAISED:
        return f"raises {path.detail}"
    outcome = outcome_of(system, before, step.move)
    if outcome is None or node is None:
        return CAPACITY
    return f"{described(system).change(before.nodes[node], outcome.local)}; {CAPACITY}"


def outcome_of(system: System, state: GlobalState, move: Move) -> Outcome | None:
    """Return the outcome of `move` from `state` at the acting node; None if no node acts or the code raised."""
    if move.node is None:
        return None
    try:
        outcomes = behaviour.local_step(system, state.nodes[move.node], move)
    except behaviour.StepRaisedError:
        return None
    return outcomes[move.choice] if move.choice < len(outcomes) else None


def breakage(system: System, path: Path) -> Breakage:
    """Return why the last state or step of `path` breaks `path.broken`."""
    if path.broken == behaviour.RAISED:
        return Breakage(f"it raised {path.detail}", ())
    states = [path.initial, *(step.after for step in path.steps)]
    if path.broken == behaviour.DEADLOCK:
        assert states[-1] is not None, "a state in which nothing can happen was reached"
        return _deadlock(system, states[-1])
    for promise in system.liveness:
        if promise.name == path.broken and path.loop is not None:
            return _broken_for_ever(system, promise, path)
    for invariant in system.invariants:
        if invariant.name != path.broken:
            continue
        if isinstance(invariant, StepInvariant):
            before = states[-2]
            assert before is not None, "only the last step of a path may lead nowhere"
            return _broken_by_step(system, invariant, before, path.steps[-1].move)
        last_state = states[-1]
        assert last_state is not None, "a state that was reached breaks the invariant"
        return _broken_by_state(system, invariant, last_state)
    return Breakage("", ())


def _broken_by_state(system: System, invariant: Invariant, state: GlobalState) -> Breakage:
    """Return the first tuple of views that `invariant` refuses, by node."""
    if invariant.message_view is not None:
        messages = invariant.condition.messages(state.flight) or ()
        text = ", ".join(sorted(map(str, messages))) or "nothing that it looks at"
        values = tuple((n, _whole(invariant.view(local))) for n, local in enumerate(state.nodes))
        return Breakage(invariant.sentence, values, f"in flight: {text}")
    views = [invariant.view(local) for local in state.nodes]
    for nodes in behaviour.tuples(list(range(len(views))), invariant.over):
        refused_views = tuple(views[n] for n in nodes)
        if not invariant.holds(refused_views):
            reason = (
                "" if invariant.why is None else invariant.why(tuple(name_of(system, n) for n in nodes), refused_views)
            )
            values = tuple((n, _whole(views[n])) for n in sorted(nodes))
            return Breakage(invariant.sentence, values, reason)
    return Breakage(invariant.sentence, ())


def _deadlock(system: System, state: GlobalState) -> Breakage:
    """Return who waits for ever in `state`, and which messages nobody takes."""
    assert system.done is not None
    waiting = [node for node, local in enumerate(state.nodes) if not system.done(local)]
    names = " and ".join(name_of(system, node) for node in waiting)
    why = f"nothing can happen any more, and {names} {'waits' if len(waiting) == 1 else 'wait'} for ever"
    if state.flight:
        messages = ", ".join(described(system).event(message) for message in state.flight)
        why += f"; in flight, and taken by nobody: {messages}"
    return Breakage(NO_DEADLOCK, tuple((node, _whole(state.nodes[node])) for node in waiting), why)


def _broken_for_ever(system: System, promise: Liveness, path: Path) -> Breakage:
    """Return what repeats, why that is fair, and what each node shows meanwhile."""
    assert path.loop is not None, "a promise of liveness is broken by a path that goes on for ever"
    states = [path.initial, *(step.after for step in path.steps if step.after is not None)]
    moves = tuple((path.loop + n, step.move) for n, step in enumerate(path.steps[path.loop :], start=1))
    reasons = [*fairness_reasons(system, states[path.loop :], moves)]
    fair = f"; that is fair: {'; '.join(reasons)}" if reasons else ""
    values = tuple((n, _whole(promise.condition.view(local))) for n, local in enumerate(states[-1].nodes))
    return Breakage(promise.sentence, values, f"{path.rest_of_time}{fair}")


def fairness_reasons(system: System, cycle: Sequence[GlobalState], moves: Sequence[tuple[int, Move]]) -> Iterator[str]:
    """Yield why each demand of fairness that is enabled in some state of a cycle is met; moves have numbers."""
    enabled = [fair_cycles.around(system, state).enabled for state in cycle[:-1] or cycle]
    occasions = [(number, move, set(fair_cycles.demands(system, move))) for number, move in moves]
    others, reasons = dict[str, None](), list[str]()
    for demand in sorted(frozenset[fair_cycles.Demand]().union(*enabled), key=repr):
        used = next(((number, move) for number, move, demands in occasions if demand in demands), None)
        if used is None:
            others[system.fairness[demand[0]].name] = None
        else:
            reasons.append(f"{move_text(system, used[1])}, in step {used[0]}")
    yield from reasons[:MOST_REASONS]
    if len(reasons) > MOST_REASONS:
        yield f"and {len(reasons) - MOST_REASONS} more"
    if others:
        yield f"{', '.join(others)}: not possible all the time, and weak fairness demands no more"


def _whole(view: object) -> str:
    """Return a value that breaks a promise as lines of text; long and deep parts of it are cut."""
    return pretty_repr(view, max_width=70, max_length=MOST_ELEMENTS, max_string=LONGEST_TEXT, max_depth=DEEPEST)


def _broken_by_step(system: System, invariant: StepInvariant, before: GlobalState, move: Move) -> Breakage:
    """Return what the acting node changed, field by field, and what it sent."""
    outcome = outcome_of(system, before, move)
    if outcome is None or move.node is None:
        return Breakage(invariant.sentence, ())
    old, new, sent = before.nodes[move.node], outcome.local, outcome.messages
    changes = phrases.changes(old, new) or ["nothing changed"]
    sent_texts = [f"sent {addressed(system, m)}" for m in sent]
    reason = (
        ""
        if invariant.why is None
        else invariant.why(name_of(system, move.node), old, behaviour.event_of(move), new, sent)
    )
    return Breakage(invariant.sentence, ((move.node, "\n".join((*changes, *sent_texts))),), reason)


def addressed(system: System, message: object) -> str:
    """Return a message in words, with its receiver."""
    return f"{described(system).event(message)} to {name_of(system, system.destination(message))}"


def path_lines(system: System, path: Path, width: int = 80, first: int = 1) -> Iterator[str]:
    """Yield `path` as lines of at most `width` characters, numbered from `first`, then the promise it breaks."""
    digits = len(str(first - 1 + len(path.steps)))
    indent = " " * (digits + 4)
    for number, text in enumerate(step_texts(system, path), start=first):
        yield from wrapped(text.event, width, f"  {number:>{digits}}. "[: len(indent)], indent)
        if text.change:
            yield from wrapped(text.change, width, f"{indent}→ ", f"{indent}  ")
    if not path.broken:
        return
    yield ""
    reason = breakage(system, path)
    yield from wrapped(ending_text(path.broken, reason, reached=path.reached), width)
    if reason.why:
        yield from wrapped(reason.why, width, "  ", "  ")
    for node, value in reason.values:
        top, *rest = value.splitlines()
        yield from wrapped(top, width, f"  {name_of(system, node)}: ", "      ")
        for line in rest:
            margin = "      " + " " * (len(line) - len(line.lstrip()))
            yield from wrapped(line.strip(), width, margin, margin + "  ")


def ending_text(name: str, reason: Breakage, *, reached: bool) -> str:
    """Return one line that says which promise the end of a path breaks, or which witness it reaches."""
    if reached:
        return f"Reached: {name}."
    return f"{name} is broken: {reason.sentence}" if reason.sentence else f"{name} is broken"


def path_as_dict(system: System, path: Path) -> dict[str, Any]:
    """Return `path` as JSON values."""
    reason = breakage(system, path)
    return {
        "broken": None if path.reached else path.broken,
        "reached": path.broken if path.reached else None,
        "sentence": reason.sentence,
        "why": reason.why,
        "detail": path.detail,
        "note": path.note,
        "loop": path.loop,
        "steps": [
            {
                "kind": step.move.kind.value,
                "node": step.move.node,
                "event": text.event,
                "choice": step.move.choice,
                "change": text.change,
            }
            for step, text in zip(path.steps, step_texts(system, path), strict=True)
        ],
        "values": [{"node": node, "value": value} for node, value in reason.values],
    }
