"""Cores with one documented bug each: `tests/mutants/ID.patch` applied to a copy of impl/quorate, and explored.

A mutated core runs in an interpreter of its own, which imports `quorate` from the copy and everything else from here.
What comes back is plain values, so that a report can be saved, compared and walked again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patience import PROGRAM_S

if TYPE_CHECKING:
    from quorate_check.core.path import Move
    from quorate_check.core.system import System

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
MUTANTS = TESTS / "mutants"
GIB = 1 << 30

Bounds = dict[str, int | str | bool]
Report = dict[str, Any]


class PatchError(Exception):
    """A patch doesn't fit the core any more; the text is what `git apply` says of the hunk."""


@cache
def corpus() -> dict[str, Any]:
    """Return corpus.toml: `bugs` by id, those that are `silent`, and for each of `invariants` what it finds alone."""
    return tomllib.loads((MUTANTS / "corpus.toml").read_text())


def mutated(tmp_path: Path, bug: str) -> Path:
    """Return a folder to import from, which holds the core with `bug` brought back; raise PatchError if it won't go."""
    folder = tmp_path / bug
    shutil.copytree(
        ROOT / "impl" / "quorate", folder / "impl" / "quorate", ignore=shutil.ignore_patterns("__pycache__")
    )
    # git must not find a repository, neither around the folder nor in the environment: its rules would then apply.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "apply", "--verbose", "-p1", MUTANTS / f"{bug}.patch"],
        cwd=folder,
        env={**env, "GIT_CEILING_DIRECTORIES": str(tmp_path.resolve()), "LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=PROGRAM_S,
        check=False,
    )
    if done.returncode:
        raise PatchError(f"{bug}.patch does not apply to impl/quorate; bring it up to date:\n{done.stderr.strip()}")
    return folder / "impl"


def command_on_mutated(tmp_path: Path, bug: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `model-check` on the core with `bug`, in an interpreter of its own."""
    code = "import sys; from quorate_check.cli import main; sys.exit(main(sys.argv[1:]))"
    roots = [str(mutated(tmp_path, bug).resolve()), str(ROOT / "modelcheck"), str(ROOT / "spec")]
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(roots)},
        capture_output=True,
        text=True,
        timeout=PROGRAM_S,
        check=False,
    )


def run(folder: Path, bounds: Bounds, *, only: str | None = None, depth: int | None = None) -> Report:
    """Explore the core in `folder`, judging every invariant or `only` one; the path found is walked again.

    The report has `verdict`, `stopped`, `exhaustive`, `states`, `seconds` and `broken` (None, or an invariant's name).
    If one is broken it also has `detail`, `depth` (in moves), `steps` (each a kind, a node, an event in words and a
    choice) and `replayed`: what these steps break when they are looked up among the moves of the mutated code.
    RuntimeError carries what a failed interpreter said.
    """
    question = {"folder": str(folder.resolve()), "bounds": bounds, "only": only, "depth": depth}
    done = subprocess.run(
        [sys.executable, __file__, json.dumps(question)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder.resolve()), str(ROOT / "modelcheck")])},
        capture_output=True,
        text=True,
        timeout=PROGRAM_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the exploration of {folder} failed:\n{done.stderr.strip()}")
    report: Report = json.loads(done.stdout)
    return report


def _answer(question: dict[str, Any]) -> Report:
    """Explore and replay in this interpreter, which must have been started by `run`."""
    import quorate  # noqa: PLC0415 - which `quorate` this is depends on who imports
    from quorate_check.engine import Limits, explore  # noqa: PLC0415
    from quorate_check.raft.bounds import RaftBounds  # noqa: PLC0415

    assert Path(quorate.__file__).is_relative_to(question["folder"]), f"{quorate.__file__} is not the mutated core"
    default = RaftBounds().as_dict()
    system = RaftBounds.from_dict({**default, **question["bounds"]}).system()
    if question["only"] is not None:
        system = replace(system, invariants=tuple(i for i in system.invariants if i.name == question["only"]))
        assert system.invariants, f"there is no invariant {question['only']}"
    found = explore(system, Limits(depth=question["depth"], memory=4 * GIB))
    report: Report = {
        "verdict": found.verdict.value,
        "stopped": found.stopped,
        "exhaustive": found.exhaustive,
        "states": found.states,
        "seconds": round(found.seconds, 2),
        "broken": None,
    }
    if (path := found.path) is not None:
        steps = [_plain(step.move) for step in path.steps]
        report |= {"broken": path.broken, "detail": path.detail, "depth": len(steps), "steps": steps}
        report["replayed"] = _replay(system, steps)
    return report


def _plain(move: Move) -> list[Any]:
    return [move.kind.value, move.node, repr(move.event), move.choice]


def _replay(system: System, steps: list[list[Any]]) -> str | None:
    """Return what `steps` break when the moves that they name are made one by one, from the initial state."""
    from quorate_check.core import behaviour  # noqa: PLC0415

    now, name = behaviour.start(system), None
    for step in steps:
        assert name is None, "a step before the last already breaks something"
        assert now is not None, "a step before the last leaves the bounds"
        try:
            move, outcome, after = next(edge for edge in behaviour.moves(system, now) if _plain(edge[0]) == step)
        except behaviour.StepRaisedError as raised:
            name = behaviour.RAISED if _plain(raised.move) == step else None
            continue
        if outcome is not None and move.node is not None:
            name = behaviour.broken_by_step(system, now.nodes[move.node], behaviour.event_of(move), outcome)
        if name is None and after is not None:
            name = behaviour.broken(system, after)
        now = after
    return name


if __name__ == "__main__":
    print(json.dumps(_answer(json.loads(sys.argv[1]))))  # noqa: T201 - this is what `run` reads
