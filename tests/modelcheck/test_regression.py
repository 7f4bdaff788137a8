"""A path becomes a test that fails on the code that breaks the promise, and on mended code passes or is skipped."""

from __future__ import annotations

import ast
import json
import os
import runpy
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from mutants_support import ROOT, corpus, mutated
from nightly import NIGHTLY
from patience import PROGRAM_S
from quorate import raft
from quorate_check.api.regression import regression_test
from quorate_check.cli import main
from quorate_check.core import behaviour, reference
from quorate_check.core.invariants import Invariant, Over
from quorate_check.raft import regression_driver, regression_promises, subject
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.properties import INVARIANTS, INVARIANTS_OF_CHANGES, INVARIANTS_OF_LATE_DISKS
from quorate_check.raft.regression_driver import DrivenServer
from quorate_check.raft.subject import CoreNode, Record
from quorate_check.tell.pytest_text import snake
from quorate_check.tell.saved import SavedPath

BUGS: dict[str, dict[str, Any]] = {name: row["bounds"] for name, row in corpus()["bugs"].items()}
BUGS |= {
    name: {**row["any_network"]["bounds"], "network": "any"}
    for name, row in corpus()["beyond"].items()
    if "any_network" in row
}
PROMISES = (*INVARIANTS, *INVARIANTS_OF_LATE_DISKS, *INVARIANTS_OF_CHANGES)
# One for each kind of event: crashes and lost writes, snapshots, an ordered network, duplicates, an own assertion;
# changes of the members, snapshots of them, and a server that joins; and what the correct core makes of the path: it
# keeps the promise there, or goes another way before.
KEPT, NO_PATH = "passed", "skipped: this path can't be walked any more"
SOME = {"E3": KEPT, "E4": KEPT, "E6": KEPT, "C3": KEPT, "C10": KEPT, "S4": NO_PATH}
SOME |= {"M4": KEPT, "M7": KEPT}
# A long search on an ordered network (as S4) with a late disk (as E4), and long searches for bugs of changes: by night.
BY_NIGHT = {"C18": KEPT, "M1": NO_PATH, "M2": KEPT, "M5": KEPT, "M8": KEPT}
SOME |= BY_NIGHT if NIGHTLY else {}


def options(bounds: dict[str, Any]) -> list[str]:
    """The bounds of the corpus as options."""
    named = {"no_op": "leader-no-op"}
    said = []
    for name, value in bounds.items():
        flag = named.get(name, name).replace("_", "-")
        said += [f"--{flag}" if value else f"--no-{flag}"] if isinstance(value, bool) else [f"--{flag}", str(value)]
    return said


def run(arguments: list[str], *folders: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with these folders to import from before any other."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, "-B", *arguments],
        capture_output=True,
        text=True,
        timeout=PROGRAM_S,
        check=False,
        env=env,
        cwd=folders[0],
    )


def pytest_alone(file: Path, *folders: Path) -> subprocess.CompletedProcess[str]:
    """Run a test without anything of this project's own settings, or of what else is installed."""
    return run(["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-c", os.devnull, str(file)], *folders)


def outcome_here(file: Path) -> str:
    """Run a test on the correct core, which this interpreter has."""
    (test,) = (value for name, value in runpy.run_path(str(file)).items() if name.startswith("test_"))
    try:
        test()
    except pytest.skip.Exception as skipped:
        return f"skipped: {skipped}"
    return "passed"


@pytest.mark.parametrize("bug", SOME)
def test_the_test_of_a_path_fails_on_the_broken_core_and_not_on_the_correct_one(bug: str, tmp_path: Path) -> None:
    """It needs the core and nothing of the checker."""
    folder, file = mutated(tmp_path, bug), tmp_path / f"test_{bug.lower()}.py"
    arguments = ["raft", *options(BUGS[bug]), "--pytest", str(file)]
    command = f"import sys; from quorate_check.cli import main; sys.exit(main({arguments!r}))"
    found = run(["-c", command], folder, ROOT / "modelcheck", ROOT / "spec")
    assert found.returncode == 1, found.stderr
    text = file.read_text()
    assert "quorate_check" not in text
    ast.parse(text)
    broken = pytest_alone(file, folder)
    assert (broken.returncode, "1 failed" in broken.stdout) == (1, True), broken.stdout
    assert outcome_here(file).startswith(SOME[bug])


