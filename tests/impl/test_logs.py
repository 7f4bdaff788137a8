"""An event is one line, and no value can pass for another field or line."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.logs import Format, Level, configure

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
