"""A path of the Raft core as a regression test that doesn't need the checker: its text includes a driver of the core.

The test fails while the path breaks its promise, and is skipped if a step of the path is no longer possible.
"""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import quorate.raft
from quorate.raft import ChangeMembers
from quorate_check.core.behaviour import RAISED
from quorate_check.core.path import GlobalState, Move, MoveKind, Path
from quorate_check.core.system import NetworkKind
from quorate_check.raft.bounds import CONFIG_OPTIONS, RaftBounds
from quorate_check.raft.memberships import first_members
from quorate_check.raft.subject import CheckQuorum, Confirmation, Durability, Restart, Transfer
from quorate_check.tell.pytest_text import docstring, snake
from quorate_check.tell.saved import SavedPath

PARTS = [pathlib.Path(__file__).with_name(f"regression_{part}.py") for part in ("driver", "promises")]
CALLS = {
    "ElectionTimeout": "timeout",
    "HeartbeatTimeout": "heartbeat",
    "ClientRequest": "request",
    "ClientRead": "read",
    "StepDown": "step_down",
    "Compact": "compact",
    "Flush": "flush",
}


def core_test(saved: SavedPath, path: Path, sentence: str) -> str | None:
    """Return the text of a test that runs a path of the core; None if the driver doesn't state the path's promise."""
    bounds = RaftBounds.from_dict(dict(saved.bounds))
    if _promise(path.broken) not in _parts():
        return None
    return _test_text(bounds, path, sentence)


def _promise(broken: str) -> str:
    """Return the name that the driver's function for a promise has, whether or not there is one."""
    return "raises_nothing" if broken == RAISED else snake(broken)


@dataclass(frozen=True, slots=True)
class Part:
    """A class or a function of the driver: its text, and all names that it uses."""

    text: str
    names: frozenset[str]


def _parts() -> dict[str, Part]:
    """Return the driver's classes and functions by name.

    They are parsed and not imported, because the driver imports pytest, which the checker doesn't depend on.
    """
    files = [file.read_text(encoding="utf-8") for file in PARTS]
    return {
        node.name: Part(_text(node, file), frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name)))
        for file in files
        for node in ast.parse(file).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }


def _text(node: ast.ClassDef | ast.FunctionDef, file: str) -> str:
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return "\n".join(re.sub(r"  # noqa:.*", "", line) for line in file.splitlines()[first - 1 : node.end_lineno])


def _test_text(bounds: RaftBounds, path: Path, title: str) -> str:
    promise = _promise(path.broken)
    founders = first_members(bounds.members, bounds.servers)
    learners = f"learners={founders.learners}, " if founders.learners else ""
    options = ", ".join(f"{name}={getattr(bounds, name)}" for name in CONFIG_OPTIONS)
    config = f"Config({founders.voters!r}, {learners}{options})"
    newcomers = tuple(sorted({*range(1, bounds.servers + 1)} - {*founders.voters, *founders.learners}))
    joining = f", newcomers={newcomers}" if newcomers else ""
    ordered = bounds.network is NetworkKind.ORDERED
    lines = [
        f"cluster = Cluster({config}, disk={_disk(bounds)!r}, ordered={ordered}{joining})",
        *(f"cluster.{call}" for call in _calls(path)),
        f"{promise}(cluster)",
    ]
    test = "\n".join(
        [
            f"def test_{promise}_holds_on_this_path() -> None:",
            docstring(title),
            *(f"    {line}" for line in lines),
        ]
    )
    parts = "\n\n\n".join([*_driver(promise), test])
    return (
        f'"""A path of the Raft core on which a promise broke, written by model-check --pytest."""\n\n'
        f"{_imports(parts)}\n\n\n{parts}\n"
    )


def _disk(bounds: RaftBounds) -> str:
    """Return what the driver calls the disk."""
    if bounds.storage is Durability.SYNC:
        return "immediate"
    return "stalling" if bounds.network is NetworkKind.ANY else "queued"


def _calls(path: Path) -> Iterator[str]:
    """Yield the text of the driver's calls for the steps of a path, and where a disk stalls."""
    before = path.initial
    for step in path.steps:
        move, after = step.move, step.after
        node = move.event.dest - 1 if move.node is None and move.kind is not MoveKind.DROP else move.node
        if after is not None and node is not None:
            old, new = before.nodes[node], after.nodes[node]
            if old.durable is None and new.durable is not None and not new.queue:
                yield f"stall({node + 1})"
        if not (move.kind is MoveKind.DROP and isinstance(move.event, Confirmation)):
            yield _call(move, after)
        before = before if after is None else after


def _call(move: Move, after: GlobalState | None) -> str:  # noqa: PLR0911 - one case for each kind
    """Return the text of the driver's call for a move that leads to `after`."""
    match move.kind:
        case MoveKind.DELIVER | MoveKind.DUPLICATE if isinstance(move.event, Confirmation):
            return f"confirm({move.event.source}, {move.event.persisted!r})"
        case MoveKind.DELIVER:
            return f"deliver({move.event!r})"
        case MoveKind.DUPLICATE:
            return f"deliver({move.event!r}, stays=True)"
        case MoveKind.DROP:
            return f"lose({move.event!r})"
        case _:
            assert move.node is not None, "every other move of Raft is a server's"
            server = move.node + 1
            match move.event:
                case Restart():
                    return f"crash({server}, writes={move.choice})"
                case CheckQuorum(has_quorum=has_quorum):
                    return f"check_quorum({server}, has_quorum={has_quorum})"
                case ChangeMembers(voters=voters, learners=learners):
                    return f"change({server}, {voters}{f', {learners}' if learners else ''})"
                case Transfer() if after is not None:
                    return f"transfer({server}, {after.nodes[move.node].state.transfer_target})"
                case event:
                    return f"{CALLS[type(event).__name__]}({server})"


def _driver(promise: str) -> Iterator[str]:
    """Yield the text of the parts of the driver that a test needs: classes, the promise, functions that they call."""
    parts = _parts()
    names, queue = set[str](), ["DrivenServer", "Cluster", promise]
    while queue:
        name = queue.pop()
        names.add(name)
        queue += parts[name].names & parts.keys() - names
    yield from (part.text for name, part in parts.items() if name in names)


def _imports(text: str) -> str:
    """Return the import statements that `text`, the driver's parts and the test, needs."""
    imported = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
    tools = ", ".join(sorted({"combinations", "pairwise", "permutations"} & imported))
    core = "".join(f"    {name},\n" for name in sorted(imported & set(quorate.raft.__all__)))
    return f"""from __future__ import annotations

from dataclasses import dataclass, field, replace
{f"from itertools import {tools}" if tools else ""}
import pytest

from quorate.disk import Queue, add, crash, flush
from quorate.raft import (
{core})"""
