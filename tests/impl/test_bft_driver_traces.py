"""The trace of a real server of a BFT member, on a real disk, is judged as it was served."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest

from patience import PATIENCE_S
from quorate import bft
from quorate.bft_server.driver import BftServer
from quorate.bft_server.evidence import EvidenceFile
from quorate.bft_server.settings import Settings
from quorate.bft_server.storage import BftStorage
from quorate.bft_server.trace import Tracer
from quorate.runtime.interfaces import Loss, Receiver
from quorate.runtime.keys import PublicKeys, SecretKey
from quorate.runtime.outcomes import Done, Outcome
from quorate.store.machine import KeyValueMachine
from quorate.store.operations import encode, is_repeatable
from quorate.store.writes import Set
from quorate_check.bft.traces.findings import TraceRule
from traced_members import judged

SECRET = SecretKey.of_seed(bytes(32))
PUBLIC = PublicKeys("alone", {1: SECRET.public})
WRITES = 5


class Nowhere:
    """A transport without peers."""

    connected: frozenset[int] = frozenset()

    async def start(self, receive: Receiver[bytes], lost: Loss) -> None:
        """Nobody will say anything."""

    def send(self, peer: int, message: bytes) -> bool:  # noqa: ARG002 - it goes nowhere
        """Drop it."""
        return False

    def flush(self) -> None:
        """Nothing waits."""

    async def close(self) -> None:
        """Nothing is open."""


async def serve(folder: Path, traces: Path) -> None:
    """Serve some writes by a member that is alone, from start to stop."""
    tracer = Tracer(traces / "n1.ndjson", PUBLIC.keys)
    server = BftServer(
        Settings(),
        1,
        bft.Config(b"alone", (1,), SECRET, PUBLIC),
        storage=BftStorage.open(folder / "member.sqlite3", 1, (1,)),
        transport=Nowhere(),
        machine=KeyValueMachine(),
        evidence=EvidenceFile(folder / "evidence.ndjson", "alone"),
        is_repeatable=is_repeatable,
        rng=Random(1),
        tracer=tracer,
    )
    await server.start()
    try:
        for number in range(WRITES):
            outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            server.submit(True, encode(Set(b"key", b"%d" % number)), outcome.set_result)  # noqa: FBT003
            async with asyncio.timeout(PATIENCE_S):
                assert isinstance(await outcome, Done)
    finally:
        await server.stop()
        tracer.close()


def test_what_a_server_records_is_explained(tmp_path: Path) -> None:
    """Over two starts on one disk."""
    traces = tmp_path / "traces"
    traces.mkdir()
    for _ in range(2):
        asyncio.run(serve(tmp_path, traces))
    check = judged(traces)
    assert check.finding is None, check.finding
    assert len(check.decided) == 2 * WRITES
    assert (check.counts.restarts, check.waiting) == (1, 0)


def test_a_server_that_uses_its_vote_before_its_write_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash could take the vote back, and it could vote otherwise."""
    queue = BftServer._queue

    def hasty(server: BftServer, persist: Any, send_now: Any, send_when_durable: Any) -> Any:  # noqa: ANN401
        return queue(server, persist, send_now, ()) + send_when_durable

    monkeypatch.setattr(BftServer, "_queue", hasty)
    asyncio.run(serve(tmp_path, tmp_path))
    finding = judged(tmp_path).finding
    assert finding is not None
    assert finding.rule is TraceRule.SENT
    assert "what it signed itself arrives before" in finding.what
