"""What may not be looked at is an error, never nothing: on no Python is it made anew."""

from collections.abc import Callable
from pathlib import Path

import pytest

from disks import open_disk
from quorate.cli import demo
from quorate.cli.errors import CommandFailedError
from quorate.node import members
from quorate.node.config import read_configuration
from quorate.node.members import StartError
from quorate.runtime.keys import KeyFileError, write_keys
from quorate.runtime.paths import is_file, is_folder, is_there
from quorate.runtime.storage_errors import StorageError
from unreadable import unreadable


@pytest.fixture(name="folder")
def folder_of_a_test(tmp_path: Path) -> Path:
    """A folder with a file in it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    return folder


def test_what_is_there_is_told_by_its_kind(folder: Path) -> None:
    """A file, a folder, nothing, and nothing for want of a folder."""
    assert [(is_there(path), is_file(path), is_folder(path)) for path in (folder / "file", folder)] == [
        (True, True, False),
        (True, False, True),
    ]
    for path in (folder / "none", folder / "file" / "none"):
        assert not any(question(path) for question in (is_there, is_file, is_folder))


@pytest.mark.parametrize("question", [is_there, is_file, is_folder])
def test_what_may_not_be_looked_at_is_an_error(question: Callable[[Path], bool], folder: Path) -> None:
    """Whether it is there or not."""
    with unreadable(folder):
        for name in ("file", "none"):
            with pytest.raises(PermissionError):
                question(folder / name)


def test_a_database_in_an_unreadable_folder_is_not_made_anew(folder: Path) -> None:
    """It can't be opened, and who may read it has to be changed, not the path."""
    file = folder / "node.db"
    open_disk(file).close()
    with (
        unreadable(folder),
        pytest.raises(StorageError, match=r"cannot be opened \(Permission denied\): let this user read"),
    ):
        open_disk(file)


def test_evidence_that_cannot_be_read_is_not_taken_for_none(folder: Path) -> None:
    """A node that starts says so in one line, instead of beginning anew."""
    peers = {str(member): f"127.0.0.1:{member}" for member in (1, 2, 3, 4)}
    keys = {"secret-key": "node1.key", "public-keys": "public.toml"}
    given = {"id": 1, "data": str(folder), "cluster": "c", "protocol": "bft", "peers": peers, **keys}
    configuration = read_configuration(None, given)
    assert len(members._evidence(configuration)) == 0
    with unreadable(folder), pytest.raises(StartError, match=r"^data: .*evidence\.ndjson can't be read: Permission"):
        members._evidence(configuration)


def test_keys_are_not_made_beside_keys_that_cannot_be_seen(folder: Path) -> None:
    """By `quorate keys`, and by a demonstration that has its folder already."""
    with unreadable(folder), pytest.raises(KeyFileError, match="can't be written there: Permission denied"):
        write_keys(folder, "c", (1, 2, 3, 4))
    assert not demo._has_keys(folder)
    with unreadable(folder), pytest.raises(CommandFailedError, match="can't be read: Permission denied"):
        demo._has_keys(folder)
