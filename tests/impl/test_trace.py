"""A trace says what a server did, so that nothing that has left it is missing, and a kill spoils one line at most."""

import errno
import json
import os
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from impl_cluster import THREE, leader
from quorate.raft import (
    AppendEntriesReply,
    Durable,
    ElectionTimeout,
    Entry,
    Event,
    InstallSnapshot,
    Log,
    Propose,
    Receive,
    Snapshot,
    SnapshotTaken,
    restart,
    step,
)
from quorate.raft_server import trace
from quorate.raft_server.trace import Tracer
from quorate.raft_server.trace_lines import digest, hashed


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a trace."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def traced(path: Path, event: Event) -> dict[str, Any]:
    """The line of one step of a leader with one entry."""
    state = leader(log=Log().append((Entry(1, b"a"),)), term=2)
    tracer = Tracer(path)
    tracer.step(event, step(state, event))
    tracer.close()
    (line,) = lines(path)
    return line


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a trace goes."""
    return tmp_path / "n1.ndjson"


def test_nothing_is_written_before_a_flush_and_everything_by_it(path: Path) -> None:
    """The driver flushes before anything leaves: so many notes cost one call."""
    tracer, state = Tracer(path), restart(THREE, 1, Durable())
    tracer.boot(state)
    tracer.step(ElectionTimeout(), step(state, ElectionTimeout()))
    tracer.durable(1)
    assert path.read_bytes() == b""
    tracer.flush()
    assert [line["line"] for line in lines(path)] == ["boot", "step", "durable"]
    tracer.close()


def test_a_boot_tells_the_member_its_configuration_and_its_disk(path: Path) -> None:
    """From it and the events after it the core can be replayed; of a snapshot only a hash is told."""
    snapshot = Snapshot(3, 1, b"state")
    state = restart(THREE, 2, Durable(4, 3, Log(snapshot).append((Entry(2, b"\x00\xff"), Entry(4, None)))))
    tracer = Tracer(path)
    tracer.boot(state)
    tracer.close()
    (line,) = lines(path)
    assert (line["node"], line["config"]["members"]) == (2, [1, 2, 3])
    assert (line["current_term"], line["voted_for"]) == (4, 3)
    assert line["entries"] == [
        {"term": 2, "command": "AP8=", "configuration": None},
        {"term": 4, "command": None, "configuration": None},
    ]
    assert line["snapshot"]["last_included_index"] == 3
    assert b"state" not in path.read_bytes()


def test_a_step_tells_its_event_in_full_and_of_its_messages_what_replaying_cannot(path: Path) -> None:
    """Entries stand in the event; in the messages that carry them on, only their number."""
    line = traced(path, Propose((b"one", b"two")))
    assert line["event"] == ["Propose", {"commands": ["b25l", "dHdv"]}]
    assert [name for name, _ in line["send_now"]] == ["AppendEntries", "AppendEntries"]
    assert line["send_now"][0][1]["entries"] == 2
    assert line["send_when_durable"] == []
    assert (line["state"]["last_index"], line["state"]["role"]) == (3, "leader")


def test_a_received_message_is_told_by_its_own_name(path: Path) -> None:
    """So that a trace can be searched for it."""
    name, fields = traced(path, Receive(AppendEntriesReply(2, 1, 2, success=True, match_index=1)))["event"]
    assert name == "AppendEntriesReply"
    assert (fields["source"], fields["match_index"]) == (2, 1)


def test_snapshots_are_told_by_their_hash(path: Path) -> None:
    """However large a state machine is, its trace is not; and who received a snapshot received what was sent."""
    snapshot = Snapshot(1, 1, b"the state of the machine" * 100)
    follower = restart(THREE, 1, Durable())
    event = Receive(InstallSnapshot(2, 1, 3, snapshot))
    tracer = Tracer(path)
    tracer.step(event, step(follower, event))
    tracer.step(SnapshotTaken(snapshot), step(step(follower, event).state, SnapshotTaken(snapshot)))
    tracer.close()
    told = [line["event"][1]["snapshot"] for line in lines(path)]
    assert told[0] == told[1]
    assert path.stat().st_size < 1500
    assert hashed(snapshot) != hashed(Snapshot(1, 1, b"another"))


def test_a_snapshot_that_was_prepared_is_not_hashed_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To hash a GiB takes a second, which a thread has and an event loop hasn't."""
    state, taken = restart(THREE, 1, Durable()), Snapshot(1, 1, b"state")
    tracer, shown = Tracer(path), hashed(taken)
    tracer.prepare(taken)
    monkeypatch.setattr(trace, "hashed", None)
    event = Receive(InstallSnapshot(2, 1, 3, taken))
    tracer.step(event, step(state, event))
    tracer.close()
    (line,) = lines(path)
    assert b64decode(line["event"][1]["snapshot"]["data"]) == shown.data


