"""Checks that somebody waits for: a line that says how they go, on a terminal only, and Ctrl-C that loses nothing."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from pages import PYTEST, environment
from patience import PATIENCE_S

COUNTER = """
import signal
from quorate_check import Invariant, Network, NetworkKind, Outcome, Over, Spontaneous, System, check
from quorate_check.api import watch

watch.PATIENCE_S = 0

def system(limit, step=lambda state, event: (Outcome(state + 1),)):
    return System(
        name="counter",
        initial=(0,),
        step=step,
        network=Network(NetworkKind.UNORDERED, 1),
        spontaneous=(Spontaneous("tick"),),
        beyond=lambda state: state >= limit,
        invariants=(Invariant("Counts", "it counts", lambda n: n, lambda v: v[0] >= 0, Over.EACH),),
    )

ENDLESS = 10**12
"""
SHORT = "def test_short(): check(system(9))\n"
LONG = "def test_long(): check(system(ENDLESS))\n"
KNOWN = (
    r"KeyboardInterrupt: counter: unknown: interrupted; 1 state found and not expanded; "
    r"([\d,]+) states, depth ([\d,]+), no violation so far"
)
BELOW, BACK, ERASE = "\x1b7\x1b[B", "\x1b8", "\x1b[J"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a counter in it, to a limit or without."""
    (tmp_path / "counter.py").write_text(COUNTER, encoding="utf-8")
    return tmp_path


class Terminal:
    """A command that runs on a terminal of its own, and what it has written there."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        self.written = ""
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 120))
        # From Python 3.13 on tracebacks on a terminal are coloured, which is nothing of ours.
        given = {"cwd": folder, "env": environment() | {"TERM": "xterm", "PYTHON_COLORS": "0"}}
        self._process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, **given)  # type: ignore[call-overload]
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def until(self, pattern: str) -> None:
        """Read until what was written has `pattern` in it."""
        while not re.search(pattern, self.written):
            assert self._read(), f"it ended, and wrote:\n{self.written}"

    def interrupt(self) -> None:
        """Send what Ctrl-C sends."""
        self._process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Read to the end; return the exit status."""
        while self._read():
            pass
        status: int = self._process.wait(PATIENCE_S)
        return status

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], PATIENCE_S)
        assert ready, f"nothing more came after:\n{self.written}"
        try:
            got = os.read(self._master, 1 << 16)
        except OSError:  # nobody has the terminal open any more
            return False
        self.written += got.decode(errors="replace").replace("\r\n", "\n")
        return bool(got)


def on_terminal(folder: Path, tests: str, *options: str) -> Terminal:
    """Start `tests` in a pytest on a terminal."""
    (folder / "test_it.py").write_text(f"from counter import *\n{tests}", encoding="utf-8")
    return Terminal(folder, [*PYTEST, "--color=no", *options])


@pytest.mark.parametrize(
    ("engine", "line"),
    [
        ("compiled", r"depth \d{3,}, \S+ states, \S+ of them waiting, [\d.]+ M transitions/s, \S+ real steps, \d+ s"),
        ("reference", r"searching in plain Python, [1-9] s"),
    ],
)
def test_ctrl_c_ends_the_run_with_what_is_known(engine: str, line: str, folder: Path) -> None:
    """A line has said how far it was; the test after it doesn't run, and pytest ends as it does after Ctrl-C."""
    tests = SHORT + LONG + SHORT.replace("short", "after")
    with on_terminal(folder, tests, "--quorate-engine", engine) as terminal:
        terminal.until(f"counter: {line}  test_long")
        terminal.interrupt()
        assert terminal.end() == pytest.ExitCode.INTERRUPTED
    _, _, last = terminal.written.rpartition(BELOW)
    found = re.search(f"! {KNOWN} !", last)
    assert found, last
    assert int(found[1].replace(",", "")) > 99
    assert re.search(rf"test_it\.py:3: {KNOWN}\n", last)
    assert "checking.py" not in last
    assert "1 passed" in last
    assert "quorate: 1 check explored 10 states; 1 state not expanded by the state constraint\n" in last


def test_the_line_is_below_what_pytest_writes_and_goes_away(folder: Path) -> None:
    """The cursor is where it was, so pytest writes on as if there were no line; what tests print is still captured."""
    tests = """
def test_short(capsys):
    print("mine")
    check(system(9))
    print("mine")
    assert capsys.readouterr().out == "mine\\n" * 2
"""
    with on_terminal(folder, tests, "-v") as terminal:
        assert terminal.end() == 0
    before, _, after = terminal.written.partition(f"{ERASE}\x1bD\x1b[A{BELOW}\rcounter: ")
    assert before.endswith("test_it.py::test_short ")
    shown, _, rest = after.rpartition(f"{BACK}{ERASE}")
    assert "states" in shown
    assert "\n" not in shown
    assert "PASSED" not in shown
    assert "PASSED" in rest
    assert "mine" not in terminal.written


