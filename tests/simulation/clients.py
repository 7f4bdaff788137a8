"""Clients that ask random things of a few keys and note what they are told.

Their connections and their retries are the real ones, over simulated streams.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from quorate.client.client import Client, connect_tcp
from quorate.client.retries import (
    MAYBE_DONE,
    SURELY_NOT_DONE,
    CommandError,
    NodeConnection,
    Reply,
    UnavailableError,
    UnknownOutcomeError,
)
from quorate.runtime.addresses import Address
from quorate_check.history.operations import OperationOutcome
from quorate_check.history.record import Recorder

KEYS = ("a", "b", "c")
NUMBER = "n"
SENTENCE = "s"  # where clients only append, in sessions, what nobody else appends
THINKING_S = 0.03  # on average, between two requests
PATIENCE_S = 1.6  # of a client that asks once
PERSISTENCE_S = 3.0  # of one that asks again
READS_OF_EXACT = 0.3
SHARE_OF_BURSTS, MOST_AT_ONCE = 0.1, 4


@dataclass
class Record:
    """What all clients together know."""

    recorder: Recorder
    note: Callable[..., None]
    attempted: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    outcomes: dict[OperationOutcome, int] = field(default_factory=lambda: dict.fromkeys(OperationOutcome, 0))
    words: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, client: str, words: Sequence[str], ask: Callable[[Sequence[str]], Awaitable[Reply]]
    ) -> OperationOutcome:
        """Note a request and what becomes of it."""
        number = self.recorder.begin(client, *words)
        reply: object = None
        try:
            reply = await ask(words)
            outcome = OperationOutcome.DONE
        except (UnavailableError, ConnectionRefusedError):
            outcome = OperationOutcome.NOT_DONE
        except (UnknownOutcomeError, OSError):  # TimeoutError is one
            outcome = OperationOutcome.UNKNOWN
        except CommandError as error:
            errors = {SURELY_NOT_DONE: OperationOutcome.NOT_DONE, MAYBE_DONE: OperationOutcome.UNKNOWN}
            outcome = errors.get(error.code, OperationOutcome.DONE)
            reply = error
        self.recorder.end(number, outcome, reply)
        self.outcomes[outcome] += 1
        self.note(client, *words, outcome.value, repr(reply))
        if outcome is OperationOutcome.DONE and words[0] == "get" and isinstance(reply, bytes):
            self.words[words[1]] = reply.decode()
        return outcome

    def operation(self, rng: Random, fresh: str) -> tuple[str, ...]:
        """Draw what to ask; `fresh` is a value that nobody has used."""
        key, other = rng.choice(KEYS), rng.choice(KEYS)
        return rng.choices(
            (
                ("get", key),
                ("set", key, fresh),
                ("incr", NUMBER),
                ("get", NUMBER),
                ("append", key, fresh),
                ("set", key, fresh, "IFEQ", self.words.get(key, "")),
                ("set", key, fresh, "NX"),
                ("set", key, fresh, "GET"),
                ("del", key, NUMBER),
                ("mget", key, other),
                ("mset", key, fresh, other, f"{fresh}'"),
                ("incr", key),
            ),
            (30, 15, 15, 8, 8, 8, 3, 5, 2, 2, 1, 1),
        )[0]


async def ask_once(connection: NodeConnection, words: Sequence[str]) -> Reply:
    """Return the reply to one request, which isn't repeated; TimeoutError if it takes too long."""
    async with asyncio.timeout(PATIENCE_S):
        return await connection.request(*(word.encode() for word in words))


@dataclass
class SimulatedClient:
    """Asks while it `goes_on`, and thinks now and then."""

    name: str
    addresses: Sequence[Address]
    record: Record
    rng: Random
    goes_on: Callable[[], bool]

    async def _think(self) -> None:
        await asyncio.sleep(self.rng.expovariate(1 / THINKING_S))


class PlainClient(SimulatedClient):
    """Asks a node until it has failed to answer, then another; repeats nothing."""

    async def run(self) -> None:
        """Ask until it is told to end."""
        count = 0
        while self.goes_on():
            try:
                async with asyncio.timeout(PATIENCE_S):
                    connection = await connect_tcp(self.rng.choice(self.addresses))
            except OSError:
                await self._think()
                continue
            well = True
            while well and self.goes_on():
                at_once = MOST_AT_ONCE if self.rng.random() < SHARE_OF_BURSTS else 1
                well = await self._burst(connection, range(count, count + at_once))
                count += at_once
                await self._think()
            connection.close()

    async def _burst(self, connection: NodeConnection, numbers: Iterable[int]) -> bool:
        """Ask as many requests as there are numbers without waiting; return whether all were done."""
        asks = [
            self.record.ask(f"{self.name}.{place}", self._words(f"{self.name}.{number}"), partial(ask_once, connection))
            for place, number in enumerate(numbers)
        ]
        return set(await asyncio.gather(*asks)) == {OperationOutcome.DONE}

    def _words(self, fresh: str) -> tuple[str, ...]:
        return self.record.operation(self.rng, fresh)


class Reader(PlainClient):
    """A plain client that never writes."""

    def _words(self, _: str) -> tuple[str, ...]:
        return ("get", self.rng.choice((*KEYS, NUMBER)))


class ExactClient(SimulatedClient):
    """Writes in sessions, so that its writes are done exactly once however often they are sent."""

    async def run(self) -> None:
        """Ask until it is told to end."""
        client = Client(self.addresses, timeout_s=PERSISTENCE_S, attempt_timeout_s=PATIENCE_S, rng=self.rng)

        async def read(words: Sequence[str]) -> Reply:
            return await client.read(*words)

        async def write(words: Sequence[str]) -> Reply:
            return await client.write(*words)

        count = 0
        while self.goes_on():
            count += 1
            fresh = f"<{self.name}.{count}>"
            if self.rng.random() < READS_OF_EXACT:
                await self.record.ask(self.name, ("get", self.rng.choice((*KEYS, SENTENCE))), read)
            elif self.rng.random() < 0.5:
                self.record.attempted.append(fresh)
                if await self.record.ask(self.name, ("append", SENTENCE, fresh), write) is OperationOutcome.DONE:
                    self.record.acknowledged.append(fresh)
            else:
                await self.record.ask(self.name, ("incr", NUMBER), write)
            await self._think()
        await client.close()
