"""A backup of a store that serves, which the leader makes and its client fetches piece by piece.

The backup is a consistent state with all writes that were acknowledged before it was requested: the leader first
confirms a read, and then, if it still leads the same term, captures the applied state. Capturing copies only
references; a thread serialises the state. Nothing is written to disk.
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
PATIENCE_S: Final = 30.0  # after so long without a request the client is gone

Finish = Callable[[Outcome], None]


class Source(Protocol):
    """The server whose state is exported."""

    @property
    def state(self) -> State:
        """The state of its core."""
        ...

    def submit(self, write: bool, payload: bytes, done: Finish) -> None:  # noqa: FBT001
        """Answer `payload`; `done` is called once, after this call."""
        ...


class ExportError(Exception):
    """A request about backups is refused; the text is one line that begins with its code."""


class Exports:
    """Keeps at most one backup at a time in memory, until its client has fetched it or is gone.

    `capture` is the state machine's method, `applied` returns its index, `register` the register of this node, and
    `probe` is a query.
    """

    def __init__(
        self,
        server: Source,
        capture: Callable[[], Callable[[], bytes]],
        applied: Callable[[], int],
        register: Callable[[], Register],
        probe: bytes,
    ) -> None:
        """Begin without a backup."""
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
        """Make a backup; `done` gets its token and its length in bytes, or an error."""
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
                making = asyncio.get_running_loop().run_in_executor(None, self._capture_file())
                making.add_done_callback(finish)

        def finish(making: "asyncio.Future[bytes]") -> None:
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
        """Return at most PIECE_BYTES from `offset` on; raises ExportError if the backup is gone."""
        if token != self._token or not self._content:
            raise ExportError("ERR this backup is gone: begin another")
        self._keep()
        return self._content[offset : offset + PIECE_BYTES]

    def end(self, token: int) -> None:
        """Forget a backup, if it is still kept."""
        if token == self._token:
            self._content = b""
            if self._expiry is not None:
                self._expiry.cancel()

    def _place(self) -> int:
        """The term that this node leads; raises ExportError if it isn't leader."""
        state = self._server.state
        if state.role is not Role.LEADER:
            leader = "nobody" if state.leader_id is None else f"node {state.leader_id}"
            raise ExportError(f"NOTLEADER {leader} leads: ask there")
        return state.current_term

    def _capture_file(self) -> Callable[[], bytes]:
        """Return a function that makes the bytes of the file from the state as it is now."""
        serialise, index = self._capture(), self._applied()
        state = self._server.state
        term, configuration = state.log.term_at(index), state.log.configuration_at(index)
        voters = (configuration or state.config.first_configuration).voters
        assert term is not None, "applied entries after the last snapshot are in the log"
        register = self._register()
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        label = Label(register.name, register.cluster_id.hex(), voters, index, term, made_at, whole=True)
        return lambda: b"".join(parts_of(Backup(label, serialise())))

    def _keep(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = asyncio.get_running_loop().call_later(PATIENCE_S, self.end, self._token)
