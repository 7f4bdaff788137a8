"""The Byzantine generals: protocols by which loyal generals agree on an order although some generals are traitors.

Orders, messages and generals are frozen values; `step` is pure, and the protocols know no time, sockets or chance.
Interactive consistency with commander 0 (Lamport, Shostak, Pease 1982):

- IC1: all loyal lieutenants obey the same order.
- IC2: if the commander is loyal, every loyal lieutenant obeys the order that he sent.

The assumptions: every message that is sent arrives (A1), the receiver knows the sender (A2), and a missing message is
noticed (A3); for signed messages also that nobody can forge the signature of a loyal general, and that everybody can
check signatures (A4).
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
