"""Quorums intersect where they must; checked against sets, for every small size."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.quorum import (
    byzantine_faults,
    byzantine_quorum,
    is_joint_majority,
    is_majority,
    joint_majority_index,
    majority,
    majority_index,
)
from quorate.raft import (
    AppendEntriesReply,
    Config,
    Durable,
    ElectionTimeout,
    Propose,
    Receive,
    RequestVoteReply,
    Role,
    restart,
    step,
)

SIZES = range(1, 9)


@pytest.mark.parametrize("n", SIZES)
def test_two_majorities_always_share_a_member(n: int) -> None:
    """And one member fewer would not do (§5.2)."""
    groups = [frozenset(group) for group in combinations(range(n), majority(n))]
    assert all(one & other for one in groups for other in groups)
    smaller = [frozenset(group) for group in combinations(range(n), majority(n) - 1)]
    assert any(not one & other for one in smaller for other in smaller)


@pytest.mark.parametrize("n", SIZES)
def test_a_byzantine_quorum_is_the_smallest_that_shares_an_honest_member(n: int) -> None:
    """Any two share more members than there can be traitors; one member fewer would not do; the honest suffice."""
    size, faults = byzantine_quorum(n), byzantine_faults(n)
    assert 2 * size - n > faults
    assert 2 * (size - 1) - n <= faults
    assert size <= n - faults


@given(st.integers(min_value=0, max_value=10**9))
def test_a_byzantine_quorum_is_2f_plus_1_of_3f_plus_1(f: int) -> None:
    """The form in which the literature states it."""
    assert byzantine_faults(3 * f + 1) == f
    assert byzantine_quorum(3 * f + 1) == 2 * f + 1


@pytest.mark.parametrize("count", [majority, byzantine_faults, byzantine_quorum])
def test_nobody_is_no_quorum(count: object) -> None:
    """A cluster without members is a mistake of the caller, and the error names it."""
    assert callable(count)
    with pytest.raises(ValueError, match="n: a quorum needs at least one member"):
        count(0)


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9), min_size=1))
def test_strangers_do_not_vote(votes: set[int], members: set[int]) -> None:
    """Only members count, each once."""
    assert is_majority(votes, members) == (2 * len(votes & members) > len(members))


@given(st.lists(st.integers(0, 20), min_size=1, max_size=9))
def test_the_majority_index_is_the_largest_that_a_majority_holds(match: list[int]) -> None:
    """Against the definition of Figure 2: the largest N with a majority of match_index >= N."""
    held = [n for n in range(21) if sum(index >= n for index in match) > len(match) / 2]
    assert majority_index(match) == max(held)


@given(
    st.dictionaries(st.integers(0, 5), st.integers(0, 9), min_size=6, max_size=6),
    st.sets(st.integers(0, 5), min_size=1),
    st.sets(st.integers(0, 5), min_size=1),
)
def test_a_joint_majority_needs_both_configurations(match: dict[int, int], old: set[int], new: set[int]) -> None:
    """§6: agreement requires separate majorities of the old and of the new."""
    index = joint_majority_index(match, old, new)
    assert is_joint_majority({member for member in match if match[member] >= index}, old, new)
    assert not is_joint_majority({member for member in match if match[member] > index}, old, new)


@pytest.mark.parametrize("size", range(3, 6))
def test_a_larger_quorum_elects_and_commits_with_no_fewer(size: int) -> None:
    """A configured quorum of five members is asked of votes and of logs: one member fewer is not enough."""
    config = Config((1, 2, 3, 4, 5), quorum=size)
    state = step(restart(config, 1, Durable()), ElectionTimeout()).state
    for voter in range(2, size + 1):
        assert state.role is Role.CANDIDATE
        state = step(state, Receive(RequestVoteReply(voter, 1, 1, vote_granted=True))).state
    assert state.role is Role.LEADER
    output = step(state, Propose((b"x",)))
    assert output.persist is not None
    assert output.persist.confirmation is not None
    state = step(output.state, output.persist.confirmation).state
    for follower in range(2, size + 1):
        assert state.commit_index == 0
        state = step(state, Receive(AppendEntriesReply(follower, 1, 1, success=True, match_index=1))).state
    assert state.commit_index == 1
