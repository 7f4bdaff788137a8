"""The states around a place as a graph, merged by a view, and laid out by layers of distance."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from quorate_check.core import behaviour
from quorate_check.core.invariants import Invariant
from quorate_check.core.path import GlobalState
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.core.values import key
from quorate_check.tell.described import described
from quorate_check.tell.explorer.places import Place, Places
from quorate_check.tell.path_text import move_text, name_of
from quorate_check.tell.phrases import value_text

Json = dict[str, Any]
MOST_GROUPS, MOST_STATES, MOST_RADIUS = 40, 400, 6
LONGEST_LABEL = 60  # characters
WHOLE, ROLES, CONTENTS, LOCALS = "whole states", "what nodes are", "what nodes hold", "states of nodes"


@dataclass(slots=True)
class Group:
    """States that a view shows alike: the nearest of them, its distance in steps, and how many there are."""

    place: Place
    distance: int
    states: int = 0
    after: dict[Hashable, str] = field(default_factory=dict)  # the groups that steps lead to, with one such step


def views(system: System) -> dict[str, Callable[[GlobalState], Hashable]]:
    """Return the views by which states can be merged: of whole states, of nodes, and of each promise."""
    words = described(system)
    return {
        ROLES: lambda state: tuple(map(words.badge, state.nodes)),
        CONTENTS: lambda state: tuple(tuple((box.text, box.settled) for box in words.boxes(n)) for n in state.nodes),
        LOCALS: lambda state: tuple(map(key, state.nodes)),
        WHOLE: lambda state: behaviour.identity(system, state),
        **{f"what {i.name} looks at": _of_promise(i) for i in system.invariants if isinstance(i, Invariant)},
    }


def _of_promise(invariant: Invariant) -> Callable[[GlobalState], Hashable]:
    return lambda state: tuple(key(invariant.view(local)) for local in state.nodes)


def neighbourhood(places: Places, place: Place, view: str, radius: int) -> Json:
    """Return the graph of the states within `radius` steps of `place`, merged by the view of that name.

    Raises UnusableSystemError if there is no such view or the radius is out of range.
    """
    system = places.system
    functions = views(system)
    if view not in functions:
        raise UnusableSystemError(f"there is no view {view!r} of states")
    if not 1 <= radius <= MOST_RADIUS:
        raise UnusableSystemError(f"a neighbourhood has a radius between 1 and {MOST_RADIUS}")
    groups, left_out = _search(places, place, functions[view], radius)
    numbers = {name: n for n, name in enumerate(groups)}
    edges = [(numbers[name], numbers[other], text) for name, g in groups.items() for other, text in g.after.items()]
    points = layout(len(groups), [(a, b) for a, b, _ in edges], [group.distance for group in groups.values()])
    return {
        "nodes": [
            {
                "link": group.place.link,
                "label": label(system, group.place.state, view),
                "states": group.states,
                "distance": group.distance,
                "breaks": group.place.broken,
                "x": x,
                "y": y,
            }
            for group, (x, y) in zip(groups.values(), points, strict=True)
        ],
        "edges": [{"source": a, "target": b, "text": text} for a, b, text in edges],
        "left_out": left_out,
    }


def _search(
    places: Places, place: Place, view: Callable[[GlobalState], Hashable], radius: int
) -> tuple[dict[Hashable, Group], bool]:
    """Return the groups of states within `radius` steps, and whether there are more than fit."""
    system = places.system
    groups = {view(place.state): Group(place, 0, 1)}
    identities, frontier, left_out = {behaviour.identity(system, place.state)}, [place], False
    for distance in range(1, radius + 1):
        successors: list[Place] = []
        for origin in frontier:
            here = groups[view(origin.state)]
            choices = [each.choice for each in origin.chain[1:]]
            for number, (move, _, after) in enumerate(origin.edges):
                if after is None:
                    continue
                name = view(after)
                is_new = behaviour.identity(system, after) not in identities
                if (is_new and len(identities) >= MOST_STATES) or (name not in groups and len(groups) >= MOST_GROUPS):
                    left_out = True
                    continue
                if is_new:
                    identities.add(behaviour.identity(system, after))
                    successors.append(places.end_of([*choices, number]))
                    group = groups.setdefault(name, Group(successors[-1], distance))
                    group.states += 1
                if groups[name] is not here:
                    here.after.setdefault(name, move_text(system, move))
        frontier = successors
    return groups, left_out


def label(system: System, state: GlobalState, view: str) -> list[str]:
    """Return what a view shows of a state, a line for each node."""
    words, lines = described(system), list[str]()
    for node, local in enumerate(state.nodes):
        contents = " ".join(box.text for box in words.boxes(local))
        match view:
            case "what nodes are":
                text = words.badge(local) or value_text(local)
            case "what nodes hold":
                text = contents or "nothing"
            case _ if (promise := _promise(system, view)) is not None:
                text = value_text(promise.view(local))
            case _:
                text = " ".join(filter(None, (words.badge(local), contents))) or value_text(local)
        lines.append(f"{name_of(system, node)} {text}"[:LONGEST_LABEL])
    return lines


def _promise(system: System, view: str) -> Invariant | None:
    named = (i for i in system.invariants if isinstance(i, Invariant) and view == f"what {i.name} looks at")
    return next(named, None)


def layout(count: int, edges: list[tuple[int, int]], layers: list[int]) -> list[tuple[float, float]]:
    """Return a point for each of `count` groups, by Sugiyama's method; raise UnusableSystemError without igraph."""
    try:
        import igraph  # noqa: PLC0415 - an extra, and only graphs need it
    except ImportError:
        raise UnusableSystemError("the graph of states needs igraph: pip install 'quorate[web]'") from None
    graph = igraph.Graph(count, edges, directed=True)
    points = graph.layout_sugiyama(layers=layers, hgap=1, vgap=1)
    return [(float(x), float(y)) for x, y in points.coords[:count]]
