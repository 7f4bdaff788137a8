"""What leaves together at the end of a turn, and not before the trace tells of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from quorate.raft import InstallSnapshot, Message, NodeId
from quorate.raft_server.chunks import Transfers
from quorate.raft_server.interfaces import Spoken, Tracer


@dataclass
class Outbox:
    """Messages in the order in which they were added; `transfers` take those that carry a snapshot."""

    send_one: Callable[[NodeId, Spoken], bool]
    flush: Callable[[], None]
    transfers: Transfers
    tracer: Tracer | None
    _waiting: list[tuple[NodeId, Spoken]] = field(default_factory=list, init=False)

    def add(self, peer: NodeId, message: Spoken) -> None:
        """Have `message` leave with the others."""
        self._waiting.append((peer, message))

    def ask(self, peers: Iterable[NodeId], *questions: Spoken) -> None:
        """Have the same messages leave for all of them."""
        self._waiting += [(peer, question) for peer in peers for question in questions]

    def post(self, messages: Iterable[Message]) -> None:
        """Have the core's messages leave, each to whom it names."""
        self._waiting += [(message.dest, message) for message in messages]

    def send(self, now: float) -> None:
        """Let all leave; what can't is dropped."""
        if self.tracer is not None:
            self.tracer.flush()
        waiting, self._waiting = self._waiting, []
        for peer, message in waiting:
            if isinstance(message, InstallSnapshot):
                self.transfers.offer(peer, message, now)
            else:
                self.send_one(peer, message)
        self.flush()
