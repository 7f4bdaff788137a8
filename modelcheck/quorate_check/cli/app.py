"""The commands. Each returns its exit status: 0 holds, 1 violated, 2 unusable, 3 unknown."""

import importlib.metadata
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from quorate_check.cli.options import (
    DepthOption,
    Engine,
    EngineOption,
    JsonOption,
    MemoryOption,
    SaveOption,
    WorkersOption,
    raft_bounds,
)
from quorate_check.cli.output import Output
from quorate_check.cli.running import Search
from quorate_check.default_check import DEFAULT_CHECK
from quorate_check.report import Report, Summary, print_path, print_report, print_summary
from quorate_check.subjects.raft_bounds import RaftBounds
from quorate_check.system import UnusableSystemError
from quorate_check.verdict import Verdict

STATUS = {Verdict.HOLDS: 0, Verdict.VIOLATED: 1, Verdict.UNKNOWN: 3}
UNUSABLE = 2
NAME = "model-check"

app = typer.Typer(
    name=NAME,
    help="Explore the code that runs, in every interleaving within bounds. Without a command: the default check.",
    epilog="Exit status: 0 holds, 1 violated, 2 unusable arguments, 3 unknown. Example: model-check --json report.json",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it
    if wanted:
        sys.stdout.write(f"{NAME} {importlib.metadata.version('quorate')}\n")
        raise typer.Exit


@app.callback()
def default_check(
    context: typer.Context,
    workers: WorkersOption = None,
    memory: MemoryOption = None,
    *,
    json: JsonOption = None,
    save: SaveOption = None,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> int:
    """Run the default check, unless a command was given."""
    if context.invoked_subcommand is not None:
        return 0
    output = Output.to(json, save)
    search = Search.of(Engine.COMPILED, workers, None, memory)
    reports: list[Report] = []
    for number, run in enumerate(DEFAULT_CHECK, start=1):
        name = f"{number}/{len(DEFAULT_CHECK)} {run.name}"
        system = run.bounds.system()
        exploration = search.run(system, name, output.progress)
        reports.append(
            Report(
                system,
                run.bounds.as_dict(),
                exploration,
                workers=search.limits.workers,
                name=run.name,
                purpose=run.purpose,
            )
        )
        if exploration.stopped is not None or exploration.path is not None:
            break
    summary = Summary(tuple(reports), len(DEFAULT_CHECK))
    print_summary(output.text, summary)
    _show_path(output, reports[-1])
    output.write_json(summary.as_dict())
    return STATUS[summary.verdict]


@app.command(epilog="Example: model-check raft --servers 3 --drops 1 --storage async --restarts 1 --save path.json")
@raft_bounds
def raft(
    bounds: RaftBounds,
    *,
    engine: EngineOption = Engine.COMPILED,
    workers: WorkersOption = None,
    depth: DepthOption = None,
    memory: MemoryOption = None,
    json: JsonOption = None,
    save: SaveOption = None,
) -> int:
    """Explore the Raft core exhaustively within bounds of your own."""
    output = Output.to(json, save)
    search = Search.of(engine, workers, depth, memory)
    if engine is Engine.REFERENCE:
        bounds = replace(bounds, symmetry=False)  # it reduces nothing, and its report shouldn't say so
    system = bounds.system()
    exploration = search.run(system, system.name, output.progress)
    report = Report(system, bounds.as_dict(), exploration, engine.value, search.limits.workers)
    print_report(output.text, report)
    _show_path(output, report)
    output.write_json(report.as_dict())
    return STATUS[exploration.verdict]


def _show_path(output: Output, report: Report) -> None:
    """Print the path of a violation, if there is one, and save it if that was asked for."""
    path = report.exploration.path
    if path is not None:
        print_path(output.text, report.system, path, hint=output.save_file is None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; what a user can get wrong ends in one line and status 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        return int(typer.main.get_command(app).main(arguments, prog_name=NAME, standalone_mode=False) or 0)
    except (typer.TyperException, UnusableSystemError) as error:
        said = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        sys.stderr.write(f"{NAME}: {' '.join(said.split())}\n")
        return UNUSABLE
