"""Raft's promises over a whole run: each is broken by what breaks it, whatever the order in which it is told."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from impl_cluster import entries_of, leader, log_of, server
from quorate.raft import AppendEntries, Entry, Log, Output, Persist, Role, Snapshot, State
from quorate_check.raft.traces.findings import RuleViolationError, TraceRule
from quorate_check.raft.traces.safety import Safety
from quorate_check.raft.traces.server import TracedServer
from quorate_check.traces.reading import Place

HERE, THERE = Place("n1.ndjson", 3), Place("n2.ndjson", 7)
Fact = Callable[[Safety], None]


def elected(node: int, term: int, log: Log, place: Place = HERE) -> Fact:
    """A server becomes leader."""
    state = replace(leader(term, log), id=node)
    follower = replace(state, role=Role.FOLLOWER)
    return lambda safety: safety.add_step(TracedServer(follower), Output(state), place)


def committed(term: int, log: Log, index: int, place: Place = HERE) -> Fact:
    """The leader of a term learns that its log is committed to `index`."""
    before = leader(term, log)
    after = replace(before, commit_index=index, last_applied=index)
    return lambda safety: safety.add_step(TracedServer(before), Output(after, apply=log.slice(1, index)), place)


def wrote(first: int, log: Log, place: Place = HERE) -> Fact:
    """A disk holds this log, whose entries from `first` on it has just got."""
    persist = Persist(log.last_term, None, first, log.slice(first, log.last_index))
    return lambda safety: safety.add_write(persist, log, place)


def carried(prev: int, prev_term: int, *entries: Entry, place: Place = HERE) -> Fact:
    """A message with these entries is sent."""
    message = AppendEntries(1, 2, entries[-1].term, prev, prev_term, entries, 0)
    return lambda safety: safety.add_message(message, place)


def applied(first: int, *entries: Entry, place: Place = HERE) -> Fact:
    """A server applies entries."""
    before = server(1, 9, log_of(*(9,) * (first - 1)))
    after = replace(before, last_applied=first + len(entries) - 1)
    return lambda safety: safety.add_step(TracedServer(before), Output(after, apply=entries), place)


def compacted(index: int, term: int, data: bytes, place: Place = HERE) -> Fact:
    """A server has a snapshot in place of its log."""
    before = server(1, term)
    after: State = replace(before, log=Log(Snapshot(index, term, data)), last_applied=index)
    return lambda safety: safety.add_step(TracedServer(before), Output(after), place)


def tell(*told: Fact) -> None:
    """Tell a run, to its end."""
    safety = Safety()
    for each in told:
        each(safety)
    safety.finish()


BROKEN = {
    "two leaders of a term": (
        TraceRule.ELECTION_SAFETY,
        (elected(1, 4, log_of(1), HERE), elected(2, 4, log_of(1), THERE)),
        "node 2 leads term 4, as node 1 does at n1.ndjson:3",
    ),
    "two entries of an index and a term": (
        TraceRule.LOG_MATCHING,
        (carried(1, 1, Entry(2, b"x"), place=HERE), wrote(2, log_of(1, 2), THERE)),
        "at index 2, term 2 is b'2@2', but at n1.ndjson:3 it is b'x'",
    ),
    "two entries before one": (
        TraceRule.LOG_MATCHING,
        (wrote(1, log_of(1, 1, 3), HERE), carried(2, 2, *entries_of(3, first=3), place=THERE)),
        "before the entry of index 3 and term 3 is one of term 2; at n1.ndjson:3 it is of term 1",
    ),
    "two entries applied": (
        TraceRule.STATE_MACHINE_SAFETY,
        (applied(2, *entries_of(1, 2, first=2), place=HERE), applied(3, Entry(3, b"x"), place=THERE)),
        (
            "applies Entry(term=3, command=b'x', configuration=None) at index 3; "
            "at n1.ndjson:3 that is Entry(term=2, command=b'2@3', configuration=None)"
        ),
    ),
    "two states at an index": (
        TraceRule.STATE_MACHINE_SAFETY,
        (compacted(5, 2, b"one", HERE), compacted(5, 2, b"another", THERE)),
        "the snapshot at 5 is of another state than that of n1.ndjson:3",
    ),
    "a snapshot of another entry": (
        TraceRule.STATE_MACHINE_SAFETY,
        (applied(1, *entries_of(1), place=HERE), compacted(1, 2, b"one", THERE)),
        "the snapshot at 1 is of term 2; the entry applied there at n1.ndjson:3 is of term 1",
    ),
    "a leader without a committed entry": (
        TraceRule.LEADER_COMPLETENESS,
        (elected(2, 4, log_of(1), THERE), committed(3, log_of(1, 3), 2, HERE)),
        "node 2 leads term 4 and has nothing at index 2, where an entry of term 3 was committed at n1.ndjson:3",
    ),
    "a leader with another entry": (
        TraceRule.LEADER_COMPLETENESS,
        (committed(3, log_of(1, 3), 2, HERE), elected(2, 4, log_of(1, 2), THERE)),
        "node 2 leads term 4 and has one of term 2 at index 2, where an entry of term 3 was committed at n1.ndjson:3",
    ),
    "a leader long afterwards": (
        TraceRule.LEADER_COMPLETENESS,
        (committed(3, log_of(1, 3), 2, HERE), elected(3, 5, log_of(1, 3, 4)), elected(2, 9, log_of(1), THERE)),
        "node 2 leads term 9",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_named_with_both_places(name: str) -> None:
    """Where the second of two things that contradict each other was told, and where the first."""
    rule, told, what = BROKEN[name]
    with pytest.raises(RuleViolationError) as broken:
        tell(*told)
    assert broken.value.finding.rule is rule
    assert broken.value.finding.place == THERE
    assert broken.value.finding.what.startswith(what)


@pytest.mark.parametrize(
    "told",
    [
        (elected(1, 4, log_of(1)), elected(2, 5, log_of(1)), elected(1, 6, log_of(1))),
        (elected(1, 4, log_of(1)), elected(1, 4, log_of(1))),
        (wrote(1, log_of(1, 2)), wrote(2, log_of(1, 3)), carried(1, 1, *entries_of(2, first=2))),
        (
            applied(1, *entries_of(1, 2)),
            applied(1, *entries_of(1, 2)),
            compacted(2, 2, b"one"),
            compacted(2, 2, b"one"),
        ),
        (committed(3, log_of(1, 3), 1), elected(2, 2, log_of(1)), elected(2, 4, log_of(1, 2))),
        (committed(3, log_of(1, 3), 2), elected(2, 4, Log(Snapshot(2, 3, b"")))),
    ],
    ids=["leaders of different terms", "a term twice", "a conflict", "the same again", "enough", "compacted"],
)
def test_what_keeps_the_promises_is_accepted(told: tuple[Fact, ...]) -> None:
    """Conflicting entries that nobody committed, replays after restarts, leaders before a commitment."""
    tell(*told)


def test_a_write_that_leaves_a_gap_is_named() -> None:
    """What follows nothing is no log (C9)."""
    persist = Persist(2, None, 4, entries_of(2, first=4))
    with pytest.raises(RuleViolationError, match="writes entries from 4 on, but the disk has none at 3"):
        Safety().add_write(persist, log_of(1), HERE)
