"""A client that believes what more nodes say than can lie: lies are never believed, and honest answers always are."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quick_loop import run
from quorate.client.client import Client
from quorate.client.retries import CommandError, NodeConnection, Reply, UnavailableError, UnknownOutcomeError
from quorate.store import operations, replies
from quorate.store.commands import Writes, find
from quorate.store.machine import KeyValueMachine
from quorate.store.operations import InSession
from quorate.store.replies import Failure
from quorate.store.writes import Set

NODES = [(f"node{number}", number) for number in range(1, 5)]
Behaviour = Callable[["Cluster", tuple[bytes, ...]], Reply]


class Cluster:
    """One log that every node passes requests on to; what each node does with them and answers is its `behaviour`."""

    def __init__(self, **behaviours: Behaviour) -> None:
        """All but the nodes named are honest."""
        self.machine = KeyValueMachine()
        self.index = 0
        self.behaviours = behaviours

    def do(self, args: tuple[bytes, ...]) -> Reply:
        """Apply or answer a request at the end of the log."""
        self.index += 1
        command = find(list(args))
        assert not hasattr(command, "answer")
        encoded = operations.encode(command.parse(list(args)))  # type: ignore[union-attr]
        act = self.machine.apply if isinstance(command, Writes) else lambda _, query: self.machine.query(query)
        reply = replies.decode(act(self.index, encoded))
        if isinstance(reply, Failure):
            raise CommandError(reply.text)
        return reply.text.encode() if hasattr(reply, "text") else reply  # type: ignore[return-value]

    async def connect(self, address: tuple[str, int]) -> NodeConnection:
        """Return a connection to a node."""
        return Node(self, address[0])

    def client(self) -> Client:
        """A client of all four."""
        return Client(NODES, byzantine=True, connect=self.connect, rng=Random(1), timeout_s=5)


class Node:
    """A connection to one node."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        """Made by `Cluster.connect`."""
        self._cluster, self._name = cluster, name
        self.closed = False

    async def request(self, *args: bytes) -> Reply:
        """Ask."""
        return self._cluster.behaviours.get(self._name, Cluster.do)(self._cluster, args)

    def close(self) -> None:
        """Nothing is open."""


def dead(_: Cluster, __: tuple[bytes, ...]) -> Reply:
    """Break off."""
    raise ConnectionResetError


def liar(_: Cluster, __: tuple[bytes, ...]) -> Reply:
    """Answer without having done anything."""
    return b"a lie"


def number_liar(_: Cluster, __: tuple[bytes, ...]) -> Reply:
    """Say a number, as if a session had it."""
    return 1


def refuser(_: Cluster, __: tuple[bytes, ...]) -> Reply:
    """Refuse everything."""
    raise CommandError("ERR no")


def thief(cluster: Cluster, args: tuple[bytes, ...]) -> Reply:
    """Put a write of its own under the number of the client's, before the others pass that on."""
    if args[0] != b"QUORATE.SIGNED":
        return cluster.do(args)
    _, session, sequence, signature, *_ = args
    theft = InSession(int(session), int(sequence), Set(b"a", b"stolen"), signature)
    cluster.index += 1
    cluster.machine.apply(cluster.index, operations.encode(theft))
    return b"OK"


@pytest.mark.parametrize("bad", [dead, liar, number_liar, refuser, thief])
@pytest.mark.parametrize("where", [name for name, _ in NODES])
def test_one_liar_of_four_changes_nothing(bad: Behaviour, where: str) -> None:
    """Whichever node it is: what is acknowledged was done, once, and is read."""
    cluster = Cluster(**{where: bad})

    async def main() -> None:
        async with cluster.client() as client:
            assert await client.set("a", "mine")
            assert await client.incr("n") == 1
            assert await client.incr("n") == 2
            assert (await client.get("a"), await client.get("n")) == (b"mine", b"2")
            with pytest.raises(CommandError):
                await client.incr("a")
            assert await client.append("a", "!") == 5

    run(main)


def test_two_liars_of_four_can_be_believed() -> None:
    """More than a third is too many, and no client can tell: here one of the honest is silent."""
    cluster = Cluster(node1=liar, node2=liar, node3=dead)

    async def main() -> None:
        async with cluster.client() as client:
            assert await client.get("a") == b"a lie"

    run(main)


def test_without_enough_answers_the_client_is_told_the_truth() -> None:
    """A read has no answer. A write that one node has passed on may have happened."""
    cluster = Cluster(node1=dead, node2=dead, node3=dead)

    async def main() -> None:
        async with cluster.client() as client:
            with pytest.raises(UnavailableError, match="fewer than 2 alike"):
                await client.get("a")
            cluster.behaviours.clear()
            await client.set("a", "1")
            cluster.behaviours.update(node1=dead, node2=dead, node3=dead)
            with pytest.raises(UnknownOutcomeError):
                await client.set("a", "2")

    run(main)


@given(st.lists(st.sampled_from(["set", "incr", "append"]), max_size=8), st.sampled_from([dead, liar, refuser, thief]))
def test_every_acknowledged_write_was_done_once_and_in_order(writes: list[str], bad: Behaviour) -> None:
    """What is read at last is what the writes make of a text and a number."""
    cluster = Cluster(node2=bad)

    async def main() -> None:
        text, total = "", 0
        async with cluster.client() as client:
            for number, kind in enumerate(writes):
                match kind:
                    case "set":
                        text = f"v{number}"
                        assert await client.set("k", text)
                    case "incr":
                        total += number
                        assert await client.incr("n", number) == total
                    case _:
                        text += "+"
                        assert await client.append("k", "+") == len(text)
            assert await client.get("k") == (text.encode() if {"set", "append"} & {*writes} else None)
            assert await client.get("n") == (b"%d" % total if "incr" in writes else None)

    run(main)
