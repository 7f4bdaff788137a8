"""The sequential map: the effect and the reply of each operation.

It follows the Redis manual alone; on purpose, it shares nothing with any implementation. Operations and their words:

    get KEY                     value or nil            set KEY VALUE [NX|XX|IFEQ OLD] [GET]
    strlen KEY                  length                  getset KEY VALUE        old value or nil
    exists KEY...               how many are there      del KEY...              how many were there
    mget KEY...                 list                    mset KEY VALUE ...      OK
    incr KEY, decr KEY          new number              incrby, decrby KEY N    new number
    append KEY VALUE            new length              dbsize                  how many keys are there
    setnx KEY VALUE             1, 0 if it was there    msetnx KEY VALUE ...    1, 0 if any was there
    getdel KEY                  old value or nil        type KEY                string or none
    getrange, substr KEY I J    those characters        unlink, touch           as del and exists
    keys PATTERN                those there that match  scan CURSOR [MATCH PATTERN] [COUNT N] [TYPE T]

`set` replies OK, or nil if its condition doesn't hold; with GET, the old value or nil in either case. Which keys
`dbsize`, `keys` and `scan` read depends on the whole history: `quorate_check.history.keyspace` gives the first two all
these keys as arguments, as this model expects them, and reduces a scan to lookups of single keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from quorate_check.history.operations import Error, Operation, OperationOutcome, Reply, Value

Values: TypeAlias = tuple[Value, ...]
"""The values of an operation's keys, in the order of `keys_of`; None for an absent key."""

OK = "OK"
NOT_AN_INTEGER = Error("ERR value is not an integer or out of range")
CANONICAL = re.compile(r"0|-?[1-9][0-9]{0,18}")
LEAST, MOST = -(2**63), 2**63 - 1


class UnknownOperationError(Exception):
    """The model has no operation of this name, or none with these arguments."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition under which a `set` sets, and whether it replies with the old value (`get`)."""

    nx: bool = False
    xx: bool = False
    ifeq: Value = None
    get: bool = False

    @staticmethod
    def of(options: Sequence[str]) -> Condition:
        """Return the condition that the words after KEY VALUE give; raise UnknownOperationError if they give none."""
        match [each.upper() for each in options]:
            case []:
                return Condition()
            case ["GET"]:
                return Condition(get=True)
            case ["NX"] | ["NX", "GET"] | ["GET", "NX"]:
                return Condition(nx=True, get=len(options) == 2)
            case ["XX"] | ["XX", "GET"] | ["GET", "XX"]:
                return Condition(xx=True, get=len(options) == 2)
            case ["IFEQ", _] | ["IFEQ", _, "GET"]:
                return Condition(ifeq=options[1], get=len(options) == 3)
            case ["GET", "IFEQ", _]:
                return Condition(ifeq=options[2], get=True)
            case _:
                raise UnknownOperationError(f"set: {' '.join(options)!r} isn't [NX|XX|IFEQ OLD] [GET]")

    def holds(self, old: Value) -> bool:
        """Whether the value is set over the value `old`."""
        if self.nx:
            return old is None
        if self.xx:
            return old is not None
        return self.ifeq is None or old == self.ifeq

    @property
    def always(self) -> bool:
        """Whether the value is set whatever the old one is."""
        return not (self.nx or self.xx or self.ifeq is not None)


_Effect: TypeAlias = Callable[[Sequence[str], Values], tuple[Reply, Values]]
"""From the words and the values of the keys to the reply and the values afterwards."""


def _set(words: Sequence[str], values: Values) -> tuple[Reply, Values]:
    (_, new, *options), (old,) = words, values
    condition = Condition.of(options)
    holds = condition.holds(old)
    return old if condition.get else OK if holds else None, (new,) if holds else values


def _mset(words: Sequence[str], _values: Values) -> tuple[Reply, Values]:
    last = dict(zip(words[::2], words[1::2], strict=True))
    return OK, tuple(last.values())


