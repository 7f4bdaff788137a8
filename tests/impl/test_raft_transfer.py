"""Leadership transfer (§3.10 of Ongaro's dissertation): who is asked, when, who heeds it, and how it ends."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from impl_cluster import THREE, Cluster, after, candidate, entries_of, leader, log_of, receive, server
from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    ChangeMembers,
    ChangeRefused,
    Config,
    Configuration,
    ConfirmLeadership,
    Durable,
    ElectionTimeout,
    Entry,
    HeartbeatTimeout,
    InstallSnapshotReply,
    LeadershipConfirmed,
    Log,
    NotLeader,
    Output,
    Persisted,
    Propose,
    ReadRequest,
    RequestVote,
    RequestVoteReply,
    Role,
    Snapshot,
    State,
    StepDown,
    TimeoutNow,
    TransferLeadership,
    TransferRefused,
    TransferUnderWay,
    restart,
    step,
)

SERVED = replace(THREE, pre_vote=True, no_op=True, check_quorum=True)
WITH_LEARNER = Config((1, 2, 3), (4,), no_op=True)
# Server 1 leads term 2 with two entries, of which server 2 has both and server 3 the first.
LEADER = after(
    leader(2, log_of(1)),
    Propose((b"a",)),
    AppendEntriesReply(2, 1, 2, success=True, match_index=2),
    AppendEntriesReply(3, 1, 2, success=True, match_index=1),
)
FOLLOWER = after(server(config=SERVED), AppendEntries(2, 1, 1, 0, 0, entries_of(1), 1))


def transferring(target: int = 3, state: State = LEADER) -> State:
    """The leader after it was asked to transfer its leadership."""
    return step(state, TransferLeadership(target)).state


def requests(output: Output) -> list[TimeoutNow]:
    """The requests to stand that leave at once."""
    return [message for message in output.send_now if isinstance(message, TimeoutNow)]


# "1. The prior leader stops accepting new client requests."


def test_a_leader_that_transfers_takes_no_proposals() -> None:
    """With an error that says so, and no change: who retries elsewhere does nothing twice."""
    state = transferring()
    with pytest.raises(TransferUnderWay, match="a transfer of leadership to node 3 is under way"):
        step(state, Propose((b"b",)))
    assert not isinstance(TransferUnderWay(""), NotLeader), "it leads, and may serve again"


def test_reads_go_on() -> None:
    """§6.4: a quorum confirms each round after it began, so who was deposed meanwhile gets no confirmation."""
    state = transferring(3, after(LEADER, Persisted(2, 2)))
    assert state.commit_index == 2
    output = step(state, ReadRequest())
    assert output.send_now == tuple(ConfirmLeadership(1, peer, 2, 1) for peer in (2, 3))
    output = receive(output.state, LeadershipConfirmed(2, 1, 2, 1))
    assert output.reads is not None
    assert output.state.transfer_target == 3


# "2. The prior leader fully updates the target server's log to match its own."


def test_who_has_the_whole_log_is_asked_at_once() -> None:
    """Server 2 lacks nothing; what the leader's own disk lacks doesn't matter."""
    output = step(LEADER, TransferLeadership(2))
    assert output == Output(replace(LEADER, transfer_target=2), send_now=(TimeoutNow(1, 2, 2),))


def test_who_lacks_entries_is_asked_when_it_has_them() -> None:
    """Server 3 gets them by heartbeats like anybody; others' acknowledgements change nothing."""
    output = step(LEADER, TransferLeadership(3))
    assert output == Output(replace(LEADER, transfer_target=3))
    assert requests(step(output.state, HeartbeatTimeout())) == []
    behind = replace(LEADER, match_index=(0, 0, 1), next_index=(1, 2, 2))
    other = receive(transferring(3, behind), AppendEntriesReply(2, 1, 2, success=True, match_index=2))
    assert requests(other) == []
    output = receive(output.state, AppendEntriesReply(3, 1, 2, success=True, match_index=2))
    assert requests(output) == [TimeoutNow(1, 3, 2)]


def test_who_gets_a_snapshot_is_asked_when_it_has_that() -> None:
    """If the log ends with it."""
    state = leader(2, log_of(after=Snapshot(1, 1, b"")))
    output = receive(transferring(3, state), InstallSnapshotReply(3, 1, 2, match_index=1))
    assert requests(output) == [TimeoutNow(1, 3, 2)]


def test_others_that_catch_up_are_not_asked() -> None:
    """Nor is the target asked again by that."""
    state = replace(LEADER, match_index=(0, 0, 2), next_index=(1, 1, 3))
    assert requests(receive(transferring(3, state), AppendEntriesReply(2, 1, 2, success=True, match_index=2))) == []


# "3. The prior leader sends a TimeoutNow request to the target server."


def test_the_request_is_repeated_with_every_heartbeat() -> None:
    """It may have been lost, or have come while the target followed nobody; it leaves after the heartbeat."""
    *heartbeats, request = step(transferring(2), HeartbeatTimeout()).send_now
    assert [(type(message), message.dest) for message in heartbeats] == [(AppendEntries, 2), (AppendEntries, 3)]
    assert request == TimeoutNow(1, 2, 2)


