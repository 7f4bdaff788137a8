"""Whoever breaks the rules of the connection loses it, with a reason in the log, and nobody else notices."""

import asyncio
import errno
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.raft import AppendEntries, Entry, RequestVote
from quorate.raft_server.wire import CODEC, encode
from quorate.runtime.transport import inbound, outbound
from quorate.runtime.transport.frames import PIECE_BYTES, header
from quorate.runtime.transport.hello import beginning
from transport_nodes import (
    LOCAL,
    LONGEST_TEST_S,
    Log,
    Node,
    dialled,
    fake_peer,
    hello,
    logged,
    nodes,
    number,
    numbered,
    quietly,
    read_hello,
    run,
)

OURS = beginning(CODEC.protocol)
TOO_LARGE = ((1 << 30) - 1).to_bytes(4, "big")


@asynccontextmanager
async def watched_pair() -> AsyncIterator[tuple[Node, Node, Log]]:
    """Nodes 1 and 2, connected, and what they log from then on; at the end 2 still reaches 1 on its old connection."""
    async with nodes(1, 2, 3, connected=False) as (one, two, three):
        await three.transport.close()
        with logged() as log:
            while 1 not in two.transport.connected:
                await log.saw("connected to peer", peer=1)
        with logged() as log:
            yield one, two, log
            assert two.send(1, number(99))
            assert await one.received.get() == (2, number(99))
            assert not log.found("connection from peer closed", peer=2)


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (hello(3, 1, cluster="other"), "it is of the cluster 'other', this node of 'test'"),
        (hello(3, 2), "it looks for node 2, this is node 1"),
        (hello(4, 1), "it says that it is node 4, which is no peer of this node"),
        (hello(1, 1), "it says that it is node 1, which is no peer of this node"),
        (b"quorate\x02" + hello(3, 1)[8:], "it says hello in version 2, this node in version 3"),
        (
            beginning("raft/1"),
            f"it speaks 'raft/1', this node {CODEC.protocol!r}: all nodes of a cluster speak the same",
        ),
        (b"magic!!" + hello(3, 1)[7:], "no hello of a Quorate node: it began with b'magic!!'"),
        (b"", "no hello of a Quorate node: it began with b''"),
        (hello(3, 1) + b"\x00", "malformed hello: "),
        (numbered(1), "no hello of a Quorate node"),
    ],
)
def test_only_a_peer_of_this_node_is_let_in(first: bytes, reason: str) -> None:
    """Of the same protocol, version and cluster, and looking for this node; to nobody else a byte is said."""

    async def test() -> None:
        async with watched_pair() as (one, _, log), dialled(one) as stranger:
            await stranger.say(first, numbered(1))
            # Another protocol or version is told ours, so that its operators can name both.
            is_other = reason.startswith(("it speaks ", "it says hello in version "))
            assert await stranger.ended() == (header(OURS) + OURS if is_other else b"")
            record = await log.saw("connection refused")
            assert record["reason"].startswith(reason)
            assert one.received.empty()

    run(test())


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (TOO_LARGE, "a frame of 1073741823 bytes is larger than the 131072 allowed here"),
        (header(b"rubbish") + b"rubbish", "malformed message: "),
        (header(b""), "malformed message: "),
        (header(hello(3, 1)) + hello(3, 1), "malformed message: "),
        (header(b"\x92\x20\x01") + b"\x92\x20\x01", "malformed message: "),
        *(
            (header(encode(message)) + encode(message), f"a message from node {message.source} to node {message.dest}")
            for message in (RequestVote(2, 1, 1, 0, 0), RequestVote(3, 2, 1, 0, 0), RequestVote(1, 3, 1, 0, 0))
        ),
    ],
)
def test_a_peer_that_breaks_the_rules_loses_its_connection(last: bytes, reason: str) -> None:
    """What it said before counts, what it says after doesn't, even if all came at once."""

    async def test() -> None:
        async with watched_pair() as (one, _, log), dialled(one) as peer:
            await peer.say(hello(3, 1))
            assert read_hello(await peer.frame()) == read_hello(hello(1, 3))
            good = header(numbered(1)) + numbered(1)
            await peer.write(good + last + good)
            assert await peer.ended() == b""
            record = await log.saw("connection from peer closed", peer=3)
            assert record["reason"].startswith(reason)
            assert await one.received.get() == (3, number(1))
            assert one.received.empty()

    run(test())


