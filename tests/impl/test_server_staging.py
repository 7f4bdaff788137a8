"""A snapshot is on the disk before the core hears of it, whatever else wants room there."""

import asyncio
import logging

import pytest

import quick_loop
from quorate.raft import InstallSnapshotReply, NodeId, Snapshot
from quorate.raft_server.chunks import digest_of
from quorate.raft_server.driver import RaftServer
from quorate.raft_server.messages import SnapshotChunk
from quorate.raft_server.settings import Settings
from quorate.runtime.outcomes import Done
from servers import Servers

SETTINGS = Settings(snapshot_bytes=20_000, chunk_bytes=1_000)


def separate(servers: Servers, *away: NodeId) -> None:
    """Let nothing through to these nodes or from them."""
    for n, wire in servers.wires.items():
        wire.passes = lambda peer, _, n=n: not {peer, n} & {*away}


async def fill(servers: Servers, leader: RaftServer, count: int) -> None:
    """Have so many writes of 250 bytes acknowledged."""
    for number in range(count):
        servers.set(leader, b"k%d" % number, b"v" * 250)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("chunk_bytes", "reason"),
    [
        pytest.param(1_000, "the disk has no room for a snapshot", id="staged"),
        pytest.param(1 << 20, "the disk is full: acknowledging nothing until there is room", id="small"),
    ],
)
def test_a_follower_without_room_for_its_leaders_snapshot_waits_for_room(
    caplog: pytest.LogCaptureFixture, chunk_bytes: int, reason: str
) -> None:
    """It lives, says why, acknowledges nothing of it, and takes it when there is room, in chunks or in one message."""
    settings = Settings(snapshot_bytes=20_000, chunk_bytes=chunk_bytes)
    caplog.set_level(logging.INFO)

    async def main() -> None:
        servers = Servers(settings)
        leader = await servers.start()
        away = leader.state.id % 3 + 1
        behind, disk, wire = servers.by_id[away], servers.disks[away], servers.wires[away]
        separate(servers, away)
        await fill(servers, leader, 200)
        assert leader.status().snapshot_index > 20
        term = servers.term
        disk.has_room = False
        separate(servers)
        await asyncio.sleep(20)
        assert len(disk.attempts + disk.whole) > 3, "it is tried again and again"
        assert not behind.failed.done()
        assert not any(isinstance(message, InstallSnapshotReply) for _, message in wire.sent)
        assert leader.status().peers[away].match_index < leader.status().snapshot_index
        assert behind.status().disk_full
        assert servers.term == term
        servers.set(behind, b"k", b"while it has no room")
        await asyncio.sleep(1)
        disk.has_room = True
        await asyncio.sleep(10)
        assert behind.status().machine_index == leader.status().machine_index
        assert not behind.status().disk_full
        assert [type(outcome) for outcome in servers.outcomes] == [Done] * 201
        assert not (set(map(id, disk.attempts)) & set(map(id, disk.whole))), "none that is staged is written whole"
        await servers.stop()

    quick_loop.run(main)
    (line,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert line.message == reason
    assert line.exc_info is None


@pytest.mark.parametrize("finds_room", [False, True])
def test_a_servers_own_snapshot_whose_room_its_leaders_took_is_not_taken_for_staged(*, finds_room: bool) -> None:
    """It would be written whole, which acknowledgements wait for: it gives way, or is staged once more."""

    async def main() -> None:
        servers = Servers(SETTINGS)
        leader = await servers.start()
        me, disk = leader.state.id, servers.disks[leader.state.id]
        separate(servers, me % 3 + 1)
        await fill(servers, leader, 90)
        ((own,), term, index) = disk.attempts, servers.term, leader.state.log.last_index
        assert disk.staged is own, "it is kept until all have what it stands for"
        separate(servers, *servers.by_id)
        disk.snapshot_s, disk.has_room = 1.0, finds_room
        theirs = Snapshot(index + 100, term, servers.machines[me].capture()())
        place = theirs.last_included_index, theirs.last_included_term, len(theirs.data)
        other = me % 3 + 1
        servers.wires[me].receive(other, SnapshotChunk(term + 1, *place, digest_of(theirs), 0, theirs.data))
        leader.step_down()
        await asyncio.sleep(0.5)
        assert disk.attempts == [own, theirs]
        assert (disk.snapshots, disk.whole) == (0, [])
        await asyncio.sleep(0.6)
        disk.has_room = True
        await asyncio.sleep(5)
        assert (disk.snapshots, disk.whole) == (1, [])
        assert disk.attempts == ([own, theirs] if finds_room else [own, theirs, own])
        assert leader.state.log.snapshot_index == (theirs if finds_room else own).last_included_index
        await servers.stop()

    quick_loop.run(main)
