"""The state machine: commands of the log change the map, queries read it.

All servers apply the same commands in the same order. So nothing that applies commands asks a clock, draws a random
number or depends on the order of a set, and a malformed command gets the same reply on all servers. Only what a leader
is about to put into the log takes the time of a clock.
"""

from collections.abc import Callable, Iterable
from typing import Final

from msgspec import DecodeError, Struct, msgpack

from quorate.runtime.interfaces import DamagedStateError, UnknownCommandError
from quorate.store import operations, replies, sessions
from quorate.store.clock import Clock
from quorate.store.digest import Record, whole
from quorate.store.keyspace import MOST_VALUE_BYTES, Keyspace
from quorate.store.limits import ENOUGH_BATCH_REPLY_BYTES, MOST_REPLY_BYTES, TOO_LONG_REPLY
from quorate.store.operation_types import MapOperation, Query
from quorate.store.operations import (
    Batch,
    Command,
    FormatError,
    InSession,
    OpenSession,
    QueryBatch,
    Step,
    Transaction,
    Write,
    decode_command,
    decode_entry,
    decode_query,
)
from quorate.store.queries import TimeLeft
from quorate.store.replies import NOTHING, Failure
from quorate.store.sessions import SessionRow, Sessions


class Snapshot(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The state as bytes: the map in pieces, each encoded by itself, and the sessions in their order.

    `now` is the time that the state has reached, `deleted` the index of the latest deletion by bucket, `digest` that of
    all.
    """

    version: int
    pieces: tuple[memoryview, ...]
    sessions: tuple[SessionRow, ...]
    now: int | None
    deleted: dict[int, int]
    digest: bytes


VERSION: Final = 3
DAMAGED: Final = (
    "what this node has in memory isn't what it has applied: its memory or its program is damaged; "
    "start it again, and on another machine if this comes back"
)
_SIX_FIELDS: Final = b"\x96"  # how msgpack begins an array of a Snapshot's fields
_snapshot_decoder = msgpack.Decoder(Snapshot)
_piece_decoder = msgpack.Decoder(dict[bytes, Record])


class KeyValueMachine:
    """The state machine of a key-value store (quorate.runtime.interfaces.StateMachine).

    With a `clock` keys can expire, and the log holds entries that leaders have made (quorate.store.operations.entry).
    Without a clock members may be traitors: none of their clocks can be trusted. The log then holds the bytes that
    clients sent, and those that are no command get an error as their reply.
    """

    def __init__(self, clock: Clock | None = None, most_value_bytes: int = MOST_VALUE_BYTES) -> None:
        """Begin empty."""
        self._clock = clock
        self._keys = Keyspace(most_value_bytes=most_value_bytes)
        self._sessions = Sessions()

    # Before a command is in the log.

    def stamped(self, command: bytes) -> bytes:
        """Return the log entry of `command`, with the time if there is a clock."""
        return command if self._clock is None else operations.entry(self._time(self._clock), command)

    def is_late(self, query: bytes) -> bool:
        """Whether `query` needs a later time than the log has reached: it asks for a time, or a key has expired since.

        Such a query must go through the log. For if a server said by its own clock that a key has expired, another
        server with a slower clock could say later that the key still exists.
        """
        if self._clock is None or not self._keys.has_deadlines:
            return False
        return self.has_expired or _asks_for_time(query)

    @property
    def has_expired(self) -> bool:
        """Whether the map has a key whose deadline has passed by the clock of this server."""
        deadline = self._keys.next_deadline
        return self._clock is not None and deadline is not None and deadline <= self._time(self._clock)

    def passing(self) -> bytes:
        """Return a log entry that only lets time pass."""
        assert self._clock is not None, "only what can expire waits for time"
        return operations.entry(self._time(self._clock), None)

    def _time(self, clock: Clock) -> int:
        return clock.propose(self._keys.now or 0)

    def knows(self, write: bool, request: bytes) -> bool:  # noqa: FBT001
        """Whether `request` is a valid command (`write`) or query; an invalid one in the log would stop every node."""
        try:
            decode_command(request) if write else decode_query(request)
        except DecodeError:
            return False
        return True

    # Commands of the log.

    def apply(self, index: int, command: bytes) -> bytes:
        """Apply the committed command at `index` and return its reply.

        Raises UnknownCommandError for bytes that no leader of this version writes, if there is a clock.
        """
        self._keys.version = index
        return self._from_clients(index, command) if self._clock is None else self._from_leaders(index, command)

    def _from_clients(self, index: int, data: bytes) -> bytes:
        try:
            command = decode_command(data)
        except DecodeError as error:
            return replies.encode(Failure(f"ERR malformed command: {error}"))
        return self._command(index, command)

    def _from_leaders(self, index: int, data: bytes) -> bytes:
        try:
            at = decode_entry(data)
        except FormatError as error:
            raise UnknownCommandError(f"the committed entry {index} {error}") from error
        except ValueError as error:
            raise UnknownCommandError(
                f"the committed entry {index} is none that this version of Quorate knows ({error}): start the version "
                "that the other nodes run"
            ) from error
        self._keys.advance(at.ms)
        return NOTHING if at.operation is None else self._command(index, at.operation)

    def _command(self, index: int, command: Command | Query | QueryBatch) -> bytes:
        match command:
            case Batch(steps):
                return _as_many_as_fit(self._step(step) for step in steps)
            case OpenSession(owner):
                return self._sessions.open(index, owner)
            case InSession():
                return self._step(command)
            case Transaction():
                return self._write(command)
            case QueryBatch(queries):
                return _as_many_as_fit(self._do(each) for each in queries)
            case _:
                return self._do(command)

    def _step(self, step: Step) -> bytes:
        if isinstance(step, InSession):
            return self._sessions.run(step, self._write)
        return self._write(step)

    def _write(self, command: Write) -> bytes:
        return self._transact(command) if isinstance(command, Transaction) else self._do(command)

    def _do(self, operation: MapOperation) -> bytes:
        return replies.encode(operation.do(self._keys))

    def _transact(self, transaction: Transaction) -> bytes:
        if any(self._keys.version_of(key) != version for key, version in transaction.watched):
            return NOTHING
        done: list[bytes] = []
        size = 0
        for step in transaction.steps:
            # A step whose reply would not fit is not executed: its client could not learn of the change.
            done.append(self._do(step) if size <= MOST_REPLY_BYTES else replies.encode(TOO_LONG_REPLY))
            size += len(done[-1])
        return replies.encode_batch(done)

    # Queries, which don't go through the log.

    def query(self, query: bytes) -> bytes:
        """Return the reply to a query, which changes nothing; invalid bytes get an error as their reply."""
        try:
            decoded = decode_query(query)
        except DecodeError as error:
            return replies.encode(Failure(f"ERR malformed query: {error}"))
        if isinstance(decoded, QueryBatch):
            return _as_many_as_fit(self._do(each) for each in decoded.queries)
        return self._do(decoded)

    # Snapshots, and the digest that members compare.

    def digest(self) -> bytes:
        """Return a digest that differs between different states; it ignores the order of the sessions."""
        return whole(self._keys.sum, self._sessions.sum, self._keys.now, self._keys.deleted)

    def capture(self) -> Callable[[], bytes]:
        """Return a function that serialises the state as it is now; this call copies only references.

        The function raises DamagedStateError if the state is not what was applied, so that no snapshot has a damaged
        state.
        """
        pieces, rows = self._keys.copy(), tuple(self._sessions)
        now, deleted = self._keys.now, dict(sorted(self._keys.deleted.items()))
        digest = self.digest()

        def serialise() -> bytes:
            # Encoded piece by piece, and joined at the end without the interpreter's lock, so that other threads can
            # run.
            parts = [_SIX_FIELDS, msgpack.encode(VERSION), _array_of(len(pieces))]
            parts += (msgpack.encode(msgpack.encode(piece)) for piece in pieces)
            parts.append(_array_of(len(rows)))
            parts += map(msgpack.encode, rows)
            parts += map(msgpack.encode, (now, deleted, digest))
            if whole(sum(map(Keyspace.sum_of, pieces)), sessions.sum_of(rows), now, deleted) != digest:
                raise DamagedStateError(DAMAGED)
            return b"".join(parts)

        return serialise

    def read(self, data: bytes) -> Callable[[], None]:
        """Return a function that installs the state that `capture` serialised; raises ValueError on any other bytes.

        This call changes nothing, and may be made in any thread.
        """
        # Decoded piece by piece, without a copy of them all, for the same reason.
        snapshot = _snapshot_decoder.decode(data)
        if snapshot.version != VERSION:
            raise ValueError(f"a snapshot of the map has version {VERSION}, not {snapshot.version}")
        keys = Keyspace(snapshot.now, snapshot.deleted, self._keys.most_value_bytes)
        keys.fill(_piece_decoder.decode(piece) for piece in snapshot.pieces)
        restored = Sessions(snapshot.sessions)
        if whole(keys.sum, restored.sum, keys.now, keys.deleted) != snapshot.digest:
            raise ValueError(
                "what it holds isn't what its digest says: give this node an empty folder with `quorate replace`"
            )

        def take() -> None:
            self._keys, self._sessions = keys, restored

        return take

    def restore(self, data: bytes) -> None:
        """Install the state that `capture` serialised; raises ValueError, and changes nothing, on any other bytes."""
        self.read(data)()


def _array_of(length: int) -> bytes:
    """Return msgpack's header of an array, always the longest of three forms, so that equal states give equal bytes."""
    return b"\xdd" + length.to_bytes(4, "big")


def _asks_for_time(query: bytes) -> bool:
    try:
        decoded = decode_query(query)
    except DecodeError:
        return False
    queries = decoded.queries if isinstance(decoded, QueryBatch) else (decoded,)
    return any(isinstance(each, TimeLeft) for each in queries)


def _as_many_as_fit(each: Iterable[bytes]) -> bytes:
    done: list[bytes] = []
    size = 0
    for reply in each:
        done.append(reply)
        size += len(reply)
        if size >= ENOUGH_BATCH_REPLY_BYTES:
            break
    return replies.encode_batch(done)
