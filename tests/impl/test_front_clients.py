"""Clients that others wrote work unchanged: redis-py with both versions of the protocol, and redis-cli."""

import asyncio
import shutil
import warnings
from collections.abc import Callable

import pytest
import redis
import redis.asyncio

from front_support import MapBackend, RefusingBackend, serving
from patience import PATIENCE_S
from quorate.runtime.outcomes import NotDone, Unknown
from quorate.store.front import FrontSettings

REDIS_CLI = shutil.which("redis-cli")
SECRET = "secret"  # noqa: S105  # a test's

both = pytest.mark.parametrize("protocol", [2, 3])


def with_client(
    use: Callable[[redis.Redis], None], protocol: int, backend: MapBackend | None = None, password: str | None = None
) -> None:
    """Let `use` talk to a front, in a thread of its own."""

    async def main() -> None:
        async with serving(backend, FrontSettings(password=password)) as (_, port):
            with redis.Redis(port=port, protocol=protocol, password=password, client_name="me", retry=None) as client:
                await asyncio.to_thread(use, client)

    asyncio.run(main())


@both
def test_redis_py_reads_and_writes(protocol: int) -> None:
    """All commands of the map, by the methods that applications call."""

    def use(client: redis.Redis) -> None:
        assert client.set("a", "1") is True
        assert client.set("a", "2", nx=True) is None
        assert client.set("a", "2", xx=True, get=True) == b"1"
        assert client.get("a") == b"2"
        assert client.getset("a", "3") == b"2"
        assert client.incr("a") == 4
        assert client.decr("a", 1) == 3
        assert client.incrby("a", 10) == 13
        assert client.append("a", "x") == 3
        assert client.strlen("a") == 3
        assert client.mset({"b": "1", "c": "2"}) is True
        assert client.mget("b", "nobody", "c") == [b"1", None, b"2"]
        assert client.exists("a", "b", "nobody") == 2
        assert client.delete("b", "nobody") == 1
        assert client.dbsize() == 2
        assert sorted(client.scan_iter(match="[ab]*")) == [b"a"]
        assert sorted(client.scan_iter(_type="string")) == [b"a", b"c"]
        assert list(client.scan_iter(_type="hash")) == []
        assert client.get("nobody") is None

    with_client(use, protocol)


@both
def test_redis_py_compares_and_sets(protocol: int) -> None:
    """SET with IFEQ, which redis-py still calls experimental."""

    def use(client: redis.Redis) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            assert client.set("a", "1", ifeq="0") is None
            client.set("a", "0")
            assert client.set("a", "1", ifeq="0") is True
            assert client.set("a", "2", ifeq="0", get=True) == b"1"
            assert client.set("a", "2", ifeq="1", get=True) == b"1"
            assert client.get("a") == b"2"

    with_client(use, protocol)


@both
def test_redis_py_pipelines(protocol: int) -> None:
    """Thousands of requests at once, more than a connection may have pending."""

    def use(client: redis.Redis) -> None:
        with client.pipeline(transaction=False) as pipeline:
            for _ in range(1_500):
                pipeline.incr("n")
                pipeline.get("n")
            replies = pipeline.execute()
        assert replies[0::2] == list(range(1, 1_501))
        assert replies[1::2] == [b"%d" % n for n in range(1, 1_501)]

    with_client(use, protocol)


@both
def test_redis_py_asks_about_the_server(protocol: int) -> None:
    """What tools and monitoring ask."""

    def use(client: redis.Redis) -> None:
        assert client.ping() is True
        assert client.echo("x") == b"x"
        assert client.client_getname() in {"me", b"me"}
        assert client.info("raft") == {"raft_term": 7}
        assert client.config_get("save") == {"save": ""}
        assert client.command_count() == len(client.command())
        assert client.select(0) is True

    with_client(use, protocol)


@both
def test_redis_py_lists_and_kills_clients(protocol: int) -> None:
    """By what they are, and with the conditions that Redis has; who isn't killed goes on."""

    def use(client: redis.Redis) -> None:
        mine = client.client_info()
        assert (mine["name"], mine["cmd"], mine["resp"]) == ("me", "client", str(protocol))
        assert mine["lib-name"].startswith("redis-py")
        port = client.connection_pool.connection_kwargs["port"]
        assert mine["laddr"] == f"127.0.0.1:{port}"
        with redis.Redis(port=port, protocol=protocol, client_name="other", single_connection_client=True) as other:
            assert other.ping()
            listed = {each["name"]: each for each in client.client_list()}
            assert set(listed) == {"me", "other"}
            assert client.client_list(client_id=[listed["other"]["id"]]) == [listed["other"]]
            assert client.client_list(_type="pubsub") == []
            assert client.client_kill_filter(addr=mine["addr"]) == 0  # not oneself, unless one says so
            assert client.client_kill_filter(_id="99") == 0
            assert client.client_kill(listed["other"]["addr"]) is True
            with pytest.raises(redis.ResponseError, match="No such client"):
                client.client_kill("127.0.0.1:1")
            while len(client.client_list()) > 1:  # its connection closes in the next turn of the loop
                pass
        assert client.client_info()["id"] == mine["id"]
        assert client.client_no_evict("ON") in {"OK", b"OK"}

    with_client(use, protocol)


