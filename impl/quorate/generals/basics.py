"""The parts that all protocols of the generals share: orders, rounds, and the meaning of silence and ties."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, TypeAlias

GeneralId: TypeAlias = int

COMMANDER: Final[GeneralId] = 0
MOST_GENERALS: Final = 255  # an id is one byte, on the wire and under a signature


class Order(IntEnum):
    """The two orders; silence and ties mean RETREAT."""

    RETREAT = 0
    ATTACK = 1

    @property
    def other(self) -> "Order":
        """The opposite order."""
        return Order(1 - self)


@dataclass(frozen=True, slots=True)
class Receive:
    """A message arrives, from the general that it names as its source: the receiver knows the sender (A2)."""

    message: Any


@dataclass(frozen=True, slots=True)
class RoundEnd:
    """The end of a round: all its messages have arrived (A1, A3). The first event of this kind is the start."""


Event: TypeAlias = Receive | RoundEnd


def majority(orders: Iterable[Order]) -> Order:
    """ATTACK if more than half of `orders` say so; a tie is RETREAT."""
    orders = list(orders)
    return Order(2 * sum(orders) > len(orders))
