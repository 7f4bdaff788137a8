"""A path prepared for drawing: its columns, its arrows, and the state of every node after each step.

The pictures (`diagram.py` for terminals, `page.py` for browsers) draw a Story, and depend on nothing else. A Story is
made from the path's states and the system's `Described`, so any system can be drawn.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from quorate_check.core import behaviour
from quorate_check.core.behaviour import is_fault
from quorate_check.core.networks import Set
from quorate_check.core.path import GlobalState, Move, MoveKind, Path, RoundEnd, Step
from quorate_check.core.system import System
from quorate_check.core.values import Key, key, same
from quorate_check.tell import phrases
from quorate_check.tell.described import Box, Label, Rule, described
from quorate_check.tell.path_text import Breakage, addressed, breakage, ending_text, name_of, outcome_of, step_texts


class Fate(Enum):
    """The end of a message: delivered, lost, or still in flight."""

    DELIVERED = "delivered"
    COPIED = "delivered, and a copy stays in flight"
    LOST = "lost"
    IN_FLIGHT = "still in flight"


@dataclass(frozen=True, slots=True)
class Arrow:
    """A message between two columns: `label` in a few words, `text` in full.

    `sending_step` is the number of the step that sent it.
    """

    source: int
    target: int
    label: str
    text: str
    fate: Fate
    sending_step: int | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """The state of a node at one moment, as a column shows it."""

    badge: str
    boxes: tuple[Box, ...]
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """One step, with the columns and the messages in flight after it.

    `node` is the column that acts, None if none does. `label` is the event in a few words where no arrow shows it.
    `words` say what happens from this scene on, in a story that is told.
    """

    number: int
    kind: MoveKind
    node: int | None
    text: str
    change: str
    label: str
    arrow: Arrow | None
    fault: bool
    marks: tuple[str, ...]
    sent: tuple[str, ...]
    rules: tuple[Rule, ...]
    columns: tuple[Column, ...]
    flight: tuple[Arrow, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """A path: the names of its columns (the first `nodes` of them are nodes), how they begin, its steps and its end.

    `first` is the number of the first scene.
    """

    subject: str
    names: tuple[str, ...]
    nodes: int
    begin: tuple[Column, ...]
    scenes: tuple[Scene, ...]
    pending: tuple[Arrow, ...]
    broken: str
    breakage: Breakage
    note: str = ""
    first: int = 1
    flight: tuple[Arrow, ...] = ()  # as it begins
    reached: bool = False
    labels: tuple[Label, ...] = ()
    loop: int | None = None  # the number of the step from which on all repeat, if they do
    repetition: str = ""  # what is said there

    @property
    def title(self) -> str:
        """The title of a page of this story."""
        last = self.first + len(self.scenes) - 1
        part = f"{self.broken} after {last} steps" if self.broken else f"steps {self.first} to {last}"
        return f"{self.subject}: {part}"

    @property
    def meanings(self) -> tuple[str, ...]:
        """The meanings of the labels that occur in the picture."""
        texts = [*(scene.label for scene in self.scenes), *(mark for scene in self.scenes for mark in scene.marks)]
        texts += [*self.names, *(arrow.label for arrow in self.pending)]
        columns = [*self.begin, *(column for scene in self.scenes for column in scene.columns)]
        texts += [text for column in columns for text in (column.badge, *(box.text for box in column.boxes))]
        return tuple(sign.meaning for sign in self.labels if any(re.search(sign.pattern, text) for text in set(texts)))

    @property
    def conclusion(self) -> str:
        """The broken promise or the reached witness in a line; empty if there is none."""
        return "" if not self.broken else ending_text(self.broken, self.breakage, reached=self.reached)


def ending(full: Story, steps: int) -> Story:
    """Return the last `steps` steps of a story as a story of their own, which keep their numbers."""
    omitted = len(full.scenes) - steps
    if omitted <= 0:
        return full
    begin = full.scenes[omitted - 1]
    return replace(
        full,
        begin=begin.columns,
        flight=begin.flight,
        scenes=full.scenes[omitted:],
        first=full.first + omitted,
    )


def story(system: System, path: Path, rules: Sequence[tuple[Rule, ...]] | None = None, first: int = 1) -> Story:
    """Return `path` of `system` as a story; `rules`, if given, replaces the system's own rules of each step."""
    columns = (*(name_of(system, i) for i in range(len(system.initial))), *described(system).outsiders)
    scenes, flight = tuple(_scenes(system, path, rules, first)), tuple(_in_flight(system, path.initial, {}))
    return Story(
        subject=system.name,
        names=columns,
        nodes=len(system.initial),
        begin=tuple(_column(system, local) for local in path.initial.nodes),
        scenes=scenes,
        pending=scenes[-1].flight if scenes else flight,
        flight=flight,
        broken=path.broken,
        breakage=breakage(system, path),
        note=path.note,
        reached=path.reached,
        labels=described(system).labels,
        first=first,
        loop=None if path.loop is None else first + path.loop,
        repetition="" if path.loop is None else path.rest_of_time,
    )


def with_words(picture: Story, words: Sequence[str]) -> Story:
    """Return a story with `words` before its scenes; it ends there, so that nothing is in flight after it."""
    scenes = tuple(replace(scene, words=text) for scene, text in zip(picture.scenes, words, strict=False))
    return replace(picture, scenes=scenes, pending=())