@pytest.mark.parametrize("config", [THREE, SERVED], ids=["no pre-vote", "pre-vote"])
def test_the_target_stands_at_once(config: Config) -> None:
    """Without a pre-vote, which others would refuse, and its requests say who asked for them."""
    follower = after(server(config=config), AppendEntries(2, 1, 1, 0, 0, entries_of(1), 1))
    output = receive(follower, TimeoutNow(2, 1, 1))
    assert (output.state.role, output.state.current_term, output.state.voted_for) == (Role.CANDIDATE, 2, 1)
    assert output.send_when_durable == tuple(RequestVote(1, peer, 2, 1, 1, transfer=True) for peer in (2, 3))
    assert output.send_now == ()
    assert output.reset_election_timer


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (after(FOLLOWER, AppendEntries(3, 1, 2, 1, 1, (), 1)), TimeoutNow(2, 1, 1)),
        (after(FOLLOWER, TimeoutNow(2, 1, 1)), TimeoutNow(2, 1, 1)),
        (after(FOLLOWER, ElectionTimeout()), TimeoutNow(2, 1, 1)),
        (replace(FOLLOWER, leader_id=None), TimeoutNow(2, 1, 1)),
        (FOLLOWER, TimeoutNow(3, 1, 1)),
        (server(config=SERVED, term=1), TimeoutNow(2, 1, 1)),
        (candidate(2), TimeoutNow(2, 1, 2)),
        (leader(3), TimeoutNow(2, 1, 1)),
    ],
    ids=[
        "of an old term",
        "repeated",
        "asks for pre-votes",
        "heard of no leader",
        "not of its leader",
        "restarted",
        "candidate of the same term",
        "leader of a later term",
    ],
)
def test_a_request_is_heeded_only_by_who_follows_its_sender(state: State, message: TimeoutNow) -> None:
    """One that comes late must not depose a later leader in the name of an earlier one."""
    assert receive(state, message) == Output(state)


def test_a_request_of_a_newer_term_brings_its_term_and_nothing_else() -> None:
    """§5.1; nobody can have the whole log of a leader of a term that it hasn't entered."""
    output = receive(FOLLOWER, TimeoutNow(3, 1, 5))
    assert (output.state.role, output.state.current_term, output.state.voted_for) == (Role.FOLLOWER, 5, None)
    assert output.send_when_durable == output.send_now == ()


@pytest.mark.parametrize(
    "configuration",
    [Configuration((2, 3)), Configuration((2, 3), learners=(1,))],
    ids=["no member", "learner"],
)
def test_who_has_no_vote_does_not_stand(configuration: Configuration) -> None:
    """By its own log."""
    log = Log().append((Entry(1, None, configuration),))
    state = replace(restart(THREE, 1, Durable(1, None, log)), leader_id=2)
    assert receive(state, TimeoutNow(2, 1, 1)) == Output(state)


def test_the_requests_of_the_target_depose_the_leader_and_are_granted() -> None:
    """§4.2.3: servers that have a leader ignore others' requests, and the leader does."""
    state = leader(1, config=replace(SERVED, pre_vote=False))
    state = after(state, Persisted(1, 1), AppendEntriesReply(2, 1, 1, success=True, match_index=1))
    output = receive(transferring(2, state), RequestVote(2, 1, 2, 1, 1, transfer=True))
    assert (output.state.role, output.state.transfer_target) == (Role.FOLLOWER, None)
    assert output.send_when_durable == (RequestVoteReply(1, 2, 2, vote_granted=True),)


# "If leadership transfer does not complete after about an election timeout, the prior leader aborts the transfer."


@pytest.mark.parametrize("config", [THREE, replace(THREE, check_quorum=True)], ids=["no check", "CheckQuorum"])
def test_the_leader_serves_again_after_an_election_timeout(config: Config) -> None:
    """It takes proposals, asks nobody to stand any more, and may begin another transfer."""
    state = replace(LEADER, config=config, heard_from=frozenset({1, 2}) if config.check_quorum else frozenset())
    output = step(transferring(2, state), ElectionTimeout())
    assert (output.state.role, output.state.transfer_target) == (Role.LEADER, None)
    assert requests(step(output.state, HeartbeatTimeout())) == []
    assert step(output.state, Propose((b"b",))).state.log.last_index == 3
    assert step(output.state, TransferLeadership(3)).state.transfer_target == 3


