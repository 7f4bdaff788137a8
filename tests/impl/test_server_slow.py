"""Nothing that is slow unseats a healthy leader, or keeps a client from its answer."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

import quick_loop
from patience import PATIENCE_S
from quorate.raft import AppendEntries, NodeId, Role
from quorate.raft_server.settings import Settings
from quorate.runtime.disk import DiskQueue
from quorate.runtime.interfaces import Arriving
from quorate.runtime.outcomes import Done, Unknown
from quorate.store.operations import encode
from quorate.store.queries import Get
from servers import Servers

SETTINGS = Settings(snapshot_bytes=20_000)


def run(main: Callable[[Servers], Awaitable[None]], settings: Settings = SETTINGS) -> Servers:
    """Run `main` beside three servers, whose time passes at once."""

    async def both() -> Servers:
        servers = Servers(settings)
        try:
            await main(servers)
        finally:
            await servers.stop()
        return servers

    return quick_loop.run(both)


def test_followers_that_write_a_snapshot_unseat_nobody() -> None:
    """They answer for their lives at once, and for the log when their disks have it."""

    async def main(servers: Servers) -> None:
        leader = await servers.start()
        term = servers.term
        for disk in servers.disks.values():
            disk.snapshot_s = 2.0
        for number in range(300):
            servers.set(leader, b"k%d" % number, b"v" * 500)
            await asyncio.sleep(0.05)
        await asyncio.sleep(10)
        assert servers.term == term
        assert all(disk.snapshots > 1 for disk in servers.disks.values()), "not vacuous"

    done = run(main)
    assert [type(outcome) for outcome in done.outcomes] == [Done] * 300


def test_followers_whose_disks_stall_for_30_s_unseat_nobody_and_their_clients_are_answered() -> None:
    """A majority's disks stand still: nothing can be committed by anybody, which each client learns in time."""

    async def main(servers: Servers) -> None:
        leader = await servers.start()
        term = servers.term
        followers = [n for n in servers.by_id if servers.by_id[n] is not leader]
        for n in followers:
            servers.disks[n].write_s = 30.0
        for n in servers.by_id:
            servers.set(servers.by_id[n], b"k", b"v")
        await asyncio.sleep(SETTINGS.request_timeout_s + 2 * SETTINGS.heartbeat_s)
        assert [type(outcome) for outcome in servers.outcomes] == [Unknown] * 3
        for n in followers:
            servers.disks[n].write_s = 0.001
        await asyncio.sleep(60)
        servers.set(servers.by_id[followers[0]], b"k", b"w")
        await asyncio.sleep(1)
        assert isinstance(servers.outcomes[-1], Done)
        assert (servers.term, servers.leaders) == (term, [leader.status().node_id])

    run(main)


def test_a_leader_whose_own_disk_stalls_leads_on_while_others_commit() -> None:
    """Its followers' disks are a majority; and the client of a follower sees no difference."""

    async def main(servers: Servers) -> None:
        leader = await servers.start()
        term, me = servers.term, leader.status().node_id
        servers.disks[me].stalled = True
        for number in range(30):
            servers.set(servers.by_id[me % 3 + 1], b"k", b"%d" % number)
            await asyncio.sleep(1)
        assert [type(outcome) for outcome in servers.outcomes] == [Done] * 30
        assert (servers.term, servers.leaders) == (term, [me])

    run(main)


def keep_from(servers: Servers, leader: NodeId, follower: NodeId, kinds: tuple[type, ...]) -> None:
    """Have nothing of these kinds arrive that the leader sends to that follower."""
    servers.wires[leader].passes = lambda peer, message: peer != follower or not isinstance(message, kinds)


async def pre_candidate(servers: Servers, number: NodeId) -> None:
    """Wait until it has given its leader up."""
    async with asyncio.timeout(PATIENCE_S):
        while servers.by_id[number].status().role is not Role.PRE_CANDIDATE:  # noqa: ASYNC110  # time passes at once
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("late", [(), (AppendEntries,)])
def test_a_leader_that_is_heard_again_answers_what_it_was_passed(late: tuple[type, ...]) -> None:
    """A follower that hears nothing gives it up, but it leads on; entries may be long on their way yet."""

    async def main(servers: Servers) -> None:
        leader = await servers.start()
        term, me = servers.term, leader.status().node_id
        passing = me % 3 + 1
        for n in {1, 2, 3} - {passing}:
            servers.disks[n].write_s = 2.0
        servers.set(servers.by_id[passing], b"k", b"v")
        await asyncio.sleep(2 * SETTINGS.heartbeat_s)
        for _ in range(2):
            keep_from(servers, me, passing, (object,))
            await pre_candidate(servers, passing)
            keep_from(servers, me, passing, late)
            await asyncio.sleep(2 * SETTINGS.heartbeat_s)
        await asyncio.sleep(4)
        assert [type(outcome) for outcome in servers.outcomes] == [Done]
        assert (servers.term, servers.leaders) == (term, [me])

    run(main)


