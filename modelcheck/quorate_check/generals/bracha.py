"""Bracha's broadcast among traitors, without a network: a message of a loyal general can arrive at any time once sent.

Loyal generals don't withdraw messages, and a receiver counts each sender once. So no state needs messages in flight: at
any time a general may receive all messages of one kind (ECHO ATTACK, say) that loyal generals have sent, together with
those of all traitors, or a part of them that makes him send. The code that runs steps the receiver. His counts are
cleared afterwards, since he may receive the messages again. A traitor may even send ECHO ATTACK and ECHO RETREAT to one
general. Real traitors can do less, so a promise that holds here holds for them.

A promise is due when traitors are silent and no message could still change a loyal general. With messengers that lose
messages it is due as soon as anybody has sent one, because all others may be lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from quorate.generals import COMMANDER, Order, Protocol, Receive, RoundEnd, Rules, enlist
from quorate.generals.bracha import Broadcaster, step
from quorate.generals.messages import Echo, Init, Ready
from quorate_check.core.invariants import Invariant, Over, Witness
from quorate_check.core.path import Path
from quorate_check.core.system import Network, NetworkKind, Outcome, Spontaneous, System
from quorate_check.generals.result import BrokenRun
from quorate_check.generals.subject import IC1, IC2
from quorate_check.tell.described import Described
from quorate_check.tell.path_text import Breakage, breakage, step_texts
from quorate_check.tell.story import Column, Scene, Story

Words = type[Init | Echo | Ready]
World = tuple[Broadcaster, ...]
MOST_LOYAL = 5  # each loyal general has up to 14 states


@dataclass(frozen=True, slots=True)
class Start:
    """The commander begins."""


@dataclass(frozen=True, slots=True)
class Reception:
    """A general receives messages of this kind and order from all loyal generals that sent them, and from traitors."""

    general: int
    words: Words
    order: Order


@dataclass(frozen=True, slots=True)
class BrachaSetup:
    """The traitors, a loyal commander's order, and whether messengers lose words."""

    rules: Rules
    traitors: frozenset[int]
    order: Order
    loss: bool = False

    def world(self) -> World:
        """Return the loyal generals before the start."""
        assert self.rules.protocol is Protocol.BRACHA
        loyal = [enlist(self.rules, i, self.order) for i in range(self.rules.n) if i not in self.traitors]
        return tuple(g for g in loyal if isinstance(g, Broadcaster))

    def events(self) -> list[Start | Reception]:
        """Return the start, if the commander is loyal, and each kind of messages at each loyal general."""
        begins: list[Start | Reception] = [] if COMMANDER in self.traitors else [Start()]
        return [*begins, *(Reception(g.id, w, o) for g in self.world() for w in (Init, Echo, Ready) for o in Order)]

    def after(self, world: World, event: Start | Reception, *, lies: bool) -> list[World]:
        """Return the worlds that `event` may lead to, most changed last; without `lies` traitors are silent."""
        if isinstance(event, Start):
            worlds = [tuple(_without_counts(step(g, RoundEnd())[0]) for g in world)]
        else:
            position = next(k for k, g in enumerate(world) if g.id == event.general)
            generals = self._receptions(world, world[position], event, lies=lies)
            worlds = [(*world[:position], general, *world[position + 1 :]) for general in generals]
        return [after for after in dict.fromkeys(worlds) if after != world]

    def _receptions(self, world: World, general: Broadcaster, event: Reception, *, lies: bool) -> Iterator[Broadcaster]:
        """Yield the general after each further sender's message, his own included."""
        speakers = [g.id for g in world if _order_sent(g, event.words) is event.order]
        for source in (*speakers, *(sorted(self.traitors) if lies else ())):
            general, _ = step(general, Receive(event.words(source, general.id, event.order)))
            yield _without_counts(general)

    def is_quiet(self, world: World) -> bool:
        """Whether no message changes a general any more if traitors are silent; with loss, whether one was sent."""
        if self.loss:
            return any(general.echo is not None for general in world)
        return not any(self.after(world, event, lies=False) for event in self.events())


def system(scene: BrachaSetup) -> System:
    """Return the scene as a system of one node, which is the loyal generals together."""

    def move(world: World, event: Start | Reception) -> Sequence[Outcome]:
        return tuple(Outcome(after) for after in scene.after(world, event, lies=True))

    delivered = any(g.decision is not None for g in _last(scene))
    return System(
        name=f"bracha, {scene.rules.n} generals, traitors {sorted(scene.traitors)}",
        initial=(scene.world(),),
        step=move,
        network=Network(NetworkKind.UNORDERED, 1),
        source=lambda _: 0,
        destination=lambda _: 0,
        spontaneous=tuple(Spontaneous(event) for event in scene.events()),
        invariants=tuple(_promises(scene)),
        witnesses=(
            Witness(
                "SomebodyDelivers",
                _itself,
                lambda views: any(g.decision is not None for g in views[0]),
                impossible=None if delivered else "there are too few loyal generals for these thresholds",
            ),
        ),
        described=Described(_event, _change, name=lambda _world: "the loyal generals"),
    )


def scenes(rules: Rules, *, loss: bool = False) -> list[BrachaSetup]:
    """Return one setup for each kind of traitors and order, since lieutenants differ only in their names."""
    last = frozenset(range(rules.n - rules.f, rules.n))
    setups = [BrachaSetup(rules, last, order, loss) for order in (Order.ATTACK, Order.RETREAT)]
    if rules.f:
        liars = frozenset({COMMANDER, *range(rules.n - rules.f + 1, rules.n)})
        setups.append(BrachaSetup(rules, liars, Order.ATTACK, loss))
    return setups


