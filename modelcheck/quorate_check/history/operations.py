"""The values of a history: clients' operations and their replies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

Time: TypeAlias = int | float
Value: TypeAlias = str | None


@dataclass(frozen=True, slots=True)
class Error:
    """An error as the reply of an operation that was done: it has no effect, and its words don't matter."""

    text: str


@dataclass(frozen=True, slots=True)
class ScanPage:
    """What one call of SCAN returns: where to go on, "0" at the end, and some keys."""

    cursor: str
    keys: tuple[str, ...]


Reply: TypeAlias = str | int | tuple[Value, ...] | ScanPage | Error | None


class OperationOutcome(Enum):
    """The knowledge about an operation: done with its reply, done without a recorded reply, never done, or unknown."""

    DONE = "done"
    APPLIED = "applied"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a client, from its invocation to its return.

    `name` is in lower case, `arguments` are the words behind it in the Redis command; each character of a word or a
    value stands for one byte. `returned` is None if the client got no reply, and `reply` counts only if it is DONE.
    What is APPLIED has a time by which it was done, too.
    `line` is where it stands in its file, counted from 1.
    """

    line: int
    client: str
    name: str
    arguments: tuple[str, ...]
    invoked: Time
    returned: Time | None
    reply: Reply
    outcome: OperationOutcome


@dataclass(frozen=True, slots=True)
class History:
    """Operations in the order of their lines; `cut_off` says that the last line of the file wasn't whole.

    `initial` are the values of the keys that were there before all operations.
    """

    operations: tuple[Operation, ...]
    cut_off: bool = False
    initial: Mapping[str, str] = field(default_factory=dict)
