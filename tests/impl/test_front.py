"""The port that clients connect to: who is let in, what they are told, and that nobody can disturb the others."""

import asyncio
import ssl
from pathlib import Path

import hiredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from front_support import MapBackend, RefusingBackend, command, converse, serving
from quorate.membership.changes import encode_request, is_request
from quorate.runtime.outcomes import Done, NotDone, Unknown
from quorate.runtime.trust import client_context
from quorate.store.front import MOST_EXTRA, Front, FrontSettings
from tls_files import Authority

LARGE = 1_000_000
Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def ask(peer: Peer, *words: bytes | str | int) -> object:
    """One request's reply; an error is returned."""
    reader, writer = peer
    writer.write(command(*words))
    parser = hiredis.Reader()
    while (reply := parser.gets()) is False:
        data = await reader.read(65_536)
        assert data, "the front has closed the connection"
        parser.feed(data)
    return reply


def test_requests_are_answered_through_a_socket() -> None:
    """Several at once, in their order."""

    async def main() -> None:
        async with serving() as (_, port):
            said = await converse(port, command("SET", "a", "1") + command("INCR", "a") + command("GET", "a"))
        assert said == b"+OK\r\n:2\r\n$1\r\n2\r\n+OK\r\n"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (NotDone("no leader is known"), b"-CLUSTERDOWN no leader is known; nothing was written, try again\r\n"),
        (Unknown("timed out"), b"-UNKNOWN timed out: the write may or may not have happened\r\n"),
    ],
)
def test_a_write_that_is_not_acknowledged_says_what_is_certain(outcome: NotDone | Unknown, said: bytes) -> None:
    """One that may have happened is never reported as failed."""

    async def main() -> None:
        async with serving(RefusingBackend(outcome)) as (_, port):
            assert await converse(port, command("SET", "a", "1")) == said + b"+OK\r\n"

    asyncio.run(main())


def test_only_so_many_clients_are_let_in() -> None:
    """The others are told so, as by Redis; who leaves makes room."""

    async def main() -> None:
        async with serving(settings=FrontSettings(max_clients=2)) as (front, port):
            first = await asyncio.open_connection("127.0.0.1", port)
            second = await asyncio.open_connection("127.0.0.1", port)
            assert [await ask(peer, "PING") for peer in (first, second)] == [b"PONG", b"PONG"]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b"-ERR max number of clients reached\r\n"
            writer.close()
            refused = b"-ERR max number of clients reached\r\n"
            assert (
                await converse(port, command("PING") + command("GET", "a") + command("PING")) == b"+PONG\r\n" + refused
            )
            assert front.clients == 2
            assert await ask(first, "QUIT") == b"OK"
            assert await first[0].read() == b""
            assert await converse(port, command("PING")) == b"+PONG\r\n+OK\r\n"
            assert await ask(second, "PING") == b"PONG"
            for _, writer in (first, second):
                writer.close()

    asyncio.run(main())


def test_above_the_limit_a_node_says_what_it_is() -> None:
    """Whoever looks why it serves nobody must get an answer, also when many others come in vain; who waits gets in."""

    async def main() -> None:
        async with serving(settings=FrontSettings(max_clients=1)) as (front, port):
            only = await asyncio.open_connection("127.0.0.1", port)
            assert await ask(only, "PING") == b"PONG"
            waiting = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3 * MOST_EXTRA)]
            late = await asyncio.open_connection("127.0.0.1", port)
            assert b"redis_version" in await ask(late, "INFO")
            assert front.clients == 1
            turned_away = await asyncio.gather(*(reader.read() for reader, _ in waiting[: 2 * MOST_EXTRA]))
            assert set(turned_away) == {b"-ERR max number of clients reached\r\n"}
            assert await ask(only, "QUIT") == b"OK"
            assert await only[0].read() == b""
            assert await ask(late, "SET", "a", "1") == b"OK"
            assert front.clients == 1
            for _, writer in (only, late, *waiting):
                writer.close()

    asyncio.run(main())


def test_who_asks_nothing_for_long_is_left() -> None:
    """Not who waits for an answer; and nobody, unless a time was given."""

    async def main() -> None:
        backend = MapBackend(holds=True)
        async with serving(backend, FrontSettings(idle_timeout_s=0.2)) as (front, port):
            idle = await asyncio.open_connection("127.0.0.1", port)
            waiting = await asyncio.open_connection("127.0.0.1", port)
            waiting[1].write(command("SET", "a", "1"))
            assert await idle[0].read() == b""
            assert front.clients == 1
            backend.release()
            assert await waiting[0].read() == b"+OK\r\n"
            for _, writer in (idle, waiting):
                writer.close()

    asyncio.run(main())


