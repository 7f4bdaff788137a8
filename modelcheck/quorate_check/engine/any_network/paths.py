"""From a kept state back to a run of the real code: rebuilt, cut down to what the violation depends on, and shortened.

A kept state remembers the state that it came from, under whatever names of the nodes, and not what was sent to close
it. So the run is made again, on the step table with concrete names: every step, and every sending that closing adds,
in order. Of that run only the *causal past* of the violation is needed: a step at a node needs the earlier steps that
changed that node, and the message that it receives; a message needs the step that sent it first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import eq, le

import numpy as np

from quorate_check.core import behaviour
from quorate_check.core.invariants import Invariant
from quorate_check.core.path import Move, MoveKind, Path, Step
from quorate_check.core.system import System
from quorate_check.engine.any_network import kernel
from quorate_check.engine.any_network.state_space import StateSpace
from quorate_check.engine.trace import Finding, breaking_path, not_believed


@dataclass(frozen=True, slots=True)
class Event:
    """A local step: `code` is a message's id, or -1 - event; `choice` says which of the outcomes it was."""

    node: int
    code: int
    choice: int
    before: int
    after: int
    messages: tuple[int, ...]


@dataclass(slots=True)
class ConcreteRun:
    """A concrete run: local ids by node, the event that sent each message first, and what of each budget is used."""

    space: StateSpace
    local: list[int]
    used: int = 0
    sender: dict[int, int] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def copy(self) -> ConcreteRun:
        """Return a run that goes on by itself."""
        return ConcreteRun(self.space, list(self.local), self.used, dict(self.sender), list(self.events))

    def events_at(self, node: int, code: int) -> Iterator[Event]:
        """Yield what a node may do on a message or event."""
        t, before = self.space.tables, self.local[node]
        if self._place(before, code) == kernel.UNKNOWN:  # it has been run under other names of the nodes only
            t.execute(np.array([[0, before, code]], np.int64))
            self.space.place_messages()
        for choice, (after, messages) in enumerate(t.outcomes_at(self._place(before, code))):
            yield Event(node, code, choice, before, after, tuple(messages))

    def _place(self, local: int, code: int) -> int:
        t = self.space.tables
        return int(t.spontaneous[local, -1 - code] if code < 0 else kernel.find(t.pairs, local << 32 | code))

    def possible(self) -> Iterator[tuple[int, int, int]]:
        """Yield each node with each message or event that it may step on now, and what of each budget is used then."""
        t, wiring = self.space.tables, self.space.wiring
        for node in range(len(self.local)):
            for number in range(len(t.events)):
                used, b = self.used, int(t.event_budget[number])
                if b >= 0:
                    shift = int(wiring.budget_shift[b])
                    if (used >> shift) & int(wiring.budget_mask[b]) == int(wiring.budget_limit[b]):
                        continue
                    used += 1 << shift
                yield node, -1 - number, used
            yield from ((node, m, self.used) for m in list(self.sender) if int(t.destination[m]) == node)

    def enabled_events(self) -> Iterator[tuple[Event, int]]:
        """Yield every local step that is possible now, and what of each budget is used after it."""
        for node, code, used in self.possible():
            for event in self.events_at(node, code):
                yield event, used

    def take(self, event: Event, used: int) -> None:
        """Take a step."""
        for message in event.messages:
            self.sender.setdefault(message, len(self.events))
        self.events.append(event)
        self.local[event.node], self.used = event.after, used

    def close(self) -> None:
        """Take every step that sends something new, and changes no local state and uses no budget."""
        if any(self.space.tables.beyond[local] for local in self.local):
            return
        more = True
        while more:
            more = False
            for event, used in list(self.enabled_events()):
                if event.after == event.before and used == self.used and not self.sender.keys() >= set(event.messages):
                    self.take(event, used)
                    more = True

    def is_state(self, state: int) -> bool:
        """Whether this is a kept state under other names of the nodes; useless messages may have been sent besides."""
        space, n, t = self.space, len(self.local), self.space.tables
        if self.used != int(space.store.state_used[state]):
            return False
        nodes, messages, sender = space.nodes_of(state), space.messages_of(state), list(self.sender)
        matches = eq if space.useless is None else le
        if not t.group:
            return self.local == nodes and matches(messages, set(sender))
        for p, inverse in enumerate(t.inverse.tolist()):
            renamed = [int(t.rename_local[p, self.local[inverse[i]]]) for i in range(n)]
            if renamed == nodes and matches(messages, set(t.rename_message[p, sender].tolist())):
                return True
        return False


