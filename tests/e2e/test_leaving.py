"""A leader that leaves, in whatever way: nobody who asked at another node waits until the request is overdue.

Requests may take a minute here, and `RealCluster.ask` waits ten seconds for its answer: whoever is left to wait fails.
"""

import asyncio
from pathlib import Path

import pytest

from real_cluster import RealCluster, real_cluster
from traced_cluster import judged

OPTIONS = ("--request-timeout-ms", "60000")
CLIENTS_OF_A_NODE = 5


async def write_until(cluster: RealCluster, number: int, key: str, enough: asyncio.Event) -> list[bytes]:
    """Write at one node, again and again, and once more after that; the answers."""
    answers, last = [], False
    while not last:
        last = enough.is_set()
        answers.append(await cluster.ask(number, "SET", key, str(len(answers))))
    return answers


async def answers_around(cluster: RealCluster, leader: int, happens: str) -> list[bytes]:
    """What clients of the followers are answered before, while and after something happens to the leader."""
    enough = asyncio.Event()
    followers = [number for number in cluster.nodes if number != leader]
    async with asyncio.TaskGroup() as clients:
        tasks = [
            clients.create_task(write_until(cluster, number, f"{number} {client}", enough))
            for number in followers
            for client in range(CLIENTS_OF_A_NODE)
        ]
        for number in followers:
            await cluster.ask(number, "SET", "some", "writes")
        match happens:
            case "SIGTERM":
                assert await asyncio.to_thread(cluster.nodes[leader].stop) == 0
            case "kill -9":
                cluster.nodes[leader].kill()
            case "SIGSTOP":
                cluster.nodes[leader].pause()
            case "cut cables":
                cluster.isolate(leader)
        for number in followers:
            assert await cluster.ask(number, "SET", "more", "writes")
        enough.set()
    return [answer for task in tasks for answer in task.result()]


@pytest.mark.parametrize("count", [3, 5])
def test_a_leader_that_is_asked_to_end_hands_over(tmp_path: Path, count: int) -> None:
    """What was under way is done, another leads at once, and every write of everybody else is acknowledged.

    The specification explains the transfer (§3.10 of Ongaro's dissertation).
    """

    async def main() -> None:
        async with real_cluster(tmp_path, OPTIONS, count) as cluster:
            answers = await answers_around(cluster, await cluster.leader(), "SIGTERM")
            assert set(answers) == {b"+OK\r\n"}
        check = judged(cluster.traces)
        assert check.finding is None
        names = {name for sequence in check.sequences for name in sequence}
        assert {"transfer_leadership", "timeout_now", "handle_timeout_now"} <= names

    asyncio.run(main())


@pytest.mark.parametrize("happens", ["kill -9", "SIGSTOP", "cut cables"])
def test_a_write_is_answered_as_soon_as_its_leader_is_lost(tmp_path: Path, happens: str) -> None:
    """Acknowledged, or not known to be; what comes afterwards is acknowledged."""

    async def main() -> None:
        async with real_cluster(tmp_path, OPTIONS) as cluster:
            answers = await answers_around(cluster, await cluster.leader(), happens)
            assert b"" not in answers
            others = [answer for answer in answers if answer != b"+OK\r\n"]
            assert all(b", which led, was lost: " in answer for answer in others)
            assert answers.count(b"+OK\r\n") > len(others)

    asyncio.run(main())
