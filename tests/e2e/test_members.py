"""A real cluster changes its members while it serves, and while nodes are killed, paused and started again."""

import asyncio
import shutil
from pathlib import Path
from typing import Literal

import pytest

from changing_cluster import ChangingCluster, changing_cluster
from nightly import NIGHTLY
from patience import PATIENCE_S
from real_load import Load, judge
from tls_files import Authority

ROLES = {1: "voter", 2: "voter", 3: "voter", 4: "learner"}


def test_all_nodes_are_replaced_one_by_one_while_clients_ask(tmp_path: Path) -> None:
    """Nothing acknowledged is lost, histories are linearizable, traces conform; of the old nodes one is dead."""

    async def test() -> None:
        async with changing_cluster(tmp_path, ["--snapshot-bytes", "20000"]) as cluster:
            load = Load(cluster, seed=1, places=cluster.places, thinking_s=0.05)
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


Phase = Literal["joint at the leader alone", "joint at a majority of the old voters", "final"]
Victim = Literal["leader", "follower"]
BY_DAY: tuple[tuple[Phase, Victim], ...] = (
    ("joint at the leader alone", "leader"),
    ("joint at a majority of the old voters", "leader"),
    ("final", "follower"),
)
BY_NIGHT: tuple[tuple[Phase, Victim], ...] = (
    ("joint at the leader alone", "follower"),
    ("joint at a majority of the old voters", "follower"),
    ("final", "leader"),
)


async def until_phase(cluster: ChangingCluster, phase: Phase) -> tuple[int, int]:
    """Begin to replace a follower by node 4, and go on to this phase; return the leader and that follower.

    A majority of the new voters commits the joint configuration, too; the paused ones keep it from that.
    """
    leader = await cluster.leader()
    old, other = (number for number in (1, 2, 3) if number != leader)
    paused = {"joint at the leader alone": (old, other, 4), "joint at a majority of the old voters": (other, 4)}
    for number in paused.get(phase, ()):
        cluster.nodes[number].pause()
    asking = asyncio.create_task(cluster.ask(leader, "QUORATE.MEMBERS", "REPLACE", str(old), "4"))
    if phase == "final":
        await cluster.has_listed(leader, lambda content: old not in {m["id"] for m in content["members"]})
    else:
        content = await cluster.has_listed(leader, lambda content: content["change"] == "joint")
        if phase == "joint at a majority of the old voters":
            await cluster.info_has(old, b"raft_last_log_index:%d" % content["index"])
    asking.cancel()
    return leader, old


@pytest.mark.parametrize(("phase", "victim"), [*BY_DAY, *(BY_NIGHT if NIGHTLY else ())])
def test_nodes_that_are_killed_in_a_joint_change_end_it_one_way_or_the_other(
    phase: Phase, victim: Victim, tmp_path: Path
) -> None:
    """With kill -9. Meanwhile no second change begins; all members have everything then, and the traces conform."""

    async def test() -> None:
        # So long a timeout that the leader doesn't step down while the others are paused, before it has answered.
        options = ["--heartbeat-ms", "50", "--election-timeout-ms", "1500", "--request-timeout-ms", "500"]
        async with changing_cluster(tmp_path, options, joiners=1) as cluster:
            load = Load(cluster, seed=1, places=cluster.places, thinking_s=0.05)
            async with load.running():
                await load.answered(5)
                await cluster.join(4, through=1)
                await cluster.has_caught_up(4)
            leader, old = await until_phase(cluster, phase)
            if phase == "joint at the leader alone":
                answer = await cluster.ask(leader, "QUORATE.MEMBERS", "REMOVE", "4")
                assert answer.startswith(b"-CLUSTERDOWN timed out: "), answer
                leads = b"raft_role:leader" in await cluster.ask(leader, "INFO")
                assert b"a change is under way: the one at index" in answer or not leads, answer
                assert answer.count(b"\n") == 1
            killed = leader if victim == "leader" else old
            cluster.nodes[killed].kill()
            for node in cluster.nodes.values():
                node.resume()
            cluster.nodes[killed].start()
            roles = await cluster.no_change_is_under_way()
            replaced = {number: "voter" for number in ROLES if number != old}
            assert roles in ([ROLES, replaced] if phase == "joint at the leader alone" else [replaced])
            if roles == replaced:
                cluster.forget(old).kill()
            await cluster.all_serve()
            await judge(cluster, load, tmp_path)

    asyncio.run(test())


