"""Makes the folders of all members of a cluster at once, each of which knows all others.

`quorate create` makes them empty, `quorate restore` with the state of a backup. Each folder goes to the machine of its
member before that member starts for the first time; then a majority suffices to start the cluster.
"""

import asyncio
import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from quorate.membership import register_file
from quorate.membership.register import PeerRecord, Register, form
from quorate.raft.configuration import NodeId
from quorate.raft.messages import Snapshot
from quorate.raft.output import Persist
from quorate.raft_server.storage import SqliteStorage
from quorate.runtime.paths import sync
from quorate.runtime.storage_errors import StorageError

DATABASE = "quorate.sqlite3"


def make_folders(
    folder: Path, name: str, members: tuple[NodeId, ...], state: Snapshot | None = None
) -> dict[NodeId, Path]:
    """Make a folder `node<number>` in `folder` for each member of a new cluster, whose log begins after `state`.

    Raises StorageError if one of them exists already or can't be made; then none of them is left.
    """
    folders = {member: folder / f"node{member}" for member in members}
    new_folders: list[Path] = []
    try:
        for path in folders.values():
            _make(path)
            new_folders.append(path)
        _fill(folders, name, state)
        sync(folder)
    except BaseException as error:
        for path in new_folders:
            shutil.rmtree(path, ignore_errors=True)
        if isinstance(error, OSError):
            raise StorageError(f"{folder} can't be written: {error.strerror}") from error
        raise
    return folders


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        raise StorageError(
            f"{path} is there already: give a folder without it, for a new cluster begins anew"
        ) from None
    except OSError as error:
        raise StorageError(f"{path} can't be made: {error.strerror}") from error


def _fill(folders: Mapping[NodeId, Path], name: str, state: Snapshot | None) -> None:
    """Make the databases, and then the registers, so that an incomplete folder can't be used."""
    members = tuple(folders)
    incarnations: dict[NodeId, bytes] = {}
    for member, path in folders.items():
        with closing(SqliteStorage.open(path / DATABASE, member, members)) as storage:
            if state is not None:
                asyncio.run(_begin_with(storage, state))
            incarnations[member] = storage.incarnation
    for member, path in folders.items():
        register = _known_to_all(Register(name, member, members, incarnations[member]), incarnations)
        register_file.save(register_file.path_of(path / DATABASE), register)


async def _begin_with(storage: SqliteStorage, state: Snapshot) -> None:
    await storage.write([Persist(state.last_included_term, None, state.last_included_index + 1, snapshot=state)])


def _known_to_all(register: Register, incarnations: Mapping[NodeId, bytes]) -> Register:
    register = form(register, incarnations)
    peers = {member: PeerRecord(record.incarnation, remembers=True) for member, record in register.peers.items()}
    return replace(register, joined=True, peers=peers)
