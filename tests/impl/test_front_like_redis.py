"""The same requests get the same replies as from Redis 7, byte for byte, where a redis-server is installed."""

import asyncio
import shlex
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from front_support import serving
from nightly import EXAMPLES
from quorate.store.commands import COMMANDS
from quorate.store.entries import Container
from redis_server import REDIS_SERVER, Talker, redis_server

SEEDS = range(EXAMPLES or 6)
REQUESTS = 600
SLOWEST_MS = 20_000
LATEST_MS = 8_000_000_000_000  # what a request that gives a time from now may come to, in two hundred years
FAR = 4_000_000_000  # in seconds since 1970: nothing of that expires while a test runs

pytestmark = pytest.mark.skipif(REDIS_SERVER is None, reason="redis-server (Debian: redis-server) is not installed")


@asynccontextmanager
async def talkers(redis: Path, port: int, count: int = 1) -> AsyncIterator[tuple[list[Talker], list[Talker]]]:
    """Have so many clients of ours at `port` and of Redis at its socket, closed whatever becomes of the test."""
    ours = [Talker(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(count)]
    theirs = [Talker(*await asyncio.open_unix_connection(str(redis))) for _ in range(count)]
    try:
        yield ours, theirs
    finally:
        for talker in (*ours, *theirs):
            talker.writer.close()


def each(*words: str) -> tuple[tuple[str, ...], ...]:
    """Choices of one word."""
    return tuple((word,) for word in words)


KEYS = ("a", "b", "c", "longer key")
VALUES = ("", "0", "7", "-3", "007", "x", "9223372036854775807", "-9223372036854775808", "some text", "\r\n")
NUMBERS = ("0", "1", "-1", "5", "-7", "100", "x", "", "9223372036854775807", "9223372036854775808", "1.5")
FLOATS = (
    *(
        "0.1",
        "0.2",
        "-0.3",
        "3",
        "1.1",
        "1e3",
        "-2.75",
        "1E-3",
        ".5",
        "5.",
        "+7",
        " 1",
        "1 ",
        "1e",
        "nan",
        "inf",
        "-Inf",
    ),
    *("1e-17", "1e-18", "-4e-18", "3e-20", "1e19", "123456789012345678901234567890", "0.30000000000000004", "infinity"),
    *(
        "1e4931",
        "1e4932",
        "1e5000",
        "1e-5000",
        "18446744073709551617",
        "9007199254740993.5",
        "--1",
        "1e400000000",
        "0e9",
    ),
)
LIFETIMES = (
    *(("EX", "100"), ("PX", "100000"), ("EXAT", str(FAR)), ("PXAT", f"{FAR}123"), ("KEEPTTL",), ("PERSIST",)),
    *(("EX", "0"), ("PX", "-1"), ("EX", "x"), ("EX", "9223372036854776"), ("PX", "9223372036854775807"), ("EX",)),
    *(("ex", "100", "px", "5"), ("EXAT", "1"), ("PXAT", "1")),
)
# What the letters of SHAPES stand for; other words stand for themselves.
CHOICES: dict[str, tuple[tuple[str, ...], ...]] = {
    "k": each(*KEYS),
    "v": each(*VALUES),
    "e": each(""),
    "n": each(*NUMBERS),
    "f": each(*FLOATS),
    "b": each("0", "1", "0", "1", "7", "8", "100", "-1", "2"),  # a bit, or its place
    # After these nothing expires while a test runs.
    "m": each("300000", "0", "-1", "x", "", "9223372036854775807", "-9223372036854775808"),
    "t": LIFETIMES,
    "o": each("NX", "XX", "GT", "LT", "gt", "FOO"),  # of EXPIREAT
    "p": each("NX", "XX", "nx", "FOO"),  # of EXPIRE, where milliseconds don't count
}
SHAPES = """
GET k | SET k v | SET k v | SET k v t | SET k v t | SET k v NX | SET k v XX GET | SET k v GET t | SET k v NX XX |
SET k | SET k v t NX GET | SET k v FOO | SETNX k v | SETEX k m v | PSETEX k m v | SETEX k v | GETSET k v | GETDEL k |
GETEX k | GETEX k t | GETEX k t | GETEX k FOO | INCR k | DECR k | INCRBY k n | DECRBY k n | APPEND k v | STRLEN k |
INCRBYFLOAT k f | INCRBYFLOAT k f | INCRBYFLOAT k n | SET k f | SETBIT k b b | SETBIT k b v | GETBIT k b | GETBIT k n |
GETRANGE k n n | SUBSTR k n n | SETRANGE k n v | MGET k k k | MSET k v k v | MSET k v k | MSETNX k v k v | MSETNX k |
DEL k | DEL k k | UNLINK k k | EXISTS k k k | EXISTS | TOUCH k k | TYPE k | RENAME k k | RENAMENX k k | RENAME k |
COPY k k | COPY k k REPLACE | COPY k k DB 0 REPLACE | COPY k k DB x | COPY k k FOO | KEYS * | KEYS ?o* |
KEYS [a-b] | KEYS | SCAN 0 COUNT 1000 | SCAN 0 COUNT 1000 MATCH [^b]* | SCAN x | SCAN e | SCAN 1 FOO |
SCAN 18446744073709551616 | SCAN 0 COUNT 0 | SCAN 0 FOO 1 |
SCAN 0 TYPE string COUNT 1000 | SCAN +0 COUNT 1000 |
EXPIRE k 100 | EXPIRE k m | EXPIRE k m p | EXPIRE k 50 p | EXPIRE k 200 p p |
PEXPIRE k 100000 p | PEXPIRE k m p | EXPIREAT k 4000000001 o | EXPIREAT k m | PEXPIREAT k 4000000001123 o |
PEXPIREAT k m | EXPIRETIME k | PEXPIRETIME k | PERSIST k | EXPIRE k | PEXPIREAT k 4000000001123 | FLUSHALL |
FLUSHDB ASYNC | FLUSHALL FOO | ECHO v | PING | PING v | PING v v | SELECT 0 | SELECT x | SELECT 99 |
SELECT 2147483648 | SELECT -2147483649 | COPY k k DB 2147483648 | FOO v v | MULTI | MULTI |
MULTI | EXEC | EXEC | EXEC | DISCARD | WATCH k | WATCH k k | UNWATCH | WATCH | MULTI v | EXEC v |
COMMAND GETKEYS MSET k v k v | COMMAND GETKEYS GET k | SCRIPT EXISTS v v | EVALSHA v 1 k | COMMAND GETKEYS PING x |
COMMAND GETKEYS FOO v | COMMAND GETKEYS GET k k
"""
ALL_SHAPES = [shape.split() for shape in SHAPES.split("|")]


# Any arguments to any command, wrong ones most of the time; but to these, whose replies depend on more than the map: on
# positions of keys, on databases, on the server; and Redis counts keys that have expired until somebody looks at them.
OWN = {"scan", "select", "dbsize", "info", "time", "ttl", "pttl", "randomkey", "eval", "hello", "auth", "reset", "quit"}
ANY_COMMANDS = sorted(
    name.decode()
    for name, entry in COMMANDS.items()
    if b"." not in name and name.decode() not in OWN and not isinstance(entry, Container)
)
# No number is a time at which something expires while a test runs.
ANY_ARGUMENTS = (
    *(
        "a",
        "b",
        "zz",
        "",
        "0",
        "-1",
        "300000",
        "-300000",
        "x",
        "9223372036854775807",
        "-9223372036854775808",
        " 1",
        "+1",
        "007",
    ),
    *("9223372036854775808", "18446744073709551615", "18446744073709551616", "-0", "1.5", "4000000000", "*", "ASYNC"),
    *("EX", "PX", "EXAT", "PXAT", "NX", "XX", "GT", "LT", "GET", "KEEPTTL", "PERSIST", "REPLACE", "MATCH"),
    *("COUNT", "TYPE", "string", "hash", "ex", "nx", "4000000000000", "2147483648", "-2147483649"),
)


def draw_anything(rng: Random) -> list[bytes | str | int]:
    """Any command with about as many arguments as it takes, and others."""
    name = rng.choice(ANY_COMMANDS)
    count = max(abs(COMMANDS[name.encode()].arity) - 1 + rng.choice((0, 0, 0, 1, 1, 2, 3, -1)), 0)
    words = [rng.choice(ANY_ARGUMENTS[:3] if at == 0 and rng.random() < 0.7 else ANY_ARGUMENTS) for at in range(count)]
    return [name, *words]


def draw(rng: Random) -> list[bytes | str | int]:
    """A request of any shape."""
    words: list[bytes | str | int] = []
    for word in rng.choice(ALL_SHAPES):
        words += rng.choice(CHOICES[word]) if word in CHOICES else (word,)
    return words


def alike(mine: object, other: object) -> bool:
    """Whether replies are the same; keys have no order, and the two servers' clocks have some milliseconds between."""
    if isinstance(mine, list) and isinstance(other, list):
        if all(isinstance(each, bytes) for each in (*mine, *other)):
            return sorted(mine) == sorted(other)
        return len(mine) == len(other) and all(map(alike, mine, other))
    if isinstance(mine, int) and isinstance(other, int):
        now_ms = time.time() * 1_000
        return mine == other or any(
            now_ms - 400_000_000 < mine * unit < LATEST_MS and abs(mine - other) * unit <= SLOWEST_MS
            for unit in (1, 1_000)
        )
    return mine == other


def keeps_to_limits(words: list[bytes | str | int]) -> bool:
    """Whether a request is within the limits of both: Redis takes half a gigabyte."""
    return str(words[0]).lower() not in {"setrange", "setbit", "getbit"} or all(
        len(str(word)) < 9 for word in words[2:3]
    )


# In this order, on one connection; most are mistakes. A line is a request, and words are quoted as in a shell.
OTHERS = """
CLIENT
CLIENT FOO
CLIENT ID x
CLIENT GETNAME
CLIENT SETNAME a b
CLIENT SETNAME "a b"
CLIENT SETNAME
CLIENT SETNAME joe
CLIENT GETNAME
CLIENT SETNAME ""
CLIENT GETNAME
CLIENT NO-EVICT
CLIENT NO-EVICT x
CLIENT NO-EVICT on
CLIENT LIST FOO
CLIENT LIST TYPE
CLIENT LIST TYPE foo
CLIENT LIST TYPE pubsub
CLIENT LIST TYPE normal x
CLIENT LIST ID
CLIENT LIST ID x
CLIENT LIST ID 0
CLIENT LIST ID -1
CLIENT LIST ID 999999
CLIENT LIST ID 999999 x
CLIENT INFO x
CLIENT KILL
CLIENT KILL 1.2.3.4:5
CLIENT KILL foo
CLIENT KILL ID x
CLIENT KILL ID 0
CLIENT KILL ID 999999
CLIENT KILL ID 999999 FOO
CLIENT KILL ID 999999 FOO x
CLIENT KILL FOO x
CLIENT KILL TYPE foo
CLIENT KILL TYPE pubsub
CLIENT KILL ADDR foo
CLIENT KILL LADDR foo
CLIENT KILL USER foo
CLIENT KILL USER foo SKIPME yes
CLIENT KILL ID 99999 SKIPME foo
CLIENT KILL ID 99999 SKIPME
CLIENT KILL ID 99999 USER default SKIPME yes
CLIENT HELP x
COMMAND FOO
COMMAND COUNT x
COMMAND LIST FOO
COMMAND LIST FILTERBY
COMMAND LIST FILTERBY PATTERN
COMMAND LIST FILTERBY FOO x
COMMAND LIST FILTERBY PATTERN getex
COMMAND LIST FILTERBY PATTERN GETEX
COMMAND LIST FILTERBY PATTERN config|g*
COMMAND LIST FILTERBY PATTERN x y
COMMAND LIST FILTERBY MODULE foo
COMMAND LIST FILTERBY ACLCAT foo
COMMAND INFO foo
COMMAND INFO foo bar
COMMAND DOCS foo
COMMAND GETKEYS
COMMAND GETKEYS SET a b
COMMAND GETKEYS SET
COMMAND GETKEYS FOO
COMMAND GETKEYS FOO x
COMMAND GETKEYS PING
COMMAND GETKEYS EVAL x 1 a b
COMMAND GETKEYS EVAL x 3 a b
COMMAND GETKEYS EVAL x -1 a b
COMMAND GETKEYS EVAL x 0 a b
COMMAND GETKEYS EVAL x y a b
COMMAND GETKEYS EVALSHA x 2 a b
COMMAND GETKEYS WATCH a b
COMMAND GETKEYS RENAME a b
COMMAND GETKEYS COPY a b
COMMAND GETKEYS MGET a b c
COMMAND GETKEYS MSET a b c
COMMAND GETKEYS MSETNX a b c d
COMMAND GETKEYS CONFIG GET x
COMMAND GETKEYS CONFIG FOO x
COMMAND GETKEYS CLIENT ID
COMMAND GETKEYS MULTI
COMMAND HELP x
CONFIG
CONFIG GET
CONFIG FOO
CONFIG GET nosuch
CONFIG HELP x
CONFIG SET
CONFIG SET a
CONFIG RESETSTAT x
CONFIG REWRITE x
INFO nosuch
TIME x
HELLO x
HELLO 4
HELLO 1
HELLO 2 FOO
HELLO 2 AUTH a
HELLO 2 AUTH joe b
HELLO 2 SETNAME
HELLO 2 SETNAME "a b"
AUTH
AUTH x
AUTH default x
AUTH joe x
AUTH a b c
SCRIPT
SCRIPT FOO
SCRIPT EXISTS
SCRIPT LOAD
SCRIPT LOAD a b
SCRIPT EXISTS x
EVALSHA x
EVALSHA x y
EVALSHA x -1
EVALSHA x 5
EVALSHA x 0
EVALSHA 0000000000000000000000000000000000000000 0
EVALSHA 0000000000000000000000000000000000000000 5
EVAL x
EVAL "return 1" x
EVAL "return 1" 5
EVAL "return 1" -1
RESET x
DISCARD
EXEC
MULTI
CONFIG FOO
EXEC
MULTI
CLIENT FOO
EXEC
MULTI
CONFIG GET
EXEC
MULTI
CLIENT SETNAME
EXEC
MULTI
COMMAND FOO
EXEC
MULTI
SCRIPT LOAD
EXEC
MULTI
WATCH a
MULTI
UNWATCH
PING
PING a b
ECHO x
SELECT 0
SELECT x
CLIENT GETNAME
CONFIG GET nosuch
COMMAND GETKEYS GET a
SCRIPT EXISTS x
EXEC
MULTI
INCRBY a x
SETRANGE a -1 x
SET a b EX 0
SET a b FOO
SCAN x
EXPIRE a x
GETEX nokey EX 0
GETEX nokey FOO
GETRANGE a x y
COPY a a
MSET a b c
FLUSHALL FOO
EVALSHA x 0
EXEC
MULTI
EXEC x
EXEC
MULTI
DISCARD x
DISCARD
GETEX nokey EX 0
GETEX nokey EX x
GETEX nokey EX 0 PX
GETEX nokey EX 0 PX 1
GETEX nokey PERSIST EX 1
GETEX nokey KEEPTTL
MULTI
QUIT x
"""


@pytest.mark.parametrize("protocol", [2, 3])
def test_other_requests_get_the_replies_of_redis(tmp_path: Path, protocol: int) -> None:
    """What they are about is the connection, the server or a subcommand, alone and inside of a transaction."""

    async def main() -> None:
        async with (
            redis_server(tmp_path) as path,
            serving() as (_, port),
            talkers(path, port) as ((ours,), (theirs,)),
        ):
            for talker in (ours, theirs):
                await talker.replies(["HELLO", protocol])
            for line in OTHERS.strip().splitlines():
                request: list[bytes | str | int] = [*shlex.split(line)]
                (mine,), (other,) = await ours.replies(request), await theirs.replies(request)
                assert (mine, type(mine)) == (other, type(other)), line
            for talker in (ours, theirs):
                assert await talker.reader.read() == b"", "QUIT was the last"

    asyncio.run(main())


def test_commands_are_described_as_by_redis(tmp_path: Path) -> None:
    """How many arguments each and its subcommands take, and which of them are keys, as client libraries are told."""

    async def main() -> None:
        async with (
            redis_server(tmp_path) as path,
            serving() as (_, port),
            talkers(path, port) as ((ours,), (theirs,)),
        ):
            for name in COMMANDS:
                request: list[bytes | str | int] = ["COMMAND", "INFO", name]
                ((mine,),), ((other,),) = await ours.replies(request), await theirs.replies(request)
                if b"." in name:
                    assert other is None
                    continue
                assert (mine[:2], mine[3:6]) == (other[:2], other[3:6])
                assert set(mine[2]) - set(other[2]) <= ({b"write"} if b"eval" in name else set()), name
                arities = {inner[0]: inner[1] for inner in other[9]}
                for inner in mine[9]:
                    # Redis 7.0 has no CLIENT SETINFO and NO-TOUCH yet.
                    assert arities.get(inner[0], inner[1]) == inner[1], inner[0]

    asyncio.run(main())


@pytest.mark.parametrize("protocol", [2, 3])
def test_random_requests_get_the_replies_of_redis(tmp_path: Path, protocol: int) -> None:
    """Of two clients of each server in turn, so that one changes what the other watches. Errors have the same words."""

    async def main() -> None:
        async with redis_server(tmp_path) as path:
            for seed in SEEDS:
                async with serving() as (_, port), talkers(path, port, 2) as (ours, theirs):
                    await compare(ours, theirs, Random(f"{protocol} {seed}"), f"seed {seed}")

    async def compare(ours: list[Talker], theirs: list[Talker], rng: Random, name: str) -> None:
        for talker in (*ours, *theirs):
            await talker.replies(["HELLO", protocol], ["FLUSHALL"])
        for number in range(REQUESTS):
            who = rng.random() < 0.3
            request: list[bytes | str | int] = []
            while not request or not keeps_to_limits(request):
                request = draw(rng) if rng.random() < 0.7 else draw_anything(rng)
            mine, other = (await ours[who].replies(request))[0], (await theirs[who].replies(request))[0]
            same = mine == other if request[0] in {"MGET", "mget"} else alike(mine, other)
            assert same, f"{name}, {number}: {who} {request}: {mine!r}, Redis {other!r}"

    asyncio.run(main())
