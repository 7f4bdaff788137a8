"""What is asked of one mutant, in a process that has imported `quorate` from where the mutant is."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import quorate
from quorate_check.conformance.check import Conformance
from quorate_check.conformance.sequences import CONFORMS
from quorate_check.engine import Limits, explore
from quorate_check.subjects.raft_bounds import RaftBounds

if TYPE_CHECKING:
    from quorate_check.system import System

CONFORMANCE = "conformance"
MIB = 1 << 20


def judge(question: dict[str, Any]) -> dict[str, Any]:
    """Search within each of the `searches` until one finds something, or all of them if `all` is true.

    What a search of the core itself counts may be given as its `pinned`; a search that is `last` is left out if others
    have counted something else.
    """
    assert quorate.__file__ is not None
    folder = question["folder"]
    assert Path(quorate.__file__).is_relative_to(folder), f"{quorate.__file__} is not the mutant in {folder}"
    answers: list[dict[str, Any]] = []
    ends = time.monotonic() + question["seconds"]
    for search in question["searches"]:
        if search.get("last") and any(answer["deviates"] for answer in answers):
            continue
        answers.append(_search(search, question, ends))
        if not question.get("all") and (answers[-1]["broken"] or answers[-1]["stopped"]):
            break
    return {"answers": answers, "raised": None}


def system_of(search: dict[str, Any]) -> System:
    """Return the mutant within the search's bounds: `judges` is all invariants, one of them, or what conforms.

    `conforms` adds conformance to the invariants, so that one search judges everything.
    """
    bounds = RaftBounds.from_dict({**RaftBounds().as_dict(), **search["bounds"]})
    system = bounds.system()
    if search.get("judges") == CONFORMANCE:
        return Conformance().system(bounds)
    if (only := search.get("judges")) is not None:
        system = replace(system, invariants=tuple(i for i in system.invariants if i.name == only))
        assert system.invariants, f"there is no invariant {only}"
    if search.get("conforms"):
        added = Conformance().system(bounds).invariants
        system = replace(system, invariants=(*system.invariants, *added))
    return system


def _search(search: dict[str, Any], question: dict[str, Any], ends: float) -> dict[str, Any]:
    system, began = system_of(search), time.monotonic()
    limits = Limits(depth=search.get("depth"), memory=question["memory_mib"] * MIB)
    found = explore(system, limits, stop=lambda: "out of time" if time.monotonic() > ends else None)
    counted = [found.states, found.transitions]
    answer: dict[str, Any] = {
        "search": search["name"],
        "broken": None,
        "stopped": found.stopped,
        "exhaustive": found.exhaustive,
        "states": found.states,
        "transitions": found.transitions,
        "unseen": [w.name for w in found.witnesses if w.depth is None and w.impossible is None],
        "deviates": search.get("pinned", counted) != counted,
        "seconds": round(time.monotonic() - began, 2),
    }
    if (path := found.path) is not None:
        name = CONFORMANCE if path.broken == CONFORMS else path.broken
        answer |= {"broken": name, "detail": path.detail, "depth": len(path.steps)}
    return answer
