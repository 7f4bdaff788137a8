"""The commands. Each returns its exit status: 0 holds, 1 violated, 2 unusable, 3 unknown."""

import importlib.metadata
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

import quorate_check.cli.explain
import quorate_check.cli.explore
import quorate_check.cli.learn
import quorate_check.cli.liveness
import quorate_check.cli.outside
import quorate_check.cli.prove
import quorate_check.cli.store
import quorate_check.cli.system  # noqa: F401 - the commands register themselves
from quorate.generals import Protocol
from quorate_check.api.guard import Guard
from quorate_check.api.registry import picture_of, system_of
from quorate_check.bft.bounds import BftBounds
from quorate_check.bft.good_views_bounds import GoodViewsBounds
from quorate_check.cli import mutants as _  # noqa: F401 - registers itself
from quorate_check.cli.base import NAME, STATUS, UNUSABLE, app
from quorate_check.cli.bft import check_bft, check_liveness
from quorate_check.cli.conform import conform as check_conformance
from quorate_check.cli.conform import conform_bft
from quorate_check.cli.default import run_default_check
from quorate_check.cli.generals import InstanceOptions, MethodName
from quorate_check.cli.generals import generals as examine_generals
from quorate_check.cli.history import HELP as HISTORY_HELP
from quorate_check.cli.history import SearchLimitOption, SvgOption
from quorate_check.cli.history import history as judge_history
from quorate_check.cli.junit import suite_of_replay, suite_of_walks
from quorate_check.cli.ladder import ladder as climb_ladder
from quorate_check.cli.measuring import Part, run_benchmark
from quorate_check.cli.options import (
    SEARCH_BOUNDS,
    WALK_BOUNDS,
    CheckpointOption,
    CoverageOption,
    DepthOption,
    DiskOption,
    Engine,
    EngineOption,
    FullOption,
    JsonOption,
    MemoryOption,
    RayOption,
    WitnessOption,
    WorkersOption,
    raft_bounds,
)
from quorate_check.cli.output import Output, PathFiles, discard_output
from quorate_check.cli.path_options import path_output
from quorate_check.cli.paths import show_path, show_report, write_path
from quorate_check.cli.progress import Display
from quorate_check.cli.running import COMPILING, Search, interruptible
from quorate_check.cli.spec import cover, list_names, show_texts
from quorate_check.cli.spec_options import spec_bounds
from quorate_check.cli.system import SystemOption, unreduced
from quorate_check.cli.trace import FollowOption, check_traces
from quorate_check.cli.traitor import PromiseOption, QuorumOption, TraitorOption, with_traitor
from quorate_check.core.system import UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.engine.walks import simulate as random_walks
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.spec import SpecBounds
from quorate_check.tell.progress import walks_line
from quorate_check.tell.report import Report
from quorate_check.tell.report_walks import SimulationReport, print_replay, print_simulation, replay_as_dict
from quorate_check.tell.saved import load, replay

MOST_WALKS, LONGEST_WALK, MOST_SEEDS = 10**9, 10**6, 2**63 - 1
INTERRUPTED = 130  # typer's exit status after Ctrl-C


def _print_version(flag: bool) -> None:  # noqa: FBT001 - typer calls it
    if flag:
        sys.stdout.write(f"{NAME} {importlib.metadata.version('quorate')}\n")
        raise typer.Exit


