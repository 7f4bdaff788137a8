"""The messages of a BFT cluster as they pass through the wires of a demo, where its page reads them."""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from quorate.bft.messages import Decide, Prepared, Propose, Timeout, Vote
from quorate.bft_server.codec import MAX_FRAME_BYTES, CodecError, decode
from quorate.bft_server.messages import MemberMessage
from quorate.cli.demo_web.feed import Event
from quorate.runtime.interfaces import NodeId
from quorate.runtime.transport.frames import FrameBuffer, WireError

MOST_MESSAGES: Final = 100  # between two looks


class Passing:
    """The latest messages on all wires, up to MOST_MESSAGES; of more, the oldest are dropped."""

    def __init__(self) -> None:
        """Begin without messages."""
        self._messages: deque[Event] = deque(maxlen=MOST_MESSAGES)

    def listen(self, source: NodeId, dest: NodeId) -> Callable[[bytes], None]:
        """Return a function that takes the bytes of a new connection from `source` to `dest`, as they come."""
        frames = FrameBuffer(MAX_FRAME_BYTES)
        count = 0

        def take(data: bytes) -> None:
            nonlocal count
            rest = memoryview(data)
            while rest:
                space = frames.space()
                part = rest[: len(space)]
                space[: len(part)] = part
                frames.filled(len(part))
                rest = rest[len(part) :]
                for payload in frames.payloads():
                    count += 1
                    if count > 1:  # the first is the hello
                        self._messages.append({"from": source, "to": dest, **_described(decode(bytes(payload)))})

        def listener(data: bytes) -> None:
            nonlocal count
            if count >= 0:
                try:
                    take(data)
                except (CodecError, WireError):  # a traitor may send anything: nothing after it is understood
                    count = -1

        return listener

    def take(self) -> list[Event]:
        """Return the messages since the last call."""
        messages = list(self._messages)
        self._messages.clear()
        return messages


def _described(message: MemberMessage) -> dict[str, Any]:
    values: dict[str, Any] = {"name": type(message).__name__}
    match message:
        case Propose() | Timeout():
            values |= {"index": message.index, "view": message.view}
        case Vote():
            values |= {"index": message.index, "view": message.view, "phase": message.phase.name.lower()}
        case Prepared() | Decide():
            values |= {"index": message.certificate.index, "view": message.certificate.view}
        case _:
            pass
    return values
