"""Limits on the messages of each peer in a tick, and warnings about messages that no correct member sends."""

import logging
from collections import Counter

from quorate.bft import NodeId

log = logging.getLogger("quorate.bft")


class Hearing:
    """Accepts at most `most` messages of each peer in a tick, so that one peer's flood doesn't silence others."""

    def __init__(self, most: int) -> None:
        """Begin a tick."""
        self.refused = 0
        self._most = most
        self._heard: Counter[NodeId] = Counter()
        self._complained: set[NodeId] = set()

    def takes(self, peer: NodeId) -> bool:
        """Count a message of this peer; return whether it is accepted."""
        self._heard[peer] += 1
        return self._heard[peer] <= self._most

    def refuse(self, peer: NodeId | None, why: str) -> None:
        """Count a refused message, and log it once a tick; without a peer it is this member's own."""
        self.refused += 1
        if peer is not None and peer not in self._complained:
            self._complained.add(peer)
            log.warning("a message that no correct member sends", extra={"peer": peer, "reason": why})

    def tick(self) -> None:
        """Begin a new tick."""
        self._heard.clear()
        self._complained.clear()
