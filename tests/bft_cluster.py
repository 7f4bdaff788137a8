"""Four real members of a Byzantine cluster on loopback, and what can take the place of one: nothing, twins, a liar."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from random import Random

from patience import PATIENCE_S
from quorate.bft import Certificate, Decide, Phase, Prepared, Propose, Statement, Vote, canonical
from quorate.bft.messages import Timeout
from quorate.bft_server.batches import Batch, BatchedRequest, digest_of, encode_batch
from quorate.bft_server.codec import CODEC, CodecError, decode, encode
from quorate.bft_server.early import index_of
from quorate.bft_server.evidence import read
from quorate.bft_server.messages import Ask, History, MemberMessage, Payload, Want
from quorate.bft_server.storage import BftStorage
from quorate.runtime.interfaces import Arriving
from quorate.runtime.keys import PUBLIC_NAME, SecretKey, read_public, read_secret, secret_path, write_keys
from quorate.runtime.transport import TcpTransport
from real_cluster import QUORATE, RealNode, free_ports

MEMBERS = (1, 2, 3, 4)
LIAR = 4
HONEST = (1, 2, 3)
CLUSTER = "test"
HOST = "127.0.0.1"
MOST_LIES = 5_000


class BftCluster:
    """Processes by name: a member's number, or "4a" and "4b" for twins that have one key."""

    def __init__(self, folder: Path) -> None:
        """Keep all files in `folder`; nothing runs."""
        self.folder = folder
        self.traces = folder / "traces"  # of honest members
        self.keys = folder / "keys"
        write_keys(self.keys, CLUSTER, MEMBERS)
        self.public = read_public(self.keys / PUBLIC_NAME)
        self.ports = dict(zip(MEMBERS, free_ports(len(MEMBERS)), strict=True))
        self.nodes: dict[str, RealNode] = {}

    def add(self, name: str, *, at: int | None = None, liar_at: int | None = None) -> RealNode:
        """Start a process that is the member `name` begins with.

        It listens at the port `at`, and takes `liar_at` for the port of the last member.
        """
        member = int(name[0])
        seen = self.ports if liar_at is None else {**self.ports, LIAR: liar_at}
        peers = {**seen, member: self.ports[member] if at is None else at}
        (port,) = free_ports(1)
        command = [
            *(QUORATE, "serve", "--protocol", "bft", "--id", str(member), "--listen", f"{HOST}:{port}"),
            *(part for number, there in peers.items() for part in ("--peer", f"{number}={HOST}:{there}")),
            *("--view-timeout-ms", "250", "--delta-ms", "40"),
            *("--data", str(self.data(name)), "--cluster", CLUSTER),
            *("--trace", str((self.traces if name == str(member) else self.folder / "twins") / f"n{name}.ndjson")),
            *("--secret-key", str(secret_path(self.keys, member)), "--public-keys", str(self.keys / PUBLIC_NAME)),
        ]
        self.nodes[name] = RealNode(member, port, command, self.folder / f"{name}.log")
        self.nodes[name].start()
        return self.nodes[name]

    def data(self, name: str) -> Path:
        """Where a process keeps its database and its evidence."""
        return self.folder / f"data{name}"

    def address(self, name: str) -> tuple[str, int]:
        """Where clients of a process connect."""
        return HOST, self.nodes[name].port

    def stop_all(self) -> set[int]:
        """End everything in an orderly way; return the exit statuses."""
        return {node.stop() for node in self.nodes.values()}

    def decisions(self, name: str) -> list[bytes]:
        """The digests that a process, which has ended, has decided."""
        member = int(name[0])
        with closing(BftStorage.open(self.data(name) / "quorate.sqlite3", member, MEMBERS)) as storage:
            return [item.certificate.digest for item in storage.history(1, 1_000_000)]

    def culprits(self, names: Iterable[str]) -> set[int]:
        """Whom these processes have evidence against."""
        files = [self.data(name) / "evidence.ndjson" for name in names]
        return {evidence.culprit for file in files if file.exists() for evidence in read(file)}

    async def evidence(self, names: Iterable[str]) -> Path:
        """Wait until one of these processes has evidence, and return its file."""
        names = tuple(names)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for name in names:
                    file = self.data(name) / "evidence.ndjson"
                    if file.exists() and file.read_text().endswith("\n"):
                        return file
                await asyncio.sleep(0.05)

    async def all_serve(self, names: Iterable[str]) -> None:
        """Wait until each of these processes acknowledges a write."""
        async with asyncio.timeout(PATIENCE_S):
            for name in names:
                while not (await self._set(name)).startswith(b"+OK"):  # noqa: ASYNC110  # another process
                    await asyncio.sleep(0.05)

    async def _set(self, name: str) -> bytes:
        try:
            reader, writer = await asyncio.open_connection(*self.address(name))
        except OSError:
            return b""
        try:
            writer.write(b"*3\r\n$3\r\nSET\r\n$5\r\nready\r\n$3\r\nyes\r\n")
            async with asyncio.timeout(10):
                return await reader.read(1024)
        except (OSError, TimeoutError):
            return b""
        finally:
            writer.transport.abort()