@pytest.mark.parametrize(
    "ends",
    [
        lambda state: after(state, StepDown()),
        lambda state: after(state, AppendEntries(3, 1, 3, 0, 0, (), 0)),
        lambda state: restart(THREE, 1, Durable(2, 1, state.log)),
        lambda state: after(replace(state, config=SERVED), ElectionTimeout()),
    ],
    ids=["steps down", "deposed", "restarted", "without a quorum"],
)
def test_a_transfer_ends_with_the_term_of_office(ends: Callable[[State], State]) -> None:
    """What a role doesn't need isn't kept; the next office begins without a transfer."""
    state = ends(transferring())
    assert (state.role, state.transfer_target) == (Role.FOLLOWER, None)
    again = after(replace(state, config=THREE), ElectionTimeout())
    term = again.current_term
    again = after(again, *[RequestVoteReply(peer, 1, term, vote_granted=True) for peer in (2, 3)])
    assert (again.role, again.transfer_target) == (Role.LEADER, None)


# What is refused.

SETTLED = after(
    leader(config=WITH_LEARNER),
    Persisted(1, 1),
    *[AppendEntriesReply(peer, 1, 1, success=True, match_index=1) for peer in (2, 3, 4)],
)
REFUSALS: dict[str, tuple[State, int, str]] = {
    "itself": (SETTLED, 1, "node 1 leads already"),
    "a learner": (SETTLED, 4, "node 4 is a learner, not a voter"),
    "nobody": (SETTLED, 9, "node 9 is no member"),
    "another transfer": (transferring(2, SETTLED), 3, "a transfer of leadership to node 2 is under way"),
    "the same transfer": (transferring(2, SETTLED), 2, "a transfer of leadership to node 2 is under way"),
    "a change": (step(SETTLED, ChangeMembers((1, 2))).state, 2, "a change of the members is under way"),
    "a removed voter": (step(SETTLED, ChangeMembers((1, 2), (4,))).state, 3, "node 3 is no member"),
    "a joint change": (step(SETTLED, ChangeMembers((1,), (4,))).state, 2, "a change of the members is under way"),
    "a change of an earlier leader": (
        leader(2, Log().append((Entry(1, None), Entry(1, None, Configuration((1, 2)))))),
        2,
        "a change of the members is under way",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_transfer_that_is_wrong_or_early_is_refused_with_the_reason(name: str) -> None:
    """In one line; the state is unchanged, since nothing is returned."""
    state, target, reason = REFUSALS[name]
    with pytest.raises(TransferRefused) as refused:
        step(state, TransferLeadership(target))
    assert str(refused.value).startswith(reason)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("state", [FOLLOWER, candidate()], ids=["follower", "candidate"])
def test_only_a_leader_transfers(state: State) -> None:
    """Others name the leader, if they know one."""
    with pytest.raises(NotLeader):
        step(state, TransferLeadership(2))


def test_the_members_stay_during_a_transfer() -> None:
    """So nothing is appended that the target could lack, and it keeps its vote."""
    with pytest.raises(ChangeRefused, match="a transfer of leadership to node 2 is under way"):
        step(transferring(2, SETTLED), ChangeMembers((1, 3)))


def test_a_transfer_may_follow_a_change_that_is_complete() -> None:
    """Who was made a voter may be the target; who was removed can't."""
    state = after(
        step(SETTLED, ChangeMembers((1, 2, 3, 4))).state,
        Persisted(1, 2),
        *[AppendEntriesReply(peer, 1, 1, success=True, match_index=2) for peer in (2, 3, 4)],
    )
    assert requests(step(state, TransferLeadership(4))) == [TimeoutNow(1, 4, 1)]


# Whole clusters.


@pytest.mark.parametrize("config", [THREE, SERVED, Config((1, 2))], ids=["plain", "served", "two servers"])
def test_leadership_goes_to_the_target_within_one_term(config: Config) -> None:
    """By real messages; the new leader serves, and the old one follows it."""
    cluster = Cluster(config)
    cluster.happen(1, ElectionTimeout())
    cluster.happen(1, Propose((b"a",)))
    term = cluster.state(1).current_term
    cluster.happen(1, TransferLeadership(2))
    assert (cluster.state(2).role, cluster.state(2).current_term) == (Role.LEADER, term + 1)
    cluster.happen(2, Propose((b"b",)))
    cluster.happen(2, HeartbeatTimeout())
    assert {cluster.state(member).leader_id for member in config.members} == {2}
    assert {cluster.state(member).commit_index for member in config.members} == {cluster.state(2).log.last_index}


def test_a_target_that_cannot_be_reached_costs_an_election_timeout() -> None:
    """Then the leader serves again, and the target, back again, has lost the request, if it didn't arrive."""
    cluster = Cluster(SERVED)
    cluster.happen(1, ElectionTimeout())
    cluster.cut = frozenset({2})
    cluster.happen(1, Propose((b"a",)))
    cluster.happen(1, TransferLeadership(2))
    cluster.happen(1, HeartbeatTimeout())
    assert cluster.state(1).role is Role.LEADER
    cluster.happen(1, ElectionTimeout())
    cluster.happen(1, Propose((b"b",)))
    cluster.cut = frozenset()
    cluster.happen(1, HeartbeatTimeout())
    assert [cluster.state(member).leader_id for member in (1, 2, 3)] == [1, 1, 1]
    assert cluster.state(1).commit_index == cluster.state(1).log.last_index == 3
