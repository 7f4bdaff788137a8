"""What an operation that fits no order could have been told instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from quorate_check.history.inference import leaves
from quorate_check.history.model import Values
from quorate_check.history.operations import Outcome, Value
from quorate_check.history.parts import Part, Placed
from quorate_check.history.problem import problem
from quorate_check.history.search import Stop, search

MOST_CANDIDATES = 40


def could_reply(prefix: Part, broken: Placed, states: Iterable[Values], stop: Stop) -> Mapping[str, tuple[Value, ...]]:
    """Return, for each key of `broken`, values that a `get` of it in the place of `broken` could have returned.

    `prefix` ends with the return of `broken`, and `states` are some in which orders of all before it end. Each value
    is tried, so those returned are right; there may be others.
    """
    states = tuple(states)
    found = {}
    for key in broken.keys:
        slot = prefix.keys.index(key)
        candidates = dict.fromkeys((*(each[slot] for each in states), *_left_by(prefix, broken, key), None))
        tried = tuple(candidates)[:MOST_CANDIDATES]
        found[key] = tuple(value for value in tried if _can_be(prefix, broken, key, value, stop))
    return found


def _left_by(prefix: Part, broken: Placed, key: str) -> Iterator[Value]:
    """Yield what writes may have left at `key`, the last ones first; those surely overwritten are left out."""
    writes = [
        (each, value)
        for each in reversed(prefix.operations)
        if key in each.keys and each is not broken and (value := leaves(each.operation, key)) is not ...
    ]
    before = [each.invoked for each, _ in writes if each.returned is not None and each.returned < broken.invoked]
    last = max(before, default=-1)
    for each, value in writes:
        if each.returned is None or each.returned > last:  # else the last write overwrote it
            yield value


def _can_be(prefix: Part, broken: Placed, key: str, value: Value, stop: Stop) -> bool:
    get = replace(broken.operation, name="get", arguments=(key,), reply=value, outcome=Outcome.DONE)
    operations = tuple(replace(each, operation=get) if each is broken else each for each in prefix.operations)
    return search(problem(Part(prefix.keys, operations)), stop).complete
