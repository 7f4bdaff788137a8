"""The generals as nodes of the engine's lockstep network, one system for each setup: a second way to examine them.

Here traitors are nodes as well. The outcomes of a traitor's step at the end of a round are all combinations of messages
that he can send in the next. His state has the messages that loyal generals signed for him, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from quorate.generals import COMMANDER, General, Order, Protocol, Receive, RoundEnd, Rules, enlist, step
from quorate.generals.messages import Message, Oral, Signed
from quorate.generals.oral import OralGeneral
from quorate.generals.treason import Chain, slots
from quorate.generals.words import tell
from quorate_check.core.invariants import Condition, Invariant, Over, Witness
from quorate_check.core.liveness import Eventually
from quorate_check.core.system import Deliver, Network, NetworkKind, Outcome, System
from quorate_check.generals.subject import IC1, IC2, Instance, Setup, broken
from quorate_check.tell import phrases
from quorate_check.tell.described import Described, Need

CAPACITY = 96
DECISIONS = "a decision of each loyal general"
SENTENCES = {IC1: "all loyal generals do the same", IC2: "all do what the loyal commander, or all of them, wanted"}


@dataclass(frozen=True, slots=True)
class Liar:
    """A traitor before round `round` + 1."""

    id: int
    round: int = 0
    signed: frozenset[Chain] = frozenset()

    @property
    def decision(self) -> None:
        """A traitor decides nothing."""


Node = General | Liar


@dataclass(frozen=True, slots=True)
class Lockstep:
    """One setup of an instance; messengers may lose messages here, but not forge them."""

    instance: Instance
    setup: Setup

    def system(self) -> System:
        """Return the system, whose witnesses are all combinations of the loyal generals' decisions."""
        return System(
            name=f"{self.instance.rules.protocol.value.upper()} among {self.instance.rules.n} generals, in lockstep",
            initial=tuple(self._node(i, order) for i, order in enumerate(self.setup.orders)),
            step=self.step,
            network=Network(
                NetworkKind.LOCKSTEP, CAPACITY, drops=None if self.instance.loss else 0, round_end=RoundEnd()
            ),
            source=lambda m: m.source,
            destination=lambda m: m.dest,
            invariants=tuple(self._promise(name) for name in (IC1, IC2)),
            witnesses=tuple(self._witness(ends) for ends in product(Order, repeat=len(self.setup.loyal))),
            liveness=(Eventually("Termination", "all loyal generals decide", Condition(_is_done, all)),),
            described=Described(
                lambda event: "hears silence" if isinstance(event, RoundEnd) else tell(event),
                _change,
                badge=self._badge,
                facts=_facts,
                name=lambda node: f"general {node.id}",
                needs=tuple(Need(name, DECISIONS, self._count, len(self.setup.loyal)) for name in (IC1, IC2)),
            ),
        )

    def step(self, node: Node, event: Deliver | RoundEnd) -> Sequence[Outcome]:
        """Return the outcome of a loyal general's step, or one for each choice of a traitor."""
        if isinstance(node, Liar):
            return self._lie(node, event)
        after, sent = step(node, Receive(event.message) if isinstance(event, Deliver) else event)
        return (Outcome(after, sent),)

    def _node(self, i: int, order: Order) -> Node:
        return Liar(i) if i in self.setup.traitors else enlist(self.instance.rules, i, order)

    def _lie(self, liar: Liar, event: Deliver | RoundEnd) -> Sequence[Outcome]:
        if isinstance(event, Deliver):
            message = event.message
            if not isinstance(message, Signed):
                return (Outcome(liar),)
            return (Outcome(Liar(liar.id, liar.round, liar.signed | {(message.order, message.signers)})),)
        if liar.round == self.instance.rules.rounds:
            return (Outcome(liar),)
        number = liar.round + 1
        return [Outcome(Liar(liar.id, number, liar.signed), messages) for messages in self._lies(liar, number)]

    def _lies(self, liar: Liar, number: int) -> list[tuple[Message, ...]]:
        rules, traitors = self.instance.rules, self.setup.traitors
        slots_of_liar = [
            slot
            for dest in self.setup.loyal
            for slot in slots(rules, traitors, number, dest, liar.signed, forge=self.instance.forge)
            if next(m for m in slot if m is not None).source == liar.id
        ]
        return [tuple(m for m in choice if m is not None) for choice in product(*slots_of_liar)]

    def _count(self, nodes: tuple[Node, ...]) -> int:
        return sum(nodes[i].decision is not None for i in self.setup.loyal)

    def _badge(self, node: Node) -> str:
        if isinstance(node, Liar):
            return "traitor"
        order = self.setup.orders[node.id].name
        if not self.instance.has_commander:
            return f"wants {order}"
        return f"commander, orders {order}" if node.id == COMMANDER else "lieutenant"

    def _decisions(self, views: tuple[Order | None, ...]) -> dict[int, Order | None]:
        return {i: views[i] for i in self.setup.loyal}

    def _promise(self, name: str) -> Invariant:
        def holds(views: tuple[Order | None, ...]) -> bool:
            decisions = self._decisions(views)
            return None in decisions.values() or name not in broken(self.instance, self.setup, decisions)

        return Invariant(name, SENTENCES[name], _decision, holds, Over.ALL)

    def _witness(self, ends: tuple[Order, ...]) -> Witness:
        def holds(views: tuple[Order | None, ...]) -> bool:
            return tuple(self._decisions(views).values()) == ends

        name = ", ".join(f"{i} {order.name}" for i, order in zip(self.setup.loyal, ends, strict=True))
        return Witness(name, _decision, holds, Over.ALL, impossible="not every end can be reached")


def _decision(node: Node) -> Order | None:
    return node.decision


def _facts(node: Node) -> tuple[tuple[str, str], ...]:
    """Return what a general has heard and decided, and what others signed for a traitor."""
    if isinstance(node, Liar):
        orders = (f"{order.name}, signed by {', '.join(map(str, signers))}" for order, signers in sorted(node.signed))
        return ("tells", "whatever he likes"), ("has", "; ".join(orders) or "no signatures")
    decision = ("decided", "nothing" if node.decision is None else node.decision.name)
    if not isinstance(node, OralGeneral):
        return (decision, *(fact for fact in phrases.facts(node) if fact[0] not in {"id", "n", "decision"}))
    heard = (f"{path[-1]} “{tell(Oral(path[-1], node.id, path, order))}”" for path, order in node.heard)
    return ("heard", "; ".join(heard) or "nothing"), decision


def _change(before: Node, after: Node) -> str:
    """Return the facts that a step changed, and the round that begins."""
    old = dict(_facts(before))
    changed = [f"{name}: {text}" for name, text in _facts(after) if old.get(name) != text]
    number = getattr(after, "round", None)  # a broadcaster has none
    if "round" not in old and getattr(before, "round", None) != number:
        changed.insert(0, f"round {number}")
    return "; ".join(changed) or "nothing changes"


def _is_done(node: Node) -> bool:
    """View: whether a general has decided; true of a traitor."""
    return isinstance(node, Liar) or node.decision is not None


def four_generals() -> System:
    """Return Lamport's OM(1) among four generals, of whom the last is a traitor; the commander orders an attack."""
    return _oral(4)


def three_generals() -> System:
    """Return OM(1) among three generals, of whom one is a traitor: too few for oral messages."""
    return _oral(3)


def _oral(n: int) -> System:
    rules = Rules(Protocol.ORAL, n, 1, 1)
    setup = Setup(frozenset({n - 1}), (Order.ATTACK,) * n)
    return Lockstep(Instance(rules, setup=setup), setup).system()
