"""The same requests get the same replies as from Redis 7, byte for byte, where a redis-server is installed."""

import asyncio
import os
import time
from pathlib import Path
from random import Random

import pytest

from front_support import serving
from redis_server import REDIS_SERVER, Talker, redis_server

SEEDS = range(int(os.environ.get("QUORATE_EXAMPLES", "6")))
REQUESTS = 600
SLOWEST_MS = 20_000
FAR = 4_000_000_000  # in seconds since 1970: nothing of that expires while a test runs

pytestmark = pytest.mark.skipif(REDIS_SERVER is None, reason="redis-server (Debian: redis-server) is not installed")

KEYS = ("a", "b", "c", "longer key")
VALUES = ("", "0", "7", "-3", "007", "x", "9223372036854775807", "-9223372036854775808", "some text", "\r\n")
NUMBERS = ("0", "1", "-1", "5", "-7", "100", "x", "", "9223372036854775807", "9223372036854775808", "1.5")
TIMES = (("EX", "100"), ("PX", "100000"), ("EXAT", str(FAR)), ("PXAT", f"{FAR}123"), ("PERSIST",), ("EXAT", "1"))
LIFETIMES = (
    *(("EX", "100"), ("PX", "100000"), ("EXAT", str(FAR)), ("PXAT", f"{FAR}123"), ("KEEPTTL",), ("PERSIST",)),
    *(("EX", "0"), ("PX", "-1"), ("EX", "x"), ("EX", "9223372036854776"), ("PX", "9223372036854775807"), ("EX",)),
    *(("ex", "100", "px", "5"), ("EXAT", "1"), ("PXAT", "1")),
)
# `k` is a key, `v` a value, `n` a number, `m` one after which nothing expires
# while a test runs, `t` what says when a key expires, `u` that without
# mistakes, which GETEX looks for only if there is a key, `o` an option of EXPIREAT, `p` one of EXPIRE,
# where milliseconds don't count; others are words.
SHAPES = """
GET k | SET k v | SET k v | SET k v t | SET k v t | SET k v NX | SET k v XX GET | SET k v GET t | SET k v NX XX |
SET k | SET k v t NX GET | SET k v FOO | SETNX k v | SETEX k m v | PSETEX k m v | SETEX k v | GETSET k v | GETDEL k |
GETEX k | GETEX k u | GETEX k u | GETEX k FOO | INCR k | DECR k | INCRBY k n | DECRBY k n | APPEND k v | STRLEN k |
GETRANGE k n n | SUBSTR k n n | SETRANGE k n v | MGET k k k | MSET k v k v | MSET k v k | MSETNX k v k v | MSETNX k |
DEL k | DEL k k | UNLINK k k | EXISTS k k k | EXISTS | TOUCH k k | TYPE k | RENAME k k | RENAMENX k k | RENAME k |
COPY k k | COPY k k REPLACE | COPY k k DB 0 REPLACE | COPY k k DB x | COPY k k FOO | KEYS * | KEYS ?o* |
KEYS [a-b] | KEYS | SCAN 0 COUNT 1000 | SCAN 0 COUNT 1000 MATCH [^b]* | SCAN x | SCAN 0 COUNT 0 | SCAN 0 FOO 1 |
SCAN 0 TYPE string COUNT 1000 | EXPIRE k 100 | EXPIRE k m | EXPIRE k m p | EXPIRE k 50 p | EXPIRE k 200 p p |
PEXPIRE k 100000 p | PEXPIRE k m p | EXPIREAT k 4000000001 o | EXPIREAT k m | PEXPIREAT k 4000000001123 o |
PEXPIREAT k m | EXPIRETIME k | PEXPIRETIME k | PERSIST k | EXPIRE k | PEXPIREAT k 4000000001123 | FLUSHALL |
FLUSHDB ASYNC | FLUSHALL FOO | ECHO v | PING | PING v | PING v v | SELECT 0 | SELECT x | FOO v v | MULTI | MULTI |
MULTI | EXEC | EXEC | EXEC | DISCARD | WATCH k | WATCH k k | UNWATCH | WATCH | MULTI v | EXEC v |
COMMAND GETKEYS MSET k v k v | COMMAND GETKEYS GET k | SCRIPT EXISTS v v | EVALSHA v 1 k | COMMAND GETKEYS PING x |
COMMAND GETKEYS FOO v | COMMAND GETKEYS GET k k
"""
ALL_SHAPES = [shape.split() for shape in SHAPES.split("|")]


def draw(rng: Random) -> list[bytes | str | int]:
    """A request of any shape."""
    words: list[bytes | str | int] = []
    for word in rng.choice(ALL_SHAPES):
        match word:
            case "k":
                words.append(rng.choice(KEYS))
            case "v":
                words.append(rng.choice(VALUES))
            case "n":
                words.append(rng.choice(NUMBERS))
            case "m":
                words.append(rng.choice(("300000", "0", "-1", "x", "", "9223372036854775807", "-9223372036854775808")))
            case "u":
                words += rng.choice(TIMES)
            case "t":
                words += rng.choice(LIFETIMES)
            case "p":
                words.append(rng.choice(("NX", "XX", "nx", "FOO")))
            case "o":
                words.append(rng.choice(("NX", "XX", "GT", "LT", "gt", "FOO")))
            case _:
                words.append(word)
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
            abs(mine - now_ms / unit) < 400_000_000 / unit and abs(mine - other) <= SLOWEST_MS / unit
            for unit in (1, 1_000)
        )
    return mine == other


def keeps_to_limits(words: list[bytes | str | int]) -> bool:
    """Whether a request is within the limits of both: Redis takes half a gigabyte."""
    return words[0] != "SETRANGE" or str(words[2]) != NUMBERS[-3]


@pytest.mark.parametrize("protocol", [2, 3])
def test_random_requests_get_the_replies_of_redis(tmp_path: Path, protocol: int) -> None:
    """Of two clients of each server in turn, so that one changes what the other watches. Errors have the same words."""

    async def main() -> None:
        async with redis_server(tmp_path) as path:
            for seed in SEEDS:
                async with serving() as (_, port):
                    await compare(path, port, Random(f"{protocol} {seed}"), f"seed {seed}")

    async def compare(path: Path, port: int, rng: Random, name: str) -> None:
        ours = [Talker(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(2)]
        theirs = [Talker(*await asyncio.open_unix_connection(str(path))) for _ in range(2)]
        for talker in (*ours, *theirs):
            await talker.replies(["HELLO", protocol], ["FLUSHALL"])
        for number in range(REQUESTS):
            who = rng.random() < 0.3
            request = draw(rng)
            while not keeps_to_limits(request):
                request = draw(rng)
            mine, other = (await ours[who].replies(request))[0], (await theirs[who].replies(request))[0]
            same = mine == other if request[0] == "MGET" else alike(mine, other)
            assert same, f"{name}, {number}: {who} {request}: {mine!r}, Redis {other!r}"
        for talker in (*ours, *theirs):
            talker.writer.close()

    asyncio.run(main())
