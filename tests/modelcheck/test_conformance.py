"""The code is held to the specification step by step; rules that are wrong without breaking a promise are rejected."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from mutants_support import command_on_mutated
from nightly import all_by_day_but, by_night
from quorate import raft
from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    ElectionTimeout,
    Entry,
    Event,
    InstallSnapshot,
    Log,
    Output,
    Persisted,
    PreVote,
    Receive,
    RequestVoteReply,
    Snapshot,
    State,
    commitment,
)
from quorate.raft_server.settings import served_config
from quorate_check.cli import main
from quorate_check.conformance.nearest import failing_condition
from quorate_check.conformance.sequences import CONFORMS
from quorate_check.core.system import Deliver, NetworkKind, UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.engine import Limits, explore
from quorate_check.raft.bounds import SERVED, RaftBounds
from quorate_check.raft.conformance.check import Conformance, action_functions
from quorate_check.raft.conformance.explain import Cause, LocalStep, explain
from quorate_check.raft.conformance.mapping import map_log, map_message, map_server
from quorate_check.raft.conformance.nearest import nearest
from quorate_check.raft.subject import CheckerEvent, ClientRequest, Confirmation, CoreNode, Durability, encode
from quorate_spec.raft import actions
from quorate_spec.raft import messages as spec
from quorate_spec.raft.state import Role, initial

LIMITS = Limits(memory=1 << 30)
WITHOUT_USELESS = replace(LIMITS, reduced=True)

LATE_DISK = {"network": "any", "storage": "async", "max_term": 1, "max_log": 1, "proposals": 1}
# What each of these does wrong first shows in a step that nothing explains; the action and condition (None: the guard
# holds, but the action does something else) at which the specification stops.
REJECTED = {
    "C1": (
        {"in_flight": 3, "max_term": 3, "proposals": 1, "max_log": 1, "drops": 1},
        "advance_commit_index",
        "term_at(server.log, n) == server.current_term",
    ),
    "C8": ({"in_flight": 3, "max_term": 3, "drops": 1, "duplicates": 1}, "handle_append_entries_reply", None),
    "C10": ({"in_flight": 3, "proposals": 1, "max_log": 1, "duplicates": 1}, "handle_append_entries_reply", None),
    "E7": ({"in_flight": 3, "proposals": 1, "max_log": 1}, "handle_request_vote", None),
    "E8": ({"in_flight": 3, "max_term": 3, "proposals": 2, "max_log": 1, "drops": 1}, "handle_request_vote", None),
    "server/R1": (
        {"in_flight": 3, "proposals": 1, "max_log": 1, "reads": 1},
        "begin_reads",
        "server.commit_index > 0",
    ),
    "server/R2": (
        {"in_flight": 3, "proposals": 1, "max_log": 1, "reads": 2},
        "end_reads",
        "is_quorum(server.confirmed_by, config(server))",
    ),
    "server/R5": (
        {"in_flight": 3, "proposals": 1, "max_log": 1, "reads": 1},
        "end_reads",
        "is_quorum(server.confirmed_by, config(server))",
    ),
    "C9": (LATE_DISK, "handle_append_entries", None),
    "C18": (LATE_DISK, "advance_commit_index", "is_quorum(holders, config(server))"),
    "C19": (LATE_DISK, "handle_append_entries", None),
    "E12": ({"in_flight": 4, "proposals": 0, "max_log": 0, "pre_vote": True}, "handle_pre_vote_request", None),
}


@pytest.mark.parametrize(
    "bounds",
    [
        RaftBounds(in_flight=3, max_log=1, proposals=1, restarts=1),
        RaftBounds(in_flight=2, max_log=1, proposals=1, snapshots=1, drops=1, no_op=True),
        RaftBounds(in_flight=3, max_log=1, proposals=1, pre_vote=True),
        RaftBounds(servers=1, max_term=3, max_log=3, proposals=3, restarts=2, step_downs=2, snapshots=2),
        RaftBounds(servers=5, max_term=1, in_flight=4, max_log=0, proposals=0),
        RaftBounds(in_flight=3, max_log=1, proposals=1, reads=2),
        RaftBounds(servers=1, max_log=1, proposals=1, restarts=1, reads=3),
        replace(SERVED, servers=1, max_log=2, restarts=2, snapshots=1),
        replace(SERVED, servers=2),
        replace(SERVED, max_term=1, reads=1),
        RaftBounds(
            network=NetworkKind.ANY, servers=2, members="1+2", max_log=3, no_op=True, restarts=1, changes="12,2"
        ),
        pytest.param(
            RaftBounds(network=NetworkKind.ANY, max_term=1, max_log=3, no_op=True, changes="1", snapshots=1),
            marks=by_night,
        ),
        replace(SERVED, servers=2, members="1", max_log=3, changes="1+2,12"),
    ],
    ids=lambda b: (
        f"{b.servers} servers"
        + " no-op" * b.no_op
        + " pre-vote" * b.pre_vote
        + " reads" * bool(b.reads)
        + " changes" * bool(b.changes)
        + " stalled disks" * (b.storage is Durability.ASYNC)
    ),
)
def test_every_step_of_the_core_is_explained(bounds: RaftBounds) -> None:
    """Explored exhaustively, the core does nothing that the specification doesn't allow."""
    conformance = Conformance()
    found = explore(conformance.system(bounds), LIMITS)
    assert found.verdict is Verdict.HOLDS
    assert found.exhaustive
    assert None not in conformance.explained.values()
    assert conformance.steps == sum(conformance.sequences.values()) > 20