def test_a_password_is_asked_for() -> None:
    """Before it was given nothing is done, and little may be said; unknown commands are named first, as in Redis."""

    async def main() -> None:
        backend = MapBackend()
        async with serving(backend, FrontSettings(password="secret")) as (_, port):  # noqa: S106  # a test's
            refused = await converse(port, command("SET", "a", "1") + command("FOO") + command("AUTH", "wrong"))
            assert refused.splitlines() == [
                b"-NOAUTH Authentication required.",
                b"-ERR unknown command 'FOO', with args beginning with: ",
                b"-WRONGPASS invalid username-password pair or user is disabled.",
                b"+OK",
            ]
            flood = await converse(port, command(*["MSET"] * 11))
            assert flood == b"-ERR Protocol error: unauthenticated multibulk length\r\n"
            assert backend.submitted == []
            entered = await converse(port, command("AUTH", "secret") + command("MSET", *range(20)))
            assert entered == b"+OK\r\n" * 3
            entered = await converse(port, command("HELLO", 3, "AUTH", "default", "secret") + command("GET", "nobody"))
            assert entered.startswith(b"%7\r\n$6\r\nserver\r\n")
            assert entered.endswith(b"_\r\n+OK\r\n")

    asyncio.run(main())


@pytest.mark.parametrize("password", [None, "secret"])
def test_only_the_operator_changes_the_members(password: str | None) -> None:
    """Anybody who may read sees them; RESET makes an operator a client again; without a password all are operators."""
    change, look = command("QUORATE.MEMBERS", "REMOVE", 3), command("QUORATE.MEMBERS", "list")
    operator = command("AUTH", "operator", "trust me")

    async def main() -> None:
        backend = RefusingBackend(Done(b"{}"))
        settings = FrontSettings(password, operator_password="trust me")  # noqa: S106  # a test's
        async with serving(backend, settings) as (_, port):
            enter = b"" if password is None else command("AUTH", password)
            refused = await converse(port, enter + look + change + command("AUTH", "operator", "secret") + change)
            answers = [line.split()[0] for line in refused.splitlines()]
            assert answers[-5:] == [b"+OK", b"-NOPERM", b"-WRONGPASS", b"-NOPERM", b"+OK"]
            entered = await converse(port, operator + change + command("RESET") + enter + change)
            assert entered.splitlines()[:3] == [b"+OK", b"+OK", b"+RESET"]
            assert entered.splitlines()[-2].startswith(b"-NOPERM only the operator may do this")
            assert (await converse(port, look)).startswith(b"+OK" if password is None else b"-NOAUTH")
        assert all(is_request(payload) for _, payload in backend.submitted)
        async with serving(RefusingBackend(Done(b"{}"))) as (_, port):
            assert await converse(port, change) == b"+OK\r\n" * 2

    asyncio.run(main())


def test_requests_about_members_are_answered_as_redis_answers() -> None:
    """OK, a text or an error; not in a transaction, and not under BFT."""

    async def main() -> None:
        for reply, answer in (
            (b"{}", b"+OK\r\n"),
            (b'{"id": 4}', b'$9\r\n{"id": 4}\r\n'),
            (b'{"error": "no such node"}', b"-ERR no such node\r\n"),
        ):
            backend = RefusingBackend(Done(reply))
            async with serving(backend) as (_, port):
                assert await converse(port, command("quorate.members", "PROMOTE", 4)) == answer + b"+OK\r\n"
            assert backend.submitted == [(True, encode_request("promote", "4"))]
        async with serving(backend) as (_, port):
            queued = await converse(port, command("MULTI") + command("QUORATE.MEMBERS", "LIST") + command("EXEC"))
            assert queued.splitlines()[1] == b"-ERR QUORATE.MEMBERS can't be part of a transaction"
            assert queued.splitlines()[2].startswith(b"-EXECABORT")
            alone = await converse(port, command("QUORATE.MEMBERS"))
            assert alone.startswith(b"-ERR wrong number of arguments for 'quorate.members' command")
        async with serving(backend, FrontSettings(members_change=False)) as (_, port):
            fixed = await converse(port, command("QUORATE.MEMBERS", "LIST"))
            assert fixed.startswith(b"-ERR the members of a BFT cluster can't change")

    asyncio.run(main())


def test_a_password_is_not_shown() -> None:
    """Neither in a log nor in a traceback that shows the settings."""
    assert "secret" not in repr(FrontSettings("secret", operator_password="secret"))  # noqa: S106  # a test's


