"""Real nodes whose state goes to a file while they serve, and comes back in another cluster."""

import asyncio
import shutil
import subprocess
from pathlib import Path

from patience import PATIENCE_S, PROGRAM_S
from real_cluster import IMPATIENT, MODEL_CHECK, QUORATE, RealCluster, real_cluster


async def run(*words: str | Path) -> tuple[int, str]:
    """A command of ours: its exit status, and what it says."""
    ended = await asyncio.to_thread(
        subprocess.run, [QUORATE, *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


async def old_members_are_refused(cluster: RealCluster, old: Path, new: Path) -> None:
    """A folder of the old cluster in place of one of the new: it takes no part. One of the new alone is no majority."""
    for number in (3, 2):
        cluster.nodes[number].kill()
        shutil.move(new / f"node{number}", new / f"spare{number}")
        shutil.copytree(old / f"node{number}", new / f"node{number}")
        cluster.nodes[number].start()
        await cluster.info_has(number, b"one of the two is of an earlier cluster")
        await cluster.info_has(1, b"node %d has a folder of the cluster" % number)
        assert not (await cluster.ask(number, "GET", "key1")).startswith(b"$")
        cluster.nodes[number].kill()
    assert not (await cluster.ask(1, "SET", "a", "b")).startswith(b"+OK")


def test_a_backup_of_a_cluster_that_serves_is_restored_into_a_new_one(tmp_path: Path) -> None:
    """All that was acknowledged is there, sessions too; members of the two clusters refuse each other."""
    file = tmp_path / "monday.backup"

    async def test() -> None:
        old = tmp_path / "old"
        old.mkdir()
        async with real_cluster(old, IMPATIENT) as cluster:
            for number in range(50):
                assert (await cluster.ask(1, "SET", f"key{number}", str(number))).startswith(b"+OK")
            large = "x" * 3_000_000
            assert (await cluster.ask(2, "SET", "large", large)).startswith(b"+OK")
            session = (await cluster.ask(3, "QUORATE.SESSION")).strip().removeprefix(b":").decode()
            assert await cluster.ask(1, "QUORATE.DO", session, "1", "INCR", "counter") == b":1\r\n"
            servers = [part for _, port in cluster.addresses for part in ("--server", f"127.0.0.1:{port}")]
            status, said = await run("backup", file, *servers)
            assert (status, "all that was acknowledged" in said) == (0, True), said
            taken = file.read_bytes()
            assert await run("backup", file, *servers) == (
                2,
                f"quorate: {file} is there already: give another name, or --overwrite\n",
            )
            assert file.read_bytes() == taken
            status, said = await run("backup", tmp_path / "other", "--data", old / "node1")
            assert (status, "another process" in said or "in use" in said) == (2, True), said
            assert (await cluster.ask(1, "SET", "later", "lost")).startswith(b"+OK")
        new = tmp_path / "new"
        new.mkdir()
        status, said = await run("restore", file, new)
        assert (status, said.count("move it there, and keep no copy")) == (0, 3), said
        status, said = await run("restore", file, new)
        assert (status, "is there already" in said) == (2, True), said
        cluster = RealCluster(new, IMPATIENT)
        try:
            await cluster.start()
            await cluster.all_serve()
            assert await cluster.ask(1, "GET", "later") == b"$-1\r\n"
            for number in range(50):
                assert (await cluster.ask(1 + number % 3, "GET", f"key{number}")).endswith(b"\n%d\r\n" % number)
            assert await cluster.ask(3, "STRLEN", "large") == b":3000000\r\n"
            assert await cluster.ask(2, "QUORATE.DO", session, "1", "INCR", "counter") == b":1\r\n"
            assert await cluster.ask(1, "QUORATE.DO", session, "2", "INCR", "counter") == b":2\r\n"
            for node in cluster.nodes.values():
                node.kill()
            judged = await asyncio.to_thread(
                subprocess.run,
                [MODEL_CHECK, "trace", cluster.traces],
                capture_output=True,
                text=True,
                timeout=PROGRAM_S,
                check=False,
            )
            assert judged.returncode == 0, judged.stdout + judged.stderr
            cluster.nodes[1].start()
            await old_members_are_refused(cluster, old, new)
        finally:
            await cluster.close()

    asyncio.run(test())


def test_a_backup_of_stopped_nodes_needs_a_majority_of_them(tmp_path: Path) -> None:
    """Two folders of three have all that was acknowledged; one may lack something, and says so."""

    async def test() -> None:
        async with real_cluster(tmp_path) as cluster:
            cluster.nodes[3].kill()
            await cluster.acknowledges(1, "SET", "paid", "100")
        folders = [tmp_path / f"node{number}" for number in (1, 2, 3)]
        status, said = await run("backup", tmp_path / "b", "--data", folders[2])
        assert (status, "those of a majority" in said) == (2, True), said
        status, said = await run("backup", tmp_path / "b", "--data", folders[2], "--partial")
        assert (status, "may lack acknowledged writes" in said) == (0, True), said
        status, said = await run("backup", tmp_path / "c", "--data", folders[2], "--data", folders[1])
        assert (status, "all that was acknowledged" in said) == (0, True), said
        status, said = await run("restore", tmp_path / "c", tmp_path / "alone", "--nodes", "1")
        assert status == 0, said
        status, said = await run("backup", tmp_path / "d", "--data", tmp_path / "alone" / "node1")
        assert status == 0, said
        assert b"paid" in (tmp_path / "d").read_bytes()

    asyncio.run(test())
