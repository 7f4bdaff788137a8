"""Files that a command may not look at are named in one line, and never taken for none."""

from pathlib import Path

import pytest

from quorate_check.cli.app import main
from quorate_check.cli.output import probe
from quorate_check.core.system import UnusableSystemError
from quorate_check.mutants.pool import Memory
from quorate_check.outside import tla_checker, tlc
from quorate_check.outside.judgement import NotRunError
from unreadable import unreadable


@pytest.fixture(name="file")
def file_of_a_test(tmp_path: Path) -> Path:
    """A file in a folder."""
    (tmp_path / "folder").mkdir()
    file = tmp_path / "folder" / "file.ndjson"
    file.write_text("{}\n")
    return file


def test_a_file_to_be_written_where_nobody_may_look_is_refused(file: Path) -> None:
    """Before a check begins, and without a trace."""
    with (
        unreadable(file.parent),
        pytest.raises(UnusableSystemError, match=r"^--html .*: Permission denied$"),
    ):
        probe("--html", file)


def test_answers_of_earlier_runs_that_cannot_be_read_are_not_taken_for_none(file: Path) -> None:
    """They would be written over."""
    with unreadable(file.parent), pytest.raises(PermissionError):
        Memory(file, fresh=False)


@pytest.mark.parametrize("command", [["explain"], ["mutants", "--corpus"]], ids=lambda words: words[0])
def test_a_path_that_cannot_be_looked_at_is_said_in_one_line(
    command: list[str], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, as for whatever can't be meant."""
    assert main([*command, str(file)]) == 2  # it is of no use, but can be seen; and all modules are loaded now
    assert not capsys.readouterr().err.strip().endswith("Permission denied")
    with unreadable(file.parent):
        assert main([*command, str(file)]) == 2
    assert capsys.readouterr().err.strip().endswith("Permission denied")


def test_outside_checkers_that_cannot_be_read_are_said_not_to_run(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason."""
    for tool in (tlc, tla_checker):
        monkeypatch.setattr(tool.shutil, "which", lambda name: name)
    monkeypatch.setattr(tlc, "_java_version", lambda _: tlc.OLDEST_JAVA)
    monkeypatch.setenv(tlc.JAR_VARIABLE, str(file))
    monkeypatch.setenv(tla_checker.FOLDER_VARIABLE, str(file.parent))
    for tool in (tlc, tla_checker):
        with unreadable(file.parent), pytest.raises(NotRunError, match="Permission denied"):
            tool.find()
