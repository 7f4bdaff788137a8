"""The Byzantine generals: how loyal generals agree on an order although some among them lie.

Orders, messages and generals are frozen values; `step` is pure, and nothing here knows time, sockets or chance.
Interactive consistency with commander 0 (Lamport, Shostak, Pease 1982):

- IC1: all loyal lieutenants obey the same order.
- IC2: if the commander is loyal, every loyal lieutenant obeys the order that he sent.

It is assumed that what is sent arrives (A1), that the receiver knows the sender (A2), that absence is noticed (A3), and
for signed messages that nobody can sign for a loyal general and everybody can check who signed (A4).
"""

from quorate.generals.basics import COMMANDER, Event, GeneralId, Order, Receive, RoundEnd, majority
from quorate.generals.messages import Message
from quorate.generals.node import General, Protocol, Rules, enlist, step

__all__ = [
    "COMMANDER",
    "Event",
    "General",
    "GeneralId",
    "Message",
    "Order",
    "Protocol",
    "Receive",
    "RoundEnd",
    "Rules",
    "enlist",
    "majority",
    "step",
]
