"""The folders of a whole cluster at once, so that it needs no first meeting: each is known to all others.

`quorate create` makes them empty. Each goes to the machine of its member, before that member starts for the first time;
then a majority is enough.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from quorate.membership import register_file
from quorate.membership.register import Known, Register, form
from quorate.raft.messages import NodeId
from quorate.storage import SqliteStorage
from quorate.storage_errors import StorageError

DATABASE = "quorate.sqlite3"


def make_folders(folder: Path, name: str, members: tuple[NodeId, ...]) -> dict[NodeId, Path]:
    """Make a folder `node<number>` in `folder` for each member of a new cluster.

    StorageError if one of them is there already, or can't be made; then nothing of them may be used.
    """
    made = {member: folder / f"node{member}" for member in members}
    try:
        for path in made.values():
            path.mkdir(parents=True)
    except FileExistsError:
        raise StorageError(
            f"{path} is there already: give a folder without it, for a new cluster begins anew"
        ) from None
    except OSError as error:
        raise StorageError(f"{path} can't be made: {error.strerror}") from error
    incarnations: dict[NodeId, bytes] = {}
    for member, path in made.items():
        with closing(SqliteStorage.open(path / DATABASE, member, members)) as storage:
            incarnations[member] = storage.incarnation
    for member, path in made.items():
        register = _known_to_all(Register(name, member, members, incarnations[member]), incarnations)
        try:
            register_file.save(register_file.path_of(path / DATABASE), register)
        except OSError as error:
            raise StorageError(f"{path} can't be written: {error.strerror}") from error
    return made


def _known_to_all(register: Register, incarnations: Mapping[NodeId, bytes]) -> Register:
    register = form(register, incarnations)
    peers = {member: Known(known.incarnation, remembers=True) for member, known in register.peers.items()}
    return replace(register, joined=True, peers=peers)
