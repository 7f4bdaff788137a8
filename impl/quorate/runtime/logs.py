"""Logs for people (`key=value`) or for machines (a JSON object a line), from the standard library's logging.

A module logs an event as a few constant words, and its details as fields:
`logging.getLogger("quorate.server").info("role", extra={"role": "leader", "term": 3})`. No value can break a line
or pose as another field: what isn't one plain word is quoted.

A log that nobody reads, or a full disk, never blocks the node: a thread writes the log, and lines that it can't write
in time are dropped and counted. Of events in the same words at most MOST_ALIKE are written in WHILE_S seconds, and the
next one says how many were suppressed.
"""

import json
import logging
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum
from queue import Full, Queue
from threading import Event, Thread
from typing import Final, TextIO

_NOT_FIELDS = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
MOST_ALIKE: Final = 20
WHILE_S: Final = 10.0
_MOST_KINDS: Final = 1_000
_MOST_WAITING: Final = 1_000
_PATIENCE_S: Final = 1.0
_PLAIN = re.compile(r"[\w.:/@%+,\[\]()-]+", re.ASCII)


class Level(Enum):
    """The least severe event that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Format(Enum):
    """The format of log lines."""

    TEXT = "text"
    JSON = "json"


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z info server: role term=3 leader=none`; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and a traceback if there is one."""
        name = record.name.removeprefix("quorate.")
        fields = "".join(f" {key}={_quoted(value)}" for key, value in _fields(record).items())
        message = " ".join(record.getMessage().splitlines())
        line = f"{_time(record)} {record.levelname.lower()} {name}: {message}{fields}"
        return line if record.exc_info is None else f"{line}\n{self.formatException(record.exc_info)}"


class JsonFormatter(logging.Formatter):
    """An object with time, level, logger and message, then the fields; one a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        values = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info is not None:
            values["exception"] = self.formatException(record.exc_info)
        return json.dumps(values, default=str)


class FewAlike(logging.Filter):
    """Passes MOST_ALIKE events in the same words in WHILE_S seconds; the next one counts the `suppressed` ones."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the event passes."""
        if len(self._counts) > _MOST_KINDS:
            self._counts.clear()
        kind = record.name, record.levelno, record.msg
        since, count = self._counts.get(kind, (record.created, 0))
        if record.created - since >= WHILE_S:
            if count > MOST_ALIKE:
                record.suppressed = count - MOST_ALIKE
            since, count = record.created, 0
        self._counts[kind] = since, count + 1
        return count < MOST_ALIKE


class InBackground(logging.Handler):
    """A handler whose thread writes lines to a stream; `flush` waits for it, but not long."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._waiting: Queue[str | Event | None] = Queue(_MOST_WAITING)
        self._dropped = 0
        self._thread = Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a line, unless the queue is full."""
        if self._dropped:
            record.dropped = self._dropped
        try:
            self._waiting.put_nowait(self.format(record))
            self._dropped = 0
        except Full:
            self._dropped += 1

    def flush(self) -> None:
        """Wait until the queue is written, at most _PATIENCE_S."""
        written = Event()
        with suppress(Full):
            self._waiting.put(written, timeout=_PATIENCE_S)
            written.wait(_PATIENCE_S)

    def close(self) -> None:
        """End the thread when it has written the queue, or that takes too long."""
        with suppress(Full):
            self._waiting.put(None, timeout=_PATIENCE_S)
            self._thread.join(_PATIENCE_S)
        super().close()

    def _write(self) -> None:
        while (item := self._waiting.get()) is not None:
            if isinstance(item, Event):
                item.set()
                continue
            with suppress(OSError, ValueError):  # the disk is full, the pipe has no reader, or the stream is closed
                self._stream.write(item + "\n")
                self._stream.flush()


def configure(level: Level, form: Format, stream: TextIO | None = None) -> None:
    """Log all events of this process to `stream`, by default standard error, in place of any earlier configuration."""
    handler = InBackground(sys.stderr) if stream is None else logging.StreamHandler(stream)
    handler.addFilter(FewAlike())
    handler.setFormatter(TextFormatter() if form is Format.TEXT else JsonFormatter())
    logging.basicConfig(level=level.name, handlers=[handler], force=True)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _NOT_FIELDS}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _quoted(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
