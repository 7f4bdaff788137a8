"""Which values of fields a search never saw: those of enums and literals, of which a field's type names all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

Unseen = tuple[tuple[str, tuple[str, ...]], ...]  # fields by name, and their values


def unseen_values(values: Iterable[object]) -> Unseen:
    """Return the fields of dataclasses in `values`, at any depth, and what each may hold by its type and never did."""
    fields_seen = dict[tuple[type, str], set[Any]]()
    looks, todo = set[int](), list(values)
    while todo:
        value = todo.pop()
        if id(value) in looks:
            continue
        looks.add(id(value))
        if isinstance(value, tuple | frozenset):
            todo += value
        elif is_dataclass(value) and not isinstance(value, type):
            kind = type(value)
            for name in choices(kind):
                fields_seen.setdefault((kind, name), set()).add(getattr(value, name))
            todo += (getattr(value, f.name) for f in fields(value))
    unseen = {
        f"{kind.__name__}.{name}": tuple(_text(choice) for choice in choices(kind)[name] if choice not in values_seen)
        for (kind, name), values_seen in fields_seen.items()
    }
    return tuple(sorted((name, rest) for name, rest in unseen.items() if rest))


@cache
def choices(kind: type) -> dict[str, tuple[Any, ...]]:
    """Return the fields of a dataclass whose types name every value, and these; none if its types can't be had."""
    try:
        hints = get_type_hints(kind)
    except Exception:  # noqa: BLE001 - names that only a type checker has, or whatever else stands there
        return {}
    every = {f.name: _choices(hints[f.name]) for f in fields(kind)}
    return {name: values for name, values in every.items() if values}


def _choices(hint: Any) -> tuple[Any, ...]:  # noqa: ANN401 - any annotation
    if isinstance(hint, type) and issubclass(hint, Enum):
        return tuple(hint)
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) in {Union, UnionType}:
        return tuple(value for part in get_args(hint) for value in _choices(part))
    return ()


def _text(value: object) -> str:
    return value.name if isinstance(value, Enum) else repr(value)
