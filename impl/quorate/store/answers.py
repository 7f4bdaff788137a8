"""Commands that the front answers without the cluster: about connections, the password, the server and its clock."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from quorate.store.limits import parse_integer
from quorate.store.replies import SimpleString
from quorate.store.resp import Request, Text, Value, quoted

OK: Final = SimpleString("OK")
NOT_AN_INTEGER: Final = "ERR value is not an integer or out of range"
SYNTAX: Final = "ERR syntax error"
WRONG_PASSWORD: Final = "WRONGPASS invalid username-password pair or user is disabled."  # noqa: S105  # not a password
NO_PASSWORD: Final = (
    "ERR AUTH <password> called without any password configured for the default user. "  # noqa: S105  # not a password
    "Are you sure your configuration is correct?"
)
# How many settings or commands one request may name, so that no short request takes long or has a long reply.
MOST_NAMES: Final = 100


class CommandError(Exception):
    """A request that can't be served; the text is the reply, and begins with its code."""


def wrong_number(name: bytes) -> CommandError:
    """Return the error that `name` was called with too few or too many arguments."""
    return CommandError(f"ERR wrong number of arguments for '{quoted(name)}' command")


@dataclass(slots=True)
class Caller:
    """What the front knows of one connection, and what the commands of that connection may read and change.

    With `operates` the client may change the members. `since` (connected) and `heard` (last bytes received) are times
    of `now`, in seconds.
    """

    id: int
    password: str | None
    info: Callable[[], str]
    settings: Mapping[bytes, bytes]
    authenticated: bool
    operator_password: str | None = None
    operates: bool = True
    protocol: int = 2
    name: bytes = b""
    leaving: bool = False
    library: dict[bytes, bytes] = field(default_factory=dict)  # the client library, by CLIENT SETINFO
    address: str = ""
    local_address: str = ""
    since: float = 0.0
    heard: float = 0.0
    command: bytes = b""
    queued: int = -1  # requests queued in a transaction, -1 outside one
    now: Callable[[], float] = time.monotonic
    everybody: "Callable[[], Iterable[Caller]]" = tuple
    close: Callable[[], None] = lambda: None

    def reset(self) -> None:
        """Return to the state in which the connection began (RESET)."""
        self.protocol, self.name, self.authenticated = 2, b"", self.password is None
        self.operates = self.operator_password is None


def ping(_caller: Caller, request: Request) -> Value:
    """PING [message]."""
    if len(request) > 2:
        raise wrong_number(b"ping")
    return request[1] if len(request) == 2 else SimpleString("PONG")


def echo(_caller: Caller, request: Request) -> Value:
    """ECHO message."""
    return request[1]


def check_database(text: bytes) -> None:
    """Raise CommandError unless `text` is the number of the only database."""
    number = parse_integer(text)
    if number is None:
        raise CommandError(NOT_AN_INTEGER)
    if not -(2**31) <= number < 2**31:
        raise CommandError(f"ERR value is out of range, value must between {-(2**31)} and {2**31 - 1}")
    if number != 0:
        raise CommandError("ERR DB index is out of range")


def select(_caller: Caller, request: Request) -> Value:
    """SELECT 0: there is one database."""
    check_database(request[1])
    return OK


def auth(caller: Caller, request: Request) -> Value:
    """AUTH [username] password; the users are called default and operator."""
    if len(request) > 3:
        raise CommandError(SYNTAX)
    if len(request) == 2 and caller.password is None:
        raise CommandError(NO_PASSWORD)
    log_in(caller, request[1] if len(request) == 3 else b"default", request[-1])
    return OK


def log_in(caller: Caller, user: bytes, password: bytes) -> None:
    """Authenticate the caller; raises CommandError if the user or the password is wrong."""
    is_operator = user == b"operator" and caller.operator_password is not None
    right = caller.operator_password if is_operator else caller.password
    if not (user == b"default" or is_operator) or (right is not None and not _are_equal(password, right)):
        raise CommandError(WRONG_PASSWORD)
    caller.authenticated = True
    caller.operates = is_operator or caller.operator_password is None


def _are_equal(password: bytes, right: str) -> bool:
    """Whether a password is right, in a time that doesn't reveal its length: all digests have the same length."""
    return compare_digest(sha256(password).digest(), sha256(right.encode()).digest())


def info(caller: Caller, request: Request) -> Value:
    """INFO [section…]: the named sections, or all."""
    sections = caller.info().split("# ")[1:]
    wanted = {quoted(name.lower()) for name in request[1:]}
    if wanted and not wanted & {"all", "default", "everything"}:
        sections = [section for section in sections if section.splitlines()[0].strip().lower() in wanted]
    return Text("".join("# " + section for section in sections))


def time_of_day(_caller: Caller, _request: Request) -> Value:
    """TIME: the clock of this node. Keys expire by the time in the log, which may be a little behind."""
    seconds, ns = divmod(time.time_ns(), 10**9)
    return b"%d" % seconds, b"%d" % (ns // 1_000)
