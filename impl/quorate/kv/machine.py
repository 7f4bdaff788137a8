"""The replicated map: what each command does to it, and what each query finds in it.

All servers apply the same commands in the same order, so nothing here asks a clock, draws a number or depends on the
order of a set; and what can't be understood is an error in the reply, the same on all.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final, assert_never

from msgspec import DecodeError, Struct, msgpack

from quorate.kv import replies
from quorate.kv.glob import MOST_PATTERN_BYTES, compile_glob
from quorate.kv.keyspace import POSITIONS, Keyspace
from quorate.kv.operations import (
    MAX_INTEGER,
    MIN_INTEGER,
    Append,
    Batch,
    Delete,
    Exists,
    Get,
    GetSet,
    Increment,
    InSession,
    MultiGet,
    MultiSet,
    Only,
    OpenSession,
    Query,
    QueryBatch,
    Scan,
    Set,
    Size,
    Step,
    StringLength,
    Write,
    decode_command,
    decode_query,
)
from quorate.kv.replies import NOTHING, OK, Failure, Reply
from quorate.kv.sessions import Saved, Sessions

# These bound replies, and with them what travels between servers and waits in their queues.
MOST_VALUE_BYTES: Final = 1024 * 1024
MOST_REPLY_BYTES: Final = 8 * 1024 * 1024
ENOUGH_BATCH_REPLY_BYTES: Final = 1024 * 1024
MOST_SCANNED_KEYS: Final = 10_000

NOT_AN_INTEGER: Final = Failure("ERR value is not an integer or out of range")
OVERFLOW: Final = Failure("ERR increment or decrement would overflow")
TOO_LONG_VALUE: Final = Failure("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
TOO_LONG_REPLY: Final = Failure(f"ERR the reply would exceed {MOST_REPLY_BYTES} bytes, ask for fewer keys at once")
TOO_LONG_PATTERN: Final = Failure(f"ERR a pattern may have at most {MOST_PATTERN_BYTES} bytes")

_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,18}")


class Snapshot(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The state as bytes: pieces of the map, each encoded for itself, and the sessions in their order."""

    version: int
    pieces: tuple[bytes, ...]
    sessions: tuple[Saved, ...]


VERSION: Final = 1
_snapshot_decoder = msgpack.Decoder(Snapshot)
_piece_decoder = msgpack.Decoder(dict[bytes, bytes])


