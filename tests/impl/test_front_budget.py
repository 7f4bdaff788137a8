"""All clients together have a bounded share of a node's memory, and small requests wait for no large ones."""

import asyncio
from random import Random

import pytest

from front_support import MapBackend, command, converse, serving
from patience import PATIENCE_S
from quorate.store.budget import ALLOWANCE_BYTES, Budget
from quorate.store.front import FrontSettings

VALUE = "v" * 1_000_000
BUDGET = 3_000_000
CLIENTS = 40
ONE_READ = 256 * 1024  # what asyncio takes from a socket at once


class Client:
    """A client that notes what it is called for."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.calls: list[str] = []

    def go_on(self) -> None:
        """Note it."""
        self.calls.append("go on")

    def leave_if_stalled(self, since: float) -> None:
        """Note it."""
        self.calls.append(f"leave if stalled since {since}")


def test_who_is_above_the_budget_waits_for_its_turn() -> None:
    """The first goes on always, and those within their allowance; the others are called when there is room."""
    budget, (first, second, third, small) = Budget(1_000_000), [Client() for _ in range(4)]
    assert budget.may_read(first, 700_000 + ALLOWANCE_BYTES)
    assert budget.may_read(second, 299_999 + ALLOWANCE_BYTES)
    assert not budget.may_read(second, 400_000 + ALLOWANCE_BYTES)
    assert budget.may_read(first, 2_000_000)
    assert not budget.may_read(third, ALLOWANCE_BYTES + 1)
    assert budget.may_read(small, ALLOWANCE_BYTES)
    assert second.calls == third.calls == []
    assert budget.may_read(first, 0)
    assert (second.calls, third.calls) == (["go on"], []), "one after the other"
    assert budget.may_read(second, 400_000 + ALLOWANCE_BYTES)
    assert third.calls == ["go on"]


def test_who_leaves_makes_room() -> None:
    """Whatever it had."""
    budget, first, second = Budget(1_000_000), Client(), Client()
    assert budget.may_read(first, 2_000_000)
    assert not budget.may_read(second, 2_000_000)
    budget.leave(first)
    assert second.calls == ["go on"]
    budget.leave(second)
    assert budget.used == 0


@pytest.mark.parametrize("seed", range(20))
def test_what_is_handed_out_is_what_clients_hold_above_their_allowances(seed: int) -> None:
    """However they grow, shrink and leave; and nobody waits who could be read from."""
    rng, budget, most = Random(seed), Budget(500_000), 500_000
    held: dict[Client, int] = {Client(): 0 for _ in range(6)}
    waiting: set[Client] = set()
    for _ in range(300):
        client = rng.choice([*(client for client in held if client.calls), *held])
        client.calls.clear()
        held[client] = rng.choice((0, 10, ALLOWANCE_BYTES, ALLOWANCE_BYTES + 1, rng.randrange(900_000)))
        waiting.discard(client)
        if rng.random() < 0.1:
            held[client] = 0
            budget.leave(client)
        elif not budget.may_read(client, held[client]):
            assert held[client] > ALLOWANCE_BYTES
            waiting.add(client)
        assert budget.used == sum(max(0, size - ALLOWANCE_BYTES) for size in held.values())
        called = [other for other in waiting if other.calls]
        assert budget.used >= most or not waiting or called


def test_many_large_requests_are_answered_within_the_budget() -> None:
    """Each client sends a megabyte at once; nobody is refused, and small requests are answered meanwhile."""

    async def main() -> None:
        backend, most = MapBackend(holds=True), 0
        async with serving(backend, FrontSettings(max_client_bytes=BUDGET)) as (front, port):
            talks = [asyncio.create_task(converse(port, command("SET", number, VALUE))) for number in range(CLIENTS)]
            async with asyncio.timeout(PATIENCE_S):
                while not backend.held:  # noqa: ASYNC110  # the state of the front
                    await asyncio.sleep(0)
            assert not any(talk.done() for talk in talks)
            assert (await converse(port, command("INFO"))).startswith(b"$"), "there is room for administration"
            backend.release()
            async with asyncio.timeout(PATIENCE_S):
                while not all(talk.done() for talk in talks):
                    most = max(most, front.budget.used)
                    await asyncio.sleep(0)
            assert [await talk for talk in talks] == [b"+OK\r\n" * 2] * CLIENTS, "each is answered, and QUIT"
            assert BUDGET < most <= BUDGET + len(VALUE) + CLIENTS * ONE_READ
            assert most < CLIENTS * len(VALUE) / 2
            assert front.budget.used == 0

    asyncio.run(main())


def test_who_keeps_others_waiting_by_an_unfinished_request_is_left() -> None:
    """Only when somebody waits, and nothing has come for a while."""

    async def main() -> None:
        async with serving(MapBackend(), FrontSettings(max_client_bytes=100_000)) as (front, port):
            stuck, waiting = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            stuck[1].write(command("SET", "a", VALUE)[:-10])
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(PATIENCE_S):
                while front.budget.used < 900_000:  # noqa: ASYNC110  # the state of the front
                    await asyncio.sleep(0)
                later = loop.time() + 1
                front.budget.relieve(loop.call_soon, later)
                waiting[1].write(command("SET", "b", VALUE))
                while not front.budget._waiting:  # noqa: ASYNC110  # the state of the front
                    await asyncio.sleep(0)
                front.budget.relieve(loop.call_soon, later - 1_000)
                await asyncio.sleep(0.01)
                assert front.clients == 2, "nobody waited, and then something had come not long ago"
                while not stuck[0].at_eof():
                    front.budget.relieve(loop.call_soon, later)
                    await asyncio.sleep(0.01)
                    if stuck[0].exception() is not None:
                        break
                assert await waiting[0].readline() == b"+OK\r\n"
            for _, writer in (stuck, waiting):
                writer.close()

    asyncio.run(main())
