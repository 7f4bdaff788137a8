"""One client's requests take effect in the order it sent them, and their replies come in it, whatever happens."""

from collections import deque
from collections.abc import Callable

import hiredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.runtime.outcomes import Done, NotDone, Outcome, Unknown
from quorate.store import machine, operations, pipeline, replies
from quorate.store.machine import KeyValueMachine
from quorate.store.operation_types import Query
from quorate.store.operations import OpenSession, Step
from quorate.store.pipeline import ClusterRequest, Pipeline, Ready
from quorate.store.queries import Get, MultiGet
from quorate.store.resp import encode
from quorate.store.writes import Append, GetSet, Increment, Set

NOT_UNDERSTOOD = "the reply is not understood (do all servers run the same version?)"

Operation = Step | OpenSession | Query
OPERATIONS: st.SearchStrategy[Operation] = st.sampled_from(
    [
        Set(b"a", b"1"),
        Append(b"a", b"2"),
        Increment(b"a", 1),
        GetSet(b"b", b"3"),
        Get(b"a"),
        Get(b"b"),
        MultiGet((b"a", b"c")),
    ]
)


class Cluster:
    """Holds what is submitted until the test serves it."""

    def __init__(self) -> None:
        """Begin with an empty map."""
        self.machine = KeyValueMachine()
        self.index = 0
        self.waiting: deque[tuple[bool, bytes, Callable[[Outcome], None]]] = deque()

    def submit(self, write: bool, payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        """Do what a server's `submit` does."""
        self.waiting.append((write, payload, done))

    def serve(self, outcome: Outcome | None = None) -> None:
        """Do the oldest request, or have it end in another way."""
        write, payload, done = self.waiting.popleft()
        if outcome is None:
            self.index += write
            reply = self.machine.apply(self.index, payload) if write else self.machine.query(payload)
            outcome = Done(reply)
        done(outcome)


class Client:
    """A pipeline before a cluster; collects what is said."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self.cluster = Cluster()
        self.pipeline = Pipeline(self.cluster.submit, self.advance)
        self.said = b""

    def advance(self) -> None:
        """Take the replies that are due."""
        self.said += self.pipeline.advance()

    def ask(self, *asked: Operation, protocol: int = 2) -> None:
        """Send requests at once."""
        for operation in asked:
            write = not isinstance(operation, Query)
            alone = isinstance(operation, OpenSession)
            self.pipeline.add(ClusterRequest(write, operations.encode(operation), protocol, alone))
        self.advance()

    def serve_all(self) -> None:
        """Let everything end."""
        while self.cluster.waiting:
            self.cluster.serve()

    def replies(self) -> list[object]:
        """What a client has read."""
        reader = hiredis.Reader(replyError=RuntimeError, encoding="utf-8")
        reader.feed(self.said)
        found = []
        while (each := reader.gets()) is not False:
            found.append(str(each) if isinstance(each, Exception) else each)
        return found


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(OPERATIONS | st.none(), st.integers(0, 3)), max_size=20))
def test_the_order_is_that_of_a_client_that_waits(sent: list[tuple[Operation | None, int]]) -> None:
    """Requests come while others are under way; the replies are those that one request at a time would get."""
    client, patient = Client(), KeyValueMachine()
    expected = b""
    for index, (operation, serves) in enumerate(sent, start=1):
        if operation is None:
            client.pipeline.add(Ready(b"+PONG\r\n"))
            client.advance()
            expected += b"+PONG\r\n"
        else:
            client.ask(operation)
            data = operations.encode(operation)
            reply = patient.query(data) if isinstance(operation, Query) else patient.apply(index, data)
            expected += encode(replies.decode(reply), 2)
        for _ in range(serves):
            if client.cluster.waiting:
                client.cluster.serve()
        assert len(client.cluster.waiting) <= 1, "one run at a time is under way"
    client.serve_all()
    assert client.said == expected
    assert (client.pipeline.count, client.pipeline.size) == (0, 0)


def test_requests_of_one_kind_travel_together() -> None:
    """Those that gathered while the first was under way are one command, then one question."""
    client = Client()
    client.ask(Append(b"a", b"0"))
    client.ask(*[Append(b"a", b"x")] * 5, *[Get(b"a")] * 3, Set(b"a", b"1"))
    sizes = []
    while client.cluster.waiting:
        before = len(client.replies())
        client.cluster.serve()
        sizes.append(len(client.replies()) - before)
    assert sizes == [1, 5, 3, 1]
    assert client.replies() == [1, 2, 3, 4, 5, 6, *["0xxxxx"] * 3, "OK"]


def test_a_session_is_opened_by_a_command_of_its_own() -> None:
    """Its number is that command's place in the log, so no two share one."""
    client = Client()
    client.ask(Set(b"a", b"1"), OpenSession(), OpenSession(), Set(b"a", b"2"))
    client.serve_all()
    assert client.replies() == ["OK", 2, 3, "OK"]


def test_a_run_has_a_limited_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """In requests and in bytes, so that no entry of the log is long to apply or to send."""
    client = Client()
    client.ask(*[Set(b"a", b"1")] * (pipeline.MOST_IN_A_RUN + 1))
    client.cluster.serve()
    assert len(client.replies()) == pipeline.MOST_IN_A_RUN
    monkeypatch.setattr(pipeline, "ENOUGH_RUN_BYTES", 1_000)
    client = Client()
    client.ask(*[Set(b"a", bytes(600))] * 3)
    client.cluster.serve()
    assert len(client.replies()) == 2


def test_what_found_no_room_in_the_reply_is_asked_again() -> None:
    """Large replies come in several runs, each once and in order."""
    client = Client()
    large = bytes(machine.ENOUGH_BATCH_REPLY_BYTES)
    client.cluster.machine.apply(0, operations.encode(Set(b"a", large)))
    client.ask(*[Get(b"a")] * 3, Append(b"a", b""), GetSet(b"a", b"x"), GetSet(b"a", b"y"))
    runs = 0
    while client.cluster.waiting:
        client.cluster.serve()
        runs += 1
    text = large.decode()
    assert client.replies() == [text, text, text, len(large), text, "x"]
    assert runs == 5
    assert client.pipeline.size == 0


@pytest.mark.parametrize(
    ("outcome", "write", "said"),
    [
        (NotDone("no leader"), True, "CLUSTERDOWN no leader; nothing was written, try again"),
        (NotDone("no leader"), False, "CLUSTERDOWN no leader; try again"),
        (Unknown("timed out"), True, "UNKNOWN timed out: the write may or may not have happened"),
        (Unknown("timed out"), False, "CLUSTERDOWN timed out; try again"),
        (Done(b"rubbish"), True, f"UNKNOWN {NOT_UNDERSTOOD}: the write may or may not have happened"),
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_every_request_of_a_run_is_told_what_is_certain(outcome: Outcome, write: bool, said: str, count: int) -> None:  # noqa: FBT001
    """A write whose outcome is unknown is never reported as failed, alone or in a run; later requests go on."""
    client = Client()
    client.ask(*[Set(b"a", b"1") if write else Get(b"a")] * count)
    client.cluster.serve(outcome)
    client.ask(Set(b"b", b"2"))
    client.serve_all()
    assert client.replies() == [said] * count + ["OK"]


def test_each_reply_is_in_the_version_that_was_spoken_when_it_was_asked_for() -> None:
    """A client that changes to RESP3 while a reply is due gets that one in RESP2."""
    client = Client()
    client.ask(Get(b"a"))
    client.ask(Get(b"a"), protocol=3)
    client.serve_all()
    assert client.said == b"$-1\r\n_\r\n"
