"""Whatever goes wrong, promises hold; and when nothing goes wrong any more, everything comes right.

Hypothesis draws the scenarios and shrinks those that fail. A failure ends with the command that replays it.
"""

import json
import os
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings

from nightly import EXAMPLES
from patience import PROGRAM_S
from quorate.raft_server.interfaces import Spoken
from quorate_check.history.operations import OperationOutcome
from simulation.judge import judge, replay_command
from simulation.loop import SimulationError
from simulation.scenario import Fault, Kind, Scenario, scenarios
from simulation.world import Run
from traced_cluster import judged

ROOT = Path(__file__).resolve().parents[2]

CRASHES = (Kind.CRASH, Kind.POWER_CUT, Kind.STOP, Kind.PAUSE)
CABLES = (Kind.ISOLATE, Kind.DEAFEN, Kind.MUTE, Kind.CUT, Kind.SPLIT)
WEATHER = (Kind.LOSE, Kind.REPEAT, Kind.DELAY, Kind.LATE)
DISKS = (Kind.SLOW_DISK, Kind.FULL_DISK, Kind.BREAK_DISK)
KINDS = {
    "crashes": CRASHES,
    "cables": (*CABLES, *WEATHER),
    "disks": (*DISKS, *CRASHES),
    "crashes and cables": (*CRASHES, *CABLES),
    "everything": tuple(kind for kind in Kind if kind is not Kind.WIPE),
    "replaced disks": (Kind.WIPE, Kind.CRASH, Kind.STOP, Kind.PAUSE, Kind.ISOLATE, Kind.SPLIT),
}

CHANGES = ("add", "join", "promote", "replace", "remove", "address", "transfer")

EXHAUSTING = Scenario(
    seed=2,
    lasts_ms=6_000,
    faults=(
        Fault(Kind.ISOLATE, at_ms=600, for_ms=2_000, target=2),
        Fault(Kind.CRASH, at_ms=3_000, for_ms=200, amount=20),
        Fault(Kind.STOP, at_ms=3_700, for_ms=250),
        Fault(Kind.SPLIT, at_ms=4_000, for_ms=1_500, amount=0b001),
        Fault(Kind.SPLIT, at_ms=4_000, for_ms=1_500, amount=0b010),
        Fault(Kind.STOP, at_ms=5_900, for_ms=300),
    ),
    snapshot_bytes=1_000,
    traced=True,
)
INTERRUPTED = Scenario(
    seed=2,
    faults=(
        Fault(Kind.SLOW_DISK, at_ms=500, for_ms=2_500, amount=30),
        Fault(Kind.CRASH, at_ms=1_000, for_ms=200),
        Fault(Kind.SLOW_DISK, at_ms=1_400, for_ms=1_500, amount=30),
        Fault(Kind.POWER_CUT, at_ms=1_800, for_ms=200),
    ),
    traced=True,
)
LOSES = Scenario(seed=1, faults=(Fault(Kind.POWER_CUT, at_ms=1_500, for_ms=100),), lying_disks=True)


def run(scenario: Scenario) -> Run:
    """Judge a scenario; if it fails, say how to replay it."""
    try:
        return judge(scenario)
    except SimulationError as broken:
        pytest.fail(f"{broken}\n\nTo replay this:\n{replay_command(scenario)}", pytrace=False)


@pytest.mark.parametrize("theme", KINDS)
def test_promises_hold_whatever_goes_wrong(theme: str) -> None:
    """Safety while faults last, then liveness; see simulation.checks, simulation.world and simulation.judge."""
    # Cables alone seldom leave clients in doubt.
    counts = counts_of(KINDS[theme], by_day=50 if theme == "cables" else 20)
    # Not vacuous: every kind of fault has come, and clients learned what they wanted and were left in doubt.
    expected = {*(kind.value for kind in KINDS[theme]), OperationOutcome.DONE.value, OperationOutcome.UNKNOWN.value}
    if Kind.WIPE in KINDS[theme]:
        expected.add("replaced")
    assert expected <= {what for what, times in counts.items() if times}


