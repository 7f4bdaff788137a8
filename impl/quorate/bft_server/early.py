"""Messages that came before their time: for an index that isn't reached, or for a payload that isn't here.

The core makes nothing of them; who would throw them away would miss every vote in which he is a message behind.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from quorate.bft import NodeId
from quorate.bft.messages import Decide, Message, Prepared


def index_of(message: Message) -> int:
    """Return which decision a message is about."""
    return message.certificate.index if isinstance(message, Prepared | Decide) else message.index


@dataclass
class Early:
    """Of each peer the latest `most`: nothing in them has been checked."""

    most: int
    _queues: dict[NodeId, deque[Message]] = field(default_factory=dict, init=False)

    def keep(self, peer: NodeId, message: Message) -> None:
        """Put a message aside."""
        self._queues.setdefault(peer, deque(maxlen=self.most)).append(message)

    def take_all(self) -> Iterator[tuple[NodeId, Message]]:
        """Yield all that was there, each once; what is kept meanwhile comes the next time."""
        queues, self._queues = self._queues, {}
        for peer, queue in queues.items():
            for message in queue:
                yield peer, message
