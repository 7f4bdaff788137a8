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
from quorate_check.engine.kept import kernel
from quorate_check.engine.kept.found import Kept
from quorate_check.engine.trace import Finding, ended, not_believed


@dataclass(frozen=True, slots=True)
class Event:
    """A local step: `code` is a message's id, or -1 - event; `choice` says which of the outcomes it was."""

    node: int
    code: int
    choice: int
    before: int
    after: int
    sent: tuple[int, ...]


@dataclass(slots=True)
class ConcreteRun:
    """A concrete run: local ids by node, the event that sent each message first, and what of each budget is used."""

    kept: Kept
    local: list[int]
    used: int = 0
    sender: dict[int, int] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def copy(self) -> ConcreteRun:
        """Return a run that goes on by itself."""
        return ConcreteRun(self.kept, list(self.local), self.used, dict(self.sender), list(self.events))

    def events_at(self, node: int, code: int) -> Iterator[Event]:
        """Yield what a node may do on a message or event."""
        t, before = self.kept.tables, self.local[node]
        if self._place(before, code) == kernel.UNKNOWN:  # it has been run under other names of the nodes only
            t.execute(np.array([[0, before, code]], np.int64))
            self.kept.place_messages()
        for choice, (after, sent) in enumerate(t.outcomes_at(self._place(before, code))):
            yield Event(node, code, choice, before, after, tuple(sent))

    def _place(self, local: int, code: int) -> int:
        t = self.kept.tables
        return int(t.spontaneous[local, -1 - code] if code < 0 else kernel.find(t.pairs, local << 32 | code))

    def possible(self) -> Iterator[tuple[int, int, int]]:
        """Yield each node with each message or event that it may step on now, and what of each budget is used then."""
        t, wiring = self.kept.tables, self.kept.wiring
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

    def enabled(self) -> Iterator[tuple[Event, int]]:
        """Yield every local step that is possible now, and what of each budget is used after it."""
        for node, code, used in self.possible():
            for event in self.events_at(node, code):
                yield event, used

    def take(self, event: Event, used: int) -> None:
        """Take a step."""
        for message in event.sent:
            self.sender.setdefault(message, len(self.events))
        self.events.append(event)
        self.local[event.node], self.used = event.after, used

    def close(self) -> None:
        """Take every step that sends something new, and changes no local state and uses no budget."""
        if any(self.kept.tables.beyond[local] for local in self.local):
            return
        more = True
        while more:
            more = False
            for event, used in list(self.enabled()):
                if event.after == event.before and used == self.used and not self.sender.keys() >= set(event.sent):
                    self.take(event, used)
                    more = True

    def is_state(self, state: int) -> bool:
        """Whether this is a kept state under other names of the nodes; useless messages may have been sent besides."""
        kept, n, t = self.kept, len(self.local), self.kept.tables
        if self.used != int(kept.store.state_used[state]):
            return False
        nodes, sent, sender = kept.nodes_of(state), kept.sent_in(state), list(self.sender)
        as_sent = eq if kept.useless is None else le
        if not t.group:
            return self.local == nodes and as_sent(sent, set(sender))
        for p, inverse in enumerate(t.inverse.tolist()):
            renamed = [int(t.rename_local[p, self.local[inverse[i]]]) for i in range(n)]
            if renamed == nodes and as_sent(sent, set(t.rename_message[p, sender].tolist())):
                return True
        return False


def path_of(kept: Kept, finding: Finding) -> Path:
    """Return a run of the real code to `finding`, without what the violation doesn't depend on."""
    run = _rebuilt(kept, finding.state)
    if finding.is_step:
        last, run = _breaking(kept, run)
        return _replayed(kept, sliced(run, {last.node}, last.code if last.code > 0 else None), last)
    nodes = _guilty(kept.system, [kept.tables.locals[i] for i in run.local], finding.name)
    return _replayed(kept, sliced(run, set(nodes), None), None)


def _rebuilt(kept: Kept, state: int) -> ConcreteRun:
    """Return a concrete run to a kept state."""
    chain = [state]
    # a step may break a promise while the initial state is being closed, before it is kept
    while chain[-1] < kept.states and (parent := int(kept.store.state_parent[chain[-1]])) != kernel.NONE:
        chain.append(parent)
    run = ConcreteRun(kept, list(kept.tables.initial))
    run.close()
    for target in chain[-2::-1]:
        for event, used in list(run.enabled()):
            following = run.copy()
            following.take(event, used)
            following.close()
            if following.is_state(target):
                run = following
                break
        else:
            raise not_believed(kept.system, "a step that the system's own code doesn't take")
    return run


def _breaking(kept: Kept, run: ConcreteRun) -> tuple[Event, ConcreteRun]:
    """Return an event whose step broke a promise, and a run after which it is possible: this one, or a step on."""
    if (last := _broken(run)) is not None:
        return last, run
    for event, used in list(run.enabled()):
        following = run.copy()
        following.take(event, used)
        following.close()
        if (last := _broken(following)) is not None:
            return last, following
    raise not_believed(kept.system, "a broken step that the state doesn't enable")


def _broken(run: ConcreteRun) -> Event | None:
    """Return an event that is possible now and whose step broke a promise, None if there is none."""
    for node, code, _ in run.possible():
        if (local := run.local[node], code) in run.kept.tables.broken_pairs:
            return Event(node, code, 0, local, local, ())
    return None


def _guilty(system: System, nodes: list[object], name: str) -> tuple[int, ...]:
    """Return nodes whose views alone break an invariant."""
    invariant = next(i for i in system.invariants if i.name == name)
    assert isinstance(invariant, Invariant)
    views = [invariant.view(local) for local in nodes]
    for chosen in behaviour.tuples(list(range(len(nodes))), invariant.over):
        if not invariant.holds(tuple(views[i] for i in chosen)):
            return tuple(chosen)
    raise not_believed(system, "a violation that the state doesn't show")


def sliced(run: ConcreteRun, nodes: set[int], message: int | None) -> list[Event]:
    """Return the events of a run on which the states of `nodes`, and a message if one is given, depend."""
    messages = {run.sender[message]} if message is not None else set[int]()
    needed: list[Event] = []
    for number in range(len(run.events) - 1, -1, -1):
        event = run.events[number]
        changes = event.node in nodes and event.after != event.before
        if not changes and number not in messages:
            continue
        needed.append(event)
        nodes.add(event.node)
        if event.code > 0:
            messages.add(run.sender[event.code])
    return needed[::-1]


def _replayed(kept: Kept, events: list[Event], last: Event | None) -> Path:
    """Return the path of these events, taken by the system's own code; it ends with `last`, which breaks a promise."""
    system = kept.system
    state = first = behaviour.start(system)
    steps: list[Step] = []
    for event in events:
        move = _move(kept, event)
        state = next(after for m, _, after in behaviour.edges(system, state, move) if m == move and after is not None)
        steps.append(Step(move, state))
    moves = None if last is None else behaviour.edges(system, state, _move(kept, last))
    return ended(system, first, tuple(steps), moves)


def _move(kept: Kept, event: Event) -> Move:
    """Return an event as a move."""
    if event.code < 0:
        return Move(MoveKind.SPONTANEOUS, event.node, kept.tables.events[-1 - event.code], event.choice)
    return Move(MoveKind.DELIVER, event.node, kept.tables.messages[event.code], event.choice)