@asynccontextmanager
async def bft_cluster(folder: Path, names: Iterable[str]) -> AsyncIterator[BftCluster]:
    """These members, ended afterwards whatever happens."""
    cluster = BftCluster(folder)
    try:
        for name in names:
            cluster.add(name)
        yield cluster
    finally:
        with ExitStack() as stack:
            for node in cluster.nodes.values():
                stack.callback(node.kill)


class Liar:
    """The last member, in this process, with its key. `say` is called for all that it hears."""

    def __init__(self, cluster: BftCluster, say: "Callable[[Liar, int, MemberMessage], None]") -> None:
        """Join with `start`."""
        self.secret: SecretKey = read_secret(secret_path(cluster.keys, LIAR))
        self.rng = Random(1)
        self.heard: list[MemberMessage] = []
        self.told = asyncio.Event()
        self.lies = 0
        self._say = say
        addresses = {number: (HOST, port) for number, port in cluster.ports.items()}
        self._transport = TcpTransport(CODEC, LIAR, addresses, CLUSTER, Random(2))

    async def start(self) -> None:
        """Listen and connect."""
        await self._transport.start(self._receive, lambda _: None)

    async def close(self) -> None:
        """Leave."""
        await self._transport.close()

    def send(self, member: int, message: MemberMessage) -> None:
        """Say something well-formed."""
        self.send_bytes(member, encode(message))

    def send_bytes(self, member: int, data: bytes) -> None:
        """Say anything."""
        if self.lies == MOST_LIES:
            self.told.set()
        elif self._transport.send(member, data):
            self.lies += 1

    def sign(self, statement: Statement) -> bytes:
        """With its own key: it has no other."""
        return self.secret.sign(canonical(CLUSTER.encode(), LIAR, statement))

    def _receive(self, peer: int, payload: bytes | Arriving) -> None:
        if isinstance(payload, Arriving):
            return
        try:
            said = decode(payload)
        except CodecError:
            return
        self.heard = [*self.heard[-200:], said]
        self._say(self, peer, said)


def rubbish(liar: Liar, peer: int, heard: MemberMessage) -> None:
    """Random bytes, damaged messages, other people's messages again, and signatures that are nobody's."""
    if isinstance(heard, History):
        return  # it asked for that itself: to answer would never end
    encoded = bytearray(encode(heard))
    encoded[liar.rng.randrange(len(encoded))] ^= 1 << liar.rng.randrange(8)
    for member in HONEST:
        liar.send_bytes(member, liar.rng.randbytes(liar.rng.randrange(200)))
        liar.send_bytes(member, bytes(encoded))
        liar.send(member, liar.rng.choice(liar.heard))
    index, digest = _index(heard) or 1, liar.rng.randbytes(32)
    forged = tuple((member, bytes(64)) for member in HONEST)
    for phase, kind in ((Phase.PREPARE, Prepared), (Phase.COMMIT, Decide)):
        liar.send(peer, kind(LIAR, peer, Certificate(phase, index, 1, digest, forged)))
    liar.send(peer, Vote(liar.rng.choice(HONEST), peer, Phase.PREPARE, index, 1, digest, bytes(64)))
    liar.send(peer, Timeout(LIAR, peer, index, 2**60, None, liar.sign(Statement(Phase.TIMEOUT, index, 2**60, b""))))
    liar.send(peer, Payload(liar.rng.randbytes(50)))
    liar.send(peer, Ask(liar.rng.randrange(2**63)))


class Equivocator:
    """Whenever it leads, it proposes one thing to one member and another to the rest, and then says so to a third."""

    def __init__(self) -> None:
        """Nothing is proposed."""
        self._done: set[int] = set()

    def __call__(self, liar: Liar, peer: int, heard: MemberMessage) -> None:
        """Called for all that is heard; whoever asks for a payload has been sent it."""
        del peer
        index = _index(heard)
        for place in () if index is None else (index, index + 1):
            if place not in self._done and MEMBERS[(place - 1) % len(MEMBERS)] == LIAR:
                self._done.add(place)
                self._propose(liar, place)

    def _propose(self, liar: Liar, index: int) -> None:
        payloads = [encode_batch(Batch(index - 1, bytes([n]), (BatchedRequest(False, b"?"),))) for n in (1, 2)]  # noqa: FBT003
        for member, choice in ((1, 0), (2, 1), (3, 1), (2, 0)):
            data = payloads[choice]
            liar.send(member, Payload(data))
            digest = digest_of(data)
            signature = liar.sign(Statement(Phase.PROPOSE, index, 1, digest))
            liar.send(member, Propose(LIAR, member, index, 1, digest, None, signature))


def _index(message: MemberMessage) -> int | None:
    if isinstance(message, Payload | Want | Ask | History):
        return None
    return index_of(message)
