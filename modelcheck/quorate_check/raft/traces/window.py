"""The window of a step: the same step with short logs, without the entries that play no part in it.

Explaining a step takes time that grows with its log. So the step is reduced to the indices that it mentions (those in
the server's variables and in the messages, before and after, and the first at which the logs before and after differ),
each with the index before it and the one after it. These are renumbered without gaps, and all others are left out of
every log and message.

The step is explained if and only if the reduced one is. An action of the specification compares indices, adds or
subtracts 1, reads the term at an index, and cuts, compares and joins pieces of logs. The indices that it compares are
mentioned ones or their neighbours, whose order is preserved. Each piece begins and ends at a mentioned index, so it
contains all or nothing of a gap between the indices of the window. A gap is left out only if all pieces that contain it
are equal there; then cutting, comparing and joining give the same result with it and without it. Entries that a client
adds, by one action each, are left out only if they have the term of the entry before them. Entries that the server
applied before the step, the rounds of reads that it answered, and the terms before its current one that it led, are
history, which no action reads.

Rounds of reads are compared for equality, copied, counted up by 1 and set to 0. So the rounds of a step are renumbered
as well: 0 stays, and of each two neighbours the later one is by 1 or by 2 greater, as it was by 1 or by more.

What a snapshot covers is in the specification's log, though not in the code's. It is what any server applied at those
indices; where the trace doesn't show that, since it begins with a snapshot, it is what the step's own messages and
snapshots say.

Actions also read the last configuration of a log, and compare its index with the commit index. So the entry with it is
in the window. If a snapshot covers that, the snapshot's last entry, in every log and message, stands for it: it is
committed, too, and whoever has it has the same configuration.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Final

from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    ConfirmLeadership,
    Durable,
    Entry,
    InstallSnapshot,
    InstallSnapshotReply,
    LeadershipConfirmed,
    Log,
    Message,
    Output,
    PreVote,
    RequestVote,
    Snapshot,
    State,
)
from quorate.raft.log import BLOCK
from quorate_check.raft.conformance.explain import Cause, LocalStep
from quorate_check.raft.conformance.mapping import ROLES, map_configuration, map_message
from quorate_check.raft.traces.numbering import renumbered, runs_of
from quorate_check.raft.traces.server import TracedServer
from quorate_spec.raft import messages as spec
from quorate_spec.raft.state import Answered, Applied, Disk, Progress, progress
from quorate_spec.raft.state import Server as SpecServer

AppliedEntry = Callable[[int], Entry | None]
LONG_APPLIED: Final = Applied(0, None, 0)


@dataclass(frozen=True, slots=True)
class ServerStep:
    """A step of a server; a restart has neither an `output` nor a `received` message."""

    before: TracedServer
    after: TracedServer
    cause: Cause
    received: Message | None = None
    output: Output | None = None

    @property
    def sent(self) -> tuple[Message, ...]:
        """The messages that leave, at once or later; the vote of a voter that is alone doesn't leave its server."""
        if self.output is None:
            return ()
        later = () if self.stalled else self.output.send_when_durable
        return tuple(message for message in self.output.send_now + later if message.dest != message.source)

    @property
    def stalled(self) -> bool:
        """Whether the disk is stalled after the step."""
        return self.after.durable is not None

    @property
    def stalled_logs(self) -> tuple[Log, ...]:
        """The logs on the disk before and after the step, wherever it is stalled."""
        return tuple(server.durable.log for server in (self.before, self.after) if server.durable is not None)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that the step mentions."""
        return self.sent if self.received is None else (self.received, *self.sent)


@dataclass(frozen=True, slots=True)
class Piece:
    """The piece of a log from index `first` to `last`; `between` returns entries, None for each that isn't known."""

    first: int
    last: int
    between: Callable[[int, int], Sequence[Entry | None]]


