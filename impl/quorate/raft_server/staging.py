"""What is large goes to the disk before the core hears of it, so that no acknowledgement waits behind it (§7)."""

import asyncio
import logging
from collections.abc import Callable

from quorate.raft import InstallSnapshot, Snapshot
from quorate.raft_server.interfaces import Storage
from quorate.raft_server.settings import Settings
from quorate.runtime.interfaces import DiskFullError

log = logging.getLogger("quorate.server")


class Staging:
    """One snapshot at a time on its way to the disk; `failed` is called if nobody knows what that holds then."""

    def __init__(
        self,
        storage: Storage,
        settings: Settings,
        failed: Callable[[BaseException], None],
        prepare: Callable[[Snapshot], None] | None = None,
    ) -> None:
        """Begin with none; `prepare` is called with each in a thread, when it is on the disk."""
        self._storage = storage
        self._settings = settings
        self._failed = failed
        self._prepare = prepare
        self._not_before = 0.0
        self._closed = False
        self.under_way = False

    def receive(self, message: InstallSnapshot, commit_index: int, take: Callable[[InstallSnapshot], None]) -> None:
        """Have `take` called with a snapshot that has arrived: when it is staged, or now if the core will ignore it."""
        if message.snapshot.last_included_index <= commit_index:
            take(message)
        else:
            self.begin(message.snapshot, lambda: take(message))

    def close(self) -> None:
        """Call nothing any more."""
        self._closed = True

    def begin(self, snapshot: Snapshot, staged: Callable[[], None]) -> None:
        """Have `staged` called when the write of `snapshot` is small.

        Nothing happens while another is under way, or soon after the disk was full: ask again.
        """
        loop, prepare = asyncio.get_running_loop(), self._prepare
        if self.under_way or loop.time() < self._not_before:
            return
        self.under_way = True

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
                staged()
            elif isinstance(error, DiskFullError):
                self._not_before = loop.time() + self._settings.disk_retry_s
                log.error("the disk has no room for a snapshot", extra={"reason": str(error)})
            else:
                self._failed(error)

        self._storage.stage(snapshot).add_done_callback(done)
