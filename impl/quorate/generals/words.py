"""Descriptions of messages in words."""

from typing import assert_never

from quorate.generals.messages import Echo, Init, KingsOrder, Message, Oral, Preference, Ready, Signed, Vote


def tell(message: Message) -> str:
    """Return the content of a message in words, without its source and destination."""
    match message:
        case Vote(_, _, order):
            return f"I say {order.name}"
        case Oral(_, _, path, order):
            prefix = "".join(f"{i} says that " for i in path[-2:0:-1])
            return f"{prefix}{path[0]} says {order.name}" if len(path) > 1 else order.name
        case Signed(_, _, order, signers, _):
            return f"{order.name}, signed by {', '.join(map(str, signers))}"
        case Preference(_, _, _, order):
            return f"I prefer {order.name}"
        case KingsOrder(_, _, phase, order):
            return f"I, king of phase {phase}, say {order.name}"
        case Init() | Echo() | Ready():
            return f"{type(message).__name__.upper()} {message.order.name}"
        case _:
            assert_never(message)
