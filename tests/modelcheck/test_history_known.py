"""Histories kept as data, whose verdicts can be seen by eye: each bad one breaks at a known line."""

from pathlib import Path

import pytest

from history_making import assert_explains, can_be_ordered
from quorate_check.core.verdict import Verdict
from quorate_check.history.check import check
from quorate_check.history.format import load

FOLDER = Path(__file__).resolve().parent.parent / "histories"
GOOD = sorted((FOLDER / "good").glob("*.ndjson"))
BAD = {
    "a-write-replied-to-with-nil": 1,
    "append-lost": 3,
    "both-exchanges-won": 3,
    "deleted-and-back": 3,
    "lock-taken-twice": 2,
    "lost-update": 3,
    "never-written": 2,
    "one-unknown-counted-twice": 2,
    "read-goes-back": 4,
    "refused-and-done": 2,
    "retry-applied-twice": 2,
    "stale-read": 3,
    "torn-read-of-two-keys": 3,
    "two-keys-in-opposite-orders": 5,
    "unknown-seen-before-it-was-asked-for": 2,
    "unknown-seen-then-gone": 4,
}


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_a_good_history_holds(file: Path) -> None:
    """And the order that was found shows why."""
    history = load(str(file))
    judgement = check(history)
    assert judgement.verdict is Verdict.HOLDS
    for part in judgement.parts:
        assert_explains(part.order)
    assert can_be_ordered(history.operations)


@pytest.mark.parametrize(("name", "line"), BAD.items(), ids=BAD)
def test_a_bad_history_breaks_where_it_should(name: str, line: int) -> None:
    """At the first return that can't be explained."""
    history = load(str(FOLDER / "bad" / f"{name}.ndjson"))
    judgement = check(history)
    assert judgement.verdict is Verdict.VIOLATED
    assert judgement.first_break is not None
    assert judgement.first_break.exact
    assert judgement.first_break.broken.operation.line == line
    assert not can_be_ordered(history.operations)


def test_every_history_in_the_folder_is_judged() -> None:
    """None is forgotten in the table above."""
    assert {file.stem for file in (FOLDER / "bad").iterdir()} == set(BAD)
    assert GOOD