def test_each_boot_counts_its_steps_anew_in_the_same_file(path: Path) -> None:
    """A file is a member's whole story."""
    state = restart(THREE, 1, Durable())
    for _ in range(2):
        tracer = Tracer(path)
        tracer.boot(state)
        for _ in range(2):
            tracer.step(ElectionTimeout(), step(state, ElectionTimeout()))
        tracer.close()
    assert [line.get("number") for line in lines(path)] == [None, 1, 2, None, 1, 2]


def test_a_line_that_was_cut_off_does_not_swallow_the_next(path: Path) -> None:
    """After a kill in the middle of a write the next start begins a line of its own."""
    path.write_bytes(b'{"line":"step","num')
    tracer = Tracer(path)
    tracer.boot(restart(THREE, 1, Durable()))
    tracer.close()
    cut, boot = path.read_bytes().splitlines()
    assert cut == b'{"line":"step","num'
    assert json.loads(boot)["line"] == "boot"


def test_what_the_system_takes_only_in_part_is_written_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call is the rule, not a promise of the operating system."""
    tracer, write = Tracer(path), os.write
    tracer.boot(restart(THREE, 1, Durable()))
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:7]))
    tracer.close()
    assert lines(path)[0]["line"] == "boot"


def test_a_digest_tells_where_the_log_ends_and_the_vote() -> None:
    """And none of its entries, of which there may be many."""
    short, long = Log().append((Entry(1, b"a"),)), Log().append((Entry(1, b"a"),) * 1000)
    one, other = (digest(restart(THREE, 1, Durable(1, None, log))) for log in (short, long))
    assert (one.last_index, other.last_index) == (1, 1000)
    assert one != other
    assert digest(restart(THREE, 1, Durable(1, 2, short))).voted_for == 2


def test_a_trace_is_cut_into_parts_between_lines(path: Path) -> None:
    """Each but the first says which it is, and after which step it begins; a process begins anew where it must."""
    state = restart(THREE, 1, Durable())
    for _ in range(2):
        tracer = Tracer(path, part_bytes=400)
        tracer.boot(state)
        for _ in range(4):
            tracer.step(ElectionTimeout(), step(state, ElectionTimeout()))
            tracer.flush()
        tracer.close()
    names = sorted(part.name for part in path.parent.iterdir() if part != path)
    assert names == [f"{path.stem}.{number}.ndjson" for number in range(1, len(names) + 1)]
    parts = [*(path.with_name(name) for name in names), path]
    first, *others = (lines(part) for part in parts)
    assert [line["part"] for line, *_ in others] == [*range(1, len(parts))]
    assert all(part.stat().st_size >= 400 for part in parts[:-1])
    ours = {"part", "checkpoint"}
    told = [line.get("number") for part in (first, *others) for line in part if line["line"] not in ours]
    assert told == [None, 1, 2, 3, 4, None, 1, 2, 3, 4]


def test_a_trace_that_was_moved_away_goes_on_in_a_new_file(path: Path) -> None:
    """As tools do that keep logs small; where nothing was moved, nothing changes."""
    state = restart(THREE, 1, Durable())
    tracer = Tracer(path)
    tracer.boot(state)
    tracer.reopen()
    tracer.step(ElectionTimeout(), step(state, ElectionTimeout()))
    path.rename(path.with_name("n1.ndjson.1"))
    tracer.reopen()
    tracer.step(ElectionTimeout(), step(state, ElectionTimeout()))
    tracer.close()
    assert [line["line"] for line in lines(path.with_name("n1.ndjson.1"))] == ["boot", "step"]
    header, checkpoint, last = lines(path)
    assert (header["part"], header["after_step"], last["number"]) == (1, 1, 2)
    assert (checkpoint["line"], checkpoint["state"]["role"]) == ("checkpoint", "candidate")


@pytest.mark.parametrize("kept", [1, 2, 4])
def test_only_the_latest_parts_are_kept(path: Path, kept: int) -> None:
    """Across starts, and whatever else is in the folder; numbers go on, so that no part is taken for another."""
    others = [path.with_name(name) for name in ("n1.1.ndjson.bak", "n10.1.ndjson", "n1.x.ndjson", "n2.ndjson")]
    for other in others:
        other.write_text("not ours")
    state = restart(THREE, 1, Durable())
    for _ in range(3):
        tracer = Tracer(path, part_bytes=400, parts=kept)
        tracer.boot(state)
        for _ in range(9):
            tracer.step(ElectionTimeout(), step(state, ElectionTimeout()))
            tracer.flush()
            ours = set(path.parent.iterdir()) - set(others)
            assert path in ours
            assert len(ours) <= kept
        tracer.close()
    assert len(ours) == kept
    numbers = [int(part.name.split(".")[1]) for part in ours - {path}]
    assert sorted(numbers) == list(range(max(numbers, default=0) - kept + 2, max(numbers, default=0) + 1))
    tracer = Tracer(path, part_bytes=400, parts=kept)
    assert tracer._part > 3
    tracer.close()
    assert all(other.read_text() == "not ours" for other in others)


def test_an_old_part_that_cannot_be_removed_stays_and_the_trace_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes room, which is said; nothing is lost."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "unlink", fail)
    state = restart(THREE, 1, Durable())
    tracer = Tracer(path, part_bytes=400, parts=1)
    tracer.boot(state)
    for _ in range(9):
        tracer.step(ElectionTimeout(), step(state, ElectionTimeout()))
        tracer.flush()
    tracer.close()
    assert not tracer.lost
    assert len(list(path.parent.iterdir())) > 1
    assert {record.message for record in caplog.records} == {"an old part of the trace can't be removed"}


def test_a_trace_that_cannot_be_written_any_more_is_marked_and_the_server_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line says so, nothing is kept in memory, and the next start begins another part."""

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    state = restart(THREE, 1, Durable())
    tracer = Tracer(path)
    tracer.boot(state)
    tracer.flush()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        for _ in range(3):
            tracer.step(ElectionTimeout(), step(state, ElectionTimeout()))
            tracer.flush()
    assert tracer.lost
    assert not tracer._buffer
    tracer.close()
    (record,) = [record for record in caplog.records if record.name == "quorate.trace"]
    assert vars(record)["reason"] == os.strerror(errno.ENOSPC)
    assert [file.name for file in path.parent.iterdir()] == [f"{path.stem}.1.gap.ndjson"]
    tracer = Tracer(path)
    tracer.boot(state)
    tracer.close()
    assert [line["line"] for line in lines(path)] == ["part", "boot"]


def test_what_is_no_file_is_never_renamed() -> None:
    """A trace may go to a device, which must stay where it is."""
    tracer = Tracer(Path("/dev/full"))
    tracer.boot(restart(THREE, 1, Durable()))
    tracer.flush()
    assert tracer.lost
    assert Path("/dev/full").exists()
    tracer.close()


def test_a_trace_that_cannot_be_written_says_so_at_once(tmp_path: Path) -> None:
    """Before a server has done anything that the file would not tell of."""
    with pytest.raises(OSError, match="No such file"):
        Tracer(tmp_path / "no folder" / "n1.ndjson")
