"""A broken promise of Raft names the servers, terms, indices and entries that contradict each other."""

from dataclasses import replace
from typing import Any

import pytest

from quorate.raft import Config, Durable, ElectionTimeout, Entry, Log, RequestVoteReply, Role, State, restart
from quorate_check.core.invariants import Invariant, StepInvariant
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.pictures import marks_of_core as marks
from quorate_check.raft.properties import INVARIANTS, INVARIANTS_OF_LATE_DISKS
from quorate_check.raft.subject import Applied, CoreNode, Durability, Flush, Record, Restart

PROMISES = {invariant.name: invariant for invariant in (*INVARIANTS, *INVARIANTS_OF_LATE_DISKS)}
ONE, TWO, OTHER = Entry(1, b"1"), Entry(2, b"2"), Entry(1, b"3")


def log(*entries: Entry) -> Log:
    """A log of `entries`."""
    return Log().append(entries)


def server(record: Record | None = None, **fields: Any) -> CoreNode:  # noqa: ANN401 - fields of a State
    """Server 1 of three in some state."""
    state: State = replace(restart(Config((1, 2, 3)), 1, Durable()), **fields)
    return CoreNode(state, record=record or Record())


def leader(**fields: Any) -> CoreNode:  # noqa: ANN401 - fields of a State
    """Server 1, leading term 2."""
    usual = {"current_term": 2, "role": Role.LEADER, "match_index": (0, 0, 0), "next_index": (1, 1, 1)}
    return server(**{**usual, **fields})


def applied(*entries: Applied) -> CoreNode:
    """A server that applied these."""
    return server(Record(applied=entries))


SERVERS = {
    "CountedIsOnDisk": (
        (replace(leader(log=log(ONE, TWO), durable_index=2), durable=Durable(2, 1, log(ONE))),),
        "a counts itself for [t2 x2], and its disk has nothing there.",
    ),
    "ElectionSafety": (
        (server(Record(terms_led=frozenset({1, 2}))), server(Record(terms_led=frozenset({2, 3})))),
        "a and b both led term 2.",
    ),
    "LogMatching": (
        (server(log=log(ONE, TWO)), server(log=log(OTHER, TWO))),
        "Both logs have an entry of term 2 at index 2, but at index 1 a has [t1 x1] and b has [t1 x3].",
    ),
    "LeaderCompleteness": (
        (leader(log=log(TWO)), applied(Applied(ONE, 1))),
        "a leads term 2 and has [t2 x2] at index 1, where b had applied [t1 x1] by term 1.",
    ),
    "StateMachineSafety": (
        (applied(Applied(ONE, 1), Applied(ONE, 1)), applied(Applied(ONE, 1), Applied(TWO, 2))),
        "At index 2 a applied [t1 x1] and b applied [t2 x2].",
    ),
    "MatchBelowNext": (
        (leader(match_index=(0, 2, 0), next_index=(1, 2, 1)),),
        "a knows s2 to hold index 2, and would send index 2 next.",
    ),
}
STEPS = {
    "LeaderAppendOnly": (
        leader(log=log(ONE)),
        None,
        leader(),
        "a, the leader of term 2, had [t1 x1] at index 1 of its log and now has nothing there.",
    ),
    "AppliedNeverChanges": (
        server(Record(applied=(Applied(ONE, 1),))),
        None,
        server(Record(applied=(Applied(OTHER, 1),))),
        "At index 1 a had applied [t1 x1], and then [t1 x3].",
    ),
    "TermNeverDecreases": (server(current_term=3), None, server(), "a was in term 3 and is now in term 0."),
    "CommitIndexNeverDecreases": (
        server(commit_index=2),
        None,
        server(commit_index=1),
        "a knew index 2 to be committed, and now only 1.",
    ),
    "OneVotePerTerm": (
        server(Record(vote=(1, 2))),
        None,
        server(),
        "In term 1 a voted for s2 and then for s3.",
    ),
    "MatchIndexNeverDecreases": (
        leader(match_index=(0, 2, 0)),
        None,
        leader(match_index=(0, 1, 0)),
        "a knew s2 to hold its log up to 2, and now only up to 1.",
    ),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_state_that_breaks_a_promise_is_explained_by_its_values(name: str) -> None:
    """The promise doesn't hold for them, and the sentence says why."""
    servers, sentence = SERVERS[name]
    promise = PROMISES[name]
    assert isinstance(promise, Invariant)
    views = tuple(map(promise.view, servers))
    assert not promise.holds(views)
    assert promise.why is not None
    assert promise.why(("a", "b")[: len(views)], views) == sentence


@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_breaks_a_promise_is_explained_by_what_it_changed(name: str) -> None:
    """And a vote by whom it was given to before."""
    before, event, after, sentence = STEPS[name]
    sent = (RequestVoteReply(1, 3, 1, vote_granted=True),) if name == "OneVotePerTerm" else ()
    promise = PROMISES[name]
    assert isinstance(promise, StepInvariant)
    assert not promise.holds(before, event, after, sent)
    assert promise.why is not None
    assert promise.why("a", before, event, after, sent) == sentence


def test_a_restart_that_forgets_its_term_is_told_by_what_was_on_disk() -> None:
    """What was never on disk may be lost."""
    promise = PROMISES["TermNeverDecreases"]
    assert isinstance(promise, StepInvariant)
    assert promise.why is not None
    said = promise.why("a", server(current_term=3), Restart(), server(), ())
    assert said == "a had term 3 on disk and is now in term 0."


def test_every_promise_of_raft_explains_itself() -> None:
    """One of each is among the examples above."""
    assert set(SERVERS) | set(STEPS) == set(PROMISES)


def test_a_picture_tells_what_became_of_writes_that_were_not_on_disk() -> None:
    """They wait, they get there, or a crash loses them."""
    system = RaftBounds(servers=2, storage=Durability.ASYNC, restarts=1, symmetry=False).system()
    (stands,) = system.step(system.initial[0], ElectionTimeout())
    assert "1 not on disk" in marks(system.initial[0], stands.local)
    (flushed,) = system.step(stands.local, Flush())
    assert marks(stands.local, flushed.local) == ("all on disk",)
    lost, kept = (outcome.local for outcome in system.step(stands.local, Restart()))
    assert marks(stands.local, lost) == ("term 0", "follower", "loses what isn't on disk")
    assert marks(stands.local, kept) == ("follower", "all on disk")
