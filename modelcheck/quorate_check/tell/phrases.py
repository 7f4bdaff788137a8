"""Short texts for the values of any system: a whole value, a change, an event.

The text of a change names only the place that changed: `log[2].term: 1 → 2`, `yes: added 1`. Changes are found inside
dataclasses, NamedTuples, tuples, mappings and sets, at any depth.
"""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any

from quorate_check.core.values import same

LONGEST = 60  # characters of a value that is shown whole
LONGEST_EVENT = 80
LONGEST_FACT = 200
MOST_ELEMENTS = 4  # elements added, removed or changed that are named for one place
AROUND = 8  # characters shown before the change in a long text
ROUTE = ("source", "destination")


def value_text(value: object, most: int = LONGEST) -> str:
    """Return the `repr` of a value, with elements left out and texts cut if it is longer than `most` characters."""
    parts = _elements(value)
    if parts is None:
        text = f"{type(value).__name__}.{value.name}" if isinstance(value, Enum) else repr(value)
        return text if len(text) <= most else f"{text[: most - 1]}…"
    opening, elements, closing = parts
    text = f"{opening}{', '.join(f'{name}{value_text(element, most)}' for name, element in elements)}{closing}"
    if len(text) <= most:
        return text
    shorter = [f"{name}{value_text(element, max(12, most // 3))}" for name, element in elements]
    return f"{opening}{_first_texts(shorter, most)}{closing}"


def change(before: object, after: object) -> str:
    """Return the changes from one state to the next as one text; the new state if states have no parts."""
    if _same(before, after):
        return "nothing changes"
    if type(before) is type(after) and _elements(after) is None:
        return value_text(after)
    return ", ".join(changes(before, after))


def changes(before: object, after: object, place: str = "") -> list[str]:
    """Return a clause for each change from one value to another; none if they are the same.

    `where` is the name of the whole, if it has one.
    """
    return list(_differences(place, before, after))


def facts(value: object) -> tuple[tuple[str, str], ...]:
    """Return the name and text of each field; a value without fields is one fact, `state`."""
    return tuple((name, value_text(field, LONGEST_FACT)) for name, field in _fields(value) or (("state", value),))


def event(value: object) -> str:
    """Return the text of an event: by its own `__str__` if its class has one, else by `shown`."""
    return str(value) if _has_own_text(value) else value_text(value, LONGEST_EVENT)


def brief(value: object) -> str:
    """Return the label of an arrow: the event without its source and destination."""
    fields = None if _has_own_text(value) else _fields(value)
    if not fields or not any(name in ROUTE for name, _ in fields):
        return event(value)
    other_fields = [f"{name}={value_text(field_value, 20)}" for name, field_value in fields if name not in ROUTE]
    return f"{type(value).__name__}({_first_texts(other_fields, LONGEST)})" if other_fields else type(value).__name__


def _same(one: object, other: object) -> bool:
    """Whether two values are the same; values that no state can hold are compared by type and equality."""
    try:
        return same(one, other)
    except TypeError:
        return type(one) is type(other) and bool(one == other)


def _differences(place: str, before: Any, after: Any) -> Iterator[str]:  # noqa: ANN401 - of any type
    """Yield what changed at `where`, which is empty for the value as a whole."""
    if _same(before, after):
        return
    clauses: list[str] = []
    if _fields(before) and _fields(after):
        clauses = list(_of_fields(place, before, after))
    elif type(before) is type(after):
        match before:
            case tuple() | list():
                clauses = list(_of_sequences(place, before, after))
            case AbstractSet():
                clauses = list(_of_sets(place, before, after))
            case Mapping():
                clauses = list(_of_mappings(place, before, after))
            case str() | bytes():
                before, after = _excerpts(before, after)
    yield from clauses or (f"{place or 'state'}: {value_text(before)} → {value_text(after)}",)


def _of_fields(place: str, before: object, after: object) -> Iterator[str]:
    old, prefix = dict(_fields(before)), f"{place}." if place else ""
    if type(before) is not type(after):
        yield f"{place or 'state'}: {type(before).__name__} → {type(after).__name__}"
    for name, value in _fields(after):
        if name in old:
            yield from _differences(f"{prefix}{name}", old[name], value)
        else:
            yield f"{prefix}{name}: {value_text(value)}"


