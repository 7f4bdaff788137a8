"""The command `quorate` says what this version has, and no more."""

import pytest

from quorate.cli import main


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """And names the command."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("quorate 0.")


def test_help_says_that_there_is_no_server_yet(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody should look for what isn't there."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "The server isn't part of it yet." in capsys.readouterr().out


def test_an_unknown_command_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With status 2, as every unusable argument."""
    with pytest.raises(SystemExit) as ended:
        main(["serve"])
    assert ended.value.code == 2
    assert "serve" in capsys.readouterr().err
