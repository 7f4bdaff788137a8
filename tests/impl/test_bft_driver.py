"""What a member of a Byzantine cluster lets others put into its memory is bounded, whatever they send."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from quorate import bft
from quorate.bft import Certificate, Phase, Prepared, Vote
from quorate.bft_server.batches import MOST_REQUEST_BYTES, Batch, BatchedRequest, encode_batch
from quorate.bft_server.codec import encode
from quorate.bft_server.driver import BftServer
from quorate.bft_server.evidence import EvidenceFile
from quorate.bft_server.messages import MemberMessage, Payload
from quorate.bft_server.settings import Settings
from quorate.bft_server.storage import BftStorage
from quorate.runtime.interfaces import Loss, Receiver
from quorate.runtime.keys import PublicKeys, SecretKey
from quorate.runtime.outcomes import NotDone, Outcome
from quorate.store.machine import KeyValueMachine

MEMBERS = (1, 2, 3, 4)
SECRETS = {member: SecretKey.of_seed(bytes([member]) * 32) for member in MEMBERS}
PUBLIC = PublicKeys("test", {member: secret.public for member, secret in SECRETS.items()})
SETTINGS = Settings(most_payloads=3, most_early=5, most_heard=100)


class Nobody:
    """A transport behind which the test says what peers say; what is sent goes nowhere."""

    connected: frozenset[int] = frozenset()
    receive: Receiver[bytes]

    async def start(self, receive: Receiver[bytes], lost: Loss) -> None:  # noqa: ARG002 - nothing is
        """Take the receiver."""
        self.receive = receive

    def send(self, peer: int, message: bytes) -> bool:  # noqa: ARG002 - it goes nowhere
        """Drop it."""
        return False

    def flush(self) -> None:
        """Nothing waits."""

    async def close(self) -> None:
        """Nothing is open."""

    def say(self, peer: int, message: MemberMessage) -> None:
        """Have a peer say something well-formed."""
        self.receive(peer, encode(message))


def with_member(folder: Path, test: Callable[[BftServer, Nobody], Awaitable[None]]) -> None:
    """Run `test` with member 1, whose disk is real."""

    async def run() -> None:
        transport = Nobody()
        server = BftServer(
            SETTINGS,
            1,
            bft.Config(b"test", MEMBERS, SECRETS[1], PUBLIC),
            storage=BftStorage.open(folder / "member.sqlite3", 1, MEMBERS),
            transport=transport,
            machine=KeyValueMachine(),
            evidence=EvidenceFile(folder / "evidence.ndjson", "test"),
            is_repeatable=lambda _: False,
            rng=Random(1),
        )
        await server.start()
        try:
            await test(server, transport)
        finally:
            with suppress(asyncio.CancelledError):
                await server.stop()

    asyncio.run(run())


def payload(number: int) -> Payload:
    """One of a kind."""
    return Payload(encode_batch(Batch(0, b"%d" % number, (BatchedRequest(False, b"?"),))))  # noqa: FBT003


def test_of_each_peer_only_so_many_undecided_payloads_are_kept(tmp_path: Path) -> None:
    """One who sends more takes nothing away from the others."""

    async def test(server: BftServer, transport: Nobody) -> None:
        for number in range(10):
            transport.say(2, payload(number))
        transport.say(3, payload(10))
        assert server.status().known_payloads == 3 + 1

    with_member(tmp_path, test)


def test_of_each_peer_only_so_many_early_messages_are_kept(tmp_path: Path) -> None:
    """The latest; nothing in them has been checked."""

    async def test(server: BftServer, transport: Nobody) -> None:
        for view in range(1, 20):
            transport.say(2, Vote(2, 1, Phase.PREPARE, 7, view, bytes(32), bytes(64)))
        kept = [message for _, message in server._early.take_all()]
        assert [message.view for message in kept if isinstance(message, Vote)] == [15, 16, 17, 18, 19]

    with_member(tmp_path, test)


def test_a_message_that_is_larger_than_any_certificate_is_refused(tmp_path: Path) -> None:
    """Before it is kept for later, where many of them would fill the memory."""

    async def test(server: BftServer, transport: Nobody) -> None:
        signatures = tuple((member, bytes(64)) for member in range(5_000))
        transport.say(2, Prepared(2, 1, Certificate(Phase.PREPARE, 7, 1, bytes(32), signatures)))
        assert server.status().refused_messages == 1
        assert [*server._early.take_all()] == []

    with_member(tmp_path, test)


def test_whoever_floods_is_not_heard_any_more_in_this_tick(tmp_path: Path) -> None:
    """And the others are."""

    async def test(server: BftServer, transport: Nobody) -> None:
        for _ in range(500):
            transport.receive(2, b"rubbish")
        assert server.status().refused_messages == 100
        transport.receive(3, b"rubbish")
        assert server.status().refused_messages == 101

    with_member(tmp_path, test)


@pytest.mark.parametrize("write", [True, False])
def test_a_request_without_a_quorum_ends_with_what_is_certain(tmp_path: Path, write: bool) -> None:  # noqa: FBT001
    """When the member stops: a write that was put to the vote may yet be done, a read changes nothing."""
    told: list[str] = []

    async def test(server: BftServer, _: Nobody) -> None:
        server.submit(write, b"x", lambda outcome: told.append(type(outcome).__name__))
        turned = asyncio.Event()
        asyncio.get_running_loop().call_soon(turned.set)
        await turned.wait()

    with_member(tmp_path, test)
    assert told == ["Unknown" if write else "NotDone"]


def test_a_request_that_no_batch_can_take_is_refused_at_once(tmp_path: Path) -> None:
    """In a batch that no member takes it would keep all later requests from being decided."""
    told: list[str] = []

    async def test(server: BftServer, _: Nobody) -> None:
        refused = asyncio.Event()

        def done(outcome: Outcome) -> None:
            told.append(str(outcome))
            refused.set()

        server.submit(True, bytes(MOST_REQUEST_BYTES + 1), done)  # noqa: FBT003
        async with asyncio.timeout(60):
            await refused.wait()

    with_member(tmp_path, test)
    assert told == [str(NotDone(f"a request has at most {MOST_REQUEST_BYTES} bytes here"))]
