"""`model-check history`: what it exits with, what it says, and what it draws."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import assume, given, settings

from history_making import DONE, Load, busy, done, history, small_histories, unknown
from quorate_check.cli import main
from quorate_check.history.check import check
from quorate_check.history.format import lines
from quorate_check.history.operations import Error, History, Operation
from quorate_check.history.picture import NAMES, Picture, picture, text_lines
from quorate_check.history.svg import svg
from quorate_check.history.words import LONGEST, in_words

FOLDER = Path(__file__).resolve().parent.parent / "histories"
STALE = str(FOLDER / "bad" / "stale-read.ndjson")
LOCK = str(FOLDER / "good" / "lock.ndjson")
SVG = "{http://www.w3.org/2000/svg}"
fixed = settings(deadline=None, derandomize=True, database=None)


def test_a_good_history_ends_with_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    """And how much was judged."""
    assert main(["history", LOCK]) == 0
    said = capsys.readouterr().out
    assert "5  (5 done)" in said
    assert "holds: one order explains the replies of all 5 operations done" in said


def test_a_bad_history_ends_with_status_1_and_a_picture(capsys: pytest.CaptureFixture[str]) -> None:
    """Who was told what, when, and what the key can only have been."""
    assert main(["history", STALE]) == 1
    said = capsys.readouterr().out
    assert (
        """\
a  ├a────┤     ├b────┤
b                          ├c════┤

  a  a: set x 1 → OK  (line 1)
  b  a: set x 2 → OK  (line 2)
  c! b: get x → 1  (line 3)

Until line 3 returned, the 2 answers on these keys can be explained.
After all of them, x can only be: 2.
The longest order found has 2 operations.

violated: no order explains the reply of line 3: get x → 1
"""
        in said
    )


def test_a_history_that_is_too_hard_ends_with_status_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A limit is never a success."""
    file = _saved(tmp_path, History(busy(Load(2_000, 10))))
    assert main(["history", file, "--limit", "0"]) == 3
    assert "unknown: the limit of 0 s was reached" in capsys.readouterr().out


def test_a_history_in_which_nothing_was_done_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A test that recorded nothing has shown nothing."""
    file = _saved(tmp_path, history(unknown(1, 0, "set", "x", "1")))
    assert main(["history", file]) == 3
    assert "unknown: no operation was done, so nothing was judged" in capsys.readouterr().out


def test_a_cut_off_last_line_is_left_out_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was being written when a process was killed may be half a line."""
    file = tmp_path / "history"
    file.write_text(Path(LOCK).read_text(encoding="utf-8")[:-9], encoding="utf-8")
    assert main(["history", str(file)]) == 0
    said = capsys.readouterr().out
    assert "the last line" in said
    assert "was cut off" in said
    assert "4  (4 done)" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing"], "missing: No such file or directory"),
        ([STALE, "--limit", "-1"], "--limit"),
        ([STALE, "--limit", "nan"], "--limit"),
        ([STALE, "--limit", "inf"], "--limit inf: give a number"),
        ([STALE, "--memory", "inf"], "--memory inf: give a number"),
        ([STALE, "--svg", "nowhere/at/all.svg"], "--svg nowhere/at/all.svg: No such file or directory"),
        ([STALE, "--html", "nowhere/at/all.html"], "--html nowhere/at/all.html: No such file or directory"),
        ([STALE, "--junit", "-"], "--junit -: give a file"),
        ([STALE, "--json", "nowhere/at/all.json"], "--json nowhere/at/all.json: No such file or directory"),
    ],
)
def test_what_cannot_be_used_ends_with_status_2_and_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which says what is wrong."""
    assert main(["history", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert said in printed.err


def test_a_bad_line_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its file."""
    file = tmp_path / "history"
    file.write_text(Path(LOCK).read_text(encoding="utf-8") + '{"client": "a"}\n', encoding="utf-8")
    assert main(["history", str(file)]) == 2
    assert capsys.readouterr().err == f"model-check: {file}: line 6: operation is None, not a string\n"


