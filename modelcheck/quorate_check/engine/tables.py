"""Ids for local states and messages, and the step table: every (local state, event) pair runs once.

Objects are numbered in the order in which they are met. Under symmetry reduction an object is numbered together with
everything it can be renamed to, so that renaming is a look-up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from quorate_check.core.behaviour import DEADLOCK, RAISED, broken_by_step, is_quiet, kind, refuse_chance
from quorate_check.core.behaviour import outcomes as outcomes_of
from quorate_check.core.invariants import StepWitness
from quorate_check.core.path import RoundEnd
from quorate_check.core.system import Deliver, Outcome, System, UnusableSystemError
from quorate_check.core.unusable import text_of
from quorate_check.core.values import Numbers
from quorate_check.engine import kernel
from quorate_check.engine.layout import Ints, Layout, layout
from quorate_check.engine.symmetry import Step, mates_of
from quorate_check.engine.views import Judge

StepVerdicts = tuple[Step, list[bool]]  # a step, and what the properties of steps say of it
EMPTY_SLOT = object()  # the message with id 0


def room(array: np.ndarray[Any, Any], axis: int, needed: int, fill: int = 0) -> np.ndarray[Any, Any]:
    """Return `array`, or a copy at least twice as long along `axis`, so that `needed` fits."""
    if needed <= array.shape[axis]:
        return array
    shape = list(array.shape)
    shape[axis] = max(needed, 2 * array.shape[axis])
    larger = np.full(shape, fill, array.dtype)
    larger[tuple(slice(n) for n in array.shape)] = array
    return larger


class Tables:
    """What the kernels know of a system, as arrays; see `kernel.expand` for the meaning of each."""

    def __init__(self, system: System, judge: Judge) -> None:
        self.system, self.judge = system, judge
        n = len(system.initial)
        self.trial = judge.trial
        self.group = self.trial.group
        self.events = [s.event for s in system.spontaneous]
        names = list(system.limits())
        self.event_budget = np.array(
            [-1 if s.budget is None else names.index(s.budget) for s in system.spontaneous], np.int64
        )
        limits = system.limits().values()
        self.budget_limit = np.array([kernel.UNLIMITED if n is None else n for n in limits], np.int64)
        self.drops, self.duplicates = names.index("drops"), names.index("duplicates")
        self.permutations = np.array([p[:n] for p in self.group], np.int64).reshape(len(self.group), n)
        self.inverse = np.argsort(self.permutations, axis=1).astype(np.int64)
        mates = mates_of(self.trial.groups, self.permutations.tolist(), n)
        self.mates, self.mate_before, self.mate_count, self.permutation_of, self.alike = mates
        self.products = np.array(self.trial.products, np.int64)

        self.local_ids = Numbers()
        self.locals = self.local_ids.values
        self.beyond = np.zeros(64, np.uint8)
        self.done = np.zeros(64, np.uint8)
        self.quiet = np.full(64, kernel.UNKNOWN, np.int8)
        self.spontaneous = np.full((64, len(self.events)), kernel.UNKNOWN, np.int32)
        self.view_of = np.zeros((len(judge.groups), 64), np.int32)
        self.rename_local = np.zeros((len(self.group), 64), np.int32)
        self.orbit = np.zeros(64, np.int32)

        self.message_ids = Numbers(EMPTY_SLOT)
        self.messages = self.message_ids.values
        self.destination = np.zeros(64, np.int32)
        self.link = np.zeros(64, np.int32)
        self.is_round_end = np.zeros(64, np.uint8)
        self.rename_message = np.zeros((len(self.group), 64), np.int32)

        self.pairs = np.zeros(2 * 1024, np.int64)
        self.known_pairs = 0
        self.program = np.zeros(1024, np.int32)
        self.program_size = 1  # place 0: no outcome
        self.step_executions = 0
        self.runs: list[
            Ints
        ] = []  # of each call of `execute`, what was run: rows of local id, message id or -1 - event
        self.changes: list[tuple[int, int]] = []  # each local state that a step has left for another, and that one
        self._change_set: set[tuple[int, int]] = set()
        self._old_pairs: set[tuple[int, int]] = set()  # what was run before the search began again, and not met since
        self.step_witnesses: set[str] = set()
        self._places = dict[tuple[int, int], int]()  # in `program`, by local id, and message id or -1 - event
        self._fresh: list[tuple[int, int]] = []  # pairs that aren't in the step table yet
        self.broken_pairs = dict[tuple[int, int], list[tuple[str, str]]]()  # what a pair breaks: property and detail
        self.initial = [self.local_id(local) for local in system.initial]
        for message in system.flight:  # a layout has room for the ids that there are when it is made
            self.message_id(message)
        with_ends = kind(system).in_rounds and system.network.round_end is not None
        self.round_ends = np.array([self.message_id(RoundEnd(i)) for i in range(n)] if with_ends else [], np.int64)

    def layout(self, least: Layout | None = None) -> Layout:
        """Return a layout for the ids handed out so far, and no narrower than `least`."""
        local_bits, message_bits = len(self.locals).bit_length(), len(self.messages).bit_length()
        if least is not None:
            local_bits, message_bits = max(local_bits, least.local_bits), max(message_bits, least.message_bits)
        return layout(self.system, local_bits, message_bits)

    def outgrow(self, at: Layout) -> bool:
        """Whether there are ids that `at` has no room for."""
        return len(self.locals) > 1 << at.local_bits or len(self.messages) > 1 << at.message_bits

    def local_id(self, local: Hashable) -> int:
        """Return the id of a local state, handing out a new one (and one per renaming) if it is new."""
        if (number := self._lookup(self.local_ids, local)) is not None:
            return number
        if self.system.symmetry is None:
            return self._new_local(local)
        images = self.trial.images(local, self.system.symmetry.local)
        ids = [self._new_local(r) if (number := self.local_ids.get(r)) is None else number for r in images]
        self.trial.truth("beyond", images, self.beyond[ids].tolist())
        self.trial.truth("done", images, self.done[ids].tolist())
        for g, group in enumerate(self.judge.groups):
            looks = [group.look(image) for image in images]
            self.view_of[g, ids] = [group.number(*(looks[c] for c in row)) for row in self.products.T.tolist()]
        self.rename_local = room(self.rename_local, 1, len(self.locals))
        self._fill(self.rename_local, ids)
        self.orbit[ids] = min(ids)
        return ids[0]

    def _lookup(self, ids: Numbers, value: Hashable) -> int | None:
        try:
            return ids.get(value)
        except TypeError as error:
            raise UnusableSystemError(
                f"{self.system.name}: {error} in {value!r}: local states and messages must be hashable values"
            ) from error

    def _new_local(self, local: Hashable) -> int:
        number = self.local_ids.add(local)
        needed = len(self.locals)
        self.beyond = room(self.beyond, 0, needed)
        self.done = room(self.done, 0, needed)
        self.quiet = room(self.quiet, 0, needed, kernel.UNKNOWN)
        self.spontaneous = room(self.spontaneous, 0, needed, kernel.UNKNOWN)
        self.view_of = room(self.view_of, 1, needed)
        self.orbit = room(self.orbit, 0, needed)
        self.beyond[number] = self.system.beyond(local)
        self.done[number] = self.system.done is None or self.system.done(local)
        for g, group in enumerate(self.judge.groups if not self.group else ()):
            self.view_of[g, number] = group.number(group.look(local))
        return number

    def message_id(self, message: Hashable) -> int:
        """Return the id of a message, handing out a new one (and one per renaming) if it is new."""
        if (number := self._lookup(self.message_ids, message)) is not None:
            return number
        # What is refused gets no id, so that it is refused as often as it is asked for.
        if self.system.symmetry is None:
            return self._new_message(message, self._ends(message))
        images = self.trial.images(message, self.system.symmetry.message)
        ends = [self._ends(image) for image in images]
        self.trial.ends(images, ends)
        ids = [
            self._new_message(image, its) if (number := self.message_ids.get(image)) is None else number
            for image, its in zip(images, ends, strict=True)
        ]
        self.rename_message = room(self.rename_message, 1, len(self.messages))
        self._fill(self.rename_message, ids)
        return ids[0]

    def _ends(self, message: Any) -> tuple[int, int]:  # noqa: ANN401 - the subject's own
        """Return the sender and the receiver of a message; the end of a round has none for a sender."""
        n = len(self.system.initial)
        if isinstance(message, RoundEnd):
            return n, message.node
        source, target = self.system.source(message), self.system.destination(message)
        if not (0 <= source < n and 0 <= target < n):
            raise UnusableSystemError(
                f"{self.system.name}: {message!r} goes from node {source} to node {target}; there are {n} nodes"
            )
        return source, target

    def _new_message(self, message: Hashable, ends: tuple[int, int]) -> int:
        number = self.message_ids.add(message)
        needed = len(self.messages)
        self.destination = room(self.destination, 0, needed)
        self.link = room(self.link, 0, needed)
        self.is_round_end = room(self.is_round_end, 0, needed)
        self.is_round_end[number] = isinstance(message, RoundEnd)
        source, self.destination[number] = ends
        self.link[number] = source * len(self.system.initial) + ends[1]
        return number

    def _fill(self, table: np.ndarray[Any, Any], ids: list[int]) -> None:
        """Enter, for each of the renamed values `ids` (by permutation), what every permutation makes of it."""
        table[:, ids] = np.array(ids)[self.products]

    def execute(self, missing: Ints) -> list[tuple[int, str, str]]:
        """Run the real step function for each distinct pair of `missing`; return (state, property, detail) findings.

        Rows are (state, local id, message id or -1 - event); the state is one in which the pair occurs. Two kinds of
        rows aren't of pairs (`kernel._expand`).
        """
        missing, deadlocks = self._pairs_of(missing)
        order = np.lexsort((missing[:, 0], missing[:, 2], missing[:, 1]))
        first = np.ones(len(order), np.bool_)
        first[1:] = np.any(np.diff(missing[order][:, 1:], axis=0) != 0, axis=1)
        return deadlocks + self._execute(missing[order][first])

    def _pairs_of(self, rows: Ints) -> tuple[Ints, list[tuple[int, str, str]]]:
        """Return the rows that are pairs, and the first deadlock; note which local states in the others are quiet."""
        ends, asks = rows[:, 1] == kernel.NOBODY, rows[:, 2] == -1 - len(self.events)
        for local in np.unique(rows[asks, 1]).tolist():
            self.quiet[local] = kernel.QUIET if is_quiet(self.system, self.locals[local]) else kernel.BUSY
        return rows[~(ends | asks)], [(int(state), DEADLOCK, "") for state in np.sort(rows[ends, 0])[:1]]

    def _execute(self, distinct: Ints) -> list[tuple[int, str, str]]:
        if len(distinct):  # a checkpoint tells runs by their numbers, and writes no empty one
            self.runs.append(distinct[:, 1:].copy())
        findings = []
        for state, local, code in distinct.tolist():
            if (local, code) not in self._places:
                self._run(local, code)
            elif (local, code) in self._old_pairs:
                self._old_pairs.remove((local, code))
                self._fresh.append((local, code))
                for outcome in self._table_outcomes(local, code):
                    self._witness(self.locals[local], self.event_of(code), outcome)
            self._note_changes(local, code)
            findings += [(state, name, detail) for name, detail in self.broken_pairs.get((local, code), ())]
        self._remember()
        return findings

    def begin_again(self) -> None:
        """Keep what was run, and have a search that begins again come across all of it."""
        self._old_pairs = set(self._places)
        self.pairs[:] = 0
        self.known_pairs = 0
        self.spontaneous[:] = kernel.UNKNOWN
        self.step_witnesses.clear()

    def outcomes(self, local: int, message: int) -> tuple[Outcome, ...]:
        """Return what a node does when a message arrives, whether or not the search has come across that.

        Raises whatever the step function raises, and UnusableSystemError if its answer can't be used.
        """
        if (local, message) in self._places:
            return self._table_outcomes(local, message)
        self.step_executions += 1
        before, event = self.locals[local], self.event_of(message)
        answers = tuple(self.system.step(before, event))
        refuse_chance(self.system, self.step_executions, before, event, answers)
        return outcomes_of(self.system, before, event, answers, arrives=True)

    def _table_outcomes(self, local: int, code: int) -> tuple[Outcome, ...]:
        outcomes = self.outcomes_at(self._places[local, code])
        return tuple(Outcome(self.locals[after], tuple(self.messages[m] for m in sent)) for after, sent in outcomes)

    def _note_changes(self, local: int, code: int) -> None:
        for after, _ in self.outcomes_at(self._places[local, code]):
            if after != local and (local, after) not in self._change_set:
                self._change_set.add((local, after))
                self.changes.append((local, after))

    def _run(self, local: int, code: int) -> None:
        """Run a pair by the real code; under symmetry also whatever it is called when the nodes are renamed."""
        outcomes = self._outcomes_of(local, code)
        if outcomes is None:
            return
        steps = [(self.locals[local], self.event_of(code), outcome) for outcome in outcomes]
        for before, event, outcome in steps:
            self._witness(before, event, outcome)
        step_verdicts = [(step, self.trial.verdicts(step)) for step in steps] if self.group else []
        names = [broken_by_step(self.system, *step) for step in steps]
        if any(names):
            self.broken_pairs[local, code] = [(name, "") for name in names if name is not None]
        for q in range(1, len(self.group)):
            self._run_renamed(local, code, step_verdicts, q)

    def _outcomes_of(self, local: int, code: int) -> tuple[Outcome, ...] | None:
        """Run a pair and write what comes of it into the step table; return None if it raises."""
        self.step_executions += 1
        before, event = self.locals[local], self.event_of(code)
        try:
            answers = tuple(self.system.step(before, event))
        except Exception as error:  # noqa: BLE001 - whatever a subject raises is a finding about it
            self.broken_pairs[local, code] = [(RAISED, text_of(error))]
            self._place(local, code, 0)
            return None
        refuse_chance(self.system, self.step_executions, before, event, answers)
        outcomes = outcomes_of(self.system, before, event, answers, arrives=code >= 0)
        self._place(local, code, self._record(self._code(outcomes)))
        return outcomes

    def _place(self, local: int, code: int, place: int) -> None:
        self._places[local, code] = place
        self._fresh.append((local, code))

    def _run_renamed(self, local: int, code: int, step_verdicts: list[StepVerdicts], q: int) -> None:
        """Refuse a step function that treats nodes differently: renaming before or after a step must be the same.

        What a step is called elsewhere is run by the real code, too. So nothing is taken for granted of a local state
        and an event that the search met under another name.
        """
        image = self._image(local, code, q)
        expected = [
            (int(self.rename_local[q, after]), self._as_queued(self.rename_message[q, sent].tolist()))
            for after, sent in self.outcomes_at(self._places[local, code])
        ]
        is_known = image in self._places
        outcomes = () if is_known else self._outcomes_of(*image)
        actual = [(after, self._as_queued(sent)) for after, sent in self.outcomes_at(self._places[image])]
        if outcomes is None or Counter(actual) != Counter(expected):
            raise UnusableSystemError(
                f"{self.system.name}: nodes aren't interchangeable: {self.event_of(code)!r} in {self.locals[local]!r} "
                f"does something else when the nodes are renamed by {self.group[q]}; check without symmetry"
            )
        if not is_known:
            if (breaches := self.broken_pairs.get((local, code))) is not None:
                self.broken_pairs[image] = breaches  # as `trial.step` finds
            rest = list(zip(actual, outcomes, strict=True))
            at, event = self.locals[image[0]], self.event_of(image[1])
            for (step, verdicts), there in zip(step_verdicts, expected, strict=True):
                # Outcomes that a network can't tell apart may be judged differently: each stands for one.
                alike = [(i, (at, event, outcome)) for i, (key, outcome) in enumerate(rest) if key == there]
                i, step_there = next((a for a in alike if self.trial.verdicts(a[1]) == verdicts), alike[0])
                self.trial.step(step, verdicts, step_there, q)
                del rest[i]

    def _image(self, local: int, code: int, q: int) -> tuple[int, int]:
        """Return what a pair is called under a permutation."""
        return int(self.rename_local[q, local]), code if code < 0 else int(self.rename_message[q, code])

    def event_of(self, code: int) -> Any:  # noqa: ANN401 - events are the subject's own
        """Return the event of a pair: the one of -1 - `code`, or the arrival of the message `code`."""
        if code < 0:
            return self.events[-1 - code]
        message = self.messages[code]
        return self.system.network.round_end if isinstance(message, RoundEnd) else Deliver(message)

    def outcomes_at(self, place: int) -> Iterator[tuple[int, list[int]]]:
        """Yield what `program` says at `place`: for each outcome the new local id, and the ids of what is sent."""
        count, at = int(self.program[place]), place + 1
        for _ in range(count):
            after, sent = int(self.program[at]), int(self.program[at + 1])
            yield after, self.program[at + 2 : at + 2 + sent].tolist()
            at += 2 + sent

    def _as_queued(self, messages: list[int]) -> Hashable:
        """Return what a network can tell of messages sent in one step: which, or which on each link in which order."""
        meaning = kind(self.system)
        return meaning.identity(meaning.put((), messages, lambda m: int(self.link[m])))

    def _code(self, outcomes: tuple[Outcome, ...]) -> list[int]:
        """Return outcomes as `program` has them, handing out ids to what is new."""
        if not outcomes:
            return []
        code = [len(outcomes)]
        for outcome in outcomes:
            sent = [self.message_id(m) for m in outcome.messages]
            code += [self.local_id(outcome.local), len(sent), *sent]
        return code

    def _record(self, code: list[int]) -> int:
        """Write outcomes into `program`; return where they stand there."""
        if not code:
            return 0
        place = self.program_size
        self.program_size += len(code)
        self.program = room(self.program, 0, self.program_size)
        self.program[place : self.program_size] = code
        return place

    def _witness(self, before: object, event: object, outcome: Outcome) -> None:
        for witness in self.system.witnesses:
            if not isinstance(witness, StepWitness) or witness.name in self.step_witnesses:
                continue
            if witness.is_seen(before, event, outcome.local, outcome.messages):
                self.step_witnesses.add(witness.name)

    def _remember(self) -> None:
        """Enter the pairs that were run since the last time into the table, which stays at most half full."""
        for local, code in self._fresh:
            if code < 0:
                self.spontaneous[local, -1 - code] = self._places[local, code]
        deliveries = [(local << 32 | code, self._places[local, code]) for local, code in self._fresh if code >= 0]
        self._fresh.clear()
        self.known_pairs += len(deliveries)
        if self.known_pairs * 4 > self.pairs.shape[0]:
            old = self.pairs.reshape(-1, 2)
            old = old[old[:, 0] != 0]
            size = self.pairs.shape[0]
            while size < self.known_pairs * 8:
                size *= 2
            self.pairs = np.zeros(size, np.int64)
            kernel.put(self.pairs, old[:, 0] - 1, np.ascontiguousarray(old[:, 1]))
        keys, values = np.array(deliveries, np.int64).reshape(-1, 2).T
        kernel.put(self.pairs, np.ascontiguousarray(keys), np.ascontiguousarray(values))
