"""A battle of generals in lockstep, whose traitor says what a reader chooses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from quorate.cli.generals import violations
from quorate.generals import COMMANDER, General, Message, Order, Protocol, Receive, RoundEnd, Rules, enlist, step
from quorate.generals.messages import Signed
from quorate.generals.treason import Chain, Slot, slots
from quorate.generals.words import tell

MOST_ROUNDS: Final = 3
MOST_OF_A_BATTLE: Final = 10  # generals
SPEAKING: Final = {Protocol.VOTE, Protocol.ORAL, Protocol.SIGNED}


@dataclass(frozen=True, slots=True)
class Lie:
    """What the traitor says to `dest`, None for nothing: `choice` of so many `choices`."""

    key: str
    dest: int
    message: Message | None
    choice: int
    choices: int

    def as_dict(self) -> dict[str, Any]:
        """Return it for the page, which may ask for another choice by the key."""
        silence = {"source": None, "dest": self.dest, "order": None, "text": "nothing"}
        message = silence if self.message is None else _as_dict(self.message)
        return {**message, "key": self.key, "choice": self.choice, "choices": self.choices}


@dataclass
class Battle:
    """`n` generals, of whom `traitor` is one; `lies` has his choices, by the keys of his messages.

    Where the reader chose nothing, he wants the first half of the others to attack, and the second half to retreat.
    Raises ValueError if there is no such battle.
    """

    protocol: Protocol
    n: int
    traitor: int
    order: Order
    lies: Mapping[str, int] = field(default_factory=dict)
    _rules: Rules = field(init=False)
    _army: dict[int, General] = field(init=False)
    _signed: set[Chain] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        if self.protocol not in SPEAKING:
            raise ValueError(f"{self.protocol.value}: the page shows the vote, oral and signed messages")
        if not 0 <= self.traitor < self.n <= MOST_OF_A_BATTLE:
            raise ValueError(f"general {self.traitor} of {self.n}: give up to {MOST_OF_A_BATTLE} generals")
        self._rules = Rules(self.protocol, self.n, 1, 0 if self.protocol is Protocol.VOTE else 1)
        loyal = (i for i in range(self.n) if i != self.traitor)
        self._army = {i: enlist(self._rules, i, self.wish(i)) for i in loyal}

    def wish(self, general: int) -> Order:
        """Return the commander's order; where there is no commander, the first half of the loyal generals attacks."""
        if self.protocol.has_commander:
            return self.order
        return Order.ATTACK if general < self.n // 2 else Order.RETREAT

    def fight(self) -> dict[str, Any]:
        """Run all rounds; return who told whom what, what each does, and which condition is violated."""
        rounds = []
        messages = self._end_round()
        for number in range(1, self._rules.rounds + 1):
            lies = list(self._lies(number))
            honest = [message for message in messages if message.dest != self.traitor]
            rounds.append([*map(_as_dict, honest), *(lie.as_dict() for lie in lies)])
            spoken = [*honest, *(lie.message for lie in lies if lie.message is not None)]
            for message in sorted(spoken, key=lambda message: message.source):
                self._army[message.dest], _ = step(self._army[message.dest], Receive(message))
            self._signed |= {(message.order, message.signers) for message in messages if isinstance(message, Signed)}
            messages = self._end_round()
        decisions = {i: general.decision for i, general in self._army.items()}
        return {
            "protocol": self.protocol.value,
            "traitor": self.traitor,
            "rounds": rounds,
            "generals": [self._general(i, decisions.get(i)) for i in range(self.n)],
            "violations": violations(self.protocol, decisions),
        }

    def _general(self, i: int, decision: Order | None) -> dict[str, Any]:
        has_wish = i != self.traitor and (not self.protocol.has_commander or i == COMMANDER)
        return {
            "id": i,
            "traitor": i == self.traitor,
            "wish": self.wish(i).name if has_wish else None,
            "decision": None if decision is None else decision.name,
        }

    def _end_round(self) -> list[Message]:
        messages: list[Message] = []
        for i, general in self._army.items():
            self._army[i], sent = step(general, RoundEnd())
            messages += sent
        return messages

    def _lies(self, number: int) -> Iterator[Lie]:
        """Yield what the traitor says in a round."""
        for dest in self._army:
            for position, slot in enumerate(slots(self._rules, {self.traitor}, number, dest, self._signed)):
                key = f"{number}/{dest}/{position}"
                choice = self.lies.get(key, self._usual(slot, dest)) % len(slot)
                yield Lie(key, dest, slot[choice], choice, len(slot))

    def _usual(self, slot: Slot, dest: int) -> int:
        others = list(self._army)
        wanted = Order.ATTACK if 2 * others.index(dest) < len(others) else Order.RETREAT
        fitting = (number for number, each in enumerate(slot) if each is not None and each.order is wanted)
        return next(fitting, 0)


def _as_dict(message: Message) -> dict[str, Any]:
    """Return a message for the page."""
    return {"source": message.source, "dest": message.dest, "order": message.order.name, "text": tell(message)}