class KeyValueMachine:
    """The state machine of a key-value store (quorate.server.interfaces.StateMachine)."""

    def __init__(self) -> None:
        """Begin empty."""
        self._keys = Keyspace()
        self._sessions = Sessions()

    def apply(self, index: int, command: bytes) -> bytes:
        """Apply the committed command at `index` and return its reply; never raises on any bytes."""
        try:
            decoded = decode_command(command)
        except DecodeError as error:
            return replies.encode(Failure(f"ERR malformed command: {error}"))
        match decoded:
            case Batch(steps):
                return _as_many_as_fit(self._step(step) for step in steps)
            case OpenSession(owner):
                return self._sessions.open(index, owner)
            case _:
                return self._step(decoded)

    def query(self, query: bytes) -> bytes:
        """Answer without changing anything; never raises on any bytes."""
        try:
            decoded = decode_query(query)
        except DecodeError as error:
            return replies.encode(Failure(f"ERR malformed query: {error}"))
        if isinstance(decoded, QueryBatch):
            return _as_many_as_fit(replies.encode(self._look(each)) for each in decoded.queries)
        return replies.encode(self._look(decoded))

    def capture(self) -> Callable[[], bytes]:
        """Return what serialises the state as it is now; only references are copied at once."""
        pieces, sessions = self._keys.copy(), tuple(self._sessions)

        def serialise() -> bytes:
            # Piece by piece, so that other threads get their turns.
            encoded = tuple(msgpack.encode(piece) for piece in pieces)
            return msgpack.encode(Snapshot(VERSION, encoded, sessions))

        return serialise

    def restore(self, data: bytes) -> None:
        """Take the state that `capture` serialised; raises ValueError, and changes nothing, on any other bytes."""
        snapshot = _snapshot_decoder.decode(data)
        if snapshot.version != VERSION:
            raise ValueError(f"a snapshot of the map has version {VERSION}, not {snapshot.version}")
        keys = Keyspace()
        keys.fill(_piece_decoder.decode(piece) for piece in snapshot.pieces)
        self._keys, self._sessions = keys, Sessions(snapshot.sessions)

    def _step(self, step: Step) -> bytes:
        if isinstance(step, InSession):
            return self._sessions.run(step, self._write)
        return self._write(step)

    def _write(self, write: Write) -> bytes:
        match write:
            case Set():
                return self._set(write)
            case GetSet(key, value):
                return self._set(Set(key, value, get=True))
            case Delete(keys):
                return replies.encode(sum(self._keys.delete(key) for key in keys))
            case Increment(key, by):
                return replies.encode(self._increment(key, by))
            case Append(key, suffix):
                return replies.encode(self._append(key, suffix))
            case MultiSet(pairs):
                for key, value in pairs:
                    self._keys.put(key, value)
                return OK
            case _:
                assert_never(write)

    def _set(self, command: Set) -> bytes:
        key, condition = command.key, command.condition
        if condition is None and not command.get:
            self._keys.put(key, command.value)
            return OK
        before = self._keys.get(key)
        holds = condition is None or (
            before == condition
            if isinstance(condition, bytes)
            else (condition is Only.IF_PRESENT) == (before is not None)
        )
        if holds:
            self._keys.put(key, command.value)
        if command.get:
            return replies.encode(before)
        return OK if holds else NOTHING

    def _increment(self, key: bytes, by: int) -> int | Failure:
        value = self._keys.get(key)
        before = 0 if value is None else parse_integer(value)
        if before is None:
            return NOT_AN_INTEGER
        after = before + by
        if not MIN_INTEGER <= after <= MAX_INTEGER:
            return OVERFLOW
        self._keys.put(key, b"%d" % after)
        return after

    def _append(self, key: bytes, suffix: bytes) -> int | Failure:
        value = (self._keys.get(key) or b"") + suffix
        if len(value) > MOST_VALUE_BYTES:
            return TOO_LONG_VALUE
        self._keys.put(key, value)
        return len(value)

    def _look(self, query: Query) -> Reply:
        match query:
            case Get(key):
                return self._keys.get(key)
            case Exists(keys):
                return sum(key in self._keys for key in keys)
            case StringLength(key):
                return len(self._keys.get(key) or b"")
            case MultiGet(keys):
                return self._multi_get(keys)
            case Size():
                return len(self._keys)
            case Scan():
                return self._scan(query)
            case _:
                assert_never(query)

    def _multi_get(self, keys: tuple[bytes, ...]) -> Reply:
        values = []
        size = 0
        for key in keys:
            value = self._keys.get(key)
            values.append(value)
            size += len(value or b"")
            if size > MOST_REPLY_BYTES:
                return TOO_LONG_REPLY
        return tuple(values)

    def _scan(self, query: Scan) -> Reply:
        if len(query.match or b"") > MOST_PATTERN_BYTES:
            return TOO_LONG_PATTERN
        if query.cursor >= POSITIONS:
            return b"0", ()
        count = min(max(query.count, 1), MOST_SCANNED_KEYS)
        cursor, keys = self._keys.scan(query.cursor, count, ENOUGH_BATCH_REPLY_BYTES)
        if query.match is not None:
            matches = compile_glob(query.match).fullmatch
            keys = [key for key in keys if matches(key)]
        return b"%d" % cursor, tuple(keys)


def parse_integer(text: bytes) -> int | None:
    """Return the 64-bit integer that `text` spells in the one way that Redis accepts, else None."""
    if not _INTEGER.fullmatch(text):
        return None
    value = int(text)
    return value if MIN_INTEGER <= value <= MAX_INTEGER else None


def _as_many_as_fit(each: Iterable[bytes]) -> bytes:
    done: list[bytes] = []
    size = 0
    for reply in each:
        done.append(reply)
        size += len(reply)
        if size >= ENOUGH_BATCH_REPLY_BYTES:
            break
    return replies.encode_batch(done)
