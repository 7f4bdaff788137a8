"""`quorate create` and `quorate replace`: make the data folders of nodes."""

import asyncio
import sys
from pathlib import Path

from quorate.cli.errors import DONE, CommandFailedError
from quorate.membership.folders import make_folders
from quorate.node.config import Configuration
from quorate.node.members import StartError
from quorate.node.replacing import replace_storage
from quorate.runtime.logs import configure
from quorate.runtime.storage_errors import StorageError


def create(folder: Path, cluster: str, nodes: int) -> int:
    """Make the folders of a new cluster, and print their paths."""
    try:
        folders = make_folders(folder, cluster, tuple(range(1, nodes + 1)))
    except StorageError as error:
        raise CommandFailedError(str(error)) from error
    for member, path in folders.items():
        sys.stdout.write(f"{path} is the data folder of node {member}: move it there, and keep no copy\n")
    return DONE


def replace(configuration: Configuration) -> int:
    """Let all other members record a new storage in place of the lost one."""
    configure(configuration.log_level, configuration.log_format)
    if configuration.bft is not None:
        raise CommandFailedError("protocol: this is for the protocol raft only")
    try:
        asyncio.run(replace_storage(configuration))
    except StartError as error:
        raise CommandFailedError(str(error)) from error
    sys.stdout.write(
        f"all members have recorded the new storage of node {configuration.node_id} in {configuration.data}: start it "
        "with `quorate serve`; it votes again when it has caught up\n"
    )
    return DONE
