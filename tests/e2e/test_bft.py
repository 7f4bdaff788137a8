"""A real Byzantine cluster keeps its promises while one of four members is dead, two, or a liar."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bft_cluster import HONEST, LIAR, MEMBERS, BftCluster, Equivocator, Liar, bft_cluster, rubbish
from patience import PROGRAM_S
from quorate.client.client import Client
from quorate.client.retries import UnavailableError, UnknownOutcomeError
from quorate.runtime.keys import PUBLIC_NAME
from quorate_check.history.operations import OperationOutcome
from quorate_check.history.record import Recorder
from real_cluster import MODEL_CHECK, QUORATE, free_ports
from redis_server import Talker

KEYS, SENTENCE = ("apple", "pear"), "sentence"
CLIENTS = 3


class Load:
    """Clients that believe what f + 1 members say, until they are stopped."""

    def __init__(self, addresses: list[tuple[str, int]]) -> None:
        """Nobody asks yet. There are as many addresses as members, whoever is behind them."""
        self.recorder = Recorder()
        self.acknowledged: list[str] = []
        self.attempted: set[str] = set()
        self._progress = asyncio.Event()
        self._addresses = addresses
        self._stopped = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ask while the body runs."""
        async with asyncio.TaskGroup() as clients:
            for number in range(CLIENTS):
                clients.create_task(self._client(f"client {number}", Random(number)))
            try:
                yield
            finally:
                self._stopped = True

    async def answered(self, times: int = 20) -> None:
        """Wait until clients have been told so often that something was done."""
        for _ in range(times):
            self._progress.clear()
            async with asyncio.timeout(60):
                await self._progress.wait()

    async def _client(self, name: str, rng: Random) -> None:
        async with Client(self._addresses, byzantine=True, timeout_s=15, rng=rng) as client:
            count = 0
            while not self._stopped:
                count += 1
                key, word = rng.choice(KEYS), f"<{name} {count}>"
                match rng.randrange(3):
                    case 0:
                        await self._note(name, client.get(key), "get", key)
                    case 1:
                        await self._note(name, client.set(key, word), "set", key, word)
                    case _:
                        self.attempted.add(word)
                        if await self._note(name, client.append(SENTENCE, word), "append", SENTENCE, word):
                            self.acknowledged.append(word)

    async def _note(self, client: str, asked: Coroutine[Any, Any, object], name: str, *args: str) -> bool:
        number = self.recorder.begin(client, name, *args)
        try:
            reply = await asked
        except UnavailableError:
            self.recorder.end(number, OperationOutcome.NOT_DONE)
        except UnknownOutcomeError:
            self.recorder.end(number, OperationOutcome.UNKNOWN)
        else:
            self.recorder.end(number, OperationOutcome.DONE, reply)
            self._progress.set()
            return True
        return False