def state_with(term: int, vote: int | None, entries: tuple[raft.Entry, ...]) -> raft.State:
    """A server that started with this on its disk."""
    return raft.restart(raft.Config((0, 1, 2)), 0, raft.Durable(term, vote, raft.Log().append(entries)))


FIRST, SECOND = raft.Entry(1, b"a"), raft.Entry(1, b"b")
BEFORE = state_with(1, 1, (FIRST,))
VOTED = state_with(2, 1, (FIRST,))
LONGER = state_with(1, 1, (FIRST, SECOND))
WRITES = {
    "nothing changes, nothing is written": (BEFORE, None, True),
    "nothing changes, and yet it is written": (BEFORE, raft.Persist(1, 1, 2), False),
    "the term changes and is written": (VOTED, raft.Persist(2, 1, 2), True),
    "the term changes, nothing is written": (VOTED, None, False),
    "the term changes, the old one is written": (VOTED, raft.Persist(1, 1, 2), False),
    "an entry comes and is written": (LONGER, raft.Persist(1, 1, 2, (SECOND,)), True),
    "an entry comes, nothing is written": (LONGER, None, False),
    "an entry comes, another is written": (LONGER, raft.Persist(1, 1, 2, (FIRST,)), False),
    "an entry is written once more": (BEFORE, raft.Persist(1, 1, 1, (FIRST,)), True),
}


@pytest.mark.parametrize("is_written", [subject.is_written, regression_driver.is_written], ids=["search", "test"])
@pytest.mark.parametrize(("after", "write", "expected"), WRITES.values(), ids=WRITES)
def test_the_test_of_a_path_judges_a_write_as_the_search_does(
    after: raft.State,
    write: raft.Persist | None,
    expected: object,
    is_written: Callable[[raft.State, raft.Output], bool],
) -> None:
    """A write that changes nothing is refused by both, like one that leaves out what changed."""
    assert is_written(BEFORE, raft.Output(after, persist=write)) is expected


def test_every_promise_of_raft_has_its_assertion() -> None:
    """Under its own name."""
    assert [snake(each.name) for each in PROMISES if not hasattr(regression_promises, snake(each.name))] == []


CHANGING = RaftBounds(
    members="12+3", changes="123,13,1", max_log=5, no_op=True, proposals=0, in_flight=99, step_downs=1
)


def walked_states(bounds: RaftBounds, walks: int, steps: int) -> list[list[CoreNode]]:
    """Return the local states of each server in random walks."""
    system, rng = bounds.system(), Random(1)
    states: list[dict[CoreNode, None]] = [{} for _ in system.initial]
    for _ in range(walks):
        state = behaviour.start(system)
        for _ in range(steps):
            following = [after for _, _, after in behaviour.moves(system, state) if after is not None]
            if not following:  # nobody leads, and the last term is over
                break
            state = rng.choice(following)
            for server, local in zip(states, state.nodes, strict=True):
                server[local] = None
    return [list(server) for server in states]


def driven(node: CoreNode) -> DrivenServer:
    """Return a server of the driver in this state, with its history."""
    applied = [(each.entry, each.by_term) for each in node.record.applied]
    return DrivenServer(node.state, terms_led=set(node.record.terms_led), applied=applied)