def test_requests_have_a_limit_and_values_of_sixteen_mebibytes_are_within_it() -> None:
    """What is too long is read to its end and refused, and its client goes on; CONFIG tells the limit."""

    async def main() -> None:
        async with serving() as (_, port):
            peer = await asyncio.open_connection("127.0.0.1", port)
            largest = bytes(16 << 20)
            assert await ask(peer, "CONFIG", "GET", "proto-max-bulk-len") == [b"proto-max-bulk-len", b"16777216"]
            assert await ask(peer, "SET", "a", largest) == b"OK"
            assert await ask(peer, "STRLEN", "a") == len(largest)
            why = "ERR a request may have at most 16842752 bytes, 16777216 of them in one string; nothing was done"
            for more in (1, 1 << 17):
                assert str(await ask(peer, "SET", "a", bytes(len(largest) + more))) == why
            refused = await ask(peer, "APPEND", "a", "x")
            assert str(refused) == "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
            assert await ask(peer, "GET", "a") == largest
            peer[1].close()

    asyncio.run(main())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.binary(max_size=2_000)
        | st.text("*$0123456789\r\nPINGSETHELO \"'", max_size=200).map(str.encode)
        | st.sampled_from([b"*1000000000\r\n", b"$1000000000\r\n", b"*1\r\n$1000000\r\n", command("GET", "a")[:-3]]),
        max_size=8,
    )
)
def test_whatever_others_send_a_client_is_served(rubbish: list[bytes]) -> None:
    """Rubbish, cut-off requests and enormous claims, each on its own connection and all on one."""

    async def main() -> None:
        async with serving() as (front, port):
            client = await asyncio.open_connection("127.0.0.1", port)
            assert await ask(client, "SET", "mine", "kept") == b"OK"
            hostile = [await asyncio.open_connection("127.0.0.1", port) for _ in range(len(rubbish) + 1)]
            for (_, writer), sent in zip(hostile, [*rubbish, b"".join(rubbish)], strict=True):
                writer.write(sent)
            assert await ask(client, "GET", "mine") == b"kept"
            for reader, writer in hostile:
                writer.write_eof()
                await reader.read()
                writer.close()
            assert await ask(client, "GET", "mine") == b"kept"
            assert front.clients == 1
            client[1].close()

    asyncio.run(main())


def test_who_never_reads_does_not_hold_up_the_others() -> None:
    """A client that asks for gigabytes and takes none is left waiting; the front is closed all the same."""

    async def main() -> None:
        backend = MapBackend()
        async with serving(backend) as (_, port):
            client = await asyncio.open_connection("127.0.0.1", port)
            assert await ask(client, "SET", "a", bytes(LARGE)) == b"OK"
            _, lazy = await asyncio.open_connection("127.0.0.1", port, limit=1)
            lazy.write(command("GET", "a") * 2_000)
            for _ in range(20):
                assert await ask(client, "STRLEN", "a") == LARGE
            assert len(backend.submitted) < 100
            lazy.transport.abort()
            client[1].close()

    asyncio.run(main())


def test_closing_lets_replies_out_first() -> None:
    """Who waits for a reply when the server stops gets it, and then the end of the connection."""

    async def main() -> None:
        backend = MapBackend(holds=True)
        async with serving(backend) as (front, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(command("INCR", "n"))
            await backend.arrived.wait()
            backend.release()
            await front.close()
            assert await reader.read() == b":1\r\n"
            writer.close()

    asyncio.run(main())


def test_a_port_that_is_taken_is_an_error_of_the_system() -> None:
    """Whoever starts the front turns it into a line."""

    async def main() -> None:
        async with serving() as (_, port):
            with pytest.raises(OSError, match="address already in use"):
                await Front(MapBackend(), FrontSettings()).start("127.0.0.1", port)

    asyncio.run(main())


def test_clients_may_be_asked_for_tls(tmp_path: Path) -> None:
    """With a context of the caller's; who speaks without it gets nothing, and disturbs nobody."""
    authority = Authority(tmp_path)
    files = authority.issue("quorate.test")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(files.certificate, files.key)
    client = client_context(authority.path)
    client.check_hostname = False

    async def main() -> None:
        async with serving(tls=server) as (_, port):
            peer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
            assert await ask(peer, "SET", "a", bytes(LARGE)) == b"OK"
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(command("GET", "a"))
            assert bytes(100) not in await reader.read()
            writer.close()
            assert await ask(peer, "GET", "a") == bytes(LARGE)
            assert await ask(peer, "QUIT") == b"OK"
            assert await peer[0].read() == b""
            peer[1].close()
            assert await converse(port, command("STRLEN", "a"), client) == b":1000000\r\n+OK\r\n"

    asyncio.run(main())
