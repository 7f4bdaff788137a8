"""Rounds of reads are explored, drawn, and driven by the tests that `--pytest` writes."""

import pytest

from quorate.raft import Config, ConfirmLeadership, LeadershipConfirmed, ReadRound
from quorate_check.cli import main
from quorate_check.core.system import NetworkKind, UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.engine import explore
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.regression_driver import Cluster

WITNESS = "a round of reads is confirmed"


@pytest.mark.parametrize("network", [NetworkKind.UNORDERED, NetworkKind.ANY])
def test_a_search_with_reads_must_see_a_confirmed_round(network: NetworkKind) -> None:
    """Else it says nothing about them; all promises hold."""
    exploration = explore(RaftBounds(network=network, in_flight=3, max_log=1, proposals=1, reads=1).system())
    assert exploration.verdict is Verdict.HOLDS
    assert not [witness.name for witness in exploration.witnesses if witness.missed]


def test_without_entries_no_round_can_begin() -> None:
    """§6.4: the leader needs a committed entry of its own term; the report says so."""
    exploration = explore(RaftBounds(servers=1, max_log=0, proposals=0, reads=1).system())
    (witness,) = (each for each in exploration.witnesses if each.name == WITNESS)
    assert witness.impossible == "no entries: needs --proposals 1 and --max-log 1 or more"


def test_without_reads_nothing_mentions_them() -> None:
    """They are 0 unless they are asked for, and a search is then as if there were none."""
    system = RaftBounds().system()
    assert WITNESS not in [witness.name for witness in system.witnesses]
    assert "reads" not in system.budgets


def test_a_claim_names_its_reads() -> None:
    """And rounds are numbered, so some bound is needed."""
    assert str(RaftBounds(network=NetworkKind.ANY, reads=2).claim).endswith("2 client requests, 2 client reads")
    with pytest.raises(UnusableSystemError, match="--reads None"):
        RaftBounds(reads=None)  # type: ignore[arg-type]


def test_a_round_is_drawn_from_the_read_to_its_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """With the round in each message, and the index at which clients may read."""
    bounds = ["--servers", "2", "--in-flight", "2", "--max-log", "1", "--proposals", "1", "--reads", "1"]
    assert main(["raft", *bounds, "--witness", WITNESS]) == 0
    text = capsys.readouterr().out
    for words in ("client read", "ConfirmLeadership t1, round 1", "confirmed, t1, round 1", "reads at 1"):
        assert " ".join(words.split()) in " ".join(text.split())


def test_steps_of_a_round_are_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """As lines of a path, by the option for long ones."""
    bounds = ["--servers", "2", "--in-flight", "2", "--max-log", "1", "--proposals", "1", "--reads", "1"]
    assert main(["raft", *bounds, "--witness", WITNESS, "--detail"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "round 1 of reads at index 1 is confirmed by s1" in text
    assert "round 1 of reads may be answered at index 1" in text


def test_the_driver_of_regression_tests_takes_reads() -> None:
    """A test of a path with a round of reads walks it on the core alone."""
    cluster = Cluster(Config((1, 2)), disk="immediate", ordered=False)
    cluster.timeout(1)
    while cluster.messages:
        cluster.deliver(cluster.messages[0])
    cluster.request(1)
    while cluster.messages:
        cluster.deliver(cluster.messages[0])
    cluster.read(1)
    cluster.deliver(ConfirmLeadership(1, 2, 1, 1))
    assert cluster.servers[1].state.reads == ReadRound(1, 1, frozenset({1}))
    cluster.deliver(LeadershipConfirmed(2, 1, 1, 1))
    assert cluster.servers[1].state.reads == ReadRound(1)
