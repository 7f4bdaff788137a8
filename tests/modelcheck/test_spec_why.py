"""A broken promise of the specification names the servers, terms, indices and entries that contradict each other."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate_check.core.invariants import Invariant, StepInvariant
from quorate_check.raft.spec import INVARIANTS
from quorate_check.raft.why import STEP_WHY, WHY
from quorate_spec.raft.messages import NO_OP, Config, Entry
from quorate_spec.raft.state import Applied, Disk, Role, Server, initial

PROMISES = {invariant.name: invariant for invariant in INVARIANTS}
ONE, OTHER, TWO, EMPTY = Entry(1, "v1"), Entry(1, "v2"), Entry(2, "v1"), Entry(2, NO_OP)
KNOWN = Applied(1, "v1", 1)
WITHOUT_1, WITHOUT_3, ALONE = (
    Entry(1, NO_OP, Config(frozenset(voters), frozenset(), frozenset())) for voters in ((2, 3), (1, 2), (1,))
)
JOINT = Entry(1, NO_OP, Config(frozenset({3}), frozenset({1, 2}), frozenset()))
APPLIED_JOINT = Applied(JOINT.term, JOINT.value, 1, JOINT.config)
Changes = dict[str, Any]
CANDIDATE: Changes = {"role": Role.CANDIDATE, "current_term": 1, "votes_granted": frozenset({2, 3})}
LEADER: Changes = {"role": Role.LEADER, "current_term": 2}


def cluster(*changes: Changes) -> tuple[Server, ...]:
    """Three servers, of which the first few are changed."""
    each = [*changes, {}, {}, {}][:3]
    return tuple(replace(initial(i, (1, 2, 3)), **change) for i, change in enumerate(each, start=1))


BROKEN: list[tuple[str, tuple[Changes, ...], str]] = [
    ("ElectionSafety", ({"led": frozenset({2})}, {}, {"led": frozenset({1, 2})}), "a and c both led term 2."),
    (
        "LogMatching",
        ({"log": (ONE, EMPTY)}, {"log": (OTHER, EMPTY)}),
        "Both logs have an entry of term 2 at index 2, but at index 1 a has [t1 v1] and b has [t1 v2].",
    ),
    (
        "LeaderCompleteness",
        (LEADER, {"applied": (KNOWN,)}),
        "a leads term 2 and has nothing at index 1, where b had applied [t1 v1] by term 1.",
    ),
    (
        "StateMachineSafety",
        ({"applied": (KNOWN,)}, {"applied": (Applied(2, NO_OP, 2),)}),
        "At index 1 a applied [t1 v1] and b applied [t2 no-op].",
    ),
    ("VotesAreUnique", (CANDIDATE, CANDIDATE), "a and b, candidates of term 1, both count the vote of b."),
    (
        "VotesAreRemembered",
        (CANDIDATE, {"current_term": 1, "voted_for": 3}),
        "a, a candidate of term 1, counts the vote of b, which voted for c in it.",
    ),
    (
        "VotesAreRemembered",
        (CANDIDATE, {"current_term": 1}),
        "a, a candidate of term 1, counts the vote of b, which voted for nobody in it.",
    ),
    ("VotesAreRemembered", (CANDIDATE,), "a, a candidate of term 1, counts the vote of b, which is only in term 0."),
    (
        "VotesAreRemembered",
        (CANDIDATE, {"current_term": 1, "voted_for": 1, "disk": Disk(0, None, (), 0)}),
        "a, a candidate of term 1, counts the vote of b, which by its disk is only in term 0.",
    ),
    ("MatchBelowNext", ({"match_index": ((2, 1),)},), "a knows s2 to hold index 1, and would send index 1 next."),
    (
        "AcknowledgedIsThere",
        (LEADER | {"log": (ONE, TWO), "match_index": ((3, 2),)}, {}, {"current_term": 2, "log": (ONE,)}),
        "a, the leader of term 2, knows c to hold index 2; at index 2 a has [t2 v1] and c has nothing.",
    ),
    (
        "AcknowledgedIsThere",
        (LEADER | {"match_index": ((1, 1),)},),
        "a, the leader of term 2, knows a to hold index 1; at index 1 a has nothing.",
    ),
    (
        "AcknowledgedIsThere",
        (
            LEADER | {"log": (TWO,), "match_index": ((2, 1),)},
            {"current_term": 2, "log": (TWO,), "disk": Disk(2, None, (), 0)},
        ),
        "a, the leader of term 2, knows b to hold index 1; at index 1 a has [t2 v1] and b by its disk has nothing.",
    ),
    (
        "CommittedIsKept",
        ({"disk": Disk(1, None, (ONE,), 1)},),
        "a by its disk compacted its log up to index 1, and only knows index 0 to be committed.",
    ),
    (
        "CommittedIsKept",
        ({"log": (ONE,), "commit_index": 1, "applied": (KNOWN,), "disk": Disk(1, None, (OTHER,), 1)},),
        "a by its disk compacted [t1 v2] at index 1, and [t1 v1] was committed.",
    ),
    (
        "CommittedIsKept",
        ({"log": (ONE, ONE), "snapshot_index": 2, "commit_index": 1, "applied": (KNOWN,)},),
        "a compacted its log up to index 2, and only knows index 1 to be committed.",
    ),
    (
        "CommittedIsKept",
        ({"commit_index": 1, "applied": (KNOWN,)},),
        "a knows index 1 to be committed; at index 1 its log has nothing, and [t1 v1] was committed.",
    ),
    (
        "CommittedIsKept",
        ({"log": (ONE,), "commit_index": 1},),
        "a knows index 1 to be committed; at index 1 its log has [t1 v1], and nothing was committed.",
    ),
    (
        "CommittedIsOnQuorum",
        ({"applied": (KNOWN,)}, {"log": (OTHER,)}, {"log": (ONE,)}),
        "a knew [t1 v1] at index 1 to be committed, and only c of 3 servers has it there.",
    ),
    (
        "CommittedIsOnQuorum",
        ({"applied": (KNOWN,), "log": (ONE,), "disk": Disk(1, None, (), 0)}, {}, {"log": (ONE,)}),
        "a knew [t1 v1] at index 1 to be committed, and only c of 3 servers has it there.",
    ),
    (
        "CommittedIsOnQuorum",
        ({}, {"applied": (KNOWN,)}),
        "b knew [t1 v1] at index 1 to be committed, and no server has it there.",
    ),
    (
        "OneChangeAtATime",
        ({}, {"log": (WITHOUT_3, WITHOUT_1)}),
        "b has [t1 {1,2}] at index 1 and [t1 {2,3}] at 2: two changes at once.",
    ),
    (
        "OneChangeAtATime",
        ({"log": (JOINT, JOINT), "applied": (APPLIED_JOINT, APPLIED_JOINT)},),
        "a has [t1 {1,2→3}] at index 1 and [t1 {1,2→3}] at 2: two changes at once.",
    ),
    (
        "ActiveQuorumsIntersect",
        ({"log": (ALONE,), "role": Role.LEADER, "current_term": 1}, {"current_term": 2}),
        "a may decide with a quorum of {1} and b with one of {1,2,3}, and they may be disjoint.",
    ),
]


@pytest.mark.parametrize(("name", "changes", "sentence"), BROKEN)
def test_a_state_that_breaks_a_promise_is_explained_by_its_values(
    name: str, changes: tuple[Changes, ...], sentence: str
) -> None:
    """The promise doesn't hold for them, and the sentence says why."""
    promise, servers = PROMISES[name], cluster(*changes)
    assert isinstance(promise, Invariant)
    assert not promise.holds(servers)
    assert promise.why is not None
    assert promise.why(("a", "b", "c"), servers) == sentence