async def judge(cluster: BftCluster, load: Load, names: tuple[str, ...], folder: Path) -> None:
    """No divergence, a linearizable history, nothing acknowledged lost, nothing in a session done twice."""
    addresses = [cluster.address(name) for name in names]
    async with Client(addresses, timeout_s=30) as client:
        for key in (*KEYS, SENTENCE):
            number = load.recorder.begin("afterwards", "get", key)
            value = await client.get(key)
            load.recorder.end(number, OperationOutcome.DONE, value)
    words = [f"<{word}" for word in (value or b"").decode().split("<")[1:]]
    assert len(words) == len(set(words)), "a write in a session was done twice"
    assert set(words) >= set(load.acknowledged), "an acknowledged write was lost"
    assert set(words) <= load.attempted
    assert cluster.stop_all() == {0}
    logs = sorted((cluster.decisions(name) for name in names), key=len)
    assert len(logs[0]) > 10
    for shorter, longer in pairwise(logs):
        assert longer[: len(shorter)] == shorter, "members have decided different things"
    history = folder / "history.ndjson"
    load.recorder.save(history)
    for words in (["history", str(history)], ["trace", str(cluster.traces)]):
        run = subprocess.run(  # noqa: ASYNC221 - nothing else happens meanwhile
            [MODEL_CHECK, *words], capture_output=True, text=True, timeout=PROGRAM_S, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr


async def limits_are_told(address: tuple[str, int]) -> None:
    """A value as long as CONFIG says is stored, a longer one is refused, and what comes after it is answered."""
    talker = Talker(*await asyncio.open_connection(*address))
    ((_, told),) = await talker.replies(["CONFIG", "GET", "proto-max-bulk-len"])
    most = int(told)
    async with asyncio.timeout(120):
        stored, refused, length = await talker.replies(
            ["SET", "large", bytes(most)], ["SET", "large", bytes(most + 1)], ["STRLEN", "large"]
        )
    assert (stored, length) == (b"OK", most)
    assert str(refused).startswith("error: ERR a request may have at most")
    talker.writer.close()


def test_a_member_may_die_and_come_back(tmp_path: Path) -> None:
    """Each in turn with kill -9, then all at once: what was acknowledged is there, and who was away catches up."""
    names = tuple(map(str, MEMBERS))

    async def run() -> None:
        async with bft_cluster(tmp_path, names) as cluster:
            await cluster.all_serve(names)
            await limits_are_told(cluster.address(names[0]))
            load = Load([cluster.address(name) for name in names])
            async with load.running():
                for name in names:
                    cluster.nodes[name].kill()
                    await load.answered()
                    cluster.nodes[name].start()
                    await cluster.all_serve([name])
                for name in names:
                    cluster.nodes[name].kill()
                for name in names:
                    cluster.nodes[name].start()
                await load.answered()
            assert cluster.culprits(names) == set(), "an honest member was convicted"
            await judge(cluster, load, names, tmp_path)

    asyncio.run(run())


def test_two_processes_with_one_key_are_convicted_and_harm_nobody(tmp_path: Path) -> None:
    """Twins: honest programs both, which propose different things, each to whom it reaches; and equal ones to all."""

    async def run() -> None:
        async with bft_cluster(tmp_path, ()) as cluster:
            twin = dict(zip(("4a", "4b"), free_ports(2), strict=True))
            for name, seen in (("1", "4a"), ("2", "4b"), ("3", "4a")):
                cluster.add(name, liar_at=twin[seen])
            for name, port in twin.items():
                cluster.add(name, at=port)
            honest = tuple(map(str, HONEST))
            await cluster.all_serve(honest)
            load = Load([*(cluster.address(name) for name in honest), cluster.address("4a")])
            async with load.running():
                await load.answered()
                file = await cluster.evidence(honest)
                await load.answered()
            assert cluster.culprits(honest) == {LIAR}
            assert_proved(cluster, file)
            for name in twin:
                cluster.nodes.pop(name).kill()
            await judge(cluster, load, honest, tmp_path)

    asyncio.run(run())


@pytest.mark.parametrize(("say", "convicts"), [(lambda: rubbish, False), (Equivocator, True)], ids=["rubbish", "two"])
def test_a_member_that_lies_harms_nobody(say: Callable[[], Any], convicts: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """Rubbish, forged and replayed signatures are refused; who proposes two things in a view is convicted of it."""

    async def run() -> None:
        honest = tuple(map(str, HONEST))
        async with bft_cluster(tmp_path, honest) as cluster:
            liar = Liar(cluster, say())
            await liar.start()
            try:
                await cluster.all_serve(honest)
                (nowhere,) = free_ports(1)  # it doesn't speak with clients
                load = Load([*(cluster.address(name) for name in honest), ("127.0.0.1", nowhere)])
                async with load.running():
                    await load.answered(40)
                    if convicts:
                        assert_proved(cluster, await cluster.evidence(honest))
                    else:
                        async with asyncio.timeout(60):
                            await liar.told.wait()
                assert cluster.culprits(honest) == ({LIAR} if convicts else set())
                await judge(cluster, load, honest, tmp_path)
            finally:
                await liar.close()

    asyncio.run(run())


def assert_proved(cluster: BftCluster, file: Path) -> None:
    """`quorate evidence` says so, with the public keys alone."""
    command = [QUORATE, "evidence", str(file), "--keys", str(cluster.keys / PUBLIC_NAME)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_S, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout
    assert all(line.startswith(f"proved: member {LIAR} ") for line in run.stdout.splitlines())