def test_the_report_for_programs_names_the_break_by_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output there is nothing else."""
    assert main(["history", STALE, "--json", "-"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "violated"
    assert report["first_break"] == {
        "line": 3,
        "keys": ["x"],
        "exact": True,
        "unwritten": None,
        "longest_order": [1, 2],
        "possible": {"x": ["2"]},
    }
    assert report["parts"][0]["keys"] == ["x"]


def test_the_drawing_is_a_file_of_its_own(tmp_path: Path) -> None:
    """Well-formed, with a bar for each operation, and colours for light and dark."""
    file = tmp_path / "broken.svg"
    assert main(["history", STALE, "--svg", str(file)]) == 1
    drawn = file.read_text(encoding="utf-8")
    assert [each.get("class") for each in ET.fromstring(drawn).iter(f"{SVG}rect")] == ["page", "bar", "bar", "broken"]  # noqa: S314 - drawn by us
    assert "prefers-color-scheme: dark" in drawn
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")


@fixed
@given(small_histories())
def test_every_break_can_be_drawn(operations: tuple[Operation, ...]) -> None:
    """Within the drawing's edges, and no two bars of a row on each other."""
    first = check(History(operations)).first_break
    assume(first is not None)
    assert first is not None
    _assert_drawn(picture(first, operations))


def test_a_break_among_many_clients_is_drawn_in_few_bars() -> None:
    """Those that matter: what broke it, who wrote what was read, and what was under way."""
    operations = busy(Load(2_000, 20, unknown=0.02))
    read = [each for each in operations if each.name == "get" and each.outcome is DONE][-50]
    written = next(each for each in operations if each.name == "set" and each.outcome is DONE)
    lie = replace(read, reply=written.arguments[1])
    lied = tuple(lie if each is read else each for each in operations)
    first = check(History(lied)).first_break
    assert first is not None
    drawn = picture(first, lied)
    assert len(drawn.bars) == len(NAMES)
    assert [bar.operation for bar in drawn.bars if bar.broken] == [lie]
    assert written in [bar.operation for bar in drawn.bars]
    assert drawn.omitted == len(first.part.operations) - len(NAMES)
    _assert_drawn(drawn)


def _assert_drawn(drawn: Picture) -> None:
    assert sum(bar.broken for bar in drawn.bars) == 1
    for row in range(len(drawn.rows)):
        bars = sorted((bar for bar in drawn.bars if bar.row == row), key=lambda bar: bar.begin)
        assert bars
        for left, right in pairwise(bars):
            assert left.end is not None
            assert left.end < right.begin
    text = list(text_lines(drawn, 80))
    assert all(len(line) <= 80 for line in text[: len(drawn.rows)])
    assert text[len(drawn.rows)] == ""
    root = ET.fromstring(svg(drawn, "a title"))  # noqa: S314 - drawn by us
    for rect in list(root.iter(f"{SVG}rect"))[1:]:
        left, top, width, height = (float(rect.get(name, "-1")) for name in ("x", "y", "width", "height"))
        assert 0 <= left <= left + width <= float(root.get("width", "-1"))
        assert 0 <= top <= top + height <= float(root.get("height", "-1"))


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (done(1, (0, 1), "set", "x", "\x1b[2J\n", reply="OK"), r"set x '\x1b[2J\n' → OK"),
        (done(1, (0, 1), "get", "", reply="\xff"), r"get '' → '\xff'"),
        (done(1, (0, 1), "get", "x", reply="nil"), "get x → 'nil'"),
        (done(1, (0, 1), "get", "x", reply=None), "get x → nil"),
        (done(1, (0, 1), "mget", "x", "y", reply=("1", None)), "mget x y → [1, nil]"),
        (done(1, (0, 1), "incr", "x", reply=Error("ERR no\n")), r"incr x → error 'ERR no\n'"),
        (unknown(1, 0, "incr", "x"), "incr x → unknown"),
    ],
)
def test_words_and_replies_are_safe_to_print(operation: Operation, said: str) -> None:
    """Whatever bytes they are, and nil is told from a value that looks like it."""
    assert in_words(operation) == said


def test_long_values_are_shown_in_part() -> None:
    """Their beginning and their end."""
    said = in_words(done(1, (0, 1), "get", "x", reply="a" * 500 + "z" * 500))
    assert len(said) <= len("get x → ") + LONGEST
    assert "aaa...zzz" in said


def _saved(folder: Path, told: History) -> str:
    file = folder / "history.ndjson"
    file.write_text("".join(lines(told)), encoding="utf-8")
    return str(file)
