"""A real cluster changes its members while it serves, and while nodes are killed, paused and started again."""

import asyncio
from pathlib import Path

from changing_cluster import changing_cluster
from real_load import Load, judge


def test_all_nodes_are_replaced_one_by_one_while_clients_ask(tmp_path: Path) -> None:
    """Nothing acknowledged is lost, histories are linearizable, traces conform; of the old nodes one is dead."""

    async def test() -> None:
        async with changing_cluster(tmp_path, ["--snapshot-bytes", "20000"]) as cluster:
            load = Load(cluster, seed=1, places=cluster.places, thinking_s=0.02)
            async with load.running():
                await load.answered()
                for old, new in ((1, 4), (2, 5), (3, 6)):
                    await cluster.join(new, through=old)
                    if old == 2:
                        cluster.nodes[old].kill()
                    await cluster.change("replace", str(old), str(new))
                    cluster.forget(old).end()
                    await load.answered()
            assert await cluster.roles() == {4: "voter", 5: "voter", 6: "voter"}
            await judge(cluster, load, tmp_path)

    asyncio.run(test())
