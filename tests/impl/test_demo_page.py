"""The parts of the page of a demo: events, what traces show, wires, and actions that are refused."""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from patience import PATIENCE_S
from quorate.bft import Phase, Vote
from quorate.bft_server.codec import encode
from quorate.bft_server.messages import Ask
from quorate.cli.demo_cluster import Cluster
from quorate.cli.demo_web.feed import Feed
from quorate.cli.demo_web.page import page_of
from quorate.cli.demo_web.passing import MOST_MESSAGES, Passing
from quorate.cli.demo_web.traced_node import LONGEST_LOG, TracedNode
from quorate.cli.demo_web.watch import MOST_STEPS, Watch, most_telling
from quorate.cli.demo_wires import Wires
from quorate.cli.errors import CommandFailedError
from quorate.node.config_values import Protocol
from quorate.raft import ChangeMembers, Config, Propose
from quorate.runtime.tail import MOST_BYTES, Tail
from quorate.runtime.transport.frames import header
from quorate.runtime.transport.hello import Hello, encode_hello
from real_cluster import free_ports_in_a_row
from traced_cluster import TracedCluster

HOST = "127.0.0.1"
VOTE = Vote(1, 2, Phase.COMMIT, 7, 3, b"digest", b"signature")


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_messages_on_a_wire_are_read_however_their_bytes_come(size: int) -> None:
    """Behind the hello of each connection; of another connection as well."""
    passing = Passing()
    parts = [b"hello", encode(VOTE), encode(Ask(5))]
    stream = b"".join(header(part) + part for part in parts)
    for connection in range(2):
        listener = passing.listen(connection, 9)
        for start in range(0, len(stream), size):
            listener(stream[start : start + size])
    vote = {"to": 9, "name": "Vote", "index": 7, "view": 3, "phase": "commit"}
    ask = {"to": 9, "name": "Ask"}
    assert passing.take() == [{"from": source, **each} for source in range(2) for each in (vote, ask)]
    assert passing.take() == []


@pytest.mark.parametrize("rubbish", [header(b"?") + b"?", b"\xff" * 9])
def test_nothing_is_read_behind_what_is_no_message(rubbish: bytes) -> None:
    """A traitor may send it; other connections are read on, and of many messages the latest are shown."""
    passing = Passing()
    good = header(b"hello") + b"hello" + (header(encode(VOTE)) + encode(VOTE)) * (2 * MOST_MESSAGES)
    bad = passing.listen(1, 2)
    bad(good + rubbish)
    assert len(passing.take()) == MOST_MESSAGES
    bad(good)
    assert passing.take() == []
    passing.listen(1, 2)(good)
    assert len(passing.take()) == MOST_MESSAGES


def test_a_feed_keeps_the_latest_events_and_says_how_many_a_slow_page_missed() -> None:
    """Memory doesn't grow with events, nor with pages that don't read."""

    async def read() -> list[dict[str, Any]]:
        feed = Feed(most=100)
        events = feed.read()
        for number in range(10_000):
            feed.add({"kind": "number", "number": number})
        assert feed.stored == 100
        return [await anext(events) for _ in range(101)]

    missed, *rest = asyncio.run(read())
    assert missed == {"kind": "missed", "count": 9_900}
    assert [event["number"] for event in rest] == list(range(9_900, 10_000))


def test_steps_that_say_most_are_shown_first_if_there_are_too_many() -> None:
    """Heartbeats go before others, and the latest stay."""
    steps = [{"number": number, "routine": number % 2 == 0} for number in range(3 * MOST_STEPS)]
    shown = most_telling(steps, MOST_STEPS)
    assert len(shown) == MOST_STEPS
    assert not any(step["routine"] for step in shown)
    assert shown[-1]["number"] == 3 * MOST_STEPS - 1
    assert most_telling(steps[:3], MOST_STEPS) == steps[:3]