def _of_sequences(place: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[str]:
    """Yield the changes between the longest common prefix and the longest common suffix."""
    shorter = min(len(before), len(after))
    front = next((i for i in range(shorter) if not _same(before[i], after[i])), shorter)
    back = next((i for i in range(shorter - front) if not _same(before[-1 - i], after[-1 - i])), shorter - front)
    old, new = before[front : len(before) - back], after[front : len(after) - back]
    at_end, clause = not back, _clause(place)
    if not old:
        yield f"{clause}appended {_list_text(new)}" if at_end else f"{place}[{front}]: inserted {_list_text(new)}"
    elif not new:
        side = " from the end" if at_end else " from the front" if not front else f" from {front} on"
        yield f"{clause}removed {_list_text(old)}{side}"
    elif len(old) == len(new):
        pairs = [(i, a, b) for i, (a, b) in enumerate(zip(old, new, strict=True), start=front) if not _same(a, b)]
        for i, a, b in pairs[:MOST_ELEMENTS]:
            yield from _differences(f"{place}[{i}]", a, b)
        if len(pairs) > MOST_ELEMENTS:
            yield f"{clause}{len(pairs) - MOST_ELEMENTS} more elements changed"
    else:
        yield f"{place}[{front}:{len(before) - back}]: {value_text(old)} → {value_text(new)}"


def _of_sets(place: str, before: AbstractSet[Any], after: AbstractSet[Any]) -> Iterator[str]:
    old, new = _with_types(before), _with_types(after)
    additions = [value for kind, value in sorted(new - old, key=_order)]
    removals = [value for kind, value in sorted(old - new, key=_order)]
    clauses = [
        f"{verb} {_list_text(values)}" for verb, values in (("added", additions), ("removed", removals)) if values
    ]
    if clauses:
        yield _clause(place) + ", ".join(clauses)


def _of_mappings(place: str, before: Mapping[Any, Any], after: Mapping[Any, Any]) -> Iterator[str]:
    old, new = _with_types(before), _with_types(after)
    for kind, key in sorted(old | new, key=_order):
        item = f"{place}[{value_text(key)}]"
        if (kind, key) not in old:
            yield f"{item}: added {value_text(after[key])}"
        elif (kind, key) not in new:
            yield f"{item}: removed {value_text(before[key])}"
        else:
            yield from _differences(item, before[key], after[key])


def _clause(place: str) -> str:
    return f"{place}: " if place else ""


def _list_text(values: Sequence[object]) -> str:
    return _first_texts([value_text(value) for value in values], LONGEST)


def _first_texts(texts: Sequence[str], most: int) -> str:
    """Return as many of the first texts as fit, at least one, and the number of the others."""
    count = 1
    while count < min(len(texts), MOST_ELEMENTS) and len(", ".join(texts[: count + 1])) <= most:
        count += 1
    omitted = len(texts) - count
    return ", ".join(texts[:count]) + (f", … {omitted} more" if omitted > 0 else "")


def _excerpts(before: Any, after: Any) -> tuple[Any, Any]:  # noqa: ANN401 - both str or both bytes
    """Return two texts from a little before their first difference on, if they are long."""
    if max(len(before), len(after)) <= LONGEST // 2:
        return before, after
    shorter = min(len(before), len(after))
    front = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    start = max(0, front - AROUND)
    dots = type(before)() if not start else "…" if isinstance(before, str) else b".."
    return dots + before[start:], dots + after[start:]


def _fields(value: object) -> tuple[tuple[str, Any], ...]:
    """Return the fields of a dataclass or a NamedTuple with their values; empty for any other value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return tuple((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    if isinstance(value, tuple) and (names := getattr(value, "_fields", None)):
        return tuple(zip(names, value, strict=False))
    return ()


def _elements(value: object) -> tuple[str, list[tuple[str, Any]], str] | None:
    """Return the opening text, the elements with the text before each, and the closing text; None if it has none."""
    kind = type(value).__name__
    if fields := _fields(value):
        is_custom = dataclasses.is_dataclass(value) and not _is_generated(value)
        return None if is_custom else (f"{kind}(", [(f"{name}=", element) for name, element in fields], ")")
    match value:
        case tuple() | list():
            opening, closing = ("(", ",)" if len(value) == 1 else ")") if isinstance(value, tuple) else ("[", "]")
            return opening, [("", element) for element in value], closing
        case AbstractSet():
            brackets = ("{", "}") if type(value) is set else (f"{kind}({{", "})")
            elements = [("", element) for _, element in sorted(_with_types(value), key=_order)]
            return (brackets[0], elements, brackets[1]) if elements else (f"{kind}(", [], ")")
        case Mapping():
            brackets = ("{", "}") if type(value) is dict else (f"{kind}({{", "})")
            return brackets[0], [(f"{value_text(key)}: ", value[key]) for key in value], brackets[1]
        case _:
            return None


def _is_generated(value: object) -> bool:
    """Whether the `__repr__` of a dataclass is the generated one."""
    code = getattr(type(value).__repr__, "__code__", None)
    return code is not None and code.co_filename in {dataclasses.__file__, reprlib.__file__}


def _has_own_text(value: object) -> bool:
    return type(value).__str__ is not object.__str__


def _with_types(values: AbstractSet[Any] | Mapping[Any, Any]) -> set[tuple[type, Any]]:
    return {(type(value), value) for value in values}


def _order(pair: tuple[type, Any]) -> tuple[bool, Any, str]:
    """Return a key that sorts numbers by size, and all else by its `repr`."""
    _, value = pair
    number = isinstance(value, int | float)
    return not number, value if number else 0, repr(value)