def mentioned_indices(step: ServerStep) -> Iterator[int]:
    """Yield the indices that a step mentions."""
    for server in (step.before, step.after):
        state, log = server.state, server.state.log
        yield from (log.snapshot_index, log.configuration_index, log.last_index)
        yield from (state.commit_index, server.highest_applied, state.reads.index)
        yield from (*state.match_index, *(index - 1 for index in state.next_index))
    if step.output is not None and step.output.reads is not None:
        yield step.output.reads.index
    yield first_difference(step.before.state.log, step.after.state.log)
    for log in step.stalled_logs:
        difference = first_difference(step.before.state.log, log)
        yield from (log.snapshot_index, log.configuration_index, log.last_index, difference)
    for message in step.messages:
        match message:
            case PreVote(last_log_index=index) | RequestVote(last_log_index=index):
                yield index
            case AppendEntries(prev_log_index=index, leader_commit=commit):
                yield from (index, index + len(message.entries), commit)
            case AppendEntriesReply(match_index=index, prev_log_index=prev):
                yield from (index, prev)
            case InstallSnapshot(snapshot=snapshot):
                yield snapshot.last_included_index
            case InstallSnapshotReply(match_index=index):
                yield index
            case _:
                pass


def first_difference(one: Log, other: Log) -> int:
    """Return the first index after both snapshots at which two logs differ, or the one after the shorter log's last.

    Unlike Log.first_difference this compares whole entries: that terms suffice is what is being checked.
    """
    start, end = max(one.snapshot_index, other.snapshot_index), min(one.last_index, other.last_index)
    if one is other or end <= start:
        return max(start, end) + 1
    if one.snapshot_index == other.snapshot_index:
        shared = min(len(one.blocks), len(other.blocks))
        if one.blocks[:shared] == other.blocks[:shared]:  # usually the same objects, which compare at once
            start = max(start, (start // BLOCK + shared) * BLOCK)
    ours, theirs = one.slice(start + 1, end), other.slice(start + 1, end)
    if ours == theirs:
        return end + 1
    return start + 1 + next(i for i, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1])


class Window:
    """The window of the step `original`: `indices` are those of its logs that are in it."""

    def __init__(self, original: ServerStep, applied_entry: AppliedEntry) -> None:
        self.original, self._applied_entry = original, applied_entry
        self._before, self._after = original.before.state, original.after.state
        self._configurations = {
            (each.last_included_index, each.last_included_term): each.configuration for each in self._snapshots()
        }
        near = {each for index in mentioned_indices(original) for each in (index - 1, index, index + 1)} | {1}
        indices = sorted(index for index in near if index > 0)
        gaps = [(low + 1, high - 1) for low, high in pairwise(indices) if high - low > 1]
        if gaps:
            pieces = tuple(self._pieces())
            for first, last in gaps:
                if not self._may_leave_out(first, last, pieces):
                    indices += range(first, last + 1)
            indices.sort()
        self.indices = indices
        self._rounds = renumbered(_rounds(original))
        self._values: dict[bytes | None, spec.Value] | None = {}

    def step(self, *, values: bool = False) -> LocalStep:
        """Return the step in the window, in the specification's terms.

        Each command is replaced by a number, in the order in which commands appear, so that steps that differ only in
        their commands are equal; with `values` commands stay as they are.
        """
        self._values = None if values else {}
        step, before, after = self.original, self._before.log, self._after.log
        log = self._log(before)
        return LocalStep(
            self._server(step.before, log, (), frozenset()),
            None if step.received is None else self._message(step.received),
            self._server(
                step.after,
                log if after is before else self._log(after),
                tuple(self._newly_applied()),
                frozenset(self._new_answers()),
            ),
            frozenset(map(self._message, step.sent)),
            step.cause,
        )

    def __str__(self) -> str:
        """The original indices of the window's indices; empty if they are the same."""
        runs = tuple(runs_of(self.indices))
        return ", ".join(f"{self._index(a)}-{self._index(b)} for {a}-{b}" for a, b in runs) if len(runs) > 1 else ""

    def _snapshots(self) -> Iterator[Snapshot]:
        """Yield the snapshots of the logs and the messages."""
        logs = (self._before.log, self._after.log, *self.original.stalled_logs)
        yield from (log.snapshot for log in logs if log.snapshot is not None)
        yield from (m.snapshot for m in self.original.messages if isinstance(m, InstallSnapshot))

    # Which gaps may be left out.

    def _pieces(self) -> Iterator[Piece]:
        """Yield every piece of a log in the step, except those that must equal one of these."""
        before, after = self._before.log, self._after.log
        others = (*(() if after is before else (after,)), *self.original.stalled_logs)
        yield Piece(1, max((index for index, _ in self._configurations), default=0), self._compacted)
        yield Piece(before.first_index, before.last_index, before.slice)
        for log in others:
            yield Piece(log.first_index, min(before.snapshot_index, log.last_index), log.slice)
            yield Piece(first_difference(before, log), log.last_index, log.slice)
        for message in self.original.messages:
            if isinstance(message, AppendEntries):
                yield _piece(message.prev_log_index + 1, message.entries)
        if self.original.output is not None:
            yield _piece(self.original.output.first_apply_index, self.original.output.apply)

    def _may_leave_out(self, first: int, last: int, pieces: tuple[Piece, ...]) -> bool:
        covering = [piece for piece in pieces if piece.first <= first and last <= piece.last]
        if len(covering) > 1:
            one, *others = (piece.between(first, last) for piece in covering)
            if not all(_agree(one, other) for other in others):
                return False
        after = self._after.log
        if first <= self._before.log.last_index or last > after.last_index or self._is_received(first, last):
            return True
        # No message carried these: a client added them, one by one.
        return {entry.term for entry in after.slice(first - 1, last)} == {after.term_at(first - 1)}

    def _is_received(self, first: int, last: int) -> bool:
        match self.original.received:
            case AppendEntries(prev_log_index=prev, entries=entries):
                return prev < first and last <= prev + len(entries)
            case InstallSnapshot(snapshot=snapshot):
                return last <= snapshot.last_included_index
            case _:
                return False

    def _compacted(self, first: int, last: int) -> tuple[Entry | None, ...]:
        return tuple(map(self._applied_entry, range(first, last + 1)))

    # The rest, in the specification's terms.

    def _index(self, index: int) -> int:
        return bisect_right(self.indices, index)

    def _entry(self, index: int, entry: Entry) -> spec.Entry:
        command: spec.Value = entry.command
        if self._values is not None and command is not None:
            command = self._values.setdefault(entry.command, len(self._values))
        configuration = entry.configuration or self._configurations.get((index, entry.term))
        config = None if configuration is None else map_configuration(configuration)
        return spec.Entry(entry.term, command, config)

    def _part(self, first: int, last: int) -> list[int]:
        return self.indices[bisect_right(self.indices, first - 1) : bisect_right(self.indices, last)]

    def _entries(self, first: int, entries: tuple[Entry, ...]) -> tuple[spec.Entry, ...]:
        return tuple(self._entry(i, entries[i - first]) for i in self._part(first, first + len(entries) - 1))

    def _log(self, log: Log) -> tuple[spec.Entry, ...]:
        part = self._part(log.first_index, log.last_index)
        entries = chain.from_iterable(log.slice(first, last) for first, last in runs_of(part))
        return (*self._snapshot(log.snapshot_index), *map(self._entry, part, entries))

    def _snapshot(self, last: int) -> tuple[spec.Entry, ...]:
        return tuple(self._entry(i, self._applied_entry(i) or self._entry_of_step(i)) for i in self._part(1, last))

    def _entry_of_step(self, index: int) -> Entry:
        """Return the entry at `index` as the step's own logs and messages have it, for want of an applied one."""
        for piece in self._pieces():
            if piece.first <= index <= piece.last and (entry := piece.between(index, index)[0]) is not None:
                return entry
        terms = {state.log.snapshot_index: state.log.snapshot_term for state in (self._before, self._after)}
        for message in self.original.messages:
            match message:
                case AppendEntries(prev_log_index=prev, prev_log_term=term):
                    terms[prev] = term
                case InstallSnapshot(snapshot=snapshot):
                    terms[snapshot.last_included_index] = snapshot.last_included_term
                case _:
                    pass
        return Entry(terms.get(index, 0), None)

    def _newly_applied(self) -> Iterator[Applied]:
        """Yield the entries that the server applies for the first time."""
        before, after, output = (
            self.original.before.highest_applied,
            self.original.after.highest_applied,
            self.original.output,
        )
        for index in self._part(before + 1, after):
            assert output is not None, "a restart applies nothing"
            position = index - output.first_apply_index
            entry = (
                output.apply[position] if position >= 0 else self._applied_entry(index) or self._entry_of_step(index)
            )
            mapped = self._entry(index, entry)
            yield Applied(mapped.term, mapped.value, self._after.current_term, mapped.config)

    def _new_answers(self) -> Iterator[Answered]:
        """Yield the round of reads that the step confirms, if any."""
        output = self.original.output
        if output is not None and output.reads is not None:
            yield Answered(self._after.current_term, self._rounds[output.reads.round], self._index(output.reads.index))

    def _server(
        self,
        server: TracedServer,
        log: tuple[spec.Entry, ...],
        newly_applied: tuple[Applied, ...],
        answers: frozenset[Answered],
    ) -> SpecServer:
        state = server.state
        long_applied = self._index(self.original.before.highest_applied)
        return SpecServer(
            id=state.id,
            first_config=map_configuration(state.config.first_configuration),
            current_term=state.current_term,
            voted_for=state.voted_for,
            log=log,
            snapshot_index=self._index(state.log.snapshot_index),
            disk=None if server.durable is None else self._disk(server.durable),
            role=ROLES[state.role],
            commit_index=self._index(state.commit_index),
            votes_granted=state.votes_granted,
            next_index=self._progress(state, state.next_index, 1),
            match_index=self._progress(state, state.match_index, 0),
            read_round=self._rounds[state.reads.number],
            read_index=self._index(state.reads.index),
            confirmed_by=state.reads.confirmed_by,
            transfer_target=state.transfer_target,
            led=frozenset(t for t in server.terms_led if t >= self._before.current_term),
            applied=(*(LONG_APPLIED,) * long_applied, *newly_applied),
            answered=answers,
        )

    def _disk(self, durable: Durable) -> Disk:
        snapshot_index = self._index(durable.log.snapshot_index)
        return Disk(durable.current_term, durable.voted_for, self._log(durable.log), snapshot_index)

    def _progress(self, state: State, indices: tuple[int, ...], default: int) -> Progress:
        peers = state.configuration.members
        return progress(dict(zip(peers, map(self._index, indices), strict=False)), default)

    def _message(self, message: Message) -> spec.Message:  # noqa: PLR0911 - one case for each message
        match message:
            case PreVote() | RequestVote():
                return map_message(replace(message, last_log_index=self._index(message.last_log_index)))
            case AppendEntries(prev_log_index=prev):
                return spec.AppendEntries(
                    source=message.source,
                    dest=message.dest,
                    term=message.term,
                    prev_log_index=self._index(prev),
                    prev_log_term=message.prev_log_term,
                    entries=self._entries(prev + 1, message.entries),
                    leader_commit=self._index(message.leader_commit),
                )
            case AppendEntriesReply(match_index=index, prev_log_index=prev):
                return map_message(replace(message, match_index=self._index(index), prev_log_index=self._index(prev)))
            case InstallSnapshot(snapshot=snapshot):
                entries = self._snapshot(snapshot.last_included_index)
                return spec.InstallSnapshot(message.source, message.dest, message.term, entries)
            case InstallSnapshotReply(match_index=index):
                return map_message(replace(message, match_index=self._index(index)))
            case ConfirmLeadership(round=number) | LeadershipConfirmed(round=number):
                return map_message(replace(message, round=self._rounds[number]))
            case _:
                return map_message(message)


def _rounds(step: ServerStep) -> Iterator[int]:
    """Yield the rounds of reads that a step mentions."""
    yield from (step.before.state.reads.number, step.after.state.reads.number)
    if step.output is not None and step.output.reads is not None:
        yield step.output.reads.round
    for message in step.messages:
        if isinstance(message, ConfirmLeadership | LeadershipConfirmed):
            yield message.round


def _piece(first: int, entries: tuple[Entry, ...]) -> Piece:
    return Piece(first, first + len(entries) - 1, lambda low, high: entries[low - first : high + 1 - first])


def _agree(one: Sequence[Entry | None], other: Sequence[Entry | None]) -> bool:
    """Whether two pieces are equal wherever both are known."""
    return one == other or all(a is None or b is None or a == b for a, b in zip(one, other, strict=True))