def counts_of(kinds: Sequence[Kind], by_day: int, most_changes: int = 0) -> Counter[str]:
    """Run so many scenarios of these kinds, more by night; return how often what has happened."""
    counts = Counter[str]()

    # Hypothesis likes to leave kinds out, so each has its turn.
    for kind in kinds:

        @settings(
            max_examples=-(-(EXAMPLES or by_day) // len(kinds)),
            deadline=None,
            derandomize=not EXAMPLES,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        )
        @given(scenario=scenarios(kinds, kind, most_changes))
        def holds(scenario: Scenario) -> None:
            counts.update(run(scenario).counts)

        holds()
    return counts


def test_promises_hold_while_members_change_whatever_goes_wrong() -> None:
    """And in the end every member has everything, and the members are those that the operator was told."""
    counts = counts_of(KINDS["everything"], by_day=50, most_changes=8)
    assert {f"{kind} done" for kind in CHANGES} <= {what for what, times in counts.items() if times}


def test_everything_that_servers_say_is_said_in_a_simulation() -> None:
    """Five runs have every message, also a snapshot's, and every outcome; and they are judged in full."""
    counts = sum((run(replace(EXHAUSTING, seed=seed)).counts for seed in range(5)), start=Counter[str]())
    messages = {kind.__name__ for kind in get_args(Spoken)}
    # APPLIED is what a client hasn't seen.
    outcomes = {outcome.value for outcome in OperationOutcome if outcome is not OperationOutcome.APPLIED}
    assert messages | outcomes <= {what for what, times in counts.items() if times}


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_writes_that_crashes_lose_are_explained_by_disks_that_stalled(seed: int, tmp_path: Path) -> None:
    """Slow disks have writes of leaders and of followers before them when the power is cut."""
    judge(replace(INTERRUPTED, seed=seed), keep=tmp_path)
    check = judged(tmp_path / "traces")
    assert check.finding is None
    assert check.counts.lossy_restarts == 3
    stalled = {sequence[1:] for sequence in check.sequences if sequence[:1] == ("stall_disk",)}
    assert ("handle_append_entries",) in stalled
    assert "client_request" in {name for sequence in stalled for name in sequence}


def replayed(scenario: Scenario, hash_seed: int) -> tuple[int, str]:
    """Exit status and output of the command that replays a scenario."""
    command = shlex.split(replay_command(scenario))
    done = subprocess.run(
        [sys.executable, *command[1:]],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        timeout=PROGRAM_S,
        check=False,
    )
    assert not done.stderr
    return done.returncode, done.stdout


def test_a_run_depends_on_its_scenario_alone() -> None:
    """The same events at the same times, here and in other processes with other hash seeds."""
    here = run(EXHAUSTING).digest
    for hash_seed in (1, 2):
        status, output = replayed(EXHAUSTING, hash_seed)
        assert (status, json.loads(output)["digest"]) == (0, here)
    assert run(replace(EXHAUSTING, seed=3)).digest != here


def test_a_failure_can_be_replayed() -> None:
    """Disks that acknowledge what they then lose break promises, and the command that is printed shows the same."""
    with pytest.raises(pytest.fail.Exception) as failed:
        run(LOSES)
    broken, _, rest = str(failed.value).partition("\n")
    assert rest.strip() == f"To replay this:\n{replay_command(LOSES)}"
    assert replayed(LOSES, 1) == (1, f"{broken}\n")


def test_what_a_replay_leaves_can_be_judged_by_the_commands(tmp_path: Path) -> None:
    """The history and the traces are in the folder, for a look at what happened."""
    folder = tmp_path / "kept"
    command = [*shlex.split(replay_command(EXHAUSTING))[1:], str(folder)]
    subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, timeout=PROGRAM_S, check=True)
    for command in (["history", str(folder / "history.ndjson")], ["trace", str(folder / "traces")]):
        model_check = Path(sys.executable).with_name("model-check")
        done = subprocess.run([model_check, *command], capture_output=True, text=True, timeout=PROGRAM_S, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_no_scenario_is_refused_in_one_line() -> None:
    """The line says what was wrong."""
    command = [sys.executable, "tests/simulation/replay.py"]
    done = subprocess.run(
        [*command, '{"seed": "x"}'], cwd=ROOT, capture_output=True, text=True, timeout=PROGRAM_S, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "Expected `int`, got `str` - at `$.seed`" in done.stderr
