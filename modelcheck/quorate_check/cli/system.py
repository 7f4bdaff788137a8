"""`model-check system`: a system of the user's own, by the name of what returns it."""

from typing import Annotated

import typer

from quorate_check.cli.base import STATUS, app
from quorate_check.cli.junit import suite_of
from quorate_check.cli.options import DepthOption, Engine, EngineOption, MemoryOption, WorkersOption
from quorate_check.cli.output import Output
from quorate_check.cli.path_options import path_output
from quorate_check.cli.paths import show_path
from quorate_check.cli.running import Search
from quorate_check.report import Report, print_report
from quorate_check.saved import named_system


@app.command(name="system", epilog="Example: model-check system my_protocol:system --html path.html")
@path_output()
def explore_system(
    name: Annotated[
        str,
        typer.Argument(metavar="MODULE:CALLABLE", help="What returns the System; its module is imported from here."),
    ],
    *,
    engine: EngineOption = Engine.COMPILED,
    workers: WorkersOption = None,
    depth: DepthOption = None,
    memory: MemoryOption = None,
    output: Output,
) -> int:
    """Explore a system of your own: a Python callable that returns a quorate_check.system.System."""
    search = Search.of(engine, workers, depth, memory)
    system = named_system(name)
    exploration = search.run(system, system.name, output.progress)
    report = Report(system, {}, exploration, engine.value, search.limits.workers)
    print_report(output.text, report)
    show_path(output, system, report.bounds, exploration.path, subject=name)
    output.write_json(report.as_dict())
    output.write_junit([suite_of(report)])
    return STATUS[exploration.verdict]
