"""`quorate backup` and `quorate restore`: the state of a store in a file, and a new cluster that begins with it."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.progress import Progress

from quorate.backup.file import BackupError, Label, Target, check_target, parts_of
from quorate.backup.restoring import restore as restore_file
from quorate.backup.stopped import backup_of
from quorate.cli.access import Access
from quorate.cli.errors import DONE, NO_ANSWER, CommandFailedError
from quorate.cli.output import console
from quorate.client.client import TcpConnection, connect_tcp
from quorate.client.retries import CommandError
from quorate.runtime.addresses import Address, show_address
from quorate.runtime.network_errors import describe

PAUSE_S = 0.1
PIECE_TIMEOUT_S = 30.0


def of_cluster(access: Access, file: Path, timeout_s: float, *, overwrite: bool) -> int:
    """Write a backup from the leader, and print a summary."""
    try:
        label = asyncio.run(_fetch(access, file, timeout_s, overwrite=overwrite))
    except BackupError as error:
        raise CommandFailedError(str(error)) from error
    return _report(file, label)


def of_folders(folders: Sequence[Path], file: Path, *, partial: bool, overwrite: bool) -> int:
    """Write a backup from the folders of stopped nodes, and print a summary."""
    try:
        check_target(file, overwrite=overwrite)
        with _progress("entries applied") as report:
            backup = backup_of(folders, partial=partial, report=report)
        with Target(file, overwrite=overwrite) as target:
            for part in parts_of(backup):
                target.add(part)
            label = target.finish()
    except BackupError as error:
        raise CommandFailedError(str(error)) from error
    return _report(file, label)


def restore(file: Path, folder: Path, cluster: str | None, nodes: int | None) -> int:
    """Make the folders of a new cluster with the state of a backup, and print their paths."""
    try:
        folders, is_whole = restore_file(file, folder, cluster, nodes)
    except BackupError as error:
        raise CommandFailedError(str(error)) from error
    for member, path in folders.items():
        sys.stdout.write(f"{path} is the data folder of node {member}: move it there, and keep no copy\n")
    if not is_whole:
        sys.stdout.write("this backup was partial: it may lack what the old cluster had acknowledged\n")
    return DONE


def _report(file: Path, label: Label) -> int:
    content = (
        "all that was acknowledged" if label.whole else "what some members had, which may lack acknowledged writes"
    )
    sys.stdout.write(f"{file} has {content}, up to index {label.index} of cluster {label.cluster_id[:8]}\n")
    return DONE


async def _fetch(access: Access, file: Path, timeout_s: float, *, overwrite: bool) -> Label:
    """Ask the leader until a backup begins or `timeout_s` has passed; the transfer has no time limit."""
    check_target(file, overwrite=overwrite)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                connection = await _connect(access)
                try:
                    opening = await connection.request(b"QUORATE.BACKUP", b"BEGIN")
                except BaseException:
                    connection.close()
                    raise
            break
        except (OSError, CommandError) as error:
            why = describe(error) if isinstance(error, OSError) else str(error)
            if isinstance(error, CommandError) and error.code not in {"CLUSTERDOWN", "NOTLEADER", "BUSY"}:
                raise CommandFailedError(why.removeprefix("ERR ")) from error
            if loop.time() + PAUSE_S >= deadline:
                raise CommandFailedError(f"no backup within {timeout_s:g} s: {why}", NO_ANSWER) from error
            await asyncio.sleep(PAUSE_S)
    try:
        assert isinstance(opening, list), "a token and a length"
        return await _receive(connection, opening, file, overwrite=overwrite)
    except TimeoutError as error:
        raise CommandFailedError("the node has stopped sending the backup: try again", NO_ANSWER) from error
    except (OSError, CommandError) as error:
        why = describe(error) if isinstance(error, OSError) else str(error)
        raise CommandFailedError(f"the backup was interrupted, and nothing was written: {why}", NO_ANSWER) from error
    finally:
        connection.close()


async def _connect(access: Access) -> TcpConnection:
    """Return a connection to the leader; raise OSError, with the replies of the nodes, if there is none."""
    replies = await asyncio.gather(*(access.info(address) for address in access.addresses))
    failures = []
    for address, info in zip(access.addresses, replies, strict=True):
        if isinstance(info, str):
            failures.append(f"{show_address(address)}: {info}")
        elif info.get("raft_role") == "leader" or "bft_node_id" in info:
            return await connect_tcp(address, access.password, access.tls)
    raise ConnectionError("; ".join([_none_leads(access.addresses), *failures]))


def _none_leads(addresses: Sequence[Address]) -> str:
    names = ", ".join(show_address(address) for address in addresses)
    return f"none of {names} leads (name every node with --server)"


async def _receive(connection: TcpConnection, opening: Sequence[object], file: Path, *, overwrite: bool) -> Label:
    token, length = opening
    assert isinstance(token, int)
    assert isinstance(length, int)
    offset = 0
    with Target(file, overwrite=overwrite) as target, _progress("bytes taken") as report:
        while offset < length:
            async with asyncio.timeout(PIECE_TIMEOUT_S):
                piece = await connection.request(b"QUORATE.BACKUP", b"READ", b"%d" % token, b"%d" % offset)
            if not isinstance(piece, bytes) or not piece:
                break
            target.add(piece)
            offset += len(piece)
            report(offset, length)
        label = target.finish()
    async with asyncio.timeout(PIECE_TIMEOUT_S):
        await connection.request(b"QUORATE.BACKUP", b"END", b"%d" % token)
    return label


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show the progress if standard error is a terminal."""
    screen = console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
