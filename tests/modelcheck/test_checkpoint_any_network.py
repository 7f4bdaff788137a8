"""A search of any number of messages that was ended in the middle goes on from its folder, with the same counts."""

import json
import signal
import subprocess
import sys
import tempfile
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_agreement import MEMORY, InThisProcess
from patience import PROGRAM_S
from quorate_check import engine
from quorate_check.core.system import Network, NetworkKind, System, UnusableSystemError
from quorate_check.core.verdict import Exploration
from quorate_check.engine.any_network import checkpoint, search, shared, state_space
from quorate_check.raft.bounds import RaftBounds
from random_systems import often, systems
from search_folders import wait_until, with_a_sharper_promise, with_other_code

SMALL = RaftBounds(max_log=0, network=NetworkKind.ANY)
USUAL_CHUNK = state_space.CHUNK


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint is written whenever that can be done, a call of the kernel is short, and steps are shared."""
    monkeypatch.setattr(checkpoint, "INTERVAL_S", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0)
    monkeypatch.setattr(state_space, "CHUNK", 8)
    monkeypatch.setattr(shared, "LEAST", 1)


class Rounds:
    """Ends a search after so many looks at whether to stop."""

    def __init__(self, most: int) -> None:
        self.left = most

    def stop(self) -> str | None:
        """Return a reason to end."""
        self.left -= 1
        return "enough" if self.left < 0 else None


def explore(system: System, folder: Path | None, *, rounds: int = 10_000, reduced: bool = True) -> Exploration:
    """The engine's search, in little memory."""
    limits = engine.Limits(None, 1, MEMORY, reduced=reduced)
    return engine.explore(system, limits, stop=Rounds(rounds).stop, folder=folder)


def explore_with_team(system: System, folder: Path, size: int, *, rounds: int, reduced: bool) -> Exploration:
    """The same, with its steps run by others."""
    team = nullcontext(InThisProcess(system, size))
    limits, stop = engine.Limits(None, 1, MEMORY, reduced=reduced), Rounds(rounds).stop
    with closing(checkpoint.Checkpoint(folder)) as here:
        return search.explore(system, limits, stop=stop, team=team, checkpoint=here)


def counts(found: Exploration) -> tuple[object, ...]:
    """What must not depend on whether the search was ended in between."""
    same = (found.levels, found.transitions, found.tuples, found.step_executions, found.witnesses, found.conclusion)
    return *same, found.cut_off, None if found.path is None else found.path.steps


@often
@given(
    systems() | systems(symmetric=True),
    st.lists(st.tuples(st.integers(1, 12), st.integers(0, 2)), max_size=3),
    st.booleans(),
)
def test_a_search_that_goes_on_finds_what_one_in_one_go_finds(
    system: System,
    ends: list[tuple[int, int]],
    reduced: bool,  # noqa: FBT001
) -> None:
    """States, steps, tuples, witnesses, verdict and path are the same, wherever it was ended, whoever ran its steps."""
    system = replace(system, network=Network(NetworkKind.ANY), done=None)
    with tempfile.TemporaryDirectory() as folder:
        try:
            expected = explore(system, None, rounds=60, reduced=reduced)
        except UnusableSystemError:
            return
        for rounds, size in ends:
            if size:
                explore_with_team(system, Path(folder), size, rounds=rounds, reduced=reduced)
            else:
                explore(system, Path(folder), rounds=rounds, reduced=reduced)
        if expected.stopped is None:
            assert counts(explore(system, Path(folder), reduced=reduced)) == counts(expected)


COMMAND = """
import sys
from quorate_check.cli import main
from quorate_check.engine.any_network import checkpoint
checkpoint.INTERVAL_S, checkpoint.SHARE = 0.0, 0
sys.exit(main(sys.argv[1:]))
"""


