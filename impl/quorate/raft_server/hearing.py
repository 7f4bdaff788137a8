"""CheckQuorum: a leader that has not heard from a quorum lately steps down, and clients learn it (dissertation §6.2).

Time in which this node didn't run, because of garbage collection or because its machine stood still, doesn't count as
silence: messages of that time still arrive. Slow disks of followers don't count as silence either: each heartbeat comes
with a SignOfLife, which promises nothing about a disk and is answered at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from quorate.raft import NodeId, State
from quorate.raft_server.settings import Settings


@dataclass
class Hearing:
    """The time when each peer was last heard, in the event loop's seconds; `tick` must be called every `interval_s`."""

    interval_s: float
    _heard: dict[NodeId, float] = field(default_factory=dict, init=False)
    _last_tick: float | None = field(default=None, init=False)

    def begin(self, peers: Iterable[NodeId], now: float) -> None:
        """Count from now on: a new leader has sent nothing that peers could have answered."""
        self._heard = dict.fromkeys(peers, now)

    def heard(self, peer: NodeId, now: float) -> None:
        """Record a message from a peer."""
        self._heard[peer] = now

    def tick(self, now: float) -> None:
        """Subtract the time by which this call is late from all silences."""
        if self._last_tick is not None:
            late = max(0.0, now - self._last_tick - self.interval_s)
            self._heard = {peer: min(now, heard + late) for peer, heard in self._heard.items()}
        self._last_tick = now

    def reason_to_stop(self, state: State, now: float, writing_s: float, settings: Settings) -> str | None:
        """Return why a leader should step down, None if it shouldn't; its disk has been writing for `writing_s`."""
        self.tick(now)
        since = now - settings.election_timeout_s
        if not state.config.is_quorum({state.id, *(peer for peer, when in self._heard.items() if when >= since)}):
            return "no majority was heard for an election timeout"
        if writing_s > settings.request_timeout_s and _is_stuck(state):
            return "its disk has stalled, and nothing is committed without it"
        return None


def _is_stuck(state: State) -> bool:
    """Whether entries wait, and nothing was committed beyond those on this leader's own disk.

    A leader with a stalled disk is no worse than another while its followers' disks commit without it (§10.2.1).
    Otherwise a follower with a working disk may do better.
    """
    return state.commit_index <= state.durable_index < state.log.last_index
