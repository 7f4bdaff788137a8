"""HELLO: a client chooses the version of the protocol, authenticates and names itself."""

from typing import Final

from quorate.node.info import REDIS_VERSION
from quorate.store.answers import Caller, CommandError, log_in
from quorate.store.clients import valid_name
from quorate.store.limits import parse_integer
from quorate.store.resp import Request, Value, quoted

HELLO_NEEDS_PASSWORD: Final = (
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> "  # noqa: S105
    "<pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
)


def hello(caller: Caller, request: Request) -> Value:
    """HELLO [version [AUTH username password] [SETNAME name]]: takes effect as a whole or not at all."""
    protocol = _protocol(request[1]) if len(request) > 1 else caller.protocol
    name = caller.name
    credentials = None
    at = 2
    while at < len(request):
        match request[at].lower(), request[at + 1 :]:
            case b"auth", [user, password, *_]:
                credentials = user, password
                at += 3
            case b"setname", [wanted, *_]:
                name = valid_name(wanted)
                at += 2
            case _:
                raise CommandError(f"ERR Syntax error in HELLO option '{quoted(request[at])}'")
    if credentials is not None:
        log_in(caller, *credentials)
    if not caller.authenticated:
        raise CommandError(HELLO_NEEDS_PASSWORD)
    caller.protocol, caller.name = protocol, name
    return {
        b"server": b"redis",
        b"version": REDIS_VERSION.encode(),
        b"proto": protocol,
        b"id": caller.id,
        b"mode": b"standalone",
        b"role": b"master",
        b"modules": (),
    }


def _protocol(text: bytes) -> int:
    protocol = parse_integer(text)
    if protocol is None:
        raise CommandError("ERR Protocol version is not an integer or out of range")
    if protocol not in {2, 3}:
        raise CommandError("NOPROTO unsupported protocol version")
    return protocol
