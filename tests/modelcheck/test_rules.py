"""The table of ARCHITECTURE.md: every rule that decides what a client sees has a module, a run and a bug."""

from __future__ import annotations

import re

import pytest

from documented import ROOT
from mutants_support import MUTANTS
from quorate_check.api.registry import default_check
from quorate_check.core.system import NetworkKind
from quorate_check.mutants.corpus import bugs
from quorate_check.raft.bounds import RaftBounds
from quorate_check.store.bounds import StoreBounds

PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Rules that decide what a client sees")[1].split("\n## ")[0]
ROW = r"^\| (.+) \| `(.+)` \| (\d+) (.+) \| (\w+) \|$"
RULES = re.findall(ROW, SECTION, re.MULTILINE)
RUNS = default_check()
IMPL = ROOT / "impl" / "quorate"


def test_no_row_lacks_a_part() -> None:
    """Each line of the table but its head has a rule, a module, a run with its number and name, and a bug."""
    rows = [line for line in SECTION.splitlines() if line.startswith("|")][2:]
    assert len(RULES) == len(rows) > 20


@pytest.mark.parametrize(("module", "number", "name", "bug"), [rule[1:] for rule in RULES], ids=[r[4] for r in RULES])
def test_each_part_of_a_row_exists(module: str, number: str, name: str, bug: str) -> None:
    """The bug is one of that module, and a search of the run's kind finds it: of the same system, network and disk."""
    assert (IMPL / module).is_file()
    run = RUNS[int(number) - 1]
    assert run.name == name
    rows = [each for each in bugs(MUTANTS) if each.id == bug]
    assert any(f"+++ b/impl/quorate/{module}\n" in row.patch.read_text(encoding="utf-8") for row in rows)
    match run.bounds:
        case StoreBounds():
            assert any(row.store is not None for row in rows)
        case RaftBounds(network=NetworkKind.ANY):
            assert any(row.any_network is not None for row in rows)
        case RaftBounds(storage=storage):
            assert any((row.bounds or {}).get("storage", "sync") == storage.value for row in rows)
        case other:
            raise AssertionError(f"no rule is known of the kind of {other}")


def test_every_run_with_clients_explores_a_rule() -> None:
    """A run that no row names shows nothing of what it is for."""
    numbers = {int(rule[2]) for rule in RULES}
    assert numbers >= {n for n, run in enumerate(RUNS, start=1) if isinstance(run.bounds, StoreBounds)}
