"""Restoring a backup: a new cluster that begins with its state and has nothing else in common with the old one.

The new members have new incarnations, so the members of the two clusters refuse each other, and no single member is a
majority. The new log begins far above any index that the old cluster can have reached. For the number of a session is
the index at which it was opened: a client of the old cluster whose session was opened after the backup must find no
session of that number, instead of another client's.
"""

from pathlib import Path
from typing import Final

from quorate.backup.file import BackupError, read
from quorate.membership.folders import make_folders
from quorate.raft.configuration import NodeId
from quorate.raft.messages import Snapshot
from quorate.raft_server.headroom import FARTHEST_INDEX
from quorate.runtime.storage_errors import StorageError
from quorate.store.clock import Clock
from quorate.store.machine import KeyValueMachine

# More entries than a cluster writes after a backup: 100,000 in each second of 127 days.
INDEX_GAP: Final = 1 << 40


def restore(file: Path, folder: Path, name: str | None, nodes: int | None) -> tuple[dict[NodeId, Path], bool]:
    """Make the folders of a new cluster in `folder`; return them, and whether the backup has all acknowledged writes.

    The name and the nodes default to those of the old cluster. Raises BackupError if that isn't possible; then no
    folder is left.
    """
    backup = read(file)
    label = backup.label
    index = label.index + INDEX_GAP
    if index > FARTHEST_INDEX:
        raise BackupError(f"{file} is of a cluster that has been restored too often: its log would begin at {index}")
    try:
        KeyValueMachine(Clock()).restore(backup.data)
    except ValueError as error:
        raise BackupError(f"{file} has a state that this version of Quorate can't read: {error}") from error
    members = label.nodes if nodes is None else tuple(range(1, nodes + 1))
    try:
        folders = make_folders(folder, name or label.cluster, members, Snapshot(index, label.term, backup.data))
    except StorageError as error:
        raise BackupError(str(error)) from error
    return folders, label.whole
