"""`model-check ladder`: Raft with a lying server, and rules, added one at a time, until it can break nothing."""

from collections.abc import Sequence

from rich.text import Text

from quorate_check.cli.junit import status_of
from quorate_check.cli.output import Output
from quorate_check.cli.paths import needs_one_search, show_path
from quorate_check.cli.progress import announce
from quorate_check.cli.running import Search
from quorate_check.core.verdict import Verdict
from quorate_check.raft.ladder.climb import Climbed, climb, conclusion_of, verdict_of
from quorate_check.raft.ladder.rungs import FIRST, RUNGS, Rung, rung_system
from quorate_check.raft.ladder.words import NAME as LADDER
from quorate_check.tell.junit import Case, Status, Suite
from quorate_check.tell.report import STYLES, plain_table, print_conclusion
from quorate_check.tell.summary import SideCheck

HINT = "model-check ladder --rung K prints the path of rung K."


def ladder(output: Output, search: Search, rung: int | None) -> Verdict:
    """Search every rung and print the table, or search one and print its path; HOLDS if all is as claimed."""
    if rung is None:
        needs_one_search(output, "give --rung, too")
    else:
        rung_system(rung)
    plan = list(enumerate(RUNGS, start=1)) if rung is None else [(rung, RUNGS[rung - 1])]
    if rung is None:
        announce(output.progress, "ladder", "some minutes")
    climbed = _climb(output, search, plan)
    verdict, conclusion = verdict_of(climbed, len(plan)), conclusion_of(climbed, len(plan))
    _print_table(output, climbed)
    if rung is not None:
        _show_path(output, climbed[0])
    print_conclusion(output.text, verdict, conclusion)
    if rung is None:
        output.text.print(HINT)
    rungs = [c.as_dict() for c in climbed]
    output.write_json({"verdict": verdict.value, "conclusion": conclusion, "rungs": rungs})
    output.write_junit([_suite(climbed, len(plan))])
    return verdict


def first_rungs(output: Output, search: Search) -> SideCheck:
    """Search the first rungs for the default check."""
    climbed = _climb(output, search, list(enumerate(FIRST, start=1)))
    seconds = sum(c.found.seconds for c in climbed)
    name = "Raft beside a traitor"
    return SideCheck(name, conclusion_of(climbed, len(FIRST)), seconds, verdict_of(climbed, len(FIRST)))


def _climb(output: Output, search: Search, plan: Sequence[tuple[int, Rung]]) -> list[Climbed]:
    """Search the rungs in order, up to one that is interrupted."""
    climbed: list[Climbed] = []
    for number, rung in plan:
        climbed.append(climb(number, rung, lambda system, name: search.run(system, name, output.progress)))
        if climbed[-1].found.stopped is not None:
            break
    return climbed


def _print_table(output: Output, climbed: Sequence[Climbed]) -> None:
    table = plain_table()
    for column in ("rung", "n", "q"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("what is added")
    table.add_column("what breaks")
    for column in ("steps", "states", "time"):
        table.add_column(column, justify="right", no_wrap=True)
    for c in climbed:
        sizes = (f"{c.number}", f"{c.rung.search.servers}", f"{c.rung.search.quorum}")
        figures = (f"{c.steps or ''}", f"{c.found.states:,}", f"{c.found.seconds:.1f} s")
        table.add_row(*sizes, c.rung.added, _answer(c), *figures)
    output.text.print()
    output.text.print(table)


def _answer(climbed: Climbed) -> Text:
    if climbed.broken is not None:
        return Text(climbed.broken, style=STYLES[Verdict.VIOLATED])
    if climbed.verdict is Verdict.UNKNOWN:
        return Text(climbed.found.conclusion, style=STYLES[Verdict.UNKNOWN])
    text = "nothing" if climbed.rung.judged == "all promises" else f"not {climbed.rung.judged}"
    return Text(text, style=STYLES[Verdict.HOLDS])


def _show_path(output: Output, climbed: Climbed) -> None:
    system = climbed.rung.search.system(named=True)
    show_path(output, system, {"rung": climbed.number}, climbed.found.path, subject=LADDER)


def _suite(climbed: Sequence[Climbed], planned: int) -> Suite:
    cases = [
        Case(f"rung {c.number}: {c.rung.added}", status_of(c.verdict), c.found.conclusion, seconds=c.found.seconds)
        for c in climbed
    ]
    rest = [Case(f"rung {n + 1}", Status.ERROR, "this rung wasn't searched") for n in range(len(cases), planned)]
    return Suite("ladder", (*cases, *rest), sum(case.seconds for case in cases))
