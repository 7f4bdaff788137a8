"""The window of a step: the same step with a short log, without the entries that it doesn't look at.

To explain a step costs as much as its log is long. So the indices that matter are numbered anew, without gaps: every
index that the step mentions (what the server's variables and the messages say before and after it, and where a log
begins to differ) with the index before it and the one after it. All others are taken out of every log and message.

Why the step is explained if and only if the shorter one is: an action of the specification compares indices, adds or
subtracts 1, reads the term at an index, and cuts, compares and joins pieces of logs. What it compares are mentioned
indices or the ones next to them; their order and their neighbourhood survive. Each piece begins and ends at a
mentioned index, so it has all or nothing of a gap between kept indices. A gap goes only if all pieces that have it are
equal there; then what is cut, compared or joined is right in the gap wherever it is right beside it. Entries that a
client adds, one action for each, go only if they are of the same term as the one kept before them. The entries that a
server has long known to be committed, and the terms that it has long led, are history, which no action looks at.

What a snapshot covers is not in the code's log, but it is in the specification's. It is what was applied at those
indices, by whomever. Where the trace doesn't show that, because it begins with a snapshot, it is taken to be what the
step says of it.
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
    Entry,
    InstallSnapshot,
    InstallSnapshotReply,
    Log,
    Message,
    Output,
    PreVote,
    RequestVote,
    State,
)
from quorate.raft.log import BLOCK
from quorate_check.raft.conformance.explain import Cause, LocalStep
from quorate_check.raft.conformance.mapping import ROLES, map_message
from quorate_check.raft.traces.server import TracedServer
from quorate_spec.raft import messages as spec
from quorate_spec.raft.state import Applied
from quorate_spec.raft.state import Server as SpecServer

Chosen = Callable[[int], Entry | None]
LONG_KNOWN: Final = Applied(0, None, 0)


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that a server took; `output` is None for a restart, which `received` nothing either."""

    before: TracedServer
    after: TracedServer
    cause: Cause
    received: Message | None = None
    output: Output | None = None

    @property
    def sent(self) -> tuple[Message, ...]:
        """All messages of the step, whenever they may leave."""
        return () if self.output is None else self.output.send_now + self.output.send_when_durable

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that the step mentions."""
        return self.sent if self.received is None else (self.received, *self.sent)


@dataclass(frozen=True, slots=True)
class Piece:
    """The entries from `first` to `last` of something; None for one that the trace doesn't show."""

    first: int
    last: int
    between: Callable[[int, int], Sequence[Entry | None]]


