"""Bugs of drivers and state machines, brought back one by one, are found by what clients see; the real code passes."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mutants_support import MUTANTS, ROOT, mutated
from nightly import all_by_day_but
from patience import PROGRAM_S

BUGS: dict[str, dict[str, Any]] = tomllib.loads((MUTANTS / "server" / "corpus.toml").read_text())["bugs"]


def hunt(folder: Path, question: dict[str, Any]) -> dict[str, Any]:
    """What simulation.hunt answers when it runs the code in `folder`."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "simulation" / "hunt.py"), json.dumps(question)],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=PROGRAM_S,
        check=False,
    )
    assert not done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", all_by_day_but(BUGS, "C19", "E4", "R5"))
def test_a_seeded_bug_breaks_what_clients_rely_on_and_the_real_code_does_not(name: str, tmp_path: Path) -> None:
    """The harm is seen from outside, within the seeds that the corpus allows; the same seeds do the real code none."""
    bug = BUGS[name]
    question = {"scenario": {"seed": 1, **bug["scenario"]}, "seeds": bug["seeds"], "only": bug["breaks"]}
    found = hunt(mutated(tmp_path, f"server/{name}"), question)
    assert found["check"] in bug["breaks"], f"none of {bug['seeds']} seeds found {name}"
    real = hunt(ROOT / "impl", {**question, "seeds": found["seeds"], "only": None})
    assert real == {"seeds": found["seeds"], "check": None, "says": None}


@pytest.mark.parametrize("name", [name for name, bug in BUGS.items() if "at_once" in bug])
def test_a_rule_that_is_watched_is_seen_broken_at_once(name: str, tmp_path: Path) -> None:
    """In a scenario in which nothing goes wrong."""
    check = BUGS[name]["at_once"]
    found = hunt(mutated(tmp_path, f"server/{name}"), {"scenario": {"seed": 1}, "seeds": 1, "only": [check]})
    assert found["check"] == check


def test_every_patch_is_in_the_corpus() -> None:
    """A patch that nothing runs would go unnoticed."""
    assert sorted(BUGS) == sorted(path.stem for path in (MUTANTS / "server").glob("*.patch"))
