"""Requests become operations or the errors that Redis has for them; the texts were compared with Redis 7.0.15."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.store import operations
from quorate.store.answers import Caller, CommandError
from quorate.store.commands import COMMANDS, find
from quorate.store.entries import Administers, Answers, Container, Controls, Writes
from quorate.store.expiring import DeleteIfEqual, Expire, ExpireIf, GetExpire, Persist, When
from quorate.store.keyspace import POSITIONS
from quorate.store.operation_types import Query
from quorate.store.operations import InSession, OpenSession, Step
from quorate.store.queries import Exists, Get, GetRange, Keys, MultiGet, Scan, Size, StringLength, TimeLeft, Type
from quorate.store.replies import Failure, SimpleString
from quorate.store.resp import Text, Value, encode
from quorate.store.writes import (
    Append,
    Clear,
    Copy,
    Delete,
    GetDelete,
    GetSet,
    Increment,
    MultiSet,
    Only,
    Rename,
    Set,
    SetAllAbsent,
    SetRange,
)

OK = SimpleString("OK")
NOT_AN_INTEGER = "ERR value is not an integer or out of range"
SYNTAX = "ERR syntax error"
AUTH_IS_OFF = (
    "ERR AUTH <password> called without any password configured for the default user. "
    "Are you sure your configuration is correct?"
)


def caller(password: str | None = None) -> Caller:
    """Somebody on a new connection."""
    info = "# Server\r\nredis_version:7\r\n\r\n# Raft\r\nraft_term:1\r\n"
    told = {b"save": b"", b"appendonly": b"yes"}
    return Caller(5, password, lambda: info, told, authenticated=password is None)


def ask(request: str, who: Caller | None = None) -> "Step | OpenSession | Query | Value":
    """The operation, or the front's own answer; words are separated by blanks, and `_` is an empty one."""
    words = [b"" if word == "_" else word.encode() for word in request.split()]
    command = find(words)
    if isinstance(command, Answers):
        return command.answer(who or caller(), words)
    assert not isinstance(command, Controls)
    return command.parse(words)


