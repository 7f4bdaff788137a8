"""The initial state and the step of a general, for all protocols."""

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias, assert_never

from quorate.generals import bracha, oral, phase_king, signed, vote
from quorate.generals.basics import COMMANDER, MOST_GENERALS, Event, GeneralId, Order
from quorate.generals.bracha import Broadcaster
from quorate.generals.messages import Message
from quorate.generals.oral import OralGeneral
from quorate.generals.phase_king import Subject
from quorate.generals.signatures import Signatures, Symbolic
from quorate.generals.signed import SignedGeneral
from quorate.generals.vote import VotingGeneral

General: TypeAlias = VotingGeneral | OralGeneral | SignedGeneral | Broadcaster | Subject


class Protocol(Enum):
    """The protocols of the generals."""

    VOTE = "vote"
    ORAL = "om"
    SIGNED = "sm"
    BRACHA = "bracha"
    PHASE_KING = "phase-king"

    @property
    def has_commander(self) -> bool:
        """Whether the generals agree on the order of a commander; otherwise each has an opinion."""
        return self in {Protocol.ORAL, Protocol.SIGNED, Protocol.BRACHA}


@dataclass(frozen=True, slots=True)
class Rules:
    """An instance: `n` generals follow `protocol`, expecting up to `f` traitors.

    `m` is that of OM(m) and SM(m), which take m + 1 rounds; phase king takes m + 1 phases of two.
    """

    protocol: Protocol
    n: int
    f: int
    m: int
    signatures: Signatures = field(default=Symbolic())

    def __post_init__(self) -> None:
        """Raise ValueError if this is no valid instance."""
        if not 2 <= self.n <= MOST_GENERALS:
            raise ValueError(f"{self.n} generals: between 2 and {MOST_GENERALS} can talk to each other")
        if not 0 <= self.f < self.n:
            raise ValueError(f"{self.f} traitors of {self.n} generals: at least one general must be loyal")
        if not 0 <= self.m < self.n:
            raise ValueError(f"m = {self.m}: a number below the {self.n} generals is needed")

    @property
    def rounds(self) -> int:
        """The number of rounds of messages.

        Bracha's broadcast has no rounds; if all messages take equally long, the last one has arrived after this number:
        INIT, ECHO, READY, and one for each general that becomes ready because others are.
        """
        match self.protocol:
            case Protocol.VOTE:
                return 1
            case Protocol.ORAL | Protocol.SIGNED:
                return self.m + 1
            case Protocol.BRACHA:
                return 3 + self.n
            case Protocol.PHASE_KING:
                return 2 * (self.m + 1)


def enlist(rules: Rules, general: GeneralId, order: Order) -> General:
    """Return the initial state of a general; `order` is the commander's order, or this general's opinion."""
    its_own = order if general == COMMANDER else None
    match rules.protocol:
        case Protocol.VOTE:
            return VotingGeneral(general, rules.n, order)
        case Protocol.ORAL:
            return OralGeneral(general, rules.n, rules.m, its_own)
        case Protocol.SIGNED:
            return SignedGeneral(general, rules.n, rules.m, rules.signatures, its_own)
        case Protocol.BRACHA:
            return bracha.broadcaster(general, rules.n, rules.f, its_own)
        case Protocol.PHASE_KING:
            return Subject(general, rules.n, rules.f, rules.m + 1, order)
        case _:
            assert_never(rules.protocol)


def step(general: General, event: Event) -> tuple[General, tuple[Message, ...]]:
    """Return the general after `event` and the messages it sends; an unexpected message changes nothing."""
    match general:
        case VotingGeneral():
            return vote.step(general, event)
        case OralGeneral():
            return oral.step(general, event)
        case SignedGeneral():
            return signed.step(general, event)
        case Broadcaster():
            return bracha.step(general, event)
        case Subject():
            return phase_king.step(general, event)
        case _:
            assert_never(general)