@pytest.mark.parametrize("greeted", [False, True])
def test_a_length_is_not_believed_before_the_bytes_are_there(greeted: bool) -> None:  # noqa: FBT001  # pytest calls it
    """Without a hello some KiB may be announced, with one a piece; what is announced takes no memory."""

    async def test() -> None:
        async with watched_pair() as (one, _, log), dialled(one) as peer:
            if greeted:
                await peer.say(hello(3, 1))
                await peer.frame()
            event, most = ("connection from peer closed", PIECE_BYTES) if greeted else ("connection refused", 4096)
            tracemalloc.start()
            await peer.write((60 << 20).to_bytes(4, "big") + bytes(100))
            await peer.ended()
            await log.saw(event, reason=f"a frame of 62914560 bytes is larger than the {most} allowed here")
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
            tracemalloc.stop()

    run(test())


def test_a_hello_may_trickle_in() -> None:
    """A byte at a time; so may what follows."""

    async def test() -> None:
        async with watched_pair() as (one, _, _), dialled(one) as peer:
            for payload in (hello(3, 1), numbered(1)):
                for byte in header(payload) + payload:
                    await peer.write(bytes([byte]))
                    await asyncio.sleep(0)
            assert read_hello(await peer.frame()) == read_hello(hello(1, 3))
            assert await one.received.get() == (3, number(1))

    run(test())


@pytest.mark.parametrize("said", [b"", header(hello(3, 1)), header(hello(3, 1)) + hello(3, 1)[:-1]])
def test_who_does_not_say_a_whole_hello_in_time_is_shown_out(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence isn't held for ever."""

    async def test() -> None:
        async with watched_pair() as (one, _, log):
            monkeypatch.setattr(inbound, "HELLO_S", 0.05)
            async with dialled(one) as stranger:
                await stranger.write(said)
                assert await stranger.ended() == b""
                await log.saw("connection refused", reason="it said no hello within 0.05 s")

    run(test())


def test_a_flood_of_strangers_takes_a_bounded_number_of_places() -> None:
    """The oldest go first; a peer still comes in, and who is in stays in."""

    async def test() -> None:
        async with watched_pair() as (one, _, log), AsyncExitStack() as flood:
            strangers = [await flood.enter_async_context(dialled(one)) for _ in range(2 * inbound.MAX_STRANGERS)]
            await log.saw("connection refused", times=inbound.MAX_STRANGERS)
            for stranger in strangers[: inbound.MAX_STRANGERS]:
                assert await stranger.ended() == b""
            async with dialled(one) as peer:
                await peer.say(hello(3, 1), numbered(1))
                assert await one.received.get() == (3, number(1))
            assert len(one.transport._listener._strangers) < inbound.MAX_STRANGERS

    run(test())


def test_want_of_file_descriptors_keeps_nobody_out_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """When there are some again, the next connection is accepted."""

    async def test() -> None:
        accept, failures = socket.socket.accept, [errno.EMFILE, errno.ECONNABORTED]

        def failing(listening: socket.socket) -> tuple[socket.socket, object]:
            if failures:
                raise OSError(failures.pop(), "")
            return accept(listening)

        monkeypatch.setattr(socket.socket, "accept", failing)
        monkeypatch.setattr(inbound, "_PAUSE_AFTER_ERROR_S", 0.0)
        with logged() as log:
            async with nodes(1, 2) as (one, two):
                assert one.send(2, number(1))
                assert await two.received.get() == (1, number(1))
            assert log.found("connection not accepted", reason="Too many open files")

    run(test())


def test_two_processes_of_one_name_are_named_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ousts the other, again and again, which no single process does to itself."""

    async def test() -> None:
        async with nodes(1, 2) as (one, two):
            with logged() as log:
                addresses = {**one.addresses, 2: (LOCAL, 0)}
                async with Node(2, addresses):
                    found = await log.saw("another process poses as a peer")
                    assert (found["peer"], found["remedy"]) == (2, "stop one of the two nodes 2")
                    await log.saw("connection from peer closed", peer=2, reason="another process poses as node 2")
                    assert one.transport.notices == ["another process poses as node 2: stop one of the two"]
            monkeypatch.setattr(inbound, "_ALTERNATING_S", -1.0)
            assert one.transport.notices == [], "it is long ago"
            assert two.transport.address == one.addresses[2]

    run(test())


def test_of_one_peer_the_latest_connection_counts() -> None:
    """Its former one may be long dead, which TCP doesn't say."""

    async def test() -> None:
        async with watched_pair() as (one, _, log), dialled(one) as former, dialled(one) as latest:
            for peer in (former, latest):
                await peer.say(hello(3, 1))
                await peer.frame()
            assert await former.ended() == b""
            await log.saw(
                "connection from peer closed", peer=3, reason="it has dialled again, or another process poses as node 3"
            )
            await latest.say(numbered(1))
            assert await one.received.get() == (3, number(1))

    run(test())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (header(hello(3, 1)) + hello(3, 1), "node 3 of the cluster 'test' answered, to node 1"),
        (header(hello(2, 3)) + hello(2, 3), "node 2 of the cluster 'test' answered, to node 3"),
        (header(hello(2, 1, "other")) + hello(2, 1, "other"), "node 2 of the cluster 'other' answered, to node 1"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "a frame of 1213486160 bytes is larger than the 4096 allowed here"),
        (header(b"rubbish") + b"rubbish", "no hello of a Quorate node: it began with b'rubbish'"),
    ],
)
def test_who_answers_for_a_peer_must_be_it(answer: bytes, reason: str) -> None:
    """Nothing is sent to another, and the attempts go on."""

    async def test() -> None:
        with logged() as log:
            async with fake_peer() as (address, arrived), Node(1, {1: (LOCAL, 0), 2: address}) as node:
                for _ in range(2):
                    wrong = await arrived.get()
                    await wrong.hello()
                    await wrong.write(answer)
                    assert await wrong.ended() == b""
                    assert not node.send(2, number(1))
                await log.saw("peer cannot be reached", peer=2, reason=reason)
        assert len(log.found("peer cannot be reached")) == 1

    run(test())


