"""Mutants by rule, judged by the cheapest search first: the check that kills each, and the survivors.

A mutant that only changes counts of states behaves differently but isn't shown to be wrong, so it is counted apart.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from quorate.runtime.paths import is_there
from quorate_check.mutants.families import CORE, Family, Search
from quorate_check.mutants.generator import Mutant, mutants_of
from quorate_check.mutants.nursery import WAIT
from quorate_check.mutants.pool import Answer, Nursery, Task, digest

WITNESSES, COUNTS, UNITS, ENDLESS = "witness not seen", "pinned counts", "unit tests", "no end of its states"
SEARCH_S, UNITS_S, MEMORY_MIB = 120, 300, 2048  # seconds of processor time


def mutants_in(family: Family, package: Path) -> list[Mutant]:
    """Return the mutants of a family's modules, in an order that doesn't change."""
    return [mutant for file in family.modules for mutant in mutants_of(package, file)]


def reasons(file: Path) -> dict[tuple[str, str, str, str], str]:
    """Return the reasons in survivors.toml by file, kind and the changed line before and after, without spaces."""
    entries = tomllib.loads(file.read_text(encoding="utf-8"))["survivors"] if is_there(file) else []
    return {(e["file"], e["kind"], e["before"], e["after"]): e["why"] for e in entries}


def identity(mutant: Mutant) -> tuple[str, str, str, str]:
    """Return the identity of a mutant, which doesn't depend on the lines above it."""
    return mutant.file, mutant.kind, " ".join(mutant.before.split()), " ".join(mutant.after.split())


def version_of(family: Family, checkout: Path) -> str:
    """Return a hash of everything that an answer of the family's searches depends on, except the mutant."""
    impl = checkout / "impl" / "quorate"
    alone = [(impl / file).read_text(encoding="utf-8") for file in ("quorum.py", "disk.py")]
    code = [impl / "raft", *alone] if family is CORE else [impl]
    check = checkout / "modelcheck" / "quorate_check"
    sources = [path.read_text(encoding="utf-8") for path in sorted(check.rglob("*.py")) if path.parent.name != "cli"]
    return digest(*code, *sources, checkout / "spec", repr(family.searches))


def answer_of(nursery: Nursery, folder: Path, searches: Sequence[Search]) -> Answer:
    """Return a nursery's answer to the question about a mutant."""
    return nursery.ask({"folder": str(folder), "searches": searches, "seconds": SEARCH_S, "memory_mib": MEMORY_MIB})


def without_change(family: Family, checkout: Path) -> Task:
    """Return the task to make every search of a family on the code itself, for its counts."""

    def judge(nursery: Nursery, folder: Path) -> Answer:
        return answer_of(nursery, folder, family.searches)

    return Task(f"{family.name} itself", digest(version_of(family, checkout)), lambda _: None, judge)


def searches(family: Family, mutants: list[Mutant], checkout: Path, real: Answer) -> Iterator[Task]:
    """Yield the task to search each mutant within all bounds; `real` is the answer for the code itself."""
    version = version_of(family, checkout)
    counts = [[search["states"], search["transitions"]] for search in real["answers"]]
    pinned_searches = [{**search, "pinned": count} for search, count in zip(family.searches, counts, strict=True)]

    def judge(nursery: Nursery, folder: Path) -> Answer:
        return answer_of(nursery, folder, pinned_searches)

    for mutant in mutants:
        yield Task(mutant.name, digest(version, mutant.file, mutant.source), _maker(mutant), judge)


def unit_tests(family: Family, mutants: list[Mutant], checkout: Path) -> Iterator[Task]:
    """Yield the task to run the family's unit tests on each mutant."""
    tests = checkout / "tests" / "impl"
    helpers = [path.read_text(encoding="utf-8") for path in sorted((checkout / "tests").glob("*.py"))]
    version = digest(checkout / "impl" / "quorate", tests, *helpers)
    for mutant in mutants:
        patterns = family.modules[mutant.file]

        def judge(_: Nursery, folder: Path, patterns: tuple[str, ...] = patterns) -> Answer:
            return {"answers": [], "raised": None, "units": unit_tests_fail(patterns, tests, folder)}

        key = digest(version, repr(patterns), mutant.file, mutant.source)
        yield Task(mutant.name, key, _maker(mutant), judge)


def _maker(mutant: Mutant) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        (root / "impl" / "quorate" / mutant.file).write_text(mutant.source, encoding="utf-8")

    return make


def unit_tests_fail(patterns: Sequence[str], tests: Path, folder: Path) -> bool:
    """Whether a unit test in the files of these patterns fails on the mutant in `folder`, or they take too long."""
    files = sorted({str(path) for pattern in patterns for path in tests.glob(pattern)})
    roots = " ".join(str(p) for p in ("spec", folder, "modelcheck", "tests"))
    plugins = ["-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0"]  # the same examples each time
    options = ["-x", "-q", *plugins, "-o", f"pythonpath={roots}"]
    try:
        process = subprocess.run(  # noqa: S603 - our own tests
            [sys.executable, "-B", "-m", "pytest", *options, *files],
            cwd=tests.parent.parent,
            capture_output=True,
            check=False,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_CPU, (UNITS_S, UNITS_S)),
            timeout=WAIT * UNITS_S,
        )
    except subprocess.TimeoutExpired:
        return True
    return process.returncode != 0


def killer(answer: Answer, real: Answer) -> str | None:
    """Return what killed the mutant in its searches: a promise, conformance, or what the code raised; None if nothing.

    `real` is the answer for the code itself. A search that no longer sees a witness, or counts other states than it,
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
