"""What is large stands in a trace by something short, and whoever reads it can replay the core nevertheless."""

from pathlib import Path

from impl_cluster import THREE, leader
from quorate.raft import AppendEntries, Durable, Entry, Log, Propose, Receive, restart, step
from quorate.raft_server.trace import Tracer
from quorate.raft_server.trace_lines import BootLine
from quorate.raft_server.trace_values import LARGE_BYTES
from quorate_check.raft.traces.format import FORMAT, ServerLine
from quorate_check.traces.reading import LocatedLine, Place, decode

LARGE = bytes(LARGE_BYTES + 1)


def read(path: Path) -> list[ServerLine]:
    """All lines of a trace."""
    found = [
        decode(FORMAT, Place(path.name, number), line) for number, line in enumerate(path.read_bytes().splitlines(), 1)
    ]
    assert all(isinstance(each, LocatedLine) for each in found)
    return [each for each in found if isinstance(each, LocatedLine)]


def test_large_commands_stand_in_a_trace_by_their_length_and_checksum(tmp_path: Path) -> None:
    """Two that differ are still two, and the core that is replayed counts their bytes as the server's did."""
    others = LARGE[:-1], LARGE[:-1] + b"x"
    path, event = tmp_path / "n1.ndjson", Propose((LARGE, b"small", *others))
    tracer = Tracer(path)
    tracer.step(event, step(leader(log=Log(), term=2), event))
    tracer.close()
    found = read(path)[0].event
    assert isinstance(found, Propose)
    assert path.stat().st_size < 2 * len(LARGE)
    assert [len(command) for command in found.commands] == [len(LARGE), 5, len(others[0]), len(others[1])]
    assert found.commands[1:3] == (b"small", others[0]), "what isn't large stands there itself"
    assert len(set(found.commands)) == 4


def test_what_a_disk_holds_stands_in_a_trace_as_it_came(tmp_path: Path) -> None:
    """So a restart can be compared with what was written."""
    entries = (Entry(1, LARGE), Entry(1, None), Entry(1, b"small"))
    path = tmp_path / "n1.ndjson"
    tracer = Tracer(path)
    tracer.boot(restart(THREE, 1, Durable(1, None, Log().append(entries))))
    event = Receive(AppendEntries(2, 1, 1, 3, 1, (Entry(1, LARGE),), 0))
    tracer.step(event, step(restart(THREE, 1, Durable(1, None, Log().append(entries))), event))
    tracer.close()
    boot, located = read(path)
    assert isinstance(boot.line, BootLine)
    assert isinstance(located.event, Receive)
    assert isinstance(located.event.message, AppendEntries)
    assert boot.line.entries[1:] == entries[1:]
    assert located.event.message.entries == boot.line.entries[:1]
