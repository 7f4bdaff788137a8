"""Bracha's broadcast among traitors, without a network: a word that a loyal general sent can arrive at any time.

Loyal words are never withdrawn, and each speaker counts once. So nothing is in flight: a general may at any time hear
everything of one kind, ECHO ATTACK say, that loyal generals have said, and each traitor with them, or as much of it as
makes him speak. The general that hears is the one that runs; the words that he heard before are forgotten, since he may
hear them again. One traitor may even say ECHO ATTACK and ECHO RETREAT to the same general: real traitors can do less,
so a promise that holds here holds for them.

A promise is due when traitors are silent and nothing that a loyal general could still hear would change anything; with
messengers who lose words it is due whenever anybody has spoken, for all that isn't heard yet may be lost.
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
from quorate_check.generals.examined import BrokenRun
from quorate_check.generals.subject import IC1, IC2
from quorate_check.tell.described import Described
from quorate_check.tell.path_text import Breakage, breakage, step_texts
from quorate_check.tell.story import Column, Scene, Story

Words = type[Init | Echo | Ready]
World = tuple[Broadcaster, ...]
MOST_LOYAL = 5  # each of whom has up to 14 states


@dataclass(frozen=True, slots=True)
class Start:
    """The commander begins."""


@dataclass(frozen=True, slots=True)
class Hear:
    """A general hears these words from all loyal generals who sent them, and from the traitors."""

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

    def events(self) -> list[Start | Hear]:
        """Return the events of the scene."""
        begins: list[Start | Hear] = [] if COMMANDER in self.traitors else [Start()]
        return [*begins, *(Hear(g.id, w, o) for g in self.world() for w in (Init, Echo, Ready) for o in Order)]

    def after(self, world: World, event: Start | Hear, *, lies: bool) -> list[World]:
        """Return the worlds that `event` may lead to, most changed last; without `lies` traitors are silent."""
        if isinstance(event, Start):
            found = [tuple(_forgetful(step(g, RoundEnd())[0]) for g in world)]
        else:
            place = next(k for k, g in enumerate(world) if g.id == event.general)
            heard = self._heard(world, world[place], event, lies=lies)
            found = [(*world[:place], general, *world[place + 1 :]) for general in heard]
        return [after for after in dict.fromkeys(found) if after != world]

    def _heard(self, world: World, general: Broadcaster, event: Hear, *, lies: bool) -> Iterator[Broadcaster]:
        """Yield the general after the words of each speaker, himself included."""
        speakers = [g.id for g in world if _spoken_order(g, event.words) is event.order]
        for source in (*speakers, *(sorted(self.traitors) if lies else ())):
            general, _ = step(general, Receive(event.words(source, general.id, event.order)))
            yield _forgetful(general)

    def is_quiet(self, world: World) -> bool:
        """Whether nothing changes any more if traitors are silent; where words are lost, that may be at any time."""
        if self.loss:
            return any(general.echo is not None for general in world)
        return not any(self.after(world, event, lies=False) for event in self.events())


def system(scene: BrachaSetup) -> System:
    """Return the scene as a system of one node, which is the loyal generals together."""

    def move(world: World, event: Start | Hear) -> Sequence[Outcome]:
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
    """Return one scene for each kind of traitors and order, since lieutenants differ only in their names."""
    last = frozenset(range(rules.n - rules.f, rules.n))
    found = [BrachaSetup(rules, last, order, loss) for order in (Order.ATTACK, Order.RETREAT)]
    if rules.f:
        liars = frozenset({COMMANDER, *range(rules.n - rules.f + 1, rules.n)})
        found.append(BrachaSetup(rules, liars, Order.ATTACK, loss))
    return found


def story_of_path(scene: BrachaSetup, explored: System, path: Path) -> BrokenRun:
    """Return a path to a violation, line by line."""
    liars = ", ".join(map(str, sorted(scene.traitors)))
    cast = f"traitors: {liars}; they say whatever they like" if liars else "no traitors"
    steps = (f"{step.event.removeprefix('s1: ')}: {step.change}." for step in step_texts(explored, path))
    why = f"{path.broken} is broken: {breakage(explored, path).sentence}, and nothing more is on the way."
    return BrokenRun(path.broken, (f"{cast}.", *steps, why), _drawn(scene, explored, path))


def _drawn(scene: BrachaSetup, explored: System, path: Path) -> Story:
    """Return the story with a column for each general. It has no arrows, since all who can send a word send it."""
    worlds = [path.initial.nodes[0], *(made.after.nodes[0] for made in path.steps if made.after is not None)]
    scenes = []
    for number, made in enumerate(path.steps, start=1):
        event, (before, after) = made.move.event, worlds[number - 1 : number + 1]
        scenes.append(
            Scene(
                number=number,
                kind=made.move.kind,
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
    """Return a world in which the generals have heard all that traitors make possible, one order after the other."""
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


def _forgetful(general: Broadcaster) -> Broadcaster:
    return replace(general, echoes=(None,) * general.n, readies=(None,) * general.n)


def _spoken_order(general: Broadcaster, words: Words) -> Order | None:
    if words is Init:
        return general.echo if general.id == COMMANDER else None
    return general.echo if words is Echo else general.ready


def _event(event: Start | Hear) -> str:
    if isinstance(event, Start):
        return "the commander, general 0, begins"
    return f"general {event.general} hears {_word(event)} from all who say so"


def _word(event: Hear) -> str:
    return f"{event.words.__name__.upper()} {event.order.name}"


def _change(before: World, after: World) -> str:
    return "; ".join(f"general {general} {what}" for general, what in _changes(before, after))


def _changes(before: World, after: World) -> Iterator[tuple[int, str]]:
    for then, now in zip(before, after, strict=True):
        changed = (
            ("says ECHO", then.echo, now.echo),
            ("says READY", then.ready, now.ready),
            ("delivers", then.decision, now.decision),
        )
        for what, old, new in changed:
            if new is not None and new != old:
                yield now.id, f"{what} {new.name}"
