"""The settings of one server; those on which all members must agree are in raft.Config, and `digest_entries`."""

from dataclasses import dataclass
from typing import Final

from quorate.raft import Config, NodeId
from quorate.runtime.settings import check_positive

MOST_ENTRIES_AT_ONCE: Final = 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds, sizes in bytes.

    Election timeouts are drawn anew from [election_timeout_s, 2 * election_timeout_s) each time (§5.2). A request
    without an answer after `request_timeout_s` gets an error. The log is compacted when entries of `snapshot_bytes`
    have been applied since the last snapshot. Snapshots are sent in chunks of `chunk_bytes`, and lost chunks again
    after `snapshot_retry_s`. Members compare their states at multiples of `digest_entries`, which must be the same on
    all. Raises ValueError if heartbeats are not much more frequent than election timeouts, or if a value is not
    positive.
    """

    heartbeat_s: float = 0.05
    election_timeout_s: float = 0.3
    request_timeout_s: float = 5.0
    disk_retry_s: float = 1.0
    snapshot_retry_s: float = 2.0
    snapshot_bytes: int = 16 << 20
    chunk_bytes: int = 1 << 20
    max_pending: int = 20_000
    digest_entries: int = 1_024

    def __post_init__(self) -> None:
        check_positive(self)
        if self.heartbeat_s * 3 > self.election_timeout_s:
            raise ValueError(
                f"heartbeat_s: at most a third of election_timeout_s ({self.election_timeout_s}) is needed, "
                f"or followers stand for election under a living leader; not {self.heartbeat_s}"
            )


def served_config(members: tuple[NodeId, ...]) -> Config:
    """The core's configuration on every server; `model-check` explores it, too."""
    return Config(members, pre_vote=True, no_op=True, check_quorum=True, max_entries=MOST_ENTRIES_AT_ONCE)
