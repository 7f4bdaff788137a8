"""The workflow that docs/ci.md shows is one that GitHub takes, and its commands write the files that it keeps."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from documented import ROOT
from junit_reading import read_junit
from pages import PYTEST, environment
from patience import PROGRAM_S

PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
(WORKFLOW,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SYSTEM = """
from quorate_check import Invariant, Network, NetworkKind, Outcome, Over, Spontaneous, System, check

low = System(
    name="counter",
    initial=(0,),
    step=lambda state, event: (Outcome(state + 1),) if state < 3 else (),
    network=Network(NetworkKind.UNORDERED, 1),
    spontaneous=(Spontaneous("tick"),),
    invariants=(Invariant("Low", "no count reaches 3", lambda n: n, lambda v: v[0] < 3, Over.EACH),),
    done=lambda n: n == 3,
)

def test_low():
    check(low)
"""


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`."""
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, encoding="utf-8", timeout=PROGRAM_S, check=False
    )


def test_the_workflow_is_valid(tmp_path: Path) -> None:
    """By the schema of GitHub's workflows; a misspelt key isn't."""
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", "workflow.yml"]
    for text, status in ((WORKFLOW, 0), (WORKFLOW.replace("runs-on", "run-on"), 1)):
        (tmp_path / "workflow.yml").write_text(text, encoding="utf-8")
        assert run(check, tmp_path).returncode == status


def test_its_check_writes_what_it_keeps(tmp_path: Path) -> None:
    """The command as it stands there, on a system that breaks its promise; and every file that later steps name."""
    (line,) = re.findall(r"run: pytest (.*)", WORKFLOW)
    (tmp_path / "test_counter.py").write_text(SYSTEM, encoding="utf-8")
    done = run([*PYTEST, *shlex.split(line.replace("-n auto", "-n 2"))], tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    kept = re.findall(r"sarif_file: (\S+)", WORKFLOW) + re.findall(r"^ {12}(\S+)$", WORKFLOW, re.MULTILINE)
    assert sorted(kept) == ["paths", "report.xml", "violations.sarif"]
    for name in kept:
        assert (tmp_path / name).exists(), name
    assert {path.suffix for path in (tmp_path / "paths").iterdir()} == {".json", ".html"}
    assert list(read_junit((tmp_path / "report.xml").read_text(encoding="utf-8")).values()) == ["failure"]
