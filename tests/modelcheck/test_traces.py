"""Traces of a correct cluster are accepted, whatever its crashes and its network; anything else is named, and where."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nightly import NIGHTLY
from quorate.raft import (
    AppendEntriesReply,
    Config,
    Durable,
    ElectionTimeout,
    Entry,
    HeartbeatTimeout,
    Persisted,
    Propose,
    Receive,
    Snapshot,
    SnapshotTaken,
    StepDown,
)
from quorate_check.core.system import UnusableSystemError
from quorate_check.raft.traces.findings import TraceRule
from quorate_check.raft.traces.report import caveats
from traced_cluster import TracedCluster, finding, judged

THREE = Config((1, 2, 3))
Line = dict[str, Any]


def rewrite(path: Path, change: Callable[[list[Line]], list[Line]]) -> None:
    """Replace the lines of a trace."""
    lines = change([json.loads(line) for line in path.read_text().splitlines()])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def cluster(tmp_path: Path) -> TracedCluster:
    """Three servers of which node 1 leads term 1, and two entries that all of them have."""
    made = TracedCluster(tmp_path, THREE, seed=1)
    made.elect(1)
    made.nodes[1].handle(Propose((b"a", b"b")))
    made.settle()
    return made


def settle_without(cluster: TracedCluster, member: int) -> None:
    """All others hear each other until nothing is under way; what `member` says or should hear is lost."""
    while cluster.network or any(node.queue for node in cluster.nodes.values()):
        for node in cluster.nodes.values():
            node.write(len(node.queue))
        messages, cluster.network[:] = list(cluster.network), []
        for message in messages:
            if member not in {message.source, message.dest}:
                cluster.receive(message)


# Right ones.


# Seed 79: a disk that has stalled holds less than what the server has compacted.
@pytest.mark.parametrize("seed", range(300) if NIGHTLY else [*range(12), 79])
def test_a_correct_cluster_is_accepted_whatever_befalls_it(seed: int, tmp_path: Path) -> None:
    """Crashes that lose unsynced writes or keep some, cut lines, a bad network, snapshots, batches, 1 to 5 servers."""
    members = tuple(range(1, (1, 3, 3, 5)[seed % 4] + 1))
    config = Config(members, pre_vote=seed % 2 == 1, no_op=seed % 3 > 0, max_entries=(3, 1024)[seed // 2 % 2])
    cluster = TracedCluster(tmp_path, config, seed)
    cluster.run(600)
    cluster.close()
    check = judged(tmp_path)
    assert check.finding is None
    written = [line for path in tmp_path.iterdir() for line in path.read_bytes().splitlines()]
    assert check.counts.lines == len(written) - sum(member.file.cut_off for member in check.members)


def test_a_long_log_in_batches_is_explained_through_windows(tmp_path: Path) -> None:
    """What follows thousands of entries costs no more than what follows ten; restarts and snapshots included."""
    cluster = TracedCluster(tmp_path, Config((1, 2, 3), pre_vote=True, no_op=True, max_entries=1024), seed=1)
    cluster.elect(1)
    for round_ in range(60):
        cluster.nodes[1].handle(Propose(tuple(b"%d-%d" % (round_, i) for i in range(100))))
        cluster.settle()
        if round_ == 20:
            cluster.nodes[2].crash()
        if round_ == 40:
            cluster.nodes[1].snapshot()
    cluster.nodes[1].handle(HeartbeatTimeout())
    cluster.settle()
    cluster.close()
    check = judged(tmp_path)
    assert check.finding is None
    assert len(check.safety.applied) > 6000
    assert check.distinct_steps < check.counts.steps / 3


def test_a_crash_that_loses_a_write_is_a_disk_that_stalled_at_it(cluster: TracedCluster, tmp_path: Path) -> None:
    """From the write on, steps are those of a server whose disk has stalled, up to the restart; they are counted."""
    cluster.nodes[1].handle(Propose((b"c",)))
    cluster.nodes[1].handle(HeartbeatTimeout())
    cluster.nodes[1].crash()
    cluster.settle()
    cluster.close()
    check = judged(tmp_path)
    assert check.finding is None
    assert (check.counts.restarts, check.counts.lossy_restarts, check.counts.lost_steps) == (1, 1, 2)
    to_both = ("append_entries", "append_entries")
    assert check.sequences["stall_disk", "client_request", *to_both] == 1
    assert check.sequences["restart",] == 1


def test_a_leader_may_commit_and_lose_what_the_others_have(cluster: TracedCluster, tmp_path: Path) -> None:
    """Its disk doesn't count for the majority of both others; its next start finds neither the entry nor its commit."""
    leader = cluster.nodes[1]
    leader.handle(Propose((b"c",)))
    for message in list(cluster.network):
        cluster.receive(message)
        cluster.nodes[message.dest].write(1)
    for message in [m for m in cluster.network if m.dest == 1]:
        cluster.receive(message)
    assert leader.state.commit_index == 3
    leader.crash()
    assert leader.state.log.last_index == 2
    cluster.settle()
    cluster.elect(2)
    cluster.close()
    check = judged(tmp_path)
    assert check.finding is None
    assert check.counts.lossy_restarts == 1


