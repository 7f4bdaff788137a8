"""A server of a trace: the state of the replayed core, and the contents of its disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
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
from quorate_check.raft.traces.findings import BrokenError, TraceRule
from quorate_check.raft.traces.reading import Place


@dataclass(frozen=True, slots=True)
class TracedServer:
    """The core's state; how many entries it has ever known to be committed; which terms it has led."""

    state: State
    known: int = 0
    led: frozenset[int] = frozenset()

    def after(self, output: Output) -> TracedServer:
        """Return the server after a step with this output."""
        state = output.state
        led = self.led | {state.current_term} if state.role is Role.LEADER else self.led
        return TracedServer(state, max(self.known, state.last_applied), led)


@dataclass(frozen=True, slots=True)
class StepWrite:
    """What step `number` wants written; `before` is the server that took it."""

    number: int
    place: Place
    before: TracedServer
    persist: Persist


Sent: TypeAlias = tuple[Message, Place]  # and where the step stands that sent it
Waiting: TypeAlias = Queue[StepWrite, Sent]


@dataclass(frozen=True, slots=True)
class Written:
    """A write, and the contents of the disk after it."""

    write: StepWrite
    durable: Durable


@dataclass(frozen=True, slots=True)
class Crash:
    """A crash kept the steps up to the one that left `kept`, and lost `lost` of them.

    Of what had waited for the disk, `written` was durable after all; none of the messages `forgotten` ever left.
    """

    kept: TracedServer
    lost: int
    written: tuple[Written, ...]
    forgotten: tuple[Sent, ...]


@dataclass
class Disk:
    """The certainly durable state, and the writes requested since; `begun` is the log before the trace begins."""

    durable: Durable
    queue: Waiting = ()
    confirmed: set[Persisted] = field(default_factory=set)
    begun: Log | None = None

    def take(self, number: int, place: Place, before: TracedServer, output: Output) -> tuple[Sent, ...]:
        """Queue the write of a step; return the messages that may leave at once."""
        write = None if output.persist is None else StepWrite(number, place, before, output.persist)
        now, later = (tuple((m, place) for m in messages) for messages in (output.send_now, output.send_when_durable))
        self.queue, leaving = add(self.queue, write, now, later)
        return leaving

    def confirm(self, number: int) -> Iterator[tuple[Written, tuple[Sent, ...]]]:
        """Make the writes of the steps up to `number` durable; yield each with the messages that may leave with it."""
        while self.queue and self.queue[0].persist.number <= number:
            (oldest,), self.queue = flush(self.queue)
            self.durable = _after(self.durable, oldest.persist)
            if (confirmation := oldest.persist.persist.confirmation) is not None:
                self.confirmed.add(confirmation)
            yield Written(oldest.persist, self.durable), oldest.messages

    def has_confirmed(self, event: Persisted) -> bool:
        """Whether it has said that the log is durable to there; a part that is gone may have said so."""
        begun = self.begun
        return event in self.confirmed or (begun is not None and begun.term_at(event.index) == event.term)

    def crash(self, found: BootLine, now: TracedServer, steps: int, place: Place) -> Crash:
        """Return what a crash after so many steps kept, if `found` was on the disk; BrokenError if it can't have been.

        A disk may hold more than was confirmed: all of a later write, if all of those before it.
        """
        queue, possible = self.queue, crash(self.durable, self.queue, _after)
        count = next((n for n, durable in enumerate(possible) if _same(durable, found)), None)
        if count is None:
            raise BrokenError(TraceRule.RESTARTED, place, _never_written(found, possible))
        self.durable, self.queue, self.confirmed = possible[count], (), set()
        self.begun = None
        writes = tuple(write.persist for write in queue)
        kept, steps_lost = now, 0
        if count < len(writes):
            kept, steps_lost = writes[count].before, steps - writes[count].number + 1
        forgotten = tuple(sent for write in queue for sent in write.messages)
        return Crash(kept, steps_lost, tuple(map(Written, writes[:count], possible[1:])), forgotten)


def _after(durable: Durable, write: StepWrite) -> Durable:
    return durable.after(write.persist)


def durable_of(line: BootLine) -> Durable:
    """Return the durable state that a restart found."""
    return Durable(line.current_term, line.voted_for, Log(line.snapshot).append(line.entries))


def _same(durable: Durable, found: BootLine) -> bool:
    log = durable.log
    return (
        (durable.current_term, durable.voted_for) == (found.current_term, found.voted_for)
        and log.snapshot == found.snapshot
        and log.last_index - log.snapshot_index == len(found.entries)
        and log.entries == found.entries
    )


def _never_written(found: BootLine, possible: tuple[Durable, ...]) -> str:
    confirmed, latest = _durable_text(possible[0]), _durable_text(possible[-1])
    between = "" if latest == confirmed else f", and what was asked for later leads to {latest}"
    inside = (
        " (an entry before the last differs)"
        if _durable_text(durable_of(found)) in map(_durable_text, possible)
        else ""
    )
    return f"starts with {_durable_text(durable_of(found))}{inside}; what was confirmed is {confirmed}{between}"


def _durable_text(durable: Durable) -> str:
    log = durable.log
    compacted = "" if log.snapshot is None else f", a snapshot at {log.snapshot_index}"
    return (
        f"term {durable.current_term}, vote {durable.voted_for}{compacted}, "
        f"a log to {log.last_index} (term {log.last_term})"
    )


def replay(state: State, event: Event, line: StepLine, place: Place) -> Output:
    """Return the core's output on `event`; BrokenError if the line has another."""
    try:
        output = step(state, event)
    except (RaftError, AssertionError) as error:
        raise BrokenError(TraceRule.REPLAYED, place, f"the core refuses the event: {error}") from error
    for name, sent, recorded in (
        ("send_now", output.send_now, line.send_now),
        ("send_when_durable", output.send_when_durable, line.send_when_durable),
    ):
        outlines: tuple[Outline, ...] = msgspec.to_builtins(tuple(map(outline, sent)))
        if outlines != recorded:
            raise BrokenError(TraceRule.REPLAYED, place, _other_messages(name, outlines, recorded))
    if (replayed := digest(output.state)) != line.state:
        raise BrokenError(TraceRule.REPLAYED, place, _other_state(replayed, line.state))
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


def message_text(named: Outline) -> str:
    """Return a message of a trace in words."""
    name, fields = named
    return f"{name}({', '.join(f'{key}={value}' for key, value in fields.items())})"


def _other_state(replayed: Digest, recorded: Digest) -> str:
    name = next(f for f in Digest.__struct_fields__ if getattr(replayed, f) != getattr(recorded, f))
    ours, theirs = getattr(replayed, name), getattr(recorded, name)
    return f"{name} is then {ours} in the core; recorded is {theirs}"
