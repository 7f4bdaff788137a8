"""A server that is asked to end takes no more requests, and leaves when those that it has are done, or soon after."""

import asyncio
from collections.abc import Set as AbstractSet
from contextlib import suppress

from quorate.raft import NodeId, Role, State
from quorate.raft_server.interfaces import Transport


class Leaving:
    """Whether a server leaves, and whether it led; `drain` waits until nobody needs it."""

    def __init__(self) -> None:
        self.begun = self.resigned = False

    def begin(self) -> None:
        """Leave."""
        self.begun = True
        self._drained = asyncio.Event()

    def note(self, *, nobody_waits: bool) -> None:
        """Note whether nobody waits for this server any more."""
        if self.begun and nobody_waits:
            self._drained.set()

    def is_free(self, state: State, transport: Transport) -> bool:
        """Return whether another leads, or could at once: a peer with the whole log, whom nobody refuses."""
        if state.role is not Role.LEADER:
            return state.leader_id is not None or not self.resigned
        return (
            not (connected := transport.connected)
            or state.match_index_of(successor(state, connected)) == state.log.last_index
        )

    async def drain(self, longest_s: float) -> None:
        """Wait until that is noted, but not longer than so many seconds."""
        self._drained.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._drained.wait()


def successor(state: State, connected: AbstractSet[NodeId]) -> NodeId:
    """Return the peer of a leader that should lead next: of those that can be reached, who has most of its log."""
    return max(state.peers, key=lambda peer: (peer in connected, state.match_index_of(peer)))
