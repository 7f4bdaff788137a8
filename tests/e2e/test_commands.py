"""Transactions, keys that expire and large values, of three real nodes, whoever is asked and whoever leads."""

import asyncio
from pathlib import Path

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from real_cluster import PATIENCE_S, RealCluster, real_cluster

LARGEST = 16 << 20


def client_of(cluster: RealCluster, number: int) -> redis.asyncio.Redis:
    """A client of one node, which asks once."""
    retry = Retry(NoBackoff(), 0)
    return redis.asyncio.Redis(port=cluster.nodes[number].port, socket_timeout=PATIENCE_S, retry=retry)


def test_transactions_large_values_and_time_go_through_every_node(tmp_path: Path) -> None:
    """Also when the leader is killed: then what is left of a key's time is less, and what is gone stays gone."""

    async def main() -> None:
        async with real_cluster(tmp_path) as cluster:
            leader = await cluster.leader()
            follower, other = sorted(set(cluster.nodes) - {leader})
            first, second = client_of(cluster, follower), client_of(cluster, other)
            # The largest values, several at once, and what is one byte larger.
            values = [bytes([65 + number]) * LARGEST for number in range(3)]
            await asyncio.gather(*(first.set(f"large{number}", value) for number, value in enumerate(values)))
            for number, value in enumerate(values):
                assert await second.get(f"large{number}") == value
            assert await first.strlen("large0") == LARGEST
            # A transaction of a follower's client, and one whose watched key another follower's client changes.
            async with first.pipeline(transaction=True) as pipeline:
                assert await pipeline.set("n", 1).incr("n").get("n").execute() == [True, 2, b"2"]
                await pipeline.watch("n")
                await second.incr("n")
                pipeline.multi()
                pipeline.set("n", "lost")
                try:
                    await pipeline.execute()
                except redis.WatchError:
                    pass
                else:
                    raise AssertionError("a watched key was changed")
            assert await first.get("n") == b"3"
            # Time, through a change of leaders.
            assert await first.set("short", "x", px=300)
            assert await first.set("long", "x", ex=1_000)
            while await first.exists("short"):
                pass
            left = await first.pttl("long")
            cluster.nodes[leader].kill()
            assert await cluster.leader() != leader
            assert not await second.exists("short")
            assert 0 < await second.pttl("long") <= left
            assert await second.get("large2") == values[2]
            for client in (first, second):
                await client.aclose()

    asyncio.run(main())
