"""A search whose states lie in files finds what one in memory finds, in a part of the memory."""

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine_agreement import MEMORY, assert_really_happens, by_reference
from nightly import EXAMPLES, by_night
from quorate_check import engine
from quorate_check.cli import main
from quorate_check.core.invariants import Invariant, Over
from quorate_check.core.system import Network, NetworkKind, Outcome, Spontaneous, System, UnusableSystemError
from quorate_check.core.verdict import Exploration, Verdict
from quorate_check.engine.disk import parts, states
from quorate_check.engine.disk.folder import Folder
from quorate_check.engine.shard import Shard
from quorate_check.engine.tables import Tables
from quorate_check.engine.views import Judge
from quorate_check.raft.bounds import RaftBounds
from random_systems import STATES, often, systems

COMMAND = str(Path(sys.executable).parent / "model-check")
DEADLINE = 600
LEAST = 1 << 24  # bytes of memory that a search takes
BOUNDS = RaftBounds(max_log=1, proposals=1)


@contextmanager
def little_memory(states_of_a_part: int) -> Iterator[None]:
    """Have a part split when it holds so many states, and whatever waits for it written to its file at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "SLOT_BYTES", LEAST // 2 // states_of_a_part)
        patch.setattr(parts, "LEAST_SHARE", LEAST)
        patch.setattr(parts, "BUFFER_SHARE", LEAST)
        for module in (parts, states):
            patch.setattr(module, "BLOCK_ROWS", max(1, states_of_a_part // 8))
        yield


def in_memory(system: System, *, depth: int | None = None, reduced: bool = False) -> Exploration:
    """The engine's search without files."""
    return engine.explore(system, engine.Limits(depth, 1, MEMORY, reduced))


def on_disk(
    system: System,
    folder: Path,
    *,
    depth: int | None = None,
    workers: int = 1,
    reduced: bool = False,
    stop: Callable[[], str | None] = lambda: None,
) -> Exploration:
    """The search with its states in `folder`, which must be gone afterwards."""
    found = engine.explore(system, engine.Limits(depth, workers, LEAST, reduced, folder), stop=stop)
    assert not folder.is_dir()
    return found


def counts(found: Exploration) -> tuple[object, ...]:
    """What must not depend on where the states lie."""
    same = (found.levels, found.transitions, found.cut_off, found.orbit_sum, found.witnesses, found.conclusion)
    return same if found.path is None else (found.conclusion, len(found.path.steps))


@settings(often, max_examples=EXAMPLES or 30)  # each splits its parts again and again
@given(
    system=systems() | systems(symmetric=True),
    workers=st.integers(1, 3),
    states_of_a_part=st.integers(30, 120),
    reduced=st.booleans(),
)
def test_a_search_on_disk_finds_what_one_in_memory_finds(
    system: System, workers: int, states_of_a_part: int, *, reduced: bool
) -> None:
    """Levels, steps, what was cut off, orbits, witnesses and verdict are the same, however little is in memory."""
    _, depth = by_reference(replace(system, symmetry=None), at_most=STATES)
    expected = in_memory(system, depth=depth, reduced=reduced)
    with tempfile.TemporaryDirectory() as folder, little_memory(states_of_a_part):
        found = on_disk(system, Path(folder) / "states", depth=depth, workers=workers, reduced=reduced)
    assert counts(found) == counts(expected)
    if found.path is not None:
        assert_really_happens(system, found.path)


@pytest.mark.parametrize("limit", [0, 1, 30])
def test_a_deadlock_is_found_where_nothing_can_happen_any_more(limit: int, tmp_path: Path) -> None:
    """In a state that is expanded, on the level before the last."""
    system = System(
        name="counters",
        initial=(0, 0),
        step=lambda count, _: (Outcome(count + 1),) if count < limit else (),
        network=Network(NetworkKind.UNORDERED, 1),
        source=lambda _: 0,
        destination=lambda _: 0,
        spontaneous=(Spontaneous("count"),),
        done=lambda _: False,
    )
    with little_memory(30):
        found = on_disk(system, tmp_path / "states")
    assert found.path is not None
    assert (found.path.broken, len(found.path.steps)) == ("NoDeadlock", 2 * limit)
    assert_really_happens(system, found.path)


