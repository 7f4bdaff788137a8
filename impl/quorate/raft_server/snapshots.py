"""Decides when the state machine is serialised and the log compacted (§7)."""

import asyncio
from collections.abc import Callable

from quorate.raft import Configuration, Entry, Role, Snapshot, State
from quorate.raft_server.interfaces import RaftStorage
from quorate.raft_server.settings import Settings
from quorate.raft_server.staging import Staging
from quorate.runtime.interfaces import StateMachine

ENTRY_OVERHEAD = 32  # approximate bytes of an entry beside its command


class Snapshots:
    """Makes a snapshot in the background when enough has been applied, and returns it when the log may be compacted.

    After compaction, a follower that is only a little behind would need the whole snapshot. So a leader keeps the log
    until all followers have the entries in the snapshot, or until the log has grown by as much again.
    """

    def __init__(
        self,
        settings: Settings,
        machine: StateMachine,
        storage: RaftStorage,
        failed: Callable[[BaseException], None],
        prepare: Callable[[Snapshot], None] | None = None,
    ) -> None:
        """Begin with an empty log; `failed` is called if the contents of the disk are unknown (see Staging)."""
        self.staging = Staging(storage, settings, failed, prepare)
        self._settings = settings
        self._machine = machine
        self.log_bytes = 0
        self._covered_bytes = 0
        self._latest_bytes = 0  # of the state; snapshots are made no more often than the log grows by as much
        self._position: tuple[int, int] | None = None
        self._configuration: Configuration | None = None
        self._serialising: asyncio.Future[bytes] | None = None
        self._latest: Snapshot | None = None

    def applied(self, entry: Entry) -> None:
        """Count an entry that has been applied."""
        self.log_bytes += ENTRY_OVERHEAD + (0 if entry.command is None else len(entry.command))

    def installed(self) -> None:
        """Forget the current snapshot, since a newer one has arrived from the leader."""
        self.cancel()
        self.log_bytes = 0

    def cancel(self) -> None:
        """Give up the current snapshot."""
        self._position = self._serialising = self._latest = None

    def close(self) -> None:
        """Stop making snapshots."""
        self.cancel()
        self.staging.close()

    def poll(self, state: State, machine_index: int) -> Snapshot | None:
        """Return a snapshot that should replace its part of the log now, else None; begin one if it is time."""
        if self._position is None or self._serialising is None:
            if self.log_bytes >= max(self._settings.snapshot_bytes, self._latest_bytes):
                self._begin(state, machine_index)
            return None
        if self._latest is None:
            if not self._serialising.done():
                return None
            self._latest = Snapshot(*self._position, self._serialising.result(), self._configuration)
        if self.staging.staged is not self._latest:  # or not any more, for a leader's has come meanwhile
            self.staging.begin(self._latest)
            return None
        snapshot = self._latest
        if self.log_bytes < 2 * self._settings.snapshot_bytes and not _all_have(state, snapshot.last_included_index):
            return None
        self.cancel()
        self.log_bytes -= self._covered_bytes
        self._latest_bytes = len(snapshot.data)
        return snapshot

    def _begin(self, state: State, machine_index: int) -> None:
        term = state.log.term_at(machine_index)
        assert term is not None, "applied entries after the last snapshot are in the log"
        self._position = (machine_index, term)
        self._configuration = state.log.configuration_at(machine_index)
        self._covered_bytes = self.log_bytes
        self._serialising = asyncio.get_running_loop().run_in_executor(None, self._machine.capture())
        # Retrieve the exception, which nobody reads of a snapshot that was given up.
        self._serialising.add_done_callback(lambda future: future.cancelled() or future.exception())


def _all_have(state: State, index: int) -> bool:
    if state.role is not Role.LEADER:
        return True
    return all(state.match_index_of(peer) >= index for peer in state.peers)