def test_a_node_that_is_killed_while_it_joins_gets_one_place(tmp_path: Path) -> None:
    """Before it has one, and as soon as it has one; its folder can't be exchanged, and who was removed is told so."""

    async def test() -> None:
        async with changing_cluster(tmp_path, joiners=1) as cluster:
            leader = await cluster.leader()
            others = [cluster.nodes[number] for number in (1, 2, 3) if number != leader]
            for node in others:
                node.pause()
            joining = cluster.begin_joining(4, through=leader)
            await cluster.has_logged(4, "waiting")
            joining.kill()
            for node in others:
                node.resume()
            await cluster.all_serve(1, 2, 3)
            joining.start()
            await cluster.has_roles(ROLES)
            joining.kill()
            joining.start()
            await cluster.info_has(4, b"raft_node_id:4")
            assert await cluster.roles() == ROLES
            await cluster.has_caught_up(4)

            joining.kill()
            shutil.move(tmp_path / "node4", tmp_path / "lost")
            joining.start()
            assert await asyncio.to_thread(joining.ended) == 2
            refused = (
                f"node 4 is at 127.0.0.1:{cluster.peer_ports[4]}: give the new node another address, or remove node 4"
            )
            assert refused in joining.log.read_text()

            shutil.rmtree(tmp_path / "node4")
            shutil.move(tmp_path / "lost", tmp_path / "node4")
            await cluster.change("remove", "4")
            joining.start()
            await cluster.info_has(4, b"node 4 was removed from the cluster: stop it")

    asyncio.run(test())


def test_what_cannot_be_done_is_refused_in_one_line(tmp_path: Path) -> None:
    """With exit status 1."""

    async def test() -> None:
        async with changing_cluster(tmp_path, count=1, joiners=1) as cluster:
            assert await cluster.members("add", "127.0.0.1:1") == (0, "node 2 may join from 127.0.0.1:1\n")
            for words, why in {
                ("promote", "9"): "node 9 is no member; these are: 1, 2",
                ("promote", "1"): "node 1 is no learner: it votes already",
                ("replace", "2", "1"): "node 2 is no voter: `quorate members remove 2` removes it",
                ("promote", "2"): "node 2 hasn't come yet",
                ("remove", "1"): "a cluster needs at least one voter",
            }.items():
                status, text = await cluster.members(*words)
                assert (status, text.count("\n"), why in text) == (1, 1, True), text
            # A node that is admitted and never starts.
            place = f"127.0.0.1:{cluster.peer_ports[2]}"
            assert (await cluster.ask(1, "QUORATE.MEMBERS", "JOIN", place, "ab" * 16)).startswith(b"$")
            status, text = await cluster.members("promote", "3")
            assert (status, text.count("\n"), "node 3 lags behind" in text) == (1, 1, True), text

    asyncio.run(test())


def test_members_change_with_passwords_and_certificates(tmp_path: Path) -> None:
    """Only the operator changes them; with TLS between nodes a node has the id of its certificate.

    A node whose certificate another authority has signed gets a place, but nothing of the log, so it can't get a vote.
    """
    authority, other_authority = Authority(tmp_path), Authority(tmp_path, "other")
    password, wrong = tmp_path / "operator", tmp_path / "wrong"
    password.write_text("secret\n")
    wrong.write_text("guess\n")

    def options(number: int) -> list[str]:
        files = (other_authority if number == 6 else authority).issue(f"node-{number}")
        tls = [
            "--peer-certificate",
            str(files.certificate),
            "--peer-key",
            str(files.key),
            "--peer-authority",
            str(files.ca),
        ]
        return [*tls, "--operator-password-file", str(password)]

    async def test() -> None:
        async with changing_cluster(tmp_path, count=2, joiners=4, options_of=options) as cluster:
            assert await cluster.members("remove", "1") == (
                1,
                "quorate: NOPERM only the operator may do this: AUTH operator PASSWORD\n",
            )
            assert await cluster.members("remove", "1", options=["--operator-password-file", str(wrong)]) == (
                1,
                "quorate: WRONGPASS invalid username-password pair or user is disabled.\n",
            )
            cluster.begin_joining(5, through=1, options=["--id", "5"])
            await cluster.has_roles({1: "voter", 2: "voter", 5: "learner"})
            await cluster.info_has(5, b"raft_node_id:5")
            operator = ["--operator-password-file", str(password)]
            async with asyncio.timeout(PATIENCE_S):
                while "lags behind" in (answer := await cluster.members("promote", "5", options=operator))[1]:
                    pass
            assert answer == (0, "OK\n")
            await cluster.all_serve()

            stranger = cluster.begin_joining(6, through=1, options=["--id", "6"])
            await cluster.has_roles({1: "voter", 2: "voter", 5: "voter", 6: "learner"})
            await cluster.has_logged(1, "the authority that is trusted here did not sign it")
            status, text = await cluster.members("promote", "6", options=operator)
            assert (status, text.count("\n"), "node 6 lags behind: it has 0 of" in text) == (1, 1, True), text
            stranger.kill()

    asyncio.run(test())


def test_a_node_moves_to_another_address(tmp_path: Path) -> None:
    """The others reach it there when an operator has said so, and elect it with the help of nobody else."""

    async def test() -> None:
        async with changing_cluster(tmp_path, joiners=1) as cluster:
            cluster.nodes[3].kill()
            cluster.move(3, to=cluster.peer_ports[4])
            status, text = await cluster.members("address", "3", f"127.0.0.1:{cluster.peer_ports[4]}")
            assert (status, text) == (0, "OK\n")
            cluster.nodes[3].start()
            await cluster.acknowledges(3, "SET", "moved", "yes")
            leader = await cluster.leader()
            cluster.nodes[next(number for number in (1, 2) if number != leader)].kill()
            await cluster.acknowledges(leader, "SET", "moved", "again")
            await cluster.acknowledges(3, "SET", "moved", "for good")

    asyncio.run(test())