def story_of_path(scene: BrachaSetup, explored: System, path: Path) -> BrokenRun:
    """Return the violation at the end of a path, as lines of text and as a picture."""
    liars = ", ".join(map(str, sorted(scene.traitors)))
    cast = f"traitors: {liars}; they say whatever they like" if liars else "no traitors"
    steps = (f"{step.event.removeprefix('s1: ')}: {step.change}." for step in step_texts(explored, path))
    why = f"{path.broken} is broken: {breakage(explored, path).sentence}, and nothing more is on the way."
    return BrokenRun(path.broken, (f"{cast}.", *steps, why), _story(scene, explored, path))


def _story(scene: BrachaSetup, explored: System, path: Path) -> Story:
    """Return the story with a column for each general, and no arrows: a message comes from all possible senders."""
    worlds = [
        path.initial.nodes[0],
        *(path_step.after.nodes[0] for path_step in path.steps if path_step.after is not None),
    ]
    scenes = []
    for number, path_step in enumerate(path.steps, start=1):
        event, (before, after) = path_step.move.event, worlds[number - 1 : number + 1]
        scenes.append(
            Scene(
                number=number,
                kind=path_step.move.kind,
                node=COMMANDER if isinstance(event, Start) else event.general,
                text=_event(event),
                change=_change(before, after),
                label="begins" if isinstance(event, Start) else f"hears {_word(event)}",
                arrow=None,
                fault=False,
                marks=tuple(what for _, what in _changes(before, after)),
                sent=(),
                rules=(),
                columns=_columns(scene, after),
            )
        )
    decisions = ", ".join(f"general {g.id} {_delivered(g)}" for g in worlds[-1])
    return Story(
        subject=f"bracha, {scene.rules.n} generals",
        names=tuple(f"general {i}" for i in range(scene.rules.n)),
        nodes=scene.rules.n,
        begin=_columns(scene, worlds[0]),
        scenes=tuple(scenes),
        pending=(),
        broken=path.broken,
        breakage=Breakage(breakage(explored, path).sentence, (), f"{decisions}, and nothing more is on the way"),
        note="A word is heard from all who say it, and traitors say whatever they like.",
    )


def _columns(scene: BrachaSetup, world: World) -> tuple[Column, ...]:
    loyal = {general.id: general for general in world}
    return tuple(_column(scene, i, loyal.get(i)) for i in range(scene.rules.n))


def _column(scene: BrachaSetup, i: int, general: Broadcaster | None) -> Column:
    if general is None:
        return Column("traitor", (), (("says", "whatever he likes"),))
    words = (("ECHO", general.echo), ("READY", general.ready), ("delivered", general.decision))
    facts = tuple((name, "nothing" if order is None else order.name) for name, order in words)
    return Column(f"commander, orders {scene.order.name}" if i == COMMANDER else "lieutenant", (), facts)


def _delivered(general: Broadcaster) -> str:
    return "delivers nothing" if general.decision is None else f"delivers {general.decision.name}"


def _last(scene: BrachaSetup) -> World:
    """Return a world after all messages that traitors make possible, with ATTACK before RETREAT."""
    world, before = scene.world(), None
    while world != before:
        before = world
        for event in scene.events():
            world = next(reversed(scene.after(world, event, lies=True)), world)
    return world


def _promises(scene: BrachaSetup) -> Iterator[Invariant]:
    def agree(views: tuple[World]) -> bool:
        decisions = {g.decision for g in views[0]}
        return len(decisions - {None}) < 2 and (len(decisions) == 1 or not scene.is_quiet(views[0]))

    def obey(views: tuple[World]) -> bool:
        decisions = {g.decision for g in views[0]}
        if not decisions <= {None, scene.order}:
            return False
        return decisions == {scene.order} or not scene.is_quiet(views[0])

    yield Invariant(IC1, "all loyal generals deliver the same order, or none does", _itself, agree, Over.EACH)
    if COMMANDER not in scene.traitors:
        yield Invariant(IC2, "all loyal generals deliver the loyal commander's order", _itself, obey, Over.EACH)


def _itself(world: World) -> World:
    return world


def _without_counts(general: Broadcaster) -> Broadcaster:
    return replace(general, echoes=(None,) * general.n, readies=(None,) * general.n)


def _order_sent(general: Broadcaster, words: Words) -> Order | None:
    if words is Init:
        return general.echo if general.id == COMMANDER else None
    return general.echo if words is Echo else general.ready


def _event(event: Start | Reception) -> str:
    if isinstance(event, Start):
        return "the commander, general 0, begins"
    return f"general {event.general} hears {_word(event)} from all who say so"


def _word(event: Reception) -> str:
    return f"{event.words.__name__.upper()} {event.order.name}"


def _change(before: World, after: World) -> str:
    return "; ".join(f"general {general} {what}" for general, what in _changes(before, after))


def _changes(before: World, after: World) -> Iterator[tuple[int, str]]:
    for old_general, new_general in zip(before, after, strict=True):
        changed = (
            ("says ECHO", old_general.echo, new_general.echo),
            ("says READY", old_general.ready, new_general.ready),
            ("delivers", old_general.decision, new_general.decision),
        )
        for what, old, new in changed:
            if new is not None and new != old:
                yield new_general.id, f"{what} {new.name}"
