"""The pytest plugin in real pytest runs: failures that read like counterexamples, options, summary, saved paths."""

import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from pages import MODEL_CHECK, PYTEST, environment

GAME = """
from quorate_check import Invariant, Network, NetworkKind, Outcome, Over, Spontaneous, System, Witness, check

def count(state, event):
    return (Outcome(state + 1),) if state < 5 else ()

def system(limit):
    return System(
        name="counter",
        initial=(0, 0),
        step=count,
        network=Network(NetworkKind.UNORDERED, 1),
        spontaneous=(Spontaneous("tick"),),
        invariants=(Invariant("Low", f"no count reaches {limit}", lambda n: n, lambda v: v[0] < limit, Over.EACH),),
        witnesses=(Witness("Four", lambda n: n, lambda v: v[0] == 4),),
        done=lambda n: n == 5,
    )

low = system(3)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of somebody else, with a system in it."""
    (tmp_path / "counter.py").write_text(GAME, encoding="utf-8")
    return tmp_path


def run(folder: Path, tests: str, *options: str) -> tuple[int, str]:
    """Run `tests` in a pytest of their own; return its status, and what it printed.

    The search is the one in plain Python, which starts at once, unless `options` name another.
    """
    (folder / "test_it.py").write_text(f"from counter import *\n{tests}", encoding="utf-8")
    return execute(folder, [*PYTEST, "--quorate-engine", "reference", *options])


def execute(folder: Path, command: list[str]) -> tuple[int, str]:
    """Run a command in `folder`."""
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, encoding="utf-8", timeout=300, check=False
    )
    return done.returncode, done.stdout + done.stderr


COMPILED = ("--quorate-engine", "compiled")
HOLDS = "def test_it(): assert check(system(9)).states == 36\n"
FAILS = "def test_it(): check(low)\n"


def test_the_plugin_is_installed_with_the_package() -> None:
    """Install the package again if this fails: its entry points are newer than what is installed."""
    assert [e.value for e in entry_points(group="pytest11", name="quorate")] == ["quorate_check.api.pytest_plugin"]


def test_a_check_that_holds_passes_and_says_what_it_explored(folder: Path) -> None:
    """In one line, and with -v in one for each check."""
    status, printed = run(folder, HOLDS)
    assert status == 0
    assert "quorate: 1 check explored 36 states\n" in printed
    assert "exhaustive" not in printed
    _, printed = run(folder, HOLDS, "-v")
    line = "counter: 36 states, depth 10, holds, exhaustive within bounds (nodes 2, in-flight 1)"
    assert f"test_it.py::test_it  {line}\n" in printed


def test_a_broken_promise_is_printed_without_a_line_of_ours(folder: Path) -> None:
    """The counterexample, and no traceback: where in the checker it was found helps nobody."""
    status, printed = run(folder, FAILS)
    assert status == 1
    assert "\ncounter: violated: Low after 3 steps\n" in printed
    assert "Low is broken: no count reaches 3\n" in printed
    assert "checking.py" not in printed
    assert "Traceback" not in printed
    assert "def test_it" not in printed


@pytest.mark.parametrize(
    "tests",
    [
        "def test_it(): check(system(9), depth=3)\n",
        "import pytest\n@pytest.fixture\ndef checked(): return check(system(9), depth=3)\ndef test_it(checked): pass\n",
        "import unittest\nclass Test(unittest.TestCase):\n    def test_it(self): check(system(9), depth=3)\n",
    ],
    ids=["function", "fixture", "unittest"],
)
def test_a_witness_that_is_not_seen_fails_wherever_the_check_is(folder: Path, tests: str) -> None:
    """What isn't known isn't passed."""
    status, printed = run(folder, tests)
    assert status == 1
    assert "\ncounter: unknown: searched to depth 3, but never seen: Four;" in printed
    assert "checking.py" not in printed


def test_a_system_that_cannot_be_checked_fails_in_one_line(folder: Path) -> None:
    """Which says what to do."""
    status, printed = run(
        folder, "def test_it(): check(replace(low, step=lambda *_: None))\nfrom dataclasses import *\n"
    )
    assert status == 1
    assert "\ncounter: step returned None for 'tick' in 0: give a tuple of Outcome; return () where nothing" in printed
    assert "checking.py" not in printed


def test_a_system_that_cannot_be_made_is_an_error_in_one_line(folder: Path) -> None:
    """A test module may make it when it is imported."""
    status, printed = run(folder, "from dataclasses import replace\nbad = replace(low, budgets={'drops': 1})\n" + FAILS)
    assert status == pytest.ExitCode.INTERRUPTED
    assert "\ncounter: 'drops' is a budget of the network; rename yours\n" in printed
    assert "Traceback" not in printed
    assert "system.py" not in printed


def test_other_errors_of_a_module_are_left_alone(folder: Path) -> None:
    """They have their tracebacks."""
    status, printed = run(folder, "raise KeyError('mine')\n")
    assert status == pytest.ExitCode.INTERRUPTED
    assert "test_it.py:2: in <module>" in printed


def test_other_failures_are_left_alone(folder: Path) -> None:
    """They have their tracebacks."""
    status, printed = run(folder, "def test_it():\n    check(system(9))\n    assert 1 == 2\n")
    assert status == 1
    assert "assert 1 == 2" in printed
    assert "quorate: 1 check explored 36 states\n" in printed


