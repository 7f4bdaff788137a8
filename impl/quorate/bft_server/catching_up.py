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
    """What peers have said of indices that this member hasn't reached."""

    _heard: dict[NodeId, int] = field(default_factory=dict, init=False)

    def heard(self, peer: NodeId, index: int) -> None:
        """Note that a peer, or somebody who says so, is at `index`."""
        self._heard[peer] = max(index, self._heard.get(peer, 0))

    def whom_to_ask(self, index: int) -> list[NodeId]:
        """Return the peers that were heard to be beyond `index`, each once for each time that it says so."""
        ahead = sorted(peer for peer, theirs in self._heard.items() if theirs > index)
        self._heard.clear()
        return ahead


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
