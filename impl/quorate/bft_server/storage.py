"""What a member must not forget, in SQLite: its decisions, what it holds of the instance under way, and payloads.

A member that forgets is a traitor, so what `quorate.bft.output.Durable` says is on the disk before anything that relies
on it leaves. With a vote goes the payload that is voted for: what is decided is then held by somebody who is honest.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from quorate.bft import Certificate, Durable, NodeId, Persist
from quorate.bft_server.codec import CodecError, decode_certificate, decode_proposal, encode_value
from quorate.bft_server.messages import Decided
from quorate.database import Schema, checksum, damaged, open_database, refusing
from quorate.transactions import Transactions

_TABLES: Final = (
    """CREATE TABLE instance (
    view INTEGER NOT NULL CHECK (typeof(view) = 'integer'),
    committed_view INTEGER NOT NULL CHECK (typeof(committed_view) = 'integer'),
    proposed_view INTEGER NOT NULL CHECK (typeof(proposed_view) = 'integer'),
    accepted BLOB CHECK (typeof(accepted) IN ('blob', 'null')),
    lock BLOB CHECK (typeof(lock) IN ('blob', 'null')),
    checksum INTEGER NOT NULL
)""",
    """CREATE TABLE decision (
    log_index INTEGER PRIMARY KEY,
    certificate BLOB NOT NULL CHECK (typeof(certificate) = 'blob'),
    digest BLOB NOT NULL CHECK (typeof(digest) = 'blob'),
    checksum INTEGER NOT NULL
)""",
    """CREATE TABLE payload (
    digest BLOB PRIMARY KEY,
    data BLOB NOT NULL CHECK (typeof(data) = 'blob'),
    checksum INTEGER NOT NULL
)""",
)


def _instance_checksum(view: int, committed_view: int, proposed_view: int, accepted: bytes, lock: bytes) -> int:
    return checksum(view, committed_view, b"%d %d " % (proposed_view, len(accepted)) + accepted + lock)


SCHEMA: Final = Schema(
    application=int.from_bytes(b"QBft"),
    protocol="BFT protocol",
    tables=_TABLES,
    rows=(("INSERT INTO instance VALUES (1, 0, 0, NULL, NULL, ?)", (_instance_checksum(1, 0, 0, b"", b""),)),),
)


@dataclass(frozen=True, slots=True)
class Writing:
    """What one step wants written: the core's part, and payloads by digest, some of which may be there already."""

    persist: Persist | None
    payloads: tuple[tuple[bytes, bytes], ...] = ()


