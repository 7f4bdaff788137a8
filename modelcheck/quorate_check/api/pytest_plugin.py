"""The pytest plugin: bounds on the command line for every `check` of a run, failures without noise, a summary.

pytest loads it in every run where this package is installed, so it imports the checker only once a test uses it.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Generator
from contextlib import nullcontext
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

import pytest

from quorate_check.api.options import Current, Options

if TYPE_CHECKING:
    from quorate_check.core.path import Path
    from quorate_check.core.system import System
    from quorate_check.core.verdict import Exploration

# The attribute in which reports carry their searches, also from xdist's workers. In pytest's user properties these
# would get into JUnit reports, whose schema has no place for them.
ATTRIBUTE = "quorate"
ERASE = "\x1b[J"  # everything after the cursor
# One line down and back up scrolls if the cursor is on the last line. The cursor ends where it was.
LINE_BELOW = "\x1bD\x1b[A\x1b7\x1b[B\r{}\x1b8"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options for all checks of a run."""
    group = parser.getgroup("quorate", "model checks")
    group.addoption("--quorate-depth", type=_natural, metavar="N", help="search no farther than N steps in any check")
    group.addoption("--quorate-workers", type=_positive, metavar="N", help="threads that search (1)")
    group.addoption("--quorate-memory", type=_size, metavar="GIB", help="memory for states (70 %% of the machine's)")
    group.addoption(
        "--quorate-engine",
        choices=["compiled", "reference"],
        help="the search: compiled, or in plain Python (slow, without symmetry)",
    )
    group.addoption(
        "--quorate-full",
        action="store_true",
        help="search also what messages without effect, or used budgets, tell apart",
    )
    group.addoption(
        "--quorate-coverage",
        action="store_true",
        help="report which events of each system were enabled, and which lines of its code never ran",
    )
    group.addoption("--quorate-save", metavar="DIR", help="keep the path of each violation, for model-check replay")
    group.addoption("--quorate-html", metavar="DIR", help="draw the path of each violation as a page to step through")
    group.addoption("--quorate-sarif", metavar="FILE", help="write the violations for code hosts, located in the code")


def _natural(text: str) -> int:
    return _at_least(int(text), 0)


def _positive(text: str) -> int:
    return _at_least(int(text), 1)


def _at_least(number: int, least: int) -> int:
    if number < least:
        raise ValueError
    return number


def _size(text: str) -> float:
    size = float(text)
    if not 0 < size < float("inf"):
        raise ValueError
    return size


def pytest_configure(config: pytest.Config) -> None:
    """Set the run's options from the command line; raise UsageError if a folder or a file can't be written."""
    for flag in ("save", "html", "sarif"):
        if (name := config.getoption(f"quorate_{flag}")) is not None:
            try:
                if flag == "sarif":
                    File(name).open("a", encoding="utf-8").close()
                else:
                    File(name).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise pytest.UsageError(f"--quorate-{flag} {name}: {error.strerror}") from error
    config.pluginmanager.register(checks := _Checks(config), "quorate-checks")
    names = ("depth", "workers", "memory", "engine", "full", "coverage")
    limits = {name: config.getoption(f"quorate_{name}") for name in names}
    previous, Current.options = (
        Current.options,
        Options(**limits, show=checks.show, record=checks.record, keep=checks.keep),
    )
    config.add_cleanup(lambda: setattr(Current, "options", previous))


