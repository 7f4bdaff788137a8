"""The judgement of one mutant, in a process that has imported the mutant's `quorate`."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import quorate
from quorate_check.conformance.sequences import CONFORMS
from quorate_check.core.invariants import Invariant, StepInvariant, StepWitness, Witness
from quorate_check.engine import Limits, Progress, explore
from quorate_check.engine.any_network.shorten import LEAST
from quorate_check.mutants.counting import counting
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.conformance.check import Conformance
from quorate_check.raft.subject import Durability
from quorate_check.store.bounds import StoreBounds
from quorate_check.tell import script
from quorate_check.tell.consoles import TrimmedConsole
from quorate_check.tell.page import page
from quorate_check.tell.path_text import path_lines
from quorate_check.tell.report import print_story
from quorate_check.tell.story import story, with_words

if TYPE_CHECKING:
    from quorate_check.core.system import System
    from quorate_check.core.verdict import Exploration

CONFORMANCE = "conformance"
RAFT, STORE = "raft", "store"
MIB = 1 << 20
MANY_TIMES, MANY_STATES = 5, 2_000
ENOUGH_STATES = 200_000  # beyond the depth asked for, the search for broken promises ends after so many states


def judge(question: dict[str, Any]) -> dict[str, Any]:
    """Make each of the question's `searches` until one finds a violation; with `each`, find all broken promises there.

    `pinned` of a search are the counts of the code itself, and a search with many times as many states is stopped; one
    marked `last` is skipped if others have deviated
    from theirs; one marked `reduced` leaves useless messages out.
    """
    assert quorate.__file__ is not None
    folder = question["folder"]
    assert Path(quorate.__file__).is_relative_to(folder), f"{quorate.__file__} is not the mutant in {folder}"
    answers: list[dict[str, Any]] = []
    ends = time.process_time() + question["seconds"]
    for search in question["searches"]:
        if search.get("last") and any(answer["deviates"] for answer in answers):
            continue
        answers.append(_search(search, question, ends))
        if answers[-1]["broken"] or answers[-1]["stopped"]:
            break
    answer: dict[str, Any] = {"answers": answers, "raised": None}
    if (promise_search := question.get("each")) is not None:
        answer["each"] = depths_of_promises(promise_search, question["memory_mib"], ends)
    return answer


def tell(question: dict[str, Any]) -> dict[str, Any]:
    """Take the steps of a `script`; return their `text` and `page`, what they break, and the first obstacle."""
    path_in_words = script.parse(question["script"])
    system = system_of({"subject": path_in_words.subject, "bounds": dict(path_in_words.bounds)})
    performance = script.perform(path_in_words, system)
    path, file = performance.path, io.TextIOWrapper(io.BytesIO(), encoding=question["encoding"])
    console = TrimmedConsole(file=file, width=question["width"])
    lines = path_lines(system, path, console.width)
    picture = with_words(story(system, path), path_in_words.words)
    print_story(console, picture, lines, detail=False)
    file.seek(0)
    return {
        "text": file.read(),
        "page": page(picture, picture.title),
        "broken": path.broken,
        "obstacle": performance.obstacle,
        "raised": None,
    }


def depths_of_promises(question: dict[str, Any], memory_mib: int, ends: float) -> dict[str, Any]:
    """Return the least depth at which each promise is broken within the question's bounds, by name.

    The search continues past violations: to depth `to`, then to ENOUGH_STATES. It ends where the step function raises,
    which counts as a broken promise.
    """
    bounds, start_time = _bounds(question), time.monotonic()
    system = bounds.system()
    promises = system.invariants
    if bounds.storage is Durability.SYNC:  # the specification has no queue of writes
        promises = (*promises, *Conformance().system(bounds).invariants)
    is_far = False

    def look(progress: Progress) -> None:
        nonlocal is_far
        is_far = progress.depth >= question["to"] and progress.states > ENOUGH_STATES

    def stop() -> str | None:
        return "enough" if is_far else "out of time" if time.process_time() > ends else None

    exploration = explore(
        replace(system, invariants=(), witnesses=tuple(map(_violation_witness, promises))),
        Limits(memory=memory_mib * MIB),
        stop=stop,
        report=look,
    )
    depths = {_check_name(w.name): w.depth for w in exploration.witnesses if w.depth is not None}
    if exploration.path is not None:
        depths[exploration.path.broken] = len(exploration.path.steps)
    return {"depths": depths, **_counts(exploration, start_time)}


def _bounds(search: dict[str, Any]) -> RaftBounds:
    return RaftBounds.from_dict({**RaftBounds().as_dict(), **search["bounds"]})


def _violation_witness(promise: Invariant | StepInvariant) -> Witness | StepWitness:
    """Return the witness that is seen where `promise` is broken."""
    if isinstance(promise, Invariant):
        return Witness(promise.name, promise.view, lambda views: not promise.holds(views), promise.over)
    return StepWitness(promise.name, lambda *step: not promise.holds(*step))


def _check_name(promise: str) -> str:
    return CONFORMANCE if promise == CONFORMS else promise


def _counts(exploration: Exploration, start_time: float) -> dict[str, Any]:
    seconds = round(time.monotonic() - start_time, 2)
    return {
        "states": exploration.states,
        "transitions": exploration.transitions,
        "stopped": exploration.stopped,
        "seconds": seconds,
    }


def system_of(search: dict[str, Any]) -> System:
    """Return the mutant within the search's bounds; `conforms` adds conformance, and `counts` who answers a leader."""
    if search.get("subject", RAFT) == STORE:
        return StoreBounds.from_dict({**StoreBounds().as_dict(), **search["bounds"]}).system()
    bounds = _bounds(search)
    system = bounds.system()
    if search.get("conforms"):
        conformance = Conformance().system(bounds).invariants
        system = replace(system, invariants=(*system.invariants, *conformance))
    return counting(system, bounds) if search.get("counts") else system


def _search(search: dict[str, Any], question: dict[str, Any], ends: float) -> dict[str, Any]:
    system, start_time = system_of(search), time.monotonic()
    limits = Limits(memory=question["memory_mib"] * MIB, reduced=search.get("reduced", False))
    pinned = search.get("pinned")
    most_states = None if pinned is None else MANY_TIMES * pinned[0] + MANY_STATES
    states = 0

    def look(progress: Progress) -> None:
        nonlocal states
        states = progress.states

    def stop() -> str | None:
        is_endless = most_states is not None and states > most_states
        return "many times as many states" if is_endless else "out of time" if time.process_time() > ends else None

    exploration = explore(system, limits, stop=stop, report=look)
    counts = [exploration.states, exploration.transitions]
    answer: dict[str, Any] = {
        "search": search["name"],
        "broken": None,
        **_counts(exploration, start_time),
        "unseen": [w.name for w in exploration.witnesses if w.missed],
        "deviates": pinned is not None and pinned != counts,
    }
    if (path := exploration.path) is not None:
        answer |= {"broken": _check_name(path.broken), "detail": path.detail, "depth": len(path.steps)}
        answer["least"] = not exploration.any_network or path.note == LEAST
    return answer
