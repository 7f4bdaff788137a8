"""The known bugs, and the check that must catch each, from two tables in tests/mutants of a checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quorate_check.core.system import NetworkKind
from quorate_check.mutants.families import TESTS_OF_THE_CORE
from quorate_check.mutants.judging import CONFORMANCE, RAFT, STORE
from quorate_check.mutants.patches import apply
from quorate_check.mutants.pool import Answer, Nursery, Task, digest
from quorate_check.mutants.systematic import unit_tests_fail
from quorate_check.raft.bounds import OF_BOUNDED_NETWORKS

SERVER = "server"  # with STORE, the folders of bugs that no core can have alone
INVARIANTS, SIMULATION, UNITS = "invariants", "simulation", "unit tests"
QUICK = ("E1", "E5", "E6", "E7", "E11", "C3", "C8", "C10", "C14", "C24", "S1")  # a second each
SECONDS, MEMORY_MIB = 300, 6144  # of processor time: how busy the machine is decides nothing


@dataclass(frozen=True, slots=True)
class Bug:
    """A known bug: its patch, and the check that must catch it, with bounds and depth.

    Within `bounds`, the first promise to break must be `caught_by`, at `depth`; `breaks` names others with their
    depths. A bug with bounds whose `caught_by` is None is silent: no invariant may break there, and conformance must.
    `any_network` is the expected result of a search of any network within the same bounds, and `further_bounds` of its
    own: the promise `caught_by`, the `depth` of the path, and whether that is known to be the `least`. `store` is the
    same for a search of the store with its clients, whose `bounds` are in it.
    """

    id: str
    patch: Path
    rule: str
    bounds: dict[str, Any] | None = None
    caught_by: str | None = None
    depth: int | None = None
    breaks: dict[str, int] = field(default_factory=dict)
    scenario: dict[str, Any] | None = None
    store: dict[str, Any] | None = None
    any_network: dict[str, Any] | None = None
    further_bounds: dict[str, Any] = field(default_factory=dict)
    units: bool = False
    why: str = ""

    @property
    def story(self) -> Path:
        """The file that tells how the bug does harm (`quorate_check.tell.script`), whether or not there is one."""
        return self.patch.parent / "stories" / f"{self.id}.toml"

    @property
    def has_check(self) -> bool:
        """Whether the row names a check that must catch the bug."""
        return self.bounds is not None or self.units or self.scenario is not None

    @property
    def name(self) -> str:
        """The id, with "(server)" for a bug of the servers' corpus."""
        return self.id if self.patch.parent.name != SERVER else f"{self.id} (server)"


def bugs(corpus: Path) -> Iterator[Bug]:
    """Yield the rows of `corpus`, in the order of its files."""
    table = tomllib.loads((corpus / "corpus.toml").read_text(encoding="utf-8"))
    for name, row in table["bugs"].items():
        other_promise = row.get("breaks")
        breaks = {} if other_promise is None else {other_promise["invariant"]: other_promise["depth"]}
        patch = corpus / f"{name}.patch"
        expected = (row["bounds"], row["caught_by"], row["depth"], breaks)
        any_network = row.get("any_network")
        further_bounds = {} if any_network is None else any_network.pop("bounds", {})
        others = {"any_network": any_network, "further_bounds": further_bounds, "store": row.get("store")}
        yield Bug(name, patch, row["rule"], *expected, **others)
    for name, row in table["silent"].items():
        yield Bug(name, corpus / f"{name}.patch", row["rule"], row["bounds"])
    for name, row in table["beyond"].items():
        patch, units, any_network = corpus / f"{name}.patch", row["judge"] == UNITS, row.get("any_network")
        bounds = {} if any_network is None else any_network.pop("bounds")
        further = {"any_network": any_network, "further_bounds": bounds}
        yield Bug(name, patch, row["rule"], units=units, why=row["why"], **further)
    for folder in (SERVER, STORE):
        table = tomllib.loads((corpus / folder / "corpus.toml").read_text(encoding="utf-8"))
        for name, row in table["bugs"].items():
            scenario = row if "scenario" in row else None
            yield Bug(name, corpus / folder / f"{name}.patch", row["rule"], scenario=scenario, store=row.get("store"))


def tasks(rows: list[Bug], checkout: Path) -> Iterator[Task]:
    """Yield a task for each bug, with every check that its row names."""
    parts = [checkout / name for name in ("impl", "modelcheck", "spec")]
    version = digest(*parts, checkout / "tests" / "simulation", checkout / "tests" / "impl")
    for row in rows:
        patch = row.patch.read_text(encoding="utf-8")

        def make(root: Path, row: Bug = row, patch: str = patch) -> None:
            apply(patch, row.patch.name, root)

        def judge(nursery: Nursery, folder: Path, row: Bug = row) -> Answer:
            if row.scenario is not None:
                return _simulation_answer(row.scenario, checkout, folder)
            if row.units:
                fail = unit_tests_fail(TESTS_OF_THE_CORE, checkout / "tests" / "impl", folder)
                return {"answers": [], "raised": None, "units": fail}
            promise_search = {"bounds": row.bounds, "to": max([row.depth or 0, *row.breaks.values()])}
            return nursery.ask({**_search(folder, row.bounds), "each": promise_search})

        yield Task(row.name, digest(version, row.name, patch, repr(row)), make, judge)