class BftStorage:
    """One member's database; `on_write` is told the seconds of each commit."""

    def __init__(self, path: Path, transactions: Transactions, decided: int) -> None:
        """Made by `open`."""
        self._path = path
        self._transactions = transactions
        self._connection = transactions.connection
        self._decided = decided

    @classmethod
    def open(
        cls, path: Path, node_id: NodeId, members: tuple[NodeId, ...], on_write: Callable[[float], None] | None = None
    ) -> Self:
        """The database of this member of this cluster, new if there is no file.

        Raises StorageError if it is damaged, in use, or something else: one line that says what to do.
        """
        transactions = Transactions(path, open_database(path, SCHEMA, node_id, members), on_write)
        storage = cls(path, transactions, 0)
        try:
            storage._decided = len(storage.load().decisions)
        except BaseException:
            transactions.close()
            raise
        return storage

    def load(self) -> Durable:
        """Return what is on the disk. Raises StorageError if that isn't what was written."""
        with refusing(self._path):
            rows = self._connection.execute("SELECT * FROM instance").fetchall()
            certificates = self._connection.execute("SELECT * FROM decision ORDER BY log_index").fetchall()
        if len(rows) != 1:
            raise damaged(self._path, "a table hasn't as many rows as it should have")
        ((view, committed_view, proposed_view, accepted, lock, found),) = rows
        if found != _instance_checksum(view, committed_view, proposed_view, accepted or b"", lock or b""):
            raise damaged(self._path, "a checksum is wrong")
        if [row[0] for row in certificates] != [*range(1, len(certificates) + 1)]:
            raise damaged(self._path, "a decision is missing")
        if not all(row[3] == checksum(row[0], None, row[1] + row[2]) for row in certificates):
            raise damaged(self._path, "a checksum is wrong")
        try:
            decisions = Durable().decisions.extend(decode_certificate(row[1]) for row in certificates)
            proposal = None if accepted is None else decode_proposal(accepted)
            locked = None if lock is None else decode_certificate(lock)
        except CodecError as error:
            raise damaged(self._path, str(error)) from error
        return Durable(decisions, view, proposal, locked, committed_view, proposed_view)

    def payloads(self) -> Iterator[bytes]:
        """Yield the payloads of the decisions in order, as far as they are here without a gap."""
        index = 0
        while (found := self.history(index + 1, 1)) and found[0].data is not None:
            index += 1
            yield found[0].data

    def undecided(self) -> list[bytes]:
        """Return the payloads that were voted for, or might have been, and not decided."""
        with refusing(self._path):
            rows = self._connection.execute(
                "SELECT digest, data, checksum FROM payload WHERE digest NOT IN (SELECT digest FROM decision)"
            ).fetchall()
        return [self._checked(digest, data, found) for digest, data, found in rows]

    def payload(self, digest: bytes) -> bytes | None:
        """Return the payload behind a digest, None if it isn't here."""
        with refusing(self._path):
            row = self._connection.execute("SELECT data, checksum FROM payload WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else self._checked(digest, *row)

    def history(self, first_index: int, most: int) -> list[Decided]:
        """Return at most so many decisions from `first_index` on, with their payloads."""
        with refusing(self._path):
            rows = self._connection.execute(
                "SELECT certificate, decision.digest, data, payload.checksum FROM decision "
                "LEFT JOIN payload ON payload.digest = decision.digest "
                "WHERE log_index >= ? ORDER BY log_index LIMIT ?",
                (first_index, most),
            ).fetchall()
        return [
            Decided(decode_certificate(certificate), None if data is None else self._checked(digest, data, found))
            for certificate, digest, data, found in rows
        ]

    def write(self, batch: Sequence[Writing], *, may_block: bool = False) -> "asyncio.Future[None]":
        """Begin at once to make all of `batch` durable, in order and in one transaction; a crash keeps all or none.

        The caller waits for one write before it begins the next. The future's exception is DiskFullError if nothing
        was written, and StorageError if the member must stop, because nobody knows what the disk holds.
        """
        return self._transactions.write(lambda: self._prepare(batch), may_block=may_block)

    def close(self) -> None:
        """Release the files."""
        self._transactions.close()

    def _prepare(self, batch: Sequence[Writing]) -> Callable[[], None]:
        decided = self._decided
        for writing in batch:
            for digest, data in writing.payloads:
                self._connection.execute(
                    "INSERT OR IGNORE INTO payload VALUES (?, ?, ?)", (digest, data, checksum(0, None, digest + data))
                )
            if writing.persist is not None:
                self._prepare_persist(writing.persist, decided)
                decided += len(writing.persist.decided)
        return lambda: self._hold(decided)

    def _hold(self, decided: int) -> None:
        self._decided = decided

    def _prepare_persist(self, persist: Persist, decided: int) -> None:
        for index, certificate in enumerate(persist.decided, start=decided + 1):
            self._append(index, certificate)
        accepted = b"" if persist.accepted is None else encode_value(persist.accepted)
        lock = b"" if persist.lock is None else encode_value(persist.lock)
        views = persist.view, persist.committed_view, persist.proposed_view
        self._connection.execute(
            "UPDATE instance SET view = ?, committed_view = ?, proposed_view = ?, accepted = ?, lock = ?, checksum = ?",
            (*views, accepted or None, lock or None, _instance_checksum(*views, accepted, lock)),
        )

    def _append(self, index: int, certificate: Certificate) -> None:
        data, digest = encode_value(certificate), certificate.digest
        row = (index, data, digest, checksum(index, None, data + digest))
        self._connection.execute("INSERT INTO decision VALUES (?, ?, ?, ?)", row)

    def _checked(self, digest: bytes, data: bytes, found: int) -> bytes:
        if found != checksum(0, None, digest + data):
            raise damaged(self._path, "a checksum is wrong")
        return data
