"""Real nodes whose disks aren't what they were, and what their operator does about it."""

import asyncio
import shutil
import subprocess
from pathlib import Path

from patience import PATIENCE_S
from real_cluster import IMPATIENT, QUORATE, RealCluster, real_cluster


def test_a_wiped_disk_loses_nothing_and_is_replaced(tmp_path: Path) -> None:
    """The node is refused by the others, says so, and serves again when it has been replaced."""

    async def test() -> None:
        async with real_cluster(tmp_path, IMPATIENT) as cluster:
            cluster.nodes[3].kill()
            assert (await cluster.ask(1, "SET", "paid", "100")).startswith(b"+OK")
            for number in (1, 2):
                cluster.nodes[number].kill()
            shutil.rmtree(tmp_path / "node2")
            for number in (2, 3):
                cluster.nodes[number].start()
            await cluster.info_has(2, b"remembers another storage of this node")
            await cluster.info_has(3, b"isn't the one that it had")
            assert not (await cluster.ask(3, "GET", "paid")).startswith(b"$-1")

            cluster.nodes[2].kill()
            status, said = await cluster.nodes[2].replaced()
            assert status == 2
            assert "all other members must serve" in said  # node 1 is down
            cluster.nodes[1].start()
            status, said = await cluster.nodes[2].replaced()
            assert (status, "have recorded the new storage of node 2" in said) == (0, True), said
            cluster.nodes[2].start()
            await cluster.all_serve()
            for number in cluster.nodes:
                assert await cluster.ask(number, "GET", "paid") == b"$3\r\n100\r\n"
            # It votes again: with it and one other alone the cluster goes on.
            leader = await cluster.leader()
            cluster.nodes[leader].kill()
            await cluster.acknowledges(leader % 3 + 1, "SET", "paid", "200")

    asyncio.run(test())


def test_a_cluster_that_was_created_starts_with_a_majority(tmp_path: Path) -> None:
    """Its members needn't meet first, for each is known to all others."""
    command = [QUORATE, "create", str(tmp_path / "made"), "--nodes", "3"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ended.returncode == 0, ended.stderr
    again = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
    for number in (1, 2, 3):
        shutil.move(tmp_path / "made" / f"node{number}", tmp_path)

    async def test() -> None:
        cluster = RealCluster(tmp_path)
        try:
            await cluster.start()
            cluster.nodes[3].kill()
            await cluster.acknowledges(1, "SET", "a", "b")
        finally:
            await cluster.close()

    asyncio.run(test())
