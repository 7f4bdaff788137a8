"""What one hard key, a value from nowhere or a full memory may cost the rest of a history: nothing."""

import itertools
import mmap
import os
import re
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from history_making import APPLIED, applied, done, unknown
from nightly import by_night
from quorate_check.core.verdict import Verdict
from quorate_check.history import check as checking
from quorate_check.history.budget import GIB, Budget, resident_bytes
from quorate_check.history.check import LEFT_UNDECIDED, HistoryProgress, check
from quorate_check.history.format import lines
from quorate_check.history.operations import History, Operation
from quorate_check.history.search import SearchResult


def _hard(key: str, first_line: int = 100) -> tuple[Operation, ...]:
    """Appends that nobody was told the length of, and a reader to whom those of the first round came after the second.

    Whatever order a round has, the lengths are the same: only the reader tells, at the end, that none is right.
    """
    words = [[f"<{round_}.{client}>" for client in range(12)] for round_ in range(3)]
    numbers = itertools.count(first_line)
    appends = [
        applied(next(numbers), (100 * round_ + 10, 100 * round_ + 50), "append", key, word)
        for round_, some in enumerate(words)
        for word in some
    ]
    read = "".join(itertools.chain(words[1], words[0], words[2]))
    return (*appends, done(next(numbers), (400, 401), "get", key, reply=read))


def _impatient(found: SearchResult) -> str | None:
    return "enough" if found.configurations > 4 * checking.FIRST_ROUND else None


class _Impatient(Budget):
    """Stops each search after some configurations."""

    def __call__(self, found: SearchResult) -> str | None:
        return _impatient(found)


def test_a_hard_key_keeps_no_other_from_being_judged() -> None:
    """The easy keys are decided in the first round, whatever their size."""
    easy = tuple(done(n, (10 * n, 10 * n + 1), "set", "lock", str(n), reply="OK") for n in range(1, 90))
    judgement = check(History((*_hard("hard"), *easy)), _Impatient())
    verdicts = {part.part.keys: part.verdict for part in judgement.parts}
    assert verdicts == {("hard",): Verdict.UNKNOWN, ("lock",): Verdict.HOLDS}
    assert judgement.verdict is Verdict.UNKNOWN


def test_a_violation_of_an_easy_key_is_reported_beside_a_hard_one() -> None:
    """Nobody waits for the hard one, of which it is said that it's open."""
    lock = (
        done(1, (0, 1), "set", "lock", "a", "NX", reply="OK"),
        *(done(n, (2 * n, 2 * n + 1), "get", "lock", reply="a") for n in range(2, 60)),  # more than the hard one has
        done(90, (400, 401), "set", "lock", "b", "NX", reply="OK"),
    )
    judgement = check(History((*_hard("hard"), *lock)))
    assert judgement.verdict is Verdict.VIOLATED
    assert judgement.first_break is not None
    assert judgement.first_break.broken.operation.line == 90
    (open_part,) = [part for part in judgement.parts if part.verdict is Verdict.UNKNOWN]
    assert open_part.part.keys == ("hard",)
    assert open_part.stopped == LEFT_UNDECIDED


@pytest.mark.parametrize(
    "lie",
    [
        done(1, (400, 401), "get", "hard", reply="<0.1>?"),
        pytest.param(done(1, (400, 401), "get", "hard", reply="x"), marks=by_night),
        pytest.param(done(1, (400, 401), "mget", "hard", reply=("<9.9>",)), marks=by_night),
        pytest.param(done(1, (400, 401), "getset", "hard", "1", reply="7"), marks=by_night),
        done(1, (400, 401), "set", "hard", "y", "IFEQ", "x", reply="OK"),
        pytest.param(done(1, (400, 401), "strlen", "hard", reply=10_000), marks=by_night),
        done(1, (400, 401), "append", "hard", "!", reply=10_000),
        done(1, (5, 6), "get", "hard", reply="<0.1>"),  # not asked for by then
    ],
    ids=lambda operation: operation.name,
)
def test_a_value_that_nobody_wrote_is_seen_without_a_search(lie: Operation) -> None:
    """However hard its key is: nothing is spent on the verdict."""
    judgement = check(History((*_hard("hard")[:-1], lie)))
    assert judgement.verdict is Verdict.VIOLATED
    assert [part.configurations for part in judgement.parts] == [0]
    assert judgement.first_break is not None
    assert judgement.first_break.impossible_value is not None
    assert judgement.first_break.broken.operation.line == 1