def path_of(space: StateSpace, finding: Finding) -> Path:
    """Return a run of the real code to `finding`, without what the violation doesn't depend on."""
    run = _rebuild(space, finding.state)
    if finding.is_step:
        last, run = _breaking(space, run)
        return _replay(space, causal_past(run, {last.node}, last.code if last.code > 0 else None), last)
    nodes = _guilty(space.system, [space.tables.locals[i] for i in run.local], finding.name)
    return _replay(space, causal_past(run, set(nodes), None), None)


def _rebuild(space: StateSpace, state: int) -> ConcreteRun:
    """Return a concrete run to a kept state."""
    chain = [state]
    # a step may break a promise while the initial state is being closed, before it is kept
    while chain[-1] < space.states and (parent := int(space.store.state_parent[chain[-1]])) != kernel.NONE:
        chain.append(parent)
    run = ConcreteRun(space, list(space.tables.initial))
    run.close()
    for target in chain[-2::-1]:
        for event, used in list(run.enabled_events()):
            following = run.copy()
            following.take(event, used)
            following.close()
            if following.is_state(target):
                run = following
                break
        else:
            raise not_believed(space.system, "a step that the system's own code doesn't take")
    return run


def _breaking(space: StateSpace, run: ConcreteRun) -> tuple[Event, ConcreteRun]:
    """Return an event whose step broke a promise, and a run after which it is possible: this one, or a step on."""
    if (last := _breaking_event(run)) is not None:
        return last, run
    for event, used in list(run.enabled_events()):
        following = run.copy()
        following.take(event, used)
        following.close()
        if (last := _breaking_event(following)) is not None:
            return last, following
    raise not_believed(space.system, "a broken step that the state doesn't enable")


def _breaking_event(run: ConcreteRun) -> Event | None:
    """Return an event that is possible now and whose step broke a promise, None if there is none."""
    for node, code, _ in run.possible():
        if (local := run.local[node], code) in run.space.tables.broken_pairs:
            return Event(node, code, 0, local, local, ())
    return None


def _guilty(system: System, nodes: list[object], name: str) -> tuple[int, ...]:
    """Return nodes whose views alone break an invariant."""
    invariant = next(i for i in system.invariants if i.name == name)
    assert isinstance(invariant, Invariant)
    views = [invariant.view(local) for local in nodes]
    for choice in behaviour.tuples(list(range(len(nodes))), invariant.over):
        if not invariant.holds(tuple(views[i] for i in choice)):
            return tuple(choice)
    raise not_believed(system, "a violation that the state doesn't show")


def causal_past(run: ConcreteRun, nodes: set[int], message: int | None) -> list[Event]:
    """Return the events of a run on which the states of `nodes`, and a message if one is given, depend."""
    messages = {run.sender[message]} if message is not None else set[int]()
    past: list[Event] = []
    for number in range(len(run.events) - 1, -1, -1):
        event = run.events[number]
        changes = event.node in nodes and event.after != event.before
        if not changes and number not in messages:
            continue
        past.append(event)
        nodes.add(event.node)
        if event.code > 0:
            messages.add(run.sender[event.code])
    return past[::-1]


def _replay(space: StateSpace, events: list[Event], last: Event | None) -> Path:
    """Return the path of these events, taken by the system's own code; it ends with `last`, which breaks a promise."""
    system = space.system
    state = first = behaviour.start(system)
    steps: list[Step] = []
    for event in events:
        move = _move(space, event)
        state = next(after for m, _, after in behaviour.edges(system, state, move) if m == move and after is not None)
        steps.append(Step(move, state))
    moves = None if last is None else behaviour.edges(system, state, _move(space, last))
    return breaking_path(system, first, tuple(steps), moves)


def _move(space: StateSpace, event: Event) -> Move:
    """Return an event as a move."""
    if event.code < 0:
        return Move(MoveKind.SPONTANEOUS, event.node, space.tables.events[-1 - event.code], event.choice)
    return Move(MoveKind.DELIVER, event.node, space.tables.messages[event.code], event.choice)
