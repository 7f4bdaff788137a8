"""The table of commands: the number of arguments, the keys, the function and the summary of each.

To add a command, write a function and add one line to COMMANDS. The function turns a request into an operation
(parsing.py) or, if the front can answer by itself, into a value (answers.py). If the operation is new, its class stands
beside the function, as in bits.py: its fields in the log, and what it does to the map. All else follows: batches,
sessions and transactions, snapshots, COMMAND and its keys. The texts of errors are Redis's where Redis has one.
"""

from collections.abc import Callable
from typing import Final

from quorate.runtime.keys import KEY_BYTES
from quorate.store import answers, backups, bits, clients, config, floats, hello, members, parsing, scripts
from quorate.store import parsing_time as times
from quorate.store.answers import NOT_AN_INTEGER, CommandError, wrong_number
from quorate.store.describing import command_of, help_of
from quorate.store.entries import (
    ALL_KEYS,
    COUNTED_KEYS,
    NO_KEYS,
    ONE_KEY,
    PAIRS,
    TWO_KEYS,
    Administers,
    Answers,
    Command,
    CommandEntry,
    Container,
    Control,
    Controls,
    Keys,
    Reads,
    Writes,
)
from quorate.store.expiring import Persist
from quorate.store.operations import InSession, OpenSession, Transaction
from quorate.store.parsing import integer
from quorate.store.queries import Exists, Get, MultiGet, Size, StringLength, Type
from quorate.store.queries import Keys as MatchingKeys
from quorate.store.resp import Request, quoted
from quorate.store.writes import Append, Delete, GetDelete, GetSet, Increment, Rename

_MOST_QUOTED: Final = 128  # bytes of the name of an unknown command, and of all its arguments


def find(request: Request) -> Command:
    """Return the command that `request` names; raises CommandError if it is unknown or misses arguments."""
    name = request[0].lower()
    command = COMMANDS.get(name)
    if command is None:
        raise CommandError(_unknown(request))
    if isinstance(command, Container):
        name, command = _find_in(name, command, request)
    count, arity = len(request), command.arity
    if count != arity and (arity > 0 or count < -arity):
        raise wrong_number(name)
    return command


def _find_in(name: bytes, container: Container, request: Request) -> tuple[bytes, Answers]:
    """Return the full name of the subcommand that `request` names, such as `config|get`, and the subcommand."""
    if len(request) == 1:
        if container.alone is None:
            raise wrong_number(name)
        return name, container.alone
    inner = request[1].lower()
    entry = help_of(name, container) if inner == b"help" else container.subcommands.get(inner)
    if entry is None:
        outer, unknown = quoted(request[0].upper()), quoted(request[1][:_MOST_QUOTED])
        raise CommandError(f"ERR unknown subcommand '{unknown}'. Try {outer} HELP.")
    return b"%b|%b" % (name, inner), entry


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


# Sessions: each wraps another command, a write.


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
    numbers = session_numbers(session, sequence)
    command = find(inner)
    name = quoted(inner[0].lower())
    if isinstance(command, Controls) and command.control is Control.EXEC:
        raise CommandError("ERR EXEC without MULTI")
    if not isinstance(command, Writes):
        raise CommandError(f"ERR '{name}' writes nothing: send it by itself, without {quoted(outer.upper())}")
    write = command.parse(inner)
    if isinstance(write, InSession | OpenSession):
        raise CommandError(f"ERR '{name}' can't be sent by {quoted(outer.upper())}")
    return InSession(*numbers, write)


def session_numbers(session: bytes, sequence: bytes) -> tuple[int, int]:
    """Return the numbers of a session and of a write in it; raises CommandError if they aren't integers from 0 on."""
    numbers = integer(session), integer(sequence)
    if min(numbers) < 0:
        raise CommandError(NOT_AN_INTEGER)
    return numbers


def session_of_exec(request: Request) -> Callable[[Transaction], InSession] | None:
    """Return a function that puts a transaction into a session if `request` is EXEC in a session, else None.

    Raises CommandError if the numbers of the session and the write aren't integers from 0 on.
    """
    signature: bytes | None = None
    match request[0].lower(), request[1:-1]:
        case b"quorate.do", [session, sequence]:
            pass
        case b"quorate.signed", [session, sequence, bytes(by)]:
            signature = by
        case _:
            return None
    if request[-1].lower() != b"exec":
        return None
    numbers = session_numbers(session, sequence)
    return lambda transaction: InSession(*numbers, transaction, signature)


