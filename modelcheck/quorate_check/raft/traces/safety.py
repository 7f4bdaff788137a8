"""Raft's promises over a whole run: all servers and all their starts, in whatever order they acted.

An index and a term determine an entry, and the term before it, so two logs that share an entry share all before it:
each entry of each log is looked at once, when a write that holds it becomes durable or a message that carries it is
sent. What was only in the memory of one server, and lost in a crash, was never in a log.

The promises are stated here once more on purpose: those of the specification look at all logs at once, at every step,
which no run of a cluster is short enough for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from quorate.raft import AppendEntries, Entry, Log, Message, NodeId, Output, Persist, Role, Snapshot, State
from quorate_check.raft.traces.findings import BrokenError, TraceRule
from quorate_check.raft.traces.reading import Place
from quorate_check.raft.traces.server import TracedServer


@dataclass(frozen=True, slots=True)
class Election:
    """A server became leader of a term with this log."""

    node: NodeId
    log: Log
    place: Place


@dataclass(frozen=True, slots=True)
class Commitment:
    """A leader knew its entry at `index`, of `term`, to be committed."""

    index: int
    term: int
    place: Place


@dataclass
class Safety:
    """The facts about the run so far; each method adds one, and raises BrokenError if it contradicts the others."""

    elections: dict[int, Election] = field(default_factory=dict)
    commitments: dict[int, Commitment] = field(default_factory=dict)
    entries: dict[tuple[int, int], tuple[Entry, int, Place]] = field(default_factory=dict)
    applied: dict[int, tuple[Entry, Place]] = field(default_factory=dict)
    snapshots: dict[int, tuple[Snapshot, Place]] = field(default_factory=dict)

    def stepped(self, before: TracedServer, output: Output, place: Place) -> None:
        """Take note of what a server became, and of what it applies and leads."""
        state = output.state
        if state.role is Role.LEADER:
            if (before.state.role, before.state.current_term) != (Role.LEADER, state.current_term):
                self._elected(Election(state.id, state.log, place), state.current_term)
            if state.commit_index > before.state.commit_index:
                term = state.log.term_at(state.commit_index)
                assert term is not None, "a leader commits what its log has"
                self.commitments[state.current_term] = Commitment(state.commit_index, term, place)
        if state.snapshot is not None and state.snapshot is not before.state.snapshot:
            self._snapshot(state.snapshot, place)
        for index, entry in enumerate(output.apply, start=output.first_apply_index):
            self._applied(index, entry, place)

    def sent(self, message: Message, place: Place) -> None:
        """Take note of the part of a log that a message carries."""
        if isinstance(message, AppendEntries):
            self._logged(message.prev_log_index, message.prev_log_term, message.entries, place)

    def written(self, persist: Persist, log: Log, place: Place) -> None:
        """Take note of what a write has put into a log, which is now `log`."""
        if persist.entries:
            prev = persist.first_index - 1
            term = log.term_at(prev)
            if term is None:
                raise BrokenError(
                    TraceRule.LOG_MATCHING, place, f"writes entries from {prev + 1} on, but the disk has none at {prev}"
                )
            self._logged(prev, term, persist.entries, place)

    def began(self, state: State, log: Log, place: Place) -> None:
        """Take note of the log that a server's disk had before its trace begins, and of what it had applied by then."""
        if log.snapshot is not None:
            self._snapshot(log.snapshot, place)
        self._logged(log.snapshot_index, log.snapshot_term, log.entries, place)
        first = state.log.first_index
        for index, entry in enumerate(state.log.slice(first, state.last_applied), start=first):
            self._applied(index, entry, place)

    def chosen(self, index: int) -> Entry | None:
        """Return the entry applied at `index`, None if the run doesn't show it."""
        known = self.applied.get(index)
        return None if known is None else known[0]

    def finish(self) -> None:
        """Judge the promises that need the whole run."""
        last: Commitment | None = None
        for term in sorted({*self.elections, *self.commitments}):
            if last is not None and (election := self.elections.get(term)) is not None:
                _check_complete(election, term, last)
            mine = self.commitments.get(term)
            if mine is not None and (last is None or mine.index > last.index):
                last = mine

    def _elected(self, election: Election, term: int) -> None:
        first = self.elections.setdefault(term, election)
        if first.node != election.node:
            raise BrokenError(
                TraceRule.ELECTION_SAFETY,
                election.place,
                f"node {election.node} leads term {term}, as node {first.node} does at {first.place}",
            )

    def _logged(self, prev_index: int, prev_term: int, entries: tuple[Entry, ...], place: Place) -> None:
        for index, entry in enumerate(entries, start=prev_index + 1):
            known, before, where = self.entries.setdefault((index, entry.term), (entry, prev_term, place))
            if known != entry:
                raise BrokenError(
                    TraceRule.LOG_MATCHING,
                    place,
                    f"at index {index}, term {entry.term} is {entry.command!r}, but at {where} it is {known.command!r}",
                )
            if before != prev_term:
                raise BrokenError(
                    TraceRule.LOG_MATCHING,
                    place,
                    f"before the entry of index {index} and term {entry.term} is one of term {prev_term}; "
                    f"at {where} it is of term {before}",
                )
            prev_term = entry.term

    def _snapshot(self, snapshot: Snapshot, place: Place) -> None:
        """Take note of a state of the state machine: equal entries lead to equal ones."""
        index = snapshot.last_included_index
        other, where = self.snapshots.setdefault(index, (snapshot, place))
        if other != snapshot:
            what = "term" if other.last_included_term != snapshot.last_included_term else "state"
            raise BrokenError(
                TraceRule.STATE_MACHINE_SAFETY,
                place,
                f"the snapshot at {index} is of another {what} than that of {where}",
            )
        entry, where = self.applied.get(index, (None, place))
        if entry is not None and entry.term != snapshot.last_included_term:
            raise BrokenError(
                TraceRule.STATE_MACHINE_SAFETY,
                place,
                f"the snapshot at {index} is of term {snapshot.last_included_term}; "
                f"the entry applied there at {where} is of term {entry.term}",
            )

    def _applied(self, index: int, entry: Entry, place: Place) -> None:
        known, where = self.applied.setdefault(index, (entry, place))
        if known != entry:
            raise BrokenError(
                TraceRule.STATE_MACHINE_SAFETY, place, f"applies {entry} at index {index}; at {where} that is {known}"
            )


def _check_complete(election: Election, term: int, last: Commitment) -> None:
    # What a snapshot covers is committed, and the state machine's safety speaks of it.
    log = election.log
    if last.index > log.last_index or log.term_at(last.index) not in {None, last.term}:
        holds = "nothing" if last.index > log.last_index else f"one of term {log.term_at(last.index)}"
        raise BrokenError(
            TraceRule.LEADER_COMPLETENESS,
            election.place,
            f"node {election.node} leads term {term} and has {holds} at index {last.index}, "
            f"where an entry of term {last.term} was committed at {last.place}",
        )
