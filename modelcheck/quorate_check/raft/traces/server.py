"""A server of a trace: the state of the replayed core, and the contents of its disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import msgspec

from quorate.disk import Queue, add, crash, flush
from quorate.raft import (
    Durable,
    Event,
    Log,
    Message,
    Output,
    Persist,
    Persisted,
    RaftError,
    Role,
    State,
    step,
)
from quorate.raft_server.trace_lines import BootLine, Digest, Outline, StepLine, digest, outline
from quorate_check.raft.traces.findings import RuleViolationError, TraceRule
from quorate_check.traces.reading import Place


@dataclass(frozen=True, slots=True)
class TracedServer:
    """The core's state; the highest index that it has ever applied, over restarts; the terms that it has led.

    `durable` are the contents of its disk if that has stalled, else None.
    """

    state: State
    highest_applied: int = 0
    terms_led: frozenset[int] = frozenset()
    durable: Durable | None = None

    def after(self, output: Output) -> TracedServer:
        """Return the server after a step with this output."""
        state = output.state
        terms_led = self.terms_led | {state.current_term} if state.role is Role.LEADER else self.terms_led
        return replace(
            self, state=state, highest_applied=max(self.highest_applied, state.last_applied), terms_led=terms_led
        )


@dataclass(frozen=True, slots=True)
class StepWrite:
    """The write that step `number` asks for."""

    number: int
    place: Place
    persist: Persist


SentMessage: TypeAlias = tuple[Message, Place]  # with the place of the step that sent it
DiskQueue: TypeAlias = Queue[StepWrite, SentMessage]


@dataclass(frozen=True, slots=True)
class DurableWrite:
    """A write that became durable, and the contents of the disk after it."""

    write: StepWrite
    durable: Durable


@dataclass(frozen=True, slots=True)
class Crash:
    """A crash that left `durable` on the disk, with which the server starts again.

    Of the writes that waited for the disk, `durable_writes` were durable after all. The others are lost, and
    `first_lost_step` is the number of the step that made the first of them; None if there are no others.
    """

    durable: Durable
    first_lost_step: int | None
    durable_writes: tuple[DurableWrite, ...]


@dataclass
class Disk:
    """The state that is certainly durable, and the queue of writes after it.

    `confirmed` are the confirmations that the core may have received. `initial_log` is the log with which a trace
    begins at a checkpoint, None if it begins with a start.
    """

    durable: Durable
    queue: DiskQueue = ()
    confirmed: set[Persisted] = field(default_factory=set)
    initial_log: Log | None = None

    def add_step(self, number: int, place: Place, output: Output) -> tuple[SentMessage, ...]:
        """Queue the write of a step; return the messages that may leave at once."""
        write = None if output.persist is None else StepWrite(number, place, output.persist)
        now, later = (tuple((m, place) for m in messages) for messages in (output.send_now, output.send_when_durable))
        self.queue, departures = add(self.queue, write, now, later)
        return departures

    def confirm(self, number: int) -> Iterator[tuple[DurableWrite, tuple[SentMessage, ...]]]:
        """Make the writes of the steps up to `number` durable; yield each with the messages that may leave with it."""
        while self.queue and self.queue[0].persist.number <= number:
            (oldest,), self.queue = flush(self.queue)
            self.durable = _after(self.durable, oldest.persist)
            if (confirmation := oldest.persist.persist.confirmation) is not None:
                self.confirmed.add(confirmation)
            yield DurableWrite(oldest.persist, self.durable), oldest.messages

    def has_confirmed(self, event: Persisted) -> bool:
        """Whether the disk has confirmed the log up to there, or may have done so in a part that is gone."""
        initial_log = self.initial_log
        return event in self.confirmed or (initial_log is not None and initial_log.term_at(event.index) == event.term)

    @property
    def oldest_step(self) -> int | None:
        """The number of the step that made the oldest write in the queue, None if there is none."""
        return self.queue[0].persist.number if self.queue else None

    def crash(self, boot: BootLine, place: Place) -> Crash:
        """Return the crash that left on the disk what `boot` found there.

        Beyond what was confirmed a crash leaves any prefix of the queued writes. Raises RuleViolationError if `boot`
        found something else.
        """
        possible = crash(self.durable, self.queue, _after)
        count = next((n for n, durable in enumerate(possible) if _matches(durable, boot)), None)
        if count is None:
            raise RuleViolationError(TraceRule.RESTARTED, place, _restart_fault(boot, possible))
        writes = tuple(write.persist for write in self.queue)
        lost = writes[count:]
        return Crash(
            possible[count],
            lost[0].number if lost else None,
            tuple(map(DurableWrite, writes[:count], possible[1:])),
        )


def _after(durable: Durable, write: StepWrite) -> Durable:
    return durable.after(write.persist)


def durable_of(line: BootLine) -> Durable:
    """Return the durable state that a start found."""
    return Durable(line.current_term, line.voted_for, Log(line.snapshot).append(line.entries))


def _matches(durable: Durable, boot: BootLine) -> bool:
    log = durable.log
    return (
        (durable.current_term, durable.voted_for) == (boot.current_term, boot.voted_for)
        and log.snapshot == boot.snapshot
        and log.last_index - log.snapshot_index == len(boot.entries)
        and log.entries == boot.entries
    )


def _restart_fault(boot: BootLine, possible: tuple[Durable, ...]) -> str:
    confirmed, latest = _durable_text(possible[0]), _durable_text(possible[-1])
    between = "" if latest == confirmed else f", and the writes after that lead to {latest}"
    inside = (
        " (an entry before the last differs)" if _durable_text(durable_of(boot)) in map(_durable_text, possible) else ""
    )
    return f"starts with {_durable_text(durable_of(boot))}{inside}; what was confirmed is {confirmed}{between}"


def _durable_text(durable: Durable) -> str:
    log = durable.log
    compacted = "" if log.snapshot is None else f", a snapshot at {log.snapshot_index}"
    return (
        f"term {durable.current_term}, vote {durable.voted_for}{compacted}, "
        f"a log to {log.last_index} (term {log.last_term})"
    )


def replay(state: State, event: Event, line: StepLine, place: Place) -> Output:
    """Return the core's output on `event`; raise RuleViolationError if the line records another."""
    try:
        output = step(state, event)
    except (RaftError, AssertionError) as error:
        raise RuleViolationError(TraceRule.REPLAYED, place, f"the core refuses the event: {error}") from error
    for name, sent, recorded in (
        ("send_now", output.send_now, line.send_now),
        ("send_when_durable", output.send_when_durable, line.send_when_durable),
    ):
        outlines: tuple[Outline, ...] = msgspec.to_builtins(tuple(map(outline, sent)))
        if outlines != recorded:
            raise RuleViolationError(TraceRule.REPLAYED, place, _other_messages(name, outlines, recorded))
    if output.reads != line.reads:
        what = f"the round of reads that is confirmed is {output.reads} in the core; recorded is {line.reads}"
        raise RuleViolationError(TraceRule.REPLAYED, place, what)
    if (replayed := digest(output.state)) != line.state:
        raise RuleViolationError(TraceRule.REPLAYED, place, _other_state(replayed, line.state))
    return output


def _other_messages(name: str, replayed: tuple[Outline, ...], recorded: tuple[Outline, ...]) -> str:
    position = next(
        (i for i, (one, other) in enumerate(zip(replayed, recorded, strict=False)) if one != other),
        min(len(replayed), len(recorded)),
    )
    ours, theirs = (
        message_text(messages[position]) if position < len(messages) else "no more" for messages in (replayed, recorded)
    )
    return f"{name}, message {position + 1}: the core sends {ours}; recorded is {theirs}"


def message_text(message: Outline) -> str:
    """Return a message of a trace as text: its name and its fields."""
    name, fields = message
    return f"{name}({', '.join(f'{key}={value}' for key, value in fields.items())})"


def _other_state(replayed: Digest, recorded: Digest) -> str:
    name = next(f for f in Digest.__struct_fields__ if getattr(replayed, f) != getattr(recorded, f))
    ours, theirs = getattr(replayed, name), getattr(recorded, name)
    return f"{name} is then {ours} in the core; recorded is {theirs}"
