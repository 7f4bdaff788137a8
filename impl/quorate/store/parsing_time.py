"""Turns requests about the times at which keys expire into operations. The texts of errors are Redis's."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from quorate.store.answers import NOT_AN_INTEGER, SYNTAX, CommandError
from quorate.store.expiring import Expire, ExpireIf, GetExpire, When
from quorate.store.limits import parse_integer
from quorate.store.operation_types import MAX_INTEGER, MIN_INTEGER
from quorate.store.queries import TimeLeft
from quorate.store.resp import Request, quoted
from quorate.store.writes import Set

SECOND: Final = 1_000
# The sum of the current time and a relative one must fit into 64 bits. This leaves 139 years after 1970.
_MOST_RELATIVE: Final = MAX_INTEGER - 2**42

_OPTIONS: Final = {b"ex": (SECOND, False), b"px": (1, False), b"exat": (SECOND, True), b"pxat": (1, True)}
_CONDITIONS: Final = {
    b"nx": ExpireIf.HAS_NONE,
    b"xx": ExpireIf.HAS_ONE,
    b"gt": ExpireIf.LATER,
    b"lt": ExpireIf.EARLIER,
}


def _in_ms(name: bytes, text: bytes, unit: int, *, absolute: bool, positive: bool) -> When:
    number = parse_integer(text)
    if number is None:
        raise CommandError(NOT_AN_INTEGER)
    ms = number * unit
    most = MAX_INTEGER if absolute else _MOST_RELATIVE
    if (positive and ms <= 0) or not MIN_INTEGER <= ms <= most:
        raise CommandError(f"ERR invalid expire time in '{quoted(name)}' command")
    return When(ms, absolute)


@dataclass(slots=True)
class Lifetime:
    """The options of the command `name` about when its key expires; `keeping` is the option that changes nothing."""

    name: bytes
    keeping: bytes
    keeps: bool = False
    _option: bytes | None = None
    _text: bytes = field(default=b"")

    def take(self, option: bytes, rest: Iterator[bytes]) -> None:
        """Take an option, in lower case, and its value; raises CommandError if it is unknown or contradicts another."""
        if option == self.keeping and self._option is None:
            self.keeps = True
            return
        value = next(rest, None)
        if option not in _OPTIONS or self.keeps or self._option not in {None, option} or value is None:
            raise CommandError(SYNTAX)
        self._option, self._text = option, value

    def when(self) -> When | None:
        """Return the time, None if no option has one; raises CommandError for an invalid time."""
        if self._option is None:
            return None
        unit, absolute = _OPTIONS[self._option]
        return _in_ms(self.name, self._text, unit, absolute=absolute, positive=True)


def set_for(unit: int) -> Callable[[Request], Set]:
    """SETEX and PSETEX key time value."""

    def parse(request: Request) -> Set:
        name, key, text, value = request
        return Set(key, value, when=_in_ms(name.lower(), text, unit, absolute=False, positive=True))

    return parse


def get_and_expire(request: Request) -> GetExpire:
    """GETEX key [EX seconds | PX ms | EXAT s | PXAT ms | PERSIST]."""
    _, key, *options = request
    lifetime = Lifetime(b"getex", b"persist")
    rest = iter(options)
    for option in rest:
        lifetime.take(option.lower(), rest)
    try:
        return GetExpire(key, lifetime.when(), lifetime.keeps)
    except CommandError as error:  # Redis reports the error only if the key exists
        return GetExpire(key, error=str(error))


def expire(unit: int, *, absolute: bool = False) -> Callable[[Request], Expire]:
    """EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT key time [NX | XX | GT | LT]."""

    def parse(request: Request) -> Expire:
        name, key, text, *options = request
        conditions = _conditions(options)
        return Expire(key, _in_ms(name.lower(), text, unit, absolute=absolute, positive=False), conditions)

    return parse


def _conditions(options: list[bytes]) -> tuple[ExpireIf, ...]:
    conditions: set[ExpireIf] = set()
    for option in options:
        condition = _CONDITIONS.get(option.lower())
        if condition is None:
            raise CommandError(f"ERR Unsupported option {quoted(option)}")
        conditions.add(condition)
    if ExpireIf.HAS_NONE in conditions and len(conditions) > 1:
        raise CommandError("ERR NX and XX, GT or LT options at the same time are not compatible")
    if {ExpireIf.LATER, ExpireIf.EARLIER} <= conditions:
        raise CommandError("ERR GT and LT options at the same time are not compatible")
    return tuple(sorted(conditions))


def time_left(*, milliseconds: bool, absolute: bool = False) -> Callable[[Request], TimeLeft]:
    """TTL, PTTL, EXPIRETIME and PEXPIRETIME key."""
    return lambda request: TimeLeft(request[1], milliseconds, absolute)
