"""Snapshots are written to the disk before the core sees them, so that no acknowledgement waits for them (§7)."""

import asyncio
import logging
from collections.abc import Callable

from quorate.raft import InstallSnapshot, Snapshot
from quorate.raft_server.interfaces import RaftStorage
from quorate.raft_server.settings import Settings
from quorate.runtime.interfaces import DiskFullError

log = logging.getLogger("quorate.server")


class Staging:
    """Stages one snapshot at a time; `failed` is called if the contents of the disk have become unknown.

    `staged` is the snapshot that is staged, until the next one begins and takes its room.
    """

    def __init__(
        self,
        storage: RaftStorage,
        settings: Settings,
        failed: Callable[[BaseException], None],
        prepare: Callable[[Snapshot], None] | None = None,
    ) -> None:
        """Begin without a snapshot; `prepare` is called in a thread with each snapshot that is on the disk."""
        self._storage = storage
        self._settings = settings
        self._failed = failed
        self._prepare = prepare
        self._not_before = self._full_until = 0.0
        self._closed = False
        self.under_way = False
        self.staged: Snapshot | None = None

    def receive(self, message: InstallSnapshot, commit_index: int, take: Callable[[InstallSnapshot], None]) -> None:
        """Call `take` with a snapshot that has arrived: when it is staged, or now if the core will ignore it."""
        if message.snapshot.last_included_index <= commit_index:
            take(message)
        else:
            self.begin(message.snapshot, lambda: take(message))

    def close(self) -> None:
        """Make no more callbacks."""
        self._closed = True

    def is_full(self, now: float) -> bool:
        """Whether the disk has no room for a snapshot that was requested lately and will be requested again."""
        return now < self._full_until

    def begin(self, snapshot: Snapshot, staged: Callable[[], None] = lambda: None) -> None:
        """Stage a snapshot, and call `staged` when its write has become small.

        While another is being staged, or soon after the disk was full, nothing happens: call again later.
        """
        loop, prepare = asyncio.get_running_loop(), self._prepare
        if self.under_way or loop.time() < self._not_before:
            return
        self.under_way, self.staged = True, None

        def done(future: "asyncio.Future[None]") -> None:
            error = None if future.cancelled() else future.exception()
            if future.cancelled() or self._closed or error is not None or prepare is None:
                prepared(future)
            else:
                loop.run_in_executor(None, lambda: prepare(snapshot)).add_done_callback(prepared)

        def prepared(future: "asyncio.Future[None]") -> None:
            self.under_way = False
            if future.cancelled() or self._closed:
                return
            error = future.exception()
            if error is None:
                self.staged, self._full_until = snapshot, 0.0
                staged()
            elif isinstance(error, DiskFullError):
                self._note_full(loop.time(), error)
            else:
                self._failed(error)

        self._storage.stage(snapshot).add_done_callback(done)

    def _note_full(self, now: float, error: DiskFullError) -> None:
        if not self.is_full(now):
            log.error("the disk has no room for a snapshot", extra={"reason": str(error)})
        self._not_before = now + self._settings.disk_retry_s
        # A leader's comes again after `snapshot_retry_s`, a server's own at once.
        self._full_until = self._not_before + 2 * self._settings.snapshot_retry_s
