"""The register on disk: a small JSON file beside the database whose incarnation it names, always replaced whole."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from quorate.membership.register import PeerRecord, Register, show_members
from quorate.raft.configuration import NodeId
from quorate.runtime.paths import is_there, sync
from quorate.runtime.storage_errors import StorageError

NAME: Final = "members.json"
_FORMAT: Final = 3


def path_of(database: Path) -> Path:
    """The path of the register that belongs to a database."""
    return database.with_name(NAME)


def save(path: Path, register: Register) -> None:
    """Make a register durable atomically; raises OSError if that isn't possible."""
    new = path.with_name(f"{path.name}-new")
    with new.open("w", encoding="utf-8") as file:
        content = _content(register)
        json.dump({"checksum": _checksum(content), **content}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync(path.parent)


def read(path: Path) -> Register | None:
    """The register in a file, None if there is no file; raises StorageError if it is damaged or of another version."""
    try:
        if not is_there(path):
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror}): let this user read and write it") from error
    except ValueError as error:
        raise _damaged(path) from error
    if not isinstance(content, dict) or content.pop("checksum", None) != _checksum(content):
        raise _damaged(path)
    if content["format"] != _FORMAT:
        raise StorageError(
            f"{path} has format {content['format']}, and this version of Quorate reads format {_FORMAT}: "
            "start the version that wrote it"
        )
    return _register(content)


def load(path: Path, name: str, node_id: NodeId, members: tuple[NodeId, ...]) -> Register | None:
    """The register of this node, None if there is no file; raises StorageError if it is another node's or cluster's."""
    register = read(path)
    if register is None:
        return None
    if register.name != name:
        raise StorageError(f"{path} is of the cluster {register.name!r}, not of {name!r}: give each its own folder")
    if register.node_id != node_id:
        raise StorageError(
            f"{path} belongs to node {register.node_id}, not to node {node_id}: give each node its own folder"
        )
    if register.members != members:
        raise StorageError(
            f"{path} is of a cluster of the nodes {show_members(register.members)}, not {show_members(members)}: "
            "start it with the members that it was created with; `quorate members` changes them while they serve"
        )
    return register


def _damaged(path: Path) -> StorageError:
    return StorageError(f"{path} is damaged: restore it as this node last wrote it, or run `quorate replace`")


def _checksum(content: Mapping[str, Any]) -> int:
    return crc32(json.dumps(content, sort_keys=True).encode())


def _content(register: Register) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "cluster": register.name,
        "cluster_id": register.cluster_id.hex(),
        "node": register.node_id,
        "members": list(register.members),
        "incarnation": register.incarnation.hex(),
        "starts": register.starts,
        "joined": register.joined,
        "replaces": register.replaces,
        "after_term": register.after_term,
        "address": register.address,
        "peers": {str(peer): _content_of(record) for peer, record in sorted(register.peers.items())},
    }


def _content_of(record: PeerRecord) -> dict[str, Any]:
    return {
        "incarnation": record.incarnation.hex(),
        "starts": record.starts,
        "nonce": record.nonce.hex(),
        "remembers": record.remembers,
        "term": record.term,
        "match_index": record.match_index,
        "match_term": record.match_term,
        "index": record.index,
        "former": [incarnation.hex() for incarnation in record.former],
    }


def _register(content: Mapping[str, Any]) -> Register:
    return Register(
        name=content["cluster"],
        node_id=content["node"],
        members=tuple(content["members"]),
        incarnation=bytes.fromhex(content["incarnation"]),
        starts=content["starts"],
        cluster_id=bytes.fromhex(content["cluster_id"]),
        joined=content["joined"],
        replaces=content["replaces"],
        after_term=content["after_term"],
        address=content["address"],
        peers={int(peer): _record_of(record) for peer, record in content["peers"].items()},
    )


def _record_of(content: Mapping[str, Any]) -> PeerRecord:
    return PeerRecord(
        incarnation=bytes.fromhex(content["incarnation"]),
        starts=content["starts"],
        nonce=bytes.fromhex(content["nonce"]),
        remembers=content["remembers"],
        term=content["term"],
        match_index=content["match_index"],
        match_term=content["match_term"],
        index=content["index"],
        former=tuple(bytes.fromhex(incarnation) for incarnation in content["former"]),
    )