@pytest.mark.parametrize(
    ("request_", "operation"),
    [
        ("GET a", Get(b"a")),
        ("set a 1", Set(b"a", b"1")),
        ("SET a _", Set(b"a", b"")),
        ("SET a 1 nx", Set(b"a", b"1", Only.IF_ABSENT)),
        ("SET a 1 XX XX GET", Set(b"a", b"1", Only.IF_PRESENT, get=True)),
        ("SET a 1 GET IFEQ 0", Set(b"a", b"1", b"0", get=True)),
        ("SET a 1 IFEQ _", Set(b"a", b"1", b"")),
        ("SET a 1 IFEQ NX", Set(b"a", b"1", b"NX")),
        ("SET a 1 EX 10", Set(b"a", b"1", when=When(10_000))),
        ("SET a 1 px 5 NX GET", Set(b"a", b"1", Only.IF_ABSENT, get=True, when=When(5))),
        ("SET a 1 EXAT 10", Set(b"a", b"1", when=When(10_000, absolute=True))),
        ("SET a 1 PXAT 10 PXAT 11", Set(b"a", b"1", when=When(11, absolute=True))),
        ("SET a 1 keepttl", Set(b"a", b"1", keep=True)),
        ("SETEX a 10 1", Set(b"a", b"1", when=When(10_000))),
        ("PSETEX a 10 1", Set(b"a", b"1", when=When(10))),
        ("SETNX a 1", SetAllAbsent(((b"a", b"1"),))),
        ("MSETNX a 1 b 2", SetAllAbsent(((b"a", b"1"), (b"b", b"2")))),
        ("GETDEL a", GetDelete(b"a")),
        ("GETEX a", GetExpire(b"a")),
        ("GETEX a PERSIST", GetExpire(b"a", persist=True)),
        ("GETEX a PX 7", GetExpire(b"a", When(7))),
        ("GETEX a EX 0", GetExpire(b"a", error="ERR invalid expire time in 'getex' command")),
        ("EXPIRE a -1", Expire(b"a", When(-1_000))),
        ("PEXPIREAT a 1 gt XX", Expire(b"a", When(1, absolute=True), (ExpireIf.HAS_ONE, ExpireIf.LATER))),
        ("PERSIST a", Persist(b"a")),
        ("TTL a", TimeLeft(b"a", milliseconds=False, absolute=False)),
        ("PEXPIRETIME a", TimeLeft(b"a", milliseconds=True, absolute=True)),
        ("GETRANGE a 0 -1", GetRange(b"a", 0, -1)),
        ("SETRANGE a 3 x", SetRange(b"a", 3, b"x")),
        ("UNLINK a b", Delete((b"a", b"b"))),
        ("KEYS a*", Keys(b"a*")),
        ("TYPE a", Type(b"a")),
        ("FLUSHALL", Clear()),
        ("FLUSHDB async", Clear()),
        ("RENAME a b", Rename(b"a", b"b")),
        ("RENAMENX a b", Rename(b"a", b"b", if_absent=True)),
        ("COPY a b DB 0 REPLACE", Copy(b"a", b"b", replace=True)),
        ("EVALSHA C3F8721cbb97f72bc19e972846bd7aaf91901658 1 a token", DeleteIfEqual(b"a", b"token")),
        ("GETSET a 1", GetSet(b"a", b"1")),
        ("DEL a b", Delete((b"a", b"b"))),
        ("EXISTS a a", Exists((b"a", b"a"))),
        ("INCR a", Increment(b"a", 1)),
        ("DECR a", Increment(b"a", -1)),
        ("INCRBY a -9223372036854775808", Increment(b"a", -(2**63))),
        ("DECRBY a 9223372036854775807", Increment(b"a", -(2**63) + 1)),
        ("APPEND a x", Append(b"a", b"x")),
        ("STRLEN a", StringLength(b"a")),
        ("MGET a b", MultiGet((b"a", b"b"))),
        ("MSET a 1 b 2", MultiSet(((b"a", b"1"), (b"b", b"2")))),
        ("DBSIZE", Size()),
        ("SCAN 0", Scan(0, None, 10)),
        ("SCAN 7 COUNT 5 MATCH a* TYPE string", Scan(7, b"a*", 5)),
        ("SCAN 7 TYPE hash", Scan(POSITIONS, None, 10)),
        ("SCAN 18446744073709551615", Scan(POSITIONS, None, 10)),
        ("QUORATE.SESSION", OpenSession()),
        ("QUORATE.DO 3 1 SET a 1 NX", InSession(3, 1, Set(b"a", b"1", Only.IF_ABSENT))),
        ("quorate.do 3 2 incr a", InSession(3, 2, Increment(b"a", 1))),
    ],
)
def test_a_request_becomes_an_operation(request_: str, operation: Step | OpenSession | Query) -> None:
    """Names and options may be written in any case."""
    assert ask(request_) == operation


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ("FOO", "ERR unknown command 'FOO', with args beginning with: "),
        ("foo bar baz", "ERR unknown command 'foo', with args beginning with: 'bar' 'baz' "),
        ("foo " + "b" * 200 + " x", f"ERR unknown command 'foo', with args beginning with: '{'b' * 128}' "),
        ("foo a\0b", "ERR unknown command 'foo', with args beginning with: 'a' "),
        ("_ a", "ERR unknown command '', with args beginning with: 'a' "),
        ("get", "ERR wrong number of arguments for 'get' command"),
        ("GET a b", "ERR wrong number of arguments for 'get' command"),
        ("DEL", "ERR wrong number of arguments for 'del' command"),
        ("MSET a 1 b", "ERR wrong number of arguments for 'mset' command"),
        ("DBSIZE x", "ERR wrong number of arguments for 'dbsize' command"),
        ("SET a 1 NX XX", SYNTAX),
        ("SET a 1 NX IFEQ 1", SYNTAX),
        ("SET a 1 IFEQ 1 IFEQ 1", SYNTAX),
        ("SET a 1 IFEQ", SYNTAX),
        ("SET a 1 foo", SYNTAX),
        ("SET a 1 EX", SYNTAX),
        ("SET a 1 EX 10 PX 10", SYNTAX),
        ("SET a 1 EX 10 KEEPTTL", SYNTAX),
        ("SET a 1 KEEPTTL EXAT 10", SYNTAX),
        ("SET a 1 PERSIST", SYNTAX),
        ("SET a 1 EX x", NOT_AN_INTEGER),
        ("SET a 1 EX 0", "ERR invalid expire time in 'set' command"),
        ("SET a 1 EX 9223372036854776", "ERR invalid expire time in 'set' command"),
        ("SET a 1 PX 9223372036854775807", "ERR invalid expire time in 'set' command"),
        ("SETEX a -1 x", "ERR invalid expire time in 'setex' command"),
        ("PSETEX a 0 x", "ERR invalid expire time in 'psetex' command"),
        ("GETEX a KEEPTTL", SYNTAX),
        ("GETEX a PERSIST EX 1", SYNTAX),
        ("EXPIRE a x", NOT_AN_INTEGER),
        ("EXPIRE a 9223372036854775807", "ERR invalid expire time in 'expire' command"),
        ("EXPIRE a -9223372036854775807", "ERR invalid expire time in 'expire' command"),
        ("PEXPIRE a 9223372036854775807", "ERR invalid expire time in 'pexpire' command"),
        ("EXPIREAT a 9223372036854776 NX", "ERR invalid expire time in 'expireat' command"),
        ("EXPIRE a 1 foo", "ERR Unsupported option foo"),
        ("EXPIRE a 1 NX GT", "ERR NX and XX, GT or LT options at the same time are not compatible"),
        ("EXPIRE a 1 LT GT", "ERR GT and LT options at the same time are not compatible"),
        ("SETRANGE a -1 x", "ERR offset is out of range"),
        ("SETRANGE a x x", NOT_AN_INTEGER),
        ("GETRANGE a 0 x", NOT_AN_INTEGER),
        ("MSETNX a 1 b", "ERR wrong number of arguments for 'msetnx' command"),
        ("FLUSHALL now", SYNTAX),
        ("COPY a a", "ERR source and destination objects are the same"),
        ("COPY a b DB", SYNTAX),
        ("COPY a b DB 1", "ERR DB index is out of range"),
        ("EVAL return 0", "ERR scripts are not run here; only the three of redis-py's Lock are known"),
        ("EVALSHA 0123 0", "NOSCRIPT No matching script. Please use EVAL."),
        ("EVALSHA c3f8721cbb97f72bc19e972846bd7aaf91901658 1 a", "ERR this script has one key and 1 arguments"),
        ("SCRIPT LOAD x", "ERR scripts are not run here; only the three of redis-py's Lock are known"),
        ("SCRIPT FLUSH", "ERR unknown subcommand 'FLUSH'. Try SCRIPT HELP."),
        ("COMMAND GETKEYS", "ERR wrong number of arguments for 'command|getkeys' command"),
        ("COMMAND GETKEYS GET", "ERR wrong number of arguments for 'command|getkeys' command"),
        ("COMMAND GETKEYS PING x", "ERR The command has no key arguments"),
        ("COMMAND GETKEYS CONFIG foo", "ERR Invalid command specified"),
        ("COMMAND GETKEYS foo a", "ERR Invalid command specified"),
        ("COMMAND GETKEYS GET a b", "ERR Invalid number of arguments specified for command"),
        ("COMMAND LIST FILTERBY foo bar", SYNTAX),
        ("INCRBY a x", NOT_AN_INTEGER),
        ("INCRBY a +1", NOT_AN_INTEGER),
        ("INCRBY a 9223372036854775808", NOT_AN_INTEGER),
        ("DECRBY a x", NOT_AN_INTEGER),
        ("DECRBY a -9223372036854775808", "ERR decrement would overflow"),
        ("SCAN x", "ERR invalid cursor"),
        ("SCAN " + "9" * 5000, "ERR invalid cursor"),
        ("SCAN 0 COUNT 0", SYNTAX),
        ("SCAN 0 COUNT x", NOT_AN_INTEGER),
        ("SCAN 0 COUNT", SYNTAX),
        ("SCAN 0 foo 1", SYNTAX),
        ("QUORATE.DO 3 1", "ERR wrong number of arguments for 'quorate.do' command"),
        ("QUORATE.DO x 1 SET a 1", NOT_AN_INTEGER),
        ("QUORATE.DO 3 -1 SET a 1", NOT_AN_INTEGER),
        ("QUORATE.DO 3 1 SET a", "ERR wrong number of arguments for 'set' command"),
        ("QUORATE.DO 3 1 FOO", "ERR unknown command 'FOO', with args beginning with: "),
        ("QUORATE.DO 3 1 GET a", "ERR 'get' writes nothing: send it by itself, without QUORATE.DO"),
        ("QUORATE.DO 3 1 PING", "ERR 'ping' writes nothing: send it by itself, without QUORATE.DO"),
        ("QUORATE.DO 3 1 QUORATE.SESSION", "ERR 'quorate.session' can't be sent by QUORATE.DO"),
        ("QUORATE.DO 3 1 QUORATE.DO 3 2 SET a 1", "ERR 'quorate.do' can't be sent by QUORATE.DO"),
        ("PING a b", "ERR wrong number of arguments for 'ping' command"),
        ("SELECT x", NOT_AN_INTEGER),
        ("SELECT " + "9" * 5000, NOT_AN_INTEGER),
        ("SELECT 1", "ERR DB index is out of range"),
        ("CLIENT", "ERR wrong number of arguments for 'client' command"),
        ("CLIENT foo", "ERR unknown subcommand 'foo'. Try CLIENT HELP."),
        ("CLIENT SETNAME", "ERR wrong number of arguments for 'client|setname' command"),
        ("CLIENT SETNAME \N{SNOWMAN}", "ERR Client names cannot contain spaces, newlines or special characters."),
        ("CLIENT SETINFO foo bar", "ERR Unrecognized option 'foo'"),
        ("CONFIG GET", "ERR wrong number of arguments for 'config|get' command"),
        ("CONFIG GET " + "a " * 101, "ERR at most 100 patterns of 256 bytes can be asked for"),
        ("CONFIG GET " + "*" * 257, "ERR at most 100 patterns of 256 bytes can be asked for"),
        ("COMMAND INFO " + "get " * 101, "ERR at most 100 commands can be asked about at once"),
        ("CONFIG foo", "ERR unknown subcommand 'foo'. Try CONFIG HELP."),
        ("CONFIG SET save 1", "ERR settings can't be changed while the server runs: change its configuration"),
        ("COMMAND foo", "ERR unknown subcommand 'foo'. Try COMMAND HELP."),
        ("COMMAND COUNT x", "ERR wrong number of arguments for 'command|count' command"),
        ("HELLO x", "ERR Protocol version is not an integer or out of range"),
        ("HELLO 4", "NOPROTO unsupported protocol version"),
        ("HELLO 2 foo", "ERR Syntax error in HELLO option 'foo'"),
        ("HELLO 2 AUTH default", "ERR Syntax error in HELLO option 'AUTH'"),
        ("AUTH a b c", SYNTAX),
        ("AUTH foo bar", "WRONGPASS invalid username-password pair or user is disabled."),
        ("AUTH x", AUTH_IS_OFF),
    ],
)
def test_a_wrong_request_is_refused_in_the_words_of_redis(request_: str, error: str) -> None:
    """But where Redis has no such command or no such limit."""
    with pytest.raises(CommandError) as caught:
        ask(request_)
    assert str(caught.value) == error


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(sorted(COMMANDS)),
    st.lists(
        st.binary(max_size=6) | st.sampled_from([b"get", b"set", b"1", b"-1", b"ifeq", b"auth", b"match"]), max_size=6
    ),
    st.booleans(),
)
def test_whatever_the_arguments_a_request_is_served_or_refused(name: bytes, rest: list[bytes], lower: bool) -> None:  # noqa: FBT001
    """No arguments, whatever bytes they are, make a command fail in another way; what it asks can be encoded."""
    words = [name if lower else name.upper(), *rest]
    who = caller()
    try:
        command = find(words)
        if isinstance(command, Answers):
            assert encode(command.answer(who, words), who.protocol)
        elif not isinstance(command, Controls | Administers):
            asked = command.parse(words)
            decode = operations.decode_command if isinstance(command, Writes) else operations.decode_query
            assert decode(operations.encode(asked)) == asked
    except CommandError as error:
        assert encode(Failure(str(error)), who.protocol)  # noqa: PT017 - a refusal is as good
    else:
        entry = COMMANDS[name]
        subcommand = rest[0].lower() if rest else b""
        if not isinstance(entry, Container):
            assert command is entry
        elif subcommand != b"help":
            assert command is entry.subcommands.get(subcommand, entry.alone)


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ("PING", SimpleString("PONG")),
        ("PING x", b"x"),
        ("ECHO x", b"x"),
        ("SELECT 0", OK),
        ("CLIENT ID", 5),
        ("CLIENT GETNAME", None),
        ("CLIENT SETINFO LIB-NAME redis-py", OK),
        ("CONFIG GET s*", {b"save": b""}),
        ("CONFIG GET APPENDONLY save", {b"save": b"", b"appendonly": b"yes"}),
        ("CONFIG GET nothing", {}),
        ("COMMAND COUNT", len(COMMANDS)),
        ("COMMAND INFO get nosuch", ((b"get", 2, (SimpleString("readonly"),), 1, 1, 1, (), (), (), ()), None)),
        ("COMMAND DOCS nosuch", {}),
        ("COMMAND GETKEYS SET a 1 NX", (b"a",)),
        ("COMMAND GETKEYS MSET a 1 b 2", (b"a", b"b")),
        ("COMMAND GETKEYS EVAL x 2 a b c", (b"a", b"b")),
        ("COMMAND GETKEYS EVAL x 5 a", ()),
        ("COMMAND LIST FILTERBY PATTERN config|*t", (b"config|get", b"config|set", b"config|resetstat")),
        ("COMMAND LIST FILTERBY PATTERN p*ttl", (b"pttl",)),
        ("COMMAND LIST FILTERBY MODULE json", ()),
        ("SCRIPT EXISTS c3f8721cbb97f72bc19e972846bd7aaf91901658 x", (1, 0)),
        ("INFO raft", Text("# Raft\r\nraft_term:1\r\n")),
        ("INFO nosuch", Text("")),
        ("AUTH default anything", OK),
    ],
)
def test_the_front_answers_what_is_not_about_the_map(request_: str, answer: Value) -> None:
    """As Redis does."""
    assert ask(request_) == answer


