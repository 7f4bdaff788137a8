"""Transactions, keys that expire and large values, of three real nodes, whoever is asked and whoever leads."""

import asyncio
from pathlib import Path

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from patience import PATIENCE_S
from real_cluster import STEADY, RealCluster, real_cluster

LARGEST = 16 << 20


def client_of(cluster: RealCluster, number: int) -> redis.asyncio.Redis:
    """A client of one node, which asks once."""
    retry = Retry(NoBackoff(), 0)
    return redis.asyncio.Redis(port=cluster.nodes[number].port, socket_timeout=PATIENCE_S, retry=retry)


async def surely_set(client: redis.asyncio.Redis, key: str, value: bytes) -> None:
    """Set a value, as often as it takes: on a busy machine leaders may change meanwhile."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await client.set(key, value)
            except redis.RedisError:
                continue
            return


def test_transactions_large_values_and_time_go_through_every_node(tmp_path: Path) -> None:
    """Also when the leader is killed: then what is left of a key's time is less, and what is gone stays gone."""

    async def main() -> None:
        async with real_cluster(tmp_path, [*STEADY, "--request-timeout-ms", "30000"]) as cluster:
            leader = await cluster.leader()
            follower, other = sorted(set(cluster.nodes) - {leader})
            first, second = client_of(cluster, follower), client_of(cluster, other)
            # The largest value there may be.
            await surely_set(first, "large", b"x" * LARGEST)
            assert await second.get("large") == b"x" * LARGEST
            assert await first.strlen("large") == LARGEST
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
            async with asyncio.timeout(PATIENCE_S):
                while await first.exists("short"):
                    pass
            left = await first.pttl("long")
            cluster.nodes[leader].kill()
            assert await cluster.leader() != leader
            assert not await second.exists("short")
            assert 0 < await second.pttl("long") <= left
            assert await second.strlen("large") == LARGEST
            for client in (first, second):
                await client.aclose()

    asyncio.run(main())
