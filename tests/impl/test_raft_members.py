"""Changes of the members (§6; chapter 4 of the dissertation): who votes, who counts, and what is refused."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from impl_cluster import THREE, Cluster, Node, after, leader, receive, server
from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    ChangeMembers,
    ChangeRefused,
    Config,
    Configuration,
    Durable,
    ElectionTimeout,
    Entry,
    HeartbeatTimeout,
    InstallSnapshot,
    InstallSnapshotReply,
    Log,
    Message,
    NodeId,
    NotLeader,
    Persisted,
    PreVote,
    Propose,
    RequestVote,
    RequestVoteReply,
    Role,
    Snapshot,
    SnapshotTaken,
    State,
    TimeoutNow,
    restart,
    step,
)

FOUR = Config((1, 2, 3, 4), no_op=True)
WITH_LEARNER = Config((1, 2, 3), (4,), no_op=True)
EVERYONE = Configuration((1, 2, 3))


def acknowledged(state: State, index: int, *peers: NodeId) -> State:
    """The leader `state` after these peers, and its own disk, have its log up to `index`."""
    term = state.log.term_at(index)
    assert term is not None
    own = [Persisted(term, index)] if index > state.durable_index else []
    replies = [AppendEntriesReply(peer, 1, state.current_term, success=True, match_index=index) for peer in peers]
    return after(state, *own, *replies)


def settled(config: Config) -> State:
    """Server 1 as a leader whose no-op everybody has."""
    state = leader(config=replace(config, no_op=True))
    return acknowledged(state, 1, *state.peers)


def changed(state: State, voters: tuple[NodeId, ...], learners: tuple[NodeId, ...] = ()) -> State:
    """The leader after it has begun a change."""
    return step(state, ChangeMembers(voters, learners)).state


def log_with(*configurations: Configuration | None, term: int = 1) -> Log:
    """A log with an entry for each; None is a no-op."""
    return Log().append(tuple(Entry(term, None, each) for each in configurations))


def receivers(messages: tuple[Message, ...]) -> list[NodeId]:
    """Who gets them."""
    return [message.dest for message in messages]


# What is in force.


def test_a_configuration_is_in_force_from_when_the_log_has_it() -> None:
    """Committed or not; before the log has one, that of the settings is (§6)."""
    state = settled(THREE)
    assert state.configuration == EVERYONE
    state = changed(state, (1, 2))
    assert (state.configuration, state.commit_index, state.log.last_index) == (Configuration((1, 2)), 1, 2)
    assert restart(THREE, 1, Durable(1, 1, state.log)).configuration == Configuration((1, 2))


def test_truncation_restores_the_configuration_before() -> None:
    """Bug M8: what was removed from the log isn't in force any more."""
    state = server(1, 1, log_with(None, Configuration((1, 2))), THREE)
    assert state.configuration == Configuration((1, 2))
    state = after(state, AppendEntries(2, 1, 2, 1, 1, (Entry(2, b"x"),), 1))
    assert state.configuration == EVERYONE
    state = after(state, AppendEntries(2, 1, 2, 2, 2, (Entry(2, None, Configuration((2, 3))),), 1))
    assert state.configuration == Configuration((2, 3))
    assert after(state, AppendEntries(3, 1, 3, 2, 2, (Entry(3, None),), 2)).configuration == EVERYONE


def test_a_snapshot_has_the_configuration_at_its_last_entry() -> None:
    """Not a later one, and not none; a server that installs it decides by it (bug M7)."""
    log = log_with(None, Configuration((1, 2)), None, Configuration((1,)))
    state = replace(server(1, 1, log, THREE), commit_index=3, last_applied=3)
    for index, expected in ((1, None), (3, Configuration((1, 2)))):
        taken = step(state, SnapshotTaken(Snapshot(index, 1, b""))).state
        assert taken.snapshot == Snapshot(index, 1, b"", expected)
        assert taken.configuration == Configuration((1,))
    behind = server(2, 1, log_with(Configuration((2, 3))), THREE)
    snapshot = Snapshot(3, 1, b"", Configuration((1, 2)))
    installed = after(behind, InstallSnapshot(1, 2, 1, snapshot))
    assert (installed.configuration, installed.log.configuration_index) == (Configuration((1, 2)), 3)
    assert restart(THREE, 2, Durable(1, None, installed.log)).configuration == Configuration((1, 2))


