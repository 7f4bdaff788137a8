"""The outputs of a command: text for people on one stream, JSON and saved paths in the files of the options."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rich.console import Console

from quorate.runtime.paths import is_file, is_folder, is_there
from quorate_check.core.system import UnusableSystemError
from quorate_check.tell.consoles import TrimmedConsole
from quorate_check.tell.junit import Suite, junit_text
from quorate_check.tell.sarif import sarif_text
from quorate_check.tell.wrapping import columns

STANDARD_OUTPUT = "-"


class TolerantConsole(TrimmedConsole):
    """A console whose reader may close it early; the verdict still decides the exit status."""

    def on_broken_pipe(self) -> None:
        """Discard all further output."""
        self.quiet = True
        discard_output(self.file)


def discard_output(stream: IO[str]) -> None:
    """Discard what `stream` has buffered and what is written to it from now on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def console(*, stderr: bool = False) -> Console:
    """Return a console of the width that `columns` gives."""
    result = TolerantConsole(stderr=stderr, highlight=False, markup=False, emoji=False)
    result.width = columns(result.width if result.is_terminal else None)
    return result


@dataclass(frozen=True, slots=True)
class PathFiles:
    """The files to write a path to, None for the others; with `detail` each step is also described in words."""

    save: str | None = None
    html: str | None = None
    pytest: str | None = None
    detail: bool = False

    @property
    def files(self) -> dict[str, str]:
        """The names of the files to write, by flag."""
        options = {"--save": self.save, "--html": self.html, "--pytest": self.pytest}
        return {flag: name for flag, name in options.items() if name is not None}


@dataclass(frozen=True, slots=True)
class Output:
    """The streams of one invocation; with JSON on standard output, the text goes to standard error."""

    json_file: str | None
    paths: PathFiles
    junit_file: str | None
    text: Console
    progress: Console
    sarif_file: str | None = None
    flags_written: set[str] = field(default_factory=set)
    violations: list[dict[str, Any]] = field(default_factory=list)  # as SARIF results

    @staticmethod
    def to(
        json_file: str | None,
        paths: PathFiles | None = None,
        junit_file: str | None = None,
        sarif_file: str | None = None,
    ) -> Output:
        """Return the streams for these options; raise UnusableSystemError, before any work, if one can't be written."""
        paths = paths or PathFiles()
        files = {"--json": json_file, **paths.files, "--junit": junit_file, "--sarif": sarif_file}
        names = {flag: name for flag, name in files.items() if name is not None}
        for flag, name in names.items():
            if name == STANDARD_OUTPUT and flag != "--json":
                raise UnusableSystemError(f"{flag} -: give a file; only --json may go to standard output")
        for flag, name in names.items():
            same_flag = next((other for other in names if names[other] == name and other != flag), None)
            if same_flag is not None:
                raise UnusableSystemError(f"{flag} and {same_flag} both name {name}")
            if name != STANDARD_OUTPUT:
                probe(flag, Path(name))
        text = console(stderr=json_file == STANDARD_OUTPUT)
        return Output(json_file, paths, junit_file, text, console(stderr=True), sarif_file)

    @property
    def has_options(self) -> bool:
        """Whether any output but the text was asked for."""
        return (self.json_file, self.paths, self.junit_file, self.sarif_file) != (None, PathFiles(), None, None)

    def write(self, flag: str, name: str, text: str) -> None:
        """Write `text` to the file that `flag` names; raise UnusableSystemError if that fails."""
        try:
            Path(name).write_text(text, encoding="utf-8", errors="replace")
        except OSError as error:
            raise UnusableSystemError(f"{flag} {name}: {error.strerror}") from error
        self.flags_written.add(flag)

    def report_unwritten(self) -> None:
        """Print a line for each file that was to hold a path and wasn't written, because there was no path."""
        for flag, name in self.paths.files.items():
            if flag not in self.flags_written:
                self.text.print(f"\n{flag} {name}: not written, because there is no path to show.", soft_wrap=True)

    def write_junit(self, suites: Sequence[Suite]) -> None:
        """Write a report for CI if --junit was given."""
        if self.junit_file is not None:
            self.write("--junit", self.junit_file, junit_text(suites))

    def write_sarif(self) -> None:
        """Write the violations that were shown, also if there is none, if --sarif was given."""
        if self.sarif_file is not None:
            self.write("--sarif", self.sarif_file, sarif_text(self.violations))

    def write_json(self, report: dict[str, Any]) -> None:
        """Write `report` if --json was given."""
        if self.json_file is None:
            return
        text = json.dumps(report, indent=2) + "\n"
        if self.json_file != STANDARD_OUTPUT:
            self.write("--json", self.json_file, text)
            return
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            discard_output(sys.stdout)
        except OSError as error:
            raise UnusableSystemError(f"--json -: {error.strerror}") from error


def probe(flag: str, path: Path) -> None:
    """Raise UnusableSystemError unless `path` can be written; leave things as they were."""
    try:
        is_new = not is_there(path)
        if not (is_new or is_file(path) or is_folder(path)):
            return  # opening a pipe or a device has effects
        path.open("a", encoding="utf-8").close()
        if is_new:
            path.unlink()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UnusableSystemError(f"{flag} {path}: {reason}") from error
