"""Lines are as wide as they may be, and are broken where a reader would break them."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patience import PROGRAM_S
from quorate_check.tell.wrapping import FEWEST_COLUMNS, USUAL_COLUMNS, WIDEST, columns, wrap, wrapped

VALUE = "sent AppendEntries(term=2,entries=(Entry(term=1),))"


@pytest.mark.parametrize("break_", [wrap, lambda text, width: wrapped(text, width, "", "")])
def test_a_word_that_is_too_long_is_broken_at_its_tokens(break_: object) -> None:
    """Behind a bracket or a comma, not in the middle of a name."""
    assert callable(break_)
    lines = break_(VALUE, 17)
    assert "".join(lines).replace(" ", "") == VALUE.replace(" ", "")
    assert all(len(line) <= 17 for line in lines)
    assert all(line.endswith(tuple("(,=)t")) for line in lines)


@given(st.text(alphabet="ab (){}[],=. ", max_size=60), st.integers(5, 30))
def test_no_line_is_too_long_and_nothing_is_lost(text: str, width: int) -> None:
    """Whatever the text is made of."""
    for lines in (wrap(text, width), wrapped(text, width, "  ", "  ")):
        assert all(len(line) <= width for line in lines)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("asked", "terminal", "wide"),
    [
        (None, None, USUAL_COLUMNS),
        (None, 100, 100),
        (None, 300, WIDEST),
        ("132", None, 132),
        ("132", 90, 132),
        ("5", None, FEWEST_COLUMNS),
        ("wide", None, USUAL_COLUMNS),
        ("0", None, USUAL_COLUMNS),
    ],
)
def test_the_width_is_what_was_asked_for(
    asked: str | None, terminal: int | None, wide: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By COLUMNS, on a terminal and on a pipe; otherwise what can be read."""
    monkeypatch.delenv("COLUMNS", raising=False)
    if asked is not None:
        monkeypatch.setenv("COLUMNS", asked)
    assert columns(terminal) == wide


@pytest.mark.parametrize("wide", [60, 132])
def test_a_command_on_a_pipe_is_as_wide_as_columns_says(wide: int) -> None:
    """Here a picture of a random walk."""
    program = "import sys; from quorate_check.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "explain", "7", "--servers", "3"],
        env={**os.environ, "COLUMNS": str(wide), "PYTHONUTF8": "1"},
        capture_output=True,
        timeout=PROGRAM_S,
        check=True,
        encoding="utf-8",
    )
    longest = max(len(line) for line in done.stdout.splitlines())
    assert longest <= wide
    assert (longest > USUAL_COLUMNS) is (wide > USUAL_COLUMNS)