def test_a_server_that_joins_has_no_members_until_its_leaders_log_names_some() -> None:
    """It stands for nothing, and takes what a leader that it doesn't know sends."""
    state = server(4, 0, None, Config(()))
    assert step(state, ElectionTimeout()).state == state
    entries = (Entry(1, None), Entry(1, None, Configuration((1, 2, 3), learners=(4,))))
    output = receive(state, AppendEntries(1, 4, 1, 0, 0, entries, 0))
    assert [reply.dest for reply in output.send_when_durable] == [1]
    assert output.state.configuration.members == (1, 2, 3, 4)
    waiting = step(output.state, ElectionTimeout())
    assert (waiting.state, waiting.send_now) == (replace(output.state, leader_id=None), ()), "a learner doesn't stand"
    assert step(waiting.state, ElectionTimeout()).state is waiting.state


def test_a_learner_without_word_of_its_leader_helps_a_candidate() -> None:
    """It may be a voter by an entry that it doesn't have yet, and the only one that the candidate needs."""
    learner = server(4, 1, None, replace(WITH_LEARNER, pre_vote=True, check_quorum=True))
    led = after(learner, AppendEntries(1, 4, 1, 0, 0, (), 0))
    request = PreVote(1, 4, 2, 0, 0)
    for state, granted in ((led, False), (after(led, ElectionTimeout()), True)):
        assert [reply.vote_granted for reply in receive(state, request).send_now] == [granted]


# Who decides.


def test_nobody_decides_where_nobody_votes() -> None:
    """A server that joins knows no voters yet."""
    assert not Configuration((), learners=(4,)).is_quorum({1, 2, 3, 4})


def test_the_vote_of_a_learner_is_given_and_does_not_count() -> None:
    """Who is asked doesn't look at its configuration; who counts looks at its own."""
    learner = server(4, 0, None, WITH_LEARNER)
    assert receive(learner, RequestVote(9, 4, 1, 0, 0)).send_when_durable == (
        RequestVoteReply(4, 9, 1, vote_granted=True),
    )
    output = step(server(1, 0, None, WITH_LEARNER), ElectionTimeout())
    assert receivers(output.send_when_durable) == [2, 3], "only voters are asked"
    state = after(output.state, RequestVoteReply(4, 1, 1, vote_granted=True))
    assert state.role is Role.CANDIDATE
    assert after(state, RequestVoteReply(3, 1, 1, vote_granted=True)).role is Role.LEADER


def test_entries_go_to_learners_and_commit_without_them() -> None:
    """They have no vote in anything."""
    state = leader(config=WITH_LEARNER)
    assert receivers(step(state, HeartbeatTimeout()).send_now) == [2, 3, 4]
    state = after(state, Persisted(1, 1), AppendEntriesReply(4, 1, 1, success=True, match_index=1))
    assert state.commit_index == 0
    assert acknowledged(state, 1, 3).commit_index == 1


@pytest.mark.parametrize(
    ("votes", "wins"), [((2,), False), ((2, 3), False), ((4,), False), ((2, 4), True), ((2, 5), True), ((4, 5), False)]
)
def test_a_joint_configuration_needs_both_majorities_to_elect(votes: tuple[NodeId, ...], wins: bool) -> None:  # noqa: FBT001  # a column
    """§6: of the old voters 1, 2 and 3, and of the new ones 1, 4 and 5; committed or not (bug M2)."""
    log = log_with(Configuration((1, 4, 5), (1, 2, 3)))
    state = step(server(1, 1, log, THREE), ElectionTimeout()).state
    state = after(state, *[RequestVoteReply(voter, 1, 2, vote_granted=True) for voter in votes])
    assert (state.role is Role.LEADER) == wins


