"""tla-checker, a model checker of TLA+ in Rust, in WebAssembly from the npm package of that name.

It shares nothing with TLC, not even the parser. It reads one module, so ours are merged; it checks no action
properties, so not LeaderAppendOnly; its symmetry reduction miscounts, so that isn't used. It reports neither depth nor
transitions, and its speed of about 500 states a second limits it to small bounds.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quorate_check.core.system import System
from quorate_check.core.verdict import Verdict
from quorate_check.outside import process
from quorate_check.outside.judgement import CheckerError, Judgement, NotRunError, has_file
from quorate_check.outside.model import MODULE, Model
from quorate_check.outside.spec_states import global_state
from quorate_check.outside.tla_values import UnreadableError, parse_state

NAME = "tla-checker"
FOLDER_VARIABLE = "QUORATE_TLA_CHECKER"
NO_NODE = "tla-checker needs Node.js: install it, for instance apt-get install nodejs npm"
NO_PACKAGE = f"the npm package is missing: npm install --global tla-checker, or name its folder in {FOLDER_VARIABLE}"
MOST_STATES = 100_000
MOST_DEPTH = 10_000
DRIVER = Path(__file__).with_suffix(".mjs")
_STATE_HEADING = re.compile(r"^State \d+$", re.MULTILINE)
_NUMBERED_INVARIANT = re.compile(r"Invariant (\d+) violated")


@dataclass(frozen=True, slots=True)
class Tools:
    """The Node.js program and the package's folder."""

    node: str
    package: Path


def find() -> Tools:
    """Return the tools; raise NotRunError, which says what to install, if one is missing."""
    node = shutil.which("node")
    if node is None:
        raise NotRunError(NO_NODE)
    if (folder := os.environ.get(FOLDER_VARIABLE)) is not None:
        if not has_file(Path(folder) / "tla_checker.js"):
            raise NotRunError(f"{FOLDER_VARIABLE} names {folder}, which holds no tla_checker.js")
        return Tools(node, Path(folder).resolve())
    package = _global_modules() / NAME
    if not has_file(package / "tla_checker.js"):
        raise NotRunError(NO_PACKAGE)
    return Tools(node, package)


def _global_modules() -> Path:
    """Return npm's folder of globally installed packages; raise NotRunError if there is no npm."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotRunError(NO_PACKAGE)
    root = subprocess.run([npm, "root", "--global"], capture_output=True, text=True, check=False)  # noqa: S603 - found
    return Path(root.stdout.strip() or ".").resolve()


def check(model: Model, system: System, tools: Tools, limit: process.Limit) -> Judgement:
    """Run tla-checker on `model`, unreduced; its states become states of `system`. Raise CheckerError if it fails."""
    with tempfile.TemporaryDirectory(prefix="quorate-tla-checker-") as name:
        folder = Path(name).resolve()
        (folder / f"{MODULE}.tla").write_text(model.flat(), encoding="utf-8")
        (folder / f"{MODULE}.cfg").write_text(model.plain_cfg(), encoding="utf-8")
        result = _run(MODULE, tools, folder, limit)
    if result.stopped is not None:
        return Judgement(NAME, Verdict.UNKNOWN, result.seconds, stopped=result.stopped)
    return _judgement(model, system, _answer(result), result.seconds)


def count(module: str, tools: Tools, folder: Path, limit: process.Limit) -> Judgement:
    """Run tla-checker on `module` and its cfg, which `folder` has. Raise CheckerError if it fails."""
    result = _run(module, tools, folder, limit)
    if result.stopped is not None:
        return Judgement(NAME, Verdict.UNKNOWN, result.seconds, stopped=result.stopped)
    answer = _answer(result)
    violation = answer["error_type"] == "InvariantViolation"
    if not (answer["success"] or violation):
        raise CheckerError(f"tla-checker came to no verdict: {answer['error_message']}")
    return Judgement(
        NAME,
        Verdict.VIOLATED if violation else Verdict.HOLDS,
        result.seconds,
        states=answer["states_explored"],
        broken=answer["error_message"] if violation else None,
        processor=result.processor,
        memory=result.memory,
    )


def _run(module: str, tools: Tools, folder: Path, limit: process.Limit) -> process.ProgramResult:
    files = [f"{module}.tla", f"{module}.cfg"]
    command = [tools.node, str(DRIVER), str(tools.package), *files, str(MOST_STATES), str(MOST_DEPTH)]
    return process.run(command, folder, limit)


def _answer(result: process.ProgramResult) -> dict[str, Any]:
    """Return the answer that the driver printed; raise CheckerError if it printed none."""
    for line in reversed(result.lines):
        if line.startswith("{"):
            answer: dict[str, Any] = json.loads(line)
            return answer
    last_line = next((line.strip() for line in result.lines if "rror" in line), "nothing")
    raise CheckerError(f"tla-checker ended with status {result.status}; it said: {last_line}")


def _judgement(model: Model, system: System, answer: dict[str, Any], seconds: float) -> Judgement:
    states: int = answer["states_explored"]
    if answer["success"]:
        return Judgement(NAME, Verdict.HOLDS, seconds, states=states)
    violation = _NUMBERED_INVARIANT.search(answer["error_message"] or "")
    if answer["error_type"] != "InvariantViolation" or violation is None:
        if "max" in str(answer["error_type"]).lower():
            reason = f"it explores at most {MOST_STATES:,} states"
            return Judgement(NAME, Verdict.UNKNOWN, seconds, states=states, stopped=reason)
        raise CheckerError(f"tla-checker can't read the specification: {answer['error_message']}")
    try:
        texts = _STATE_HEADING.split("".join(answer["trace"]))
        trace = tuple(global_state(system, parse_state(text)) for text in texts if text.strip())
    except UnreadableError as error:
        raise CheckerError(f"tla-checker printed what can't be read: {error}") from error
    name = model.invariants[int(violation.group(1))]
    return Judgement(NAME, Verdict.VIOLATED, seconds, states=states, broken=name, trace=trace)
