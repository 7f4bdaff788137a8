"""Useless messages: those whose receiver, whatever it still becomes, stays as it is when they arrive.

A message is *silent* at a local state if every local state that its receiver can still reach answers it by exactly one
outcome: the state as it is, and nothing sent. It is *useless* in a global state if its receiver always stays as it is
and sends nothing or one message, which is silent where its own receiver stands. The search takes useless messages out
of the network after each step.

That is exact for properties of nodes. To take a message out is to deliver it, and then its answer: moves of the system,
which need no more room. And nothing is lost: a state of the whole search has, beside a state of the reduced one, only
useless messages more and budgets used up; delivering those changes no node, and any other move is possible in both.
They stay useless, because what a node can still reach never grows on its way.

"Can still reach" is by the local steps that the search has met. So a search counts only if, at its end, all that it
took for useless still is; otherwise it is begun again, knowing those steps. What it met on the way are steps of the
system nevertheless: at worst a message was delivered early.

Steps are judged, too, and the later deliveries of a message that was removed never are. So each is tried here, under
every name of the nodes: a message that would break a promise of steps there, show a witness, raise, wait, or do
something else under another name, isn't useless. A network in lockstep decides when a message arrives, so none is
removed from it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import partial

import numpy as np

from quorate_check.core import behaviour
from quorate_check.core.behaviour import broken_by_step, kind
from quorate_check.core.invariants import StepWitness
from quorate_check.core.networks import Set
from quorate_check.core.path import GlobalState, Move, MoveKind, Step
from quorate_check.core.system import Deliver, System, UnusableSystemError
from quorate_check.core.unusable import UnreliableStepError
from quorate_check.core.values import same
from quorate_check.engine import kernel
from quorate_check.engine.layout import Ints
from quorate_check.engine.tables import Tables

Answers = frozenset[int]  # ids of the messages by which a message may be answered
FIRST_SLOTS = 1 << 16


def why_none_is_removed(system: System, depth: int | None) -> str | None:
    """Return why a search of `system` to a depth removes no message, None if it removes those that are useless."""
    if kind(system).in_rounds:
        return "rounds say when a message arrives"
    if system.liveness or system.on_messages:
        return "promises of liveness and on messages in flight are judged on all states"
    return None if depth is None else "a depth counts every step"


def idle_answers(tables: Tables, local: int, message: int) -> list[tuple[int, ...]] | None:
    """Deliver a message under every name of the nodes; return the ids that each outcome sends, in order of ids.

    None if an outcome does more that anybody could notice, or if names make a difference: then the search has to
    deliver the message, and refuses nodes that aren't alike.
    """
    sent = idle_as_named(tables, local, message)
    if sent is None:
        return None
    for p in range(1, len(tables.group)):
        image = int(tables.rename_local[p, local]), int(tables.rename_message[p, message])
        renamed = sorted(tuple(sorted(tables.rename_message[p, ids].tolist())) for ids in map(list, sent))
        if idle_as_named(tables, *image) != renamed:
            return None
    return sent


def idle_as_named(tables: Tables, local: int, message: int) -> list[tuple[int, ...]] | None:
    """Return the same of a delivery under the names that the nodes have."""
    system, before, event = tables.system, tables.locals[local], Deliver(tables.messages[message])
    try:
        outcomes = tables.outcomes(local, message)
        for outcome in outcomes:
            if not same(outcome.local, before) or broken_by_step(system, before, event, outcome) is not None:
                return None
            if any(
                isinstance(w, StepWitness) and w.is_seen(before, event, outcome.local, outcome.messages)
                for w in system.witnesses
            ):
                return None
        return sorted(tuple(sorted(map(tables.message_id, outcome.messages))) for outcome in outcomes)
    except UnreliableStepError:
        raise
    except UnusableSystemError as error:
        error.withdrawn = True
        return None
    except Exception:  # noqa: BLE001 - if it really happens the search will find it, and say what was raised
        return None


class Useless:
    """What is known of messages at local states, as far as the kernel asked; `arrays` is what it reads."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.arrays = kernel.Useless(np.zeros(2 * FIRST_SLOTS, np.int64), np.zeros(2, np.int64))
        self._size = 2  # of what `arrays.answers` holds: nothing at the places that mean USEFUL and SILENT
        self._places: dict[Answers, int] = {frozenset(): kernel.SILENT}
        self._decided: dict[tuple[int, int], Answers | None] = {}  # by local id and message id; None: useful
        self._answers: dict[tuple[int, int], int | None] = {}  # the answer to one delivery, 0 if there is none
        self._targets: dict[int, set[int]] = defaultdict(set)
        self._sources: dict[int, set[int]] = defaultdict(set)
        self._steps = 0  # of `tables.changes` that are in these
        self._useful: dict[int, set[int]] = defaultdict(set)  # by message, where it is known not to be useless
        self._silent: dict[int, set[int]] = defaultdict(set)  # and where it is known to be silent

    @property
    def any_useless(self) -> bool:
        """Whether a message was useless where it was in flight."""
        return any(answers is not None for answers in self._decided.values())

    def answer(self, undecided: Ints) -> None:
        """Say of each message at a local state in `undecided` whether it is useless there."""
        self._learn()
        new = dict[tuple[int, int], int]()
        for local, message in np.unique(undecided, axis=0).tolist():
            if (local, message) not in self._decided:
                answers = self._decide(local, message)
                for pair, renamed in self._renamed(local, message, answers):
                    self._decided[pair] = renamed
                    new[pair] = self._place(renamed)
        self._enter(new)

    def stands(self) -> bool:
        """Whether all that was taken for useless still is, by the steps that are known now."""
        self._learn()
        return all(
            self._decide(local, message) == answers
            for (local, message), answers in self._decided.items()
            if answers is not None
        )

    def begin_again(self) -> None:
        """Be asked again about everything, for a search that begins again."""
        self._decided.clear()
        self.arrays.table[:] = 0

    def settle(self, state: GlobalState) -> tuple[list[Step], GlobalState]:
        """Return the steps that deliver the useless messages of `state`, as the kernel removes them, and their end."""
        system, steps = self.tables.system, list[Step]()
        while (position := self._next_useless(state)) is not None:
            message = state.flight[position]
            move = Move(MoveKind.DELIVER, system.destination(message), message)
            (outcome,) = behaviour.local_step(system, state.nodes[system.destination(message)], move)
            rest = replace(state, flight=kind(system).without(state.flight, position))
            state = behaviour.send(system, rest, outcome.messages)
            steps.append(Step(move, state))
        return steps, state

    def _next_useless(self, state: GlobalState) -> int | None:
        """Return the position of a useless message that may arrive next, None if there is none."""
        system = self.tables.system
        positions = kind(system).deliverable(state.flight, state.current, partial(behaviour.link, system))
        return next((p for p in positions if self._is_useless(system, state, state.flight[p])), None)

    def _is_useless(self, system: System, state: GlobalState, message: object) -> bool:
        answers = self._answers_of(state, self.tables.message_id(message))
        queues = [] if isinstance(kind(system), Set) else [behaviour.link(system, m) for m in state.flight]
        return answers is not None and all(
            self._answers_of(state, a) == frozenset() and behaviour.link(system, self.tables.messages[a]) not in queues
            for a in answers
        )

    def _answers_of(self, state: GlobalState, message: int) -> Answers | None:
        local = self.tables.local_id(state.nodes[self.tables.destination[message]])
        return self._decided[local, message] if (local, message) in self._decided else self._decide(local, message)

    def _learn(self) -> None:
        """Take in the local steps that have been run since: what a node can still reach may have grown."""
        steps = self.tables.changes[self._steps :]
        self._steps = len(self.tables.changes)
        rename = self.tables.rename_local
        for before, after in steps:
            for b, a in (
                zip(rename[:, before].tolist(), rename[:, after].tolist(), strict=True)
                if len(rename)
                else ((before, after),)
            ):
                self._targets[b].add(a)
                self._sources[a].add(b)
        if steps:
            self._silent.clear()

    def _spread(self, useful: set[int], local: int) -> None:
        """Note that a message is not useless at `local`, nor wherever that can still be reached from."""
        waiting = [local]
        while waiting:
            at = waiting.pop()
            if at not in useful:
                useful.add(at)
                waiting.extend(self._sources[at])

    def _decide(self, local: int, message: int) -> Answers | None:
        """Return how a message may be answered from `local` on, None if it isn't useless there."""
        if (beyond := self.tables.beyond)[local]:  # no state that it is in is expanded, so nothing arrives
            return None
        useful, silent = self._useful[message], self._silent[message]
        reach, waiting, answers = {local}, [local], set[int]()
        while waiting:
            at = waiting.pop()
            if at in silent:
                continue
            answer = None if at in useful else self._try(at, message)
            if answer is None:
                self._spread(useful, at)
                self._spread(useful, local)
                return None
            if answer:
                answers.add(answer)
            for after in self._targets[at]:
                if after not in reach and not beyond[after]:
                    reach.add(after)
                    waiting.append(after)
        if not answers:
            silent |= reach
        return frozenset(answers)

    def _try(self, local: int, message: int) -> int | None:
        """Deliver a message; return the answer (0: none), None if something else happens as well."""
        if (local, message) not in self._answers:
            answer = self._deliver(local, message)
            for p in range(len(self.tables.group)):
                key = int(self.tables.rename_local[p, local]), int(self.tables.rename_message[p, message])
                self._answers[key] = None if answer is None else int(self.tables.rename_message[p, answer])
            self._answers[local, message] = answer
        return self._answers[local, message]

    def _deliver(self, local: int, message: int) -> int | None:
        answers = idle_answers(self.tables, local, message)
        if answers is None or len(answers) != 1 or len(answers[0]) > 1:
            return None
        return answers[0][0] if answers[0] else 0

    def _renamed(
        self, local: int, message: int, answers: Answers | None
    ) -> list[tuple[tuple[int, int], Answers | None]]:
        """Return a decision under every name of the nodes."""
        locals_, messages = self.tables.rename_local, self.tables.rename_message
        if not len(self.tables.group):
            return [((local, message), answers)]
        return [
            (
                (int(locals_[p, local]), int(messages[p, message])),
                None if answers is None else frozenset(messages[p, sorted(answers)].tolist()),
            )
            for p in range(len(self.tables.group))
        ]

    def _place(self, answers: Answers | None) -> int:
        if answers is None:
            return kernel.USEFUL
        if answers not in self._places:
            self._places[answers] = self._size
            row = [len(answers), *sorted(answers)]
            old = self.arrays.answers[: self._size]
            if self._size + len(row) > len(self.arrays.answers):
                self.arrays = self.arrays._replace(answers=np.zeros(2 * (self._size + len(row)), np.int64))
                self.arrays.answers[: self._size] = old
            self.arrays.answers[self._size : self._size + len(row)] = row
            self._size += len(row)
        return self._places[answers]

    def _enter(self, new: dict[tuple[int, int], int]) -> None:
        """Enter decisions into the kernel's table, which stays at most half full."""
        if 4 * len(self._decided) > len(self.arrays.table):
            old = self.arrays.table.reshape(-1, 2)
            old = old[old[:, 0] != 0]
            size = len(self.arrays.table)
            while size < 8 * len(self._decided):
                size *= 2
            self.arrays = self.arrays._replace(table=np.zeros(size, np.int64))
            kernel.put(self.arrays.table, old[:, 0] - 1, np.ascontiguousarray(old[:, 1]))
        keys = np.array([local << 32 | message for local, message in new], np.int64)
        kernel.put(self.arrays.table, keys, np.array(list(new.values()), np.int64))
