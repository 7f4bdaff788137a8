"""Operations on the whole map: DBSIZE and KEYS at one moment, and SCAN, which promises less."""

import pytest

from history_making import applied, done, unknown
from quorate_check.core.system import UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.history.check import check
from quorate_check.history.format import lines, parse
from quorate_check.history.operations import History, Operation, ScanPage
from quorate_check.history.record import Recorder

HOLDS, VIOLATED = Verdict.HOLDS, Verdict.VIOLATED
SET_A = done(1, (0, 1), "set", "a", "1", reply="OK")
SET_B = done(2, (10, 20), "set", "b", "1", reply="OK")
DEL_A = done(3, (10, 20), "del", "a", reply=1)


def _scan(line: int, times: tuple[int, int], cursor: str, after: str, *keys: str, options: str = "") -> Operation:
    call = done(line, times, "scan", cursor, *options.split(), reply=ScanPage(after, keys))
    return Operation(line, "scanner", call.name, call.arguments, *times, call.reply, call.outcome)


@pytest.mark.parametrize(
    ("looks", "verdict"),
    [
        ([done(4, (30, 31), "dbsize", reply=2)], HOLDS),
        ([done(4, (30, 31), "dbsize", reply=1)], VIOLATED),
        ([done(4, (12, 15), "dbsize", reply=1)], HOLDS),
        ([done(4, (12, 15), "dbsize", reply=2), done(5, (16, 17), "dbsize", reply=1)], VIOLATED),
        ([done(4, (30, 31), "dbsize", reply="2")], VIOLATED),
        ([done(4, (30, 31), "keys", "*", reply=("b", "a"))], HOLDS),
        ([done(4, (30, 31), "keys", "b*", reply=("b",))], HOLDS),
        ([done(4, (30, 31), "keys", "b*", reply=("b", "a"))], VIOLATED),
        ([done(4, (30, 31), "keys", "*", reply=("a", "a", "b"))], VIOLATED),
        ([done(4, (30, 31), "keys", "*", reply=("a",))], VIOLATED),
        ([done(4, (30, 31), "keys", "z*", reply=())], HOLDS),
        ([done(4, (30, 31), "keys", "z*", reply=("zoo",))], VIOLATED),
    ],
)
def test_dbsize_and_keys_see_one_moment(looks: list[Operation], verdict: Verdict) -> None:
    """Of all keys that the history names, and none else."""
    assert check(History((SET_A, SET_B, *looks))).verdict is verdict


def test_two_keys_at_one_moment_break_what_each_alone_would_not() -> None:
    """One was there until the other came, so that there was never none."""
    move = (SET_A, done(2, (10, 11), "set", "b", "1", reply="OK"), done(3, (12, 13), "del", "a", reply=1))
    assert check(History((*move, done(4, (5, 20), "keys", "*", reply=("a", "b"))))).verdict is HOLDS
    judgement = check(History((*move, done(4, (5, 20), "keys", "*", reply=()))))
    assert judgement.verdict is VIOLATED
    assert {part.part.keys: part.verdict for part in judgement.parts}["a", "b"] is VIOLATED


def test_a_map_of_which_nothing_is_known_is_empty() -> None:
    """Unless the history says otherwise."""
    sees_one = done(1, (0, 1), "dbsize", reply=1)
    assert check(History((sees_one,))).verdict is VIOLATED
    assert check(History((sees_one,), initial={"x": "1"})).verdict is HOLDS