def test_the_test_of_a_path_judges_a_state_as_the_search_does() -> None:
    """Servers that never were at one time break promises, or lead under another id, or forget what they applied."""
    promises = [each for each in (*INVARIANTS, *INVARIANTS_OF_CHANGES) if isinstance(each, Invariant)]
    states, rng = walked_states(CHANGING, walks=40, steps=60), Random(2)
    verdicts: dict[str, set[bool]] = {each.name: set() for each in promises}
    for number in range(600):
        first, *others = (rng.choice(server) for server in states)
        if number % 3 == 0:
            first = replace(first, state=replace(first.state, id=9))
        nodes = [first, *others]
        if number % 3 == 1:
            nodes = [replace(node, record=Record()) for node in nodes]
        cluster = SimpleNamespace(servers={node.state.id: driven(node) for node in nodes})
        for each in promises:
            views = behaviour.tuples([each.view(node) for node in nodes], each.over)
            holds = all(map(each.holds, views))
            assert holds_by_driver(snake(each.name), cluster) is holds, (each.name, nodes)
            verdicts[each.name].add(holds)
    only_true = {name for name, seen in verdicts.items() if False not in seen}
    assert only_true == {"MatchBelowNext", "LatestConfiguration"}  # which no mixture of servers breaks
    assert all(True in seen for seen in verdicts.values())


def holds_by_driver(promise: str, cluster: object) -> bool:
    """Whether the driver's function for a promise accepts a cluster."""
    try:
        getattr(regression_promises, promise)(cluster)
    except AssertionError:
        return False
    return True


def test_a_promise_of_another_system_is_asserted_by_the_checker(tmp_path: Path) -> None:
    """The test replays what it holds; a promise that is unknown now isn't broken."""
    bounds = RaftBounds(servers=2, max_term=1)
    never = Invariant("NobodyLeads", 'not "once"', lambda s: s.record.terms_led, lambda v: not v[0], Over.EACH)
    system = replace(bounds.system(), invariants=(never,))
    path = reference.explore(system).path
    assert path is not None
    file = tmp_path / "test_path.py"
    file.write_text(regression_test(SavedPath.of("raft-conformance", bounds.as_dict(), path), system, path))
    done = pytest_alone(file, ROOT / "modelcheck", ROOT / "impl", ROOT / "spec")
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout


MINE = """
from quorate_check.core.invariants import Invariant, Over
from quorate_check.core.system import Network, NetworkKind, Outcome, Spontaneous, System

LIMIT = 2

def mine():
    return System(
        name="mine",
        initial=(0, 0),
        step=lambda n, event: (Outcome(n + 1),),
        network=Network(NetworkKind.UNORDERED, 1),
        source=lambda m: 0,
        destination=lambda m: 0,
        spontaneous=(Spontaneous("up", "ups"),),
        budgets={"ups": 3},
        invariants=(Invariant("Low", "nobody gets far", lambda n: n, lambda v: v[0] < LIMIT, Over.EACH),),
    )

def other():
    return 3
"""


def test_a_system_of_ones_own_is_explored_saved_replayed_drawn_and_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All by the name of what returns it; when its code is mended, the path holds and the test passes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("my_counter.py").write_text(MINE)
    asked = ["system", "my_counter:mine", "--save", "p.json", "--html", "p.html", "--pytest", "test_p.py"]
    assert main([*asked, "--junit", "p.xml"]) == 1
    assert "Low is broken: nobody gets far" in capsys.readouterr().out
    assert json.loads(Path("p.json").read_text())["subject"] == "my_counter:mine"
    assert main(["replay", "p.json"]) == 1
    assert "Low is still broken, after 2 of 2 saved steps" in capsys.readouterr().out
    folders = (tmp_path, ROOT / "modelcheck", ROOT / "impl", ROOT / "spec")
    assert pytest_alone(tmp_path / "test_p.py", *folders).returncode == 1
    Path("my_counter.py").write_text(MINE.replace("LIMIT = 2", "LIMIT = 9"))
    assert pytest_alone(tmp_path / "test_p.py", *folders).returncode == 0


@pytest.mark.parametrize(
    "name", ["my_counter:other", "my_counter:nothing", "no_such_module:mine", "mine", ":", "a:", ":b"]
)
def test_what_names_no_system_is_refused_in_a_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A module that isn't there, an attribute that isn't, something that is no System."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("my_counter.py").write_text(textwrap.dedent(MINE))
    assert main(["system", name]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