def test_a_disk_stalls_before_the_part_of_the_trace_that_is_left(tmp_path: Path) -> None:
    """A checkpoint has the writes that wait for the disk; the next start doesn't find them."""
    cluster = TracedCluster(tmp_path, THREE, seed=1, cut=frozenset({1}), part_bytes=1, parts=1)
    cluster.elect(1)
    leader = cluster.nodes[1]
    leader.handle(Propose((b"a",)))
    leader.handle(HeartbeatTimeout())
    leader.part_bytes = leader.tracer._part_bytes = None
    leader.handle(HeartbeatTimeout())
    leader.crash()
    cluster.settle()
    cluster.close()
    trace = (tmp_path / "n1.ndjson").read_text()
    lost = trace[: trace.index('\n{"line":"boot"')].count("HeartbeatTimeout")
    assert "Propose" not in trace
    check = judged(tmp_path)
    assert check.finding is None
    assert (check.counts.lossy_restarts, check.counts.lost_steps) == (1, lost)
    assert lost > 0


def test_a_disk_may_hold_more_than_was_confirmed(cluster: TracedCluster, tmp_path: Path) -> None:
    """A server may be killed between its write and the line that says so."""
    cluster.nodes[1].handle(Propose((b"c",)))
    cluster.nodes[1].handle(Propose((b"d",)))
    cluster.nodes[1].crash(written=1)
    cluster.settle()
    cluster.close()
    check = judged(tmp_path)
    assert check.finding is None
    assert check.counts.lost_steps == 1


def test_a_line_that_a_kill_cut_off_is_accepted_and_reported(cluster: TracedCluster, tmp_path: Path) -> None:
    """At the end of a file, and before the next start of its server."""
    cluster.nodes[2].crash(cut=True)
    cluster.settle()
    cluster.close()
    with (tmp_path / "n3.ndjson").open("ab") as file:
        file.write(b'{"line":"durable","numb')
    check = judged(tmp_path)
    assert check.finding is None
    assert any(caveat.startswith("2 lines broke off") for caveat in caveats(check))


def test_a_trace_in_parts_is_judged_as_one(cluster: TracedCluster, tmp_path: Path) -> None:
    """Those that a server has cut it into; and a part that is missing is said to be."""
    for node in cluster.nodes.values():
        node.tracer._part_bytes = 2000
    for number in range(6):
        cluster.nodes[1].handle(Propose((b"%d" % number,)))
        cluster.settle()
    cluster.close()
    parts = sorted(tmp_path.glob("n1.*.ndjson"))
    assert len(parts) > 1
    check = judged(tmp_path)
    assert check.finding is None
    assert len(check.members) == 3
    parts[-1].unlink()
    with pytest.raises(UnusableSystemError, match="a part is missing"):
        judged(tmp_path)


def test_a_trace_with_a_gap_is_not_judged(cluster: TracedCluster, tmp_path: Path) -> None:
    """What its server did since may explain what the others received, and stands nowhere."""
    cluster.settle()
    cluster.close()
    (tmp_path / "n2.ndjson").rename(tmp_path / "n2.1.gap.ndjson")
    with pytest.raises(UnusableSystemError, match=r"n2\.1\.gap\.ndjson: the trace has a gap after this file"):
        judged(tmp_path)