@pytest.mark.parametrize(
    ("calls", "verdict"),
    [
        ([_scan(4, (30, 31), "0", "0", "a", "b")], HOLDS),
        ([_scan(4, (30, 31), "0", "0", "a", "b", "a")], HOLDS),  # the manual: it may return a key twice
        ([_scan(4, (30, 31), "0", "0", "a")], VIOLATED),
        ([_scan(4, (30, 31), "0", "7", "a")], HOLDS),
        ([_scan(4, (30, 31), "0", "7", "a", "ghost")], VIOLATED),
        ([_scan(4, (30, 31), "0", "7", "a"), _scan(5, (40, 41), "7", "0", "b")], HOLDS),
        ([_scan(4, (30, 31), "0", "7", "a"), _scan(5, (40, 41), "7", "0")], VIOLATED),
        ([_scan(4, (5, 6), "0", "7", "a"), _scan(5, (40, 41), "7", "0")], HOLDS),  # b came meanwhile
        ([_scan(4, (5, 6), "0", "7"), _scan(5, (40, 41), "7", "0", "b")], VIOLATED),  # a was always there
        ([_scan(4, (30, 31), "0", "0", "b", options="MATCH b*")], HOLDS),
        ([_scan(4, (30, 31), "0", "0", "a", options="MATCH b*")], VIOLATED),
        ([_scan(4, (30, 31), "0", "0", options="COUNT 5 match b*")], VIOLATED),
        ([_scan(4, (30, 31), "0", "0", options="TYPE list")], HOLDS),
        ([_scan(4, (30, 31), "3", "0", "a")], HOLDS),  # nobody saw where this began
        ([done(4, (30, 31), "scan", "0", reply=("a", "b"))], VIOLATED),
        ([unknown(4, 30, "scan", "0")], HOLDS),
    ],
)
def test_a_scan_is_held_to_what_scans_promise(calls: list[Operation], verdict: Verdict) -> None:
    """What it returns was there; what was there from its beginning to its end is returned."""
    assert check(History((SET_A, SET_B, *calls))).verdict is verdict


def test_a_scan_of_many_keys_keeps_them_apart() -> None:
    """A part for each key, since a scan sees no moment."""
    sets = tuple(done(n, (0, 1), "set", f"k{n}", "1", reply="OK") for n in range(1, 50))
    judgement = check(History((*sets, _scan(90, (2, 3), "0", "0", *(f"k{n}" for n in range(1, 50))))))
    assert judgement.verdict is HOLDS
    assert len(judgement.parts) == 49


def test_decrby_takes_away() -> None:
    """And an initial value is where it begins."""
    down = done(1, (0, 1), "decrby", "n", "3", reply=4)
    assert check(History((down,), initial={"n": "7"})).verdict is HOLDS
    assert check(History((down,))).verdict is VIOLATED


def test_an_initial_state_is_what_the_first_reads_see() -> None:
    """Until something is written; a key without one is absent."""
    reads = (done(1, (0, 1), "get", "x", reply="7"), done(2, (2, 3), "get", "y", reply=None))
    assert check(History(reads, initial={"x": "7"})).verdict is HOLDS
    assert check(History(reads, initial={"x": "8"})).verdict is VIOLATED
    gone = (applied(1, (0, 1), "del", "x"), done(2, (2, 3), "get", "x", reply="7"))
    assert check(History(gone, initial={"x": "7"})).verdict is VIOLATED


def test_the_format_says_all_of_this() -> None:
    """What is written is read again."""
    operations = (
        applied(2, (0, 1), "append", "x", "a"),
        done(3, (0, 1), "dbsize", reply=1),
        _scan(4, (0, 1), "0", "17", "x", "\xff"),
    )
    told = History(operations, initial={"x": "", "\xff": "1"})
    assert parse("".join(lines(told))) == told


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"initial": 3}', "line 1: initial is 3, not an object of keys and their values"),
        ('{"initial": {"x": 3}}', "line 1: 3 is not a string"),
        (
            '{"initial": {"x": "1"}}\n{"initial": {"x": "2"}}',
            "line 2: key 'x' has another initial value on a line",
        ),
        ('{"initial": {}, "operation": "get"}', "line 1: both an operation and an initial state"),
        (
            '{"client": "c", "operation": "append", "arguments": ["x", "1"], "invoked": 1, "outcome": "applied"}',
            "line 1: applied, but returned is missing",
        ),
        (
            '{"client": "c", "operation": "scan", "arguments": ["0", "MATCH"]}',
            "line 1: scan: 'MATCH' isn't [MATCH",
        ),
        ('{"client": "c", "operation": "dbsize", "arguments": ["x"]}', "line 1: dbsize: wrong number of arguments: 1"),
    ],
)
def test_what_means_nothing_is_refused_with_its_line(line: str, said: str) -> None:
    """In one sentence."""
    with pytest.raises(UnusableSystemError) as refused:
        parse(line + "\n")
    assert said in str(refused.value)


def test_a_recorder_takes_what_redis_py_returns_of_a_scan() -> None:
    """A cursor as a number, and a list."""
    recorder = Recorder(initial={"x": b"1"})
    recorder.end(recorder.begin("c", "SCAN", "0"), SET_A.outcome, (0, [b"x"]))
    (call,) = recorder.history.operations
    assert call.reply == ScanPage("0", ("x",))
    assert check(recorder.history).verdict is HOLDS