@pytest.mark.parametrize(("acks", "commits"), [((2, 3), False), ((4, 5), False), ((2, 4), True)])
def test_a_joint_configuration_needs_both_majorities_to_commit(acks: tuple[NodeId, ...], commits: bool) -> None:  # noqa: FBT001  # a column
    """§6 (bug M4)."""
    state = settled(Config((1, 2, 3), (4, 5)))
    state = changed(state, (1, 4, 5))
    assert state.configuration == Configuration((1, 4, 5), (1, 2, 3))
    assert (acknowledged(state, 2, *acks).commit_index == 2) == commits


def test_only_a_voter_stands() -> None:
    """Who was removed, by its own log, neither asks nor stands, not even if the leader tells it to."""
    for configuration in (Configuration((2, 3)), Configuration((2, 3), learners=(1,))):
        for pre_vote in (False, True):
            state = server(1, 1, log_with(configuration), replace(THREE, pre_vote=pre_vote))
            assert step(state, ElectionTimeout()).state == state
            following = replace(state, leader_id=2)
            assert after(following, TimeoutNow(2, 1, 1)) == following
    outgoing = server(1, 1, log_with(Configuration((2, 3), (1, 2))), replace(THREE, pre_vote=True))
    asked = step(outgoing, ElectionTimeout()).send_now
    assert asked == (PreVote(1, 2, 2, 1, 1), PreVote(1, 3, 2, 1, 1)), "an outgoing voter has its vote yet"


# A change.


def test_one_voter_comes_or_goes_directly() -> None:
    """Its majorities intersect those before; an entry goes to all who are members then."""
    output = step(settled(THREE), ChangeMembers((1, 2)))
    assert output.state.configuration == Configuration((1, 2))
    assert output.persist is not None
    assert receivers(output.send_now) == [2], "the removed voter gets nothing any more"
    output = step(settled(WITH_LEARNER), ChangeMembers((1, 2, 3, 4)))
    assert output.state.configuration == Configuration((1, 2, 3, 4))
    assert receivers(output.send_now) == [2, 3, 4]


def test_a_joint_change_ends_when_it_is_committed() -> None:
    """In the same step, which sends the final configuration to who has the joint one."""
    state = changed(settled(THREE), (1,))
    assert state.configuration == Configuration((1,), (1, 2, 3))
    state = after(state, Persisted(1, 2))
    output = receive(state, AppendEntriesReply(3, 1, 1, success=True, match_index=2))
    assert output.state.configuration == Configuration((1,))
    assert (output.state.commit_index, output.state.log.last_index, output.state.peers) == (2, 3, ())
    assert after(output.state, Persisted(1, 3)).commit_index == 3


def test_a_leader_ends_the_joint_phase_of_another_when_it_knows_that_it_is_committed() -> None:
    """Not when it takes office (bug M5)."""
    joint = Configuration((1,), (1, 2, 3))
    state = leader(2, log_with(None, joint), replace(THREE, no_op=True))
    assert (state.role, state.configuration, state.log.last_index) == (Role.LEADER, joint, 3)
    assert acknowledged(state, 2, 2).configuration == joint, "an entry of an earlier term isn't committed by counting"
    assert acknowledged(state, 3, 2).configuration == Configuration((1,))


def test_a_leader_that_removes_itself_leads_until_that_is_committed() -> None:
    """It doesn't count itself, and tells the others how far the log is committed when it goes (§4.2.2)."""
    state = changed(settled(FOUR), (2, 3, 4))
    assert receivers(step(state, HeartbeatTimeout()).send_now) == [2, 3, 4]
    state = step(state, Propose((b"x",))).state
    state = acknowledged(state, 3, 2)
    assert (state.role, state.commit_index) == (Role.LEADER, 1)
    output = receive(state, AppendEntriesReply(4, 1, 1, success=True, match_index=3))
    assert (output.state.role, output.state.commit_index, output.state.leader_id) == (Role.FOLLOWER, 3, None)
    told = {message.dest: message.leader_commit for message in output.send_now if isinstance(message, AppendEntries)}
    assert told == {2: 3, 3: 3, 4: 3}
    assert output.reset_election_timer


