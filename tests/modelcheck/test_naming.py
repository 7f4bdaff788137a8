"""Systems by the names they have in their modules, from the command line."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pages import PYTEST, environment
from patience import PROGRAM_S
from quorate_check import Network, NetworkKind, Outcome, Symmetry, System, UnusableSystemError
from quorate_check.api.naming import name_of_system, named_system
from quorate_check.cli import main
from quorate_check.cli.options import Engine
from quorate_check.cli.system import as_searched
from quorate_check.tell.report import bounds_of

MODULE = """
from quorate_check import Invariant, Network, NetworkKind, Outcome, Over, Spontaneous, System

def count(state, event):
    return (Outcome(state + 1),) if state < 3 else ()

system = System(
    name="counter",
    initial=(0,),
    step=count,
    network=Network(NetworkKind.ORDERED, 1, drops=None),
    spontaneous=(Spontaneous("tick", budget="ticks"),),
    budgets={"ticks": 9},
    done=lambda n: n == 3,
    invariants=(Invariant("Low", "no count reaches two", lambda n: n, lambda v: v[0] < 2, Over.EACH),),
)
made = lambda: system
number = 7
forgetful = lambda: None
failing = lambda: {}["nothing"]
careless = System("careless", (0,), lambda *_: None, Network(NetworkKind.UNORDERED, 1), spontaneous=system.spontaneous,
                  budgets={"ticks": 9})
"""
HERE = System("here", (0,), lambda _state, _event: (Outcome(0),), Network(NetworkKind.UNORDERED, 1))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module in the current folder."""
    name = f"named_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return name


@pytest.mark.parametrize("attribute", ["system", "made"])
def test_a_system_or_what_returns_one_is_found_in_the_current_folder(module: str, attribute: str) -> None:
    """And named as it is found."""
    system = named_system(f"{module}:{attribute}")
    assert system.name == "counter"
    assert name_of_system(system) == f"{module}:system"


def test_a_system_that_no_module_holds_has_no_name() -> None:
    """It was made in a function, say; one that is merely equal isn't it."""
    assert name_of_system(HERE) == f"{__name__}:HERE"
    assert name_of_system(System(HERE.name, HERE.initial, HERE.step, HERE.network)) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("counter", "name a system as module:attribute"),
        (":system", "name a system as module:attribute"),
        ("{}:", "name a system as module:attribute"),
        ("{}.py:system", "name the module, not its file: {}:system"),
        ("no_such_module:system", "there is no module no_such_module in "),
        ("{}:nothing", "AttributeError: module '.*' has no attribute 'nothing'"),
        ("{}:number", "it is int, not a System"),
        ("{}:forgetful", "it returns NoneType, not a System"),
        ("{}:failing", "KeyError: 'nothing'"),
    ],
)
def test_a_name_of_no_system_is_refused(module: str, name: str, said: str) -> None:
    """With what is there instead."""
    with pytest.raises(UnusableSystemError, match=said.format(module)):
        named_system(name.format(module))


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_named_system_is_explored_saved_and_replayed(
    module: str, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the options that the subjects of this project have."""
    command = ["system", f"{module}:system", "--engine", engine, "--json", "report.json", "--save", "path.json"]
    assert main(command) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "nodes 1, in-flight 1, ticks 9, drops unlimited, network ordered" in printed
    assert "violated: Low after 2 steps" in printed
    report = json.loads(Path("report.json").read_text(encoding="utf-8"))
    assert (report["engine"], report["conclusion"]) == (engine, "violated: Low after 2 steps")
    assert main(["replay", "path.json"]) == 1
    assert "Low is still broken" in capsys.readouterr().out


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_what_is_wrong_with_a_named_system_is_one_line(
    module: str, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And status 2: it isn't the protocol that was judged."""
    assert main(["system", f"{module}:careless", "--engine", engine]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("model-check: careless: step returned None for 'tick' in 0: give a tuple of Outcome")


def test_symmetry_is_said_only_of_the_search_that_uses_it() -> None:
    """The plain search reduces nothing."""
    symmetric = replace(HERE, symmetry=Symmetry(lambda local, _p: local, lambda message, _p: message))
    assert "symmetry" in bounds_of(symmetric)
    assert "symmetry" not in bounds_of(as_searched(symmetric, Engine.REFERENCE))
    assert as_searched(symmetric, Engine.COMPILED) is symmetric


def test_a_path_of_a_named_system_becomes_a_test(module: str, tmp_path: Path) -> None:
    """Which fails for as long as the path breaks the promise."""
    assert main(["system", f"{module}:system", "--engine", "reference", "--pytest", "test_path.py"]) == 1
    done = subprocess.run(
        [*PYTEST, "test_path.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=PROGRAM_S,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "Low" in done.stdout


def test_what_the_command_says_of_itself_names_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """A reader of --help finds how a system is named."""
    assert main(["system", "--help"]) == 0
    assert "MODULE:NAME" in capsys.readouterr().out


def test_a_named_system_is_walked_at_random(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`simulate` and `explain` take systems of one's own; bounds of Raft beside one are refused."""
    assert (
        main(["simulate", "--system", f"{module}:system", "--walks", "5", "--depth", "20", "--save", "walk.json"]) == 1
    )
    assert main(["replay", "walk.json"]) == 1
    assert main(["explain", "3", "--system", f"{module}:system"]) in {0, 1}
    capsys.readouterr()
    assert main(["simulate", "--system", f"{module}:system", "--servers", "5"]) == 2
    assert "leave the other options out" in capsys.readouterr().err
