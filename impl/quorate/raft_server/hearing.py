"""When the core of a leader is told that an election timeout has passed, and which messages it hears of (CheckQuorum).

The timeout is counted in heartbeats, each of which asks all peers for an answer. So time in which this node didn't run,
because of garbage collection or because its machine stood still, is no more than one heartbeat: messages of that time
still arrive. Slow disks of followers don't make them silent either: each heartbeat comes with a SignOfLife, which
promises nothing about a disk and is answered at once.
"""

from math import ceil

from quorate.raft import State
from quorate.raft_server.interfaces import PeerMessage
from quorate.raft_server.messages import ChunkTaken, SignOfLife
from quorate.raft_server.settings import Settings
from quorate.runtime.interfaces import Arriving


class CheckTimer:
    """An election timeout of a leader, counted in heartbeats."""

    def __init__(self, settings: Settings) -> None:
        """Begin with a whole timeout."""
        self._heartbeats = ceil(settings.election_timeout_s / settings.heartbeat_s)
        self.restart()

    def restart(self) -> None:
        """Wait a whole timeout from now on: a new leader has sent nothing that peers could have answered."""
        self._left = self._heartbeats

    def tick(self) -> bool:
        """Count a heartbeat, and return whether it ends a timeout; then the next one begins."""
        self._left -= 1
        is_over = self._left == 0
        if is_over:
            self.restart()
        return is_over


def is_answer(state: State, message: PeerMessage) -> bool:
    """Whether `message`, which the core of a leader in `state` doesn't receive, or not yet, shows that it is heard."""
    match message:
        case SignOfLife(term, reply=True):
            return term == state.current_term
        case ChunkTaken() | Arriving():
            return True
        case _:
            return False


def disk_is_in_the_way(state: State, writing_s: float, settings: Settings) -> bool:
    """Whether a leader whose disk has been writing for `writing_s` should let another one lead.

    A leader with a stalled disk is no worse than another while its followers' disks commit without it (§10.2.1).
    If entries wait, and nothing was committed beyond those on its own disk, a follower may do better.
    """
    is_stuck = state.commit_index <= state.durable_index < state.log.last_index
    return writing_s > settings.request_timeout_s and is_stuck
