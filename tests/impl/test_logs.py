"""An event is one line, and no value can pass for another field or line."""

import io
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patience import PATIENCE_S
from quorate.runtime.logs import MOST_ALIKE, WHILE_S, Format, InBackground, Level, TextFormatter, configure

VALUES = st.one_of(st.text(), st.integers(), st.none(), st.booleans(), st.floats(allow_nan=False))


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """The settings of logging are the process's."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(form: Format, message: str, fields: dict[str, object], *, error: Exception | None = None) -> str:
    """What one event leaves in the log."""
    stream = io.StringIO()
    configure(Level.INFO, form, stream)
    logging.getLogger("quorate.server").info(message, extra=fields, exc_info=error)
    return stream.getvalue()


def test_people_read_the_event_and_its_fields() -> None:
    """Time in UTC, to the millisecond."""
    line = logged(Format.TEXT, "role", {"role": "leader", "term": 3, "reason": "no answer"})
    time, rest = line.split(" ", 1)
    assert rest == 'info server: role role=leader term=3 reason="no answer"\n'
    assert len(time) == len("2026-01-31T12:00:00.000Z")
    assert time.endswith("Z")


def test_machines_read_an_object_a_line() -> None:
    """Numbers stay numbers."""
    line = logged(Format.JSON, "role", {"role": "leader", "term": 3})
    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert found == {"level": "info", "logger": "quorate.server", "message": "role", "role": "leader", "term": 3}


@given(st.sampled_from(Format), st.text(), VALUES)
def test_no_value_breaks_a_line(form: Format, message: str, value: object) -> None:
    """Peers choose some of them."""
    line = logged(form, message.replace("%", "%%"), {"peer": value})
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1


def test_a_value_cant_pose_as_another_field() -> None:
    """It is quoted."""
    assert r'peer="2 reason=none \"x\""' in logged(Format.TEXT, "lost", {"peer": '2 reason=none "x"'})


@pytest.mark.parametrize("form", Format)
def test_an_exception_is_told_whole(form: Format) -> None:
    """It is our bug, so the traceback is wanted."""
    assert "ZeroDivisionError: oh" in logged(form, "bug", {}, error=ZeroDivisionError("oh"))


def test_what_is_less_severe_is_left_out() -> None:
    """By level."""
    stream = io.StringIO()
    configure(Level.WARNING, Format.TEXT, stream)
    logging.getLogger("quorate.server").info("role")
    logging.getLogger("quorate.server").warning("lost")
    assert "role" not in stream.getvalue()
    assert "lost" in stream.getvalue()


def test_what_is_said_again_and_again_is_counted_instead() -> None:
    """Megabytes of one line hide all others; the next one says how many there were."""
    stream = io.StringIO()
    configure(Level.INFO, Format.TEXT, stream)
    (handler,) = logging.getLogger().handlers
    record = logging.makeLogRecord({"name": "quorate.transport", "levelno": logging.INFO, "msg": "no descriptor"})
    other = logging.makeLogRecord({"name": "quorate.transport", "levelno": logging.INFO, "msg": "another"})
    for _ in range(MOST_ALIKE + 5):
        handler.handle(record)
    handler.handle(other)
    record.created += WHILE_S + 1
    handler.handle(record)
    lines = stream.getvalue().splitlines()
    assert len(lines) == MOST_ALIKE + 2
    assert lines[-2].endswith("another")
    assert lines[-1].endswith("no descriptor suppressed=5")


def test_a_log_that_nobody_reads_holds_nothing_up() -> None:
    """The pipe is full: what can't be written is dropped, and counted in the next line that can."""
    read, write = os.pipe()
    with os.fdopen(read, encoding="utf-8") as reader, os.fdopen(write, "w", encoding="utf-8") as stream:
        handler = InBackground(stream)
        handler.setFormatter(TextFormatter())
        for _ in range(1_200):  # more than a pipe and the queue together take
            handler.emit(logging.makeLogRecord({"name": "quorate", "levelname": "INFO", "msg": "x" * 1_000}))
        while "dropped" not in reader.readline():
            handler.emit(logging.makeLogRecord({"name": "quorate", "levelname": "INFO", "msg": "x" * 1_000}))
        rest = Thread(target=reader.read)
        rest.start()
        handler.close()
        stream.close()
        rest.join(PATIENCE_S)
        assert not rest.is_alive()


def test_a_log_without_room_holds_nothing_up() -> None:
    """Its thread goes on, and ends when it is asked to."""
    with Path("/dev/full").open("w", encoding="utf-8") as stream:
        handler = InBackground(stream)
        for number in range(10):
            handler.emit(logging.makeLogRecord({"msg": f"{number}"}))
        handler.flush()
        assert handler._thread.is_alive()
        handler.close()
        assert not handler._thread.is_alive()
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # or to close it would fail
