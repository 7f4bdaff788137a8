"""Between honest nodes: what is sent arrives, once and in order, or is dropped without growing anything."""

import asyncio
import socket
import sys
import tracemalloc
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from quorate.raft import AppendEntries, Entry, InstallSnapshot, RequestVote, Snapshot
from quorate.raft_server.messages import Answer, Forward
from quorate.raft_server.wire import CODEC, decode
from quorate.runtime.outcomes import Done
from quorate.runtime.transport import TcpTransport, TransportError, outbound
from quorate.runtime.transport.frames import PIECE_BYTES
from transport_nodes import LOCAL, Node, Raw, each_connected, fake_peer, hello, logged, nodes, number, run


def test_every_node_reaches_every_other() -> None:
    """Three of them, each with its own message to each other."""

    async def test() -> None:
        async with nodes(1, 2, 3) as three:
            for node in three:
                for peer in {1, 2, 3} - {node.id}:
                    assert node.send(peer, RequestVote(node.id, peer, 1, 0, 0))
            for node in three:
                received = [await node.received.get(), await node.received.get()]
                assert sorted(received) == [
                    (peer, RequestVote(peer, node.id, 1, 0, 0)) for peer in sorted({1, 2, 3} - {node.id})
                ]

    run(test())


def test_messages_arrive_in_the_order_in_which_they_were_sent() -> None:
    """Those of one turn of the event loop, which leave together, and those of several; small ones and large ones."""

    async def test() -> None:
        async with nodes(1, 2) as (one, two):
            sent = []
            for turn in range(5):
                sent += [number(turn), AppendEntries(1, 2, 1, 0, 0, (Entry(1, bytes(50_000)),), turn), number(turn)]
                assert all(one.send(2, message) for message in sent[-3:])
                await asyncio.sleep(0)
            assert [await two.received.get() for _ in sent] == [(1, message) for message in sent]

    run(test())


def test_what_is_flushed_has_left_before_the_event_loop_turns() -> None:
    """A leader's entries are with the operating system before its own disk begins; without a flush they aren't."""

    async def test() -> None:
        async with nodes(1, 2) as (one, two):
            link = one.transport._peers[2]._link
            assert one.send(2, number(1))
            assert link._departures.small_bytes > 0
            one.transport.flush()
            assert link._departures.small_bytes == 0
            assert one.send(2, number(2))
            one.transport.flush()
            one.transport.flush()
            assert [await two.received.get() for _ in range(2)] == [(1, number(1)), (1, number(2))]

    run(test())


def test_what_is_small_overtakes_what_is_large() -> None:
    """A heartbeat doesn't wait behind a value, nor find the queue full of it; and the value arrives whole."""

    async def test() -> None:
        snapshot = InstallSnapshot(1, 2, 1, Snapshot(1, 1, Random(1).randbytes(8 << 20)))
        async with nodes(1, 2, max_queue_bytes=1 << 20) as (one, two):
            assert one.send(2, snapshot)
            assert not one.send(2, snapshot), "not beside another that fills the queue"
            for value in range(3):
                assert one.send(2, number(value))
                assert await two.received.get() == (1, number(value))
            assert await two.received.get() == (1, snapshot)
            # Meanwhile it was told of: who sends much is there.
            assert two.parts > 0

    run(test())


def test_nothing_is_taken_for_a_peer_that_is_not_connected() -> None:
    """`send` says so at once."""

    async def test() -> None:
        async with nodes(1, 2, connected=False) as (one, _):
            assert one.transport.connected == frozenset()
            assert not one.send(2, number(1))

    run(test())


def test_a_peer_that_restarts_is_found_again() -> None:
    """In both directions, with other ports than before."""

    async def test() -> None:
        async with nodes(1, 2) as (one, two):
            with logged() as log:
                await two.transport.close()
                await log.saw("connection to peer lost", peer=2)
                assert not one.send(2, number(1))
                assert one.transport.connected == frozenset()
                two.addresses[2] = (LOCAL, 0)
                async with Node(2, two.addresses) as again:
                    await each_connected([one, again], log)
                    assert one.send(2, number(2))
                    assert again.send(1, number(3))
                    assert await again.received.get() == (1, number(2))
                    assert await one.received.get() == (2, number(3))

    run(test())


def test_a_peer_that_is_heard_is_dialled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restarted peer doesn't wait for the end of a pause: the pauses of this test never end."""

    async def test() -> None:
        async with nodes(1, 2) as (one, two):
            with logged() as log:
                await two.transport.close()
                await log.saw("connection to peer lost", peer=2)
                async with Node(2, two.addresses) as again:
                    await each_connected([one, again], log)

    monkeypatch.setattr(outbound, "SHORTEST_PAUSE_S", 1e6)
    monkeypatch.setattr(outbound, "LONGEST_PAUSE_S", 1e6)
    run(test())


