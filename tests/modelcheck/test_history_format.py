"""Histories as files: what is written is read again, and what is no history is refused by its line."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history_making import PLAIN, Load, busy, small_histories
from quorate_check.core.system import UnusableSystemError
from quorate_check.history.format import lines, load, parse
from quorate_check.history.operations import Error, History, Operation, OperationOutcome
from quorate_check.history.record import Recorder

fixed = settings(deadline=None, derandomize=True, database=None)
GOOD = {
    "client": "c1",
    "operation": "set",
    "arguments": ["x", "1"],
    "invoked": 10,
    "returned": 25,
    "outcome": "done",
    "reply": "OK",
}


@fixed
@given(small_histories())
def test_what_is_written_is_read_again(operations: tuple[Operation, ...]) -> None:
    """Whatever was asked and told."""
    history = History(operations)
    told = [
        each if each.outcome is OperationOutcome.DONE else Operation(*_without_reply(each))
        for each in history.operations
    ]
    assert parse("".join(lines(history))) == History(tuple(told))


def _without_reply(operation: Operation) -> tuple[object, ...]:
    kept = (operation.line, operation.client, operation.name, operation.arguments)
    return (*kept, operation.invoked, operation.returned, None, operation.outcome)


@fixed
@given(st.data())
def test_a_last_line_that_was_cut_off_is_left_out(data: st.DataObject) -> None:
    """Wherever it was cut: all lines before it are kept, and that it was cut is known."""
    operations = busy(Load(5, 2, PLAIN))
    written = list(lines(History(operations)))
    rest = data.draw(st.integers(1, len(written[-1]) - 2))
    read = parse("".join(written[:-1]) + written[-1][:rest])
    assert read == History(operations[:-1], cut_off=True)


def test_a_last_line_without_a_break_counts_if_it_is_whole() -> None:
    """Nothing is missing."""
    whole = parse(json.dumps(GOOD) + "\n")
    assert [each.line for each in whole.operations] == [1]
    assert parse(json.dumps(GOOD)) == whole
    assert not whole.cut_off


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"client": None}, "client is None"),
        ({"client": True}, "client is True"),
        ({"operation": "lpush"}, "operation 'lpush' isn't one of get, set"),
        ({"operation": 7}, "operation is 7"),
        ({"arguments": "x"}, "arguments is 'x', not a list"),
        ({"arguments": ["x", 1]}, "1 is not a string"),
        ({"arguments": ["x"]}, "set: wrong number of arguments: 1"),
        ({"arguments": ["x", "1", "NX", "XX"]}, "set: 'NX XX' isn't"),
        ({"operation": "mset", "arguments": ["x", "1", "y"]}, "mset: wrong number of arguments: 3"),
        ({"arguments": ["x", "\u2603"]}, "beyond U+00FF"),
        ({"invoked": None}, "invoked is missing"),
        ({"invoked": "10"}, "invoked is '10', not a number"),
        ({"invoked": True}, "invoked is True, not a number"),
        ({"returned": 9}, "returned before it was invoked"),
        ({"returned": None}, "done, but returned is missing"),
        ({"outcome": "maybe"}, "outcome is 'maybe', not one of"),
        ({"reply": 1.5}, "reply is 1.5"),
        ({"reply": True}, "reply is True"),
        ({"reply": {"problem": "none"}}, "reply is {'problem': 'none'}"),
        ({"reply": [["x"]]}, "['x'] is not a string"),
    ],
)
def test_a_line_that_is_no_operation_is_refused(change: dict[str, object], said: str) -> None:
    """By its number, and by what is wrong with it."""
    bad = json.dumps({**GOOD, **change})
    with pytest.raises(UnusableSystemError) as refused:
        parse(f"{json.dumps(GOOD)}\n\n{bad}\n{json.dumps(GOOD)}\n")
    assert str(refused.value).startswith("line 3: ")
    assert said in str(refused.value)


@pytest.mark.parametrize("line", ["{", "[]", "7", '{"client": 1', "\x00", "[" * 100_000, '{"invoked": NaN}'])
def test_what_is_not_json_is_refused(line: str) -> None:
    """Only the last line may have been cut off."""
    with pytest.raises(UnusableSystemError, match=r"^line 1: "):
        parse(f"{line}\n{json.dumps(GOOD)}\n")


def test_a_missing_reply_is_refused() -> None:
    """None is a reply, too."""
    with pytest.raises(UnusableSystemError, match="line 1: done, but reply is missing"):
        parse(json.dumps({key: value for key, value in GOOD.items() if key != "reply"}) + "\n")


@fixed
@given(st.binary(max_size=200))
def test_random_bytes_are_a_history_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """It never fails in any other way."""
    file = tmp_path_factory.mktemp("random") / "history"
    file.write_bytes(data)
    with suppress(UnusableSystemError):
        assert load(str(file)).operations == ()


def test_a_recorder_writes_what_a_file_says(tmp_path: Path) -> None:
    """Words and replies as bytes or text, what redis-py makes of replies, and operations that never end."""
    times = iter(range(100))
    recorder = Recorder(lambda: next(times))
    first = recorder.begin("a", "SET", "x", b"\xff\n")
    second = recorder.begin("b", "mget", "x", "snowman \u2603")
    recorder.begin("c", "del", "x")
    fourth = recorder.begin("d", "incr", "x")
    fifth = recorder.begin("e", "get", "x")
    recorder.end(second, OperationOutcome.DONE, [b"\xff\n", None])
    recorder.end(first, OperationOutcome.DONE, True)  # noqa: FBT003 - redis-py's word for OK
    recorder.end(fourth, OperationOutcome.DONE, ValueError("ERR not an integer"))
    recorder.end(fifth, OperationOutcome.NOT_DONE)
    recorder.save(tmp_path / "history")
    assert load(str(tmp_path / "history")) == recorder.history
    assert recorder.history.operations == (
        Operation(1, "a", "set", ("x", "\xff\n"), 0, 6, "OK", OperationOutcome.DONE),
        Operation(2, "b", "mget", ("x", "snowman \xe2\x98\x83"), 1, 5, ("\xff\n", None), OperationOutcome.DONE),
        Operation(3, "c", "del", ("x",), 2, None, None, OperationOutcome.UNKNOWN),
        Operation(4, "d", "incr", ("x",), 3, 7, Error("ERR not an integer"), OperationOutcome.DONE),
        Operation(5, "e", "get", ("x",), 4, 8, None, OperationOutcome.NOT_DONE),
    )


def test_a_recorder_refuses_what_is_no_reply() -> None:
    """A float is a mistake of the test that records it."""
    recorder = Recorder()
    number = recorder.begin("a", "get", "x")
    with pytest.raises(TypeError, match=r"no operation replies 1\.5"):
        recorder.end(number, OperationOutcome.DONE, 1.5)
