"""Logs for people (`key=value`) or for machines (a JSON object a line), from the standard library's logging.

A module logs an event in a few words that never change, and what is particular about it as fields:
`logging.getLogger("quorate.server").info("role", extra={"role": "leader", "term": 3})`. No value can break a line
or pose as another field: what isn't one plain word is quoted.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from enum import Enum
from typing import TextIO

_NOT_FIELDS = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
_PLAIN = re.compile(r"[\w.:/@%+,\[\]()-]+", re.ASCII)


class Level(Enum):
    """The least severe event that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Format(Enum):
    """Who reads the log."""

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


def configure(level: Level, form: Format, stream: TextIO | None = None) -> None:
    """Log everything in this process to `stream`, standard error if there is none, in place of what was set before."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(TextFormatter() if form is Format.TEXT else JsonFormatter())
    logging.basicConfig(level=level.name, handlers=[handler], force=True)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _NOT_FIELDS}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _quoted(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
