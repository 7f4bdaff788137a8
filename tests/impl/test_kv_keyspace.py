"""Going through all keys finds every key that stays, in whatever pieces and whatever happens in between."""

import gc
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.store import keyspace, operations, queries, replies
from quorate.store.glob import compile_glob
from quorate.store.keyspace import POSITIONS, Keyspace
from quorate.store.machine import KeyValueMachine
from quorate.store.queries import Scan
from quorate.store.replies import Failure
from quorate.store.writes import MultiSet

KEYS = [b"key:%d" % i for i in range(40)]
# Two texts of one checksum, as anybody can find.
TWINS = (b"plumless", b"buckeroo")


def scan(subject: KeyValueMachine, query: Scan) -> tuple[int, tuple[bytes, ...]]:
    """One call: the next cursor and the keys."""
    reply = replies.decode(subject.query(operations.encode(query)))
    assert isinstance(reply, tuple)
    cursor, keys = reply
    assert isinstance(cursor, bytes)
    assert isinstance(keys, tuple)
    return int(cursor), tuple(key for key in keys if isinstance(key, bytes))


@settings(deadline=None)
@given(
    st.sets(st.sampled_from(KEYS)),
    st.integers(1, 12),
    st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), max_size=60),
)
def test_a_key_that_stays_is_found(stay: set[bytes], count: int, changes: list[tuple[bytes, bool]]) -> None:
    """Other keys come and go between the calls; nothing that was never there is found."""
    keys = Keyspace()
    for key in stay:
        keys.put(key, b"")
    coming = iter(changes)
    found: list[bytes] = []
    cursor = 0
    while True:
        cursor, some = keys.scan(cursor, count, 1_000_000)
        found += some
        if cursor == 0:
            break
        for key, comes in (pair for pair, _ in zip(coming, range(3), strict=False) if pair[0] not in stay):
            if comes:
                keys.put(key, b"")
            else:
                keys.delete(key)
    assert stay <= set(found)
    assert len(set(found)) == len(found)


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), max_size=60))
def test_the_size_is_the_number_of_keys(changes: list[tuple[bytes, bool]]) -> None:
    """However often a key is put or deleted."""
    keys, model = Keyspace(), set[bytes]()
    for key, comes in changes:
        if comes:
            keys.put(key, b"")
            model.add(key)
        else:
            assert keys.delete(key) == (key in model)
            model.discard(key)
        assert len(keys) == len(model)
        assert (key in keys) == comes


def test_keys_of_one_position_are_not_torn_apart() -> None:
    """A cursor points between positions, so a call returns more than it was asked for rather than lose a key."""
    assert crc32(TWINS[0]) == crc32(TWINS[1])
    keys = Keyspace()
    for key in TWINS:
        keys.put(key, b"")
    assert keys.scan(0, 1, 1) == (0, sorted(TWINS))


def test_one_call_looks_at_a_limited_number_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a count without bound nor a pattern that matches nothing makes a call longer; large keys end it."""
    monkeypatch.setattr(queries, "MOST_SCANNED_KEYS", 10)
    subject = KeyValueMachine()
    subject.apply(1, operations.encode(MultiSet(tuple((key, b"") for key in KEYS))))
    cursor, found = scan(subject, Scan(0, None, 2**63 - 1))
    assert len(found) == 10
    assert 0 < cursor < POSITIONS
    assert scan(subject, Scan(0, b"nothing", 2**63 - 1)) == (cursor, ())
    assert len(scan(subject, Scan(0, None, 0))[1]) == 1
    monkeypatch.setattr(queries, "ENOUGH_BATCH_REPLY_BYTES", 3 * len(KEYS[-1]))
    assert len(scan(subject, Scan(0, None, 10))[1]) < 6


def test_a_cursor_beyond_the_end_is_the_end() -> None:
    """Redis takes any cursor, too."""
    assert scan(KeyValueMachine(), Scan(2**63 - 1, None, 10)) == (0, ())


def test_a_long_pattern_is_refused() -> None:
    """What a match may cost has a limit."""
    subject = KeyValueMachine()
    reply = replies.decode(subject.query(operations.encode(Scan(0, b"*" * 257, 10))))
    assert reply == Failure("ERR a pattern may have at most 256 bytes")


def test_the_position_of_a_key_is_the_same_everywhere() -> None:
    """Cursors survive restarts and changes of leaders, so this must never change."""
    keys = Keyspace()
    for key in (b"a", b"b", b"c", b"d"):
        keys.put(key, b"")
    assert keys.scan(0, 4, 100) == (0, [b"c", b"b", b"d", b"a"])
    assert keys.scan(0, 1, 100) == (crc32(b"b"), [b"c"])
    assert keyspace.POSITIONS == 2**32


def matches(pattern: bytes, text: bytes) -> bool:
    """Redis's `stringmatchlen`, transcribed: it tries every length of a star."""
    p = 0
    s = 0
    while p < len(pattern):
        match chr(pattern[p]):
            case "*":
                return any(matches(pattern[p + 1 :], text[rest:]) for rest in range(s, len(text) + 1))
            case "?":
                if s == len(text):
                    return False
                s += 1
            case "[":
                p, fits = matches_class(pattern, p + 1, text[s : s + 1])
                if not fits:
                    return False
                s += 1
            case _:
                if chr(pattern[p]) == "\\" and p + 1 < len(pattern):
                    p += 1
                if text[s : s + 1] != pattern[p : p + 1]:
                    return False
                s += 1
        p += 1
    return s == len(text)


