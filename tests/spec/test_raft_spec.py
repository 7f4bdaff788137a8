"""The Python specification keeps its promises within bounds, and each promise is broken by a rule that is wrong."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps
from itertools import combinations

import pytest

from engine_agreement import explore
from nightly import by_night
from quorate_check.core import behaviour
from quorate_check.core.verdict import Verdict
from quorate_check.raft.spec import INVARIANTS, SpecBounds
from quorate_spec.consensus.consensus import INITIAL, allowed, choose
from quorate_spec.raft import actions
from quorate_spec.raft.actions import Step
from quorate_spec.raft.describe import action_names
from quorate_spec.raft.messages import AppendEntriesReply, Config, Message
from quorate_spec.raft.refinement import chosen
from quorate_spec.raft.state import Log, Role, Server, config, is_quorum, last_change, reconfigure, with_progress

TWO = SpecBounds(servers=2, symmetry=False)
ONE_TERM = SpecBounds(max_term=1)
ALL_FAULTS = SpecBounds(servers=2, max_log=2, in_flight=1, max_entries=2).with_every_fault()

# Distinct states and depth, the initial state counted as 1: what TLC says of MCRaft.tla within the same bounds.
COUNTS = {
    "two servers": (TWO, 2869, 28),
    "two servers, by symmetry": (replace(TWO, symmetry=True), 1439, 28),
    "two servers, messages lost": (replace(TWO, drops=True), 3389, 28),
    "two servers, lost, again, restarts": (replace(TWO, drops=True, duplicates=True, restarts=True), 20539, 29),
    "two servers, pre-vote": (SpecBounds(servers=2, pre_vote=True, max_log=2, max_entries=2), 17686, 41),
    "two servers, leaders that step down": (replace(TWO, step_downs=True), 7945, 29),
    "two servers, disks that stall": (replace(TWO, in_flight=1, restarts=True, stalls=True), 10617, 30),
    "two servers, rounds of reads": (replace(TWO, max_rounds=2), 13923, 38),
    "two servers, every fault": (replace(ALL_FAULTS, symmetry=False), 29849, 35),
    "two servers, every fault but that": (replace(ALL_FAULTS, step_downs=False, symmetry=False), 22863, 35),
    "three servers, one term": (replace(ONE_TERM, symmetry=False), 25304, 25),
    "three servers, pre-vote": (replace(ONE_TERM, pre_vote=True), 24073, 31),
    "three servers, snapshots": (
        replace(ONE_TERM, max_log=2, max_entries=2, in_flight=1, snapshots=True, drops=True, restarts=True),
        94682,
        34,
    ),
    "three servers, two terms": (SpecBounds(), 133951, 39),
    "four servers": (replace(ONE_TERM, servers=4), 9759, 35),
}


@pytest.mark.parametrize("name", COUNTS)
def test_every_promise_holds_in_every_state(name: str) -> None:
    """Exhaustively within the bounds, with as many states as TLC finds, in as many levels."""
    bounds, states, depth = COUNTS[name]
    found = explore(bounds.system())
    assert found.verdict is Verdict.HOLDS, found.path
    assert (sum(found.levels), len(found.levels)) == (states, depth)


def test_ignoring_requests_for_votes_adds_steps_and_no_states() -> None:
    """A candidate may ask again, so a request that was ignored leaves nothing behind; TLC makes the same steps."""
    ignoring = explore(replace(TWO, ignored_requests=True).system())
    assert ignoring.verdict is Verdict.HOLDS
    obeying = explore(TWO.system())
    assert ignoring.levels == obeying.levels
    assert ignoring.transitions > obeying.transitions


def test_symmetry_leaves_nothing_out() -> None:
    """The states that the representatives stand for are as many as there are without reduction."""
    assert explore(replace(TWO, symmetry=True).system()).orbit_sum == 2869


def test_every_action_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """No guard is so strong that its action never happens."""
    taken = set()

    def watched(action: Callable[..., Iterator[Step]]) -> Callable[..., Iterator[Step]]:
        @wraps(action)
        def watching(*arguments: object) -> Iterator[Step]:
            for step in action(*arguments):
                taken.add(action.__name__)
                yield step

        return watching

    names = ["".join(f"_{c.lower()}" if c.isupper() else c for c in name)[1:] for name in action_names()]
    spontaneous = set(names) - {action.__name__ for action in actions.RECEIVING} - {"drop_message"}
    monkeypatch.setattr(actions, "RECEIVING", tuple(watched(action) for action in actions.RECEIVING))
    for name in spontaneous:
        monkeypatch.setattr(actions, name, watched(getattr(actions, name)))
    for bounds in (
        replace(ALL_FAULTS, drops=False),
        replace(TWO, pre_vote=True),
        replace(TWO, max_rounds=1),
        replace(TWO, in_flight=1, stalls=True),
        SpecBounds(members="1+23", max_term=1, max_log=3, in_flight=1, changes="123"),
        replace(TWO, in_flight=1, transfers=True),
    ):
        explore(bounds.system())
    assert taken == set(names) - {"drop_message"}


@pytest.mark.parametrize(
    "bounds",
    [
        replace(TWO, in_flight=1, restarts=True, duplicates=True),
        replace(TWO, in_flight=1, restarts=True, duplicates=True, stalls=True),
        SpecBounds(servers=2, in_flight=1, max_log=3, max_entries=3, members="1+2", changes="12,2", restarts=True),
    ],
    ids=["disks", "disks that stall", "members that change"],
)
def test_raft_refines_consensus(bounds: SpecBounds) -> None:
    """Every move of every state leaves what is chosen as it is, or adds to it."""
    system = bounds.system()
    start = behaviour.start(system)
    assert chosen(start.nodes) == INITIAL
    seen, todo, grown = {start}, [start], 0
    while todo:
        state = todo.pop()
        for _, _, after in behaviour.moves(system, state):
            if after is None:
                continue
            assert allowed(chosen(state.nodes), chosen(after.nodes)), (state, after)
            grown += choose(chosen(state.nodes), chosen(after.nodes))
            if after not in seen:
                seen.add(after)
                todo.append(after)
    assert grown


def test_a_lost_message_is_gone() -> None:
    """DropMessage takes one message from the network, and only one that is there."""
    [step] = actions.request_vote(next(actions.timeout(TWO.system().initial[0])).server, 2)
    [m] = step.sent
    assert list(actions.drop_message(frozenset({m}), m)) == [frozenset()]
    assert list(actions.drop_message(frozenset(), m)) == []


# Wrong rules, each in place of what it is named after.


def up_to_date(_server: Server, _m: Message) -> bool:
    """§5.4.1 forgotten: any candidate gets the vote."""
    return True


def half_is_enough(group: frozenset[int], config: Config) -> bool:
    """Half of the servers taken for a majority."""
    return 2 * len(group) >= len(config.voters)


def keeps_conflicts(log: Log, prev: int, new: Log) -> Log:
    """§5.3 forgotten: what is there stays, even if it is of another term."""
    return log + new[max(0, len(log) - prev) :]


def changes_at_once(server: Server, voters: frozenset[int], learners: frozenset[int]) -> Iterator[Step]:
    """A change begins although the one before isn't committed."""
    if server.role is Role.LEADER and voters <= config(server).voters and voters != config(server).voters:
        yield Step(reconfigure(server, Config(voters, frozenset(), learners)))


