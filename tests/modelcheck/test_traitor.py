"""One server lies to the Raft core: what that breaks, in how many steps, and what it doesn't."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from engine_agreement import assert_agrees, explore
from quorate_check.cli import main
from quorate_check.core import reference
from quorate_check.core.system import Defer, Outcome, System
from quorate_check.core.verdict import Verdict
from quorate_check.engine.walks import simulate
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.subject import CheckerEvent, CoreNode, Durability
from quorate_check.raft.traitor.bounds import TraitorBounds
from quorate_check.raft.traitor.subject import Traitor

SMALL = RaftBounds(max_log=1, proposals=1, in_flight=2)


def with_a_dead_server(bounds: RaftBounds) -> System:
    """The ordinary system, in which the last server never does anything and nothing is sent to it."""
    ordinary, last = bounds.system(), bounds.servers

    def step(server: CoreNode, event: CheckerEvent) -> Sequence[Outcome | Defer]:
        if server.state.id == last:
            return ()
        return tuple(
            o if isinstance(o, Defer) else replace(o, messages=tuple(m for m in o.messages if m.dest != last))
            for o in ordinary.step(server, event)
        )

    return replace(ordinary, step=step, symmetry=None)


@pytest.mark.parametrize(
    "bounds",
    [
        RaftBounds(in_flight=3, drops=1, duplicates=1),
        RaftBounds(max_log=1, proposals=1, in_flight=2, restarts=1, storage=Durability.ASYNC),
    ],
    ids=["a bad network", "crashes"],
)
def test_beside_a_silent_traitor_raft_is_raft_with_a_dead_server(bounds: RaftBounds) -> None:
    """The same states at every depth, the same transitions, and every ordinary promise is kept."""
    named = replace(bounds, symmetry=False)
    beside = explore(TraitorBounds(named, Traitor.SILENT).system())
    ordinary = explore(with_a_dead_server(named))
    assert (beside.levels, beside.transitions) == (ordinary.levels, ordinary.transitions)
    assert beside.verdict is Verdict.HOLDS
    assert beside.invariants == ordinary.invariants


@pytest.mark.parametrize("traitor", list(Traitor), ids=lambda t: t.value)
def test_both_searches_agree_beside_every_traitor(traitor: Traitor) -> None:
    """The compiled search finds what the plain one finds, with the honest servers' names and without."""
    system = TraitorBounds(replace(SMALL, symmetry=False), traitor).system()
    named, reduced = reference.explore(system), explore(TraitorBounds(SMALL, traitor).system())
    assert_agrees(system, explore(system), named)
    if named.path is None:
        assert reduced.orbit_sum == named.states
    else:
        assert reduced.path is not None
        assert len(reduced.path.steps) == len(named.path.steps)


@pytest.mark.parametrize("seed", [1, 2])
def test_random_walks_find_nothing_where_two_quorums_share_an_honest_server(seed: int) -> None:
    """Three of four against votes and acknowledgements at will, in five terms and logs of four: far beyond a search."""
    far = RaftBounds(servers=4, max_term=5, max_log=4, proposals=8, in_flight=12, drops=4, restarts=2, symmetry=False)
    walks = simulate(TraitorBounds(far, Traitor.VOTE_AND_ACK).system(), 200, 150, seed)
    assert walks.path is None
    assert not [witness.name for witness in walks.witnesses if witness.missed], "the walks met too little"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--quorum", "3"], "--quorum 3: this option needs --traitor"),
        (["--promise", "ElectionSafety"], "--promise ElectionSafety: this option needs --traitor"),
        (["--traitor", "vote", "--quorum", "1"], "--quorum 1: must be between 2, a majority, and 3, all servers"),
        (["--traitor", "vote", "--quorum", "4"], "--quorum 4: must be between 2, a majority, and 3, all servers"),
        (["--traitor", "vote", "--servers", "1"], "--servers 1: with a traitor a cluster has between 2 and 7"),
        (["--traitor", "vote", "--promise", "Luck"], "--promise Luck: give one of ElectionSafety, "),
        (["--traitor", "vote", "--pre-vote"], "--pre-vote: the traitor doesn't know how to lie about it"),
        (["--traitor", "vote", "--snapshots", "1"], "--snapshots: the traitor doesn't know how to lie about it"),
        (["--traitor", "vote", "--reads", "1"], "--reads: the traitor doesn't know how to lie about it"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_no_cluster_with_a_traitor_can_be_is_refused(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line that says what to give."""
    assert main(["raft", *options]) == 2
    assert said in capsys.readouterr().err


def test_the_path_of_a_lie_can_be_saved_and_walked_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With everything that the options said, the quorum and the promise among them."""
    file = tmp_path / "path.json"
    options = ["--traitor", "ack", "--quorum", "2", "--promise", "StateMachineSafety", "--max-log", "1"]
    assert main(["raft", *options, "--in-flight", "6", "--json", "-", "--save", str(file)]) == 1
    found = json.loads(capsys.readouterr().out)
    assert len(found["path"]["steps"]) == 9
    assert (found["bounds"]["traitor"], found["bounds"]["quorum"]) == ("ack", 2)
    assert main(["replay", str(file)]) == 1
    assert "violated: StateMachineSafety is still broken, after 9 of 9 saved steps" in capsys.readouterr().out


def test_a_search_too_narrow_for_an_election_proves_nothing() -> None:
    """Four of five can't be asked with three messages in flight: the verdict is no success."""
    narrow = RaftBounds(servers=5, max_term=1, max_log=0, proposals=0, in_flight=2)
    assert explore(TraitorBounds(narrow, Traitor.SILENT, 5).system()).verdict is Verdict.HOLDS
    assert explore(TraitorBounds(narrow, Traitor.VOTE, 4).system()).verdict is Verdict.UNKNOWN
