"""The identity of values: two values are the same if they have one type and the same parts, deeply, whatever `==` is.

For Python's `==`, 1, True and 1.0 are equal, and NamedTuples of different classes, an IntEnum and its number, and
dataclasses with an `__eq__` of their own may be; a step function can distinguish all of these. So no search trusts `==`
alone: `same` compares, `key` is equal for the same values only, and `Numbers` assigns ids.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cached_property
from operator import attrgetter
from types import BuiltinFunctionType, EllipsisType, FunctionType, NoneType
from typing import Any, TypeVar

T = TypeVar("T")
Key = Hashable
Parts = Callable[[Any], Sequence[Any]]
PROTOCOL = 4  # of pickle, which takes objects of unknown classes apart
UNSET = object()  # in place of a field that is not set

# Values of these types are the same if they are equal, and equal values of other types are only of subclasses.
PLAIN = frozenset({int, str, bytes, NoneType, EllipsisType, FunctionType, BuiltinFunctionType})
all_plain = PLAIN.issuperset
# By base class: the conversion of a value of a subclass to the base class, or to a text that identifies it.
CONTENTS: dict[type, Callable[[Any], Any]] = {
    int: lambda value: int.__add__(value, 0),
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    float: lambda value: float.__repr__(_equal_to_itself(value)),  # which tells 0.0 from -0.0
    complex: lambda value: complex.__repr__(_equal_to_itself(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}
_PARTS: dict[type, Parts] = {}  # of the classes seen so far, without PLAIN and frozenset


def same(one: Any, other: Any) -> bool:  # noqa: ANN401, PLR0911 - the subject's own; the commonest cases come first
    """Whether two values have one type and the same parts; raises TypeError for objects that aren't values."""
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return False
    if kind in PLAIN:
        return bool(one == other)
    if kind is frozenset:
        return _same_sets(one, other)
    if kind is tuple:
        one_parts, other_parts = one, other
    else:
        parts = _PARTS.get(kind) or _learn_parts(kind)
        one_parts, other_parts = parts(one), parts(other)
    if len(one_parts) != len(other_parts):
        return False
    for a, b in zip(one_parts, other_parts):  # noqa: B905 - a loop with the commonest cases in it takes half of the time
        if a is b:
            continue
        if (type(a) is not type(b) or a != b) if type(a) in PLAIN else not same(a, b):
            return False
    return True


def _same_sets(one: frozenset[Any], other: frozenset[Any]) -> bool:
    if all_plain(map(type, one)):
        return one == other and all_plain(map(type, other))
    return len(one) == len(other) and key(one) == key(other)


def key(value: Any) -> Key:  # noqa: ANN401 - the subject's own
    """Return a key that is equal for the same values only; raises TypeError for objects that aren't values.

    The key is the value itself if its type is in PLAIN, otherwise a tuple that begins with the value's type.
    """
    kind = type(value)
    if kind in PLAIN:
        return value  # type: ignore[no-any-return]
    if kind is frozenset:
        return kind, frozenset(map(key, value))
    parts = _PARTS.get(kind) or _learn_parts(kind)
    return kind, *map(key, parts(value))


class Numbers:
    """Numbers values in the order in which they are added, from 0; equal values that aren't the same differ in number.

    Values are found by their own hash and `==`, which is fast, and then compared with `same`.
    """

    def __init__(self, *values: object) -> None:
        self.values: list[Any] = []
        self._equal: dict[Hashable, int] = {}
        self._others: dict[Key, int] = {}  # values that are equal to one in `_equal`, but not the same
        for value in values:
            self.add(value)

    def __len__(self) -> int:
        return len(self.values)

    def get(self, value: Any) -> int | None:  # noqa: ANN401 - the subject's own
        """Return the number of a value, None if it has none; raises TypeError for an object that isn't a value."""
        number = self._equal.get(value)
        if number is None or same(self.values[number], value):
            return number
        return self._others.get(key(value))

    def add(self, value: Any) -> int:  # noqa: ANN401 - the subject's own
        """Assign the next number to a value that has none, and return it."""
        number = len(self.values)
        self.values.append(value)
        if self._equal.setdefault(value, number) != number:
            self._others[key(value)] = number
        return number

    def of(self, value: Any) -> int:  # noqa: ANN401 - the subject's own
        """Return the number of a value, which is assigned if it has none."""
        number = self.get(value)
        return self.add(value) if number is None else number

    def cut(self, count: int) -> None:
        """Forget all values but the first `count`."""
        while len(self.values) > count:
            value = self.values.pop()
            if self._equal[value] == len(self.values):
                del self._equal[value]
            else:
                del self._others[key(value)]


def memoize(step: Callable[[Any, Any], Iterable[T]]) -> Callable[[Any, Any], tuple[T, ...]]:
    """Return a step function that runs once for each state and event; exceptions aren't cached."""
    locals_, events = Numbers(), Numbers()
    results: dict[tuple[int, int], tuple[T, ...]] = {}

    def cached_step(local: object, event: object) -> tuple[T, ...]:
        pair = locals_.of(local), events.of(event)
        if pair not in results:
            results[pair] = tuple(step(local, event))
        return results[pair]

    return cached_step


def _learn_parts(kind: type) -> Parts:
    """Return, and cache, a function that returns the parts of a class's values."""
    _PARTS[kind] = parts = _parts_function(kind)
    return parts