@app.callback()
@path_output()
def default_check(
    context: typer.Context,
    workers: WorkersOption = None,
    memory: MemoryOption = None,
    *,
    output: Output,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> int:
    """Run the default check, unless a command was given."""
    if (command := context.invoked_subcommand) is not None:
        if (workers, memory, output.has_options) != (None, None, False):
            raise UnusableSystemError(f"options come after the command: {NAME} {command} ...")
        return 0
    return STATUS[run_default_check(output, Search.of(Engine.COMPILED, workers, None, memory))]


@app.command(epilog="Example: model-check raft --servers 3 --drops 1 --storage async --restarts 1 --save path.json")
@raft_bounds(SEARCH_BOUNDS)
@path_output()
def raft(
    bounds: RaftBounds,
    *,
    traitor: TraitorOption = None,
    quorum: QuorumOption = None,
    promise: PromiseOption = None,
    witness: WitnessOption = None,
    engine: EngineOption = Engine.COMPILED,
    workers: WorkersOption = None,
    depth: DepthOption = None,
    memory: MemoryOption = None,
    checkpoint: CheckpointOption = None,
    disk: DiskOption = None,
    ray: RayOption = None,
    full: FullOption = False,
    coverage: CoverageOption = False,
    output: Output,
) -> int:
    """Explore the Raft core exhaustively within bounds of your own."""
    search = Search.of(engine, workers, depth, memory, checkpoint, full=full, disk=disk, ray=ray, coverage=coverage)
    if engine is Engine.REFERENCE:
        bounds = replace(bounds, symmetry=False)  # the reference search has no symmetry reduction
    explored = with_traitor(bounds, traitor, quorum, promise)
    system, exploration = search.run_for(explored.system(), witness, output.progress)
    report = Report(system, explored.as_dict(), exploration, engine.value, search.limits.workers, claim=explored.claim)
    return STATUS[show_report(output, report)]


@app.command(epilog="Example: model-check ladder --rung 4")
@path_output()
def ladder(
    *,
    rung: Annotated[
        int | None, typer.Option("--rung", metavar="K", help="Search this rung only, with its path.")
    ] = None,
    workers: WorkersOption = None,
    memory: MemoryOption = None,
    output: Output,
) -> int:
    """Add rules to Raft until it tolerates a traitor. Exit status 1 if a rung isn't as claimed."""
    search = Search.of(Engine.COMPILED, workers, None, memory)
    return STATUS[climb_ladder(output, search, rung)]


@app.command(epilog="Example: model-check simulate --servers 5 --max-term 5, or --system my_protocol:system")
@raft_bounds(WALK_BOUNDS)
@path_output()
def simulate(
    bounds: RaftBounds,
    *,
    walks: Annotated[int, typer.Option("--walks", min=1, max=MOST_WALKS, help="The number of random walks.")] = 10_000,
    depth: Annotated[int, typer.Option("--depth", min=1, max=LONGEST_WALK, help="The most steps of a walk.")] = 200,
    seed: Annotated[int, typer.Option("--seed", min=0, max=MOST_SEEDS, help="The seed of the walks.")] = 1,
    name: SystemOption = None,
    output: Output,
) -> int:
    """Take random walks through the Raft core or your own system. Bounds may be too large for a search."""
    guard, described_bounds = unreduced(bounds, name)
    system = guard.system
    with (
        guard.enforcement(),
        interruptible(output.progress) as stop,
        Display(output.progress, "random walks", COMPILING, walks_line) as display,
    ):
        simulation = random_walks(system, walks, depth, seed, stop=stop, report=display.report)
    simulation = replace(simulation, path=guard.with_place(simulation.path))
    report = SimulationReport(system, described_bounds, simulation)
    print_simulation(output.text, report)
    show_path(output, system, report.bounds, simulation.path, subject=name)
    output.write_json(report.as_dict())
    output.write_junit([suite_of_walks(report)])
    return STATUS[simulation.verdict]


@app.command(name="replay", epilog="Example: model-check replay path.json --html path.html")
@path_output("save")
def replay_saved(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A path from --save.")],
    *,
    output: Output,
) -> int:
    """Replay a saved path on the current code. Exit status 1 if a promise still breaks, 3 if a step is impossible."""
    saved = load(file)
    guard = Guard(system_of(saved))
    system = guard.system
    with guard.enforcement():
        result = replay(saved, system)
    result = replace(result, path=guard.with_place(result.path))
    print_replay(output.text, *picture_of(system, result.possible_path), result, detail=output.paths.detail)
    write_path(output, system, result.possible_path, saved)
    output.write_json(replay_as_dict(system, result))
    output.write_junit([suite_of_replay(system, result)])
    return STATUS[result.verdict]


@app.command(epilog="Example: model-check conform --servers 3 --max-log 1 --snapshots 1")
@raft_bounds(SEARCH_BOUNDS)
@path_output()
def conform(
    bounds: RaftBounds,
    *,
    workers: WorkersOption = None,
    depth: DepthOption = None,
    memory: MemoryOption = None,
    output: Output,
) -> int:
    """Explain every step of the Raft core by its specification. The bounds are yours or a built-in list."""
    # A full search: steps that are run only to find useless messages would count as steps of the code.
    return STATUS[check_conformance(output, bounds, Search.of(Engine.COMPILED, workers, depth, memory))]


@app.command(epilog="Example: model-check bft --servers 7 --traitors 2 --max-view 1")
@path_output()
def bft(
    servers: Annotated[
        int, typer.Option("--servers", min=2, max=7, help="Members of the cluster, traitors included.")
    ] = 4,
    traitors: Annotated[int, typer.Option("--traitors", min=1, max=6, help="Members that are traitors.")] = 1,
    max_view: Annotated[int, typer.Option("--max-view", min=1, max=6, help="The last view.")] = 3,
    *,
    lock: Annotated[bool, typer.Option("--lock/--no-lock", help="Keep the lock rule.")] = True,
    decisions: Annotated[bool, typer.Option("--decisions/--no-decisions", help="Let members learn decisions.")] = True,
    goes_on: Annotated[
        bool, typer.Option("--goes-on", help="Also run each state on into a later view, in which all must decide.")
    ] = False,
    liveness: Annotated[
        bool,
        typer.Option("--liveness", help="Instead, check that all decide after the traitor's view, under fairness."),
    ] = False,
    conform: Annotated[
        bool, typer.Option("--conform", help="Instead, explain every step of a member by its specification.")
    ] = False,
    witness: WitnessOption = None,
    workers: WorkersOption = None,
    depth: DepthOption = None,
    memory: MemoryOption = None,
    disk: DiskOption = None,
    coverage: CoverageOption = False,
    output: Output,
) -> int:
    """Explore the BFT core among traitors. Without bounds of yours, controls that must fail run, too."""
    bounds = BftBounds(servers, traitors, max_view, lock, decisions, goes_on)
    # A full search: with at most one message in flight, hardly any states differ only in useless messages.
    search = Search.of(Engine.COMPILED, workers, depth, memory, disk=disk, coverage=coverage)
    if not conform and not liveness:
        return STATUS[check_bft(output, bounds, search, witness)]
    if (bounds, witness, coverage, conform and liveness) != (BftBounds(), None, False, False):
        flag = "--conform" if conform else "--liveness"
        raise UnusableSystemError(f"{flag}: its bounds are built in; leave the other options out")
    return STATUS[conform_bft(output, search) if conform else check_liveness(output, search, GoodViewsBounds())]


@app.command(epilog="Example: model-check generals --protocol om --n 4 --traitors 1 --rounds 1")
@path_output("save", "pytest", "detail", "sarif")
def generals(
    *,
    protocol: Annotated[
        Protocol | None, typer.Option("--protocol", help="The protocol of an instance of your own.")
    ] = None,
    n: Annotated[int | None, typer.Option("--n", help="The number of generals, traitors included.")] = None,
    traitors: Annotated[int | None, typer.Option("--traitors", help="The number of traitors.")] = None,
    rounds: Annotated[
        int | None,
        typer.Option("--rounds", help="The m of OM(m), SM(m): m + 1 rounds, or phases.", show_default="traitors"),
    ] = None,
    loss: Annotated[bool, typer.Option("--loss", help="Messengers lose any message.")] = False,
    forge: Annotated[bool, typer.Option("--forge", help="Messengers change any order, or forge signatures.")] = False,
    method: Annotated[
        MethodName | None, typer.Option("--method", help="How to examine OM.", show_default="the simplest that can")
    ] = None,
    output: Output,
) -> int:
    """Check claims about the Byzantine generals over all runs. Or check an instance of your own."""
    options = InstanceOptions(protocol, n, traitors, rounds, loss, forge, method)
    return STATUS[examine_generals(output, options)]


@app.command(epilog="Example: model-check trace traces/")
@path_output("save", "pytest", "detail", "sarif")
def trace(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with traces of quorate serve, as *.ndjson.")],
    *,
    follow: FollowOption = False,
    output: Output,
) -> int:
    """Check that the specification explains the traces of a cluster. It must explain each step of each server."""
    return STATUS[check_traces(output, folder, follow=follow)]


@app.command(help=HISTORY_HELP, epilog="Example: model-check history history.ndjson --svg broken.svg")
def history(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="One operation a line, as JSON.")],
    *,
    limit: SearchLimitOption = 300,
    memory: Annotated[float, typer.Option("--memory", min=0, metavar="GIB", help="The most memory.")] = 4,
    svg: SvgOption = None,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Draw them as a page, with the verdict and its reason.")
    ] = None,
    junit: Annotated[
        str | None, typer.Option("--junit", metavar="FILE", help="Write a report for CI: a test case for each key.")
    ] = None,
    json: JsonOption = None,
) -> int:
    """Decide whether a history of a store's clients is linearizable."""
    return STATUS[judge_history(Output.to(json, PathFiles(html=html), junit), file, limit, memory, svg)]


