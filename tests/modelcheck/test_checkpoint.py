"""A search that was ended in the middle goes on from its folder, and counts what it would have counted."""

import json
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_agreement import MEMORY, assert_really_happens, by_reference
from patience import PROGRAM_S
from quorate_check import engine
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.core.verdict import Exploration
from quorate_check.raft.bounds import RaftBounds
from random_systems import STATES, often, systems
from search_folders import wait_until, with_a_sharper_promise, with_other_code

COMMAND = str(Path(sys.executable).parent / "model-check")
BOUNDS = RaftBounds(max_log=1, proposals=1, in_flight=3)
SMALL = replace(BOUNDS, max_log=0, in_flight=3)


def explore(system: System, folder: Path | None, *, depth: int | None = None, workers: int = 1) -> Exploration:
    """The engine's search, in little memory."""
    return engine.explore(system, engine.Limits(depth, workers, MEMORY), folder=folder)


def counts(found: Exploration) -> tuple[object, ...]:
    """What must not depend on whether the search was ended in between."""
    same = (found.levels, found.transitions, found.cut_off, found.orbit_sum, found.witnesses, found.conclusion)
    return same if found.path is None else (found.conclusion, len(found.path.steps))


@often
@given(systems() | systems(symmetric=True), st.integers(1, 3), st.integers(0, 6))
def test_a_search_that_goes_on_finds_what_one_in_one_go_finds(system: System, workers: int, first: int) -> None:
    """Levels, steps, what was cut off, orbits, witnesses and verdict are the same, wherever the first search ended."""
    _, depth = by_reference(replace(system, symmetry=None), at_most=STATES)
    expected = explore(system, None, depth=depth, workers=workers)
    with tempfile.TemporaryDirectory() as folder:
        for until in sorted({min(first, first if depth is None else depth), first // 2}):
            explore(system, Path(folder), depth=until, workers=workers)
        found = explore(system, Path(folder), depth=depth, workers=workers)
        if found.path is not None:
            assert_really_happens(system, found.path)
        assert counts(found) == counts(expected)
        assert counts(explore(system, Path(folder), depth=depth, workers=workers)) == counts(expected)


def test_a_process_that_is_killed_loses_one_level_at_most(tmp_path: Path) -> None:
    """SIGKILL leaves a folder from which the command ends as if nothing had been; the ids have widened meanwhile."""
    folder, report = tmp_path / "search", tmp_path / "report.json"
    words = ["raft", "--network", "unordered", "--max-log", "1", "--proposals", "1", "--in-flight", "4"]
    command = [COMMAND, *words, "--checkpoint", str(folder), "--json", str(report)]
    standing = folder / "checkpoint.json"

    def levels() -> int:
        return len(json.loads(standing.read_bytes())["bounds"]) if standing.exists() else 0

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: levels() >= 12, process)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PROGRAM_S)
    assert not report.exists()
    layouts = {tuple(part[1:]) for part in json.loads(standing.read_bytes())["parts"][0]}
    assert len(layouts) > 1
    subprocess.run(command, check=True, capture_output=True, timeout=PROGRAM_S)
    found = json.loads(report.read_bytes())
    whole = explore(replace(BOUNDS, in_flight=4).system(), None, workers=2)
    assert (found["states"], found["transitions"]) == (whole.states, whole.transitions)
    assert found["depth"] == whole.depth


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """The folder of a search of a few levels."""
    explore(SMALL.system(), tmp_path / "search", depth=6)
    return tmp_path / "search"


def test_a_search_goes_on_from_where_it_stands(begun: Path) -> None:
    """To search all of it again would find the same, hours later."""
    reported = list[engine.Progress]()
    found = engine.explore(SMALL.system(), engine.Limits(None, 1, MEMORY), report=reported.append, folder=begun)
    assert reported[0].depth >= 6
    assert reported[0].states >= sum(found.levels[:7])


def refusal(system: System, folder: Path, workers: int = 1) -> str:
    """The line with which a search of `system` refuses `folder`."""
    with pytest.raises(UnusableSystemError) as refused:
        explore(system, folder, workers=workers)
    return str(refused.value).removeprefix(f"checkpoint {folder}: ")


@pytest.mark.parametrize(
    "other",
    [
        replace(SMALL, in_flight=4),
        replace(SMALL, proposals=0),
        replace(SMALL, symmetry=False),
        replace(SMALL, pre_vote=True),
        replace(SMALL, servers=4),
    ],
)
def test_the_folder_of_another_search_is_refused(begun: Path, other: RaftBounds) -> None:
    """Other bounds, another network, no symmetry or another configuration are told, before anything is searched."""
    assert "it is of other bounds, another network or other code" in refusal(other.system(), begun)


def test_a_bound_that_has_cut_nothing_off_yet_may_be_another(begun: Path) -> None:
    """Up to here the search with more terms is the same, as the step table shows, so it may go on."""
    system = replace(SMALL, max_term=3).system()
    assert counts(explore(system, begun)) == counts(explore(system, None))


def test_code_that_changed_in_between_is_refused(begun: Path) -> None:
    """A step function that does something else is another system, though all its declarations are the same."""
    changed = with_other_code(SMALL.system())
    assert refusal(changed, begun).startswith("it is of other bounds, another network or other code")


def test_a_promise_that_was_sharpened_in_between_is_judged_of_all_that_was_found(begun: Path) -> None:
    """The states in the folder are judged again, so a promise that one of them breaks isn't said to hold."""
    changed = with_a_sharper_promise(SMALL.system())
    assert refusal(changed, begun).startswith("nobody is in term 1 is broken by a state that kept it before")


def test_another_number_of_workers_is_refused(begun: Path) -> None:
    """Who owns which state depends on how many there are."""
    assert refusal(SMALL.system(), begun, workers=2) == "it was begun with 1 workers; go on with as many"


@pytest.mark.parametrize("name", ["states-0", "parents-0", "pairs"])
def test_a_file_that_isnt_what_was_written_is_refused(begun: Path, name: str) -> None:
    """A flipped bit and a lost end are noticed; what a killed process wrote beyond the checkpoint is cut off."""
    content = (begun / name).read_bytes()
    (begun / name).write_bytes(content + b"half a level")
    expected = counts(explore(SMALL.system(), None))
    assert counts(explore(SMALL.system(), begun, depth=6)) == counts(explore(SMALL.system(), None, depth=6))
    (begun / name).write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert refusal(SMALL.system(), begun).startswith(f"{name} isn't what was written to it")
    (begun / name).write_bytes(content[:-1])
    assert refusal(SMALL.system(), begun).startswith(f"{name} is shorter than it was")
    (begun / name).write_bytes(content)
    assert counts(explore(SMALL.system(), begun)) == expected


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    """Nothing of the user's is removed, and what can't be used is told in one line."""
    (tmp_path / "thesis.tex").write_text("years of work")
    assert refusal(SMALL.system(), tmp_path).startswith("it holds 'thesis.tex' and no checkpoint")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    assert refusal(SMALL.system(), tmp_path / "thesis.tex").startswith("it can't be used: File exists")


def test_two_searches_dont_share_a_folder(begun: Path) -> None:
    """The second one is refused while the first one runs."""
    system = SMALL.system()
    limits, refused = engine.Limits(None, 1, MEMORY), list[str]()

    def stop() -> str | None:
        refused.append(refusal(system, begun))
        return "enough"

    assert engine.explore(system, limits, stop=stop, folder=begun).stopped == "enough"
    assert refused == ["another search is using it"]