def test_who_is_added_again_begins_without_progress() -> None:
    """An acknowledgement from before it was removed doesn't count any more."""
    state = changed(settled(WITH_LEARNER), (1, 2, 3))
    state = acknowledged(state, 2, 2, 3)
    late = AppendEntriesReply(4, 1, 1, success=True, match_index=2)
    assert after(state, late) == state, "nobody asked it"
    state = changed(state, (1, 2, 3), (4,))
    assert (state.match_index_of(4), state.next_index_of(4)) == (0, 3)
    assert (state.match_index_of(2), state.next_index_of(2)) == (2, 3)


def test_the_reply_of_who_is_no_member_changes_nothing() -> None:
    """Be it an acknowledgement, a refusal, or of a snapshot."""
    state = changed(settled(THREE), (1, 2))
    for success in (False, True):
        assert after(state, AppendEntriesReply(3, 1, 1, success=success, match_index=int(success))) == state
    assert after(state, InstallSnapshotReply(3, 1, 1, match_index=1)) == state


def test_a_leader_that_removes_itself_hears_of_snapshots_until_that_is_committed() -> None:
    """It counts what its members acknowledge, and is none of them."""
    state = changed(settled(THREE), (2, 3))
    assert after(state, InstallSnapshotReply(2, 1, 1, match_index=2)).match_index_of(2) == 2


