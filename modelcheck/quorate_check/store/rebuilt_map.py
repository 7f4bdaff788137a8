"""The state machine of the explored store, made anew for each step from the commands that were applied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

from quorate import raft as code
from quorate.store.clock import Clock
from quorate.store.machine import KeyValueMachine
from quorate_check.store.state import MapHistory


class RebuiltMap:
    """The state machine `KeyValueMachine` with its history, from which each step makes it anew (StateMachine)."""

    def __init__(self, history: MapHistory, clock: int) -> None:
        """Begin with what a server has applied; nothing runs before it is needed."""
        self.history, self._clock = history, clock

    @cached_property
    def _machine(self) -> KeyValueMachine:
        clock = self._clock
        machine = KeyValueMachine(Clock(lambda: clock, lambda: 0))
        if self.history.base:
            machine.restore(self.history.base)
        for index, command in enumerate(self.history.commands, start=self.history.first):
            if command is not None:
                machine.apply(index, command)
        return machine

    def stamped(self, command: bytes) -> bytes:
        """Return the log entry of a command."""
        return self._machine.stamped(command)

    def knows(self, write: bool, request: bytes) -> bool:  # noqa: FBT001 - as the state machine has it
        """Whether a write or a query is valid."""
        return self._machine.knows(write, request)

    def is_late(self, query: bytes) -> bool:
        """Whether the query needs a later time than the log has reached."""
        return self._machine.is_late(query)

    def query(self, query: bytes) -> bytes:
        """Return the reply to a query."""
        return self._machine.query(query)

    @property
    def has_expired(self) -> bool:
        """Whether a key's deadline has passed by this server's clock."""
        return self._machine.has_expired

    def passing(self) -> bytes:
        """Return a log entry that only lets time pass."""
        return self._machine.passing()

    def apply(self, index: int, command: bytes) -> bytes:
        """Apply a command and return its reply."""
        return self._machine.apply(index, command)

    def note(self, entries: Iterable[code.Entry]) -> None:
        """Record entries that were applied."""
        commands = (*self.history.commands, *(entry.command for entry in entries))
        self.history = replace(self.history, commands=commands)

    def capture(self) -> bytes:
        """Return the state as a snapshot has it."""
        return self._machine.capture()()

    def install(self, snapshot: code.Snapshot) -> None:
        """Begin again with the state in a snapshot."""
        self.history = MapHistory(snapshot.data, snapshot.last_included_index + 1)
        self.__dict__.pop("_machine", None)
