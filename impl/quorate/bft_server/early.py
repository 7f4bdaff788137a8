"""Early messages: of a later index, or about a payload that hasn't arrived.

The core can't use them yet; a member that dropped them would miss votes whenever it is a message behind.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from quorate.bft import NodeId
from quorate.bft.messages import Decide, Message, Prepared


def index_of(message: Message) -> int:
    """Return the index that a message is about."""
    return message.certificate.index if isinstance(message, Prepared | Decide) else message.index


@dataclass
class Early:
    """The latest `most` early messages of each peer, unchecked."""

    most: int
    _queues: dict[NodeId, deque[Message]] = field(default_factory=dict, init=False)

    def keep(self, peer: NodeId, message: Message) -> None:
        """Keep a message."""
        self._queues.setdefault(peer, deque(maxlen=self.most)).append(message)

    def take_all(self) -> Iterator[tuple[NodeId, Message]]:
        """Remove and yield all messages; those that are kept meanwhile come the next time."""
        queues, self._queues = self._queues, {}
        for peer, queue in queues.items():
            for message in queue:
                yield peer, message