def test_bounds_of_a_run_hold_for_every_check(folder: Path) -> None:
    """The smaller depth counts; engine, workers and memory are those of checks that name none."""
    tests = (
        "from dataclasses import replace\n"
        "def test_it(): assert check(replace(system(9), witnesses=()), depth=7).depth_limit == 2\n"
        "def test_reference(): assert check(replace(system(9), witnesses=())).bytes_per_state is None\n"
    )
    status, printed = run(folder, tests, "--quorate-depth", "2")
    assert status == 0, printed
    status, printed = run(folder, HOLDS, *COMPILED, "--quorate-workers", "2", "--quorate-memory", "0.5")
    assert status == 0, printed
    _, printed = run(folder, HOLDS, *COMPILED, "--quorate-workers", "65")
    assert "\n65 workers; between 1 and 64 can share the work\n" in printed
    _, printed = run(folder, HOLDS, *COMPILED, "--quorate-memory", "0.001")
    assert "give at least 16 MiB" in printed


@pytest.mark.parametrize(
    "option",
    [
        "--quorate-depth=-1",
        "--quorate-workers=0",
        "--quorate-memory=nan",
        "--quorate-engine=fast",
        "--quorate-save=f/x",
        "--quorate-html=f/x",
        "--quorate-sarif=f/x",
    ],
)
def test_what_cannot_be_asked_for_is_refused(folder: Path, option: str) -> None:
    """As pytest refuses its own options: before any test, in a line with the option's name."""
    (folder / "f").touch()
    status, printed = run(folder, HOLDS, option)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert option.partition("=")[0] in printed
    assert "Traceback" not in printed


def test_a_path_is_kept_and_replayed_on_the_code_as_it_is_then(folder: Path) -> None:
    """By the name that the system has in its module."""
    status, printed = run(folder, FAILS, "--quorate-save", "kept")
    assert status == 1
    (file,) = (folder / "kept").iterdir()
    assert json.loads(file.read_text(encoding="utf-8"))["subject"] == "counter:low"
    assert f"Saved: model-check replay kept/{file.name} walks this path again." in printed
    status, printed = execute(folder, [*MODEL_CHECK, "replay", f"kept/{file.name}"])
    assert (status, "Low is still broken, after 3 of 3 saved steps" in printed) == (1, True)
    (folder / "counter.py").write_text(GAME.replace("system(3)", "system(4)"), encoding="utf-8")
    status, printed = execute(folder, [*MODEL_CHECK, "replay", f"kept/{file.name}"])
    assert (status, "holds on this path" in printed) == (0, True)


def test_a_path_is_drawn(folder: Path) -> None:
    """As a page for each violation, whether it is saved or not."""
    status, printed = run(folder, FAILS, "--quorate-html", "pages")
    assert status == 1
    (file,) = (folder / "pages").iterdir()
    assert "<title>counter: Low after 3 steps</title>" in file.read_text(encoding="utf-8")
    assert f"Drawn: pages/{file.name} opens in any browser." in printed
    assert "Saved" not in printed


def test_a_path_of_a_system_without_a_name_is_kept_with_what_to_do(folder: Path) -> None:
    """Each of a test's paths in a file of its own; replay says why it can't."""
    tests = "import pytest\ndef test_it():\n" + "    with pytest.raises(AssertionError): check(system(2))\n" * 2
    run(folder, tests + "    check(system(2))\n", "--quorate-save", "kept")
    assert sorted(f.name for f in (folder / "kept").iterdir()) == [
        f"test_it.py-test_it{n}.json" for n in ("-2", "-3", "")
    ]
    status, printed = execute(folder, [*MODEL_CHECK, "replay", "kept/test_it.py-test_it.json"])
    assert status == 2
    assert "the path is one of 'counter', which can't be replayed" in printed


def test_checks_of_parallel_workers_are_added_up(folder: Path) -> None:
    """With pytest-xdist, options reach the workers and what they explored comes back."""
    tests = HOLDS + HOLDS.replace("test_it", "test_other") + FAILS.replace("test_it", "test_low")
    status, printed = run(folder, tests, "-n", "2", "--quorate-save", "kept")
    assert status == 1
    assert "counter: violated: Low after 3 steps" in printed
    assert "quorate: 3 checks explored " in printed
    assert len(list((folder / "kept").iterdir())) == 1


def test_a_run_that_checks_nothing_loads_nothing(folder: Path) -> None:
    """The plugin is in every run of its environment: neither Numba nor even our own report is imported for it."""
    (folder / "counter.py").write_text("", encoding="utf-8")
    heavy = ["numba", "numpy", "rich", "typer", "quorate_check.core.system", "quorate_check.api.checking"]
    status, printed = run(folder, f"import sys\ndef test_it(): assert not set(sys.modules) & set({heavy})\n")
    assert status == 0, printed
    assert "quorate:" not in printed


def test_a_check_needs_no_pytest(folder: Path) -> None:
    """In a script it is an AssertionError, whose text is the counterexample."""
    status, printed = execute(folder, [sys.executable, "-c", "import counter; counter.check(counter.low)"])
    assert status == 1
    assert "NotAsPromisedError: counter: violated: Low after 3 steps" in printed
