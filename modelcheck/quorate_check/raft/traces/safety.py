"""Raft's promises over a whole run: all servers with all their starts, in whatever order they acted.

Log matching is judged entry by entry. An index and a term must determine the entry and the term of the one before it;
then two logs that share an entry share all before it. So each entry is compared once, when a write that contains it
becomes durable or a message that carries it leaves. An entry that was only in one server's memory, and lost in a crash,
counts as in no log.

The promises are stated here a second time on purpose. Those of the specification compare all logs at every step, which
takes too long for the run of a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from quorate.raft import AppendEntries, Entry, Log, Message, NodeId, Output, Persist, Role, Snapshot, State
from quorate_check.raft.traces.findings import RuleViolationError, TraceRule
from quorate_check.raft.traces.server import TracedServer
from quorate_check.traces.reading import Place


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
    """The facts about the run so far; each `add_` method adds one, and RuleViolationError says what it contradicts.

    `elections` and `commitments` are by term, `entries` by index and term (with the term before and the place),
    `applied` and `snapshots` by index.
    """

    elections: dict[int, Election] = field(default_factory=dict)
    commitments: dict[int, Commitment] = field(default_factory=dict)
    entries: dict[tuple[int, int], tuple[Entry, int, Place]] = field(default_factory=dict)
    applied: dict[int, tuple[Entry, Place]] = field(default_factory=dict)
    snapshots: dict[int, tuple[Snapshot, Place]] = field(default_factory=dict)

    def add_step(self, before: TracedServer, output: Output, place: Place) -> None:
        """Add a server's step: an election that it won, the entries that it committed or applied, its snapshot."""
        state = output.state
        if state.role is Role.LEADER:
            if (before.state.role, before.state.current_term) != (Role.LEADER, state.current_term):
                self._add_election(Election(state.id, state.log, place), state.current_term)
            if state.commit_index > before.state.commit_index:
                term = state.log.term_at(state.commit_index)
                assert term is not None, "a leader commits what its log has"
                self.commitments[state.current_term] = Commitment(state.commit_index, term, place)
        if state.snapshot is not None and state.snapshot is not before.state.snapshot:
            self._add_snapshot(state.snapshot, place)
        for index, entry in enumerate(output.apply, start=output.first_apply_index):
            self._add_applied(index, entry, place)

    def add_message(self, message: Message, place: Place) -> None:
        """Add the part of a log that a message carries."""
        if isinstance(message, AppendEntries):
            self._add_entries(message.prev_log_index, message.prev_log_term, message.entries, place)

    def add_write(self, persist: Persist, log: Log, place: Place) -> None:
        """Add the entries of a durable write; `log` is the disk's log after it."""
        if persist.entries:
            prev = persist.first_index - 1
            term = log.term_at(prev)
            if term is None:
                raise RuleViolationError(
                    TraceRule.LOG_MATCHING, place, f"writes entries from {prev + 1} on, but the disk has none at {prev}"
                )
            self._add_entries(prev, term, persist.entries, place)

    def add_initial(self, state: State, log: Log, place: Place) -> None:
        """Add what a server had when its trace begins: the log on its disk, and the entries that it had applied."""
        if log.snapshot is not None:
            self._add_snapshot(log.snapshot, place)
        self._add_entries(log.snapshot_index, log.snapshot_term, log.entries, place)
        first = state.log.first_index
        for index, entry in enumerate(state.log.slice(first, state.last_applied), start=first):
            self._add_applied(index, entry, place)

    def applied_entry(self, index: int) -> Entry | None:
        """Return the entry applied at `index`, None if the run doesn't show it."""
        entry, _ = self.applied.get(index, (None, None))
        return entry

    def forget(self, index: int, terms: int) -> None:
        """Forget the entries, applied entries and snapshots before `index`, and all but the latest `terms` terms.

        What is forgotten isn't compared with what comes later, except for the last commitment.
        """
        self.entries = {key: entry for key, entry in self.entries.items() if key[0] >= index}
        self.applied = {at: entry for at, entry in self.applied.items() if at >= index}
        self.snapshots = {at: snapshot for at, snapshot in self.snapshots.items() if at >= index}
        old = sorted({*self.elections, *self.commitments})[:-terms]
        last = max(
            (term for term in old if term in self.commitments), key=lambda t: self.commitments[t].index, default=0
        )
        for term in old:
            self.elections.pop(term, None)
            if term != last:
                self.commitments.pop(term, None)

    def finish(self) -> None:
        """Judge LeaderCompleteness, which needs the whole run."""
        last: Commitment | None = None
        for term in sorted({*self.elections, *self.commitments}):
            if last is not None and (election := self.elections.get(term)) is not None:
                _check_complete(election, term, last)
            commitment = self.commitments.get(term)
            if commitment is not None and (last is None or commitment.index > last.index):
                last = commitment

    def _add_election(self, election: Election, term: int) -> None:
        first = self.elections.setdefault(term, election)
        if first.node != election.node:
            raise RuleViolationError(
                TraceRule.ELECTION_SAFETY,
                election.place,
                f"node {election.node} leads term {term}, as node {first.node} does at {first.place}",
            )

    def _add_entries(self, prev_index: int, prev_term: int, entries: tuple[Entry, ...], place: Place) -> None:
        for index, entry in enumerate(entries, start=prev_index + 1):
            other, other_prev_term, where = self.entries.setdefault((index, entry.term), (entry, prev_term, place))
            if other != entry:
                raise RuleViolationError(
                    TraceRule.LOG_MATCHING,
                    place,
                    f"at index {index}, term {entry.term} is {entry.command!r}, but at {where} it is {other.command!r}",
                )
            if other_prev_term != prev_term:
                raise RuleViolationError(
                    TraceRule.LOG_MATCHING,
                    place,
                    f"before the entry of index {index} and term {entry.term} is one of term {prev_term}; "
                    f"at {where} it is of term {other_prev_term}",
                )
            prev_term = entry.term

    def _add_snapshot(self, snapshot: Snapshot, place: Place) -> None:
        """Add a snapshot: equal entries must lead to equal states, and its term is the applied entry's."""
        index = snapshot.last_included_index
        other, where = self.snapshots.setdefault(index, (snapshot, place))
        if other != snapshot:
            what = "term" if other.last_included_term != snapshot.last_included_term else "state"
            raise RuleViolationError(
                TraceRule.STATE_MACHINE_SAFETY,
                place,
                f"the snapshot at {index} is of another {what} than that of {where}",
            )
        entry, where = self.applied.get(index, (None, place))
        if entry is not None and entry.term != snapshot.last_included_term:
            raise RuleViolationError(
                TraceRule.STATE_MACHINE_SAFETY,
                place,
                f"the snapshot at {index} is of term {snapshot.last_included_term}; "
                f"the entry applied there at {where} is of term {entry.term}",
            )

    def _add_applied(self, index: int, entry: Entry, place: Place) -> None:
        other, where = self.applied.setdefault(index, (entry, place))
        if other != entry:
            raise RuleViolationError(
                TraceRule.STATE_MACHINE_SAFETY, place, f"applies {entry} at index {index}; at {where} that is {other}"
            )


def _check_complete(election: Election, term: int, last: Commitment) -> None:
    # term_at is None below a snapshot: what that covers is committed, and StateMachineSafety compares it.
    log = election.log
    if last.index > log.last_index or log.term_at(last.index) not in {None, last.term}:
        holds = "nothing" if last.index > log.last_index else f"one of term {log.term_at(last.index)}"
        raise RuleViolationError(
            TraceRule.LEADER_COMPLETENESS,
            election.place,
            f"node {election.node} leads term {term} and has {holds} at index {last.index}, "
            f"where an entry of term {last.term} was committed at {last.place}",
        )