@pytest.mark.parametrize(
    ("replies", "lie"),
    [(("incr", "incr"), done(9, (8, 9), "incr", "n", reply=12)), (("incr",), done(9, (8, 9), "get", "n", reply="11"))],
)
def test_a_number_that_no_sum_makes_is_seen_without_a_search(replies: tuple[str, ...], lie: Operation) -> None:
    """Also where some of what was added is unknown."""
    more = unknown(7, 0, "incrby", "n", "3")
    counted = tuple(done(n, (n, n), name, "n", reply=n) for n, name in enumerate(replies, start=1))
    judgement = check(History((*counted, more, lie)))
    assert judgement.verdict is Verdict.VIOLATED
    assert [part.configurations for part in judgement.parts] == [0]
    fits = replace(lie, reply="4" if lie.name == "get" else 6)
    assert check(History((*counted, more, fits))).verdict is Verdict.HOLDS


def test_a_lost_write_whose_reply_was_not_recorded_is_a_violation() -> None:
    """Which it isn't if it may never have been done: so it has to be said."""
    append = applied(1, (0, 1), "append", "x", "a")
    read = done(2, (2, 3), "get", "x", reply=None)
    assert check(History((append, read))).verdict is Verdict.VIOLATED
    assert check(History((unknown(1, 0, "append", "x", "a"), read))).verdict is Verdict.HOLDS
    assert append.outcome is APPLIED


def test_progress_tells_how_much_is_decided_and_explained() -> None:
    """While it searches."""
    heard = list[HistoryProgress]()
    easy = done(1, (0, 1), "set", "lock", "1", reply="OK")
    check(History((easy, *_hard("hard"))), _Impatient(), heard.append)
    last = heard[-1]
    assert (last.decided, last.parts, last.keys) == (1, 2, ("hard",))
    assert 0 < last.reach < last.events
    assert last.configurations > checking.FIRST_ROUND


# Its ru_maxrss would be no less than that of the process that starts it.
PEAK = """
import re, sys
from pathlib import Path
from quorate_check.cli import main
status = main(sys.argv[1:])
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print("peak", int(peak[1]) * 1024)
sys.exit(status)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of one process")
@by_night
def test_a_check_stays_within_its_memory(tmp_path: Path) -> None:
    """The whole process does, at its peak, within 20 %, and says that it was that limit."""
    file = tmp_path / "hard.ndjson"
    file.write_text("".join(lines(History((*_hard("one"), *_hard("other", 200))))), encoding="utf-8")
    limit = 0.25
    run = subprocess.run(
        [sys.executable, "-c", PEAK, "history", str(file), "--memory", str(limit)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONMALLOC": "pymalloc"},
        check=False,
    )
    assert run.returncode == 3, run.stderr
    assert f"unknown: the limit of {limit} GiB was reached" in run.stdout
    peak = re.search(r"^peak (\d+)$", run.stdout, re.MULTILINE)
    assert peak is not None
    assert 0.8 * limit * GIB < int(peak[1]) < 1.2 * limit * GIB


def test_what_a_process_occupies_is_measured() -> None:
    """It is no more than its peak, and what is added shows: pages that the process can't have had before."""
    before = resident_bytes()
    block = mmap.mmap(-1, 64 << 20)
    block.write(os.urandom(1 << 20) * 64)
    after = resident_bytes()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    assert after - before > len(block) * 0.8
    assert after <= peak * 1.01