REFUSALS: dict[str, tuple[Callable[[], State], tuple[NodeId, ...], tuple[NodeId, ...], str]] = {
    "no voters": (lambda: settled(THREE), (), (), "a cluster needs at least one voter"),
    "the same": (lambda: settled(THREE), (1, 2, 3), (), "these are the present members"),
    "twice": (lambda: settled(THREE), (1, 1, 2), (), "voters: a sorted tuple without repetitions is needed"),
    "no id": (lambda: settled(THREE), (1, 2), (-4,), "learners: a tuple of non-negative integers is needed"),
    "both": (lambda: settled(THREE), (1, 2, 3), (3,), "learners: 3 is a voter, too"),
    "a stranger": (lambda: settled(THREE), (1, 2, 3, 4), (), "node 4 must be a learner before it becomes a voter"),
    "under way": (lambda: changed(settled(FOUR), (1, 2, 3)), (1, 2), (), "a change is under way: the one at index 2"),
    "joint": (lambda: changed(settled(THREE), (1,)), (1, 2), (), "a change is under way: the one at index 2"),
    "early": (lambda: leader(config=THREE), (1, 2), (), "the leader has committed nothing in its term yet"),
    "fixed": (
        lambda: replace(settled(THREE), config=replace(THREE, quorum=3)),
        (1, 2),
        (),
        "the quorum has a fixed size, so the members can't change",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_change_that_is_wrong_or_early_is_refused_with_the_reason(name: str) -> None:
    """In one line; the state is unchanged, since nothing is returned."""
    make, voters, learners, reason = REFUSALS[name]
    with pytest.raises(ChangeRefused) as refused:
        step(make(), ChangeMembers(voters, learners))
    assert str(refused.value).startswith(reason)
    assert "\n" not in str(refused.value)


def test_an_entry_of_an_earlier_term_is_not_enough_for_a_change() -> None:
    """The erratum of 2015 (bug M1): another leader may have begun a change that this one doesn't know."""
    state = leader(2, log_with(None), THREE)
    state = replace(state, commit_index=1, last_applied=1)
    with pytest.raises(ChangeRefused, match="committed nothing in its term"):
        step(state, ChangeMembers((1, 2)))


def test_only_a_leader_changes_the_members() -> None:
    """Others name the leader, if they know one."""
    follower = after(server(2), AppendEntries(1, 2, 1, 0, 0, (), 0))
    with pytest.raises(NotLeader, match="the leader is node 1"):
        step(follower, ChangeMembers((1, 2)))


def test_a_learner_votes_when_it_has_what_the_leader_had_an_election_timeout_ago() -> None:
    """§4.2.1, with rounds as long as election timeouts: what was appended meanwhile it may lack."""
    state = settled(WITH_LEARNER)
    state = acknowledged(step(state, Propose((b"a", b"b"))).state, 3, 2, 3)
    state = step(state, ElectionTimeout()).state
    with pytest.raises(ChangeRefused, match="node 4 lags behind: it has 1 of 3 entries"):
        step(state, ChangeMembers((1, 2, 3, 4)))
    state = step(acknowledged(state, 3, 4), Propose((b"c",))).state
    assert step(state, ChangeMembers((1, 2, 3, 4))).state.configuration == Configuration((1, 2, 3, 4))
    state = step(state, ElectionTimeout()).state
    with pytest.raises(ChangeRefused, match="node 4 lags behind: it has 3 of 4 entries"):
        step(state, ChangeMembers((1, 2, 3, 4)))


def test_a_new_learner_has_not_caught_up_before_it_has_heard_anything() -> None:
    """Whenever in an election timeout it is added."""
    state = changed(settled(THREE), (1, 2, 3), (4,))
    state = acknowledged(state, 2, 2, 3)
    with pytest.raises(ChangeRefused, match="node 4 lags behind: it has 0 of 2 entries"):
        step(state, ChangeMembers((1, 2, 3, 4)))


def test_a_new_leader_knows_of_no_learner_that_has_caught_up() -> None:
    """Nor before its first election timeout ends: a voter that has nothing could stop the cluster for long."""
    state = after(server(1, 1, log_with(None, None), WITH_LEARNER), ElectionTimeout())
    state = acknowledged(after(state, RequestVoteReply(2, 1, 2, vote_granted=True)), 3, 2)
    with pytest.raises(ChangeRefused, match="node 4 lags behind: it has 0 of 3 entries"):
        step(state, ChangeMembers((1, 2, 3, 4)))
    state = acknowledged(state, 3, 4)
    assert step(state, ChangeMembers((1, 2, 3, 4))).state.configuration == Configuration((1, 2, 3, 4))


def test_a_new_learner_has_to_know_that_it_is_one() -> None:
    """It has caught up with the entry that made it a learner, not with the one before; nobody waits for nobody."""
    state = acknowledged(acknowledged(changed(settled(THREE), (1, 2, 3), (4,)), 2, 2, 3), 1, 4)
    with pytest.raises(ChangeRefused, match="node 4 lags behind: it has 1 of 2 entries"):
        step(state, ChangeMembers((1, 2, 3, 4)))
    state = changed(acknowledged(state, 2, 4), (1, 2, 3))
    assert state.caught_up_index == 0 == settled(THREE).caught_up_index


def test_a_change_has_the_addresses_that_came_with_it() -> None:
    """The core keeps them, and knows nothing of what they mean."""
    state = step(settled(THREE), ChangeMembers((1, 2), contacts=b"addresses")).state
    assert state.configuration == Configuration((1, 2), contacts=b"addresses")


# Alone.


def test_a_voter_that_is_alone_leads_when_its_disk_has_its_vote() -> None:
    """Otherwise it could lead the same term again after a crash, with other entries, which learners would mix up."""
    output = step(server(1, 0, None, Config((1,), (2,), no_op=True)), ElectionTimeout())
    assert (output.state.role, output.send_now) == (Role.CANDIDATE, ())
    (vote,) = output.send_when_durable
    assert output.reset_election_timer
    output = receive(output.state, vote)
    assert output.state.role is Role.LEADER
    assert receivers(output.send_now) == [2]


def test_a_cluster_grows_and_shrinks() -> None:
    """From one voter to three and back, by real messages; the removed leader's followers elect another."""
    cluster = Cluster(Config((1,), no_op=True))
    cluster.nodes |= {member: Node(Config((), no_op=True), member) for member in (2, 3)}
    cluster.happen(1, ElectionTimeout())
    for voters, learners in (((1,), (2, 3)), ((1, 2, 3), ()), ((2, 3), ())):
        cluster.happen(1, ChangeMembers(voters, learners))
        cluster.happen(1, HeartbeatTimeout())
    assert cluster.state(1).role is Role.FOLLOWER
    cluster.happen(2, ElectionTimeout())
    assert cluster.state(2).role is Role.LEADER
    assert {cluster.state(member).configuration for member in (1, 2, 3)} == {Configuration((2, 3))}