def _search(
    folder: Path, bounds: dict[str, Any] | None, subject: str = RAFT, *, reduced: bool = False
) -> dict[str, Any]:
    """Return the question for the nursery: which promise of `subject` breaks first within these bounds."""
    searches = [{"name": INVARIANTS, "bounds": bounds, "subject": subject, "reduced": reduced}]
    return {"folder": str(folder), "searches": searches, "seconds": SECONDS, "memory_mib": MEMORY_MIB}


def tasks_on_any_network(rows: list[Bug], checkout: Path) -> Iterator[Task]:
    """Yield a task for each bug: a search of any network, without useless messages as `model-check raft` makes it."""
    for row in rows:
        row_bounds = {name: value for name, value in (row.bounds or {}).items() if name not in OF_BOUNDED_NETWORKS}
        bounds = {**row_bounds, **row.further_bounds, "network": NetworkKind.ANY.value}
        yield _reduced_search(row, bounds, RAFT, checkout)


def tasks_in_the_store(rows: list[Bug], checkout: Path) -> Iterator[Task]:
    """Yield a task for each bug: a search of the store with its clients."""
    for row in rows:
        assert row.store is not None, "only these are judged"
        yield _reduced_search(row, row.store["bounds"], STORE, checkout)


def _reduced_search(row: Bug, bounds: dict[str, Any], subject: str, checkout: Path) -> Task:
    def judge(nursery: Nursery, folder: Path) -> Answer:
        return nursery.ask(_search(folder, bounds, subject, reduced=True))

    return _task(row, checkout, f"any network {subject} {bounds!r}", judge)


def _task(row: Bug, checkout: Path, question: str, judge: Callable[[Nursery, Path], Answer]) -> Task:
    version = digest(*(checkout / name for name in ("impl", "modelcheck", "spec")))
    patch = row.patch.read_text(encoding="utf-8")

    def make(root: Path) -> None:
        apply(patch, row.patch.name, root)

    return Task(row.name, digest(version, question, patch), make, judge)


def task_of_story(row: Bug, checkout: Path, width: int, encoding: str) -> Task:
    """Return the task to tell a bug's story, as text of this width and in this encoding."""
    text = row.story.read_text(encoding="utf-8")
    question = {"script": text, "width": width, "encoding": encoding, "seconds": SECONDS}

    def judge(nursery: Nursery, folder: Path) -> Answer:
        unchanged = nursery.ask({**question, "folder": str(checkout / "impl")})
        return {**nursery.ask({**question, "folder": str(folder)}), "unchanged": unchanged}

    return _task(row, checkout, repr(question), judge)


def complaint_about_story(answer: Answer) -> str | None:
    """Return what is wrong with a bug's story, None if its promise breaks with the bug, and only with it."""
    unchanged = answer["unchanged"]
    for raised in (answer["raised"], unchanged["raised"]):
        if raised is not None:
            return f"could not be told: {raised}"
    if not answer["broken"]:
        return "no promise breaks" if answer["obstacle"] is None else f"{answer['obstacle']} isn't possible"
    return "the core without the bug takes every step" if unchanged["obstacle"] is None else None


def complaint_on_any_network(row: Bug, answer: Answer) -> str | None:
    """Return the difference between the answer of a search of any network and the row, None if they agree."""
    return _complaint(row.any_network, answer)


def complaint_in_the_store(row: Bug, answer: Answer) -> str | None:
    """Return the difference between the answer of a search of the store and the row, None if they agree."""
    assert row.store is not None, "only these are judged"
    return _complaint({name: row.store[name] for name in ("caught_by", "depth", "least")}, answer)


def _complaint(expected: dict[str, Any] | None, answer: Answer) -> str | None:
    if answer["raised"] is not None:
        return f"could not be judged: {answer['raised']}"
    (search,) = answer["answers"]
    result = {"caught_by": search["broken"], "depth": search.get("depth"), "least": search.get("least")}
    return None if result == expected else f"{expected} was expected, {result} was found"


def _simulation_answer(scenario: dict[str, Any], checkout: Path, folder: Path) -> Answer:
    """Run the scenario's seeds by tests/simulation/hunt.py on the implementation in `folder`."""
    scenario_values = {"seed": 1, **scenario["scenario"]}
    question = {"scenario": scenario_values, "seeds": scenario["seeds"], "only": scenario["breaks"]}
    process = subprocess.run(  # noqa: S603 - our own tests
        [sys.executable, str(checkout / "tests" / "simulation" / "hunt.py"), json.dumps(question)],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        return {"answers": [], "raised": process.stderr.strip().rpartition("\n")[2]}
    return {"answers": [], "raised": None, "simulation": json.loads(process.stdout)}


def complaint(row: Bug, answer: Answer) -> str | None:
    """Return the difference between the answer and the row, None if they agree."""
    if answer["raised"] is not None:
        return f"could not be judged: {answer['raised']}"
    if row.scenario is not None:
        result = answer["simulation"]
        return None if result["check"] in row.scenario["breaks"] else f"survives {result['seeds']} seeds"
    if row.units:
        return None if answer["units"] else "survives the unit tests"
    (search,) = answer["answers"]
    if (search["broken"], search.get("depth")) != (row.caught_by, row.depth):
        result = f"{search['broken'] or search['stopped'] or 'nothing'} at depth {search.get('depth')}"
        return f"{row.caught_by or 'nothing'} at depth {row.depth} was expected, {result} was found"
    depths = answer["each"]["depths"]
    for name, depth in row.breaks.items():
        if depths.get(name) != depth:
            return f"{name} should break at depth {depth}, not {depths.get(name)}"
    return "conformance should object, and doesn't" if row.caught_by is None and CONFORMANCE not in depths else None