def changes_early(server: Server, voters: frozenset[int], learners: frozenset[int]) -> Iterator[Step]:
    """The erratum of 2015 forgotten: a leader changes the members before its term has committed anything."""
    if last_change(server.log) <= server.commit_index:
        yield from changes_at_once(server, voters, learners)


def acknowledge(server: Server, peer: int, index: int) -> Server:
    """next_index left behind match_index."""
    return with_progress(server, peer, server.next_of(peer), max(server.match_of(peer), index))


def votes_again(server: Server, m: Message) -> Iterator[Step]:
    """§5.2 forgotten: a server votes for everybody who asks."""
    return RIGHT["handle_request_vote"](replace(server, voted_for=None), m)


def restart_without_vote(server: Server) -> Iterator[Step]:
    """A vote that wasn't on disk."""
    return RIGHT["restart"](replace(server, voted_for=None))


def restart_without_log(server: Server) -> Iterator[Step]:
    """A log that wasn't on disk."""
    return RIGHT["restart"](replace(server, log=()))


def compact_all(server: Server) -> Iterator[Step]:
    """Compacts what isn't committed."""
    if server.snapshot_index < len(server.log):
        yield Step(replace(server, snapshot_index=len(server.log)))


def compact_forgets(server: Server) -> Iterator[Step]:
    """Compacts without a snapshot."""
    for step in RIGHT["compact"](server):
        yield replace(step, server=replace(step.server, log=server.log[step.server.snapshot_index :]))


def acknowledges_its_last(server: Server, m: Message) -> Iterator[Step]:
    """A follower vouches for its whole log, not only for what was compared."""
    for step in RIGHT["handle_append_entries"](server, m):
        [reply] = step.sent
        assert isinstance(reply, AppendEntriesReply)
        claim = len(step.server.log) if reply.success else 0
        yield replace(step, sent=(replace(reply, match_index=claim),))


def when_durable(_server: Server, *replies: Message) -> tuple[Message, ...]:
    """What vouches for the disk leaves without it."""
    return replies


def leads_before_its_own_vote_is_durable(_server: Server) -> bool:
    """A voter that is alone leads a term that a crash makes it forget."""
    return True


def counts_its_memory(server: Server) -> Iterator[Step]:
    """A leader counts itself for what its disk hasn't."""
    for step in RIGHT["advance_commit_index"](replace(server, disk=None)):
        yield replace(step, server=replace(step.server, disk=server.disk))


