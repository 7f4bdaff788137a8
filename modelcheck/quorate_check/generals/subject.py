"""The code of the generals (quorate.generals) in closed rounds, with traitors and messengers that lose or forge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import comb

from quorate.generals import COMMANDER, General, Message, Order, Protocol, Receive, RoundEnd, Rules, enlist, step
from quorate.generals.messages import KingsOrder, Oral, Preference, Signed, Vote
from quorate.generals.treason import Chain, slots
from quorate_check.generals.projection import Case, Statement
from quorate_check.generals.rounds import Game, RunRecord, Slot, Tally, TooLargeError, play
from quorate_check.generals.watch import NO_WATCH, StoppedError, Watch, WorkProgress

IC1, IC2 = "IC1", "IC2"
MOST_SETUPS = 100_000


@dataclass(frozen=True, slots=True)
class Setup:
    """The traitors, and the order or opinion of each general before the first round.

    With a commander, `orders` repeats the commander's order for every general; only the commander knows it.
    """

    traitors: frozenset[int]
    orders: tuple[Order, ...]

    @property
    def loyal(self) -> list[int]:
        """The generals who are no traitors."""
        return [i for i in range(len(self.orders)) if i not in self.traitors]


@dataclass(frozen=True, slots=True)
class Instance:
    """A protocol, the number of traitors, and the other faults.

    `loss`: messengers may lose any message between loyal generals. `forge`: they may replace the order in such a
    message, and traitors may write any signature (A4 is broken). `setup`: the only setup; None means every setup.
    `agreed`: each traitor sends the same vote to everybody.
    """

    rules: Rules
    loss: bool = False
    forge: bool = False
    setup: Setup | None = None
    agreed: bool = False

    @property
    def has_commander(self) -> bool:
        """Whether the protocol agrees on the order of one general, the commander."""
        return self.rules.protocol.has_commander

    def setups(self) -> Iterator[Setup]:
        """Yield every setup, those with a loyal commander first."""
        if self.setup is not None:
            yield self.setup
            return
        sets = [frozenset(s) for s in combinations(range(self.rules.n), self.rules.f)]
        for traitors in sorted(sets, key=lambda s: (COMMANDER in s, sorted(s))):
            yield from (Setup(traitors, orders) for orders in self._orders(traitors))

    def _orders(self, traitors: frozenset[int]) -> Iterator[tuple[Order, ...]]:
        n, both = self.rules.n, (Order.ATTACK, Order.RETREAT)
        if self.has_commander:
            # The order of a traitor commander makes no difference.
            yield from ((order,) * n for order in (both if COMMANDER not in traitors else both[:1]))
            return
        free = [both if i not in traitors or self.agreed else both[:1] for i in range(n)]
        yield from product(*free)

    def number_of_setups(self) -> int:
        """Return the number of setups, without making them."""
        n, f = self.rules.n, self.rules.f
        if self.setup is not None:
            return 1
        if self.has_commander:
            return 2 * comb(n - 1, f) + (comb(n - 1, f - 1) if f else 0)
        return comb(n, f) << (n if self.agreed else n - f)


def game(instance: Instance, setup: Setup) -> Game:
    """Return the rounds of one setup."""
    rules = instance.rules
    liars = frozenset[int]() if instance.agreed else setup.traitors
    loyal = setup.loyal

    def arrivals(number: int, dest: int, flight: tuple[Message, ...], chains: frozenset[Chain]) -> list[Slot]:
        sent = [_arrival_slot(instance, message) for message in flight if message.dest == dest]
        if liars:
            treason = slots(rules, liars, number, dest, chains, forge=instance.forge)
            sent += [Slot(options) for options in treason]
        return sorted(sent, key=lambda slot: next(m.source for m in slot.options if m is not None))

    def judge(nodes: Mapping[int, General]) -> tuple[str, ...]:
        return broken(instance, setup, {i: nodes[i].decision for i in loyal})

    return Game(
        start=tuple((i, enlist(rules, i, order)) for i, order in enumerate(setup.orders) if i not in liars),
        rounds=rules.rounds,
        receive=lambda node, message: step(node, Receive(message))[0],
        end_round=lambda node: step(node, RoundEnd()),
        dest=lambda message: message.dest,
        arrivals=arrivals,
        learn=lambda messages: frozenset((m.order, m.signers) for m in messages if isinstance(m, Signed)),
        broken=judge,
    )


def _arrival_slot(instance: Instance, message: Message) -> Slot:
    """Return the slot of a loyal general's message: unchanged, with the other order, or lost."""
    options: tuple[Message | None, ...] = (message,)
    if instance.forge and not isinstance(message, Signed):
        options = (message, _forged(message))
    return Slot((*options, None) if instance.loss else options, message)


