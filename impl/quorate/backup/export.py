"""A backup of a store that serves, handed out by the node that leads, in pieces that its client asks for.

It is a consistent state with all that was acknowledged before it was asked for: a read goes through the leader's usual
round first, and when it is answered, by the same leader of the same term, what has been applied there is captured. To
capture copies references only; what is serialised is serialised in a thread. Nothing is written anywhere.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol

from quorate.backup.file import Backup, Label, parts_of
from quorate.membership.register import Register
from quorate.raft.state import Role, State
from quorate.runtime.outcomes import Done, Outcome

PIECE_BYTES: Final = 1 << 20
PATIENCE_S: Final = 30.0  # a client that asks for nothing for so long has left

Finish = Callable[[Outcome], None]


class Source(Protocol):
    """The server whose state is handed out."""

    @property
    def state(self) -> State:
        """What its core knows."""
        ...

    def submit(self, write: bool, payload: bytes, done: Finish) -> None:  # noqa: FBT001
        """Have `payload` answered; `done` is called once, and not from within this call."""
        ...


class ExportError(Exception):
    """A request about backups that can't be served; one line, which begins with its code."""


class Exports:
    """At most one backup at a time, kept in memory until its client has it, or has left.

    `capture` is the state machine's, `applied` the index that it has reached, `register` what this node remembers of
    its cluster, and `probe` a query.
    """

    def __init__(
        self,
        server: Source,
        capture: Callable[[], Callable[[], bytes]],
        applied: Callable[[], int],
        register: Callable[[], Register],
        probe: bytes,
    ) -> None:
        """Begin with none."""
        self._server = server
        self._capture = capture
        self._applied = applied
        self._register = register
        self._probe = probe
        self._token = 0
        self._content = b""
        self._expiry: asyncio.TimerHandle | None = None
        self._is_making = False

    def begin(self, done: Callable[[tuple[int, int] | ExportError], None]) -> None:
        """Make a backup; `done` gets its token and its length in bytes, or why there is none."""
        if self._is_making or self._content:
            raise ExportError(f"BUSY another backup is being taken here; try again in {PATIENCE_S:g} s")
        before = self._place()
        self._is_making = True

        def refuse(why: str) -> None:
            self._is_making = False
            done(ExportError(why))

        def confirmed(outcome: Outcome) -> None:
            if not isinstance(outcome, Done):
                refuse(f"CLUSTERDOWN {outcome.why}; try again")
            elif self._server.state.role is not Role.LEADER or self._server.state.current_term != before:
                refuse("CLUSTERDOWN the leader changed; try again")
            else:
                making = asyncio.get_running_loop().run_in_executor(None, self._taken())
                making.add_done_callback(made)

        def made(making: "asyncio.Future[bytes]") -> None:
            if making.cancelled() or (error := making.exception()) is not None:
                refuse("ERR the state can't be serialised" if making.cancelled() else f"ERR {error}")
                return
            self._is_making = False
            self._token += 1
            self._content = making.result()
            self._keep()
            done((self._token, len(self._content)))

        self._server.submit(False, self._probe, confirmed)  # noqa: FBT003

    def piece(self, token: int, offset: int) -> bytes:
        """Return what follows `offset`, at most PIECE_BYTES; ExportError if the backup is gone."""
        if token != self._token or not self._content:
            raise ExportError("ERR this backup is gone: begin another")
        self._keep()
        return self._content[offset : offset + PIECE_BYTES]

    def end(self, token: int) -> None:
        """Forget a backup; nothing, if that has been done."""
        if token == self._token:
            self._content = b""
            if self._expiry is not None:
                self._expiry.cancel()

    def _place(self) -> int:
        """The term that this node leads; ExportError if it doesn't."""
        state = self._server.state
        if state.role is not Role.LEADER:
            leader = "nobody" if state.leader_id is None else f"node {state.leader_id}"
            raise ExportError(f"NOTLEADER {leader} leads: ask there")
        return state.current_term

    def _taken(self) -> Callable[[], bytes]:
        """What makes the file's bytes of the state as it is now."""
        serialise, index = self._capture(), self._applied()
        term = self._server.state.log.term_at(index)
        assert term is not None, "what was applied since the last snapshot is in the log"
        register = self._register()
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        label = Label(register.name, register.cluster_id.hex(), register.members, index, term, made_at, whole=True)
        return lambda: b"".join(parts_of(Backup(label, serialise())))

    def _keep(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = asyncio.get_running_loop().call_later(PATIENCE_S, self.end, self._token)