def test_together_the_bounds_use_every_action_of_the_specification() -> None:
    """But for losing messages, which is the network's: what is never used would be specified in vain."""
    conformance = Conformance()
    bounds = (
        RaftBounds(in_flight=3, max_log=2, proposals=1, restarts=1, snapshots=1, no_op=True),
        RaftBounds(in_flight=3, max_log=1, proposals=1, pre_vote=True, check_quorum=True),
        RaftBounds(in_flight=3, max_log=1, proposals=1, reads=1),
        replace(SERVED, servers=2, max_term=1),
        RaftBounds(network=NetworkKind.ANY, members="1+23", max_term=1, max_log=3, changes="123"),
        RaftBounds(network=NetworkKind.ANY, servers=2, max_log=1, proposals=1, transfers=1),
    )
    for each in bounds:
        explore(conformance.system(each), LIMITS)
    assert conformance.unused(bounds) == {"drop_message": "the network's, not a server's"}


def test_the_core_is_compared_as_it_is_served() -> None:
    """In the configuration of every server."""
    (server, *_) = SERVED.system().initial
    assert server.state.config == served_config((1, 2, 3))


def test_an_action_that_no_step_uses_is_reported_with_the_reason() -> None:
    """Bounds that exclude an action say so; if they don't, the action stands there without an excuse."""
    unused = Conformance().unused((RaftBounds(),))
    assert set(unused) == set(action_functions())
    assert unused["request_pre_vote"] == "no pre-vote: needs --pre-vote"
    assert unused["handle_install_snapshot"] == "no snapshots: needs --snapshots 1 or more"
    assert unused["end_reads"] == "no reads: needs --reads 1 or more"
    assert unused["step_down"] == "nobody steps down: needs --check-quorum or --step-downs 1"
    assert unused["ignore_request_vote"] == "no request is ignored: needs --check-quorum"
    assert unused["stall_disk"] == "no disk stalls: needs --storage async"
    assert unused["timeout"] is None