@pytest.mark.parametrize("is_heard_once", [False, True])
def test_a_leader_that_is_not_heard_any_more_is_given_up_soon(*, is_heard_once: bool) -> None:
    """Whoever hears nothing of it learns of no later term either, and with a disk that stalls it asks for no votes."""

    async def main(servers: Servers) -> None:
        leader = await servers.start()
        me = leader.status().node_id
        passing = me % 3 + 1
        for n in servers.by_id:
            servers.disks[n].write_s = 10.0
        servers.set(servers.by_id[passing], b"k", b"v")
        await asyncio.sleep(2 * SETTINGS.heartbeat_s)
        keep_from(servers, me, passing, (object,))
        await pre_candidate(servers, passing)
        if is_heard_once:
            keep_from(servers, me, passing, (AppendEntries,))
            await asyncio.sleep(2 * SETTINGS.heartbeat_s)
            keep_from(servers, me, passing, (object,))
        # The next election timeout, at most twice what is set, and what is on its way has one more.
        await asyncio.sleep(3 * SETTINGS.election_timeout_s + 2 * SETTINGS.heartbeat_s)
        assert [type(outcome) for outcome in servers.outcomes] == [Unknown]

    run(main)


def test_a_leader_whose_disk_stalls_gives_up_where_nothing_is_committed_without_it() -> None:
    """One follower is away. When it comes back, another leads, which no disk holds up."""

    async def main(servers: Servers) -> None:
        leader = await servers.start()
        me = leader.status().node_id
        away = me % 3 + 1
        for n, wire in servers.wires.items():
            wire.passes = lambda peer, _, n=n: away not in (peer, n)
        servers.disks[me].stalled = True
        servers.set(leader, b"k", b"v")
        await asyncio.sleep(2 * SETTINGS.request_timeout_s)
        assert servers.leaders == []
        for wire in servers.wires.values():
            wire.passes = lambda _, __: True
        other = await servers.leader()
        assert other is not leader
        servers.set(other, b"k", b"w")
        await asyncio.sleep(1)
        assert [type(outcome) for outcome in servers.outcomes] == [Unknown, Done]

    run(main)


@pytest.mark.parametrize("pause_s", [0.4, 3.0, 60.0])
def test_a_pause_of_everything_unseats_nobody(pause_s: float) -> None:
    """A collection of garbage, a machine that was suspended: nobody was silent in a time in which nobody ran."""

    async def main(servers: Servers) -> None:
        leader = await servers.start()
        term = servers.term
        for _ in range(20):
            selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
            selector.now += pause_s
            await asyncio.sleep(0.7)
        assert (servers.term, servers.leaders) == (term, [leader.status().node_id])

    run(main)


def test_a_leader_whose_entries_take_long_to_travel_leads_on() -> None:
    """Followers take the parts of a large message as they come, and answer for their lives between them."""

    async def main(servers: Servers) -> None:
        leader = await servers.start()
        term, me = servers.term, leader.status().node_id
        servers.wires[me].passes = lambda _, __: False  # all that it sends waits behind the large message
        for _ in range(100):
            for n in {1, 2, 3} - {me}:
                servers.wires[n].receive(me, Arriving())
            await asyncio.sleep(SETTINGS.election_timeout_s / 10)
        assert (servers.term, servers.leaders) == (term, [me])

    run(main)


def test_a_leader_that_hears_nobody_still_stops() -> None:
    """What is forgiven is slowness, not silence."""

    async def main(servers: Servers) -> None:
        leader = await servers.start()
        for wire in servers.wires.values():
            wire.passes = lambda peer, _: peer is not leader.status().node_id
        await asyncio.sleep(3 * SETTINGS.election_timeout_s)
        assert leader.status().node_id not in servers.leaders

    run(main)


def test_a_follower_that_takes_no_more_writes_helps_its_leader_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its disk has been full for long, and nobody else is there: a confirmation writes nothing."""

    async def main(servers: Servers) -> None:
        leader = await servers.start()
        servers.set(leader, b"k", b"v")
        await asyncio.sleep(1)
        full, absent = (server for server in servers.by_id.values() if server is not leader)
        disk = full._disk
        monkeypatch.setattr(DiskQueue, "is_overdue", property(lambda queue: queue is disk))
        servers.wires[absent.status().node_id].passes = lambda _, __: False
        leader.submit(False, encode(Get(b"k")), servers.outcomes.append)  # noqa: FBT003  # the driver's own form
        await asyncio.sleep(1)

    assert [type(outcome) for outcome in run(main).outcomes] == [Done, Done]
