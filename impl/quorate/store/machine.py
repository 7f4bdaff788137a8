"""The replicated map: what a command of the log does to it, and what a query finds in it.

All servers apply the same commands in the same order, so nothing here asks a clock but for what is yet to be put into
the log, draws a number or depends on the order of a set; and what can't be understood gets the same answer on all.
"""

from collections.abc import Callable, Iterable
from typing import Final

from msgspec import DecodeError, Struct, msgpack

from quorate.runtime.interfaces import DamagedStateError, UnknownCommandError
from quorate.store import operations, replies, sessions
from quorate.store.clock import Clock
from quorate.store.digest import Held, whole
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
from quorate.store.sessions import Saved, Sessions


class Snapshot(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The state as bytes: pieces of the map, each encoded for itself, and the sessions in their order.

    Then the time that it has reached, the latest deletion in each bucket, and the digest of all.
    """

    version: int
    pieces: tuple[memoryview, ...]
    sessions: tuple[Saved, ...]
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
_piece_decoder = msgpack.Decoder(dict[bytes, Held])


class KeyValueMachine:
    """The state machine of a key-value store (quorate.runtime.interfaces.StateMachine).

    With a `clock` keys can expire, and the log holds entries that leaders have made (quorate.store.operations.entry).
    Without one, where members may lie, none of their clocks can be trusted, and nothing that stands in the log: it
    holds what clients have said, and what of that is no command gets an error.
    """

    def __init__(self, clock: Clock | None = None, most_value_bytes: int = MOST_VALUE_BYTES) -> None:
        """Begin empty."""
        self._clock = clock
        self._keys = Keyspace(most_value_bytes=most_value_bytes)
        self._sessions = Sessions()

    # What a leader puts into the log.

    def stamped(self, command: bytes) -> bytes:
        """Return `command` with the time beside it."""
        return command if self._clock is None else operations.entry(self._time(self._clock), command)

    def is_late(self, query: bytes) -> bool:
        """Whether `query` needs a later time than the log has reached: it asks for it, or some key has expired since.

        Then it must be answered from the log. For no server may say by its own clock that a key is gone: another, whose
        clock is slow, would say later that it is there.
        """
        if self._clock is None or not self._keys.has_deadlines:
            return False
        return self.has_expired or _asks_for_time(query)

    @property
    def has_expired(self) -> bool:
        """Whether a key should be gone, by the clock here, that is there."""
        deadline = self._keys.next_deadline
        return self._clock is not None and deadline is not None and deadline <= self._time(self._clock)

    def passing(self) -> bytes:
        """Return a command that lets time pass and does nothing else."""
        assert self._clock is not None, "only what can expire waits for time"
        return operations.entry(self._time(self._clock), None)

    def _time(self, clock: Clock) -> int:
        return clock.propose(self._keys.now or 0)

    def knows(self, write: bool, request: bytes) -> bool:  # noqa: FBT001
        """Whether `request` is a command (`write`) or a query; what isn't must not get into the log.

        For it would stop every node.
        """
        try:
            decode_command(request) if write else decode_query(request)
        except DecodeError:
            return False
        return True

    # What the log says.

    def apply(self, index: int, command: bytes) -> bytes:
        """Apply the committed command at `index` and return its reply.

        Raises UnknownCommandError, if leaders write the log, on bytes that none of this version writes.
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
            # A step that wouldn't have room for its reply isn't done: what it changed could not be told.
            done.append(self._do(step) if size <= MOST_REPLY_BYTES else replies.encode(TOO_LONG_REPLY))
            size += len(done[-1])
        return replies.encode_batch(done)

    # What is asked beside the log.

    def query(self, query: bytes) -> bytes:
        """Answer without changing anything; never raises on any bytes."""
        try:
            decoded = decode_query(query)
        except DecodeError as error:
            return replies.encode(Failure(f"ERR malformed query: {error}"))
        if isinstance(decoded, QueryBatch):
            return _as_many_as_fit(self._do(each) for each in decoded.queries)
        return self._do(decoded)

    # Snapshots, and what members compare.

    def digest(self) -> bytes:
        """Return what differs if states do; the order of the sessions isn't in it."""
        return whole(self._keys.sum, self._sessions.sum, self._keys.now, self._keys.deleted)

    def capture(self) -> Callable[[], bytes]:
        """Return what serialises the state as it is now; only references are copied at once.

        What it returns raises DamagedStateError if the state isn't what was applied, so that no snapshot holds that.
        """
        pieces, saved = self._keys.copy(), tuple(self._sessions)
        now, deleted = self._keys.now, dict(sorted(self._keys.deleted.items()))
        digest = self.digest()

        def serialise() -> bytes:
            # Piece by piece, and joined at last without the interpreter's lock, so that other threads get their turns.
            parts = [_SIX_FIELDS, msgpack.encode(VERSION), _array_of(len(pieces))]
            parts += (msgpack.encode(msgpack.encode(piece)) for piece in pieces)
            parts.append(_array_of(len(saved)))
            parts += map(msgpack.encode, saved)
            parts += map(msgpack.encode, (now, deleted, digest))
            if whole(sum(map(Keyspace.sum_of, pieces)), sessions.sum_of(saved), now, deleted) != digest:
                raise DamagedStateError(DAMAGED)
            return b"".join(parts)

        return serialise

    def read(self, data: bytes) -> Callable[[], None]:
        """Return what takes the state that `capture` serialised; raises ValueError on any other bytes.

        Nothing is changed before that is called, and this may be called in any thread.
        """
        # Piece by piece, and without a copy of them all, for the same reason.
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
        """Take the state that `capture` serialised; raises ValueError, and changes nothing, on any other bytes."""
        self.read(data)()


def _array_of(length: int) -> bytes:
    """How msgpack begins an array of any length, in the longest of three ways: equal states give equal bytes."""
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