def test_all_of_info_is_what_the_server_says() -> None:
    """Also if it is asked for by name."""
    assert ask("INFO") == ask("INFO everything") == ask("INFO Server raft") == Text(caller().info())


def test_a_name_is_remembered_until_it_is_taken_back() -> None:
    """By CLIENT and by HELLO."""
    who = caller()
    ask("CLIENT SETNAME me", who)
    assert ask("CLIENT GETNAME", who) == b"me"
    ask("HELLO 3 SETNAME you", who)
    assert (who.name, who.protocol) == (b"you", 3)
    ask("CLIENT SETNAME _", who)
    assert ask("CLIENT GETNAME", who) is None


def test_the_password_lets_in_and_nothing_else_does() -> None:
    """By AUTH in both its forms, and by HELLO."""
    for wrong in ("AUTH x", "AUTH default x", "AUTH other secret", "HELLO 3 AUTH default x"):
        who = caller("secret")
        with pytest.raises(CommandError, match="WRONGPASS"):
            ask(wrong, who)
        assert not who.authenticated
    for right in ("AUTH secret", "AUTH default secret", "HELLO 3 AUTH default secret"):
        who = caller("secret")
        ask(right, who)
        assert who.authenticated


def test_hello_without_the_password_changes_nothing() -> None:
    """Neither does one that is refused for another reason: all of it or none."""
    who = caller("secret")
    with pytest.raises(CommandError, match="NOAUTH HELLO must be called with the client already authenticated"):
        ask("HELLO 3 SETNAME me", who)
    with pytest.raises(CommandError, match="Syntax error"):
        ask("HELLO 3 AUTH default secret SETNAME me foo", who)
    assert (who.authenticated, who.name, who.protocol) == (False, b"", 2)


def test_every_command_describes_itself() -> None:
    """COMMAND and COMMAND DOCS tell of all of them, as redis-cli asks when it starts."""
    described = ask("COMMAND")
    assert isinstance(described, tuple)
    assert len(described) == len(COMMANDS)
    docs = ask("COMMAND DOCS")
    assert isinstance(docs, dict)
    assert set(docs) == set(COMMANDS)


def test_every_command_is_in_the_documentation() -> None:
    """The page for who runs a cluster names it, in capitals."""
    page = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text()
    words = set(re.findall(r"[A-Z]+(?:\.[A-Z]+)?", page))
    assert {name.decode().upper() for name in COMMANDS} - words == set()