def mentioned(taken: Taken) -> Iterator[int]:
    """Yield the indices that a step mentions."""
    for server in (taken.before, taken.after):
        state = server.state
        yield from (state.log.snapshot_index, state.log.last_index, state.commit_index, server.known)
        yield from (index - 1 for index in state.next_index)
        yield from state.match_index
    yield first_difference(taken.before.state.log, taken.after.state.log)
    for message in taken.messages:
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
    """Return the first index after both snapshots at which two logs differ, or where the shorter one has ended.

    Unlike Log.first_difference this looks at the entries themselves: that terms suffice is what is being checked.
    """
    start, end = max(one.snapshot_index, other.snapshot_index), min(one.last_index, other.last_index)
    if one is other or end <= start:
        return max(start, end) + 1
    if one.snapshot_index == other.snapshot_index:
        shared = min(len(one.blocks), len(other.blocks))
        if one.blocks[:shared] == other.blocks[:shared]:  # almost always the same objects, so this is fast
            start = max(start, (start // BLOCK + shared) * BLOCK)
    ours, theirs = one.slice(start + 1, end), other.slice(start + 1, end)
    if ours == theirs:
        return end + 1
    return start + 1 + next(i for i, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1])


class Window:
    """A step and the indices of it that are `kept`."""

    def __init__(self, taken: Taken, chosen: Chosen) -> None:
        self.taken, self._chosen = taken, chosen
        self._before, self._after = taken.before.state, taken.after.state
        near = {near for index in mentioned(taken) for near in (index - 1, index, index + 1)} | {1}
        kept = sorted(index for index in near if index > 0)
        gaps = [(low + 1, high - 1) for low, high in pairwise(kept) if high - low > 1]
        if gaps:
            pieces = tuple(self._pieces())
            for first, last in gaps:
                if not self._may_go(first, last, pieces):
                    kept += range(first, last + 1)
            kept.sort()
        self.kept = kept
        self._values: dict[bytes | None, spec.Value] | None = {}

    def step(self, *, values: bool = False) -> LocalStep:
        """Return the step in the window, in the specification's terms.

        Commands are numbers in the order in which they appear, so that steps that only differ in them are equal;
        with `values` they are what they are.
        """
        self._values = None if values else {}
        taken, before, after = self.taken, self._before.log, self._after.log
        log = self._log(before)
        return LocalStep(
            self._server(taken.before, log, ()),
            None if taken.received is None else self._message(taken.received),
            self._server(taken.after, log if after is before else self._log(after), tuple(self._learned())),
            frozenset(map(self._message, taken.sent)),
            taken.cause,
        )

    def __str__(self) -> str:
        """The original indices of the window's indices; empty if they are the same."""
        runs = tuple(_runs(self.kept))
        return ", ".join(f"{self._index(a)}-{self._index(b)} for {a}-{b}" for a, b in runs) if len(runs) > 1 else ""

    # What may go.

    def _pieces(self) -> Iterator[Piece]:
        """Yield every piece of a log in the step, except those that are equal by construction."""
        before, after = self._before.log, self._after.log
        snapshots = [m.snapshot.last_included_index for m in self.taken.messages if isinstance(m, InstallSnapshot)]
        yield Piece(1, max(before.snapshot_index, after.snapshot_index, *snapshots, 0), self._compacted)
        yield Piece(before.first_index, before.last_index, before.slice)
        if after is not before:
            yield Piece(after.first_index, before.snapshot_index, after.slice)
            yield Piece(first_difference(before, after), after.last_index, after.slice)
        for message in self.taken.messages:
            if isinstance(message, AppendEntries):
                yield _piece(message.prev_log_index + 1, message.entries)
        if self.taken.output is not None:
            yield _piece(self.taken.output.first_apply_index, self.taken.output.apply)

    def _may_go(self, first: int, last: int, pieces: tuple[Piece, ...]) -> bool:
        there = [piece for piece in pieces if piece.first <= first and last <= piece.last]
        if len(there) > 1:
            one, *others = (piece.between(first, last) for piece in there)
            if not all(_agree(one, other) for other in others):
                return False
        after = self._after.log
        if first <= self._before.log.last_index or last > after.last_index or self._is_received(first, last):
            return True
        # Nobody has sent these: a client added them, one by one.
        return {entry.term for entry in after.slice(first - 1, last)} == {after.term_at(first - 1)}

    def _is_received(self, first: int, last: int) -> bool:
        match self.taken.received:
            case AppendEntries(prev_log_index=prev, entries=entries):
                return prev < first and last <= prev + len(entries)
            case InstallSnapshot(snapshot=snapshot):
                return last <= snapshot.last_included_index
            case _:
                return False

    def _compacted(self, first: int, last: int) -> tuple[Entry | None, ...]:
        return tuple(map(self._chosen, range(first, last + 1)))

    # What stays, in the specification's terms.

    def _index(self, index: int) -> int:
        return bisect_right(self.kept, index)

    def _entry(self, entry: Entry) -> spec.Entry:
        command: spec.Value = entry.command
        if self._values is not None:
            command = self._values.setdefault(entry.command, len(self._values))
        return spec.Entry(entry.term, command)

    def _part(self, first: int, last: int) -> list[int]:
        return self.kept[bisect_right(self.kept, first - 1) : bisect_right(self.kept, last)]

    def _entries(self, first: int, entries: tuple[Entry, ...]) -> tuple[spec.Entry, ...]:
        return tuple(self._entry(entries[i - first]) for i in self._part(first, first + len(entries) - 1))

    def _log(self, log: Log) -> tuple[spec.Entry, ...]:
        held = [log.slice(first, last) for first, last in _runs(self._part(log.first_index, log.last_index))]
        return (*self._snapshot(log.snapshot_index), *map(self._entry, chain.from_iterable(held)))

    def _snapshot(self, last: int) -> tuple[spec.Entry, ...]:
        return tuple(self._entry(self._chosen(i) or self._trusted(i)) for i in self._part(1, last))

    def _trusted(self, index: int) -> Entry:
        """Return the entry that the step itself gives where the trace doesn't show one."""
        for piece in self._pieces():
            if piece.first <= index <= piece.last and (entry := piece.between(index, index)[0]) is not None:
                return entry
        terms = {state.log.snapshot_index: state.log.snapshot_term for state in (self._before, self._after)}
        for message in self.taken.messages:
            match message:
                case AppendEntries(prev_log_index=prev, prev_log_term=term):
                    terms[prev] = term
                case InstallSnapshot(snapshot=snapshot):
                    terms[snapshot.last_included_index] = snapshot.last_included_term
                case _:
                    pass
        return Entry(terms.get(index, 0), None)

    def _learned(self) -> Iterator[Applied]:
        """Yield the entries that the server now first knows to be committed."""
        before, after, output = self.taken.before.known, self.taken.after.known, self.taken.output
        for index in self._part(before + 1, after):
            assert output is not None, "nothing is learned in a restart"
            position = index - output.first_apply_index
            entry = output.apply[position] if position >= 0 else self._chosen(index) or self._trusted(index)
            mapped = self._entry(entry)
            yield Applied(mapped.term, mapped.value, self._after.current_term)

    def _server(self, server: TracedServer, log: tuple[spec.Entry, ...], learned: tuple[Applied, ...]) -> SpecServer:
        state = server.state
        known = self._index(self.taken.before.known)
        return SpecServer(
            id=state.id,
            members=state.config.members,
            current_term=state.current_term,
            voted_for=state.voted_for,
            log=log,
            snapshot_index=self._index(state.log.snapshot_index),
            role=ROLES[state.role],
            commit_index=self._index(state.commit_index),
            votes_granted=state.votes_granted,
            next_index=tuple(map(self._index, state.next_index)) or _of_a_follower(state, 1),
            match_index=tuple(map(self._index, state.match_index)) or _of_a_follower(state, 0),
            led=frozenset(t for t in server.led if t >= self._before.current_term),
            applied=(*(LONG_KNOWN,) * known, *learned),
        )

    def _message(self, message: Message) -> spec.Message:
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
                covered = self._snapshot(snapshot.last_included_index)
                return spec.InstallSnapshot(message.source, message.dest, message.term, covered)
            case InstallSnapshotReply(match_index=index):
                return map_message(replace(message, match_index=self._index(index)))
            case _:
                return map_message(message)


def _runs(indices: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each run of neighbours among indices in order."""
    cuts = [position for position in range(1, len(indices)) if indices[position] != indices[position - 1] + 1]
    for start, end in pairwise([0, *cuts, len(indices)] if indices else []):
        yield indices[start], indices[end - 1]


def _piece(first: int, entries: tuple[Entry, ...]) -> Piece:
    return Piece(first, first + len(entries) - 1, lambda low, high: entries[low - first : high + 1 - first])


def _agree(some: Sequence[Entry | None], others: Sequence[Entry | None]) -> bool:
    """Whether two pieces are equal, as far as the trace shows them."""
    return some == others or all(
        one is None or other is None or one == other for one, other in zip(some, others, strict=True)
    )


def _of_a_follower(state: State, value: int) -> tuple[int, ...]:
    return (value,) * len(state.config.members)
