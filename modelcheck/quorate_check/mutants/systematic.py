"""Mutants by rule, judged by the cheapest search first: what kills each, and which live."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quorate_check.mutants.generator import Mutant, mutants_of
from quorate_check.mutants.pool import Answer, Nursery, Task, digest

# Where the rules are. `messages`, `events` and `errors` have none; `validation` refuses what no correct server sends,
# so no search comes there; of `quorum` the searches use two functions.
MODULES = (
    "raft/election.py",
    "raft/commitment.py",
    "raft/replication.py",
    "raft/roles.py",
    "raft/snapshot.py",
    "raft/node.py",
    "raft/output.py",
    "raft/state.py",
    "quorum.py",
    "raft/log.py",
)
# Each judges all invariants and the adapter's check of writes; those with synchronous storage conformance, too.
SEARCHES: tuple[dict[str, Any], ...] = (
    {"name": "two servers", "bounds": {"servers": 2, "in_flight": 2, "restarts": 1}, "conforms": True},
    {
        "name": "three servers, a snapshot",
        "bounds": {"in_flight": 2, "max_term": 1, "max_log": 1, "proposals": 1, "snapshots": 1, "drops": 2},
        "conforms": True,
    },
    {
        "name": "two servers, snapshots",
        "bounds": {"servers": 2, "in_flight": 2, "max_log": 3, "snapshots": 2, "no_op": True, "drops": 1},
        "conforms": True,
    },
    {
        "name": "two servers, pre-vote",
        "bounds": {
            "servers": 2,
            "in_flight": 2,
            "max_log": 1,
            "proposals": 1,
            "restarts": 1,
            "step_downs": 1,
            "drops": 1,
            "pre_vote": True,
        },
        "conforms": True,
    },
    {
        "name": "two servers, async",
        "bounds": {
            "servers": 2,
            "in_flight": 2,
            "max_log": 1,
            "proposals": 1,
            "restarts": 1,
            "step_downs": 1,
            "storage": "async",
        },
    },
    {
        "name": "one server, async",
        "bounds": {
            "servers": 1,
            "in_flight": 1,
            "max_term": 3,
            "max_log": 3,
            "proposals": 3,
            "restarts": 2,
            "snapshots": 2,
            "storage": "async",
        },
    },
    {"name": "three servers", "bounds": {"in_flight": 3, "drops": 1}, "conforms": True, "last": True},
)
UNIT_TESTS = ("test_raft_[a-qs-z]*.py", "test_log.py", "test_quorum.py")
WITNESSES, COUNTS, UNITS, ENDLESS = "witness not seen", "pinned counts", "unit tests", "no end of its states"
SEARCH_S, UNITS_S, MEMORY_MIB = 120, 300, 2048


@dataclass(frozen=True, slots=True)
class Killed:
    """A mutant and what killed it: `by` is an invariant, conformance, what the code raised, or the unit tests."""

    mutant: Mutant
    by: str | None
    search: str | None
    depth: int | None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a mutant lives: `why` it is equivalent, or beyond the bounds."""

    file: str
    kind: str
    before: str
    after: str
    why: str


def all_mutants(package: Path) -> list[Mutant]:
    """Return the mutants of every module that has rules, in an order that doesn't change."""
    return [mutant for file in MODULES for mutant in mutants_of(package, file)]


def reasons(file: Path) -> dict[tuple[str, str, str, str], str]:
    """Return the reasons in survivors.toml by file, kind and the changed line before and after, without spaces."""
    entries = tomllib.loads(file.read_text(encoding="utf-8"))["survivors"] if file.exists() else []
    return {(e["file"], e["kind"], e["before"], e["after"]): e["why"] for e in entries}


def identity(mutant: Mutant) -> tuple[str, str, str, str]:
    """Return what names a mutant although lines above it come and go."""
    return mutant.file, mutant.kind, " ".join(mutant.before.split()), " ".join(mutant.after.split())


def version_of(checkout: Path) -> str:
    """Return what stands for all that an answer depends on, but the mutant."""
    impl = checkout / "impl" / "quorate"
    quorum = (impl / "quorum.py").read_text(encoding="utf-8")
    return digest(impl / "raft", quorum, checkout / "modelcheck", checkout / "spec", repr(SEARCHES))


def asked(nursery: Nursery, folder: Path, searches: Sequence[dict[str, Any]]) -> Answer:
    """Return a nursery's answer to the question that every mutant is asked."""
    return nursery.ask({"folder": str(folder), "searches": searches, "seconds": SEARCH_S, "memory_mib": MEMORY_MIB})


def the_core(checkout: Path) -> Task:
    """Return the task to count what the core itself has within every search."""

    def judge(nursery: Nursery, folder: Path) -> Answer:
        return asked(nursery, folder, SEARCHES)

    return Task("the core itself", digest(version_of(checkout)), lambda _: None, judge)


def tasks(mutants: list[Mutant], checkout: Path, real: Answer) -> Iterator[Task]:
    """Yield the task to judge each mutant by every search, then by the unit tests; `real` is what the core counts."""
    version = version_of(checkout)
    counted = [[each["states"], each["transitions"]] for each in real["answers"]]
    searches = [{**each, "pinned": pinned} for each, pinned in zip(SEARCHES, counted, strict=True)]

    for mutant in mutants:

        def make(root: Path, mutant: Mutant = mutant) -> None:
            (root / "impl" / "quorate" / mutant.file).write_text(mutant.source, encoding="utf-8")

        def judge(nursery: Nursery, folder: Path) -> Answer:
            answer = asked(nursery, folder, searches)
            if verdict(answer, real)[0] is None:
                answer["units"] = unit_tests_fail(checkout / "tests" / "impl", folder)
            return answer

        yield Task(mutant.name, digest(version, mutant.file, mutant.source), make, judge)


def unit_tests_fail(tests: Path, folder: Path) -> bool:
    """Return whether a test of the core fails on the mutant in `folder`; random ones are left out."""
    chosen = sorted({str(path) for pattern in UNIT_TESTS for path in tests.glob(pattern)})
    roots = " ".join(str(p) for p in ("spec", folder, "modelcheck", "tests"))
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", f"pythonpath={roots}"]
    try:
        done = subprocess.run(  # noqa: S603 - our own tests
            [sys.executable, "-B", "-m", "pytest", *options, *chosen],
            cwd=tests.parent.parent,
            capture_output=True,
            check=False,
            timeout=UNITS_S,
        )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def verdict(answer: Answer, real: Answer) -> tuple[str | None, str | None, int | None]:
    """Return what killed the mutant, in which search and how deep; None if nothing did.

    `real` is the answer for the core itself. A search that no longer sees a witness, or counts other states than it,
    objects as the default check and the pinned counts of tests/modelcheck/manifest.toml do.
    """
    if answer["raised"] is not None:
        return f"raised {answer['raised'].partition(':')[0]}", None, None
    for mine in answer["answers"]:
        if mine["broken"] is not None:
            return mine["broken"], mine["search"], mine["depth"]
        if mine["stopped"] is not None:
            return ENDLESS, mine["search"], None
    seen = {its["search"]: its["unseen"] for its in real["answers"]}
    for mine in answer["answers"]:
        if mine["unseen"] != seen[mine["search"]]:
            return WITNESSES, mine["search"], None
    for mine in answer["answers"]:
        if mine["deviates"]:
            return COUNTS, mine["search"], None
    return (UNITS, None, None) if answer.get("units") else (None, None, None)