_one = ONE_KEY

COMMANDS: Final[dict[bytes, CommandEntry]] = {
    # Values.
    b"get": Reads(2, _one, lambda r: Get(r[1]), "Returns a value."),
    b"set": Writes(-3, _one, parsing.set_value, "Sets a value, if a condition holds, and perhaps for some time."),
    b"setnx": Writes(3, _one, parsing.set_all_absent, "Sets a value if there is none."),
    b"setex": Writes(4, _one, times.set_for(times.SECOND), "Sets a value for some seconds."),
    b"psetex": Writes(4, _one, times.set_for(1), "Sets a value for some milliseconds."),
    b"getset": Writes(3, _one, lambda r: GetSet(r[1], r[2]), "Sets a value and returns the one before."),
    b"getdel": Writes(2, _one, lambda r: GetDelete(r[1]), "Returns a value and deletes it."),
    b"getex": Writes(-2, _one, times.get_and_expire, "Returns a value and sets when it expires."),
    b"incr": Writes(2, _one, lambda r: Increment(r[1], 1), "Adds 1 to an integer."),
    b"decr": Writes(2, _one, lambda r: Increment(r[1], -1), "Takes 1 from an integer."),
    b"incrby": Writes(3, _one, lambda r: Increment(r[1], integer(r[2])), "Adds a number to an integer."),
    b"decrby": Writes(3, _one, parsing.decrement_by, "Takes a number from an integer."),
    b"incrbyfloat": Writes(3, _one, floats.increment_by_float, "Adds a decimal number to a number."),
    b"append": Writes(3, _one, lambda r: Append(r[1], r[2]), "Appends to a value."),
    b"strlen": Reads(2, _one, lambda r: StringLength(r[1]), "Returns the length of a value."),
    b"getrange": Reads(4, _one, parsing.get_range, "Returns a part of a value."),
    b"substr": Reads(4, _one, parsing.get_range, "Returns a part of a value, as GETRANGE does."),
    b"setrange": Writes(4, _one, parsing.set_range, "Overwrites a part of a value."),
    b"setbit": Writes(4, _one, bits.set_bit, "Sets a bit."),
    b"getbit": Reads(3, _one, bits.get_bit, "Returns a bit."),
    b"mget": Reads(-2, ALL_KEYS, lambda r: MultiGet(tuple(r[1:])), "Returns several values."),
    b"mset": Writes(-3, PAIRS, parsing.multi_set, "Sets several values at once."),
    b"msetnx": Writes(-3, PAIRS, parsing.set_all_absent, "Sets several values at once if there are none."),
    # Keys.
    b"del": Writes(-2, ALL_KEYS, lambda r: Delete(tuple(r[1:])), "Deletes keys."),
    b"unlink": Writes(-2, ALL_KEYS, lambda r: Delete(tuple(r[1:])), "Deletes keys, as DEL does."),
    b"exists": Reads(-2, ALL_KEYS, lambda r: Exists(tuple(r[1:])), "Counts the keys that exist."),
    b"touch": Reads(-2, ALL_KEYS, lambda r: Exists(tuple(r[1:])), "Counts the keys that exist, as EXISTS does."),
    b"type": Reads(2, _one, lambda r: Type(r[1]), "Returns the type of a value: string, or none."),
    b"rename": Writes(3, TWO_KEYS, lambda r: Rename(r[1], r[2]), "Renames a key."),
    b"renamenx": Writes(
        3, TWO_KEYS, lambda r: Rename(r[1], r[2], if_absent=True), "Renames a key if none is so named."
    ),
    b"copy": Writes(-3, TWO_KEYS, parsing.copy, "Copies a value to another key."),
    b"keys": Reads(2, NO_KEYS, lambda r: MatchingKeys(r[1]), "Returns all keys that match a pattern."),
    b"scan": Reads(-2, NO_KEYS, parsing.scan, "Goes through all keys: MATCH, COUNT, TYPE."),
    b"randomkey": Reads(1, NO_KEYS, parsing.random_key, "Returns any key."),
    b"dbsize": Reads(1, NO_KEYS, lambda _: Size(), "Counts all keys."),
    b"flushall": Writes(-1, NO_KEYS, parsing.clear, "Deletes all keys."),
    b"flushdb": Writes(-1, NO_KEYS, parsing.clear, "Deletes all keys, as FLUSHALL does."),
    # Time.
    b"expire": Writes(-3, _one, times.expire(times.SECOND), "Sets a key's time to live in seconds."),
    b"pexpire": Writes(-3, _one, times.expire(1), "Sets a key's time to live in milliseconds."),
    b"expireat": Writes(
        -3, _one, times.expire(times.SECOND, absolute=True), "Sets when a key expires, in Unix seconds."
    ),
    b"pexpireat": Writes(-3, _one, times.expire(1, absolute=True), "Sets when a key expires, in Unix milliseconds."),
    b"persist": Writes(2, _one, lambda r: Persist(r[1]), "Removes the time at which a key expires."),
    b"ttl": Reads(2, _one, times.time_left(milliseconds=False), "Returns a key's time to live in seconds."),
    b"pttl": Reads(2, _one, times.time_left(milliseconds=True), "Returns a key's time to live in milliseconds."),
    b"expiretime": Reads(
        2, _one, times.time_left(milliseconds=False, absolute=True), "Returns when a key expires, in s."
    ),
    b"pexpiretime": Reads(
        2, _one, times.time_left(milliseconds=True, absolute=True), "Returns when a key expires, in ms."
    ),
    # Transactions and scripts.
    b"multi": Controls(1, Control.MULTI, "Begins a transaction."),
    b"exec": Controls(1, Control.EXEC, "Executes the transaction."),
    b"discard": Controls(1, Control.DISCARD, "Discards the transaction."),
    b"watch": Controls(-2, Control.WATCH, "Lets the next transaction fail if keys have changed.", ALL_KEYS),
    b"unwatch": Controls(1, Control.UNWATCH, "Forgets all watched keys."),
    b"eval": Writes(-3, COUNTED_KEYS, scripts.evaluate, "Runs one of the three scripts of redis-py's Lock."),
    b"evalsha": Writes(-3, COUNTED_KEYS, scripts.evaluate_digest, "The same, for a script that is named by its SHA-1."),
    b"script": Container(scripts.SUBCOMMANDS, "Looks up the known scripts."),
    # Sessions.
    b"quorate.session": Writes(-1, NO_KEYS, _open_session, "Opens a session, for the owner of a key or for all."),
    b"quorate.do": Writes(-4, Keys(4, 4, 1), _in_session, "Does a write once, however often it is sent."),
    b"quorate.signed": Writes(-5, Keys(5, 5, 1), _in_signed_session, "The same, signed by the session's owner."),
    # Connections and the server.
    b"ping": Answers(-1, answers.ping, "Returns PONG or its argument."),
    b"echo": Answers(2, answers.echo, "Returns its argument."),
    b"auth": Answers(-2, answers.auth, "Authenticates the connection.", to_strangers=True, in_transactions=False),
    b"hello": Answers(-1, hello.hello, "Chooses the protocol.", to_strangers=True, in_transactions=False),
    b"quit": Controls(-1, Control.QUIT, "Closes the connection.", to_strangers=True),
    b"reset": Controls(1, Control.RESET, "Returns the connection to its first state.", to_strangers=True),
    b"select": Answers(2, answers.select, "Chooses the only database, 0."),
    b"client": Container(clients.SUBCOMMANDS, "Describes, names and closes connections."),
    b"command": command_of(lambda: COMMANDS, find),
    b"config": Container(config.SUBCOMMANDS, "Returns a few settings."),
    b"time": Answers(1, answers.time_of_day, "Returns the time of this node, in seconds and microseconds."),
    b"quorate.backup": Administers(
        -2, backups.request_of_backups, "BEGIN, READ token offset, END token: exports the whole state."
    ),
    b"quorate.members": Administers(
        -2, members.request_of_members, "LIST, ADD, PROMOTE, REMOVE, REPLACE, ADDRESS, TRANSFER, JOIN: the members."
    ),
    b"info": Answers(-1, answers.info, "Describes the server."),
}