def _scenes(system: System, path: Path, rules: Sequence[tuple[Rule, ...]] | None, first: int) -> Iterator[Scene]:
    before = path.initial
    sent: dict[Key, int] = {}  # messages in flight, by the step that sent them
    for number, (step, text) in enumerate(zip(path.steps, step_texts(system, path), strict=True)):
        messages = _messages(system, before, step)
        arrow = _arrow(system, step.move, sent)
        step_rules = _rules(system, before, step.move, messages) if rules is None else rules[number]
        after = step.after or _after(system, before, step.move)
        sent = _in_flight_since(sent, step.move, messages, after, first + number)
        yield Scene(
            number=first + number,
            kind=step.move.kind,
            node=step.move.node,
            text=text.event,
            change=text.change,
            label="" if step.move.event is None else brief(system, step.move.event),
            arrow=arrow,
            fault=is_fault(system, step.move),
            marks=_marks(system, before, after, step.move.node),
            sent=tuple(addressed(system, m) for m in messages),
            rules=step_rules,
            columns=tuple(_column(system, local) for local in after.nodes),
            flight=tuple(_in_flight(system, after, sent)),
        )
        before = after


def _in_flight_since(
    sent: dict[Key, int], move: Move, messages: Sequence[object], after: GlobalState, number: int
) -> dict[Key, int]:
    """Return the messages in flight after step `number` makes `move` and sends `messages`, by the step that sent it."""
    flight = dict(sent)
    if move.kind in {MoveKind.DELIVER, MoveKind.DROP}:
        flight.pop(key(move.event), None)
    for message in messages:
        flight.setdefault(key(message), number)
    flight_keys = set(map(key, after.flight))
    return {message: step for message, step in flight.items() if message in flight_keys}


def brief(system: System, event: object) -> str:
    """Return the shortest text that the system has for an event."""
    words = described(system)
    if words.brief is not None:
        return words.brief(event)
    return phrases.brief(event) if words.event is phrases.event else words.event(event)


def _column(system: System, local: object) -> Column:
    words = described(system)
    return Column(words.badge(local), words.boxes(local), words.facts(local))


def _messages(system: System, before: GlobalState, step: Step) -> tuple[Any, ...]:
    """Return the messages that the acting node sent: by its outcome or, without one, those newly in flight."""
    if step.after is None:
        outcome = outcome_of(system, before, step.move)
        return () if outcome is None else outcome.messages
    if step.move.node is None:
        return ()
    if (outcome := outcome_of(system, before, step.move)) is not None:
        return outcome.messages
    new_keys = Counter(map(key, step.after.flight)) - Counter(map(key, before.flight))
    by_key = {key(message): message for message in step.after.flight}
    return tuple(by_key[message_key] for message_key in new_keys.elements())


def _after(system: System, before: GlobalState, move: Move) -> GlobalState:
    """Return the state after a last step that the capacity forbids; `before` if no node acts or the step raised."""
    outcome = outcome_of(system, before, move)
    if outcome is None or move.node is None:
        return before
    nodes = (*before.nodes[: move.node], outcome.local, *before.nodes[move.node + 1 :])
    return GlobalState(nodes, before.flight, before.current, before.used)


def _arrow(system: System, move: Move, sent: dict[Key, int]) -> Arrow | None:
    fates = {
        MoveKind.DELIVER: Fate.DELIVERED,
        MoveKind.DUPLICATE: Fate.COPIED,
        MoveKind.DROP: Fate.LOST,
    }
    words, event = described(system), move.event
    if (fate := fates.get(move.kind)) is not None:
        ends = (system.source(event), system.destination(event))
        return Arrow(*ends, brief(system, event), words.event(event), fate, sent.get(key(event)))
    if move.kind is MoveKind.SPONTANEOUS and move.node is not None and (outsider := words.origin(event)) is not None:
        source = len(system.initial) + outsider
        return Arrow(source, move.node, brief(system, event), words.event(event), Fate.DELIVERED)
    return None


def _rules(system: System, before: GlobalState, move: Move, messages: tuple[Any, ...]) -> tuple[Rule, ...]:
    outcome = outcome_of(system, before, move)
    if outcome is None or move.node is None:
        return ()
    return described(system).rules(before.nodes[move.node], behaviour.event_of(move), outcome.local, messages)


def _marks(system: System, before: GlobalState, after: GlobalState, node: int | None) -> tuple[str, ...]:
    if node is None or same(before.nodes[node], after.nodes[node]):
        return ()
    words = described(system)
    if words.marks is None:
        return (words.change(before.nodes[node], after.nodes[node]),)
    return words.marks(before.nodes[node], after.nodes[node])


def _in_flight(system: System, state: GlobalState, sent: dict[Key, int]) -> Iterator[Arrow]:
    """Yield the messages in flight in a state, oldest first."""
    flight = [m for m in state.flight if not isinstance(m, RoundEnd)]
    if isinstance(behaviour.kind(system), Set):
        flight.sort(key=lambda m: (sent.get(key(m), 0), repr(m)))
    for message in flight:
        ends = (system.source(message), system.destination(message))
        words = described(system).event(message)
        yield Arrow(*ends, brief(system, message), words, Fate.IN_FLIGHT, sent.get(key(message)))
