"""CLIENT: describes connections, names them and closes them."""

from collections.abc import Callable
from typing import Final

from quorate.store.answers import OK, SYNTAX, Caller, CommandError
from quorate.store.entries import Answers
from quorate.store.limits import parse_integer
from quorate.store.resp import Request, Text, Value, quoted

BAD_NAME: Final = "ERR Client names cannot contain spaces, newlines or special characters."
NO_SUCH_CLIENT: Final = "ERR No such client"
_SETTABLE: Final = {b"lib-name", b"lib-ver"}
_KINDS: Final = {b"normal", b"master", b"replica", b"slave", b"pubsub"}  # here all are normal


def valid_name(name: bytes) -> bytes:
    """Return `name` if it is a valid name of a client; raises CommandError if not."""
    if not all(ord("!") <= byte <= ord("~") for byte in name):
        raise CommandError(BAD_NAME)
    return name


def _set_name(caller: Caller, request: Request) -> Value:
    caller.name = valid_name(request[2])
    return OK


def _set_info(caller: Caller, request: Request) -> Value:
    _, _, name, value = request
    attribute = name.lower()
    if attribute not in _SETTABLE:
        raise CommandError(f"ERR Unrecognized option '{quoted(name)}'")
    if not all(ord("!") <= byte <= ord("~") for byte in value):
        raise CommandError(f"ERR {quoted(attribute)} cannot contain spaces, newlines or special characters.")
    caller.library[attribute] = value
    return OK


def _switch(_caller: Caller, request: Request) -> Value:
    if request[2].lower() not in {b"on", b"off"}:
        raise CommandError(SYNTAX)
    return OK  # nothing is evicted here, and no key has a time of last access


def describe(caller: Caller) -> str:
    """Return the line about one client in CLIENT LIST."""
    fields: dict[str, object] = {
        "id": caller.id,
        "addr": caller.address,
        "laddr": caller.local_address,
        "name": quoted(caller.name),
        "age": int(caller.now() - caller.since),
        "idle": int(caller.now() - caller.heard),
        "flags": "N" if caller.queued < 0 else "x",
        "db": 0,
        "sub": 0,
        "psub": 0,
        "ssub": 0,
        "multi": caller.queued,
        "cmd": quoted(caller.command[:64].lower()).replace(" ", "?") or "NULL",
        "user": "default",
        "redir": -1,
        "resp": caller.protocol,
        "lib-name": quoted(caller.library.get(b"lib-name", b"")),
        "lib-ver": quoted(caller.library.get(b"lib-ver", b"")),
    }
    return " ".join(f"{key}={value}" for key, value in fields.items()) + "\n"


def _list(caller: Caller, request: Request) -> Value:
    match [option.lower() for option in request[2:3]] + request[3:]:
        case []:
            listed = list(caller.everybody())
        case [b"type", kind]:
            listed = list(caller.everybody()) if _of_kind(kind) else []
        case [b"id", _, *_] as options:
            wanted = {_id(text) for text in options[1:]}
            listed = [each for each in caller.everybody() if each.id in wanted]
        case _:
            raise CommandError(SYNTAX)
    return Text("".join(describe(each) for each in sorted(listed, key=lambda each: each.id)))


def _id(text: bytes) -> int:
    number = parse_integer(text)
    if number is None:
        raise CommandError("ERR Invalid client ID")
    return number


def _of_kind(kind: bytes) -> bool:
    if kind.lower() not in _KINDS:
        raise CommandError(f"ERR Unknown client type '{quoted(kind)}'")
    return kind.lower() == b"normal"


def _kill(caller: Caller, request: Request) -> Value:
    rest = request[2:]
    if len(rest) == 1:
        killed = [each for each in caller.everybody() if each.address.encode() == rest[0]]
        if not killed:
            raise CommandError(NO_SUCH_CLIENT)
    else:
        killed = _choose(caller, rest)
    for each in killed:
        if each is caller:
            caller.leaving = True  # it gets its reply first
        else:
            each.close()
    return OK if len(rest) == 1 else len(killed)


def _choose(caller: Caller, rest: list[bytes]) -> list[Caller]:
    """Return the clients that meet all conditions; the caller itself only with SKIPME no."""
    if len(rest) % 2:
        raise CommandError(SYNTAX)
    skips = True
    callers = list(caller.everybody())
    for name, value in zip(rest[::2], rest[1::2], strict=True):
        if name.lower() == b"skipme":
            if value.lower() not in {b"yes", b"no"}:
                raise CommandError(SYNTAX)
            skips = value.lower() == b"yes"
            continue
        meets = _condition(name.lower(), value)
        callers = [each for each in callers if meets(each)]
    return [each for each in callers if each is not caller or not skips]


def _condition(name: bytes, value: bytes) -> Callable[[Caller], bool]:
    match name:
        case b"id":
            number = parse_integer(value)
            if number is None or number < 1:
                raise CommandError("ERR client-id should be greater than 0")
            return lambda each: each.id == number
        case b"addr":
            return lambda each: each.address.encode() == value
        case b"laddr":
            return lambda each: each.local_address.encode() == value
        case b"type":
            normal = _of_kind(value)
            return lambda _: normal
        case b"user":
            if value != b"default":
                raise CommandError(f"ERR No such user '{quoted(value)}'")
            return lambda _: True
        case _:
            raise CommandError(SYNTAX)


SUBCOMMANDS: Final = {
    b"id": Answers(2, lambda caller, _: caller.id, "Returns the number of this connection."),
    b"getname": Answers(2, lambda caller, _: caller.name or None, "Returns the name of this connection."),
    b"setname": Answers(3, _set_name, "name Names this connection."),
    b"setinfo": Answers(4, _set_info, "LIB-NAME | LIB-VER value Sets the name or version of the client's library."),
    b"info": Answers(2, lambda caller, _: Text(describe(caller)), "Describes this connection."),
    b"list": Answers(-2, _list, "[TYPE kind] [ID id ...] Describes all connections."),
    b"kill": Answers(-3, _kill, "address | ID, ADDR, LADDR, TYPE, USER or SKIPME value ... Ends connections."),
    b"no-evict": Answers(3, _switch, "ON | OFF Changes nothing: no client is evicted."),
    b"no-touch": Answers(3, _switch, "ON | OFF Changes nothing: no key has a time of last access."),
}
