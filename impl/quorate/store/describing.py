"""COMMAND, which describes the table of commands, and HELP of the commands that have subcommands."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from quorate.store.answers import MOST_NAMES, SYNTAX, Caller, CommandError
from quorate.store.entries import Administers, Answers, Command, CommandEntry, Container, Controls, Reads, Writes
from quorate.store.glob import MOST_PATTERN_BYTES, compile_glob
from quorate.store.replies import SimpleString
from quorate.store.resp import Request, Value, quoted

Table: TypeAlias = Mapping[bytes, CommandEntry]
Find: TypeAlias = Callable[[Request], Command]
_FLAGS: Final = {Writes: "write", Reads: "readonly", Administers: "admin"}
_GROUPS: Final = {
    Writes: b"string",
    Reads: b"string",
    Answers: b"connection",
    Controls: b"transactions",
    Container: b"server",
    Administers: b"server",
}


def command_of(table: Callable[[], Table], find: Find) -> Container:
    """Return the command COMMAND; `table` is a function because the table contains COMMAND itself."""
    return Container(
        {
            b"count": Answers(2, lambda *_: len(table()), "Counts the commands."),
            b"list": Answers(-2, lambda _, r: _list(table(), r[2:]), "[FILTERBY PATTERN glob] Names the commands."),
            b"info": Answers(-2, lambda _, r: _info(table(), r[2:]), "[name ...] Describes commands for programs."),
            b"docs": Answers(-2, lambda _, r: _docs(table(), r[2:]), "[name ...] Describes commands for people."),
            b"getkeys": Answers(
                -4, lambda _, r: _keys(r[2:], find), "command [arg ...] Returns the keys of a request."
            ),
        },
        "Describes the commands.",
        Answers(-1, lambda *_: _info(table(), []), "Describes all commands for programs."),
    )


def help_of(name: bytes, container: Container) -> Answers:
    """Return the subcommand HELP of a command."""

    def answer(_caller: Caller, _request: Request) -> Value:
        title = f"{quoted(name.upper())} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
        lines = [title]
        for each, entry in container.subcommands.items():
            lines += [quoted(each.upper()), f"    {entry.summary}"]
        return tuple(SimpleString(line) for line in (*lines, "HELP", "    Prints this help."))

    return Answers(2, answer, "Prints the subcommands.")


def _lookup(table: Table, name: bytes) -> CommandEntry | None:
    """Return the command or subcommand (`config|get`) of that name."""
    outer, bar, inner = name.lower().partition(b"|")
    entry = table.get(outer)
    if not bar:
        return entry
    return entry.subcommands.get(inner) if isinstance(entry, Container) else None


def _all_names(table: Table) -> Iterator[bytes]:
    for name, entry in table.items():
        yield name
        if isinstance(entry, Container):
            yield from (b"%b|%b" % (name, each) for each in entry.subcommands)


def _few(names: list[bytes]) -> list[bytes]:
    if len(names) > MOST_NAMES:
        raise CommandError(f"ERR at most {MOST_NAMES} commands can be asked about at once")
    return names


def _info(table: Table, names: list[bytes]) -> Value:
    """COMMAND INFO [name …]."""
    entries = ((name, _lookup(table, name)) for name in _few(names) or table)
    return tuple(None if entry is None else _entry(name.lower(), entry) for name, entry in entries)


def _entry(name: bytes, command: CommandEntry) -> Value:
    flags = [SimpleString(flag) for kind, flag in _FLAGS.items() if isinstance(command, kind)]
    positions = (0, 0, 0)
    subcommands: tuple[Value, ...] = ()
    if isinstance(command, Container):
        subcommands = tuple(_entry(b"%b|%b" % (name, each), entry) for each, entry in command.subcommands.items())
    else:
        positions = command.keys.first, command.keys.last, command.keys.step
        if command.keys.count is not None:
            flags.append(SimpleString("movablekeys"))
    # After the keys stand: categories of access, tips, specifications of keys, subcommands.
    return (name, command.arity, tuple(flags), *positions, (), (), (), subcommands)


def _docs(table: Table, names: list[bytes]) -> Value:
    """COMMAND DOCS [name …]."""
    entries = ((name, _lookup(table, name)) for name in _few(names) or table)
    return {name: _doc(name, entry) for name, entry in entries if entry is not None}


def _doc(name: bytes, command: CommandEntry) -> Value:
    described: dict[bytes, Value] = {
        b"summary": command.summary.encode(),
        b"since": b"1.0.0",
        b"group": _GROUPS[type(command)],
    }
    if isinstance(command, Container):
        inner = {b"%b|%b" % (name, each): entry for each, entry in command.subcommands.items()}
        described[b"subcommands"] = {each: _doc(each, entry) for each, entry in inner.items()}
    return described


def _list(table: Table, options: list[bytes]) -> Value:
    """COMMAND LIST [FILTERBY PATTERN glob | MODULE name | ACLCAT name]."""
    match [options[0].lower(), options[1].lower(), *options[2:]] if len(options) > 1 else options:
        case []:
            return tuple(table)
        case [b"filterby", b"pattern", pattern] if len(pattern) <= MOST_PATTERN_BYTES:
            matches = compile_glob(pattern.lower()).fullmatch
            return tuple(name for name in _all_names(table) if matches(name))
        case [b"filterby", b"module" | b"aclcat", _]:
            return ()  # there are neither modules nor categories of access
        case _:
            raise CommandError(SYNTAX)


def _keys(inner: Request, find: Find) -> Value:
    """COMMAND GETKEYS command [argument …]."""
    try:
        command = find(inner)
    except CommandError as error:
        unknown = str(error).startswith("ERR unknown")
        why = "Invalid command specified" if unknown else "Invalid number of arguments specified for command"
        raise CommandError(f"ERR {why}") from None
    if not command.keys.known:
        raise CommandError("ERR The command has no key arguments")
    return tuple(command.keys.of(inner))