def test_the_pauses_between_attempts_double_up_to_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is between half and all of what it could be, so that the peers of a restarted node don't come together."""
    pauses: list[float] = []
    enough = asyncio.Event()

    async def no_pause(_: object, seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 8:
            enough.set()
        await asyncio.sleep(0)

    async def test() -> None:
        async with nodes(1, 2, connected=False) as (one, two):
            one.addresses[2] = (LOCAL, 1)
            await two.transport.close()
            await enough.wait()

    monkeypatch.setattr(outbound.Outbound, "_pause", no_pause)
    run(test())
    full = [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, full, strict=False))
    assert len({pause / most for pause, most in zip(pauses, full, strict=False)}) > 1


async def faced(arrived: "asyncio.Queue[Raw]") -> Raw:
    """The next connection that node 1 dials, greeted as node 2."""
    raw = await arrived.get()
    await raw.hello()
    await raw.say(hello(2, 1))
    return raw


def test_what_a_broken_connection_held_is_never_sent_on_the_next() -> None:
    """A Forward that came twice could be done twice."""

    async def test() -> None:
        with logged() as log:
            async with fake_peer() as (address, arrived), Node(1, {1: (LOCAL, 0), 2: address}) as node:
                raw = await faced(arrived)
                await log.saw("connected to peer", peer=2)
                taken = [node.send(2, Forward(value, write=True, payload=bytes(100_000))) for value in range(400)]
                assert taken[0]
                assert not taken[-1]
                assert len(await raw.frame()) > 100_000
                await raw.close()
                again = await faced(arrived)
                await log.saw("connected to peer", peer=2, times=2)
                assert node.send(2, number(7))
                assert decode(await again.frame()) == number(7)

    run(test())