def test_a_trace_may_begin_with_a_log(cluster: TracedCluster, tmp_path: Path) -> None:
    """Tracing can be switched on for a cluster that has run, and compacted, before."""
    cluster.nodes[1].snapshot()
    for node in cluster.nodes.values():
        node.write(len(node.queue))
        node.trace_anew()
    cluster.elect(1)
    cluster.nodes[1].handle(Propose((b"c",)))
    cluster.settle()
    cluster.close()
    check = judged(tmp_path)
    assert check.finding is None
    assert check.counts.began_late == 3
    assert any("had a log when the traces began" in caveat for caveat in caveats(check))


# Wrong ones: what a driver, a disk or a network did that they must not.


def acknowledge_early(cluster: TracedCluster) -> None:
    """Node 1 receives node 2's acknowledgement before the disk has the entry."""
    cluster.nodes[1].handle(Propose((b"c",)))
    (message,) = (m for m in cluster.network if m.dest == 2)
    cluster.receive(message)
    (acknowledgement,) = cluster.nodes[2].queue[-1].messages
    cluster.receive(acknowledgement)


def vote_early(cluster: TracedCluster) -> None:
    """Node 3 receives node 2's vote before the disk has it."""
    cluster.nodes[3].handle(ElectionTimeout())
    cluster.nodes[3].write(1)
    (message,) = (m for m in cluster.network if m.dest == 2)
    cluster.receive(message)
    (vote,) = cluster.nodes[2].queue[-1].messages
    cluster.receive(vote)


@pytest.mark.parametrize(
    ("send_early", "receiver", "message"),
    [
        (acknowledge_early, 1, "AppendEntriesReply(source=2, dest=1"),
        (vote_early, 3, "RequestVoteReply(source=2, dest=3"),
    ],
    ids=["an acknowledgement", "a vote"],
)
def test_a_promise_whose_write_was_lost_cannot_have_left(
    cluster: TracedCluster,
    tmp_path: Path,
    send_early: Callable[[TracedCluster], None],
    receiver: int,
    message: str,
) -> None:
    """A driver that sends it before its disk has written (E4, C19) is found when a crash proves it."""
    send_early(cluster)
    cluster.nodes[2].crash()
    cluster.close()
    found = finding(tmp_path)
    assert (found.rule, found.place.file) == (TraceRule.SENT, f"n{receiver}.ndjson")
    assert found.what.startswith(message)
    assert found.what.endswith("on for a write that a crash lost")


def test_a_message_that_left_before_a_line_confirms_its_write_is_found_though_nothing_was_lost(
    cluster: TracedCluster, tmp_path: Path
) -> None:
    """The next start finds the write, and still nothing says that it was durable when the message left."""
    vote_early(cluster)
    cluster.nodes[2].crash(written=1)
    cluster.close()
    found = finding(tmp_path)
    assert (found.rule, found.place.file) == (TraceRule.SENT, "n3.ndjson")
    assert found.what.endswith("on for a write that nothing says is durable")


def test_without_the_line_that_says_it_is_durable_a_promise_cannot_have_left(
    cluster: TracedCluster, tmp_path: Path
) -> None:
    """Nothing else releases a vote."""
    cluster.close()
    rewrite(tmp_path / "n2.ndjson", lambda lines: [line for line in lines if line["line"] != "durable"])
    found = finding(tmp_path)
    assert (found.rule, found.place.file) == (TraceRule.SENT, "n1.ndjson")
    assert "waited from n2.ndjson:2 on for a write that nothing says is durable" in found.what


def test_what_nobody_sent_cannot_be_received(cluster: TracedCluster, tmp_path: Path) -> None:
    """A forged acknowledgement, which the core can't tell from a real one."""
    cluster.nodes[1].handle(Propose((b"c",)))
    cluster.nodes[1].handle(Receive(AppendEntriesReply(3, 1, 1, success=True, match_index=3)))
    cluster.close()
    found = finding(tmp_path)
    assert (found.rule, found.what.split("(")[0]) == (TraceRule.SENT, "AppendEntriesReply")
    assert found.what.endswith("was never sent")


