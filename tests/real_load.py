"""Load on real servers, and what is judged when it has ended."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ClusterDownError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from patience import PROGRAM_S
from quorate.client.client import Client
from quorate.client.retries import UnavailableError, UnknownOutcomeError
from quorate.runtime.addresses import Address
from quorate_check.history.operations import OperationOutcome
from quorate_check.history.record import Recorder
from real_cluster import MODEL_CHECK, RealCluster

KEYS = ("apple", "pear", "plum")
SENTENCE = "sentence"
CLIENTS = 3  # of each kind


class Load:
    """Clients that ask and note what they are told, until they are stopped."""

    def __init__(
        self, cluster: RealCluster, seed: int, *, places: Sequence[Address] | None = None, thinking_s: float = 0.0
    ) -> None:
        """Nobody asks yet. Clients with sessions know these `places`, or the nodes that there are now.

        Each client thinks for `thinking_s` between two requests.
        """
        self.recorder = Recorder()
        self.acknowledged: list[str] = []
        self.attempted: set[str] = set()
        self.progress = asyncio.Event()
        self._cluster = cluster
        self._seed = seed
        self._places = cluster.addresses if places is None else places
        self._thinking_s = thinking_s
        self._stopped = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ask while the body runs, and end when every client has been told something."""
        async with asyncio.TaskGroup() as clients:
            for number in range(CLIENTS):
                clients.create_task(self._plain(f"redis-py {number}", Random(f"{self._seed} plain {number}")))
                clients.create_task(self._in_sessions(f"session {number}", Random(f"{self._seed} session {number}")))
            try:
                yield
            finally:
                self._stopped = True

    async def answered(self, times: int = 30) -> None:
        """Wait until clients have been told so often that something was done."""
        for _ in range(times):
            self.progress.clear()
            async with asyncio.timeout(60):
                await self.progress.wait()

    async def _think(self) -> None:
        await asyncio.sleep(self._thinking_s)

    async def _note(self, client: str, ask: Callable[[], Coroutine[Any, Any, object]], name: str, *args: str) -> bool:
        number = self.recorder.begin(client, name, *args)
        try:
            reply = await ask()
        except ClusterDownError:  # redis-py takes the code off its text
            self.recorder.end(number, OperationOutcome.NOT_DONE)
        except ResponseError as error:
            if str(error).startswith("UNKNOWN"):
                self.recorder.end(number, OperationOutcome.UNKNOWN)
            else:
                self.recorder.end(number, OperationOutcome.DONE, error)
        except UnavailableError:
            self.recorder.end(number, OperationOutcome.NOT_DONE)
        except (UnknownOutcomeError, RedisConnectionError, RedisTimeoutError):
            self.recorder.end(number, OperationOutcome.UNKNOWN)
        else:
            self.recorder.end(number, OperationOutcome.DONE, reply)
            self.progress.set()
            return True
        return False

    async def _plain(self, name: str, rng: Random) -> None:
        """A redis-py client of a node, another one after each failure; it must not repeat anything by itself."""
        count = 0
        while not self._stopped:
            _, port = rng.choice(self._cluster.addresses)
            connection = redis.asyncio.Redis(port=port, retry=Retry(NoBackoff(), 0), socket_timeout=4)
            try:
                well = True
                while well and not self._stopped:
                    count += 1
                    await self._think()
                    well = await self._one(name, connection, rng, f"{name} {count}")
            finally:
                await connection.aclose()

    async def _one(self, name: str, connection: "redis.asyncio.Redis", rng: Random, value: str) -> bool:
        key = rng.choice(KEYS)
        if rng.random() < 0.5:
            return await self._note(name, lambda: connection.execute_command("GET", key), "get", key)
        return await self._note(name, lambda: connection.execute_command("SET", key, value), "set", key, value)

    async def _in_sessions(self, name: str, rng: Random) -> None:
        """A client whose writes are done exactly once, to whichever node it has to turn."""
        async with Client(self._places, timeout_s=8, rng=rng) as client:
            count = 0
            while not self._stopped:
                count += 1
                await self._think()
                if rng.random() < 0.3:
                    key = rng.choice(KEYS)
                    await self._note(name, lambda key=key: client.get(key), "get", key)
                    continue
                word = f"<{name} {count}>"
                self.attempted.add(word)
                ask = lambda word=word: client.append(SENTENCE, word)  # noqa: E731
                if await self._note(name, ask, "append", SENTENCE, word):
                    self.acknowledged.append(word)


async def judge(cluster: RealCluster, load: Load, folder: Path) -> None:
    """All that was promised holds: history, traces, nothing acknowledged lost, nothing done twice."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(cluster.addresses, timeout_s=20))
        for key in (*KEYS, SENTENCE):
            number = load.recorder.begin("afterwards", "get", key)
            value = await client.get(key)
            load.recorder.end(number, OperationOutcome.DONE, value)
        sentence = (await client.get(SENTENCE) or b"").decode()
    words = [f"<{word}" for word in sentence.split("<")[1:]]
    assert len(words) == len(set(words)), "a write in a session was done twice"
    assert set(words) >= set(load.acknowledged), "an acknowledged write was lost"
    assert set(words) <= load.attempted
    for node in cluster.nodes.values():
        node.end()
    history = folder / "history.ndjson"
    load.recorder.save(history)
    for what in (("history", str(history)), ("trace", str(cluster.traces))):
        run = subprocess.run([MODEL_CHECK, *what], capture_output=True, text=True, timeout=PROGRAM_S, check=False)  # noqa: ASYNC221
        assert run.returncode == 0, run.stdout + run.stderr
