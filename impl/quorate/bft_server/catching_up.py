"""Catching up: a member that missed decisions asks peers that seem ahead, and checks every answer."""

from dataclasses import dataclass, field
from typing import Final

from quorate.bft import NodeId
from quorate.bft_server.messages import Decided, History
from quorate.bft_server.storage import BftStorage

MOST_DECISIONS: Final = 64
ENOUGH_BYTES: Final = 1 << 20


@dataclass
class Behind:
    """The indexes of peers that seem ahead, and the peers that this member hasn't asked since its start."""

    _unasked: set[NodeId]
    _heard: dict[NodeId, int] = field(default_factory=dict, init=False)

    def heard(self, peer: NodeId, index: int) -> None:
        """Record that a peer seems to be at `index`."""
        self._heard[peer] = max(index, self._heard.get(peer, 0))

    def whom_to_ask(self, index: int, connected: frozenset[NodeId]) -> list[NodeId]:
        """Return the peers that seem beyond `index`, once for each sign of it, and at the start all connected peers."""
        ahead = {peer for peer, theirs in self._heard.items() if theirs > index} | self._unasked & connected
        self._heard.clear()
        self._unasked -= connected
        return sorted(ahead)


def history_of(storage: BftStorage, first_index: int) -> History:
    """Return the decisions from `first_index` on that fit into one message, at least one if there is one."""
    decided: list[Decided] = []
    size = 0
    for item in storage.history(min(first_index, 2**62), MOST_DECISIONS):
        size += len(item.data or b"")
        if decided and size > ENOUGH_BYTES:
            break
        decided.append(item)
    return History(tuple(decided))