RIGHT: dict[str, Callable[..., Iterator[Step]]] = {
    name: getattr(actions, name)
    for name in (
        "handle_request_vote",
        "restart",
        "compact",
        "handle_append_entries",
        "advance_commit_index",
    )
}
THIN = SpecBounds(in_flight=1)  # three servers, and hardly any traffic
BROKEN: dict[str, tuple[str, Callable[..., object], SpecBounds]] = {
    "ElectionSafety": ("is_quorum", half_is_enough, SpecBounds(servers=2)),
    "LeaderAppendOnly": ("compact", compact_forgets, SpecBounds(servers=1, snapshots=True)),
    "LogMatching": ("merged", keeps_conflicts, replace(THIN, max_log=2, max_entries=2)),
    "LeaderCompleteness": ("up_to_date", up_to_date, THIN),
    "StateMachineSafety": ("up_to_date", up_to_date, THIN),
    "VotesAreUnique": ("handle_request_vote", votes_again, ONE_TERM),
    "VotesAreRemembered": ("restart", restart_without_vote, SpecBounds(servers=2, restarts=True)),
    "MatchBelowNext": ("acknowledge", acknowledge, SpecBounds(servers=2)),
    "AcknowledgedIsThere": ("handle_append_entries", acknowledges_its_last, THIN),
    "CommittedIsKept": ("compact", compact_all, SpecBounds(servers=2, snapshots=True)),
    "CommittedIsOnQuorum": ("restart", restart_without_log, SpecBounds(servers=2, restarts=True)),
    "OneChangeAtATime": (
        "change_members",
        changes_at_once,
        SpecBounds(max_term=1, max_log=2, in_flight=1, changes="12,1"),
    ),
    "ActiveQuorumsIntersect": (
        "change_members",
        changes_early,
        SpecBounds(servers=4, in_flight=1, max_log=1, changes="124,234"),
    ),
}


def test_every_invariant_has_a_wrong_rule() -> None:
    """No promise is only asserted."""
    assert set(BROKEN) == {invariant.name for invariant in INVARIANTS}


STALLED = SpecBounds(servers=2, max_term=1, stalls=True)
BROKEN_BY_THE_DISK: dict[str, tuple[str, Callable[..., object], SpecBounds]] = {
    "ElectionSafety": (
        "vote_is_durable",
        leads_before_its_own_vote_is_durable,
        SpecBounds(servers=2, members="1+2", in_flight=1, max_log=2, restarts=True, stalls=True, changes="12"),
    ),
    "VotesAreRemembered": ("when_durable", when_durable, STALLED),
    "AcknowledgedIsThere": ("when_durable", when_durable, STALLED),
    "CommittedIsOnQuorum": ("advance_commit_index", counts_its_memory, STALLED),
}


@pytest.mark.parametrize(
    ("name", "rule"),
    [*BROKEN.items(), *BROKEN_BY_THE_DISK.items()],
    ids=[*BROKEN, *(f"{name}, stalled" for name in BROKEN_BY_THE_DISK)],
)
def test_a_wrong_rule_breaks_the_invariant(
    name: str, rule: tuple[str, Callable[..., object], SpecBounds], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One wrong rule breaks it within small bounds, and the engine shows the path."""
    place, wrong, bounds = rule
    monkeypatch.setattr(actions, place, wrong)
    receiving = tuple(wrong if action.__name__ == place else action for action in actions.RECEIVING)
    monkeypatch.setattr(actions, "RECEIVING", receiving)
    system = replace(bounds.system(), invariants=tuple(i for i in INVARIANTS if i.name == name))
    found = explore(system)
    assert found.verdict is Verdict.VIOLATED
    assert found.path is not None
    assert found.path.broken == name


@by_night
def test_the_wrong_rules_are_tried_where_the_right_ones_hold() -> None:
    """The same bounds with the right rules break nothing."""
    for bounds in {bounds for _, _, bounds in (*BROKEN.values(), *BROKEN_BY_THE_DISK.values())}:
        found = explore(bounds.system())
        assert (found.path, found.stopped) == (None, None)


def test_any_two_majorities_have_a_server_in_common() -> None:
    """What elections and commitment rest on (§5.2), of up to five; and all together are one."""
    for members in (tuple(range(1, size + 1)) for size in range(1, 6)):
        groups = [frozenset(group) for count in range(len(members) + 1) for group in combinations(members, count)]
        config = Config(frozenset(members), frozenset(), frozenset())
        quorums = [group for group in groups if is_quorum(group, config)]
        assert frozenset(members) in quorums
        assert all(one & other for one in quorums for other in quorums)


def test_a_state_is_told_by_what_changed() -> None:
    """A path of the specification is readable without its source."""
    system = TWO.system()
    before = system.initial[0]
    [step] = actions.timeout(before)
    assert system.described.change(before, step.server) == (
        "current_term = 1; voted_for = s1; role = candidate; votes_granted = s1"
    )
