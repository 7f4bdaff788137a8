"""A scenario, run and judged: by what was watched while it ran, by the history of its clients, and by its traces."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from quorate_check.core.verdict import Verdict
from quorate_check.history.budget import Budget, resident_bytes
from quorate_check.history.check import check
from quorate_check.history.operations import History
from quorate_check.raft.traces.check import TraceCheck
from simulation.checks import BrokenPromiseError
from simulation.scenario import Scenario
from simulation.world import Run, World

LINEARIZABLE = "the history is linearizable"
CONFORMS = "the traces conform"
MOST_BYTES = 1 << 30
PYTHON = ".venv/bin/python"


def replay_command(scenario: Scenario) -> str:
    """Return what runs `scenario` again, from the top of the repository."""
    return f"{PYTHON} tests/simulation/replay.py '{scenario.as_json()}'"


def judge(scenario: Scenario, only: frozenset[str] | None = None, keep: Path | None = None) -> Run:
    """Run `scenario`; BrokenPromiseError if a promise is broken. `only` names the checks to judge by, all if None.

    The folder `keep` gets the file history.ndjson and, if the scenario is traced, the folder traces.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory())) if keep is None else keep
        traces = folder / "traces"
        if scenario.traced:
            traces.mkdir()
        world = World(scenario, traces if scenario.traced else None, only)
        try:
            run = world.run()
        finally:
            if keep is not None:
                world.record.recorder.save(keep / "history.ndjson")
        if only is None or LINEARIZABLE in only:
            _judge_history(run.history)
        if scenario.traced and (only is None or CONFORMS in only):
            _judge_traces(traces)
    return run


def _judge_history(history: History) -> None:
    # What this process occupies already, tests before this one may have left.
    judgement = check(history, Budget(bytes=resident_bytes() + MOST_BYTES))
    if (first := judgement.first_break) is not None:
        broken = first.broken.operation
        asked = " ".join((broken.name, *broken.arguments))
        raise BrokenPromiseError(LINEARIZABLE, f"{broken.client} can't be told {broken.reply!r} when it asks {asked!r}")
    if judgement.verdict is not Verdict.HOLDS:
        raise BrokenPromiseError(LINEARIZABLE, f"this was not decided: {[part.stopped for part in judgement.parts]}")


def _judge_traces(folder: Path) -> None:
    traces = TraceCheck(folder)
    traces.run(lambda: None, lambda _: None)
    if traces.finding is not None:
        raise BrokenPromiseError(CONFORMS, str(traces.finding))