def test_an_answer_cannot_have_been_received_before_its_question_was_sent(
    cluster: TracedCluster, tmp_path: Path
) -> None:
    """The core ignores an answer that it doesn't wait for, but no order of the lines has it in time."""
    cluster.nodes[1].handle(Propose((b"c",)))
    cluster.settle()
    cluster.close()

    def swap(lines: list[Line]) -> list[Line]:
        events = [line.get("event", ["", {}]) for line in lines]
        asked = next(i for i, (_, fields) in enumerate(events) if fields.get("commands") == ["Yw=="])
        answered = next(i for i, (_, fields) in enumerate(events) if fields.get("match_index") == 3)
        lines.insert(asked, lines.pop(answered))
        for number, line in enumerate((line for line in lines if line["line"] == "step"), start=1):
            line["number"] = number
        return lines

    rewrite(tmp_path / "n1.ndjson", swap)
    found = finding(tmp_path)
    assert (found.rule, found.place.file) == (TraceRule.SENT, "n1.ndjson")
    assert "left only at n" in found.what
    assert found.what.endswith("which comes after this")


def test_a_changed_event_is_found(cluster: TracedCluster, tmp_path: Path) -> None:
    """A command that isn't the one that the others received: either side of the message may be what was changed."""
    cluster.close()

    def change(lines: list[Line]) -> list[Line]:
        (proposal,) = (line for line in lines if line["line"] == "step" and line["event"][0] == "Propose")
        proposal["event"][1]["commands"][0] = "eA=="
        return lines

    rewrite(tmp_path / "n1.ndjson", change)
    found = finding(tmp_path)
    assert found.rule is TraceRule.SENT
    assert found.place.file in {"n2.ndjson", "n3.ndjson"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda line: line["state"].update(commit_index=9), "commit_index is then 0 in the core; recorded is 9"),
        (lambda line: line["send_now"].pop(), "recorded is no more"),
        (lambda line: line["send_now"][0][1].update(leader_commit=7), "leader_commit=7"),
        (lambda line: line["event"].__setitem__(0, "ElectionTimeout"), "send_now"),
    ],
    ids=["the state", "a message less", "another message", "another event"],
)
def test_what_the_core_does_not_do_is_found(
    cluster: TracedCluster, tmp_path: Path, change: Callable[[Line], object], said: str
) -> None:
    """The core that is installed is replayed, and the first difference is named."""
    cluster.close()

    def at_proposal(lines: list[Line]) -> list[Line]:
        (proposal,) = (line for line in lines if line["line"] == "step" and line["event"][0] == "Propose")
        change(proposal)
        return lines

    rewrite(tmp_path / "n1.ndjson", at_proposal)
    found = finding(tmp_path)
    assert (found.rule, found.place.file) == (TraceRule.REPLAYED, "n1.ndjson")
    assert said in found.what


def test_what_the_core_refuses_is_found(cluster: TracedCluster, tmp_path: Path) -> None:
    """A snapshot of what was never applied is no step of a correct driver."""
    cluster.close()

    def later(lines: list[Line]) -> list[Line]:
        last = dict(lines[-1] if lines[-1]["line"] == "step" else lines[-2])
        taken = {"last_included_index": 99, "last_included_term": 1, "data": ""}
        return [*lines, {**last, "number": last["number"] + 1, "event": ["SnapshotTaken", {"snapshot": taken}]}]

    rewrite(tmp_path / "n1.ndjson", later)
    found = finding(tmp_path)
    assert found.rule is TraceRule.REPLAYED
    assert "the core refuses the event" in found.what


def test_a_restart_that_lost_what_was_confirmed_is_found(cluster: TracedCluster, tmp_path: Path) -> None:
    """An acknowledged entry that a disk forgot."""
    node = cluster.nodes[2]
    node.durable = Durable(node.durable.current_term, node.durable.voted_for, node.durable.log.truncate_from(2))
    node.crash()
    cluster.close()
    found = finding(tmp_path)
    assert (found.rule, found.place.file) == (TraceRule.RESTARTED, "n2.ndjson")
    assert found.what == (
        "starts with term 1, vote 1, a log to 1 (term 1); what was confirmed is term 1, vote 1, a log to 2 (term 1)"
    )


