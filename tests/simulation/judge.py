"""A scenario, run and judged: by what was watched while it ran, by the history of its clients, and by its traces."""

from pathlib import Path
from tempfile import TemporaryDirectory

from quorate_check.conformance.traces.check import TraceCheck
from quorate_check.history.operations import History
from quorate_check.history.parts import place, split
from quorate_check.history.problem import problem
from quorate_check.history.search import search
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


def judge(scenario: Scenario, only: frozenset[str] | None = None) -> Run:
    """Run `scenario`; BrokenPromiseError if a promise is broken. `only` names the checks to judge by, all if None."""
    with TemporaryDirectory() as folder:
        traces = Path(folder) if scenario.traced else None
        run = World(scenario, traces, only).run()
        if only is None or LINEARIZABLE in only:
            _judge_history(run.history)
        if traces is not None and (only is None or CONFORMS in only):
            _judge_traces(traces)
    return run


def _judge_history(history: History) -> None:
    for part in split(place(history.operations)):
        found = search(problem(part), lambda used: "it takes too much memory" if used > MOST_BYTES else None)
        if found.stopped is not None:
            raise BrokenPromiseError(LINEARIZABLE, f"keys {part.keys}: not decided, {found.stopped}")
        if not found.complete:
            raise BrokenPromiseError(LINEARIZABLE, f"keys {part.keys}: there is no order of the operations")


def _judge_traces(folder: Path) -> None:
    check = TraceCheck(folder)
    check.run(lambda: None, lambda _: None)
    if check.finding is not None:
        raise BrokenPromiseError(CONFORMS, str(check.finding))
