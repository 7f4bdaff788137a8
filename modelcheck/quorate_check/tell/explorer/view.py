"""What the page shows of a place: nodes, messages in flight, steps, the path so far, and budgets, as JSON values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from quorate_check.core import behaviour
from quorate_check.core.behaviour import Edge
from quorate_check.core.networks import Set
from quorate_check.core.path import GlobalState, Move, MoveKind, RoundEnd
from quorate_check.core.system import NetworkKind, System
from quorate_check.core.values import same
from quorate_check.tell.described import described
from quorate_check.tell.explorer.places import Place, link_of_next
from quorate_check.tell.explorer.promises import promises
from quorate_check.tell.page_svg import Svg
from quorate_check.tell.path_text import CAPACITY, addressed, move_text
from quorate_check.tell.story import Column, Story, brief, story

Json = dict[str, Any]
ARRIVALS = {MoveKind.DELIVER, MoveKind.DUPLICATE, MoveKind.DROP}
BEYOND = "A search doesn't go on from this state: a node is beyond the bounds."
DEAD_END = "The path ends here: its last step leads to no state."


def view(system: System, place: Place) -> Json:
    """Return all that the page shows of `place`."""
    picture = story(system, place.path)
    columns = picture.scenes[-1].columns if picture.scenes else picture.begin
    before = picture.scenes[-2].columns if len(picture.scenes) > 1 else picture.begin
    breakage, drawing = (
        picture.breakage,
        Svg(replace(picture, pending=())),
    )  # the page shows what is in flight by itself
    return {
        "link": place.link,
        "length": len(place.chain) - 1,
        "parent": None if place.parent is None else place.parent.link,
        "nodes": [_node(picture, n, columns[n], before[n]) for n in range(picture.nodes)],
        "flight": list(_flight(system, place, picture)),
        "budgets": list(_budgets(system, place.state)),
        "steps": [_step(system, place, number) for number in range(len(place.edges))],
        "path": list(_path(place, picture)),
        "loop": _loop(place),
        "promises": promises(system, place),
        "conclusion": picture.conclusion,
        "reasons": [breakage.why] if breakage.why else [f"{picture.names[n]}: {text}" for n, text in breakage.values],
        "notes": list(_notes(system, place)),
        "meanings": list(picture.meanings),
        "diagram": {"names": drawing.names(), "drawing": drawing.drawing()},
    }


def _node(picture: Story, node: int, now: Column, before: Column) -> Json:
    old = dict(before.facts)
    return {
        "name": picture.names[node],
        "badge": now.badge,
        "boxes": [{"text": box.text, "settled": box.settled} for box in now.boxes],
        "facts": [{"name": name, "value": text, "old": old.get(name, text)} for name, text in now.facts],
        "acts": bool(picture.scenes) and picture.scenes[-1].node == node,
    }


def _flight(system: System, place: Place, picture: Story) -> Iterator[Json]:
    """Yield the messages in flight in the order of the state, each with the step that sent it."""
    arrows = list(picture.pending)
    for message in _messages(place.state):
        source, target, text = system.source(message), system.destination(message), described(system).event(message)
        arrow = next(a for a in arrows if (a.source, a.target, a.text) == (source, target, text))
        arrows.remove(arrow)
        yield {"source": source, "target": target, "label": arrow.label, "text": text, "sent": arrow.sending_step}


def _messages(state: GlobalState) -> list[Any]:
    return [message for message in state.flight if not isinstance(message, RoundEnd)]


def _budgets(system: System, state: GlobalState) -> Iterator[Json]:
    """Yield the budgets that have a limit and allow something, with the used part of each."""
    for (name, limit), used in zip(system.limits().items(), state.used, strict=True):
        if limit:
            yield {"name": name.replace("_", " "), "used": used, "limit": limit}


def _path(place: Place, picture: Story) -> Iterator[Json]:
    for each, scene in zip(place.chain[1:], picture.scenes, strict=True):
        yield {
            "number": scene.number,
            "text": scene.text,
            "change": scene.change,
            "rules": [_rule(rule) for rule in scene.rules],
            "sent": list(scene.sent),
            "link": each.link,
            "breaks": each.broken,
        }


def _loop(place: Place) -> Json | None:
    """Return the number of the step with which the steps that repeat for ever begin, and the place before it."""
    loop = place.path.loop
    if loop is None or loop == len(place.path.steps):
        return None
    return {"number": loop + 1, "link": place.chain[loop].link}


def _rule(rule: Any) -> Json:  # noqa: ANN401 - of a picture
    return {"name": rule.name, "source": rule.source, "sentence": rule.sentence}


def _step(system: System, place: Place, number: int) -> Json:
    """Return an enabled step: its node, its event, what it would change and break, and the link of its end."""
    move, outcome, after = place.edges[number]
    words, change, sent, rules = described(system), "", list[str](), list[Json]()
    if outcome is not None and move.node is not None:
        before = place.state.nodes[move.node]
        if isinstance(outcome.local, behaviour.Raised):
            change = f"raises {outcome.local.text}"
        else:
            change = words.change(before, outcome.local)
            sent = [addressed(system, message) for message in outcome.messages]
            step_rules = words.rules(before, behaviour.event_of(move), outcome.local, outcome.messages)
            rules = [_rule(rule) for rule in step_rules]
            if after is None:
                change = f"{change}; {CAPACITY}"
    label = "" if move.event is None or isinstance(move.event, RoundEnd) else brief(system, move.event)
    return {
        "number": number,
        "link": link_of_next(place, number),
        "kind": move.kind.value,
        "node": move.node,
        "label": label or move_text(system, move),
        "text": move_text(system, move),
        "change": change,
        "sent": sent,
        "rules": rules,
        "action": _action(move, rules, label),
        "fault": behaviour.is_fault(system, move),
        "message": _message(place, move),
        "source": system.source(move.event) if move.kind in ARRIVALS else None,
        "target": system.destination(move.event) if move.kind in ARRIVALS else None,
        "breaks": _broken_by(system, place.state, place.edges[number]),
        "leads": after is not None,
        "idle": after is not None and behaviour.identity(system, after) == behaviour.identity(system, place.state),
    }


def _action(move: Move, rules: list[Json], label: str) -> str:
    """Return the name by which steps are filtered: the rules' if there are any, else the event's."""
    match move.kind:
        case MoveKind.DROP:
            return "a message is lost"
        case MoveKind.ROUND | MoveKind.ROUND_END:
            return str(move.kind.value)
        case _:
            names: list[str] = [rule["name"] for rule in rules]
            return ", ".join(names) or label


def _message(place: Place, move: Move) -> int | None:
    """Return the position of the message of a move in `_flight`; None if it is no message's."""
    if move.kind not in ARRIVALS:
        return None
    return next(n for n, message in enumerate(_messages(place.state)) if same(message, move.event))


def _broken_by(system: System, state: GlobalState, edge: Edge) -> str:
    """Return the promise that a step breaks, empty if none."""
    move, outcome, after = edge
    if outcome is not None and isinstance(outcome.local, behaviour.Raised):
        return behaviour.RAISED
    return behaviour.first_broken(system, state, move, outcome, after) or ""


def _notes(system: System, place: Place) -> Iterator[str]:
    if place.step is not None and place.step.after is None:
        yield DEAD_END
    elif any(map(system.beyond, place.state.nodes)):
        yield BEYOND
    if system.network.kind is NetworkKind.ANY:
        yield "On this network every message stays in flight: it may arrive later, again, or never."
    elif not isinstance(behaviour.kind(system), Set):
        yield "Messages of one sender to one receiver arrive in order."