def test_a_process_that_is_killed_goes_on_with_other_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL leaves a folder from which the command ends as if nothing had been, with processes for its steps."""
    folder, report = tmp_path / "search", tmp_path / "report.json"
    words = ["raft", "--max-log", "1", "--proposals", "1", "--checkpoint", str(folder), "--json", str(report)]
    standing = folder / "checkpoint.json"

    def levels() -> int:
        return len(json.loads(standing.read_bytes())["levels"]) if standing.exists() else 0

    command = [sys.executable, "-c", COMMAND, *words, "--workers", "1"]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as process:
        wait_until(lambda: levels() >= 12, process)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PROGRAM_S)
    assert not report.exists()
    command = [str(Path(sys.executable).parent / "model-check"), *words, "--workers", "2"]
    subprocess.run(command, check=True, capture_output=True, timeout=PROGRAM_S)
    found = json.loads(report.read_bytes())
    bounds = RaftBounds(max_log=1, proposals=1, network=NetworkKind.ANY)
    monkeypatch.setattr(state_space, "CHUNK", USUAL_CHUNK)
    whole = explore(bounds.system(), None)
    assert (found["levels"], found["transitions"], found["tuples"], found["step_executions"]) == (
        list(whole.levels),
        whole.transitions,
        whole.tuples,
        whole.step_executions,
    )
    assert found["conclusion"] == whole.conclusion


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """The folder of a search of a few rounds."""
    assert explore(SMALL.system(), tmp_path / "search", rounds=12).stopped == "enough"
    return tmp_path / "search"


def test_a_search_goes_on_from_where_it_stands(begun: Path) -> None:
    """Real steps are run under one name of the nodes, and no state is expanded again."""
    reported, steps = list[engine.Progress](), 0
    system = SMALL.system()

    def step(local: object, event: object) -> object:
        nonlocal steps
        steps += 1
        return system.step(local, event)

    counting = replace(system, step=step)  # type: ignore[arg-type]
    limits = engine.Limits(None, 1, MEMORY, reduced=True)
    found = engine.explore(counting, limits, report=reported.append, folder=begun)
    whole = explore(system, None)
    assert counts(found) == counts(whole)
    first = next(progress for progress in reported if progress.states)
    assert 0 < first.states <= whole.states
    assert steps < whole.step_executions


def refusal(system: System, folder: Path, *, reduced: bool = True) -> str:
    """The line with which a search of `system` refuses `folder`."""
    with pytest.raises(UnusableSystemError) as refused:
        explore(system, folder, reduced=reduced)
    return str(refused.value).removeprefix(f"checkpoint {folder}: ")


@pytest.mark.parametrize(
    "other",
    [
        replace(SMALL, max_term=1),
        replace(SMALL, symmetry=False),
        replace(SMALL, pre_vote=True),
        replace(SMALL, servers=4),
        replace(SMALL, restarts=1),
    ],
)
def test_the_folder_of_another_search_is_refused(begun: Path, other: RaftBounds) -> None:
    """Other bounds, no symmetry or another configuration are told, before anything is searched."""
    assert "it is of other bounds, another network or other code" in refusal(other.system(), begun)


def test_a_search_with_and_one_without_useless_messages_are_two(begun: Path) -> None:
    """What was left out is missing in the other."""
    assert refusal(SMALL.system(), begun, reduced=False) == "it was begun without --full; go on like that"


def test_the_folder_of_a_search_by_levels_is_refused(tmp_path: Path) -> None:
    """And the other way round: both say which kind it is."""
    bounded = replace(SMALL, network=NetworkKind.UNORDERED, in_flight=2)
    explore(bounded.system(), tmp_path, rounds=100)
    assert refusal(SMALL.system(), tmp_path).startswith("it is 'by levels, ")


def test_code_that_changed_in_between_is_refused(begun: Path) -> None:
    """A step function that does something else is another system, though all its declarations are the same."""
    changed = with_other_code(SMALL.system())
    assert refusal(changed, begun).startswith("it is of other bounds, another network or other code")


def test_a_promise_that_was_sharpened_in_between_is_judged_of_all_that_was_found(begun: Path) -> None:
    """The tuples in the folder are judged again, so a promise that one of them breaks isn't said to hold."""
    changed = with_a_sharper_promise(SMALL.system())
    assert refusal(changed, begun).startswith("nobody is in term 1 is broken by a state that kept it before")


@pytest.mark.parametrize("name", ["tables", "pairs"])
def test_a_file_that_isnt_what_was_written_is_refused(begun: Path, name: str) -> None:
    """A flipped bit and a lost end are noticed."""
    (file,) = begun.glob(f"{name}*")
    content = file.read_bytes()
    file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert refusal(SMALL.system(), begun).startswith(f"{file.name} isn't what was written to it")
    file.write_bytes(content[:-1])
    assert refusal(SMALL.system(), begun).startswith(f"{file.name} is shorter than it was")
