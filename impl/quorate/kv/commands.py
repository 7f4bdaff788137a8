"""The table of commands: how many arguments each takes, and what it asks of the map or of the front.

To add a command, write a function that turns its arguments into an operation (or, if the front can answer by itself, a
value: answers.py) and add one line to COMMANDS. The texts of errors are Redis's where Redis has one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from quorate.keys import KEY_BYTES
from quorate.kv import answers
from quorate.kv.answers import (
    MOST_NAMES,
    NOT_AN_INTEGER,
    SYNTAX,
    Caller,
    CommandError,
    unknown_subcommand,
    wrong_number,
)
from quorate.kv.keyspace import POSITIONS
from quorate.kv.machine import parse_integer
from quorate.kv.operations import (
    MIN_INTEGER,
    Append,
    Delete,
    Exists,
    Get,
    GetSet,
    Increment,
    InSession,
    MultiGet,
    MultiSet,
    Only,
    OpenSession,
    Query,
    Scan,
    Set,
    Size,
    Step,
    StringLength,
)
from quorate.kv.replies import Status
from quorate.kv.resp import Request, Value, quoted

_EXPIRY: Final = {b"ex", b"px", b"exat", b"pxat", b"keepttl"}
_MOST_QUOTED: Final = 128  # bytes of an unknown command, and again of its arguments


@dataclass(frozen=True, slots=True)
class Keys:
    """Which arguments are keys, counted from 1, as COMMAND tells clients; a negative one counts from the end."""

    first: int
    last: int
    step: int


NO_KEYS: Final = Keys(0, 0, 0)
ONE_KEY: Final = Keys(1, 1, 1)
ALL_KEYS: Final = Keys(1, -1, 1)


@dataclass(frozen=True, slots=True)
class Writes:
    """A command that changes the map. An arity counts the name; a negative one is the least."""

    arity: int
    keys: Keys
    parse: Callable[[Request], Step | OpenSession]
    summary: str


@dataclass(frozen=True, slots=True)
class Reads:
    """A command that reads the map."""

    arity: int
    keys: Keys
    parse: Callable[[Request], Query]
    summary: str


@dataclass(frozen=True, slots=True)
class Answers:
    """A command that the front answers by itself; `to_strangers` before the password was given, too."""

    arity: int
    answer: Callable[[Caller, Request], Value]
    summary: str
    to_strangers: bool = False
    keys: Keys = NO_KEYS


CommandEntry: TypeAlias = Writes | Reads | Answers


def find(request: Request) -> CommandEntry:
    """Return the command that `request` names; raises CommandError if there is none, or it takes other arguments."""
    name = request[0].lower()
    command = COMMANDS.get(name)
    if command is None:
        raise CommandError(_unknown(request))
    given, arity = len(request), command.arity
    if given != arity and (arity > 0 or given < -arity):
        raise wrong_number(name)
    return command


def _unknown(request: Request) -> str:
    beginning = ""
    for argument in request[1:]:
        if len(beginning) >= _MOST_QUOTED:
            break
        beginning += f"'{_until_zero(argument, _MOST_QUOTED - len(beginning))}' "
    name = _until_zero(request[0], _MOST_QUOTED)
    return f"ERR unknown command '{name}', with args beginning with: {beginning}"


def _until_zero(data: bytes, most: int) -> str:
    return quoted(data.partition(b"\0")[0][:most])


def _set(request: Request) -> Set:
    _, key, value, *options = request
    condition: Only | bytes | None = None
    get = False
    rest = iter(options)
    for option in rest:
        wanted: Only | bytes | None = None
        match option.lower():
            case b"get":
                get = True
                continue
            case b"nx":
                wanted = Only.IF_ABSENT
            case b"xx":
                wanted = Only.IF_PRESENT
            case b"ifeq":
                wanted = next(rest, None)
            case name if name in _EXPIRY:
                raise CommandError(f"ERR {quoted(option)} is not supported: keys don't expire here, delete them")
            case _:
                raise CommandError(SYNTAX)
        if wanted is None or condition not in {None, wanted} or isinstance(condition, bytes):
            raise CommandError(SYNTAX)
        condition = wanted
    return Set(key, value, condition, get)


def _multi_set(request: Request) -> MultiSet:
    if len(request) % 2 == 0:
        raise wrong_number(b"mset")
    return MultiSet(tuple(zip(request[1::2], request[2::2], strict=True)))


def _integer(text: bytes, error: str = NOT_AN_INTEGER) -> int:
    value = parse_integer(text)
    if value is None:
        raise CommandError(error)
    return value


def _decrement_by(request: Request) -> Increment:
    by = _integer(request[2])
    if by == MIN_INTEGER:  # which has no opposite of 64 bits
        raise CommandError("ERR decrement would overflow")
    return Increment(request[1], -by)


def _scan(request: Request) -> Scan:
    _, text, *options = request
    if not text.isdigit() or len(text) > 20:
        raise CommandError("ERR invalid cursor")
    cursor = min(int(text), POSITIONS)
    pattern, count = None, 10
    names, values = options[::2], options[1::2]
    if len(names) != len(values):
        raise CommandError(SYNTAX)
    for name, value in zip(names, values, strict=True):
        match name.lower():
            case b"match":
                pattern = value
            case b"count":
                count = _integer(value)
                if count < 1:
                    raise CommandError(SYNTAX)
            case b"type":
                if value.lower() != b"string":
                    cursor = POSITIONS  # no key has another type: the end is reached at once
            case _:
                raise CommandError(SYNTAX)
    return Scan(cursor, pattern, count)


def _open_session(request: Request) -> OpenSession:
    match request[1:]:
        case []:
            return OpenSession()
        case [owner] if len(owner) == KEY_BYTES:
            return OpenSession(owner)
        case _:
            raise CommandError(f"ERR the owner of a session is an Ed25519 public key of {KEY_BYTES} bytes")


def _in_signed_session(request: Request) -> InSession:
    name, session, sequence, signature, *inner = request
    unsigned = _in_session([name, session, sequence, *inner])
    return InSession(unsigned.session, unsigned.sequence, unsigned.write, signature)


def _in_session(request: Request) -> InSession:
    outer, session, sequence, *inner = request
    numbers = _integer(session), _integer(sequence)
    if min(numbers) < 0:
        raise CommandError(NOT_AN_INTEGER)
    command = find(inner)
    name = quoted(inner[0].lower())
    if not isinstance(command, Writes):
        raise CommandError(f"ERR '{name}' writes nothing: send it by itself, without {quoted(outer.upper())}")
    write = command.parse(inner)
    if isinstance(write, InSession | OpenSession):
        raise CommandError(f"ERR '{name}' can't be sent by {quoted(outer.upper())}")
    return InSession(*numbers, write)


def _command(_caller: Caller, request: Request) -> Value:
    if len(request) > 2 + MOST_NAMES:
        raise CommandError(f"ERR at most {MOST_NAMES} commands can be asked about at once")
    match [argument.lower() for argument in request[1:]]:
        case []:
            return tuple(_entry(name) for name in COMMANDS)
        case [b"count"]:
            return len(COMMANDS)
        case [b"count", *_]:
            raise wrong_number(b"command|count")
        case [b"info", *names]:
            return tuple(_entry(name) if name in COMMANDS else None for name in names or COMMANDS)
        case [b"docs", *names]:
            return {name: _docs(COMMANDS[name]) for name in names or COMMANDS if name in COMMANDS}
        case _:
            raise unknown_subcommand(request)


def _entry(name: bytes) -> Value:
    command = COMMANDS[name]
    flag = {Writes: "write", Reads: "readonly", Answers: "fast"}[type(command)]
    keys = command.keys
    # After the keys: categories of access, tips, specifications of keys, subcommands.
    return (name, command.arity, (Status(flag),), keys.first, keys.last, keys.step, (), (), (), ())


def _docs(command: CommandEntry) -> Value:
    group = "connection" if isinstance(command, Answers) else "string"
    return {b"summary": command.summary.encode(), b"since": b"1.0.0", b"group": group.encode()}


COMMANDS: Final[dict[bytes, CommandEntry]] = {
    b"get": Reads(2, ONE_KEY, lambda r: Get(r[1]), "Returns a value."),
    b"set": Writes(-3, ONE_KEY, _set, "Sets a value, if a condition holds: NX, XX or IFEQ."),
    b"getset": Writes(3, ONE_KEY, lambda r: GetSet(r[1], r[2]), "Sets a value and returns the one before."),
    b"del": Writes(-2, ALL_KEYS, lambda r: Delete(tuple(r[1:])), "Deletes keys."),
    b"exists": Reads(-2, ALL_KEYS, lambda r: Exists(tuple(r[1:])), "Counts the keys that exist."),
    b"incr": Writes(2, ONE_KEY, lambda r: Increment(r[1], 1), "Adds 1 to an integer."),
    b"decr": Writes(2, ONE_KEY, lambda r: Increment(r[1], -1), "Takes 1 from an integer."),
    b"incrby": Writes(3, ONE_KEY, lambda r: Increment(r[1], _integer(r[2])), "Adds a number to an integer."),
    b"decrby": Writes(3, ONE_KEY, _decrement_by, "Takes a number from an integer."),
    b"append": Writes(3, ONE_KEY, lambda r: Append(r[1], r[2]), "Appends to a value."),
    b"strlen": Reads(2, ONE_KEY, lambda r: StringLength(r[1]), "Returns the length of a value."),
    b"mget": Reads(-2, ALL_KEYS, lambda r: MultiGet(tuple(r[1:])), "Returns several values."),
    b"mset": Writes(-3, Keys(1, -1, 2), _multi_set, "Sets several values at once."),
    b"dbsize": Reads(1, NO_KEYS, lambda _: Size(), "Counts all keys."),
    b"scan": Reads(-2, NO_KEYS, _scan, "Goes through all keys: MATCH, COUNT, TYPE."),
    b"quorate.session": Writes(-1, NO_KEYS, _open_session, "Opens a session, for the holder of a key or for all."),
    b"quorate.do": Writes(-4, Keys(4, 4, 1), _in_session, "Does a write once, however often it is sent."),
    b"quorate.signed": Writes(-5, Keys(5, 5, 1), _in_signed_session, "The same, signed by the session's owner."),
    b"ping": Answers(-1, answers.ping, "Answers."),
    b"echo": Answers(2, answers.echo, "Returns its argument."),
    b"auth": Answers(-2, answers.auth, "Takes the password.", to_strangers=True),
    b"hello": Answers(-1, answers.hello, "Chooses the version of the protocol.", to_strangers=True),
    b"quit": Answers(-1, answers.leave, "Closes the connection.", to_strangers=True),
    b"select": Answers(2, answers.select, "Chooses the only database, 0."),
    b"client": Answers(-2, answers.client, "Tells and sets the connection's number and name."),
    b"command": Answers(-1, _command, "Describes the commands."),
    b"config": Answers(-2, answers.config, "Tells a few settings: CONFIG GET."),
    b"info": Answers(-1, answers.info, "Describes the server."),
}
