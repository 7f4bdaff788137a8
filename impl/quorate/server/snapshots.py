"""When the state machine is serialised in place of the log (§7)."""

import asyncio

from quorate.raft import Entry, Role, Snapshot, State
from quorate.server.interfaces import StateMachine
from quorate.server.settings import Settings

ENTRY_OVERHEAD = 32  # bytes that an entry costs beside its command, roughly


class Snapshots:
    """Begins a snapshot in the background when enough has been applied, and hands it over when the log can be spared.

    Compaction takes entries from followers that are only a little behind, which would need the whole snapshot then. So
    a leader keeps the log until all have what the snapshot covers, or until it has grown by as much again.
    """

    def __init__(self, settings: Settings, machine: StateMachine) -> None:
        """Begin with an empty log."""
        self._settings = settings
        self._machine = machine
        self.log_bytes = 0
        self._covered_bytes = 0
        self._latest_bytes = 0  # of the state: to write it more often than the log grows by as much would cost more
        self._position: tuple[int, int] | None = None
        self._serialising: asyncio.Future[bytes] | None = None

    def applied(self, entry: Entry) -> None:
        """Count an entry that has been applied."""
        self.log_bytes += ENTRY_OVERHEAD + (0 if entry.command is None else len(entry.command))

    def installed(self) -> None:
        """Forget the snapshot being made: a newer one has come from the leader."""
        self.cancel()
        self.log_bytes = 0

    def cancel(self) -> None:
        """Give up the snapshot being made."""
        self._position = None
        self._serialising = None

    def poll(self, state: State, machine_index: int) -> Snapshot | None:
        """Return a snapshot that should take the place of its part of the log now; else see whether to begin one."""
        if self._position is None or self._serialising is None:
            if self.log_bytes >= max(self._settings.snapshot_bytes, self._latest_bytes):
                self._begin(state, machine_index)
            return None
        if not self._serialising.done():
            return None
        index, term = self._position
        if self.log_bytes < 2 * self._settings.snapshot_bytes and not _all_have(state, index):
            return None
        snapshot = Snapshot(index, term, self._serialising.result())
        self.cancel()
        self.log_bytes -= self._covered_bytes
        self._latest_bytes = len(snapshot.data)
        return snapshot

    def _begin(self, state: State, machine_index: int) -> None:
        term = state.log.term_at(machine_index)
        assert term is not None, "what was applied since the last snapshot is in the log"
        self._position = (machine_index, term)
        self._covered_bytes = self.log_bytes
        self._serialising = asyncio.get_running_loop().run_in_executor(None, self._machine.capture())


def _all_have(state: State, index: int) -> bool:
    if state.role is not Role.LEADER:
        return True
    return all(state.match_index_of(peer) >= index for peer in state.peers)
