"""What clients asked and were told: the values that a history is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

Time: TypeAlias = int | float
Value: TypeAlias = str | None


@dataclass(frozen=True, slots=True)
class Error:
    """An error as the reply of an operation that was done: it has no effect, and its words don't matter."""

    text: str


Reply: TypeAlias = str | int | tuple[Value, ...] | Error | None


class Outcome(Enum):
    """What a client knows: the operation took effect, surely never does, or neither."""

    DONE = "done"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a client, from when it was asked to when the client was told.

    `name` is in lower case, `arguments` are the words behind it in the Redis command; each character of a word or a
    value stands for one byte. `returned` is None if the client was never told, and `reply` counts only if it is DONE.
    `line` is where it stands in its file, counted from 1.
    """

    line: int
    client: str
    name: str
    arguments: tuple[str, ...]
    invoked: Time
    returned: Time | None
    reply: Reply
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class History:
    """Operations in the order of their lines; `cut_off` says that the last line of the file wasn't whole."""

    operations: tuple[Operation, ...]
    cut_off: bool = False
