"""The compiled half of the search for fair cycles: reach states, find components in which a fair behaviour can stay.

A graph is arrays: the edges of state s are those from begins[s] to before begins[s + 1], each with a target (BEYOND: a
move that bounds keep from being taken) and the number of its label. The classes of fair moves of label a are
class_of[class_begins[a] : class_begins[a + 1]]. Edges from a state to itself aren't stored.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from quorate_check.engine.caching import compiled

BEYOND = -1
NOWHERE = -1  # in `origin`: a state that wasn't reached
SEED = -2  # in `origin`: a state that the search began with
OUT, IN = 0, 1  # values of `region`


class Graph(NamedTuple):
    """The edges of stored states, and the classes of fair moves of each label; `is_end[s]`: the edges aren't known."""

    begins: Any
    targets: Any
    labels: Any
    class_begins: Any
    class_of: Any
    is_strong: Any
    is_end: Any


@compiled()
def reach(graph, region, origin, queue):
    """Enter in `origin` from where each state of the region is first reached; SEED marks those to begin with.

    Returns how many states were reached; they are in `queue`, by distance.
    """
    count = 0
    for state in range(origin.shape[0]):
        if origin[state] == SEED:
            queue[count] = state
            count += 1
    done = 0
    while done < count:
        state = queue[done]
        done += 1
        for edge in range(graph.begins[state], graph.begins[state + 1]):
            target = graph.targets[edge]
            if target >= 0 and region[target] == IN and origin[target] == NOWHERE:
                origin[target] = state
                queue[count] = target
                count += 1
    return count


@compiled()
def _core(graph, members, component, root, classes, marks):
    """Return how many members of a component a fair behaviour may stay in; they come first in `members`.

    `marks` says of each class in which component it was last taken, in which it was last enabled, in which of its
    states, and in how many; `classes` has room for all.
    """
    size, number = members.shape[0], 0
    used, latest, at, enabled = marks
    for m in range(size):
        state = members[m]
        if graph.is_end[state] != 0:
            return 0
        for edge in range(graph.begins[state], graph.begins[state + 1]):
            target, label = graph.targets[edge], graph.labels[edge]
            for place in range(graph.class_begins[label], graph.class_begins[label + 1]):
                demand = graph.class_of[place]
                if latest[demand] != root:
                    latest[demand], enabled[demand] = root, 0
                    classes[number] = demand
                    number += 1
                if at[demand] != state or enabled[demand] == 0:
                    at[demand] = state
                    enabled[demand] += 1
                if target >= 0 and component[target] == root:
                    used[demand] = root
    unfair = 0
    for c in range(number):
        demand = classes[c]
        if used[demand] != root:
            if enabled[demand] == size:
                return 0
            if graph.is_strong[demand] != 0:
                classes[unfair] = demand
                unfair += 1
    if unfair == 0:
        return size
    for c in range(unfair):
        latest[classes[c]] = -2 - root
    count = 0
    for m in range(size):
        state, stays = members[m], True
        for edge in range(graph.begins[state], graph.begins[state + 1]):
            label = graph.labels[edge]
            for place in range(graph.class_begins[label], graph.class_begins[label + 1]):
                stays &= latest[graph.class_of[place]] != -2 - root
        if stays:
            members[m], members[count] = members[count], state
            count += 1
    return count


@compiled(inline="always")
def _enter(state, order, graph, low, component, edge_at, stack, size):
    """Put a state on the stack, as the one that is reached as number `order`."""
    low[state] = order
    component[state] = -1 - order
    edge_at[state] = graph.begins[state]
    stack[size] = state


@compiled(inline="always")
def _close(root, recurs, component, stack, size):
    """Name the states from a root on after it; return where they begin on the stack, the least, if one recurs."""
    begin, least, visits = size, root, False
    member = NOWHERE
    while member != root:
        begin -= 1
        member = stack[begin]
        component[member] = root
        least = min(least, member)
        visits |= recurs[member] != 0
    return begin, least, visits


@compiled()
def components(graph, region, recurs, stack, component, low, edge_at, path, marks, classes):
    """Search the components of the region once; return the least state of a fair one, or NOWHERE, and what is left.

    States that stay IN the region are left: parts of components that another search may find fair. `recurs` says of
    each state whether a fair cycle must visit one like it. `component[s]` is then the same for all states of one.

    Tarjan's algorithm, without recursion. `low` is a state's number in the order of the search until a lesser one is
    reached from it; those that keep their own are roots. `component` holds that number while a state is on the stack.
    """
    best, left, order, size = NOWHERE, 0, 0, 0
    low[:] = 0
    component[:] = NOWHERE
    for first in range(region.shape[0]):
        if region[first] != IN or low[first] != 0:
            continue
        depth, path[0] = 0, first
        order += 1
        _enter(first, order, graph, low, component, edge_at, stack, size)
        size += 1
        while depth >= 0:
            state = path[depth]
            if edge_at[state] < graph.begins[state + 1]:
                target = graph.targets[edge_at[state]]
                edge_at[state] += 1
                if target < 0 or region[target] != IN:
                    continue
                if low[target] == 0:
                    order += 1
                    _enter(target, order, graph, low, component, edge_at, stack, size)
                    size += 1
                    depth += 1
                    path[depth] = target
                elif component[target] < NOWHERE:
                    low[state] = min(low[state], low[target])
                continue
            depth -= 1
            if depth >= 0:
                low[path[depth]] = min(low[path[depth]], low[state])
            if low[state] != -1 - component[state]:
                continue
            begin, least, visits = _close(state, recurs, component, stack, size)
            members, size = stack[begin:size], begin
            count = _core(graph, members, component, state, classes, marks) if visits else 0
            if count == members.shape[0]:
                best = least if best == NOWHERE else min(best, least)
                count = 0
            left += count
            for m in range(count, members.shape[0]):
                region[members[m]] = OUT
    return best, left