def test_a_trace_shows_the_end_of_the_log_as_it_is(tmp_path: Path) -> None:
    """Index and term of the last entries, after elections, crashes and entries that were replaced."""
    cluster = TracedCluster(tmp_path, Config((1, 2, 3), no_op=True), seed=5)
    nodes = {number: TracedNode() for number in cluster.nodes}
    tails = {number: Tail(tmp_path / f"n{number}.ndjson", skips=True) for number in nodes}
    compared = 0
    for _ in range(40):
        cluster.run(25, snapshots=False)
        for number, node in cluster.nodes.items():
            for line in tails[number].read():
                nodes[number].add(line)
            log = node.state.log
            first = max(1, log.last_index - LONGEST_LOG + 1)
            expected = [(index, log.term_at(index)) for index in range(first, log.last_index + 1)]
            assert [(index, term) for index, term, _ in nodes[number].values()["log"]] == expected
            compared += len(expected)
    cluster.close()
    assert compared > 500


def test_each_node_shows_the_same_entries_of_a_change_of_members(tmp_path: Path) -> None:
    """Also the leader, which no event has brought them: the configuration asked for, and the end of its joint phase."""
    cluster = TracedCluster(tmp_path, Config((1, 2, 3), no_op=True), seed=1)
    cluster.elect(1)
    cluster.settle()
    for voters, learners in (((1, 2), (3,)), ((1, 3), ())):
        cluster.nodes[1].handle(ChangeMembers(voters, learners))
        cluster.settle()
    cluster.close()
    nodes = [TracedNode() for _ in cluster.nodes]
    for number, node in enumerate(nodes, start=1):
        for line in (tmp_path / f"n{number}.ndjson").read_bytes().splitlines():
            node.add(line)
    texts = [[text for *_, text in node.values()["log"]] for node in nodes]
    assert texts[0] == texts[2] == ["no-op", "voters 1, 2, learners 3", "voters 1, 3", "voters 1, 3"]


def test_commands_are_shown_in_words(tmp_path: Path) -> None:
    """What isn't one of the store's commands is named, too."""
    cluster = TracedCluster(tmp_path, Config((1, 2, 3)), seed=1)
    cluster.elect(1)
    cluster.nodes[1].handle(Propose((b"no command",)))
    cluster.close()
    node = TracedNode()
    for line in (tmp_path / "n1.ndjson").read_bytes().splitlines():
        node.add(line)
    assert node.values()["log"] == [(1, 1, "a large command")]


def test_a_tail_follows_a_file_that_is_renamed_and_begun_anew(tmp_path: Path) -> None:
    """No line is lost or read twice, and a line is read when it is complete."""
    path, tail = tmp_path / "a", Tail(tmp_path / "a", skips=False)
    assert tail.read() == []
    path.write_bytes(b"one\ntw")
    assert tail.read() == [b"one"]
    with path.open("ab") as file:
        file.write(b"o\nthree\n")
    path.rename(tmp_path / "b")
    path.write_bytes(b"four\n")
    lines = [line for _ in range(4) for line in tail.read()]
    assert lines == [b"two", b"three", b"four"]
    tail.close()


