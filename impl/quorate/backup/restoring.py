"""A new cluster that begins with the state of a backup; it has nothing else in common with the old one.

Its members have new incarnations, and so an identity of their own: members of the old cluster refuse them and are
refused, and one of them alone is no majority. It goes on counting at an index far above any that the old cluster can
have come to, because sessions are numbered by the index at which they were opened: a client of the old cluster whose
session was opened after the backup finds none of that number, instead of another client's.
"""

from pathlib import Path
from typing import Final

from quorate.backup.file import BackupError, read
from quorate.membership.folders import make_folders
from quorate.raft.messages import NodeId, Snapshot
from quorate.raft_server.headroom import FARTHEST_INDEX
from quorate.runtime.storage_errors import StorageError
from quorate.store.clock import Clock
from quorate.store.machine import KeyValueMachine

# More entries than a cluster writes after a backup: 100,000 in each second of 127 days.
INDEX_GAP: Final = 1 << 40


def restore(file: Path, folder: Path, name: str | None, nodes: int | None) -> tuple[dict[NodeId, Path], bool]:
    """Make the folders of a new cluster in `folder`; return them, and whether the backup had all that was acknowledged.

    Without a name, or a number of nodes, they are the old cluster's. BackupError if that isn't possible; then nothing
    is left of them.
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
        made = make_folders(folder, name or label.cluster, members, Snapshot(index, label.term, backup.data))
    except StorageError as error:
        raise BackupError(str(error)) from error
    return made, label.whole
