"""Bytes become requests however they are cut, no request is believed about its size, and replies can be read."""

import re
import tracemalloc
from itertools import pairwise

import hiredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from front_support import command
from quorate.store import resp
from quorate.store.replies import Failure, SimpleString
from quorate.store.resp import ProtocolError, RequestReader, Text, TooLongError, Value, encode

MOST = 200_000
REQUESTS = st.lists(st.lists(st.binary(max_size=30), min_size=1, max_size=5), max_size=8)


def read_all(reader: RequestReader) -> list[list[bytes]]:
    """Every request that is there."""
    return list(iter(reader.next, None))


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data, cut."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[first:last] for first, last in pairwise(places)]


@given(REQUESTS, st.lists(st.integers(0, 2_000), max_size=10))
def test_requests_come_out_as_they_went_in(requests: list[list[bytes]], cuts: list[int]) -> None:
    """Wherever the stream is cut, also within headers, and each as soon as all of it is there."""
    reader = RequestReader(MOST, trusted=True)
    found = []
    for piece in pieces(b"".join(command(*request) for request in requests), cuts):
        reader.feed(piece)
        found += read_all(reader)
    assert found == requests


@pytest.mark.parametrize("length", [10, 40_000, 100_000])
def test_a_long_request_comes_out_as_it_went_in(length: int) -> None:
    """However it was made, what follows it is another request, and the stream may be cut within the next."""
    request, reader = (
        [b"MSET", b"k", b"$3\r\n" * (length // 5), b"", bytes(length // 2)],
        RequestReader(MOST, trusted=True),
    )
    reader.feed(command(*request) + command(b"GET", b"k") + b"*1\r")
    assert read_all(reader) == [request, [b"GET", b"k"]]
    reader.feed(b"\n$4\r\nPING\r\n")
    assert read_all(reader) == [[b"PING"]]


@settings(max_examples=300)
@given(
    st.binary(max_size=80) | st.text("*$1203-\r\n ab", max_size=60).map(str.encode),
    st.lists(st.integers(0, 80), max_size=4),
)
def test_any_bytes_are_requests_or_an_error(data: bytes, cuts: list[int]) -> None:
    """However they are cut, the same requests are found before the same error."""

    def outcome(parts: list[bytes]) -> tuple[list[list[bytes]], str | None]:
        reader = RequestReader(MOST, trusted=True)
        found = []
        for part in parts:
            reader.feed(part)
            try:
                while (request := reader.next()) is not None:
                    found.append(request)
            except ProtocolError as error:
                return found, str(error)
        return found, None

    assert outcome(pieces(data, cuts)) == outcome([data])


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"*a\r\n", "invalid multibulk length"),
        (b"*+1\r\n", "invalid multibulk length"),
        (b"*01\r\n", "invalid multibulk length"),
        (b"*1\n", "invalid multibulk length"),
        (b"*4294967296\r\n", "invalid multibulk length"),
        (b"*" + b"1" * 20, "too big mbulk count string"),
        (b"*1\r\n+PING\r\n", "expected '$', got '+'"),
        (b"*1\r\n*1\r\n", "expected '$', got '*'"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$a\r\n", "invalid bulk length"),
        (b"*1\r\n$" + b"1" * 20, "too big bulk count string"),
        (b"*1\r\n$4\r\nPINGxx", "a bulk string is longer than its length says"),
        (b"x" * 65_537, "too big inline request"),
        (b"SET a 'b c\r\n", "unbalanced quotes in request"),
        (b'SET a "b"c\r\n', "unbalanced quotes in request"),
    ],
)
def test_what_is_no_request_is_named(data: bytes, error: str) -> None:
    """In Redis's words where it has some; and nothing is read after it."""
    reader = RequestReader(MOST, trusted=True)
    reader.feed(data)
    for _ in range(2):
        with pytest.raises(ProtocolError) as caught:
            reader.next()
        assert str(caught.value) == f"Protocol error: {error}"


@pytest.mark.parametrize(
    "data",
    [
        b"*1\r\n$9000000\r\n%b\r\n" % bytes(9_000_000),
        b"*9999\r\n" + b"$100\r\n%b\r\n" % bytes(100) * 9_999,
        b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$200000\r\n%b\r\n" % (b"$1\r\n" * 50_000),
    ],
)
@pytest.mark.parametrize("step", [1_000, 65_536])
def test_a_request_that_is_too_long_is_read_to_its_end_and_the_next_is_served(data: bytes, step: int) -> None:
    """Nothing of it is kept, whatever is in it; and only its own client learns of it."""
    reader = RequestReader(MOST, trusted=True)
    stream = data + command("PING") + data + b"PING\r\n"
    told: list[object] = []
    tracemalloc.start()
    for at in range(0, len(stream), step):
        reader.feed(stream[at : at + step])
        while True:
            try:
                request = reader.next()
            except TooLongError as error:
                told.append(str(error))
                continue
            if request is None:
                break
            told.append(request)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    refused = "a request may have at most 200000 bytes, 200000 of them in one string; nothing was done"
    assert told == [refused, [b"PING"], refused, [b"PING"]]
    assert peak < 2 * MOST + 4 * step


