"""Messages that leave together at the end of a turn, after the trace of their steps was written."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from quorate.raft import InstallSnapshot, Message, NodeId
from quorate.raft_server.chunks import Transfers
from quorate.raft_server.interfaces import Spoken, Tracer


@dataclass
class Outbox:
    """Messages in the order in which they were added; those with snapshots go to `transfers`."""

    send_one: Callable[[NodeId, Spoken], bool]
    flush: Callable[[], None]
    transfers: Transfers
    tracer: Tracer | None
    _waiting: list[tuple[NodeId, Spoken]] = field(default_factory=list, init=False)

    def add(self, peer: NodeId, message: Spoken) -> None:
        """Queue a message."""
        self._waiting.append((peer, message))

    def ask(self, peers: Iterable[NodeId], *questions: Spoken) -> None:
        """Queue the same messages to all peers."""
        self._waiting += [(peer, question) for peer in peers for question in questions]

    def post(self, messages: Iterable[Message]) -> None:
        """Queue messages of the core to their receivers."""
        self._waiting += [(message.dest, message) for message in messages]

    def send(self, now: float) -> None:
        """Send all messages; those that can't be sent are dropped."""
        if self.tracer is not None:
            self.tracer.flush()
        waiting, self._waiting = self._waiting, []
        for peer, message in waiting:
            if isinstance(message, InstallSnapshot):
                self.transfers.offer(peer, message, now)
            else:
                self.send_one(peer, message)
        self.flush()
