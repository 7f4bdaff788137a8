"""Violations in SARIF 2.1.0, which code hosts show beside the code: each is located in the system's step function.

A step is located at the line of the step function's file that yields or returns its outcome, or raises; a violation
at its last step. The steps of the path run once more for that, traced.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import json
import linecache
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path as File
from types import CodeType, FrameType
from typing import Any

from quorate_check.core.behaviour import event_of
from quorate_check.core.path import Move, Path
from quorate_check.core.system import System
from quorate_check.tell.story import Story, story

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"  # the folder that the check ran in


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file."""

    file: File
    line: int


def violation(system: System, path: Path) -> dict[str, Any]:
    """Return a SARIF result for a path to a broken promise, with its steps as a flow through the code."""
    picture, places = story(system, path), tuple(_places(system, path))
    sentences = {each.name: each.sentence for each in (*system.invariants, *system.liveness)}
    message = " ".join(filter(None, [f"{picture.title}.", sentences.get(path.broken, ""), picture.breakage.why]))
    result: dict[str, Any] = {"ruleId": path.broken, "level": "error", "message": {"text": message}}
    if places:
        result["locations"] = [_location(places[-1], picture.conclusion)]
        result["codeFlows"] = [{"threadFlows": [{"locations": list(_flow(picture, places))}]}]
    return result


def sarif_text(violations: Sequence[dict[str, Any]]) -> str:
    """Return a SARIF log with these results; one without results says that nothing is violated."""
    names = sorted({each["ruleId"] for each in violations})
    rules = [{"id": name, "shortDescription": {"text": f"The promise {name} is kept."}} for name in names]
    version = importlib.metadata.version("quorate")
    driver = {"name": "Quorate", "version": version, "rules": rules}
    indices = {name: index for index, name in enumerate(names)}
    results = [{**each, "ruleIndex": indices[each["ruleId"]]} for each in violations]
    base = {ROOT: {"uri": f"{File.cwd().as_uri()}/"}}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": base,
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _flow(picture: Story, places: Sequence[Place]) -> Iterator[dict[str, Any]]:
    for scene, place in zip(picture.scenes, places, strict=True):
        text = f"{scene.number}. {scene.text}"
        yield {"executionOrder": scene.number, "location": _location(place, text)}


def _location(place: Place, text: str) -> dict[str, Any]:
    artifact = {"uri": place.file.as_uri()}
    with suppress(ValueError):  # it lies elsewhere
        artifact = {"uri": place.file.relative_to(File.cwd()).as_posix(), "uriBaseId": ROOT}
    where = {"artifactLocation": artifact, "region": {"startLine": place.line}}
    return {"physicalLocation": where, "message": {"text": text}}


def _places(system: System, path: Path) -> Iterator[Place]:
    """Yield the place of each step; nothing if there is no source."""
    plain = inspect.unwrap(system.step)
    plain = getattr(plain, "func", plain)
    function = plain if hasattr(plain, "__code__") else getattr(type(plain), "__call__", None)  # noqa: B004 - its code
    code = getattr(function, "__code__", None)
    if code is None or not linecache.getline(code.co_filename, 1):
        return  # it has no source
    file, states = File(code.co_filename).resolve(), (path.initial, *(step.after for step in path.steps))
    for before, step in zip(states, path.steps, strict=False):
        line = code.co_firstlineno  # where a message is lost, or a round begins, no node's code runs
        if step.move.node is not None and before is not None:
            line = _line(code, plain, before.nodes[step.move.node], step.move)
        yield Place(file, line)


def _line(code: CodeType, step: Callable[..., Iterable[object]], local: object, move: Move) -> int:
    """Return the line of the file of `code` that gives the outcome of a move, or that raises."""
    returns: list[tuple[object, int]] = []  # each value that a function of the file returned or yielded, and where

    def watch(frame: FrameType, event: str, value: object) -> Any:  # noqa: ANN401 - as `sys.settrace` says
        if event == "return":
            returns.append((value, frame.f_lineno))
        return watch

    def enter(frame: FrameType, _event: str, _: object) -> Any:  # noqa: ANN401 - as `sys.settrace` says
        return watch if frame.f_code.co_filename == code.co_filename else None

    tracer = sys.gettrace()
    sys.settrace(enter)
    try:
        result = step(local, event_of(move))
        outcome = next(islice(result, move.choice, None), None)
    except Exception as error:  # noqa: BLE001 - the path says that it raises
        frames = traceback.extract_tb(error.__traceback__)
        lines = (frame.lineno for frame in reversed(frames) if frame.filename == code.co_filename)
        return next(filter(None, lines), code.co_firstlineno)
    finally:
        sys.settrace(tracer)
    # The line that yields the outcome, or the innermost that returns all outcomes together.
    last = next((line for value, line in reversed(returns) if outcome is not None and value is outcome), None)
    return last or next((line for value, line in returns if value is result), code.co_firstlineno)
