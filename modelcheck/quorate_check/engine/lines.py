"""Which lines of a step function's code run, in all files that are neither Python's nor the checker's.

From Python 3.12 on `sys.monitoring` says so, once for each line. Python 3.11 has only `sys.settrace`, which is called
for every function, and for every line of those that have lines left to run.
"""

from __future__ import annotations

import dis
import inspect
import linecache
import os
import re
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

CHECKER = tuple(str(Path(__file__).parents[1] / folder) + os.sep for folder in ("api", "core", "engine", "tell"))
LIBRARY = tuple(sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib"))
PACKAGES = tuple(sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib"))
# What a complete `match` ends with runs only if a type checker was wrong.
NEVER = re.compile(r"\s*(case _( as \w+)?:|(typing\.)?assert_never\(.*\)|)\s*$")
Step = Callable[[Any, Any], Iterable[object]]
Places = dict[tuple[str, int], str]  # functions by file and line
EVERY = 1 << 10  # steps between two looks at whether to stop


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of a function, one after the other, that never ran though the function did: the first and the last."""

    file: str
    first: int
    last: int
    function: str
    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """How many lines the functions have that ran, in how many files, and which of them never did."""

    files: int
    functions: int
    lines: int
    missed: int
    blocks: tuple[Block, ...]


def lines_of(step: Step, pairs: Iterable[tuple[Any, Any]], stop: Callable[[], str | None]) -> Lines | None:
    """Run `step` for all pairs and return which lines that runs; None if `stop` ends it."""
    plain, rest = inspect.unwrap(step), iter(pairs)
    tracer = Tracer(plain)
    while stop() is None:
        if not (some := tuple(islice(rest, EVERY))):
            return tracer.lines()
        with tracer.tracing():
            for local, event in some:
                with suppress(Exception):  # the search has found it
                    tuple(plain(local, event))
    return None


class Tracer:
    """Notes the lines of the code of a step function that run while it is `tracing`."""

    def __init__(self, step: Callable[..., object]) -> None:
        # By the identity of code, for it is equal to the same code in another file.
        self._codes: dict[int, CodeType] = {}
        self._hits: dict[int, set[int]] = {}
        self._left: dict[int, set[int]] = {}  # lines that didn't run yet
        home = getattr(step, "__func__", getattr(step, "func", step))
        home = home if hasattr(home, "__code__") else getattr(type(home), "__call__", None)  # noqa: B004 - its code
        self._with_packages = getattr(home, "__code__", None) is not None and _file(home).startswith(PACKAGES)

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """Note which lines run."""
        if hasattr(sys, "monitoring"):
            yield from self._monitoring(sys.monitoring)
        else:
            before = sys.gettrace()
            sys.settrace(self._on_call)
            try:
                yield
            finally:
                sys.settrace(before)

    def _monitoring(self, monitoring: Any) -> Iterator[None]:  # noqa: ANN401 - a module that Python 3.11 hasn't got
        tool = next(number for number in range(5, -1, -1) if monitoring.get_tool(number) is None)
        monitoring.use_tool_id(tool, "quorate")
        line, thread = monitoring.events.LINE, threading.get_ident()

        def on_line(code: CodeType, number: int) -> object:
            if threading.get_ident() != thread:
                return None
            if self._is_own(code):
                self._codes[id(code)] = code
                self._hits.setdefault(id(code), set()).add(number)
            return monitoring.DISABLE

        monitoring.register_callback(tool, line, on_line)
        monitoring.restart_events()
        monitoring.set_events(tool, line)
        try:
            yield
        finally:
            monitoring.set_events(tool, 0)
            monitoring.register_callback(tool, line, None)
            monitoring.free_tool_id(tool)

    def _on_call(self, frame: FrameType, _event: str, _argument: object) -> Any:  # noqa: ANN401 - a trace function, of which typing has none
        code = frame.f_code
        left = self._left.get(id(code))
        if left is None:
            self._codes[id(code)] = code
            left = self._left[id(code)] = executable(code) if self._is_own(code) else set()
            if left:
                self._hits[id(code)] = set()
        return self._on_line if left else None

    def _on_line(self, frame: FrameType, event: str, _argument: object) -> Callable[..., object]:
        if event == "line":
            self._hits[id(frame.f_code)].add(frame.f_lineno)
            self._left[id(frame.f_code)].discard(frame.f_lineno)
        return self._on_line

    def _is_own(self, code: CodeType) -> bool:
        return is_own(code.co_filename, with_packages=self._with_packages)

    def lines(self) -> Lines:
        """Return the lines of all functions that ran, and which didn't run."""
        codes = [(self._codes[number], lines) for number, lines in self._hits.items()]
        ran = {(code.co_filename, line) for code, lines in codes for line in lines}
        names = {(code.co_filename, line): code.co_qualname for code, _ in codes for line in executable(code)}
        names = {place: name for place, name in names.items() if not _is_excluded(*place)}
        missed = {place: name for place, name in names.items() if place not in ran}
        files = sorted({file for file, _ in names})
        functions = {(code.co_filename, code.co_qualname) for code, _ in codes if not code.co_name.startswith("<")}
        blocks = tuple(block for file in files for block in _blocks(file, names, missed))
        return Lines(len(files), len(functions), len(names), len(missed), blocks)


def executable(code: CodeType) -> set[int]:
    """Return the lines of a function's body that have instructions."""
    start = next((i.offset for i in dis.get_instructions(code) if i.opname == "RESUME"), -1)
    return {line for begin, _, line in code.co_lines() if line is not None and begin > start}


@cache
def is_own(file: str, *, with_packages: bool) -> bool:
    """Whether a file is of the code that is checked: not Python's, not installed, not general code of the checker."""
    path = str(Path(file).absolute())
    if path.startswith(PACKAGES):
        return with_packages and not path.startswith(CHECKER)
    return Path(path).suffix == ".py" and not path.startswith((*LIBRARY, *CHECKER))


def _file(function: Any) -> str:  # noqa: ANN401 - whatever has code
    return str(Path(function.__code__.co_filename).absolute())


def _is_excluded(file: str, line: int) -> bool:
    return NEVER.match(linecache.getline(file, line)) is not None


def _blocks(file: str, names: Places, missed: Places) -> Iterator[Block]:
    """Yield the missed lines of a file, those together that have no line between them that ran."""
    first = last = 0
    name = ""
    for line in sorted(number for home, number in names if home == file):
        function = missed.get((file, line))
        if first and function != name:
            yield Block(file, first, last, name, linecache.getline(file, first).strip())
            first = 0
        if function is not None:
            first, last, name = first or line, line, function
    if first:
        yield Block(file, first, last, name, linecache.getline(file, first).strip())
