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
from typing import Any

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
    """Return corpus.toml: `bugs` by id, and for each invariant the bug that it finds alone."""
    return tomllib.loads((MUTANTS / "corpus.toml").read_text())


def mutated(tmp_path: Path, bug: str) -> Path:
    """Return a folder to import from, which holds the core with `bug` brought back; raise PatchError if it won't go."""
    folder = tmp_path / bug
    shutil.copytree(
        ROOT / "impl" / "quorate", folder / "impl" / "quorate", ignore=shutil.ignore_patterns("__pycache__")
    )
    # A ceiling keeps git from finding a repository around the folder, whose rules would then apply.
    done = subprocess.run(
        ["git", "apply", "--verbose", "-p1", MUTANTS / f"{bug}.patch"],
        cwd=folder,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent), "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PatchError(f"{bug}.patch does not apply to impl/quorate; bring it up to date:\n{done.stderr.strip()}")
    return folder / "impl"


def run(folder: Path, bounds: Bounds, *, only: str | None = None, depth: int | None = None) -> Report:
    """Explore the core in `folder`, judging every invariant or `only` one; the path found is walked again.

    The report has `verdict`, `broken`, `detail`, `depth` (moves), `steps` (kind, node, event, choice), `states`, `seconds`, and
    `replayed`: what the same steps break when they are looked up, by these four, among the moves of the mutated code.
    """
    question = {"folder": str(folder.resolve()), "bounds": bounds, "only": only, "depth": depth}
    done = subprocess.run(
        [sys.executable, __file__, json.dumps(question)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder.resolve()), str(ROOT / "modelcheck")])},
        capture_output=True,
        text=True,
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
    from quorate_check.subjects.raft_bounds import RaftBounds  # noqa: PLC0415

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
        steps = [[s.move.kind.value, s.move.node, repr(s.move.event), s.move.choice] for s in path.steps]
        report |= {"broken": path.broken, "detail": path.detail, "depth": len(steps), "steps": steps}
        report["replayed"] = _replay(system, json.loads(json.dumps(steps)))
    return report


def _replay(system: Any, steps: list[list[Any]]) -> str | None:  # noqa: ANN401 - quorate_check can't be imported above
    """Return what `steps` break when the moves that they name are made one by one."""
    from quorate_check import behaviour  # noqa: PLC0415

    now, name = behaviour.start(system), None
    for kind, node, event, choice in steps:
        assert name is None, "a step before the last already breaks an invariant"
        assert now is not None, "a step before the last leaves the bounds"
        try:
            move, outcome, after = next(
                edge
                for edge in behaviour.moves(system, now)
                if [edge[0].kind.value, edge[0].node, repr(edge[0].event), edge[0].choice] == [kind, node, event, choice]
            )
        except behaviour.StepRaisedError as raised:
            assert [raised.move.kind.value, raised.move.node, repr(raised.move.event)] == [kind, node, event]
            name = behaviour.RAISED
            continue
        if outcome is not None:
            assert move.node is not None
            name = behaviour.broken_by_step(system, now.nodes[move.node], behaviour.event_of(move), outcome)
        now = after
        name = name or (None if now is None else behaviour.broken(system, now))
    return name


if __name__ == "__main__":
    print(json.dumps(_answer(json.loads(sys.argv[1]))))  # noqa: T201 - this is what `run` reads