def _mget(words: Sequence[str], values: Values) -> tuple[Reply, Values]:
    value_of = dict(zip(dict.fromkeys(words), values, strict=True))
    return tuple(value_of[key] for key in words), values


def _exists(words: Sequence[str], values: Values) -> tuple[Reply, Values]:
    value_of = dict(zip(dict.fromkeys(words), values, strict=True))
    return sum(value_of[key] is not None for key in words), values


def _del(_words: Sequence[str], values: Values) -> tuple[Reply, Values]:
    return sum(each is not None for each in values), (None,) * len(values)


def _dbsize(_words: Sequence[str], values: Values) -> tuple[Reply, Values]:
    return sum(each is not None for each in values), values


def _present(words: Sequence[str], values: Values) -> tuple[Reply, Values]:
    return tuple(key for key, value in zip(words, values, strict=True) if value is not None), values


def _set_absent(words: Sequence[str], values: Values) -> tuple[Reply, Values]:
    if any(each is not None for each in values):
        return 0, values
    return 1, _mset(words, values)[1]


def _getrange(words: Sequence[str], values: Values) -> tuple[Reply, Values]:
    start, end = (integer(each) for each in words[1:])
    if start is None or end is None:
        return NOT_AN_INTEGER, values
    value = values[0] or ""
    if end < start < 0:
        return "", values
    first, last = (each if each >= 0 else max(len(value) + each, 0) for each in (start, end))
    return value[first : last + 1], values


def _append(words: Sequence[str], values: Values) -> tuple[Reply, Values]:
    new = (values[0] or "") + words[1]
    return len(new), (new,)


def _decrby(words: Sequence[str], values: Values) -> tuple[Reply, Values]:
    step = integer(words[1])
    return _add(None if step is None or step == LEAST else -step, values)  # Redis can't negate the least number


def _add(number: int | None, values: Values) -> tuple[Reply, Values]:
    old = integer("0" if values[0] is None else values[0])
    if old is None or number is None or not LEAST <= old + number <= MOST:
        return NOT_AN_INTEGER, values
    return old + number, (str(old + number),)


def integer(text: str) -> int | None:
    """Return the signed 64-bit number whose shortest form is `text`, None if there is none."""
    return number if CANONICAL.fullmatch(text) and LEAST <= (number := int(text)) <= MOST else None


@dataclass(frozen=True, slots=True)
class _Command:
    """A command with from `fewest` to `most` words (None: any number), in groups of `group`, and its effect.

    Its keys are the first of every `group` words if `many`, else the first word alone.
    """

    effect: _Effect
    fewest: int
    most: int | None
    many: bool = False
    group: int = 1


_COMMANDS: dict[str, _Command] = {
    "get": _Command(lambda _, values: (values[0], values), 1, 1),
    "set": _Command(_set, 2, 5),
    "getset": _Command(lambda words, values: (values[0], (words[1],)), 2, 2),
    "strlen": _Command(lambda _, values: (len(values[0] or ""), values), 1, 1),
    "append": _Command(_append, 2, 2),
    "incr": _Command(lambda _, values: _add(1, values), 1, 1),
    "decr": _Command(lambda _, values: _add(-1, values), 1, 1),
    "incrby": _Command(lambda words, values: _add(integer(words[1]), values), 2, 2),
    "decrby": _Command(_decrby, 2, 2),
    "exists": _Command(_exists, 1, None, many=True),
    "del": _Command(_del, 1, None, many=True),
    "mget": _Command(_mget, 1, None, many=True),
    "mset": _Command(_mset, 2, None, many=True, group=2),
    "setnx": _Command(_set_absent, 2, 2, many=True, group=2),
    "msetnx": _Command(_set_absent, 2, None, many=True, group=2),
    "getdel": _Command(lambda _, values: (values[0], (None,)), 1, 1),
    "getrange": _Command(_getrange, 3, 3),
    "substr": _Command(_getrange, 3, 3),
    "type": _Command(lambda _, values: ("none" if values[0] is None else "string", values), 1, 1),
    "unlink": _Command(_del, 1, None, many=True),
    "touch": _Command(_exists, 1, None, many=True),
    "dbsize": _Command(_dbsize, 0, 0, many=True),
    "keys": _Command(_present, 1, 1, many=True),
    "scan": _Command(lambda _, values: (None, values), 1, 7, many=True),
}
NAMES = frozenset(_COMMANDS)
"""The operations that the model knows."""

