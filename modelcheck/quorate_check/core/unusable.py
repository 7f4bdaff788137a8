"""The error for an unusable system, one line that says what to change, and its wording."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from types import NoneType

WORDS: dict[object, str] = {
    int: "a number",
    float: "a number",
    str: "a string",
    bool: "True or False",
    tuple: "a tuple",
    NoneType: "None",
    Mapping: "a dict",
    Callable: "a function",
}
Kinds = tuple[type, ...]
FUNCTION: Kinds = (Callable,)  # type: ignore[assignment]  # isinstance takes it, as a class
OPTIONAL_FUNCTION: Kinds = (*FUNCTION, NoneType)


class UnusableSystemError(ValueError):
    """The system, its bounds or its step function can't be checked; the text says what to change.

    `withdrawn` is set by a search that asked what a step would do, and may never come to take it.
    """

    withdrawn = False


class UnreliableStepError(UnusableSystemError):
    """The step function answers by chance, or changes the state it is given: no other answer of it counts either."""


def text_of(error: BaseException) -> str:
    """Return an exception's class and message in one line; for a StopIteration out of a generator, that one."""
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration):
        return f"{text_of(error.__cause__)} in a generator"
    name = type(error).__name__
    try:
        message = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - the subject's own class
        message = "its message can't be shown"
    return f"{name}: {message}" if message else name


def kind_of(value: object) -> str:
    """Return the name of a value's class with an article."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"an {name}" if name[0] in "AEIOUaeiou" else f"a {name}"


def type_advice(value: object, kinds: Kinds) -> str | None:
    """Return what to give instead of `value`, None if it is of one of `kinds`; True and False are no numbers."""
    if isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool)):
        return None
    return " or ".join(dict.fromkeys(map(_kind_text, kinds)))


def refuse_mistyped(record: object, kinds: Mapping[str, Kinds]) -> None:
    """Raise UnusableSystemError if a field isn't of its kinds, as a type checker would."""
    for name, expected in kinds.items():
        value = getattr(record, name)
        if (advice := type_advice(value, expected)) is not None:
            raise UnusableSystemError(f"{type(record).__name__}: {name} is {repr_line(value)}; give {advice}")


def repr_line(value: object) -> str:
    """Return the text of a value in one line, or the name of its class if its text can't be made."""
    try:
        return " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - the subject's own class
        return f"{kind_of(value)} that can't be shown"


def _kind_text(kind: type) -> str:
    if kind in WORDS:
        return WORDS[kind]
    if issubclass(kind, Enum):
        return " or ".join(f"{kind.__name__}.{member.name}" for member in kind)
    return f"a {kind.__name__}" if kind.__name__[0] not in "AEIOU" else f"an {kind.__name__}"
