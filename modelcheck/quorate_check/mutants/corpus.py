"""The known bugs: what each is, and what must catch it. Two table files in a checkout's tests/mutants hold the rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quorate_check.mutants.patches import apply
from quorate_check.mutants.pool import Answer, Nursery, Task, digest
from quorate_check.mutants.systematic import unit_tests_fail

CONFORMANCE, SIMULATION, UNITS = "conformance", "simulation", "unit tests"
QUICK = ("E1", "E5", "E6", "E7", "E11", "C3", "C8", "C10", "C14", "C24", "S1")  # a second each
SECONDS, MEMORY_MIB = 300.0, 6144

Expected = dict[str, tuple[str | None, int | None]]  # by search: what must object, and how deep


@dataclass(frozen=True, slots=True)
class Bug:
    """One row: its patch, and what is asked of the implementation with it; `expected` is what must object, by search.

    None means that nothing there must object: an invariant can't see a bug that only delays.
    """

    id: str
    patch: Path
    rule: str
    searches: tuple[dict[str, Any], ...]
    expected: Expected
    scenario: dict[str, Any] | None = None
    units: bool = False
    why: str = ""

    @property
    def judged(self) -> bool:
        """Whether anything here is claimed to find it."""
        return bool(self.searches) or self.units or self.scenario is not None

    @property
    def name(self) -> str:
        """The id, and which of the two corpora it is from."""
        return self.id if self.scenario is None else f"{self.id} (server)"


def bugs(corpus: Path) -> Iterator[Bug]:
    """Yield the rows of `corpus`, in the order of its files."""
    table = tomllib.loads((corpus / "corpus.toml").read_text(encoding="utf-8"))
    for name, row in table["bugs"].items():
        yield _searched(name, corpus, row)
    for name, row in table["silent"].items():
        searches = ({"name": "invariants", "bounds": row["bounds"]}, _conform(row["bounds"]))
        expected: Expected = {"invariants": (None, None), CONFORMANCE: (CONFORMANCE, None)}
        yield Bug(name, corpus / f"{name}.patch", row["rule"], searches, expected)
    for name, row in table["beyond"].items():
        units = row["judge"] == UNITS
        yield Bug(name, corpus / f"{name}.patch", row["rule"], (), {}, units=units, why=row["why"])
    server = tomllib.loads((corpus / "server" / "corpus.toml").read_text(encoding="utf-8"))
    for name, row in server["bugs"].items():
        yield Bug(name, corpus / "server" / f"{name}.patch", row["rule"], (), {}, scenario=row)


def _searched(name: str, corpus: Path, row: dict[str, Any]) -> Bug:
    bounds = row["bounds"]
    searches: list[dict[str, Any]] = [{"name": "invariants", "bounds": bounds}]
    expected: Expected = {"invariants": (row["caught_by"], row["depth"])}
    if (also := row.get("breaks")) is not None:
        searches.append({"name": also["invariant"], "bounds": bounds, "judges": also["invariant"]})
        expected[also["invariant"]] = (also["invariant"], also["depth"])
    if bounds.get("storage") != "async":  # the specification's disk is never behind
        # No deeper than the invariants: whether the specification objects, not how soon, is what the table says.
        searches.append({**_conform(bounds), "depth": row["depth"]})
    return Bug(name, corpus / f"{name}.patch", row["rule"], tuple(searches), expected)


def _conform(bounds: dict[str, Any]) -> dict[str, Any]:
    return {"name": CONFORMANCE, "bounds": bounds, "judges": CONFORMANCE}


def tasks(rows: list[Bug], checkout: Path) -> Iterator[Task]:
    """Yield the task to judge each bug by all that its row names."""
    parts = [checkout / name for name in ("impl", "modelcheck", "spec")]
    version = digest(*parts, checkout / "tests" / "simulation", checkout / "tests" / "impl")
    for row in rows:
        patch = row.patch.read_text(encoding="utf-8")

        def make(root: Path, row: Bug = row, patch: str = patch) -> None:
            apply(patch, row.patch.name, root)

        def judge(nursery: Nursery, folder: Path, row: Bug = row) -> Answer:
            if row.scenario is not None:
                return _simulated(row.scenario, checkout, folder)
            if row.units:
                fail = unit_tests_fail(checkout / "tests" / "impl", folder)
                return {"answers": [], "raised": None, "units": fail}
            question = {"folder": str(folder), "searches": row.searches, "all": True}
            return nursery.ask({**question, "seconds": SECONDS, "memory_mib": MEMORY_MIB})

        yield Task(row.name, digest(version, row.name, patch, repr(row)), make, judge)


def _simulated(scenario: dict[str, Any], checkout: Path, folder: Path) -> Answer:
    """Let tests/simulation/hunt.py try the scenario's seeds on the implementation in `folder`."""
    first = {"seed": 1, **scenario["scenario"]}
    question = {"scenario": first, "seeds": scenario["seeds"], "only": scenario["breaks"]}
    done = subprocess.run(  # noqa: S603 - our own tests
        [sys.executable, str(checkout / "tests" / "simulation" / "hunt.py"), json.dumps(question)],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {"answers": [], "raised": done.stderr.strip().rpartition("\n")[2]}
    return {"answers": [], "raised": None, "simulation": json.loads(done.stdout)}


def complaint(row: Bug, answer: Answer) -> str | None:
    """Return how the answer differs from what the row says must happen, or None."""
    if answer["raised"] is not None:
        return f"could not be judged: {answer['raised']}"
    if row.scenario is not None:
        found = answer["simulation"]
        return None if found["check"] in row.scenario["breaks"] else f"survives {found['seeds']} seeds"
    if row.units:
        return None if answer["units"] else "survives the unit tests"
    for each in answer["answers"]:
        if each["search"] not in row.expected:
            continue
        name, depth = row.expected[each["search"]]
        if each["broken"] != name or (depth is not None and each["depth"] != depth):
            got = f"{each['broken'] or each['stopped'] or 'nothing'} at depth {each.get('depth')}"
            return f"{each['search']}: {name or 'nothing'} at depth {depth} was expected, {got} was found"
    return None