def _forged(message: Message) -> Message:
    match message:
        case Vote(source, dest, order):
            return Vote(source, dest, order.other)
        case Oral(source, dest, path, order):
            return Oral(source, dest, path, order.other)
        case Preference(source, dest, phase, order):
            return Preference(source, dest, phase, order.other)
        case KingsOrder(source, dest, phase, order):
            return KingsOrder(source, dest, phase, order.other)
        case _:
            raise AssertionError(f"nobody forges {message}")


def broken(instance: Instance, setup: Setup, decisions: Mapping[int, Order | None]) -> tuple[str, ...]:
    """Return which of IC1 and IC2 the loyal generals' decisions break.

    Without a commander IC1 is that all loyal generals decide alike, and IC2 that they decide for an opinion that they
    all had.
    """
    loyal = {i: d for i, d in decisions.items() if not (instance.has_commander and i == COMMANDER)}
    names = [IC1] if len(set(loyal.values())) > 1 else []
    wanted = {setup.orders[i] for i in setup.loyal} if not instance.has_commander else {setup.orders[COMMANDER]}
    bound = len(wanted) == 1 and not (instance.has_commander and COMMANDER in setup.traitors)
    if bound and any(d not in wanted for d in loyal.values()):
        names.append(IC2)
    return tuple(names)


@dataclass(frozen=True, slots=True)
class Example:
    """A run that breaks a promise, with its instance and setup."""

    instance: Instance
    setup: Setup
    record: RunRecord
    broken: str


@dataclass(frozen=True, slots=True)
class Enumerated:
    """The counts of all runs, or of those played in time; without a commander they count as under a loyal one."""

    loyal_commander: Tally
    traitor_commander: Tally
    examples: tuple[Example, ...]
    stopped: str | None = None

    def violations(self, name: str) -> int:
        """Return the number of runs that break a promise."""
        return sum(t.violations.get(name, 0) for t in (self.loyal_commander, self.traitor_commander))


def enumerate_runs(instance: Instance, watch: Watch = NO_WATCH) -> Enumerated:
    """Play every setup, or as many as `watch` allows; raise TooLargeError, with an estimate, if there are too many."""
    if (number := instance.number_of_setups()) > MOST_SETUPS:
        raise TooLargeError(f"there are {number:,} choices of traitors and orders")
    loyal, traitor = Tally(), Tally()
    examples: dict[str, Example] = {}
    stopped = None
    for done, setup in enumerate(instance.setups()):
        tally = traitor if instance.has_commander and COMMANDER in setup.traitors else loyal
        before = set(tally.examples)
        watch.report(WorkProgress(done, number, "setups", loyal.steps + traitor.steps))
        try:
            play(game(instance, setup), tally, watch)
        except StoppedError as error:
            stopped = str(error)
            break
        except TooLargeError as error:
            if not done:
                raise
            steps = loyal.steps + traitor.steps
            expected = steps * number // done
            raise TooLargeError(
                f"{done:,} of {number:,} setups take {steps:,} steps, all about {expected:,}"
            ) from error
        for name in tally.examples.keys() - before - examples.keys():
            examples[name] = Example(instance, setup, tally.examples[name], name)
    return Enumerated(loyal, traitor, tuple(examples[name] for name in sorted(examples)), stopped)


def replay(instance: Instance, case: Case, statements: Mapping[Statement, bool], broken: str) -> Example:
    """Run the generals with the traitors' statements of a view projection; all other statements are RETREAT.

    Raises AssertionError if the run doesn't break the promise, because then the formula and the code differ.
    """
    order = Order.ATTACK if case.order is not False else Order.RETREAT
    setup = Setup(case.traitors, (order,) * case.n)
    full = game(instance, setup)

    def arrivals(number: int, dest: int, flight: tuple[Message, ...], chains: frozenset[Chain]) -> list[Slot]:
        all_slots = full.arrivals(number, dest, flight, chains)
        return [
            slot if slot.sent is not None else Slot((_stated_option(slot.options, statements),)) for slot in all_slots
        ]

    tally = Tally()
    play(replace(full, arrivals=arrivals), tally)
    assert tally.runs == 1, "nothing is left to choose"
    assert broken in tally.examples, f"the generals keep {broken} where the formula breaks it"
    return Example(instance, setup, tally.examples[broken], broken)


def _stated_option(options: Sequence[Message], statements: Mapping[Statement, bool]) -> Message:
    """Return the option that agrees with `statements`."""
    for message in options:
        assert isinstance(message, Oral), "view projection is for oral messages"
        if message.order == Order(statements.get((message.path, message.dest), False)):
            return message
    raise AssertionError("one of the options is ATTACK, the other RETREAT")


def is_oral(instance: Instance) -> bool:
    """Whether view projection can examine the instance."""
    return instance.rules.protocol is Protocol.ORAL and not (instance.loss or instance.forge) and instance.rules.f > 0
