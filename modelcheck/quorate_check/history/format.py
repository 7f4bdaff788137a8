"""Histories as files: newline-delimited JSON, one operation a line, lines in any order.

    {"client": "c1", "operation": "set", "arguments": ["x", "1"], "invoked": 10, "returned": 25,
     "outcome": "done", "reply": "OK"}
    {"initial": {"x": "0"}}

- `client`: a string or an integer.
- `operation`, `arguments`: a Redis command, and the list of the words after it; see `quorate_check.history.model`.
- `invoked`, `returned`: numbers on one clock that all clients share, in any unit. An operation that returned before
  another was invoked comes first; at equal times they overlap. `returned` is null if the client got no reply.
- `outcome`: "done", with a `returned` and a `reply`; "applied": done by the time `returned`, but what it replied was
  not recorded; "not done": it surely never took effect; "unknown": it may have taken effect at any time from `invoked`
  on, even after `returned`, or never.
- `reply`: a string ("OK" or a value), an integer, null for nil, a list of strings and nulls, or {"error": "..."}. What
  `scan` replies is ["CURSOR", ["KEY", ...]].
- `initial`: values that keys had before all operations; other keys were absent. Several such lines add up.

Values and words are bytes: each character stands for the byte of its number (Latin-1), so none is beyond U+00FF. Other
members are ignored, as are empty lines. A last line that has no line break and isn't whole JSON was cut off, and is
left out; a reply that shows the effect of its operation is then a violation.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from quorate_check.core.system import UnusableSystemError
from quorate_check.history.model import UnknownOperationError, validate
from quorate_check.history.operations import Error, History, Operation, OperationOutcome, Reply, ScanPage, Time

LATEST: Final = sys.float_info.max  # pictures place events at floats

LARGEST_BYTE = "\xff"
OUTCOMES = ", ".join(f'"{each.value}"' for each in OperationOutcome)


class _BadLineError(Exception):
    """A line describes no operation; the text says why."""


def lines(history: History) -> Iterator[str]:
    """Yield the lines of a file; `parse` is the inverse, except that a line of `initial` shifts line numbers by one."""
    if history.initial:
        yield json.dumps({"initial": dict(history.initial)}) + "\n"
    for each in history.operations:
        result = {"outcome": each.outcome.value}
        reply = {"reply": _reply_as_json(each.reply)} if each.outcome is OperationOutcome.DONE else {}
        request = {"client": each.client, "operation": each.name, "arguments": each.arguments}
        yield json.dumps({**request, "invoked": each.invoked, "returned": each.returned, **result, **reply}) + "\n"


def load(name: str) -> History:
    """Return the history in the file `name`; raise UnusableSystemError, naming file and line, if there is none."""
    try:
        return parse(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise UnusableSystemError(f"{name}: {error.strerror}") from error
    except (UnusableSystemError, ValueError) as error:  # bytes that aren't text, or an impossible name
        raise UnusableSystemError(f"{name}: {error}") from error


def parse(text: str) -> History:
    """Return the history that `text` describes; raise UnusableSystemError, naming the line, if it describes none."""
    *whole, last = text.split("\n")
    try:
        json.loads(last or "{}")
        cut_off = False
    except RecursionError:
        cut_off = False  # `_operation` raises it again
    except ValueError:
        cut_off = bool(last.strip())
    if not cut_off:
        whole.append(last)
    operations, initial = list[Operation](), dict[str, str]()
    for number, line in enumerate(whole, start=1):
        if line.strip() and (operation := _operation(number, line, initial)) is not None:
            operations.append(operation)
    return History(tuple(operations), cut_off, initial)


def _operation(number: int, line: str, initial: dict[str, str]) -> Operation | None:
    """Return the operation that a line describes, None if the line gives `initial` values instead."""
    try:
        return _described(number, json.loads(line), initial)
    except (_BadLineError, UnknownOperationError) as error:
        raise UnusableSystemError(f"line {number}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise UnusableSystemError(f"line {number}: not JSON: {error}") from error


def _add_initial(line: dict[str, Any], initial: dict[str, str]) -> None:
    values = line["initial"]
    if "operation" in line:
        raise _BadLineError("both an operation and an initial state: give each a line of its own")
    if not isinstance(values, dict):
        raise _BadLineError(f"initial is {values!r}, not an object of keys and their values")
    for key, value in values.items():
        if initial.setdefault(_word(key), _word(value)) != value:
            raise _BadLineError(f"key {key!r} has another initial value on a line before")


def _described(number: int, line: object, initial: dict[str, str]) -> Operation | None:
    if not isinstance(line, dict):
        raise _BadLineError("not an object")
    if "initial" in line:
        _add_initial(line, initial)
        return None
    name, words = _command(line)
    validate(name, words)
    outcome = _outcome(line)
    invoked, returned = _times(line)
    reply: Reply = None
    if outcome is OperationOutcome.DONE:
        if returned is None or "reply" not in line:
            raise _BadLineError(f"done, but {'returned' if returned is None else 'reply'} is missing")
        reply = _reply(line["reply"])
    if outcome is OperationOutcome.APPLIED and returned is None:
        raise _BadLineError("applied, but returned is missing: give a time by which it was done, or say unknown")
    return Operation(number, _client(line), name, words, invoked, returned, reply, outcome)


def _outcome(line: dict[str, Any]) -> OperationOutcome:
    try:
        return OperationOutcome(line.get("outcome"))
    except ValueError:
        raise _BadLineError(f"outcome is {line.get('outcome')!r}, not one of {OUTCOMES}") from None


def _client(line: dict[str, Any]) -> str:
    client = line.get("client")
    if isinstance(client, bool) or not isinstance(client, str | int):
        raise _BadLineError(f"client is {client!r}, not a string or an integer")
    return str(client)


def _times(line: dict[str, Any]) -> tuple[Time, Time | None]:
    invoked, returned = _time(line, "invoked"), _time(line, "returned")
    if invoked is None:
        raise _BadLineError("invoked is missing")
    if returned is not None and returned < invoked:
        raise _BadLineError("returned before it was invoked")
    return invoked, returned


def _time(line: dict[str, Any], key: str) -> Time | None:
    value = line.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _BadLineError(f"{key} is {value!r}, not a number")
    if not abs(value) <= LATEST:  # which is so of NaN, too
        raise _BadLineError(f"{key} is {value!r:.40}, which is no time: a number up to {LATEST} is needed")
    return value


def _command(line: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    name, words = line.get("operation"), line.get("arguments")
    if not isinstance(name, str):
        raise _BadLineError(f"operation is {name!r}, not a string")
    if not isinstance(words, list):
        raise _BadLineError(f"arguments is {words!r}, not a list")
    return name.lower(), tuple(_word(each) for each in words)


def _word(word: object) -> str:
    if not isinstance(word, str):
        raise _BadLineError(f"{word!r} is not a string")
    if word and max(word) > LARGEST_BYTE:
        raise _BadLineError(f"{word!r} has a character beyond U+00FF: each stands for one byte")
    return word


def _reply(reply: object) -> Reply:
    match reply:
        case bool() | float():
            raise _BadLineError(f"reply is {reply!r}, which no operation returns")
        case None | int():
            return reply
        case str():
            return _word(reply)
        case [str() as cursor, list() as keys]:
            return ScanPage(_word(cursor), tuple(map(_word, keys)))
        case list():
            return tuple(None if each is None else _word(each) for each in reply)
        case {"error": str() as text}:
            return Error(text)
        case _:
            raise _BadLineError(f"reply is {reply!r}, which no operation returns")


def _reply_as_json(reply: Reply) -> object:
    match reply:
        case Error(text):
            return {"error": text}
        case ScanPage(cursor, keys):
            return [cursor, keys]
        case _:
            return reply