@both
def test_redis_py_tells_errors_apart(protocol: int) -> None:
    """A wrong request, a cluster that did nothing, and a write of which nobody knows."""

    def use(client: redis.Redis) -> None:
        client.set("a", "x")
        with pytest.raises(redis.ResponseError, match="value is not an integer or out of range"):
            client.incr("a")
        with pytest.raises(redis.ResponseError, match=r"unknown command 'LPUSH', with args beginning with: 'a' '1' "):
            client.lpush("a", "1")
        with pytest.raises(redis.ResponseError, match="invalid expire time in 'set' command"):
            client.set("a", "1", ex=0)

    with_client(use, protocol)

    def nothing_done(client: redis.Redis) -> None:
        with pytest.raises(redis.ResponseError, match="no leader is known; nothing was written, try again"):
            client.set("a", "x")

    with_client(nothing_done, protocol, RefusingBackend(NotDone("no leader is known")))

    def nobody_knows(client: redis.Redis) -> None:
        with pytest.raises(redis.ResponseError, match="UNKNOWN timed out: the write may or may not have happened"):
            client.set("a", "x")

    with_client(nobody_knows, protocol, RefusingBackend(Unknown("timed out")))


@both
def test_redis_py_gives_the_password(protocol: int) -> None:
    """When it connects; a wrong one is its AuthenticationError."""

    def use(client: redis.Redis) -> None:
        assert client.ping() is True
        port = client.connection_pool.connection_kwargs["port"]
        with redis.Redis(port=port, protocol=protocol, password="wrong", retry=None) as stranger:  # noqa: S106, SIM117
            with pytest.raises(redis.AuthenticationError):
                stranger.ping()
        with redis.Redis(port=port, protocol=protocol, retry=None) as stranger:  # noqa: SIM117
            with pytest.raises(redis.AuthenticationError):
                stranger.get("a")

    with_client(use, protocol, password=SECRET)


@both
def test_redis_py_writes_once_in_a_session(protocol: int) -> None:
    """QUORATE.SESSION and QUORATE.DO, as any client can send them."""

    def use(client: redis.Redis) -> None:
        session = client.execute_command("QUORATE.SESSION")
        for _ in range(3):
            assert client.execute_command("QUORATE.DO", session, 1, "INCR", "n") == 1
        assert client.execute_command("QUORATE.DO", session, 2, "INCR", "n") == 2
        with pytest.raises(redis.ResponseError, match="BADSEQUENCE"):
            client.execute_command("QUORATE.DO", session, 1, "INCR", "n")
        with pytest.raises(redis.ResponseError, match="NOSESSION"):
            client.execute_command("QUORATE.DO", 99, 1, "INCR", "n")

    with_client(use, protocol)


@both
def test_redis_asyncio_shares_the_map(protocol: int) -> None:
    """Many connections at once count together."""

    async def main() -> None:
        async with (
            serving() as (_, port),
            redis.asyncio.Redis(port=port, protocol=protocol, max_connections=20) as client,
        ):
            counts = [client.incr("n") for _ in range(20)]
            assert sorted(await asyncio.gather(*counts)) == list(range(1, 21))

    asyncio.run(main())


@pytest.mark.skipif(REDIS_CLI is None, reason="redis-cli (Debian: redis-tools) is not installed")
@pytest.mark.parametrize("option", ["-2", "-3"])
def test_redis_cli_works(option: str) -> None:
    """With commands from its standard input, as if they were typed; it asks for COMMAND DOCS first."""
    typed = b"set a 1\nincr a\nget nobody\nmget a nobody\nincr\nfoo bar\nhelp set\ninfo raft\n"

    async def main() -> bytes:
        assert REDIS_CLI is not None
        async with serving() as (_, port):
            process = await asyncio.create_subprocess_exec(
                REDIS_CLI, "-p", str(port), option, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            async with asyncio.timeout(PATIENCE_S):
                said, _ = await process.communicate(typed)
            assert process.returncode == 0
            return said

    said = asyncio.run(main()).decode()
    lines = [line for line in said.splitlines() if line]
    assert lines[:2] == ["OK", "2"]
    assert "ERR wrong number of arguments for 'incr' command" in lines
    assert "ERR unknown command 'foo', with args beginning with: 'bar' " in lines
    assert "Sets a value, if a condition holds, and perhaps for some time." in said
    assert lines[-1] == "raft_term:7"
