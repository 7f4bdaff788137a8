"""Under TLS both ends prove which node they are, and nobody else gets to say or hear anything."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.raft_server.messages import Answer
from quorate.raft_server.wire import decode
from quorate.runtime.outcomes import Done
from quorate.runtime.transport import Tls, TlsError
from quorate.runtime.transport.inbound import MAX_STRANGERS
from quorate.runtime.trust import client_context
from tls_files import Authority
from transport_nodes import (
    LOCAL,
    Node,
    dialled,
    each_connected,
    fake_peer,
    hello,
    logged,
    nodes,
    number,
    numbered,
    read_hello,
    run,
)


@pytest.fixture(name="ca")
def authority(tmp_path: Path) -> Authority:
    """The cluster's CA."""
    return Authority(tmp_path)


def pair(ca: Authority) -> tuple[Node, Node]:
    """Nodes 1 and 2 with good certificates, not started."""
    addresses = dict.fromkeys((1, 2), (LOCAL, 0))
    one, two = (Node(node_id, addresses, tls=ca.issue(f"node-{node_id}").load(node_id)) for node_id in (1, 2))
    return one, two


async def check_not_spoken_to(ca: Authority, tls: Tls, why: str) -> None:
    """Node 1 says nothing to who listens where node 2 should be, and logs why."""
    one, _ = pair(ca)
    with logged() as log:
        async with fake_peer(ssl=tls.accepting) as (address, arrived):
            one.addresses[2] = address
            async with one:
                record = await log.saw("peer cannot be reached")
                assert why in record["reason"]
                assert arrived.empty()


def test_nodes_with_certificates_of_their_ca_reach_each_other(ca: Authority) -> None:
    """In both directions, small messages and large ones."""

    async def test() -> None:
        one, two = pair(ca)
        with logged() as log:
            async with one, two:
                await each_connected([one, two], log)
                large, *small = Answer(1, Done(bytes(3 << 20))), number(2), number(3)
                for sender, receiver in ((one, two), (two, one)):
                    assert all(sender.send(receiver.id, message) for message in (large, *small))
                    received = [await receiver.received.get() for _ in range(3)]
                    assert received == [(sender.id, message) for message in (*small, large)]

    run(test())


def test_a_node_does_not_let_in_whom_its_ca_does_not_vouch_for(ca: Authority, tmp_path: Path) -> None:
    """A certificate of another CA, and none."""
    other = Authority(tmp_path, "other").issue("node-2")
    trusting = replace(other, ca=ca.path)

    async def test() -> None:
        one, _ = pair(ca)
        bare = client_context(ca.path)
        strange = client_context(trusting.ca, trusting.certificate, trusting.key)
        for context, reason in (
            (bare, "TLS: peer did not return a certificate"),
            (strange, "TLS: unable to get local"),
        ):
            with logged() as log:
                async with Node(1, one.addresses, tls=one.tls) as node, dialled(node, ssl=context) as stranger:
                    await stranger.say(hello(2, 1), numbered(1))
                    assert await stranger.ended() == b""
                    record = await log.saw("connection refused")
                    assert record["reason"].startswith(reason)
                    assert node.received.empty()

    run(test())


def test_a_node_does_not_speak_to_whom_its_ca_does_not_vouch_for(ca: Authority, tmp_path: Path) -> None:
    """Not even the hello, which names the cluster."""
    false = Authority(tmp_path, "other").issue("node-2").load(2)

    run(check_not_spoken_to(ca, false, "certificate in certificate chain"))


def test_one_member_cannot_pose_as_another_to_whom_it_dials(ca: Authority) -> None:
    """Its certificate is good, and says another number than its hello."""

    async def test() -> None:
        one, two = pair(ca)
        one.addresses[3] = two.addresses[3] = (LOCAL, 1)
        async with Node(1, one.addresses, tls=one.tls) as node, dialled(node, ssl=two.tls.dialling) as member:
            with logged() as log:
                await member.say(hello(3, 1), numbered(1))
                assert await member.ended() == b""
                await log.saw("connection refused", reason="it says that it is node 3, but its certificate doesn't")
                assert node.received.empty()
        async with Node(1, one.addresses, tls=one.tls) as node, dialled(node, ssl=two.tls.dialling) as member:
            await member.say(hello(2, 1), numbered(1))
            assert read_hello(await member.frame()) == read_hello(hello(1, 2))
            assert await node.received.get() == (2, number(1))

    run(test())


def test_one_member_cannot_pose_as_another_to_whom_dials_it(ca: Authority) -> None:
    """Where node 2 should be, node 3 listens."""
    three = ca.issue("node-3").load(3)

    run(check_not_spoken_to(ca, three, "certificate is not valid for 'node-2'"))


