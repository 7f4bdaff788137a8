"""A store above 64 MiB reaches a node that was away, under a leader that leads on and serves meanwhile."""

import asyncio
from pathlib import Path

import redis.asyncio

from patience import PATIENCE_S, PROGRAM_S
from real_cluster import STEADY, RealCluster, real_cluster

VALUE = b"v" * (16 << 20)  # as large as a value may be
VALUES = 5
INDEX = "raft_snapshot_index"


async def info(cluster: RealCluster, number: int) -> dict[str, str]:
    """The fields of INFO; empty if nobody answers."""
    lines = (await cluster.ask(number, "INFO")).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


async def reaches(cluster: RealCluster, number: int, field: str, least: int) -> None:
    """Wait until a number in a node's INFO is so much."""
    async with asyncio.timeout(PATIENCE_S):
        while int((await info(cluster, number)).get(field, "-1")) < least:  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.05)


def test_a_store_above_64_mib_reaches_a_late_node_under_one_leader(tmp_path: Path) -> None:
    """Its entries are compacted, so the node gets a snapshot; clients are answered while it travels.

    While it is away, the leader needs the other one, and the largest values travel to and from both.
    """

    async def main() -> None:
        async with real_cluster(tmp_path, [*STEADY, "--snapshot-bytes", str(70 << 20)]) as cluster:
            leader = await cluster.leader()
            away = leader % 3 + 1
            cluster.nodes[away].kill()
            client, beside = (
                redis.asyncio.Redis(port=cluster.nodes[node].port, socket_timeout=PATIENCE_S)
                for node in (leader, 6 - leader - away)
            )
            try:
                before = await info(cluster, leader)
                number = 0
                async with asyncio.timeout(PROGRAM_S):
                    while (snapshot := (await info(cluster, leader))[INDEX]) == before[INDEX]:
                        name = f"large{number % VALUES}"
                        assert await asyncio.gather(client.set(name, VALUE), beside.set(name, VALUE)) == [True, True]
                        number += 1
                written = int((await info(cluster, leader))["raft_applied_index"])
                cluster.nodes[away].start()
                catching_up, served = asyncio.create_task(reaches(cluster, away, "raft_applied_index", written)), 0
                while not catching_up.done():
                    assert await client.set("small", served)
                    served += 1
                await catching_up
                after = await info(cluster, leader)
                late = await info(cluster, away)
            finally:
                await client.aclose()
                await beside.aclose()
            assert served > 0
            assert (after["raft_role"], after["raft_term"]) == ("leader", before["raft_term"])
            assert late["raft_leader_id"] == str(leader)
            assert int(late[INDEX]) >= int(snapshot), "it was given a snapshot, not the log"
            reader = redis.asyncio.Redis(port=cluster.nodes[away].port, socket_timeout=PATIENCE_S)
            try:
                assert await reader.strlen(f"large{VALUES - 1}") == len(VALUE)
            finally:
                await reader.aclose()

    asyncio.run(main())