def test_a_peer_that_does_not_read_grows_no_memory_and_loses_only_what_was_refused() -> None:
    """A hundred times the queue is offered; what was taken arrives in order when the peer reads again."""
    queue, size = 1 << 20, 10_000

    async def test() -> None:
        with logged() as log:
            async with (
                fake_peer() as (address, arrived),
                Node(1, {1: (LOCAL, 0), 2: address}, max_queue_bytes=queue) as node,
            ):
                raw = await faced(arrived)
                await log.saw("connected to peer", peer=2)
                tracemalloc.start()
                taken = []
                for value in range(100 * queue // size):
                    if node.send(2, Answer(value, Done(bytes(size)))):
                        taken.append(value)
                    await asyncio.sleep(0)
                held, most = tracemalloc.get_traced_memory()
                tracemalloc.stop()
                assert len(taken) < 100 * queue // size
                assert held < 2 * queue
                assert most < 4 * queue
                assert not node.send(2, number(1))
                for value in taken:
                    assert decode(await raw.frame()) == Answer(value, Done(bytes(size)))
                assert node.send(2, number(2))
                assert decode(await raw.frame()) == number(2)

    run(test())


def test_a_message_too_large_for_a_frame_is_refused_and_said_once() -> None:
    """The connection stays, and smaller ones go on."""

    async def test() -> None:
        async with nodes(1, 2, codec=replace(CODEC, max_frame_bytes=1000)) as (one, two):
            with logged() as log:
                assert not one.send(2, Forward(1, write=True, payload=bytes(1001)))
                assert not one.send(2, Forward(1, write=True, payload=bytes(1001)))
                assert not one.send(2, RequestVote(1, 2, 2**64, 0, 0))
                assert one.send(2, number(1))
                assert await two.received.get() == (1, number(1))
                assert len(log.found("message cannot be sent", peer=2, kind="Forward")) == 1
                assert len(log.found("message cannot be sent", peer=2, kind="RequestVote")) == 1

    run(test())


def test_an_error_of_the_receiver_reaches_the_loop_and_not_the_peer() -> None:
    """It is a bug of this node's; the messages behind it are received."""
    taken: asyncio.Queue[object] = asyncio.Queue()

    def receive(_: int, message: object) -> None:
        taken.put_nowait(message)
        if message == number(1):
            raise ConnectionResetError("not of the connection")

    async def test() -> None:
        reports: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        async with nodes(1, 2, connected=False) as (one, two):
            await two.transport.close()
            clumsy = TcpTransport(CODEC, 2, {**one.addresses, 2: (LOCAL, 0)}, "test", Random(2))
            with logged() as log:
                await clumsy.start(receive, lambda _: None)
                one.addresses[2] = clumsy.address
                await log.saw("connected to peer", peer=2)
                assert one.send(2, number(1))
                assert one.send(2, number(2))
                assert [await taken.get(), await taken.get()] == [number(1), number(2)]
                assert not log.found("connection to peer lost")
                await clumsy.close()
        assert [type(report["exception"]) for report in reports] == [ConnectionResetError]

    run(test())


@pytest.mark.skipif(sys.platform != "linux", reason="the options have these names on Linux only")
def test_tcp_is_told_to_wait_for_nothing_and_to_notice_silence() -> None:
    """Small messages leave at once, and a machine without power is given up after seconds, at both ends."""

    async def test() -> None:
        async with nodes(1, 2) as (one, two):
            for connection in (one.transport._peers[2]._link, two.transport._listener._members[1]):
                options = connection._transport.get_extra_info("socket")
                assert options.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert options.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert options.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000
                assert options.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == PIECE_BYTES

    run(test())


def test_a_closed_transport_says_nothing_and_hears_nothing() -> None:
    """Its port is free again, and its peers notice."""

    async def test() -> None:
        async with nodes(1, 2) as (one, two):
            with logged() as log:
                address = one.transport.address
                await one.transport.close()
                assert not one.send(2, number(1))
                assert one.transport.connected == frozenset()
                await log.saw("connection to peer lost", peer=1)
                assert not two.send(1, number(2))
                assert one.received.empty()
                with pytest.raises(ConnectionRefusedError):
                    await asyncio.open_connection(*address)

    run(test())


def test_a_transport_that_never_started_can_be_closed() -> None:
    """As when what starts before it has failed."""
    run(TcpTransport(CODEC, 1, {1: (LOCAL, 0)}, "test", Random(1)).close())


@pytest.mark.parametrize(
    ("listen", "why"),
    [
        (None, "Address already in use"),
        (("192.0.2.1", 0), "Cannot assign requested address"),
        (("no such host", 0), "Name or service not known"),
        (("x" * 70, 0), "a host has no such name$"),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_named(listen: tuple[str, int] | None, why: str) -> None:
    """One line, and nothing is left running."""

    async def test() -> None:
        async with nodes(1) as (node,):
            host, port = listen or node.transport.address
            with pytest.raises(TransportError, match=f"^cannot listen on {host}:{port}: {why}") as refused:
                await Node(1, {1: (host, port)}).__aenter__()  # there must be nothing to exit from
            assert len(str(refused.value).splitlines()) == 1

    run(test())


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("cluster", {"cluster": "x" * 1024}),
        ("cluster", {"cluster": "\ud800"}),
        ("port", {"listen": (LOCAL, 65_536)}),
        ("port", {"addresses": {1: (LOCAL, 0), 2: (LOCAL, -1)}}),
        ("max_queue_bytes", {"max_queue_bytes": 0}),
    ],
)
def test_a_bad_argument_is_named(field: str, arguments: dict[str, Any]) -> None:
    """Before anything is started."""
    with pytest.raises(ValueError, match=f"^{field}: "):
        TcpTransport(CODEC, 1, **{"addresses": {1: (LOCAL, 0)}, "cluster": "test", "rng": Random(1), **arguments})


def test_peers_come_and_go() -> None:
    """A new one is dialled at once; with one that is no peer any more nothing is exchanged, either way."""

    async def test() -> None:
        async with nodes(1, 2) as (one, two):
            with logged() as log:
                addresses = {1: one.transport.address, 3: (LOCAL, 0)}
                async with Node(3, addresses) as three:
                    everybody = {1: one.transport.address, 2: two.transport.address, 3: three.transport.address}
                    one.transport.set_peers(everybody)
                    await log.saw("connected to peer", peer=3)
                    await log.saw("connected to peer", peer=1)
                    assert one.send(3, number(1))
                    assert await three.received.get() == (1, number(1))
                    one.transport.set_peers({1: everybody[1], 3: everybody[3]})
                    assert one.transport.connected == {3}
                    assert not one.send(2, number(2))
                    await log.saw("connection to peer lost", peer=1)  # at node 2
                    assert not two.send(1, number(3))
                    one.transport.set_peers(everybody)
                    await log.saw("connected to peer", peer=2)

    run(test())


@pytest.mark.parametrize("turns", range(12))
def test_a_peer_that_goes_is_dialled_no_more(turns: int) -> None:
    """At any moment: while it is dialled or greeted, while it is connected, and in the turn in which a pause ends."""

    async def test() -> None:
        errors: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        with socket.create_server((LOCAL, 0)) as silent, logged() as log:
            nobody = (LOCAL, 9)
            addresses = {1: (LOCAL, 0), 2: (LOCAL, 0), 3: silent.getsockname(), 4: nobody}
            async with Node(1, addresses) as one, Node(2, addresses):
                if turns:
                    await log.saw("peer cannot be reached", peer=4)
                    await log.saw("connected to peer", peer=2)
                for _ in range(turns):
                    await asyncio.sleep(0)
                one.transport._dial_all()
                one.transport.set_peers({1: addresses[1]})
                assert one.transport.connected == frozenset()
                await asyncio.gather(*one.transport._closing)
        assert errors == []

    run(test())


def test_a_peer_is_dialled_at_its_new_address() -> None:
    """The connection to the old one ends, and what is sent arrives at the new one."""

    async def test() -> None:
        async with nodes(1, 2) as (one, two):
            with logged() as log:
                addresses = {1: one.transport.address, 2: (LOCAL, 0)}
                async with Node(2, addresses) as moved:
                    one.transport.set_peers({1: one.transport.address, 2: moved.transport.address})
                    await log.saw("connection to peer lost", peer=2, reason="its address has changed")
                    await log.saw("connected to peer", peer=2)
                    assert one.send(2, number(1))
                    assert await moved.received.get() == (1, number(1))
                    assert two.received.empty()

    run(test())
