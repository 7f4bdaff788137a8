"""Whom a leader has heard lately: if no quorum, it stops leading, so that its clients learn it (dissertation §6.2).

Time in which this node didn't run, for a collection of garbage or because its machine stood still, is nobody's silence:
what was sent meanwhile is still on its way in. What followers owe their disks is no silence either: a question that
promises nothing about a disk goes out with every heartbeat, and is answered at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from quorate.raft import NodeId, State
from quorate.raft_server.messages import ConfirmLeadership
from quorate.raft_server.settings import Settings

NO_ROUND: Final = 0  # of reads: rounds are counted from 1


@dataclass
class Hearing:
    """When each peer was heard, in seconds of the event loop; `tick` is called every `interval_s`."""

    interval_s: float
    _heard: dict[NodeId, float] = field(default_factory=dict, init=False)
    _last_tick: float | None = field(default=None, init=False)

    def begin(self, peers: Iterable[NodeId], now: float) -> None:
        """Count from now on: nobody has had a reason to answer a new leader yet."""
        self._heard = dict.fromkeys(peers, now)

    def heard(self, peer: NodeId, now: float) -> None:
        """Note a message."""
        self._heard[peer] = now

    def tick(self, now: float) -> None:
        """Leave out the time by which this call is late."""
        if self._last_tick is not None:
            late = max(0.0, now - self._last_tick - self.interval_s)
            self._heard = {peer: min(now, heard + late) for peer, heard in self._heard.items()}
        self._last_tick = now

    def reason_to_stop(self, state: State, now: float, writing_s: float, settings: Settings) -> str | None:
        """Return why the leader `state` should lead no more, else None; its disk has written for `writing_s`."""
        self.tick(now)
        since = now - settings.election_timeout_s
        if not state.config.is_quorum({state.id, *(peer for peer, when in self._heard.items() if when >= since)}):
            return "no majority was heard for an election timeout"
        if writing_s > settings.request_timeout_s and _is_stuck(state):
            return "its disk has stalled, and nothing is committed without it"
        return None


def sign_of_life(state: State) -> ConfirmLeadership:
    """Return the question that a leader asks with each heartbeat if no reads need a round of their own."""
    return ConfirmLeadership(state.current_term, NO_ROUND)


def _is_stuck(state: State) -> bool:
    """Whether entries wait, and nothing was committed beyond what this leader's own disk holds.

    A leader whose disk has stalled is no worse than another while its followers' disks commit without it (§10.2.1).
    Otherwise a follower may do better, whose disk works and who can reach others.
    """
    return state.commit_index <= state.durable_index < state.log.last_index