def test_a_step_that_breaks_a_promise_is_explained_by_what_it_changed() -> None:
    """A leader that overwrites its log."""
    promise = PROMISES["LeaderAppendOnly"]
    assert isinstance(promise, StepInvariant)
    before, *_ = cluster(LEADER | {"log": (ONE, TWO)})
    after = replace(before, log=(OTHER, TWO))
    assert not promise.holds(before, None, after, ())
    assert promise.why is not None
    said = promise.why("a", before, None, after, ())
    assert said == "a, the leader of term 2, had [t1 v1] at index 1 of its log and now has [t1 v2] there."


def test_every_promise_of_the_specification_explains_itself() -> None:
    """One of each is among the examples above, and none is explained that isn't promised."""
    assert {name for name, _, _ in BROKEN} == set(WHY)
    assert set(WHY) | set(STEP_WHY) == set(PROMISES)


logs = st.lists(st.sampled_from([ONE, OTHER, TWO, EMPTY, ALONE, WITHOUT_1, JOINT]), max_size=3).map(tuple)
known = st.lists(st.builds(Applied, st.integers(1, 2), st.sampled_from(["v1", NO_OP]), st.integers(1, 2)), max_size=2)
some = st.integers(0, 3)
indices = st.dictionaries(st.integers(1, 3), some).map(lambda each: tuple(sorted(each.items())))
servers_ = st.builds(
    dict,
    current_term=st.integers(1, 2),
    voted_for=st.sampled_from([None, 1, 2, 3]),
    log=logs,
    snapshot_index=some,
    disk=st.one_of(st.none(), st.builds(Disk, st.integers(1, 2), st.sampled_from([None, 1, 2, 3]), logs, some)),
    role=st.sampled_from(Role),
    commit_index=some,
    votes_granted=st.frozensets(st.integers(1, 3)),
    next_index=indices,
    match_index=indices,
    led=st.frozensets(st.integers(1, 2)),
    applied=known.map(tuple),
)


@settings(deadline=None, derandomize=True, database=None, max_examples=300)
@given(st.tuples(servers_, servers_, servers_))
def test_whatever_breaks_a_promise_has_an_explanation(changes: tuple[Changes, ...]) -> None:
    """In a sentence; of any three servers, reachable or not."""
    servers = cluster(*changes)
    for promise in PROMISES.values():
        if isinstance(promise, Invariant) and not promise.holds(servers):
            assert promise.why is not None
            assert promise.why(("a", "b", "c"), servers).endswith(".")
