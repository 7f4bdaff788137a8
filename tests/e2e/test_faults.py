"""Real servers keep their promises while they are killed, paused and cut off, under load from several clients."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

import pytest

from real_cluster import RealCluster, real_cluster
from real_load import Load, judge


async def settle(cluster: RealCluster) -> None:
    """Undo every fault."""
    cluster.mend()
    for node in cluster.nodes.values():
        node.resume()
        node.start()
    await cluster.all_serve()


Fault = Callable[[RealCluster, Load, Random], Coroutine[Any, Any, None]]


async def kill_each(cluster: RealCluster, load: Load, rng: Random) -> None:
    """End every node with kill -9 in some order, each up again before the next; then the leader, twice."""
    for number in rng.sample(sorted(cluster.nodes), 3):
        cluster.nodes[number].kill()
        await load.answered()
        cluster.nodes[number].start()
        await cluster.all_serve()
    for _ in range(2):
        number = await cluster.leader()
        cluster.nodes[number].kill()
        await load.answered()
        cluster.nodes[number].start()
        await load.answered()


async def kill_all(cluster: RealCluster, load: Load, _: Random) -> None:
    """End all nodes with kill -9 at once: what was acknowledged is on their disks."""
    for _ in range(2):
        for node in cluster.nodes.values():
            node.kill()
        for node in cluster.nodes.values():
            node.start()
        await cluster.all_serve()
        await load.answered()


async def pause_leaders(cluster: RealCluster, load: Load, _: Random) -> None:
    """SIGSTOP the leader until another leads, and let it find out."""
    for _ in range(3):
        number = await cluster.leader()
        cluster.nodes[number].pause()
        await load.answered()
        cluster.nodes[number].resume()
        await load.answered()


async def cut_off(cluster: RealCluster, load: Load, rng: Random) -> None:
    """Cut off the leader from all; then one direction of one pair after the other."""
    for _ in range(2):
        cluster.isolate(await cluster.leader())
        await load.answered()
        cluster.mend()
        await load.answered()
    for pair in rng.sample(sorted(cluster.cables), 3):
        cluster.cables[pair].cut()
        await load.answered()
        cluster.mend()


@pytest.mark.parametrize("fault", [kill_each, kill_all, pause_leaders, cut_off], ids=lambda f: f.__name__)
def test_promises_hold_while_real_servers_fail(fault: Fault, tmp_path: Path) -> None:
    """Histories are linearizable, traces conform, nothing acknowledged is lost, nothing in a session done twice."""

    async def run() -> None:
        async with real_cluster(tmp_path, ["--snapshot-bytes", "20000"]) as cluster:
            load = Load(cluster, seed=1)
            async with load.running():
                await load.answered()
                await fault(cluster, load, Random(1))
                await settle(cluster)
            await judge(cluster, load, tmp_path)

    asyncio.run(run())
