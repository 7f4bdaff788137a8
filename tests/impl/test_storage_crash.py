"""What was acknowledged survives kill -9 and a full disk, for real: in a process of its own, on a file system."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from functools import reduce
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

import disk_process
from disk_process import growing
from disks import held, history, open_disk, states, write
from patience import PROGRAM_S
from quorate.raft import Durable, Persist, Snapshot
from quorate.raft_server.storage import SqliteStorage
from quorate.runtime.interfaces import DiskFullError

LENGTH, KILLS = 400, 8
PROCESS = [sys.executable, disk_process.__file__]


def write_until_killed(path: Path, seed: int, acknowledgements: int) -> int:
    """The last acknowledgement of a process that was killed some time after it had given so many of them."""
    command = [*PROCESS, "write", str(path), str(seed), str(LENGTH)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(acknowledgements)]
        finally:
            process.kill()
        # What it has said since is acknowledged, too, unless the line was cut off.
        lines += process.stdout.readlines()
        return int([line for line in lines if line.endswith("\n")][-1])


@pytest.mark.parametrize("seed", range(3))
def test_nothing_acknowledged_is_lost_to_kill_9(tmp_path: Path, seed: int) -> None:
    """A process that is killed again and again, and goes on each time where the disk has ended."""
    path, rng, expected = tmp_path / "node.db", Random(seed), states(history(LENGTH, Random(seed)))
    for _ in range(KILLS):
        acknowledged = write_until_killed(path, seed, rng.randint(1, 25))
        found = expected.index(held(path))
        assert found >= acknowledged
        if found == LENGTH:
            break


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace isn't installed, which sees what a process asks for")
def test_nothing_is_acknowledged_before_the_operating_system_has_made_it_durable(tmp_path: Path) -> None:
    """What kill -9 can't show: between two acknowledgements, data is written to the disk and then waited for.

    Then the witness is told, for which nobody waits.
    """
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-o", str(trace), "-e", "trace=write,pwrite64,fsync,fdatasync", "-e", "signal=none"]
    command = [*strace, *PROCESS, "write", str(tmp_path / "node.db"), "1", "30"]
    done = subprocess.run(
        command, timeout=PROGRAM_S, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0 and "ptrace" in done.stderr:
        pytest.skip("this user may not trace processes")
    assert done.stdout.endswith("30\n")
    calls = [match.group(1, 2) for match in re.finditer(r"^\d+ +(\w+)\((\d+)", trace.read_text(), re.MULTILINE)]
    acknowledged = [place for place, call in enumerate(calls) if call == ("write", "1")]
    for before, after in pairwise(acknowledged):
        names = [name for name, _ in calls[before + 1 : after]]
        assert names.count("pwrite64") > 0
        assert names[-2:] == ["fdatasync", "pwrite64"]


def two_more(durable: Durable) -> list[Persist]:
    """The next batch of large writes."""
    first = durable.log.last_index + 1
    return [growing(first), growing(first + 1)]


def write_until_full(disk: SqliteStorage) -> Durable:
    """What is acknowledged when there is no room for more."""
    durable = Durable()
    while True:
        try:
            write(disk, *two_more(durable))
        except DiskFullError:
            return durable
        durable = reduce(Durable.after, two_more(durable), durable)


def test_a_full_disk_takes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    """A batch that finds no room leaves nothing of it; the same batch succeeds when there is room."""
    path = tmp_path / "node.db"
    with closing(open_disk(path)) as disk:
        disk._connection.execute("PRAGMA max_page_count = 100")
        durable = write_until_full(disk)
        assert durable.log.last_index > 4
        assert disk.load() == durable
        with pytest.raises(DiskFullError, match=rf"^{path} has no room on its disk: free some space$"):
            write(disk, *two_more(durable))
        vote = Persist(durable.current_term, 3, durable.log.last_index + 1)
        write(disk, vote)
        assert disk.load() == durable.after(vote), "what needs no room is written"
        disk._connection.execute("PRAGMA max_page_count = 1000")
        write(disk, *two_more(durable))
    assert held(path) == reduce(Durable.after, two_more(durable), durable)


def test_a_snapshot_that_finds_no_room_leaves_the_log(tmp_path: Path) -> None:
    """Compaction is one transaction, also when it is the thread's as a whole."""
    path = tmp_path / "node.db"
    with closing(open_disk(path)) as disk:
        write(disk, growing(1), growing(2))
        disk._connection.execute("PRAGMA max_page_count = 40")
        snapshot = Persist(2, None, 3, (), Snapshot(2, 2, bytes(500_000)))
        with pytest.raises(DiskFullError):
            write(disk, snapshot)
        assert disk.load() == reduce(Durable.after, [growing(1), growing(2)], Durable())
        write(disk, growing(3))
    assert held(path) == reduce(Durable.after, [growing(1), growing(2), growing(3)], Durable())


def in_a_small_file_system(folder: Path) -> list[str]:
    """What to begin a command with so that it sees a file system of one megabyte in `folder`, and nobody else does."""
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    mount = 'mount -t tmpfs -o size=1m none "$0" && exec "$@"'
    command = ["unshare", *own, "--mount", "sh", "-c", mount, str(folder)]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], timeout=PROGRAM_S, check=False, capture_output=True).returncode
    ):
        pytest.skip("this user may not mount a file system, not even unseen by others")
    return command


def test_a_full_file_system_stops_acknowledgements_until_there_is_room(tmp_path: Path) -> None:
    """The process itself asserts what is there: written, refused twice, opened again while full, written again."""
    command = [*in_a_small_file_system(tmp_path), *PROCESS, "full", str(tmp_path)]
    done = subprocess.run(command, timeout=PROGRAM_S, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    assert after == before + 1 > 3


def test_any_other_failure_to_write_stops_the_node(tmp_path: Path) -> None:
    """A file that may not grow is no full disk: the error tells the operator, and what was acknowledged is there."""
    path = tmp_path / "node.db"
    done = subprocess.run(
        [*PROCESS, "limit", str(path), "300000"], timeout=PROGRAM_S, check=True, capture_output=True, text=True
    )
    *acknowledged, error = done.stdout.splitlines()
    assert error.startswith(f"{path} cannot be read or written (disk I/O error): check its disk")
    assert len(acknowledged) > 3
    expected = states([growing(number) for number in range(1, len(acknowledged) + 2)])
    assert held(path) in expected[-2:]
