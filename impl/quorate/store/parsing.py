"""Turns requests into operations on the map. The texts of errors are Redis's where Redis has one."""

import re
from random import SystemRandom
from typing import Final

from quorate.store.answers import NOT_AN_INTEGER, SYNTAX, CommandError, check_database, wrong_number
from quorate.store.keyspace import POSITIONS
from quorate.store.limits import parse_integer
from quorate.store.operation_types import MIN_INTEGER
from quorate.store.parsing_time import Lifetime
from quorate.store.queries import GetRange, RandomKey, Scan
from quorate.store.resp import Request
from quorate.store.writes import Clear, Copy, Increment, MultiSet, Only, Set, SetAllAbsent, SetRange

_random = SystemRandom()


def integer(text: bytes, error: str = NOT_AN_INTEGER) -> int:
    """Return the integer in `text`; raises CommandError with `error` if it is none of 64 bits."""
    value = parse_integer(text)
    if value is None:
        raise CommandError(error)
    return value


def set_value(request: Request) -> Set:
    """SET key value [NX | XX | IFEQ value] [GET] [EX seconds | PX ms | EXAT s | PXAT ms | KEEPTTL]."""
    _, key, value, *options = request
    condition: Only | bytes | None = None
    get = False
    lifetime = Lifetime(b"set", b"keepttl")
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
            case name:
                lifetime.take(name, rest)
                continue
        if wanted is None or condition not in {None, wanted} or isinstance(condition, bytes):
            raise CommandError(SYNTAX)
        condition = wanted
    return Set(key, value, condition, get, lifetime.when(), lifetime.keeps)


def pairs(request: Request) -> tuple[tuple[bytes, bytes], ...]:
    """Return the keys and values that follow the name of a request; raises CommandError if a value is missing."""
    if len(request) % 2 == 0:
        raise wrong_number(request[0].lower())
    return tuple(zip(request[1::2], request[2::2], strict=True))


def multi_set(request: Request) -> MultiSet:
    """MSET key value [key value …]."""
    return MultiSet(pairs(request))


def set_all_absent(request: Request) -> SetAllAbsent:
    """MSETNX key value [key value …], and SETNX key value."""
    return SetAllAbsent(pairs(request))


def decrement_by(request: Request) -> Increment:
    """DECRBY key decrement."""
    by = integer(request[2])
    if by == MIN_INTEGER:  # its negation doesn't fit into 64 bits
        raise CommandError("ERR decrement would overflow")
    return Increment(request[1], -by)


def set_range(request: Request) -> SetRange:
    """SETRANGE key offset value."""
    offset = integer(request[2])
    if offset < 0:
        raise CommandError("ERR offset is out of range")
    return SetRange(request[1], offset, request[3])


def get_range(request: Request) -> GetRange:
    """GETRANGE key start end."""
    return GetRange(request[1], integer(request[2]), integer(request[3]))


def copy(request: Request) -> Copy:
    """COPY source destination [DB 0] [REPLACE]."""
    _, source, dest, *options = request
    replace = False
    rest = iter(options)
    for option in rest:
        match option.lower():
            case b"replace":
                replace = True
            case b"db":
                number = next(rest, None)
                if number is None:
                    raise CommandError(SYNTAX)
                check_database(number)
            case _:
                raise CommandError(SYNTAX)
    if source == dest:
        raise CommandError("ERR source and destination objects are the same")
    return Copy(source, dest, replace)


def clear(request: Request) -> Clear:
    """FLUSHALL and FLUSHDB [ASYNC | SYNC], which are the same here."""
    if len(request) > 2 or (len(request) == 2 and request[1].lower() not in {b"async", b"sync"}):
        raise CommandError(SYNTAX)
    return Clear()


def random_key(_request: Request) -> RandomKey:
    """RANDOMKEY."""
    return RandomKey(_random.getrandbits(62))


_STRING: Final = b"string"
# Redis reads cursors with C's strtoul: no digits mean 0, and negative numbers count down from 2**64.
_CURSOR = re.compile(rb"|[+-]?[0-9]{1,40}")
MOST_CURSOR: Final = 2**64 - 1


def scan(request: Request) -> Scan:
    """SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]."""
    _, text, *options = request
    if not _CURSOR.fullmatch(text) or not -MOST_CURSOR <= (number := int(text or b"0")) <= MOST_CURSOR:
        raise CommandError("ERR invalid cursor")
    cursor = min(number % (MOST_CURSOR + 1), POSITIONS)
    pattern, count = None, 10
    names, values = options[::2], options[1::2]
    if len(names) != len(values):
        raise CommandError(SYNTAX)
    for name, value in zip(names, values, strict=True):
        match name.lower():
            case b"match":
                pattern = value
            case b"count":
                count = integer(value)
                if count < 1:
                    raise CommandError(SYNTAX)
            case b"type":
                if value.lower() != _STRING:
                    cursor = POSITIONS  # no key has another type: the end is reached at once
            case _:
                raise CommandError(SYNTAX)
    return Scan(cursor, pattern, count)
