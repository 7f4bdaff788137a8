"""A real node whose folder is put back as it was earlier: those that remember more say so, and nothing is lost."""

import asyncio
import shutil
from pathlib import Path

from patience import PATIENCE_S
from real_cluster import IMPATIENT, QUORATE, RealCluster, real_cluster


async def status_has(cluster: RealCluster, text: str) -> None:
    """Wait until `quorate status`, asked of all nodes, says so."""
    servers = [f"{host}:{port}" for host, port in cluster.addresses]
    async with asyncio.timeout(PATIENCE_S):
        while True:
            asked = await asyncio.create_subprocess_exec(
                *(QUORATE, "status", *servers), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            output, _ = await asked.communicate()
            if text in " ".join(output.decode().split()):
                return


def test_an_older_copy_of_a_nodes_own_folder_is_refused_and_loses_nothing(tmp_path: Path) -> None:
    """It acknowledged a write with the leader alone; with the third node, which never saw it, it is no majority."""

    async def test() -> None:
        async with real_cluster(tmp_path, IMPATIENT) as cluster:
            leader = await cluster.leader()
            older, away = (number for number in cluster.nodes if number != leader)
            folder, copy = tmp_path / f"node{older}", tmp_path / "copy"
            cluster.nodes[older].pause()
            shutil.copytree(folder, copy)  # as a snapshot of its volume would be
            cluster.nodes[older].resume()
            cluster.nodes[away].kill()
            async with asyncio.timeout(PATIENCE_S):
                while not (await cluster.ask(leader, "SET", "paid", "100")).startswith(b"+OK"):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

            cluster.nodes[older].kill()
            shutil.rmtree(folder)
            shutil.copytree(copy, folder)
            cluster.nodes[older].start()
            why = f"the storage of node {older} is an older copy"
            await cluster.info_has(leader, why.encode())
            await cluster.info_has(older, f"node {leader} refuses this node: {why}".encode())
            await status_has(cluster, why)
            for number in (leader, older):
                log = (tmp_path / f"node{number}.log").read_text()
                assert any("peer refused" in line and why in line for line in log.splitlines()), log

            # Both that lack the write are there now, and only one of them counts.
            cluster.nodes[away].start()
            async with asyncio.timeout(PATIENCE_S):
                while await cluster.ask(away, "GET", "paid") != b"$3\r\n100\r\n":  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert not (await cluster.ask(older, "SET", "paid", "0")).startswith(b"+OK")

    asyncio.run(test())
