"""Mutants by rule, judged by the cheapest search first: the check that kills each, and the survivors.

A mutant that only changes counts of states behaves differently but isn't shown to be wrong, so it is counted apart.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from quorate.runtime.paths import is_there
from quorate_check.mutants.generator import Mutant, mutants_of
from quorate_check.mutants.pool import Answer, Nursery, Task, digest

# The modules with rules. `messages`, `events` and `errors` have none; `validation` refuses what no correct server
# sends, so no search reaches it; of `quorum` the searches use two functions.
MODULES = (
    "raft/election.py",
    "raft/commitment.py",
    "raft/replication.py",
    "raft/roles.py",
    "raft/snapshot.py",
    "raft/reads.py",
    "raft/node.py",
    "raft/output.py",
    "raft/state.py",
    "quorum.py",
    "raft/log.py",
)
TWO_AND_ONE_REQUEST = {
    "servers": 2,
    "in_flight": 2,
    "max_log": 1,
    "proposals": 1,
    "restarts": 1,
    "step_downs": 1,
}
# Each judges all invariants and the adapter's check of writes; with `conforms`, conformance, too.
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
        "bounds": {**TWO_AND_ONE_REQUEST, "drops": 1, "pre_vote": True},
        "conforms": True,
    },
    {"name": "two servers, async", "bounds": {**TWO_AND_ONE_REQUEST, "storage": "async"}},
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
    {
        "name": "four servers, pre-vote",  # the fewest of which one vote beside one's own is no majority
        "bounds": {"servers": 4, "max_term": 1, "max_log": 0, "proposals": 0, "drops": 2, "pre_vote": True},
        "conforms": True,
    },
    {
        "name": "one server, pre-vote",
        "bounds": {"servers": 1, "in_flight": 1, "max_log": 1, "proposals": 1, "restarts": 1, "pre_vote": True},
        "conforms": True,
    },
    {
        "name": "two servers, reads",
        "bounds": {"servers": 2, "in_flight": 2, "max_log": 1, "proposals": 1, "reads": 2, "no_op": True},
        "conforms": True,
    },
    {"name": "three servers", "bounds": {"in_flight": 3, "drops": 1}, "conforms": True, "last": True},
)
UNIT_TESTS = ("test_raft_[a-qs-z]*.py", "test_log.py", "test_quorum.py")
WITNESSES, COUNTS, UNITS, ENDLESS = "witness not seen", "pinned counts", "unit tests", "no end of its states"
SEARCH_S, UNITS_S, MEMORY_MIB = 120, 300, 2048


def all_mutants(package: Path) -> list[Mutant]:
    """Return the mutants of every module that has rules, in an order that doesn't change."""
    return [mutant for file in MODULES for mutant in mutants_of(package, file)]


def reasons(file: Path) -> dict[tuple[str, str, str, str], str]:
    """Return the reasons in survivors.toml by file, kind and the changed line before and after, without spaces."""
    entries = tomllib.loads(file.read_text(encoding="utf-8"))["survivors"] if is_there(file) else []
    return {(e["file"], e["kind"], e["before"], e["after"]): e["why"] for e in entries}


def identity(mutant: Mutant) -> tuple[str, str, str, str]:
    """Return the identity of a mutant, which doesn't depend on the lines above it."""
    return mutant.file, mutant.kind, " ".join(mutant.before.split()), " ".join(mutant.after.split())


def version_of(checkout: Path) -> str:
    """Return a hash of everything that an answer depends on, except the mutant."""
    impl = checkout / "impl" / "quorate"
    quorum = (impl / "quorum.py").read_text(encoding="utf-8")
    check = checkout / "modelcheck" / "quorate_check"
    sources = [path.read_text(encoding="utf-8") for path in sorted(check.rglob("*.py")) if path.parent.name != "cli"]
    return digest(impl / "raft", quorum, *sources, checkout / "spec", repr(SEARCHES))


def answer_of(nursery: Nursery, folder: Path, searches: Sequence[dict[str, Any]]) -> Answer:
    """Return a nursery's answer to the question about a mutant."""
    return nursery.ask({"folder": str(folder), "searches": searches, "seconds": SEARCH_S, "memory_mib": MEMORY_MIB})


def the_core(checkout: Path) -> Task:
    """Return the task to make every search on the core itself, for its counts."""

    def judge(nursery: Nursery, folder: Path) -> Answer:
        return answer_of(nursery, folder, SEARCHES)

    return Task("the core itself", digest(version_of(checkout)), lambda _: None, judge)


def searches(mutants: list[Mutant], checkout: Path, real: Answer) -> Iterator[Task]:
    """Yield the task to search each mutant within all bounds; `real` is the answer for the core itself."""
    version = version_of(checkout)
    counts = [[search["states"], search["transitions"]] for search in real["answers"]]
    pinned_searches = [{**search, "pinned": count} for search, count in zip(SEARCHES, counts, strict=True)]

    def judge(nursery: Nursery, folder: Path) -> Answer:
        return answer_of(nursery, folder, pinned_searches)

    for mutant in mutants:
        yield Task(mutant.name, digest(version, mutant.file, mutant.source), _maker(mutant), judge)


def unit_tests(mutants: list[Mutant], checkout: Path) -> Iterator[Task]:
    """Yield the task to run the unit tests on each mutant."""
    tests = checkout / "tests" / "impl"
    version = digest(checkout / "impl" / "quorate", tests, (checkout / "tests" / "impl_cluster.py").read_text())

    def judge(_: Nursery, folder: Path) -> Answer:
        return {"answers": [], "raised": None, "units": unit_tests_fail(tests, folder)}

    for mutant in mutants:
        yield Task(mutant.name, digest(version, mutant.file, mutant.source), _maker(mutant), judge)


def _maker(mutant: Mutant) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        (root / "impl" / "quorate" / mutant.file).write_text(mutant.source, encoding="utf-8")

    return make


def unit_tests_fail(tests: Path, folder: Path) -> bool:
    """Whether a unit test of the core fails on the mutant in `folder`, or they take too long."""
    files = sorted({str(path) for pattern in UNIT_TESTS for path in tests.glob(pattern)})
    roots = " ".join(str(p) for p in ("spec", folder, "modelcheck", "tests"))
    plugins = ["-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0"]  # the same examples each time
    options = ["-x", "-q", *plugins, "-o", f"pythonpath={roots}"]
    try:
        process = subprocess.run(  # noqa: S603 - our own tests
            [sys.executable, "-B", "-m", "pytest", *options, *files],
            cwd=tests.parent.parent,
            capture_output=True,
            check=False,
            timeout=UNITS_S,
        )
    except subprocess.TimeoutExpired:
        return True
    return process.returncode != 0


def killer(answer: Answer, real: Answer) -> str | None:
    """Return what killed the mutant in its searches: a promise, conformance, or what the code raised; None if nothing.

    `real` is the answer for the core itself. A search that no longer sees a witness, or counts other states than it,
    objects as the default check and the pinned counts of tests/modelcheck/manifest.toml do.
    """
    if answer["raised"] is not None:
        return f"raised {answer['raised'].partition(':')[0]}"
    for search in answer["answers"]:
        if search["broken"] is not None:
            return str(search["broken"])
        if search["stopped"] is not None:
            return ENDLESS
    unseen = {its["search"]: its["unseen"] for its in real["answers"]}
    if any(search["unseen"] != unseen[search["search"]] for search in answer["answers"]):
        return WITNESSES
    return COUNTS if any(search["deviates"] for search in answer["answers"]) else None
