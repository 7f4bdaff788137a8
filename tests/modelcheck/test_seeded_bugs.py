"""A checker is worth what it finds: documented bugs, brought back one at a time, and the correct core beside them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import mutants_support
from mutants_support import GIB, MUTANTS, PatchError, corpus, mutated, run
from nightly import NIGHTLY
from quorate_check.engine import Limits, explore
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.properties import INVARIANTS

if TYPE_CHECKING:
    from pathlib import Path

BUGS: dict[str, dict[str, Any]] = corpus()["bugs"]
# These take longest: by night. By day C18 is found in the bounds of C9 and C19, A2 by its invariant alone (below), and
# test_regression.py walks the path of S4.
LONG = ("A2", "C9", "C19", "S4")
SEARCHED = BUGS if NIGHTLY else {name: bug for name, bug in BUGS.items() if name not in LONG}
SILENT: dict[str, dict[str, Any]] = corpus()["silent"]
BEYOND: dict[str, dict[str, Any]] = corpus()["beyond"]
ALONE: dict[str, dict[str, Any]] = corpus()["invariants"]


def searches_of_the_core() -> list[Any]:
    """Return each distinct bounds of the corpus with the depth to search to, named by the bugs that are found there."""
    shared: dict[str, list[str]] = {}
    for name, bug in SEARCHED.items():
        shared.setdefault(json.dumps(bug["bounds"], sort_keys=True), []).append(name)
    return [
        pytest.param(
            json.loads(bounds),
            max(BUGS[name]["depth"] for name in names) if "core" in BUGS[names[0]] else None,
            id="-".join(names),
        )
        for bounds, names in shared.items()
    ]


@pytest.mark.parametrize("name", SEARCHED)
def test_each_documented_bug_is_found_by_its_invariant_and_at_its_depth(name: str, tmp_path: Path) -> None:
    """The search is breadth-first, so the path is a shortest one; and its moves, made again, break the same promise."""
    bug = BUGS[name]
    found = run(mutated(tmp_path, name), bug["bounds"])
    assert (found["verdict"], found["broken"], found["depth"]) == ("violated", bug["caught_by"], bug["depth"])
    assert found["replayed"] == bug["caught_by"]


@pytest.mark.parametrize("name", [name for name, bug in BUGS.items() if "breaks" in bug])
def test_the_promise_that_the_documentation_names_is_broken_too(name: str, tmp_path: Path) -> None:
    """Where another invariant objects earlier, the documented damage is found when nothing else is judged."""
    bug = BUGS[name]
    promise, depth = bug["breaks"]["invariant"], bug["breaks"]["depth"]
    found = run(mutated(tmp_path, name), bug["bounds"], only=promise)
    assert (found["broken"], found["depth"], found["replayed"]) == (promise, depth, promise)


@pytest.mark.parametrize("name", SILENT)
def test_a_bug_that_only_delays_breaks_no_invariant(name: str, tmp_path: Path) -> None:
    """The invariants say what must never happen, not what must happen at last; this is their limit."""
    found = run(mutated(tmp_path, name), SILENT[name]["bounds"])
    assert (found["broken"], found["exhaustive"]) == (None, True)


@pytest.mark.parametrize("invariant", [invariant.name for invariant in INVARIANTS])
def test_each_invariant_alone_catches_a_bug(invariant: str, tmp_path: Path) -> None:
    """An invariant that catches nothing that others don't see may be true of anything."""
    entry = ALONE[invariant]
    bounds = entry.get("bounds", BUGS[entry["bug"]]["bounds"])
    found = run(mutated(tmp_path, entry["bug"]), bounds, only=invariant)
    assert (found["broken"], found["depth"], found["replayed"]) == (invariant, entry["depth"], invariant)


@pytest.mark.parametrize(("bounds", "depth"), searches_of_the_core())
def test_the_correct_core_holds_where_the_bugs_are_found(bounds: dict[str, Any], depth: int | None) -> None:
    """What was found was the bug's and not the core's: exhaustively, or as deep as the bug lies."""
    system = RaftBounds.from_dict({**RaftBounds().as_dict(), **bounds}).system()
    found = explore(system, Limits(depth=depth, memory=4 * GIB))
    assert (found.path, found.stopped) == (None, None), found.conclusion
    assert found.exhaustive == (depth is None)


def test_every_patch_is_in_the_corpus_and_every_invariant_too() -> None:
    """A patch that nothing runs, or an invariant without a bug, would go unnoticed."""
    known = BUGS | SILENT | BEYOND | corpus()["byzantine"]
    assert sorted(known) == sorted(path.stem for path in MUTANTS.glob("*.patch"))
    assert set(ALONE) == {invariant.name for invariant in INVARIANTS}


def test_a_patch_that_no_longer_fits_is_named_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of the core must not turn a bug into no bug silently; the message says which lines weren't found."""
    patch = "--- a/impl/quorate/quorum.py\n+++ b/impl/quorate/quorum.py\n@@ -3,1 +3,1 @@\n-no such line\n+another\n"
    (tmp_path / "X1.patch").write_text(patch)
    monkeypatch.setattr(mutants_support, "MUTANTS", tmp_path)
    with pytest.raises(PatchError, match=r"(?s)X1\.patch does not apply.*no such line.*quorum\.py:3"):
        mutated(tmp_path, "X1")