def _parts_function(kind: Any) -> Parts:  # noqa: ANN401 - a class, of which we know nothing
    """Return a function that returns the parts of a class's values, always in the same order."""
    if kind.__hash__ is None:
        raise TypeError(f"unhashable type: {kind.__name__!r}")
    if kind.__eq__ is object.__eq__ or issubclass(kind, Enum | type):  # each is one object
        return lambda value: (id(value),)
    base = next((base for base in CONTENTS if issubclass(kind, base)), None)
    if (names := _field_names(kind)) is not None:
        return _record_parts(kind, names, base)
    return _pickle_parts if base is None else _subclass_parts(kind, base)


def _subclass_parts(kind: type, base: type) -> Parts:
    """Return a function that returns the parts of a class that is in CONTENTS, or inherits from `base` there."""
    contents, has_attributes = CONTENTS[base], _has_attributes(kind) or _slots(kind)
    if base is tuple and not has_attributes:
        return (lambda value: value) if kind is tuple or hasattr(kind, "_fields") else contents
    return lambda value: (contents(value), *(_attributes(value) if has_attributes else ()))


def _field_names(kind: Any) -> tuple[str, ...] | None:  # noqa: ANN401 - a class, of which we know nothing
    """Return the names of a record's fields, compared or not; None if a class isn't a record."""
    if is_dataclass(kind):
        return tuple(f.name for f in fields(kind))
    if hasattr(kind, "__attrs_attrs__"):  # attrs
        return tuple(f.name for f in kind.__attrs_attrs__)
    return getattr(kind, "__struct_fields__", None)  # msgspec


def _equal_to_itself(value: Any) -> Any:  # noqa: ANN401 - the subject's own
    """Return a value; raises TypeError for NaN and the like, which would never be found again."""
    if value != value:  # noqa: PLR0124 - only such values differ from themselves
        raise TypeError(f"{value!r} isn't equal even to itself; use None")
    return value


def _record_parts(kind: type, names: tuple[str, ...], base: type | None) -> Parts:
    """Return a function that returns the parts of a record: its fields, and its value as a `base`."""
    get = attrgetter(*names) if len(names) > 1 else None
    others = tuple(_slots(kind) - {*names})
    in_dict = len({*names} - _slots(kind)) if _has_attributes(kind) else None
    contents = None if base is None else CONTENTS[base]
    if get is not None and not others and in_dict is None and contents is None:
        return get

    def parts(value: Any) -> Sequence[Any]:  # noqa: ANN401 - of `kind`
        if others or (in_dict is not None and len(value.__dict__) != in_dict):
            _refuse_hidden(value, names, others)
        values = [getattr(value, name, UNSET) for name in names]
        return values if contents is None else (*values, contents(value))

    return parts


def _refuse_hidden(value: object, names: tuple[str, ...], slots: tuple[str, ...]) -> None:
    """Refuse a record with attributes beside its fields, which might make a difference."""
    present = (*getattr(value, "__dict__", ()), *(name for name in slots if hasattr(value, name)))
    extra = sorted({*present} - {*names} - _cached_properties(type(value)))
    if extra:
        raise TypeError(f"a {type(value).__name__} has {extra[0]!r} beside its fields; make it a field")


def _attributes(value: Any) -> Iterator[Any]:  # noqa: ANN401 - the subject's own
    kind = type(value)
    names = ({*getattr(value, "__dict__", ())} | _slots(kind)) - _cached_properties(kind)
    for name in sorted(name for name in names if hasattr(value, name)):
        yield name
        yield getattr(value, name)


def _has_attributes(kind: type) -> bool:
    return kind.__dictoffset__ != 0


def _slots(kind: type) -> set[str]:
    """Return the names of the slots of a class."""
    names = set[str]()
    for home in kind.__mro__:
        slots = vars(home).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            private = name.startswith("__") and not name.endswith("__")
            names.add(f"_{home.__name__.lstrip('_')}{name}" if private else name)
    return names - {"__dict__", "__weakref__"}


def _cached_properties(kind: type) -> set[str]:
    """Return the names of cached properties, which follow from the rest of a value."""
    return {name for home in kind.__mro__ for name, member in vars(home).items() if isinstance(member, cached_property)}


def _pickle_parts(value: Any) -> Sequence[Any]:  # noqa: ANN401 - the subject's own
    """Return the parts from which pickle would rebuild a value; raises TypeError if it can't."""
    reduce = copyreg.dispatch_table.get(type(_equal_to_itself(value)))
    try:
        recipe = value.__reduce_ex__(PROTOCOL) if reduce is None else reduce(value)
    except Exception as error:
        name = type(value).__name__
        raise TypeError(f"a {name} can't be told from what is only equal to it; use a frozen dataclass") from error
    return (recipe,) if isinstance(recipe, str) else [_frozen(part) for part in recipe]


def _frozen(part: Any) -> Any:  # noqa: ANN401 - what __reduce_ex__ gives
    """Return a part from pickle with tuples in place of lists, dicts and iterators."""
    match part:
        case dict():
            return (dict, *((name, _frozen(value)) for name, value in part.items()))
        case list() | Iterator():
            return (list, *map(_frozen, part))
        case tuple() if type(part) is tuple:
            return tuple(map(_frozen, part))
        case _:
            return part
