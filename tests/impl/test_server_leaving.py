"""A leader that is asked to end: a follower with its whole log stands at once, and nobody loses a request to it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

import quick_loop
from quorate.raft import AppendEntries, NodeId, PreVote, TimeoutNow, TransferLeadership
from quorate.raft_server.interfaces import PeerMessage
from quorate.raft_server.settings import Settings
from quorate.runtime.outcomes import Done
from servers import WIRE_S, Servers

SETTINGS = Settings()


def run(count: int, main: Callable[[Servers], Awaitable[None]]) -> None:
    """Run `main` beside so many servers, whose time passes at once."""

    async def both() -> None:
        servers = Servers(SETTINGS, tuple(range(1, count + 1)))
        try:
            await main(servers)
        finally:
            await servers.stop()

    quick_loop.run(both)


def sent(servers: Servers) -> list[tuple[NodeId, PeerMessage]]:
    """All messages, with whom they were for."""
    return [each for wire in servers.wires.values() for each in wire.sent]


@pytest.mark.parametrize("count", [2, 3, 4, 5, 7, 9])
def test_another_leads_without_an_election_timeout(count: int) -> None:
    """Nobody asks first, for all others believe in the leader yet; one stands, and leads the next term."""

    async def main(servers: Servers) -> None:
        leader = await servers.start()
        term = servers.term
        servers.set(leader, b"a", b"1")
        for wire in servers.wires.values():
            wire.sent.clear()
        await leader.stop()
        assert servers.term == term + 1
        assert not any(isinstance(message, PreVote) for _, message in sent(servers))
        assert [type(outcome) for outcome in servers.outcomes] == [Done]
        del servers.by_id[leader.state.id]
        assert await servers.leader() is not leader

    run(count, main)


@pytest.mark.parametrize("late", [(2,), (2, 3), (2, 3, 4), (2, 3, 4, 5)])
def test_it_hands_over_to_a_follower_with_the_whole_log(late: tuple[NodeId, ...]) -> None:
    """Those that lack entries are passed over, and if all lack some, it waits until one has them."""

    async def main(servers: Servers) -> None:
        leader = await servers.start()
        me = leader.state.id
        numbers = [n for n in servers.by_id if n != me]
        lacking = {numbers[n - 2] for n in late}
        is_cut = True
        servers.wires[me].passes = lambda peer, message: (
            not (is_cut and peer in lacking and isinstance(message, AppendEntries) and message.entries)
        )
        servers.set(leader, b"a", b"1")
        await asyncio.sleep(SETTINGS.heartbeat_s)
        loop = asyncio.get_running_loop()
        began, leaving = loop.time(), asyncio.ensure_future(leader.stop())
        await asyncio.sleep(SETTINGS.heartbeat_s)
        is_cut = len(late) <= 2  # a majority has it all without them
        await leaving
        assert loop.time() - began < SETTINGS.election_timeout_s, "it waited for nobody else"
        (heir,) = {peer for peer, message in servers.wires[me].sent if isinstance(message, TimeoutNow)}
        assert servers.by_id[heir].state.log.last_index >= leader.state.log.last_index
        assert servers.leaders == [heir]

    run(5, main)


def test_writes_wait_until_it_is_clear_who_leads() -> None:
    """During a transfer they are neither proposed nor refused; here it is given up, and then they are done."""

    async def main(servers: Servers) -> None:
        leader = await servers.start()
        me, term = leader.state.id, servers.term
        servers.wires[me].passes = lambda _, message: not isinstance(message, TimeoutNow)
        leader._step(TransferLeadership(2 if me == 1 else 1))  # no client asks for it yet
        last = leader.state.log.last_index
        for server in servers.by_id.values():
            servers.set(server, b"a", b"1")
        await asyncio.sleep(2 * SETTINGS.heartbeat_s)
        assert leader.state.transfer_target is not None
        assert (leader.state.log.last_index, servers.outcomes) == (last, [])
        await asyncio.sleep(SETTINGS.election_timeout_s + 2 * SETTINGS.heartbeat_s)
        assert (leader.state.transfer_target, servers.term) == (None, term)
        assert [type(outcome) for outcome in servers.outcomes] == [Done] * 3

    run(3, main)


def test_writes_go_to_who_leads_next() -> None:
    """Those that came during a transfer, here or passed on by others."""

    async def main(servers: Servers) -> None:
        leader = await servers.start()
        me, term = leader.state.id, servers.term
        target = 2 if me == 1 else 1
        leader._step(TransferLeadership(target))  # no client asks for it yet
        for server in servers.by_id.values():
            servers.set(server, b"a", b"1")
        await asyncio.sleep(SETTINGS.election_timeout_s)
        assert (servers.leaders, servers.term) == ([target], term + 1)
        assert [type(outcome) for outcome in servers.outcomes] == [Done] * 3

    run(3, main)


@pytest.mark.parametrize("count", [3, 5])
def test_it_answers_what_a_follower_passes_on_before_it_knows_who_leads_now(count: int) -> None:
    """That follower is slow to hear of the next leader; what it passes on meanwhile must not find nobody there."""

    async def main(servers: Servers) -> None:
        leader = await servers.start()
        me, slow_s = leader.state.id, 2 * SETTINGS.heartbeat_s
        late = max(n for n in servers.by_id if n != me)
        servers.wires[late].takes_s = lambda _: slow_s
        for n in servers.by_id:
            if n != late:
                servers.wires[n].takes_s = lambda peer: slow_s if peer == late else WIRE_S
        asked, term = 0, servers.term
        leaving = asyncio.ensure_future(leader.stop())
        async with asyncio.timeout(SETTINGS.request_timeout_s):
            while not leaving.done() or servers.by_id[late].state.current_term == term:
                servers.set(servers.by_id[late], b"%d" % asked, b"1")
                asked += 1
                await asyncio.sleep(SETTINGS.heartbeat_s / 5)
            while len(servers.outcomes) < asked:  # noqa: ASYNC110  # time passes at once
                await asyncio.sleep(SETTINGS.heartbeat_s)
        assert [type(outcome) for outcome in servers.outcomes] == [Done] * asked

    run(count, main)