def test_a_restart_with_what_was_never_written_is_found(cluster: TracedCluster, tmp_path: Path) -> None:
    """Even if only an entry in the middle is another."""
    node = cluster.nodes[2]
    log = node.durable.log.truncate_from(1).append((Entry(1, b"x"), Entry(1, b"b")))
    node.durable = Durable(node.durable.current_term, node.durable.voted_for, log)
    node.crash()
    cluster.close()
    found = finding(tmp_path)
    assert found.rule is TraceRule.RESTARTED
    assert "an entry before the last differs" in found.what


def test_a_restart_that_kept_a_later_write_without_an_earlier_is_found(cluster: TracedCluster, tmp_path: Path) -> None:
    """Writes become durable in their order (C9)."""
    node = cluster.nodes[1]
    node.handle(Propose((b"c",)))
    node.handle(Propose((b"d",)))
    assert len(node.queue) == 2
    log = node.durable.log.append((Entry(1, b"d"),))
    node.durable = Durable(node.durable.current_term, node.durable.voted_for, log)
    node.crash()
    cluster.close()
    assert finding(tmp_path).rule is TraceRule.RESTARTED


def test_a_confirmation_before_the_write_is_durable_is_found(cluster: TracedCluster, tmp_path: Path) -> None:
    """A leader that counts its own entry before its disk has it (C18)."""
    node = cluster.nodes[1]
    node.handle(Propose((b"c",)))
    node.handle(Persisted(1, 3))
    cluster.close()
    found = finding(tmp_path)
    assert (found.rule, found.place.file) == (TraceRule.CONFIRMED, "n1.ndjson")
    assert found.what == "nothing before says that the log is durable to 3 (term 1)"


def test_two_snapshots_of_one_index_must_be_equal(cluster: TracedCluster, tmp_path: Path) -> None:
    """A state machine that isn't deterministic makes servers differ though their logs are equal."""
    for member, data in ((1, b"one"), (2, b"another")):
        node = cluster.nodes[member]
        node.handle(HeartbeatTimeout())
        cluster.settle()
        node.handle(SnapshotTaken(Snapshot(2, 1, data)))
    cluster.close()
    found = finding(tmp_path)
    assert found.rule is TraceRule.STATE_MACHINE_SAFETY
    assert found.what.startswith("the snapshot at 2 is of another state than that of n")


# A disk that was lost.


def test_a_storage_in_place_of_a_lost_one_is_judged_from_its_beginning(cluster: TracedCluster, tmp_path: Path) -> None:
    """As `quorate replace` does it, which the reader is told."""
    cluster.nodes[1].handle(StepDown())
    cluster.nodes[2].replace(b"another storage.", after_term=1)
    cluster.elect(3)
    cluster.nodes[3].handle(Propose((b"c",)))
    cluster.settle()
    cluster.nodes[2].crash()
    cluster.elect(2)
    cluster.close()
    check = judged(tmp_path)
    assert check.finding is None
    assert (check.counts.replaced, check.counts.restarts, check.safety.elections.keys()) == (1, 1, {1, 2, 3})
    assert "1 storage took the place of a lost one" in next(caveats(check))


def test_a_storage_that_votes_before_it_has_caught_up_is_found(tmp_path: Path) -> None:
    """Its replacement excuses nothing: the promises are those of the whole run."""
    cluster = TracedCluster(tmp_path, THREE, seed=1)
    cluster.elect(1)
    cluster.nodes[1].handle(Propose((b"a",)))
    settle_without(cluster, 3)
    assert cluster.nodes[1].state.commit_index == 1
    cluster.nodes[2].replace(b"another storage.", after_term=1)
    cluster.nodes[2].after_term = 0
    for _ in range(2):  # the first is for a term that node 2 has been in
        cluster.nodes[3].handle(ElectionTimeout())
        settle_without(cluster, 1)
    cluster.close()
    assert finding(tmp_path).rule is TraceRule.LEADER_COMPLETENESS


def test_a_start_on_an_emptied_disk_is_a_broken_promise(cluster: TracedCluster, tmp_path: Path) -> None:
    """Whoever doesn't say that a lost storage is replaced has lost what was confirmed."""
    cluster.nodes[2].durable = Durable()
    cluster.nodes[2].tracer.identify(b"another storage.", 0)
    cluster.nodes[2].crash()
    cluster.close()
    assert finding(tmp_path).rule is TraceRule.RESTARTED
