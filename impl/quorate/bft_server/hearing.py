"""How much is heard of each peer in a tick, and what is said of who sends what no correct member sends."""

import logging
from collections import Counter

from quorate.bft import NodeId

log = logging.getLogger("quorate.bft")


class Hearing:
    """Of one peer so many messages are looked at in a tick: who floods keeps nobody from hearing the others."""

    def __init__(self, most: int) -> None:
        """Begin a tick."""
        self.refused = 0
        self._most = most
        self._heard: Counter[NodeId] = Counter()
        self._complained: set[NodeId] = set()

    def takes(self, peer: NodeId) -> bool:
        """Whether one more message of this peer is looked at; it is counted."""
        self._heard[peer] += 1
        return self._heard[peer] <= self._most

    def refuse(self, peer: NodeId | None, why: str) -> None:
        """Count what no correct member sends, and tell of it once a tick; without a peer it is this member's own."""
        self.refused += 1
        if peer is not None and peer not in self._complained:
            self._complained.add(peer)
            log.warning("a message that no correct member sends", extra={"peer": peer, "reason": why})

    def tick(self) -> None:
        """Begin anew with everybody."""
        self._heard.clear()
        self._complained.clear()
