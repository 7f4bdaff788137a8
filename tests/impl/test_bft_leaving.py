"""A member of a Byzantine cluster that is asked to end: what it was asked is decided, what comes later refused."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from patience import PATIENCE_S
from quorate import bft
from quorate.bft_server.driver import BftServer
from quorate.bft_server.evidence import EvidenceFile
from quorate.bft_server.settings import Settings
from quorate.bft_server.storage import BftStorage
from quorate.runtime.interfaces import Loss, Receiver
from quorate.runtime.keys import PUBLIC_NAME, read_public, read_secret, secret_path, write_keys
from quorate.runtime.outcomes import Done, NotDone, Outcome
from quorate.store.machine import KeyValueMachine
from quorate.store.operations import encode
from quorate.store.queries import Get
from quorate.store.replies import decode
from quorate.store.writes import Set

MEMBERS = (1, 2, 3, 4)


class Wire:
    """Messages arrive in a later turn of the event loop; nothing does at who is closed."""

    def __init__(self, me: int, wires: dict[int, "Wire"]) -> None:
        """One member's end."""
        self.me, self.wires, self.closed = me, wires, False
        self.connected = frozenset(MEMBERS) - {me}

    async def start(self, receive: Receiver[bytes], lost: Loss) -> None:
        """Listen."""
        del lost
        self.receive = receive

    def send(self, peer: int, message: bytes) -> bool:
        """Arrive later."""
        asyncio.get_running_loop().call_soon(self.wires[peer].arrive, self.me, message)
        return True

    def arrive(self, peer: int, message: bytes) -> None:
        """Take it."""
        if not self.closed:
            self.receive(peer, message)

    def flush(self) -> None:
        """Nothing waits."""

    async def close(self) -> None:
        """Hear no more."""
        self.closed = True


@pytest.mark.parametrize("leaving", MEMBERS)
def test_a_member_that_is_asked_to_end_finishes_what_is_under_way(tmp_path: Path, leaving: int) -> None:
    """Whether it leads the first view or not; the others have what was acknowledged, and go on."""
    write_keys(tmp_path, "test", MEMBERS)
    public = read_public(tmp_path / PUBLIC_NAME)
    outcomes: list[Outcome] = []

    async def main() -> None:
        wires: dict[int, Wire] = {}
        machines = {n: KeyValueMachine() for n in MEMBERS}
        servers: dict[int, BftServer] = {}
        for n in MEMBERS:
            wires[n] = Wire(n, wires)
            servers[n] = BftServer(
                Settings(view_timeout_s=0.5, delta_s=0.02),
                n,
                bft.Config(b"test", MEMBERS, read_secret(secret_path(tmp_path, n)), public),
                storage=BftStorage.open(tmp_path / f"{n}.sqlite3", n, MEMBERS),
                transport=wires[n],
                machine=machines[n],
                evidence=EvidenceFile(tmp_path / f"{n}.ndjson", "test"),
                is_repeatable=lambda _: False,
                rng=Random(n),
            )
        for server in servers.values():
            await server.start()
        async with asyncio.timeout(PATIENCE_S):
            for number in range(20):
                servers[leaving].submit(True, encode(Set(b"%d" % number, b"1")), outcomes.append)  # noqa: FBT003
            ending = asyncio.ensure_future(servers[leaving].stop())
            await asyncio.sleep(0)
            servers[leaving].submit(True, encode(Set(b"late", b"1")), outcomes.append)  # noqa: FBT003
            await ending
            assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Done"] * 20 + ["NotDone"]
            another = asyncio.get_running_loop().create_future()
            others = [n for n in MEMBERS if n != leaving]
            servers[others[0]].submit(True, encode(Set(b"after", b"1")), another.set_result)  # noqa: FBT003
            assert isinstance(await another, Done)
        for n in others:
            await servers[n].stop()
        assert decode(machines[others[0]].query(encode(Get(b"19")))) == b"1"
        assert decode(machines[others[0]].query(encode(Get(b"late")))) is None

    asyncio.run(main())
    assert [outcome.why for outcome in outcomes if isinstance(outcome, NotDone)] == ["the server is stopping"]