def test_the_line_is_cut_where_the_terminal_ends(folder: Path) -> None:
    """It would wrap, and what wrapped would stay."""
    tests = SHORT.replace("short", f"short_{'er' * 80}")
    with on_terminal(folder, tests) as terminal:
        assert terminal.end() == 0
    shown = re.findall(f"{re.escape(BELOW)}\r(.*?){BACK}", terminal.written)
    assert max(map(len, shown)) == 119


@pytest.mark.parametrize("parallel", [False, True], ids=["a pipe", "a worker of pytest-xdist"])
def test_there_is_no_line_where_nobody_reads_it(parallel: bool, folder: Path) -> None:  # noqa: FBT001 - of two
    """Neither in a file nor from several processes at once."""
    options = ("-n", "1") if parallel else ()
    with on_terminal(folder, SHORT, *options) as terminal:
        if parallel:
            assert terminal.end() == 0
            written = terminal.written
        else:
            written = subprocess.run(
                PYTEST, cwd=folder, env=environment(), capture_output=True, encoding="utf-8", timeout=300, check=True
            ).stdout
    assert "1 passed" in written
    assert BELOW not in written


def test_a_check_in_a_thread_is_left_in_peace(folder: Path) -> None:
    """Only the main thread hears of Ctrl-C, and only one at a time may write."""
    tests = """
from concurrent.futures import ThreadPoolExecutor
def test_thread():
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(check, system(9)).result().states == 10
"""
    with on_terminal(folder, tests) as terminal:
        assert terminal.end() == 0
    assert "1 passed" in terminal.written
    assert BELOW not in terminal.written


def test_ctrl_c_in_a_script_says_what_is_known(folder: Path) -> None:
    """As the text of the KeyboardInterrupt that ends it."""
    script = """
import counter

def step(state, event):
    if state == 9:
        print("begun", flush=True)
    return (counter.Outcome(state + 1),)

counter.check(counter.system(counter.ENDLESS, step))
"""
    with Terminal(folder, [sys.executable, "-c", script]) as terminal:
        terminal.until("begun\n")
        terminal.interrupt()
        assert terminal.end() == -signal.SIGINT
    assert re.search(f"\n{KNOWN}\n$", terminal.written)


def test_a_second_ctrl_c_ends_a_step_that_never_returns(folder: Path) -> None:
    """The first waits for the end of a round, which may never come."""
    script = """
import counter, signal

def step(state, event):
    print("begun", flush=True)
    while signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        pass
    print("asked", flush=True)
    while True:
        pass

counter.check(counter.system(counter.ENDLESS, step))
"""
    with Terminal(folder, [sys.executable, "-c", script]) as terminal:
        terminal.until("begun\n")
        terminal.interrupt()
        terminal.until("asked\n")
        terminal.interrupt()
        assert terminal.end() == -signal.SIGINT
    assert terminal.written.endswith("KeyboardInterrupt\n")


def test_ctrl_c_is_not_lost_where_the_system_turns_out_to_be_unusable(folder: Path) -> None:
    """The run ends all the same, and says what was wrong."""
    script = """
import counter, signal

def step(state, event):
    signal.raise_signal(signal.SIGINT)

counter.check(counter.system(9, step))
"""
    with Terminal(folder, [sys.executable, "-c", script]) as terminal:
        assert terminal.end() == -signal.SIGINT
    assert "\nKeyboardInterrupt: counter: step returned None for 'tick'" in terminal.written


def test_a_violation_found_as_ctrl_c_comes_is_told(folder: Path) -> None:
    """With its path, for nobody wants to wait for it twice."""
    script = """
import counter, signal

def step(state, event):
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        signal.raise_signal(signal.SIGINT)
    raise ValueError("odd")

counter.check(counter.system(9, step))
"""
    with Terminal(folder, [sys.executable, "-c", script]) as terminal:
        assert terminal.end() == -signal.SIGINT
    assert (
        "\nKeyboardInterrupt: counter: violated: the step function raised ValueError: odd after 1 step"
        in terminal.written
    )
    assert "● tick" in terminal.written


def test_who_handles_ctrl_c_goes_on_to(folder: Path) -> None:
    """A handler that somebody set before a check is the one that hears of it, and is there afterwards."""
    script = """
import counter, signal

heard = []
signal.signal(signal.SIGINT, mine := lambda *_: heard.append(1))

def step(state, event):
    if state == 3 and not heard:
        signal.raise_signal(signal.SIGINT)
    return (counter.Outcome(state + 1),)

explored = counter.check(counter.system(9, step))
print(len(heard), explored.conclusion, signal.getsignal(signal.SIGINT) is mine)
"""
    with Terminal(folder, [sys.executable, "-c", script]) as terminal:
        assert terminal.end() == 0
    holds = "holds, exhaustive within bounds; 1 state not expanded by the state constraint"
    assert f"1 {holds} True\n" in terminal.written
