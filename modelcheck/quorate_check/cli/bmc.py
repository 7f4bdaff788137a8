"""`model-check bmc`: the shortest way to break a broken specification, by z3, and by the search that judges it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from quorate_check.cli.base import STATUS, app
from quorate_check.cli.options import Engine, JsonOption
from quorate_check.cli.output import Output
from quorate_check.cli.progress import Display, announce
from quorate_check.cli.prove import require_z3
from quorate_check.cli.running import COMPILING, Search, interruptible
from quorate_check.engine import Limits
from quorate_check.progress import search_line
from quorate_check.report import print_conclusion, print_path
from quorate_check.system import System, UnusableSystemError
from quorate_check.verdict import Exploration, Verdict

if TYPE_CHECKING:
    from quorate_check.proofs.unrolled.agreement import Agreement
    from quorate_check.proofs.unrolled.rules import Bug

USUAL_DEPTH = 24
USUAL_LIMIT_S = 300.0


@app.command(epilog="Example: model-check bmc --bug E3 --depth 14")
def bmc(
    *,
    bug: Annotated[str | None, typer.Option("--bug", metavar="ID", help="Only this bug [usually every one].")] = None,
    depth: Annotated[int, typer.Option("--depth", metavar="K", min=1, help="Steps, at most.")] = USUAL_DEPTH,
    limit: Annotated[
        float,
        typer.Option("--limit", min=0.001, help="Work for each length, in seconds of an idle core."),
    ] = USUAL_LIMIT_S,
    json: JsonOption = None,
) -> int:
    """Find with z3 the shortest violation of a specification with a known bug, and hold it against the search."""
    output = Output.to(json)
    require_z3()
    bugs = chosen(bug)
    if bug is None:
        announce(output.progress, "bmc", "some minutes")
    found: list[Agreement] = []
    for each in bugs:
        found.append(compare(output, each, depth, limit))
        _print(output, found[-1], whole=len(bugs) == 1)
        if (found[-1].there.stopped or found[-1].here.stopped) in {"interrupted", "terminated"}:
            break
    verdict, told = conclude(found, len(bugs))
    print_conclusion(output.text, verdict, told)
    output.write_json({"verdict": verdict.value, "conclusion": told, "bugs": [each.as_dict() for each in found]})
    return STATUS[verdict]


def chosen(bug: str | None) -> tuple[Bug, ...]:
    """Return the bug of this name, or all; raise UnusableSystemError if there is none."""
    from quorate_check.proofs.unrolled.rules import BUGS  # noqa: PLC0415 - z3 is an extra

    found = tuple(each for each in BUGS if bug in {None, each.id})
    if not found:
        raise UnusableSystemError(f"--bug {bug}: unrolled are {', '.join(each.id for each in BUGS)}")
    return found


def compare(output: Output, bug: Bug, depth: int, limit: float) -> Agreement:
    """Search a bug by z3 and state by state, until it is interrupted."""
    from quorate_check.proofs.unrolled import agreement  # noqa: PLC0415 - z3 is an extra

    with interruptible(output.progress) as stop:

        def explored(system: System) -> Exploration:
            # One process: the bug is in the specification of this one only.
            search = Search(Engine.COMPILED, Limits(depth, 1, None))
            with Display(output.progress, f"{bug.id} by search", COMPILING, search_line) as display:
                return search.explore(system, stop, display)

        with Display(output.progress, f"{bug.id} by z3", "unrolling", "{0} steps".format) as display:
            return agreement.compare(bug, depth, limit, stop=stop, report=display.report, search=explored)


def conclude(found: list[Agreement], wanted: int) -> tuple[Verdict, str]:
    """Return the verdict on all bugs, in a line."""
    verdicts = {each.verdict for each in found}
    if Verdict.VIOLATED in verdicts:
        return Verdict.VIOLATED, "violated: z3 and the search disagree"
    if Verdict.UNKNOWN in verdicts or len(found) < wanted:
        known = sum(each.verdict is Verdict.HOLDS for each in found)
        return Verdict.UNKNOWN, f"unknown: z3 and the search are known to agree on {known} of {wanted}"
    shortest = ", ".join(f"{e.bug.id} {e.there.length or f'none in {e.depth}'}" for e in found)
    return Verdict.HOLDS, f"holds: z3 and the search agree on the shortest violation, in steps: {shortest}"


def _print(output: Output, found: Agreement, *, whole: bool) -> None:
    bug, text = found.bug, output.text
    text.print(f"\n{bug.id} ({bug.seen_in}): {bug.wrong}", soft_wrap=True)
    text.print(f"  breaks {bug.breaks}; {_bounds(bug)}", soft_wrap=True)
    states = f"{found.here.states:,} states"
    text.print(f"  z3 {found.there.seconds:.1f} s, search {found.here.seconds:.1f} s, {states}", soft_wrap=True)
    text.print(f"  {found.conclusion}", soft_wrap=True)
    if whole and found.path is not None:
        from quorate_check.proofs.unrolled.agreement import system_of  # noqa: PLC0415 - z3 is an extra

        with bug.in_specification():
            print_path(text, system_of(bug), found.path, hint=False)


def _bounds(bug: Bug) -> str:
    b = bug.bounds
    return f"{b.servers} servers, terms to {b.max_term}, logs to {b.max_log}, one message in flight"
