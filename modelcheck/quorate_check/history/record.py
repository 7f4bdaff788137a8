"""A recorder of histories, for tests and for programs that are clients of a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from quorate_check.history.format import lines
from quorate_check.history.operations import Error, History, Operation, OperationOutcome, Reply, ScanPage, Time


class Recorder:
    """Records clients' operations and replies; an operation without an `end` has an unknown outcome.

    `clock` must be monotonic, and the same one for all clients. A word may be bytes, or text, which is encoded as
    UTF-8. A reply may also be what redis-py returns or raises: True for OK, lists, exceptions. `initial` are the values
    that keys have before all operations.
    """

    def __init__(
        self, clock: Callable[[], Time] = time.monotonic_ns, initial: Mapping[str | bytes, str | bytes] | None = None
    ) -> None:
        self._clock = clock
        self._initial = {_word(key): _word(value) for key, value in (initial or {}).items()}
        self._operations: list[Operation] = []

    def begin(self, client: str, name: str, *arguments: str | bytes) -> int:
        """Record an operation of `client`, just before it is sent; return its number, for `end`."""
        line = len(self._operations) + 1
        words = tuple(_word(each) for each in arguments)
        self._operations.append(
            Operation(line, client, name.lower(), words, self._clock(), None, None, OperationOutcome.UNKNOWN)
        )
        return line

    def end(self, number: int, outcome: OperationOutcome, reply: object = None) -> None:
        """Record the reply to operation `number`, just after it arrived; raise TypeError if `reply` is no reply."""
        recorded = _reply(reply) if outcome is OperationOutcome.DONE else None
        operation = self._operations[number - 1]
        self._operations[number - 1] = replace(operation, returned=self._clock(), outcome=outcome, reply=recorded)

    @property
    def history(self) -> History:
        """The history recorded so far."""
        return History(tuple(self._operations), initial=self._initial)

    def save(self, file: Path) -> None:
        """Write the history into a file for `model-check history`."""
        file.write_text("".join(lines(self.history)), encoding="utf-8")


def _word(text: str | bytes) -> str:
    return (text.encode() if isinstance(text, str) else text).decode("latin-1")


def _reply(reply: object) -> Reply:
    match reply:
        case True:
            return "OK"
        case None | int() | Error() | ScanPage():
            return reply
        case str() | bytes():
            return _word(reply)
        case (int() | str() | bytes() as cursor, list() as keys):
            return ScanPage(_word(cursor if isinstance(cursor, bytes) else str(cursor)), tuple(map(_word, keys)))
        case list() | tuple():
            return tuple(None if each is None else _word(each) for each in reply)
        case Exception():
            return Error(str(reply))
        case _:
            raise TypeError(f"no operation replies {reply!r}")