def test_a_plain_connection_to_a_tls_port_is_refused(ca: Authority) -> None:
    """And the other way round."""

    async def test() -> None:
        one, two = pair(ca)
        with logged() as log:
            async with one, dialled(one) as stranger:
                await stranger.say(hello(2, 1), numbered(1))
                await stranger.ended()
                record = await log.saw("connection refused")
                assert record["reason"].startswith("TLS: ")
                assert one.received.empty()
        with logged() as log:
            async with nodes(1, 2, connected=False) as (plain, _):
                two.addresses[1] = plain.transport.address
                async with two:
                    await log.saw("peer cannot be reached", peer=1)
                    await log.saw("connection refused", reason="it speaks TLS, which is not set up here")

    run(test())


def test_a_handshake_that_stands_still_is_ended(ca: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a hello that does."""
    monkeypatch.setattr("quorate.runtime.transport.inbound.HELLO_S", 0.05)

    async def test() -> None:
        one, _ = pair(ca)
        with logged() as log:
            async with one, dialled(one) as stranger:
                await stranger.ended()
                await log.saw("connection refused", reason="it said no hello within 0.05 s")

    run(test())


def test_a_flood_of_handshakes_takes_a_bounded_number_of_places(ca: Authority) -> None:
    """And a peer still comes in."""

    async def test() -> None:
        one, two = pair(ca)
        with logged() as log:
            async with one, AsyncExitStack() as flood:
                for _ in range(2 * MAX_STRANGERS):
                    await flood.enter_async_context(dialled(one))
                await log.saw("connection refused", times=MAX_STRANGERS)
                async with two:
                    await log.saw("connected to peer", peer=1)
                    assert two.send(1, number(1))
                    assert await one.received.get() == (2, number(1))

    run(test())


def test_a_peer_that_does_not_read_grows_no_memory_under_tls(ca: Authority) -> None:
    """What is encrypted and can't leave counts twice at most."""
    queue, size = 1 << 20, 10_000

    async def test() -> None:
        one, two = pair(ca)
        with logged() as log:
            async with fake_peer(ssl=two.tls.accepting) as (address, arrived):
                one.addresses[2] = address
                async with Node(1, one.addresses, tls=one.tls, max_queue_bytes=queue) as node:
                    raw = await arrived.get()
                    await raw.hello()
                    await raw.say(hello(2, 1))
                    await log.saw("connected to peer", peer=2)
                    raw.writer.transport.pause_reading()
                    taken = []
                    for value in range(100 * queue // size):
                        if node.send(2, Answer(value, Done(bytes(size)))):
                            taken.append(value)
                        await asyncio.sleep(0)
                    assert not node.send(2, number(1))
                    assert len(taken) < 20 * queue // size
                    raw.writer.transport.resume_reading()
                    for value in taken:
                        assert decode(await raw.frame()) == Answer(value, Done(bytes(size)))

    run(test())


def test_files_that_make_no_tls_are_named(ca: Authority, tmp_path: Path) -> None:
    """Missing, not PEM, not belonging together, locked: one line each."""
    good = ca.issue("node-1")
    other = ca.issue("other")
    nothing, text = tmp_path / "nothing", tmp_path / "text"
    text.write_text("no PEM", encoding="ascii")
    locked = Authority(tmp_path, "locked").issue("node-1", password=b"secret")
    for files, expected in [
        (replace(good, certificate=nothing), f"cannot read {nothing}: No such file or directory"),
        (replace(good, key=nothing), f"cannot read {nothing}: No such file or directory"),
        (replace(good, ca=tmp_path), f"cannot read {tmp_path}: Is a directory"),
        (replace(good, certificate=text), f"certificate {text} and key {good.key}: PEM files, the key unencrypted"),
        (replace(good, key=text), f"certificate {good.certificate} and key {text}: PEM files, the key unencrypted"),
        (replace(good, ca=text), f"CA {text}: a PEM certificate is needed"),
        (replace(good, key=other.key), f"key {other.key} does not belong to certificate {good.certificate}"),
        (locked, f"certificate {locked.certificate} and key {locked.key}: PEM files, the key unencrypted"),
    ]:
        with pytest.raises(TlsError) as refused:
            files.load(1)
        assert str(refused.value).startswith(expected)
        assert len(str(refused.value).splitlines()) == 1


def test_a_certificate_that_the_others_would_refuse_is_refused_at_home(ca: Authority, tmp_path: Path) -> None:
    """Of another name, of another CA, expired, or not for clients."""
    strange = replace(Authority(tmp_path, "strange").issue("node-1"), ca=ca.path)
    for files, why in [
        (ca.issue("node-2"), "Hostname mismatch"),
        (strange, "unable to get local issuer certificate"),
        (ca.issue("node-1", days=-1), "certificate has expired"),
        (ca.issue("node-1", only_server=True), "unsuitable certificate purpose"),
    ]:
        with pytest.raises(TlsError, match=f"other nodes would not take it for node-1 .*{why}") as refused:
            files.load(1)
        assert len(str(refused.value).splitlines()) == 1