@pytest.mark.parametrize("count", [b"999999999", b"170000"])
def test_a_claim_of_many_strings_costs_nothing(count: bytes) -> None:
    """The list is made when its strings are there."""
    reader = RequestReader(MOST, trusted=True)
    tracemalloc.start()
    reader.feed(b"*%b\r\n" % count)
    assert reader.next() is None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"*11\r\n", "unauthenticated multibulk length"),
        (b"*1\r\n$16385\r\n", "unauthenticated bulk length"),
    ],
)
def test_strangers_may_say_less(data: bytes, error: str) -> None:
    """Until the password was given: as in Redis."""
    stranger = RequestReader(MOST, trusted=False)
    stranger.feed(data)
    for _ in range(2):
        with pytest.raises(ProtocolError, match=error):
            stranger.next()
    friend = RequestReader(MOST, trusted=False)
    friend.trusted = True
    friend.feed(data)
    assert friend.next() is None


@pytest.mark.parametrize(
    ("typed", "requests"),
    [
        (b"PING\r\n", [[b"PING"]]),
        (b"\r\n  set  a   b \nget a\r\n", [[b"set", b"a", b"b"], [b"get", b"a"]]),
        (b"*0\r\n*-1\r\nPING\r\n", [[b"PING"]]),
        (b"set 'a b' \"c\\x41\\n\\\"\" '\\''\r\n", [[b"set", b"a b", b'cA\n"', b"'"]]),
        (b"set \"\" ''\r\n", [[b"set", b"", b""]]),
        (b'set a"b c"\r\n', [[b"set", b"ab c"]]),
    ],
)
def test_requests_can_be_typed(typed: bytes, requests: list[list[bytes]]) -> None:
    """Words on a line; lines and arrays that say nothing are skipped, as in Redis."""
    reader = RequestReader(MOST, trusted=True)
    reader.feed(typed)
    assert read_all(reader) == requests


def test_a_long_request_that_trickles_in_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With each byte one header is looked for, and none that was found before."""

    class Counting:
        looks = 0

        def match(self, data: bytearray, at: int) -> re.Match[bytes] | None:
            self.looks += 1
            return re.compile(rb"\$(\d+)\r\n").match(data, at)

    counting = Counting()
    monkeypatch.setattr(resp, "_STRING", counting)
    reader = RequestReader(MOST, trusted=True)
    words = [b"%d" % i for i in range(1_000)]
    data = command(*words)
    for byte in data:
        reader.feed(bytes([byte]))
        request = reader.next()
    assert request == words
    assert counting.looks <= len(data) + len(words)


def read(reply: bytes) -> object:
    """What a client makes of a reply."""
    reader = hiredis.Reader()
    reader.feed(reply)
    return reader.gets()


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (b"a\r\nb", b"a\r\nb"),
        (b"", b""),
        (-5, -5),
        (None, None),
        (SimpleString("OK"), b"OK"),
        (Text("two\r\nlines"), b"two\r\nlines"),
        ((), []),
        ((b"a", None, (1, (SimpleString("x"),))), [b"a", None, [1, [b"x"]]]),
    ],
)
def test_replies_are_what_clients_read(value: Value, seen: object, protocol: int) -> None:
    """By the reader of another implementation, in both versions of the protocol."""
    assert read(encode(value, protocol)) == seen


def test_the_versions_differ_in_nulls_maps_and_texts() -> None:
    """RESP3 has kinds of its own for what RESP2 writes as strings and arrays."""
    table: Value = {b"a": 1, b"b": None}
    assert encode(table, 2) == b"*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n$-1\r\n"
    assert encode(table, 3) == b"%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n_\r\n"
    assert encode(Text("x"), 2) == b"$1\r\nx\r\n"
    assert encode(Text("x"), 3) == b"=5\r\ntxt:x\r\n"


@given(st.binary(max_size=50))
def test_an_error_stays_on_its_line(quoted: bytes) -> None:
    """Whatever of the client's own bytes is in it; all but line breaks goes back unchanged."""
    reply = encode(Failure("ERR " + quoted.decode("utf-8", "surrogateescape")), 2)
    assert reply == b"-ERR " + quoted.replace(b"\r", b" ").replace(b"\n", b" ") + b"\r\n"
