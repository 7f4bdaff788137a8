"""`model-check system`: a system of the user's own, by the name that it has in its module."""

from dataclasses import replace
from typing import Annotated

import typer

from quorate_check.api.guard import Guard
from quorate_check.api.naming import named_system
from quorate_check.cli.base import STATUS, app
from quorate_check.cli.options import (
    WALK_BOUNDS,
    CheckpointOption,
    CoverageOption,
    DepthOption,
    DiskOption,
    Engine,
    EngineOption,
    FullOption,
    MemoryOption,
    WitnessOption,
    WorkersOption,
)
from quorate_check.cli.output import Output
from quorate_check.cli.path_options import path_output
from quorate_check.cli.paths import show_report
from quorate_check.cli.running import Search
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.raft.bounds import RaftBounds
from quorate_check.tell.report import Bounds, Report, bounds_of


@app.command(name="system", epilog="Example: model-check system my_protocol:system --html path.html")
@path_output()
def explore_system(
    name: Annotated[
        str,
        typer.Argument(metavar="MODULE:NAME", help="A System, or a function that returns one; imported from here."),
    ],
    *,
    witness: WitnessOption = None,
    engine: EngineOption = Engine.COMPILED,
    workers: WorkersOption = None,
    depth: DepthOption = None,
    memory: MemoryOption = None,
    checkpoint: CheckpointOption = None,
    disk: DiskOption = None,
    full: FullOption = False,
    coverage: CoverageOption = False,
    output: Output,
) -> int:
    """Explore your own quorate_check.System from a Python module."""
    search = Search.of(engine, workers, depth, memory, checkpoint, full=full, disk=disk, coverage=coverage)
    guard = Guard(as_searched(named_system(name), engine))
    system = guard.system
    with guard.enforcement():
        system, exploration = search.run_for(system, witness, output.progress)
    exploration = replace(exploration, path=guard.with_place(exploration.path))
    report = Report(
        system, bounds_of(system), exploration, engine.value, 1 if system.liveness else search.limits.workers
    )
    return STATUS[show_report(output, report, subject=name)]


SystemOption = Annotated[
    str | None,
    typer.Option(
        "--system", metavar="MODULE:NAME", help="Walk through a system of your own, named as for `model-check system`."
    ),
]


def unreduced(bounds: RaftBounds, name: str | None) -> tuple[Guard, Bounds]:
    """Return the system of random walks, without symmetry reduction: the Raft core, or the one called `name`."""
    if name is None:
        bounds = replace(bounds, symmetry=False)
        return Guard(bounds.system()), bounds.as_dict()
    if bounds != WALK_BOUNDS:
        raise UnusableSystemError(f"--system {name}: its bounds are its own; leave the other options out")
    system = replace(named_system(name), symmetry=None)
    return Guard(system), bounds_of(system)


def as_searched(system: System, engine: Engine) -> System:
    """Return `system`, without its symmetry if the search doesn't reduce by it."""
    return replace(system, symmetry=None) if engine is Engine.REFERENCE and system.symmetry else system
