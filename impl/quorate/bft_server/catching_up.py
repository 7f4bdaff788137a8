"""How a member that was away gets the decisions that it missed: it asks whoever is ahead, and believes nobody."""

from dataclasses import dataclass, field
from typing import Final

from quorate.bft import NodeId
from quorate.bft_server.messages import Decided, History
from quorate.bft_server.storage import BftStorage

MOST_DECISIONS: Final = 64
ENOUGH_BYTES: Final = 1 << 20


@dataclass
class Behind:
    """What peers have said of indices that this member hasn't reached, and whom it hasn't asked since its start."""

    _unasked: set[NodeId]
    _heard: dict[NodeId, int] = field(default_factory=dict, init=False)

    def heard(self, peer: NodeId, index: int) -> None:
        """Note that a peer, or somebody who says so, is at `index`."""
        self._heard[peer] = max(index, self._heard.get(peer, 0))

    def whom_to_ask(self, index: int, connected: frozenset[NodeId]) -> list[NodeId]:
        """Return who was heard to be beyond `index`, once for each time that it says so, and all at the start."""
        ahead = {peer for peer, theirs in self._heard.items() if theirs > index} | self._unasked & connected
        self._heard.clear()
        self._unasked -= connected
        return sorted(ahead)


def history_of(storage: BftStorage, first_index: int) -> History:
    """Return the decisions from `first_index` on that fit in one message, at least one if there is one."""
    decided: list[Decided] = []
    size = 0
    for item in storage.history(min(first_index, 2**62), MOST_DECISIONS):
        size += len(item.data or b"")
        if decided and size > ENOUGH_BYTES:
            break
        decided.append(item)
    return History(tuple(decided))