def conform_mutated(tmp_path: Path, bug: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run `model-check conform` on the core with `bug`, in an interpreter of its own."""
    bounds, _, _ = REJECTED[bug]
    flags = [f"--{k.replace('_', '-')}" if v is True else f"--{k.replace('_', '-')}={v}" for k, v in bounds.items()]
    return command_on_mutated(tmp_path, bug, "conform", "--memory=1", *flags, *more)


@pytest.mark.parametrize("bug", all_by_day_but(REJECTED, "C8", "C9", "C19", "E8", "server/R1", "server/R2"))
def test_a_wrong_rule_is_rejected_at_its_action(bug: str, tmp_path: Path) -> None:
    """A seeded bug fails `model-check conform`, which names the action and the condition that it doesn't keep."""
    _, action, condition = REJECTED[bug]
    done = conform_mutated(tmp_path, bug)
    assert done.returncode == 1, done.stderr
    (line,) = (text for text in done.stdout.splitlines() if text.startswith("Next would be"))
    why = "holds" if condition is None else f"fails at: {condition}"
    assert line.startswith(f"Next would be {action}, whose guard {why}"), line


def test_a_late_confirmation_of_an_entry_that_was_overwritten_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bug C17: a leader counts itself for an entry that its disk lacks, since an older one had been there."""
    bounds = replace(SERVED, max_term=3, max_log=3, pre_vote=False)
    system, conformance = bounds.system(), Conformance()
    local: CoreNode = system.initial[0]

    def deliver(event: CheckerEvent, *, stalls: bool = False) -> bool:
        """Take a step of server 1, in which its disk `stalls` if it writes, and return whether it is explained."""
        nonlocal local
        before, outcome = local, system.step(local, event)[stalls]
        local = outcome.local
        return conformance.holds(before, event, local, outcome.messages)

    def vote(term: int) -> Deliver:
        return Deliver(RequestVoteReply(2, 1, term, vote_granted=True))

    late = Confirmation(1, 1, Persisted(1, 2))
    other_leader = AppendEntries(2, 1, 2, 0, 0, (Entry(2, None),), 0)
    acknowledged = AppendEntriesReply(2, 1, 3, success=True, match_index=2)
    for event in (ElectionTimeout(), vote(1), ClientRequest(), Deliver(other_leader), ElectionTimeout()):
        assert deliver(event)
    assert deliver(vote(3), stalls=True)
    assert deliver(Deliver(acknowledged))
    leader = local
    assert deliver(Deliver(late))
    assert local.state.commit_index == 0

    def counts_any(state: State, event: Persisted) -> Output:
        assert state.log.term_at(event.index) is not None
        return Output(commitment.advance_commit_index(replace(state, durable_index=event.index)))

    monkeypatch.setattr(commitment, "on_persisted", counts_any)
    local = leader
    assert not deliver(Deliver(late))
    assert local.state.commit_index == 2


def test_a_rejected_step_can_be_saved_and_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the code as it is, the path of a bug that isn't in it ends without anything broken."""
    saved = tmp_path / "path.json"
    assert conform_mutated(tmp_path, "E7", "--save", str(saved)).returncode == 1
    assert json.loads(saved.read_text())["broken"] == "ConformsToSpecification"
    assert main(["replay", str(saved)]) == 0
    assert "ConformsToSpecification" in capsys.readouterr().out


@pytest.mark.parametrize(
    "bounds",
    [
        RaftBounds(in_flight=3, max_log=1, proposals=1, restarts=1),
        RaftBounds(in_flight=2, max_log=1, proposals=1, snapshots=1, drops=1, no_op=True),
        RaftBounds(network=NetworkKind.ANY, max_log=1),
    ],
    ids=["unordered", "unordered, snapshots", "any"],
)
def test_without_useless_messages_more_is_explained_than_happens(bounds: RaftBounds) -> None:
    """The verdict and the tuples are those of the full search, and no step is left out.

    But steps that no run has are explained, too, and counted, so `model-check conform` is a full search.
    """
    whole, reduced = Conformance(), Conformance()
    found = [
        explore(conformance.system(bounds), limits)
        for conformance, limits in ((whole, LIMITS), (reduced, WITHOUT_USELESS))
    ]
    assert [(e.verdict, e.without_useless) for e in found] == [(Verdict.HOLDS, False), (Verdict.HOLDS, True)]
    assert found[0].tuples == found[1].tuples
    assert found[1].states < found[0].states
    assert whole.explained.keys() < reduced.explained.keys()


@pytest.mark.parametrize("limits", [LIMITS, WITHOUT_USELESS], ids=["full", "without useless messages"])
@pytest.mark.parametrize(
    "bounds",
    [
        RaftBounds(max_log=0, proposals=0, pre_vote=True),
        RaftBounds(network=NetworkKind.ANY, max_log=0, proposals=0, pre_vote=True),
    ],
    ids=["unordered", "any"],
)
def test_a_message_that_is_wrongly_ignored_is_not_useless(
    bounds: RaftBounds, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its delivery changes nothing and sends nothing, and that is what the specification doesn't allow (bug E12)."""

    def ignore(state: State, event: Event) -> Output:
        is_old = isinstance(event, Receive) and isinstance(event.message, PreVote)
        return Output(state) if is_old and event.message.term < state.current_term else raft.step(state, event)

    monkeypatch.setattr("quorate_check.raft.subject.code", SimpleNamespace(**{**vars(raft), "step": ignore}))
    found = explore(Conformance().system(bounds), limits)
    assert found.path is not None
    assert found.path.broken == CONFORMS


def test_a_queue_of_writes_is_refused_because_the_specification_has_none() -> None:
    """Better no answer than one about another system."""
    with pytest.raises(UnusableSystemError, match=r"--storage async: .* give --network any"):
        Conformance().system(RaftBounds(storage=Durability.ASYNC))


def test_a_compacted_log_is_mapped_to_the_whole_log() -> None:
    """What a snapshot stands for is at the beginning of the specification's log."""
    entries = (Entry(1, b"1"), Entry(1, None), Entry(2, b"2"))
    compacted = Log(Snapshot(2, 1, encode(entries[:2]))).append(entries[2:])
    assert map_log(compacted) == map_log(Log().append(entries))
    assert map_log(compacted)[1] == spec.Entry(1, spec.NO_OP)


def test_hints_and_snapshot_bounds_are_abstracted_away() -> None:
    """The specification's reply has no conflict_term, its snapshot is a sequence of entries."""
    one, two = (
        AppendEntriesReply(1, 2, 3, success=False, prev_log_index=4, conflict_term=t, conflict_index=i)
        for t, i in ((None, 2), (1, 1))
    )
    assert map_message(one) == map_message(two) == spec.AppendEntriesReply(1, 2, 3, False, 0, 4)  # noqa: FBT003
    snapshot = InstallSnapshot(1, 2, 3, Snapshot(1, 1, encode((Entry(1, b"1"),))))
    assert map_message(snapshot) == spec.InstallSnapshot(1, 2, 3, (spec.Entry(1, b"1"),))


def test_a_new_server_is_mapped_to_the_specifications_first() -> None:
    """Both begin with nothing."""
    (server, *_) = RaftBounds().system().initial
    assert isinstance(server, CoreNode)
    assert isinstance(server.state, State)
    assert map_server(server) == initial(1, (1, 2, 3))


def test_a_step_is_explained_by_the_shortest_sequence() -> None:
    """An election timeout is a timeout and a request to each peer."""
    before = initial(1, (1, 2, 3))
    (candidate,) = (step.server for step in actions.timeout(before))
    requests = frozenset(m for peer in (2, 3) for step in actions.request_vote(candidate, peer) for m in step.sent)
    step = LocalStep(before, None, candidate, requests, Cause.ITS_OWN)
    assert explain(step) == ("timeout", "request_vote", "request_vote")
    assert explain(replace(step, after=before, sent=frozenset())) == ()
    assert explain(replace(step, after=replace(candidate, voted_for=2))) is None


def test_a_message_must_be_used_up() -> None:
    """To ignore what the specification answers is not a step of it (E12)."""
    server = replace(initial(1, (1, 2, 3)), current_term=5)
    question = spec.PreVote(2, 1, 3, 0, 0)
    ignored = LocalStep(server, question, server, frozenset(), Cause.MESSAGE)
    assert explain(ignored) is None
    near = nearest(ignored)
    assert (near.action, near.condition) == ("handle_pre_vote_request", None)
    assert "PreVoteReply" in near.effect


def test_the_first_failing_condition_is_named_with_its_values() -> None:
    """A candidate with one vote of three may not lead."""
    candidate = replace(initial(1, (1, 2, 3)), role=Role.CANDIDATE, votes_granted=frozenset({1}))
    said = failing_condition(actions.become_leader, {"server": candidate})
    assert said is not None
    assert said.startswith("is_quorum(server.votes_granted, config(server))")
    assert "server.votes_granted = frozenset({1})" in said
    follower = replace(candidate, role=Role.FOLLOWER)
    assert str(failing_condition(actions.become_leader, {"server": follower})).startswith(
        "server.role is Role.CANDIDATE"
    )


def test_only_a_crash_is_explained_by_a_restart_and_only_a_step_down_by_stepping_down() -> None:
    """A leader that deposes itself on a timeout does what no action of the specification does."""
    leader = replace(
        initial(1, (1, 2, 3)), current_term=1, voted_for=1, role=Role.LEADER, led=frozenset({1}), commit_index=0
    )
    deposed = replace(leader, role=Role.FOLLOWER)
    step = LocalStep(leader, None, deposed, frozenset(), Cause.ITS_OWN)
    assert explain(step) is None
    assert explain(replace(step, cause=Cause.CRASH)) == ("restart",)
    assert explain(replace(step, cause=Cause.STEP_DOWN)) == ("step_down",)


def test_stepping_down_is_nothing_more() -> None:
    """A leader that also forgets its vote, or keeps voters, does more than the action, and no other explains it."""
    leader = replace(initial(1, (1, 2, 3)), current_term=2, voted_for=1, role=Role.LEADER, led=frozenset({2}))
    deposed = replace(leader, role=Role.FOLLOWER)
    for wrong in (replace(deposed, voted_for=None), replace(deposed, votes_granted=frozenset({1}))):
        step = LocalStep(leader, None, wrong, frozenset(), Cause.STEP_DOWN)
        assert explain(step) is None
        assert nearest(step).actions == ("step_down",)