@app.command(epilog="Example: model-check spec --describe HandleAppendEntries")
@spec_bounds
@path_output()
def spec(
    bounds: SpecBounds | None,
    *,
    describe: Annotated[
        str | None, typer.Option("--describe", metavar="NAME", help="Print an action's or invariant's two texts.")
    ] = None,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Search Raft's in Python within bounds; report what of it never ran.")
    ] = False,
    output: Output,
) -> int:
    """List the specification's actions and invariants, or print one. It is printed in TLA+ and in Python."""
    if coverage and describe is None:
        return STATUS[cover(output, bounds or SpecBounds())]
    if coverage or bounds is not None or output.has_options:
        raise UnusableSystemError("spec: bounds and reports go with --coverage alone")
    if describe is None:
        list_names()
    else:
        show_texts(describe)
    return 0


@app.command(epilog="Example: model-check bench --only election --json bench.json")
def bench(
    *,
    only: Annotated[
        Part | None,
        typer.Option(
            "--only", help="Our searches of the cores, or one model under us, Spin and TLC.", show_default="both"
        ),
    ] = None,
    json: JsonOption = None,
) -> int:
    """Measure the search beside plain Python, Spin and TLC. Also with two workers, and with symmetry."""
    return STATUS[run_benchmark(Output.to(json), only)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; a user's mistake ends in one line and status 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        status = int(typer.main.get_command(app).main(arguments, prog_name=NAME, standalone_mode=False) or 0)
    except (typer.TyperException, UnusableSystemError) as error:
        return _refuse(error.format_message() if isinstance(error, typer.TyperException) else str(error))
    except SystemExit:  # typer raises it if the reader of --help or --version has closed the pipe
        discard_output(sys.stdout)
        return 0
    except OSError as error:
        discard_output(sys.stdout)
        return _refuse(f"standard output can't be written: {error.strerror}")
    if status == INTERRUPTED:  # Ctrl-C outside of `interruptible`
        sys.stderr.write(f"{NAME}: unknown: interrupted before anything was found\n")
        return STATUS[Verdict.UNKNOWN]
    return status


def _refuse(reason: str) -> int:
    sys.stderr.write(f"{NAME}: {' '.join(reason.split())}\n")
    return UNUSABLE