_TIME = "a key's time depends on the servers' clocks, which a history doesn't contain"
_PARTS = "the value that it leaves depends on parts of values, or on another key, which the search can't reason about"
_INNER = "record the operation that it does, once"
REFUSED = {
    **dict.fromkeys(("expire", "pexpire", "expireat", "pexpireat", "persist", "setex", "psetex", "getex"), _TIME),
    **dict.fromkeys(("ttl", "pttl", "expiretime", "pexpiretime"), _TIME),
    **dict.fromkeys(("setrange", "setbit", "getbit", "rename", "renamenx", "copy"), _PARTS),
    **dict.fromkeys(("quorate.session", "quorate.do", "quorate.signed", "eval", "evalsha"), _INNER),
    "incrbyfloat": "its sums depend on the machine that a Redis runs on",
    "randomkey": "every key is a right reply",
    "flushall": "record a `del` of all keys",
    "flushdb": "record a `del` of all keys",
}
"""Operations of servers that can't be judged, each with the reason, or what to record instead."""

SCAN_OPTIONS = ("MATCH", "COUNT", "TYPE")


def validate(name: str, words: Sequence[str]) -> None:
    """Raise UnknownOperationError unless the model knows this operation with these words."""
    command = _COMMANDS.get(name)
    if (why := REFUSED.get(name)) is not None:
        raise UnknownOperationError(f"operation {name!r} can't be judged: {why}")
    if command is None:
        raise UnknownOperationError(f"operation {name!r} isn't one of {', '.join(_COMMANDS)}")
    few, most = len(words) < command.fewest, command.most is not None and len(words) > command.most
    if few or most or (command.many and len(words) % command.group):
        raise UnknownOperationError(f"{name}: wrong number of arguments: {len(words)}")
    if name == "set":
        Condition.of(words[2:])
    if name == "scan":
        scan_options(words)


def scan_options(words: Sequence[str]) -> dict[str, str]:
    """Return the options of a `scan` after its cursor; raise UnknownOperationError for words that are no options."""
    names = [each.upper() for each in words[1::2]]
    if len(words) % 2 == 0 or len(set(names)) < len(names) or not set(names) <= set(SCAN_OPTIONS):
        raise UnknownOperationError(f"scan: {' '.join(words[1:])!r} isn't [MATCH PATTERN] [COUNT N] [TYPE T]")
    return dict(zip(names, words[2::2], strict=True))


def keys_of(name: str, words: Sequence[str]) -> tuple[str, ...]:
    """Return the keys that an operation reads or writes, each once."""
    command = _COMMANDS[name]
    return tuple(dict.fromkeys(words[:: command.group])) if command.many else (words[0],)


def apply(name: str, words: Sequence[str], values: Values) -> tuple[Reply, Values]:
    """Return the reply of an operation, and the values of its keys after it; `values` are those before it."""
    return _COMMANDS[name].effect(words, values)


def agrees(operation: Operation, reply: Reply) -> bool:
    """Whether `reply` is the recorded reply of the operation, if it has one; errors are equal whatever their texts."""
    if operation.outcome is not OperationOutcome.DONE:
        return True
    recorded = operation.reply
    return (
        isinstance(reply, Error) if isinstance(recorded, Error) else type(reply) is type(recorded) and reply == recorded
    )