def test_a_peer_that_talks_where_it_should_listen_is_left() -> None:
    """What this node dialled is for sending."""

    async def test() -> None:
        with logged() as log:
            async with fake_peer() as (address, arrived), Node(1, {1: (LOCAL, 0), 2: address}) as node:
                peer = await arrived.get()
                await peer.say(hello(2, 1))
                await log.saw("connected to peer", peer=2)
                await peer.say(numbered(1))
                why = "it sent more than a hello on a connection that was for listening"
                await log.saw("connection to peer lost", peer=2, reason=why)
                assert node.received.empty()

    run(test())


def test_a_peer_that_answers_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that another program listens on, or a node that hangs."""
    monkeypatch.setattr(outbound, "HELLO_S", 0.05)

    async def test() -> None:
        with logged() as log:
            async with fake_peer() as (address, arrived), Node(1, {1: (LOCAL, 0), 2: address}):
                silent = await arrived.get()
                await silent.hello()
                assert await silent.ended() == b""
                await log.saw("peer cannot be reached", peer=2, reason="no hello within 0.05 s")

    run(test())


ENTRIES = AppendEntries(3, 1, 1, 0, 0, (Entry(1, b"x"),) * 3, 0)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A message with one byte replaced."""
    payload = bytearray(draw(st.sampled_from([numbered(1), encode(RequestVote(3, 1, 1, 0, 0)), encode(ENTRIES)])))
    payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    return bytes(payload)


rubbish = st.binary(max_size=200)
framed = (rubbish | damaged()).map(lambda payload: header(payload) + payload)
attacks = st.lists(rubbish | framed, max_size=4).map(b"".join)
greetings = st.sampled_from([b"", header(hello(3, 1)) + hello(3, 1), header(hello(3, 1)) + hello(3, 1)[:-2]])


def test_no_bytes_disturb_the_others() -> None:
    """Hundreds of connections that say anything, each while a good peer talks: all that the good one says arrives."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        one, two, _ = runner.run(stack.enter_async_context(watched_pair()))

        async def attack(data: bytes) -> None:
            async with asyncio.timeout(LONGEST_TEST_S), dialled(one) as stranger:
                assert two.send(1, number(1))
                await quietly(stranger.write(data))
                assert two.send(1, number(2))
                stranger.writer.write_eof()
                await stranger.ended()
                assert two.send(1, number(3))
                received = []
                while received[-1:] != [number(3)]:
                    peer, message = await one.received.get()
                    received += [message] if peer == 2 else []
                assert received == [number(1), number(2), number(3)]

        @given(greetings, attacks)
        def every_attack(greeting: bytes, data: bytes) -> None:
            runner.run(attack(greeting + data))

        every_attack()
        runner.run(stack.aclose())
