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
    """An error as the reply of an operation that was done: it had no effect; errors with other texts count as equal."""

    text: str


@dataclass(frozen=True, slots=True)
class ScanPage:
    """The reply of one call of SCAN: the cursor of the next call, "0" at the end of an iteration, and some keys."""

    cursor: str
    keys: tuple[str, ...]


Reply: TypeAlias = str | int | tuple[Value, ...] | ScanPage | Error | None


class OperationOutcome(Enum):
    """What is known of an operation: done with a reply, done without a recorded reply, never done, or nothing."""

    DONE = "done"
    APPLIED = "applied"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a client, from its invocation to its return.

    `name` is in lower case, `arguments` are the words after it in the Redis command; each character of a word or a
    value stands for one byte. `returned` is None if the client got no reply; of an APPLIED operation it is a time by
    which it had taken effect. `reply` is meaningful only if the outcome is DONE. `line` is its line in the file,
    counted from 1.
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

    `initial` are the values that keys had before all operations; other keys were absent.
    """

    operations: tuple[Operation, ...]
    cut_off: bool = False
    initial: Mapping[str, str] = field(default_factory=dict)
