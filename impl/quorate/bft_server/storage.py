"""The storage of a member in SQLite: its decisions, the persistent state of the current instance, and payloads.

A member that forgets acts like a traitor, so the state in `quorate.bft.output.Durable` is on the disk before any
message that relies on it leaves. A vote is written with its payload, so that an honest member has every decided
payload.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Final, Self

from quorate.bft import Certificate, Durable, NodeId, Persist
from quorate.bft_server.codec import CodecError, decode_certificate, decode_proposal, encode_value
from quorate.bft_server.messages import Decided
from quorate.runtime.database import Schema, checksum, leave_database, open_database
from quorate.runtime.storage_errors import StorageError, damaged, refusing
from quorate.runtime.transactions import Prepared, Transactions

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


def _content(instance: int, decided: int, chain: int, payloads: int) -> int:
    """The digest for the seal."""
    return checksum(instance, decided, b"%d %d" % (chain, payloads))


def _with_payload(payloads: int, digest: bytes) -> int:
    """The sum over the payloads, in any order, with one more."""
    return (payloads + int.from_bytes(digest[:8])) % (1 << 64)


_INSTANCE: Final = _instance_checksum(1, 0, 0, b"", b"")
SCHEMA: Final = Schema(
    application=int.from_bytes(b"QBft"),
    protocol="BFT protocol",
    tables=_TABLES,
    rows=(("INSERT INTO instance VALUES (1, 0, 0, NULL, NULL, ?)", (_INSTANCE,)),),
    content=_content(_INSTANCE, 0, 0, 0),
)


@dataclass(frozen=True, slots=True)
class _Disk:
    """The contents of the disk, as far as writes need them.

    These are checksums of the current instance, of all decisions, and of the payloads.
    """

    instance: int = _INSTANCE
    decided: int = 0
    chain: int = 0
    payloads: int = 0

    @property
    def content(self) -> int:
        return _content(self.instance, self.decided, self.chain, self.payloads)


@dataclass(frozen=True, slots=True)
class Writing:
    """The write of one step: that of the core, and payloads by digest, some of which may be stored already."""

    persist: Persist | None
    payloads: tuple[tuple[bytes, bytes], ...] = ()


class BftStorage:
    """One member's database; `on_write` gets the seconds of each commit."""

    def __init__(self, path: Path, transactions: Transactions) -> None:
        """Prepare a storage; call `open` instead."""
        self._path = path
        self._transactions = transactions
        self._connection = transactions.connection
        self._disk = _Disk()

    @classmethod
    def open(
        cls, path: Path, node_id: NodeId, members: tuple[NodeId, ...], on_write: Callable[[float], None] | None = None
    ) -> Self:
        """Open the database of this member of this cluster, which is created if there is none.

        Raises StorageError, one line that says what to do, if the database is damaged, in use, or another one.
        """
        connection = open_database(path, SCHEMA, node_id, members)
        storage = cls(path, Transactions(path, connection, on_write))
        try:
            storage.load()
        except StorageError:
            leave_database(connection)
            storage.close()
            raise
        return storage

    def load(self) -> Durable:
        """Return the contents of the disk; raises StorageError if they differ from what was written."""
        with refusing(self._path):
            rows = self._connection.execute("SELECT * FROM instance").fetchall()
            certificates = self._connection.execute("SELECT * FROM decision ORDER BY log_index").fetchall()
            digests = self._connection.execute("SELECT digest FROM payload").fetchall()
        if len(rows) != 1:
            raise damaged(self._path, "a table hasn't as many rows as it should have")
        ((view, committed_view, proposed_view, accepted, lock, crc),) = rows
        if crc != _instance_checksum(view, committed_view, proposed_view, accepted or b"", lock or b""):
            raise damaged(self._path, "a checksum is wrong")
        if [row[0] for row in certificates] != [*range(1, len(certificates) + 1)]:
            raise damaged(self._path, "a decision is missing")
        chain = 0
        for index, certificate, digest, stored_chain in certificates:
            chain = checksum(index, None, certificate + digest, chain)
            if chain != stored_chain:
                raise damaged(self._path, "a checksum is wrong")
        payloads = reduce(_with_payload, (digest for (digest,) in digests), 0)
        self._disk = _Disk(crc, len(certificates), chain, payloads)
        if self._disk.content != self._connection.seal.content:
            raise damaged(self._path, "it doesn't hold what was written last")
        try:
            decisions = Durable().decisions.extend(decode_certificate(row[1]) for row in certificates)
            proposal = None if accepted is None else decode_proposal(accepted)
            locked = None if lock is None else decode_certificate(lock)
        except CodecError as error:
            raise damaged(self._path, str(error)) from error
        return Durable(decisions, view, proposal, locked, committed_view, proposed_view)

    def payloads(self) -> Iterator[bytes]:
        """Yield the payloads of the decisions in order, up to the first that is missing."""
        index = 0
        while (decisions := self.history(index + 1, 1)) and decisions[0].data is not None:
            index += 1
            yield decisions[0].data

    def undecided(self) -> list[bytes]:
        """Return the stored payloads that are not decided."""
        with refusing(self._path):
            rows = self._connection.execute(
                "SELECT digest, data, checksum FROM payload WHERE digest NOT IN (SELECT digest FROM decision)"
            ).fetchall()
        return [self._checked(digest, data, crc) for digest, data, crc in rows]

    def payload(self, digest: bytes) -> bytes | None:
        """Return the payload of a digest, None if it isn't stored."""
        with refusing(self._path):
            row = self._connection.execute("SELECT data, checksum FROM payload WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else self._checked(digest, *row)

    def history(self, first_index: int, most: int) -> list[Decided]:
        """Return at most `most` decisions from `first_index` on, with their payloads."""
        with refusing(self._path):
            rows = self._connection.execute(
                "SELECT certificate, decision.digest, data, payload.checksum FROM decision "
                "LEFT JOIN payload ON payload.digest = decision.digest "
                "WHERE log_index >= ? ORDER BY log_index LIMIT ?",
                (first_index, most),
            ).fetchall()
        return [
            Decided(decode_certificate(certificate), None if data is None else self._checked(digest, data, crc))
            for certificate, digest, data, crc in rows
        ]

    def write(self, batch: Sequence[Writing], *, may_block: bool = False) -> "asyncio.Future[None]":
        """Begin to make all of `batch` durable, in order and in one transaction; a crash keeps all or none.

        The caller waits for one write before it begins the next. The future's exception is DiskFullError if nothing was
        written, and StorageError if the contents of the disk are unknown, so that the member must stop.
        """
        return self._transactions.write(lambda: self._prepare(batch), may_block=may_block)

    def close(self) -> None:
        """Release the files."""
        self._transactions.close()

    def _prepare(self, batch: Sequence[Writing]) -> Prepared:
        disk = self._disk
        for writing in batch:
            for digest, data in writing.payloads:
                row = (digest, data, checksum(0, None, digest + data))
                if self._connection.execute("INSERT OR IGNORE INTO payload VALUES (?, ?, ?)", row).rowcount:
                    disk = replace(disk, payloads=_with_payload(disk.payloads, digest))
            if writing.persist is not None:
                disk = self._prepare_persist(writing.persist, disk)
        return disk.content, lambda: self._set_disk(disk)

    def _set_disk(self, disk: _Disk) -> None:
        self._disk = disk

    def _prepare_persist(self, persist: Persist, disk: _Disk) -> _Disk:
        chain = disk.chain
        for index, certificate in enumerate(persist.decided, start=disk.decided + 1):
            chain = self._append(index, certificate, chain)
        accepted = b"" if persist.accepted is None else encode_value(persist.accepted)
        lock = b"" if persist.lock is None else encode_value(persist.lock)
        views = persist.view, persist.committed_view, persist.proposed_view
        instance = _instance_checksum(*views, accepted, lock)
        self._connection.execute(
            "UPDATE instance SET view = ?, committed_view = ?, proposed_view = ?, accepted = ?, lock = ?, checksum = ?",
            (*views, accepted or None, lock or None, instance),
        )
        return _Disk(instance, disk.decided + len(persist.decided), chain, disk.payloads)

    def _append(self, index: int, certificate: Certificate, chain: int) -> int:
        data, digest = encode_value(certificate), certificate.digest
        chain = checksum(index, None, data + digest, chain)
        self._connection.execute("INSERT INTO decision VALUES (?, ?, ?, ?)", (index, data, digest, chain))
        return chain

    def _checked(self, digest: bytes, data: bytes, crc: int) -> bytes:
        if crc != checksum(0, None, digest + data):
            raise damaged(self._path, "a checksum is wrong")
        return data
