"""`model-check ladder`: Raft with a traitor, and rules added one at a time until the traitor can break no promise."""

from collections.abc import Sequence

from rich.text import Text

from quorate_check.cli.junit import status_of
from quorate_check.cli.output import Output
from quorate_check.cli.paths import refuse_path_files, show_path
from quorate_check.cli.progress import announce
from quorate_check.cli.running import Search
from quorate_check.core.verdict import Verdict
from quorate_check.raft.ladder.climb import RungResult, climb, conclusion_of, verdict_of
from quorate_check.raft.ladder.rungs import FIRST, RUNGS, Rung, rung_system
from quorate_check.raft.ladder.words import NAME as LADDER
from quorate_check.tell.junit import Case, Status, Suite
from quorate_check.tell.report import STYLES, plain_table, print_conclusion
from quorate_check.tell.summary import SideCheck

HINT = "model-check ladder --rung K prints the path of rung K."


def ladder(output: Output, search: Search, rung: int | None) -> Verdict:
    """Search every rung and print the table, or search one and print its path; HOLDS if each rung is as claimed."""
    if rung is None:
        refuse_path_files(output, "give --rung, too")
    else:
        rung_system(rung)
    plan = list(enumerate(RUNGS, start=1)) if rung is None else [(rung, RUNGS[rung - 1])]
    if rung is None:
        announce(output.progress, "ladder", "some minutes")
    results = _climb(output, search, plan)
    verdict, conclusion = verdict_of(results, len(plan)), conclusion_of(results, len(plan))
    _print_table(output, results)
    if rung is not None:
        _show_path(output, results[0])
    print_conclusion(output.text, verdict, conclusion)
    if rung is None:
        output.text.print(HINT)
    rungs = [c.as_dict() for c in results]
    output.write_json({"verdict": verdict.value, "conclusion": conclusion, "rungs": rungs})
    output.write_junit([_suite(results, len(plan))])
    return verdict


def first_rungs(output: Output, search: Search) -> SideCheck:
    """Search the first rungs for the default check."""
    results = _climb(output, search, list(enumerate(FIRST, start=1)))
    seconds = sum(c.exploration.seconds for c in results)
    name = "Raft beside a traitor"
    return SideCheck(name, conclusion_of(results, len(FIRST)), seconds, verdict_of(results, len(FIRST)))


def _climb(output: Output, search: Search, plan: Sequence[tuple[int, Rung]]) -> list[RungResult]:
    """Search the rungs in order, up to one that is interrupted."""
    results: list[RungResult] = []
    for number, rung in plan:
        results.append(climb(number, rung, lambda system, name: search.run(system, name, output.progress)))
        if results[-1].exploration.stopped is not None:
            break
    return results


def _print_table(output: Output, results: Sequence[RungResult]) -> None:
    table = plain_table()
    for column in ("rung", "n", "q"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("what is added")
    table.add_column("what breaks")
    for column in ("steps", "states", "time"):
        table.add_column(column, justify="right", no_wrap=True)
    for c in results:
        sizes = (f"{c.number}", f"{c.rung.search.servers}", f"{c.rung.search.quorum}")
        figures = (f"{c.steps or ''}", f"{c.exploration.states:,}", f"{c.exploration.seconds:.1f} s")
        table.add_row(*sizes, c.rung.added, _answer(c), *figures)
    output.text.print()
    output.text.print(table)


def _answer(results: RungResult) -> Text:
    if results.broken is not None:
        return Text(results.broken, style=STYLES[Verdict.VIOLATED])
    if results.verdict is Verdict.UNKNOWN:
        return Text(results.exploration.conclusion, style=STYLES[Verdict.UNKNOWN])
    text = "nothing" if results.rung.promises == "all promises" else f"not {results.rung.promises}"
    return Text(text, style=STYLES[Verdict.HOLDS])


def _show_path(output: Output, results: RungResult) -> None:
    system = results.rung.search.system(named=True)
    show_path(output, system, {"rung": results.number}, results.exploration.path, subject=LADDER)


def _suite(results: Sequence[RungResult], planned: int) -> Suite:
    cases = [
        Case(
            f"rung {c.number}: {c.rung.added}",
            status_of(c.verdict),
            c.exploration.conclusion,
            seconds=c.exploration.seconds,
        )
        for c in results
    ]
    rest = [Case(f"rung {n + 1}", Status.ERROR, "this rung wasn't searched") for n in range(len(cases), planned)]
    return Suite("ladder", (*cases, *rest), sum(case.seconds for case in cases))