@pytest.mark.parametrize(("workers", "reduced"), [(1, True), (2, False)])
def test_raft_is_the_same_with_a_tenth_of_its_states_in_memory(tmp_path: Path, workers: int, *, reduced: bool) -> None:
    """No part holds more than a tenth of all states; one restart makes states that budgets alone tell apart."""
    system = replace(BOUNDS, in_flight=3, restarts=1).system()
    expected = in_memory(system, reduced=reduced)
    with little_memory(expected.states // 10):
        found = on_disk(system, tmp_path / "states", workers=workers, reduced=reduced)
    assert counts(found) == counts(expected)
    assert found.stored is not None
    assert found.stored["parts"] >= 16
    assert found.stored["disk_bytes"] >= 24 * found.states  # each twice, with its parent
    assert found.stored["read_bytes"] > found.stored["written_bytes"] >= found.stored["disk_bytes"]


def broken_late(system: System) -> System:
    """A system with a promise that Raft doesn't keep, deep in the search."""
    name = "nobody is leader in term 2"
    late = Invariant(name, name, lambda s: (s.state.role.value, s.state.current_term), _is_no_leader, Over.EACH)
    return replace(system, invariants=(*system.invariants, late))


def _is_no_leader(views: tuple[tuple[str, int], ...]) -> bool:
    return ("leader", 2) not in views


@pytest.mark.parametrize("reduced", [False, True])
def test_a_counterexample_is_the_one_that_is_found_in_memory(tmp_path: Path, *, reduced: bool) -> None:
    """It is made again from the parents in the files, replayed on the real code, and the most readable one."""
    system = broken_late(replace(BOUNDS, in_flight=3).system())
    expected = in_memory(system, reduced=reduced)
    assert expected.verdict is Verdict.VIOLATED
    with little_memory(64):
        found = on_disk(system, tmp_path / "states", reduced=reduced)
    assert found.path == expected.path


def test_what_was_begun_again_is_begun_with_an_empty_folder(tmp_path: Path) -> None:
    """A folder that is there and empty may be used, and is left there, empty."""
    system = replace(BOUNDS, in_flight=3).system()
    limits = engine.Limits(None, 1, LEAST, reduced=True, disk=tmp_path)
    assert counts(engine.explore(system, limits)) == counts(in_memory(system, reduced=True))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bounds", [BOUNDS, replace(BOUNDS, in_flight=8), replace(BOUNDS, servers=5, in_flight=8)])
def test_what_a_part_may_hold_fits_into_its_share_of_the_memory(tmp_path: Path, bounds: RaftBounds) -> None:
    """However large the share is: a table that can't grow any more has room for as many states as a part may have."""
    system = bounds.system()
    tables = Tables(system, Judge(system))
    at = tables.layout()
    for share in range(parts.LEAST_SHARE, 8 * parts.LEAST_SHARE, parts.LEAST_SHARE // 23):
        with closing(Folder(tmp_path / f"{share}")) as folder:
            some = parts.Parts(tables, folder, 2 * share, 1, least=False)
        assert some.share == share
        part = Shard(tables, at, 1, share)
        part.begin(at, [some.most_states(at), 0, 0])  # raises OutOfMemoryError if that is too many
        assert part.bytes_used <= share


def refusal(system: System, folder: Path, checkpoint: Path | None = None) -> str:
    """The line with which a search refuses to begin."""
    with pytest.raises(UnusableSystemError) as refused:
        engine.explore(system, engine.Limits(None, 1, LEAST, disk=folder), folder=checkpoint)
    return str(refused.value).removeprefix(f"disk {folder}: ")


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    """Whether it is the user's, or what a search has left that was killed, or no folder at all."""
    (tmp_path / "thesis.tex").write_text("years of work")
    system = BOUNDS.system()
    assert refusal(system, tmp_path).startswith("it holds 'thesis.tex'; give an empty folder")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    assert refusal(system, tmp_path / "thesis.tex").startswith("it can't be used: Not a directory")


def test_what_a_search_on_disk_cannot_do_is_refused(tmp_path: Path) -> None:
    """Networks of any number of messages, and checkpoints; the plain search has no files."""
    any_number = replace(BOUNDS.system(), network=Network(NetworkKind.ANY))
    assert refusal(any_number, tmp_path / "states").startswith("where any number of messages is in flight")
    assert refusal(BOUNDS.system(), tmp_path / "states", tmp_path).endswith("leaves no checkpoints")
    assert main(["raft", "--engine", "reference", "--disk", str(tmp_path / "states")]) == 2
    assert list(tmp_path.iterdir()) == []


def test_two_searches_dont_share_a_folder(tmp_path: Path) -> None:
    """The second one is refused while the first one runs, and a search that is stopped says what it knows."""
    system, refused = BOUNDS.system(), list[str]()

    def stop() -> str | None:
        refused.append(refusal(system, tmp_path / "states"))
        return "enough"

    found = on_disk(system, tmp_path / "states", stop=stop)
    assert (found.stopped, found.verdict) == ("enough", Verdict.UNKNOWN)
    assert refused == ["another search is using it"]


def test_a_full_disk_ends_a_search_that_then_knows_nothing(tmp_path: Path) -> None:
    """The system refuses files of over 64 KiB here, as it refuses all when there is no room; that is no pass."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        found = on_disk(replace(BOUNDS, in_flight=4).system(), tmp_path / "states")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert found.verdict is Verdict.UNKNOWN
    assert found.conclusion.startswith(f"unknown: disk {tmp_path / 'states'}: File too large")


@pytest.mark.parametrize("kind", ["states", "level", "successors"])
@pytest.mark.parametrize("damage", ["flipped", "shorter", "gone"])
def test_a_file_that_somebody_changes_ends_the_search(tmp_path: Path, kind: str, damage: str) -> None:
    """A state that can't be read any more would be one that is never compared with, or never expanded."""
    folder = tmp_path / "states"
    damaged = list[Path]()

    def stop() -> str | None:
        found = sorted(folder.glob(f"{kind}-*"), key=lambda p: p.stat().st_size)
        if found and found[-1].stat().st_size > 10_000 and not damaged:
            damaged.extend(found)
            for path in found:
                content = path.read_bytes()
                path.unlink()
                if damage == "flipped":
                    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
                elif damage == "shorter":
                    path.write_bytes(content[:-1])
        return None

    with little_memory(2000):
        found = on_disk(replace(BOUNDS, in_flight=4).system(), folder, stop=stop)
    assert damaged
    assert found.verdict is Verdict.UNKNOWN
    assert found.conclusion.startswith(f"unknown: disk {folder}: ")


def search_by_command(tmp_path: Path, words: list[str]) -> dict[str, object]:
    """The report of `model-check raft` with its states on disk, in the least memory."""
    report = tmp_path / "report.json"
    options = ["--memory", str(LEAST / 2**30), "--disk", str(tmp_path / "states"), "--json", str(report)]
    command = [COMMAND, "raft", "--max-log", "1", "--proposals", "1", "--full", *words, *options]
    subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE)
    assert not (tmp_path / "states").is_dir()
    found: dict[str, object] = json.loads(report.read_bytes())
    return found


def test_the_command_says_how_much_went_to_the_disk(tmp_path: Path) -> None:
    """Its counts are those of the search in memory; the report has bytes on disk, written and read."""
    found = search_by_command(tmp_path, ["--in-flight", "4"])
    whole = in_memory(replace(BOUNDS, in_flight=4).system())
    assert (found["states"], found["levels"], found["transitions"]) == (
        whole.states,
        list(whole.levels),
        whole.transitions,
    )
    stored = found["stored"]
    assert isinstance(stored, dict)
    assert set(stored) == {"disk_bytes", "written_bytes", "read_bytes", "parts"}
    assert all(stored.values())


@by_night
def test_a_search_that_needs_ten_times_the_memory_ends_on_disk(tmp_path: Path) -> None:
    """Without symmetry, five messages make 9,326,549 states, which take 164 MiB in memory; here they have 16."""
    found = search_by_command(tmp_path, ["--in-flight", "5", "--no-symmetry"])
    assert found["states"] == 9_326_549
    command = [COMMAND, "raft", "--max-log", "1", "--proposals", "1", "--full", "--in-flight", "5", "--no-symmetry"]
    ended = subprocess.run([*command, "--memory", "0.1"], check=False, capture_output=True, timeout=DEADLINE)
    assert ended.returncode == 3