def matches_class(pattern: bytes, p: int, char: bytes) -> tuple[int, bool]:
    """Where the class ends, and whether `char` is in it."""
    negated = pattern[p : p + 1] == b"^"
    p += negated
    found = False
    while True:
        rest = pattern[p:]
        if not rest:
            p -= 1
            break
        if rest[:1] == b"\\" and len(rest) >= 2:
            p += 1
            found = found or pattern[p : p + 1] == char
        elif rest[:1] == b"]":
            break
        elif len(rest) >= 3 and rest[1:2] == b"-":
            low, high = sorted((rest[:1], rest[2:3]))
            found = found or (len(char) == 1 and low <= char <= high)
            p += 2
        else:
            found = found or rest[:1] == char
        p += 1
    return p, len(char) == 1 and found != negated


@settings(max_examples=600, deadline=None)
@given(
    st.text("ab*?[]^-\\\n.", max_size=12).map(str.encode) | st.binary(max_size=6),
    st.text("ab]-\\\n.^", max_size=6).map(str.encode) | st.binary(max_size=6),
)
def test_patterns_match_as_in_redis(pattern: bytes, text: bytes) -> None:
    """Compared with Redis's own algorithm, which is short and slow; every pattern can be compiled."""
    assert bool(compile_glob(pattern).fullmatch(text)) == matches(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (b"h?llo", [b"hello", b"h\nllo"], [b"hllo", b"heello"]),
        (b"h*llo", [b"hllo", b"heeeello", b"hllollo"], [b"hell"]),
        (b"h[ae]llo", [b"hello", b"hallo"], [b"hillo"]),
        (b"h[^e]llo", [b"hallo"], [b"hello", b"hllo"]),
        (b"h[a-b]llo", [b"hallo", b"hbllo"], [b"hcllo"]),
        (rb"\*", [b"*"], [b"x"]),
        (b"*a*ab", [b"aab", b"abaab"], [b"ab", b"aba"]),
        (b"", [b""], [b"a"]),
    ],
)
def test_the_examples_of_redis_hold(pattern: bytes, yes: list[bytes], no: list[bytes]) -> None:
    """Those in the documentation of KEYS, and some more."""
    compiled = compile_glob(pattern)
    assert all(compiled.fullmatch(text) for text in yes)
    assert not any(compiled.fullmatch(text) for text in no)


def test_no_pattern_tries_without_end() -> None:
    """Three hundred stars would take longer than anybody lives if each were tried with each length."""
    assert not compile_glob(b"*a" * 300 + b"b").fullmatch(b"a" * 5_000)


def test_a_large_store_gives_the_garbage_collector_nothing_to_look_at() -> None:
    """So a full collection takes no longer the more keys there are, and keeps no leader from its heartbeats."""
    keys = Keyspace()
    keys.put(b"first", b"value", None)
    gc.collect()
    before = len(gc.get_objects())
    for number in range(20_000):
        keys.put(b"%d" % number, b"value", 1 << 60 if number % 2 else None)
    gc.collect()
    assert len(gc.get_objects()) - before < 100