def test_a_tail_that_is_far_behind_skips_what_is_old(tmp_path: Path) -> None:
    """Only if it may; it goes on with a whole line, and counts the bytes."""
    path = tmp_path / "a"
    path.write_bytes(b"".join(b"%07d\n" % number for number in range(MOST_BYTES // 4)))
    complete, partial = Tail(path, skips=False), Tail(path, skips=True)
    lines = partial.read()
    assert lines[-1] == b"%07d" % (MOST_BYTES // 4 - 1)
    assert all(len(line) == 7 for line in lines)
    assert partial.skipped_bytes == MOST_BYTES
    assert complete.read()[0] == b"0000000"
    assert complete.skipped_bytes == 0


PROTOCOL = "raft/0"


def hello(source: int, dest: int) -> bytes:
    """The first frame of a connection."""
    payload = encode_hello(Hello("demo", source, dest), PROTOCOL)
    return header(payload) + payload


def test_a_wire_carries_bytes_until_it_is_cut(tmp_path: Path) -> None:
    """In both directions; afterwards connections between its nodes end, until it is mended. Others go on."""

    async def use() -> list[bytes]:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            await writer.drain()
            await reader.read()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            closed.release()

        closed = asyncio.Semaphore(0)
        server = await asyncio.start_server(echo, HOST, 0)
        wires = Wires(HOST, tmp_path, PROTOCOL)
        for node in (1, 2, 3):
            wires.add(node, server.sockets[0].getsockname())
        await wires.start()
        assert wires.pairs() == [(1, 2, False), (1, 3, False), (2, 3, False)]
        answers = []

        async def ask(first: bytes) -> bytes:
            at = wires.gate(2)
            assert at is not None
            reader, writer = await asyncio.open_connection(*at)
            try:
                writer.write(first + b"hello\n")
                return (await reader.readline()).removeprefix(first)
            except OSError:
                return b""
            finally:
                writer.transport.abort()

        answers.append(await ask(hello(1, 2)))
        wires.cut(2, 1)
        assert wires.pairs()[0] == (1, 2, True)
        answers.append(await ask(hello(1, 2)))
        answers.append(await ask(hello(3, 2)))
        wires.mend(1, 2)
        answers.append(await ask(hello(1, 2)))
        answers.append(await ask(header(b"no hello") + b"no hello"))
        answers.append(await ask(b"\xff" * 9))
        wires.close()
        server.close()
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(3):  # connections that reached the server
                await closed.acquire()
        return answers

    assert asyncio.run(use()) == [b"hello\n", b"", b"hello\n", b"hello\n", b"", b""]


def test_a_gate_is_where_it_was_in_an_earlier_demo(tmp_path: Path) -> None:
    """For logs say that nodes are there. A port that another program has taken since is told in one line."""
    first = Wires(HOST, tmp_path, PROTOCOL)
    at = first.add(4, (HOST, 7))
    assert at == first.gate(4)
    with pytest.raises(CommandFailedError, match=f"port {at[1]} of node 4: Address already in use"):
        Wires(HOST, tmp_path, PROTOCOL).add_former(4)
    first.close()
    again = Wires(HOST, tmp_path, PROTOCOL)
    assert again.gate(4) is None
    again.add_former(3)
    again.add_former(4)
    assert (again.gate(3), again.gate(4)) == (None, at)
    again.remove(3)  # a node that joined when there was no page
    again.remove(4)
    assert again.gate(4) is None
    again.close()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """The page of a cluster none of whose nodes was started."""
    wires = Wires(HOST, tmp_path, PROTOCOL)
    cluster = Cluster(tmp_path, free_ports_in_a_row(10), Protocol.RAFT, None, wires)
    local = page_of(Watch(cluster))
    yield TestClient(local.application, base_url=f"http://127.0.0.1/{local.token}/")
    wires.close()


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"action": "explode"}, "not done: there is no action 'explode'"),
        ({"action": "kill", "node": 9}, "not done: there is no node 9"),
        ({"action": "kill", "node": "1; rm"}, "not done: '1; rm' is no number of a node"),
        ({"action": "cut", "node": 1, "others": 7}, "not done: no wire leads from node 1 to 7"),
        ({"action": "write", "key": "", "value": "x"}, "not done: key: give 1 to 200 characters"),
        ({"action": "write", "key": "x", "value": "x" * 201}, "not done: value: give 1 to 200 characters"),
    ],
)
def test_actions_that_are_impossible_are_refused_in_one_line(
    client: TestClient, request_: dict[str, Any], text: str
) -> None:
    """Whatever a page sends."""
    assert client.post("actions", json=request_).json() == {"done": False, "text": text}


@pytest.mark.parametrize("body", ["", "[]", "{"])
def test_a_request_that_is_no_object_is_refused(client: TestClient, body: str) -> None:
    """With the status of a bad request."""
    answer = client.post("actions", content=body)
    assert answer.status_code == 400
    assert json.loads(answer.text)["done"] is False


def test_a_wire_is_cut_and_shown(client: TestClient) -> None:
    """That of one pair, or all of a node."""
    assert client.post("actions", json={"action": "cut", "node": 2, "others": 1}).json()["done"] is True
    answer = client.post("actions", json={"action": "cut", "node": 3}).json()
    assert answer == {"done": True, "text": "the wires of node 3 to 1 and 2 are cut"}


def test_without_the_checker_the_page_says_that_nothing_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo goes on without it."""
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    watch = Watch(Cluster(tmp_path, free_ports_in_a_row(10), Protocol.RAFT, tmp_path))
    asyncio.run(watch._judge(tmp_path))
    assert watch.verdict["text"] == "the command model-check is not installed beside quorate, so nothing is judged"
