"""`model-check explain`: a random walk, or the trace of a cluster, drawn as counterexamples are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from quorate.runtime.paths import is_folder, is_there
from quorate_check.api.guard import Guard
from quorate_check.cli.base import STATUS, app
from quorate_check.cli.options import WALK_BOUNDS, raft_bounds
from quorate_check.cli.output import Output
from quorate_check.cli.path_options import path_output
from quorate_check.cli.paths import draw
from quorate_check.cli.progress import Display
from quorate_check.cli.running import COMPILING, interruptible
from quorate_check.cli.system import SystemOption, unreduced
from quorate_check.core.path import Path as Steps
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.engine.walks import one_walk
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.traces.check import TraceCheck
from quorate_check.raft.traces.findings import SENTENCES, TraceFinding
from quorate_check.raft.traces.format import FORMAT
from quorate_check.raft.traces.stretch import READ, Stretch
from quorate_check.tell.path_text import Breakage, path_as_dict, path_lines
from quorate_check.tell.report import Bounds, print_conclusion, print_story
from quorate_check.tell.story import Story, story
from quorate_check.traces.reading import SUFFIX, protocol_in, trace_files

MOST_STEPS, LONGEST_WALK, MOST_SEED = 400, 10**5, 2**63 - 1

FromOption = Annotated[int, typer.Option("--from", min=1, metavar="N", help="The first step to show.")]
StepsOption = Annotated[int, typer.Option("--steps", min=1, max=MOST_STEPS, metavar="K", help="Steps to show.")]


@app.command(epilog="Example: model-check explain traces/ --from 120 --steps 40 --html run.html")
@raft_bounds(WALK_BOUNDS)
@path_output("save", "pytest", "junit", "sarif")
def explain(
    bounds: RaftBounds,
    source: Annotated[
        str,
        typer.Argument(metavar="SEED|DIR|FILE", help="The seed of a walk, a folder of traces, or one node's trace."),
    ],
    *,
    first: FromOption = 1,
    steps: StepsOption = 30,
    name: SystemOption = None,
    output: Output,
) -> int:
    """Draw a random walk, or the trace of a cluster, with its rules.

    The bounds are those of a walk. With a FILE, only its node's steps are shown, but its folder must contain the traces
    of the other nodes, too.
    """
    if source.isascii() and source.isdigit():
        return STATUS[_walk(output, unreduced(bounds, name), int(source), first, steps)]
    if name is not None:
        raise UnusableSystemError(f"--system {name}: give the seed of a walk, not {source}")
    if bounds != WALK_BOUNDS:
        raise UnusableSystemError(f"bounds are for random walks; {source} is a trace")
    return STATUS[_trace(output, Path(source), first, steps)]


def _walk(output: Output, subject: tuple[Guard, Bounds], seed: int, first: int, steps: int) -> Verdict:
    """Show some steps of a random walk."""
    if seed > MOST_SEED:
        raise UnusableSystemError(f"{seed}: a seed is at most {MOST_SEED}")
    if first + steps - 1 > LONGEST_WALK:
        raise UnusableSystemError(f"--from {first}: a walk has at most {LONGEST_WALK:,} steps")
    guard, _ = subject
    system = guard.system
    with (
        guard.enforcement(),
        interruptible(output.progress) as stop,
        Display(output.progress, f"walk {seed}", COMPILING, str),
    ):
        walk = one_walk(system, first + steps - 1, seed, stop)
    length = len(walk.steps)
    if length < first:
        raise UnusableSystemError(f"--from {first}: this walk ends after {length} steps")
    begin = walk.initial if first == 1 else walk.steps[first - 2].after
    assert begin is not None, "only a walk's last step may lead nowhere"
    stretch = replace(walk, initial=begin, steps=walk.steps[first - 1 :])
    picture = story(system, stretch, first=first)
    conclusion = (
        f"{picture.broken} breaks in step {length}" if picture.broken else f"steps {first} to {length} of walk {seed}"
    )
    _show(output, system, stretch, picture, conclusion)
    return Verdict.VIOLATED if picture.broken else Verdict.HOLDS


def _trace(output: Output, source: Path, first: int, steps: int) -> Verdict:
    """Show some steps of a cluster's trace, up to the first that the specification doesn't explain."""
    try:
        folder = source if is_folder(source) else source.parent
        is_trace = source.suffix == SUFFIX and is_there(source)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UnusableSystemError(f"{source}: {reason}") from error
    if protocol_in(folder) == "bft":
        raise UnusableSystemError(f"{folder}: these are traces of BFT members: model-check trace judges and draws them")
    node = None
    if source != folder:
        if not is_trace:
            hint = "; model-check replay shows a saved path" if source.suffix == ".json" else ""
            raise UnusableSystemError(f"{source}: this is no seed, no folder of traces and no trace (*{SUFFIX}){hint}")
        node = next(
            (file.node for file in trace_files(folder, FORMAT) if source in [part.path for part in file.parts]), None
        )
        if node is None:
            raise UnusableSystemError(f"{source}: this trace is empty")
    stretch = Stretch(first, steps, node)
    check = TraceCheck(folder, stretch.add_line)
    files = [member.file for member in check.members]
    founders = next((file.members for file in files if file.members), ())
    stretch.begin(founders, (file.node for file in files if file.node not in founders))
    with (
        interruptible(output.progress) as stop,
        Display(output.progress, "explain", "reading", str) as display,
    ):
        check.run(lambda: stretch.full or stop(), display.report)
    if check.stopped not in {None, READ}:
        print_conclusion(output.text, Verdict.UNKNOWN, f"unknown: {check.stopped}")
        return Verdict.UNKNOWN
    if not stretch.steps and check.finding is None:
        raise UnusableSystemError(f"--from {first}: there are {stretch.count_so_far} steps in {source}")
    system, path = stretch.system(), stretch.path()
    picture = story(system, path, stretch.rules, first)
    if check.finding is not None:
        picture = _with_finding(picture, check.finding)
    last_step = first + len(path.steps) - 1
    conclusion = f"steps {first} to {last_step} of {source}: each is explained by the specification"
    _show(output, system, path, picture, picture.conclusion or conclusion)
    return Verdict.VIOLATED if check.finding is not None else Verdict.HOLDS


def _with_finding(picture: Story, finding: TraceFinding) -> Story:
    breakage = Breakage(SENTENCES[finding.rule], (), f"{finding.place}: {finding.what}.")
    return replace(picture, broken=finding.rule.value, breakage=breakage)


def _show(output: Output, system: System, path: Steps, picture: Story, conclusion: str) -> None:
    words = path_lines(system, path, output.text.width, picture.first)
    print_story(output.text, picture, words, detail=output.paths.detail)
    print_conclusion(output.text, Verdict.VIOLATED if picture.broken else Verdict.HOLDS, conclusion)
    draw(output, picture)
    output.write_json({**path_as_dict(system, path), "first": picture.first, "conclusion": conclusion})
