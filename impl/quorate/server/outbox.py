"""What leaves together at the end of a turn, and not before the trace tells of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from quorate.raft import InstallSnapshot, Message, NodeId
from quorate.server.interfaces import Metrics, PeerMessage, Tracer, Transport


@dataclass
class Outbox:
    """Messages in the order in which they were added; `send_snapshot` decides when those leave that carry one."""

    transport: Transport
    tracer: Tracer | None
    metrics: Metrics | None
    send_snapshot: Callable[[NodeId, InstallSnapshot], None]
    _waiting: list[tuple[NodeId, PeerMessage]] = field(default_factory=list, init=False)

    def add(self, peer: NodeId, message: PeerMessage) -> None:
        """Have `message` leave with the others."""
        self._waiting.append((peer, message))

    def post(self, messages: Iterable[Message]) -> None:
        """Have the core's messages leave, each to whom it names."""
        self._waiting += [(message.dest, message) for message in messages]

    def send(self) -> None:
        """Let all leave; what can't is dropped, and counted."""
        if self.tracer is not None:
            self.tracer.flush()
        waiting, self._waiting = self._waiting, []
        for peer, message in waiting:
            if isinstance(message, InstallSnapshot):
                self.send_snapshot(peer, message)
            else:
                self.send_one(peer, message)
        self.transport.flush()

    def send_one(self, peer: NodeId, message: PeerMessage) -> bool:
        """Hand a message over at once; False if it was dropped."""
        is_sent = self.transport.send(peer, message)
        if not is_sent and self.metrics is not None:
            self.metrics.dropped(peer)
        return is_sent