class _Checks:
    """The checks of a run, both in the processes that run tests and in the one that reports."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.item: pytest.Item | None = None
        self.kept_paths = 0
        self.showing = False
        self.searches: list[dict[str, Any]] = []  # of this test, since its last report
        self.explored: list[tuple[str, dict[str, Any]]] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Record the current test, with which its checks are reported."""
        self.item, self.kept_paths, self.searches = item, 0, []
        try:
            return (yield)
        finally:
            self.item = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self) -> Generator[None, object, object]:
        """Report a check that fails in a fixture by its own text, without a traceback."""
        return (yield from self._plain_failures())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """Report a check that fails in a test by its own text, without a traceback."""
        return (yield from self._plain_failures())

    def _plain_failures(self) -> Generator[None, object, object]:
        try:
            return (yield)
        except Exception as error:
            if (text := _own(error)) is None:
                raise
            raise pytest.fail.Exception(text, pytrace=False) from None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the test's searches to its report; give a failed check's text to unittest's tests, too."""
        report = yield
        setattr(report, ATTRIBUTE, self.searches)
        self.searches = []
        if call.excinfo is not None and (text := _own(call.excinfo.value)) is not None:
            report.longrepr = text
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Report an unusable system that a test module makes on import by its own text, without a traceback."""
        report = yield
        excinfo = getattr(getattr(report, "call", None), "excinfo", None)
        if excinfo is not None and (text := _own(excinfo.value)) is not None:
            report.longrepr = text
        return report

    def show(self, line: str) -> None:
        """Show a progress line below pytest's own output, and erase it if `line` is empty.

        Nothing happens unless standard output is a terminal, which in pytest-xdist's workers it never is.
        """
        if not line and not self.showing:
            return
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with nullcontext() if capture is None else capture.global_and_fixture_disabled():
            terminal = sys.stdout
            if terminal.isatty():
                test = "" if self.item is None else f"  {self.item.name}"
                room = shutil.get_terminal_size().columns - 1
                terminal.write(ERASE + LINE_BELOW.format((line + test)[:room]) if line else ERASE)
                terminal.flush()
                self.showing = bool(line)

    def record(self, system: System, exploration: Exploration) -> None:
        """Record a search for the report of its test: the result, and the bounds."""
        from quorate_check.core.verdict import CutOff  # noqa: PLC0415 - only a run that checks something needs it
        from quorate_check.tell.report import bounds_of, bounds_text  # noqa: PLC0415 - the same

        if self.item is not None:
            e = exploration
            line = str(e) if e.path is not None else f"{e} ({bounds_text(bounds_of(system))})"
            missing = [e.cut_off] if e.path is None else []  # bounds don't weaken a violation
            search = {"states": e.states, "line": line, "cut_off": CutOff.total(missing).as_dict()}
            reports = {"coverage": self._coverage(e), "violation": self._violation(system, e)}
            self.searches.append({**search, "never_enabled": _never_enabled(e), **reports})

    def _violation(self, system: System, exploration: Exploration) -> dict[str, Any] | None:
        """Return a violation as --quorate-sarif writes it, None if it isn't given or nothing is violated."""
        if self.config.getoption("quorate_sarif") is None or exploration.path is None:
            return None
        from quorate_check.tell.sarif import violation  # noqa: PLC0415 - only this option needs it

        return violation(system, exploration.path)

    def _coverage(self, exploration: Exploration) -> list[str]:
        """Return the report on a search's coverage if --quorate-coverage is given."""
        if not self.config.getoption("quorate_coverage"):
            return []
        from quorate_check.tell.coverage_text import coverage_lines  # noqa: PLC0415 - only this option needs it
        from quorate_check.tell.wrapping import columns  # noqa: PLC0415 - the same

        return list(coverage_lines(exploration.coverage, columns(None)))

    def keep(self, system: System, path: Path) -> str:
        """Save and draw a path as the options ask, and return the lines that say what to do next."""
        if self.config.getoption("quorate_save") is None and self.config.getoption("quorate_html") is None:
            return "To keep this path, or to draw it: pytest --quorate-save DIR --quorate-html DIR\n"
        from quorate_check.api.naming import name_of_system  # noqa: PLC0415 - only a violation needs it
        from quorate_check.api.registry import picture_of  # noqa: PLC0415 - the same
        from quorate_check.tell.page import page  # noqa: PLC0415 - the same
        from quorate_check.tell.saved import SavedPath  # noqa: PLC0415 - the same
        from quorate_check.tell.story import story  # noqa: PLC0415 - the same

        self.kept_paths += 1
        name = name_of_system(system)
        replay = "Saved: model-check replay {} walks this path again.\n"
        if name is None:
            replay = "Saved: {}. To replay it, keep the System in a module, by a name of its own.\n"
        saved = self._write("save", "json", lambda: SavedPath.of(name or system.name, {}, path).text(), replay)

        def drawing() -> str:
            picture = story(*picture_of(system, path))
            return page(picture, picture.title)

        return saved + self._write("html", "html", drawing, "Drawn: {} opens in any browser.\n")

    def _write(self, flag: str, suffix: str, text: Callable[[], str], done: str) -> str:
        """Write a file about this test's latest path, if an option asks for it, and return what to say of it."""
        folder = self.config.getoption(f"quorate_{flag}")
        if folder is None:
            return ""
        test = "" if self.item is None else re.sub(r"[^\w.-]+", "-", self.item.nodeid).strip("-")
        number = "" if self.kept_paths == 1 else f"-{self.kept_paths}"
        file = File(folder) / f"{test or os.getpid()}{number}.{suffix}"
        try:
            file.write_text(text(), encoding="utf-8")
        except OSError as error:
            return f"Not written: {file}: {error.strerror}.\n"
        return done.format(file)

    def _write_sarif(self, terminalreporter: pytest.TerminalReporter) -> None:
        file = self.config.getoption("quorate_sarif")
        if file is None:
            return
        from quorate_check.tell.sarif import sarif_text  # noqa: PLC0415 - only this option needs it

        violations = [search["violation"] for _, search in self.explored if search["violation"] is not None]
        try:
            File(file).write_text(sarif_text(violations), encoding="utf-8")
        except OSError as error:
            terminalreporter.write_line(f"--quorate-sarif {file}: {error.strerror}", red=True)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the searches of a report, in whichever process the test ran."""
        self.explored += [(report.nodeid, search) for search in getattr(report, ATTRIBUTE, ())]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the sum of the searches in one line, with -v also a line for each check; write --quorate-sarif."""
        self._write_sarif(terminalreporter)
        if not self.explored:
            return
        checks, states = len(self.explored), sum(search["states"] for _, search in self.explored)
        if terminalreporter.verbosity > 0:
            terminalreporter.section("model checks")
            for test, e in self.explored:
                terminalreporter.write_line(f"{test}  {e['line']}")
        for test, e in self.explored:
            if e["coverage"]:
                terminalreporter.section(f"coverage of {test}")
                terminalreporter.write_line("\n".join([*e["coverage"], ""]))
        for line in dict.fromkeys(e["never_enabled"] for _, e in self.explored if e["never_enabled"]):
            terminalreporter.write_line(f"quorate: {line}")
        from quorate_check.core.verdict import CutOff, counted  # noqa: PLC0415 - only a run that checked something needs it

        cut_off = CutOff.total(CutOff.of_dict(search["cut_off"]) for _, search in self.explored)
        line = f"{counted(checks, 'check')} explored {counted(states, 'state')}"
        terminalreporter.write_line(f"quorate: {cut_off.after(line)}")


def _never_enabled(e: Exploration) -> str:
    """Return a line that names the events that were never enabled in a search that came to its end; else nothing."""
    if e.coverage is None or e.path is not None or e.stopped is not None or not e.coverage.never_enabled:
        return ""
    return f"never enabled in {e.subject}: {', '.join(e.coverage.never_enabled)}"


def _own(error: BaseException) -> str | None:
    """Return the text of a failed or unusable check's exception, None for any other exception."""
    homes = {"NotAsPromisedError": "quorate_check.api.checking", "UnusableSystemError": "quorate_check.core.unusable"}
    loaded = {name: module for name, home in homes.items() if (module := sys.modules.get(home)) is not None}
    ours = tuple(getattr(module, name) for name, module in loaded.items())
    return str(error) if isinstance(error, ours) else None
