"""The map that histories are judged by replies as Redis does; what is inferred from a reply is so in every state."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis, exceptions
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from history_making import MIXED, ask
from quorate_check.history.glob import matches
from quorate_check.history.inference import growth, may_write, never_reads, only_reads, value_after, values_before
from quorate_check.history.model import Values, agrees, apply, keys_of, validate
from quorate_check.history.operations import Error, Operation, OperationOutcome, Reply, Value

fixed = settings(deadline=None, derandomize=True, database=None, max_examples=300)
VALUES = st.sampled_from(["", "0", "7", "-3", "007", "x", "\xff\r\n", "9223372036854775807", "-9223372036854775808"])
KEYS = ("a", "b", "c")
EVERY = (*MIXED, "decr")
GROWING = [("append", "get", "strlen"), ("incr", "incrby", "get", "strlen")]


@st.composite
def _asked(draw: st.DrawFn, names: Sequence[str] = EVERY, keys: Sequence[str] = KEYS) -> tuple[str, tuple[str, ...]]:
    chance = draw(st.randoms(use_true_random=False))
    return ask(chance, draw(st.sampled_from(names)), keys, lambda: draw(VALUES))


def _replied(words: tuple[str, ...], name: str, values: Values, *, heard: bool) -> tuple[Operation, Values]:
    reply, after = apply(name, words, values)
    outcome = OperationOutcome.DONE if heard else OperationOutcome.UNKNOWN
    return Operation(1, "c", name, words, 0, 1, reply if heard else None, outcome), after


@fixed
@given(_asked(), st.lists(st.none() | VALUES, min_size=2, max_size=2), st.booleans())
def test_what_is_inferred_from_a_reply_is_so(
    asked: tuple[str, tuple[str, ...]],
    found: list[Value],
    heard: bool,  # noqa: FBT001 - Hypothesis passes it by name
) -> None:
    """Of looks, of what was there just before, and of what may be there after."""
    name, words = asked
    keys = keys_of(name, words)
    values = tuple(found[: len(keys)])
    operation, after = _replied(words, name, values, heard=heard)
    assert agrees(operation, apply(name, words, values)[0])
    if only_reads(operation):
        assert after == values
    if never_reads(operation):
        absent: Values = (None,) * len(keys)
        assert apply(name, words, absent)[1] == after
        assert agrees(operation, apply(name, words, absent)[0])
    before = dict(zip(keys, values, strict=True))
    for key, value in values_before(operation):
        assert before[key] == value
    for key, old, new in zip(keys, values, after, strict=True):
        if old != new:
            assert may_write(operation, key, new)
            assert value_after(operation, key) in (..., new)


@fixed
@given(st.data(), st.sampled_from(GROWING))
def test_what_grows_never_shrinks_and_needs_what_it_says(data: st.DataObject, names: tuple[str, ...]) -> None:
    """Of a key that only `append`, or only `incr` and `incrby`, ever changed."""
    state: Value = None
    operations, steps = list[Operation](), list[tuple[Operation, Value, Value]]()
    for name, words in data.draw(st.lists(_asked(names, KEYS[:1]), max_size=8)):
        operation, (after,) = _replied(words, name, (state,), heard=True)
        steps.append((operation, state, after))
        operations += [operation] if not only_reads(operation) else []
        state = after
    kind = growth(operations)
    assert kind is not None or any("-1" in each.arguments for each in operations)
    for operation, before, after in steps if kind is not None else ():
        grown, further = kind.of(before), kind.of(after)
        assert grown is not None
        assert further is not None
        assert grown <= further
        assert kind.level_before(operation, "a") in {None, grown}


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A server that isn't ours, alone on a socket of its own."""
    if (program := shutil.which("redis-server")) is None:
        pytest.skip("redis-server isn't installed")
    folder = tmp_path_factory.mktemp("redis")
    socket = folder / "socket"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    patient = Retry(
        ConstantBackoff(0.05), retries=200, supported_errors=(exceptions.ConnectionError, exceptions.BusyLoadingError)
    )
    with Redis(unix_socket_path=str(socket), retry=patient) as client:
        yield client
    process.terminate()
    process.wait()


def _told(server: Redis, name: str, words: tuple[str, ...]) -> Reply:
    server.response_callbacks.clear()  # what is left are the replies themselves
    sent = (each.encode("latin-1") for each in words)
    try:
        reply = server.execute_command(name.upper(), *sent)
    except exceptions.ResponseError as error:
        return Error(str(error))
    return _text(reply)


def _text(reply: object) -> Reply:
    match reply:
        case bytes():
            return reply.decode("latin-1")
        case list():
            return tuple(None if each is None else each.decode("latin-1") for each in reply)
        case None | int() | str():
            return reply
        case _:
            raise AssertionError(reply)


@fixed
@given(asked=st.lists(_asked(), max_size=20))
def test_the_map_replies_as_redis_does(redis_server: Redis, asked: list[tuple[str, tuple[str, ...]]]) -> None:
    """To every operation that this server knows: IFEQ is younger than many of them."""
    redis_server.flushall()
    state = dict[str, Value]()
    for name, words in asked:
        if "IFEQ" in words:
            continue
        validate(name, words)
        keys = keys_of(name, words)
        reply, after = apply(name, words, tuple(state.get(key) for key in keys))
        state |= dict(zip(keys, after, strict=True))
        told = _told(redis_server, name, words)
        assert agrees(Operation(1, "c", name, words, 0, 1, told, OperationOutcome.DONE), reply)


@fixed
@given(st.text("ab*?[]^-\\", max_size=6), st.text("ab*-^", max_size=4))
def test_patterns_match_what_redis_matches(redis_server: Redis, pattern: str, key: str) -> None:
    """Also those that are cut off in the middle of a class."""
    redis_server.flushall()
    redis_server.set(key, "1")
    assert bool(redis_server.keys(pattern)) == matches(pattern, key)


@pytest.mark.parametrize(
    ("words", "old", "reply", "new"),
    [
        (("k", "2", "IFEQ", "1"), "1", "OK", "2"),
        (("k", "2", "IFEQ", "1"), "3", None, "3"),
        (("k", "2", "IFEQ", "1"), None, None, None),
        (("k", "2", "ifeq", "1", "get"), "1", "1", "2"),
        (("k", "2", "GET", "IFEQ", "1"), "3", "3", "3"),
        (("k", "2", "IFEQ", "GET"), "GET", "OK", "2"),
    ],
)
def test_ifeq_sets_only_what_is_equal(words: tuple[str, ...], old: Value, reply: Reply, new: Value) -> None:
    """As the manual of Redis 8.4 says: a key that isn't there equals nothing."""
    validate("set", words)
    assert apply("set", words, (old,)) == (reply, (new,))
