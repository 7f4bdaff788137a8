"""What COMMAND says of the table of commands."""

from collections.abc import Callable, Mapping
from typing import Final

from quorate.kv.answers import MOST_NAMES, SYNTAX, CommandError, unknown_subcommand, wrong_number
from quorate.kv.entries import Answers, CommandEntry, Controls, Reads, Writes
from quorate.kv.glob import MOST_PATTERN_BYTES, compile_glob
from quorate.kv.replies import Status
from quorate.kv.resp import Request, Value

Table = Mapping[bytes, CommandEntry]
_FLAGS: Final = {Writes: "write", Reads: "readonly", Answers: "fast", Controls: "fast"}
_GROUPS: Final = {Writes: b"string", Reads: b"string", Answers: b"connection", Controls: b"transactions"}


def describe(request: Request, table: Table, find: Callable[[Request], CommandEntry]) -> Value:
    """COMMAND [COUNT | LIST [FILTERBY …] | INFO [name…] | DOCS [name…] | GETKEYS command …]."""
    if len(request) > 1 and request[1].lower() == b"getkeys":
        return _keys(request, find)
    if len(request) > 2 + MOST_NAMES:
        raise CommandError(f"ERR at most {MOST_NAMES} commands can be asked about at once")
    match [argument.lower() for argument in request[1:]]:
        case []:
            return tuple(_entry(table, name) for name in table)
        case [b"count"]:
            return len(table)
        case [b"count", *_]:
            raise wrong_number(b"command|count")
        case [b"list", *options]:
            return _names(table, options)
        case [b"info", *names]:
            return tuple(_entry(table, name) if name in table else None for name in names or table)
        case [b"docs", *names]:
            return {name: _docs(table[name]) for name in names or table if name in table}
        case _:
            raise unknown_subcommand(request)


def _entry(table: Table, name: bytes) -> Value:
    command = table[name]
    keys = command.keys
    # After the keys: categories of access, tips, specifications of keys, subcommands.
    flag = Status(_FLAGS[type(command)])
    return (name, command.arity, (flag,), keys.first, keys.last, keys.step, (), (), (), ())


def _docs(command: CommandEntry) -> Value:
    return {b"summary": command.summary.encode(), b"since": b"1.0.0", b"group": _GROUPS[type(command)]}


def _names(table: Table, options: list[bytes]) -> Value:
    match options:
        case []:
            return tuple(table)
        case [b"filterby", b"pattern", pattern] if len(pattern) <= MOST_PATTERN_BYTES:
            matches = compile_glob(pattern).fullmatch
            return tuple(name for name in table if matches(name))
        case [b"filterby", b"module" | b"aclcat", _]:
            return ()  # there are neither modules nor categories of access
        case _:
            raise CommandError(SYNTAX)


def _keys(request: Request, find: Callable[[Request], CommandEntry]) -> Value:
    inner = request[2:]
    if not inner:
        raise wrong_number(b"command|getkeys")
    try:
        command = find(inner)
    except CommandError as error:
        unknown = str(error).startswith("ERR unknown command")
        why = "Invalid command specified" if unknown else "Invalid number of arguments specified for command"
        raise CommandError(f"ERR {why}") from None
    keys = command.keys.of(inner)
    if keys is None:
        raise CommandError("ERR Invalid arguments specified for command")
    if not keys:
        raise CommandError("ERR The command has no key arguments")
    return tuple(keys)
