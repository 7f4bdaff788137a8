"""`model-check mutants`: brings back known bugs, or makes mutants by rule, and reports what catches each."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from quorate.runtime.paths import is_file
from quorate_check.cli.base import STATUS, app
from quorate_check.cli.options import JsonOption, cores
from quorate_check.cli.output import Output, PathFiles
from quorate_check.cli.progress import Display, announce
from quorate_check.cli.running import Stop, interruptible
from quorate_check.core.system import UnusableSystemError
from quorate_check.core.verdict import Verdict, counted
from quorate_check.mutants import corpus, families, systematic
from quorate_check.mutants.families import Family
from quorate_check.mutants.generator import Mutant
from quorate_check.mutants.matrix import print_any_network, print_matrix, print_store
from quorate_check.mutants.patches import PatchError
from quorate_check.mutants.pool import Answer, Memory, Task, run
from quorate_check.tell.progress import time_left
from quorate_check.tell.report import plain_table, print_conclusion

CHECKOUT = Path(__file__).resolve().parents[3]
RESULTS = ".model-check-mutants.ndjson"
SEARCHES, UNITS, LIVE = "searches", systematic.UNITS, "live"  # where mutants of a module end
FEW_BUGS = 3  # so few bugs are judged in seconds


@dataclass(frozen=True, slots=True)
class Setting:
    """The folder of the known bugs, the checkout, the number of mutants judged at a time, and earlier results."""

    folder: Path
    checkout: Path
    workers: int
    memory: Memory


@app.command(epilog="Examples: model-check mutants --only E7, model-check mutants --story M1")
def mutants(
    *,
    folder: Annotated[
        Path | None, typer.Option("--corpus", metavar="DIR", help="The patches.", show_default="tests/mutants")
    ] = None,
    only: Annotated[
        str | None, typer.Option("--only", metavar="ID", help="Judge this bug only; with --systematic, this module.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Judge only bugs that take about a second each.")] = False,
    by_rule: Annotated[bool, typer.Option("--systematic", help="Judge mutants made by rule instead.")] = False,
    any_network: Annotated[
        bool, typer.Option("--any-network", help="Search for known bugs with any number of messages in flight.")
    ] = False,
    in_store: Annotated[
        bool, typer.Option("--store", help="Search for known bugs in the histories of the store's clients.")
    ] = False,
    story: Annotated[
        str | None, typer.Option("--story", metavar="ID", help="Show step by step how this bug does harm.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=64, help="Mutants judged at a time.", show_default="one a core"),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the results of earlier runs.")] = False,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="With --story, draw it as a page to step through.")
    ] = None,
    json: JsonOption = None,
) -> int:
    """Bring back known bugs, and see which check catches each. Exit status 1 if one isn't caught as expected."""
    if html is not None and story is None:
        raise UnusableSystemError(f"--html {html}: only the story of a bug is drawn: add --story ID")
    output = Output.to(json, PathFiles(html=html))
    place = (CHECKOUT / "tests" / "mutants" if folder is None else folder).resolve()
    try:
        has_corpus = is_file(place / "corpus.toml")
    except OSError as error:
        raise UnusableSystemError(f"--corpus {place}: {error.strerror}") from error
    if not has_corpus:
        raise UnusableSystemError(f"--corpus {place}: it has no corpus.toml; run this in a checkout of the project")
    if story is not None and (only is not None or quick or by_rule or any_network or in_store):
        raise UnusableSystemError("--story shows one bug and judges no others: omit the other options")
    if by_rule and (quick or any_network or in_store):
        raise UnusableSystemError("--systematic judges mutants of its own: omit --quick, --any-network and --store")
    if any_network and in_store:
        raise UnusableSystemError("--any-network and --store are two searches: give one of them")
    checkout = place.parent.parent  # it holds impl, modelcheck, spec and tests
    setting = Setting(place, checkout, workers or cores(), Memory(checkout / RESULTS, fresh=fresh))
    if story is not None:
        return STATUS[_story(output, setting, story)]
    if by_rule:
        return STATUS[_systematic(output, setting, families.select(only))]
    judgement = ON_ANY_NETWORK if any_network else IN_STORE if in_store else AS_ROWS_SAY
    return STATUS[_known_bugs(output, setting, only, quick=quick, judgement=judgement)]


@contextmanager
def _progress(output: Output, name: str, count: int) -> Iterator[tuple[Stop, Counter[str]]]:
    """Show how many of `count` mutants are judged, and let Ctrl-C end the run."""
    counts: Counter[str] = Counter()
    start = time.perf_counter()

    def line(counts: Counter[str]) -> str:
        count_done = counts.total()
        return f"{count_done} of {count} judged{time_left(count_done, count, time.perf_counter() - start)}"

    with interruptible(output.progress) as stop:
        display = Display[Counter[str]](output.progress, name, "starting", line)
        display.report(counts)
        with display:
            yield stop, counts


def _answers(output: Output, setting: Setting, name: str, tasks: list[Task]) -> dict[str, Answer]:
    """Return the answers to tasks by key; after an interrupt some are missing."""
    answers: dict[str, Answer] = {}
    with _progress(output, name, len(tasks)) as (stop, counts):
        for task, answer in run(tasks, setting.checkout / "impl", setting.workers, setting.memory, stop):
            answers[task.key] = answer
            counts[task.name] += 1
    return answers


@dataclass(frozen=True, slots=True)
class Judgement:
    """A way to judge known bugs: which of them, by which tasks, the complaint about an answer, and its printing."""

    judges: Callable[[corpus.Bug], bool]
    tasks: Callable[[list[corpus.Bug], Path], Iterator[Task]]
    complaint: Callable[[corpus.Bug, Answer], str | None]
    show: Callable[[Console, Sequence[tuple[corpus.Bug, Answer]]], None]


AS_ROWS_SAY = Judgement(lambda bug: bug.has_check, corpus.tasks, corpus.complaint, print_matrix)
ON_ANY_NETWORK = Judgement(
    lambda bug: bug.any_network is not None,
    corpus.tasks_on_any_network,
    corpus.complaint_on_any_network,
    print_any_network,
)
IN_STORE = Judgement(
    lambda bug: bug.store is not None,
    corpus.tasks_in_the_store,
    corpus.complaint_in_the_store,
    print_store,
)


def _known_bugs(output: Output, setting: Setting, only: str | None, *, quick: bool, judgement: Judgement) -> Verdict:
    rows = [row for row in corpus.bugs(setting.folder) if judgement.judges(row)]
    if only is not None:
        rows = [row for row in rows if row.id == only]
        if not rows:
            raise UnusableSystemError(f"--only {only}: no such bug is judged; tests/mutants/corpus.toml has them")
    if quick:
        rows = [row for row in rows if row.id in corpus.QUICK and row.scenario is None]
    tasks = list(judgement.tasks(rows, setting.checkout))
    if len(rows) > FEW_BUGS and not quick:
        announce(output.progress, "mutants", "some minutes")
    try:
        answers = _answers(output, setting, "mutants", tasks)
    except PatchError as error:
        return _unfit(output, error)
    results = [(row, answers[task.key]) for row, task in zip(rows, tasks, strict=True) if task.key in answers]
    judgement.show(output.text, results)
    complaints = {
        row.name: complaint for row, answer in results if (complaint := judgement.complaint(row, answer)) is not None
    }
    for name, complaint in complaints.items():
        output.text.print(f"{name}: {complaint}", soft_wrap=True)
    verdict = Verdict.VIOLATED if complaints else Verdict.UNKNOWN if len(results) < len(rows) else Verdict.HOLDS
    conclusion = {
        Verdict.VIOLATED: f"violated: {len(complaints)} of {len(results)} bugs are not caught as they should be",
        Verdict.UNKNOWN: f"unknown: interrupted, {len(results)} of {len(rows)} judged; the same command resumes",
        Verdict.HOLDS: f"holds: {counted(len(results), 'bug')}, each caught as its row says",
    }[verdict]
    print_conclusion(output.text, verdict, conclusion)
    bugs = [{"bug": row.name, "rule": row.rule, "complaint": complaints.get(row.name)} | a for row, a in results]
    output.write_json({"verdict": verdict.value, "conclusion": conclusion, "bugs": bugs})
    return verdict


def _unfit(output: Output, error: PatchError) -> Verdict:
    output.text.print(str(error), soft_wrap=True)
    print_conclusion(output.text, Verdict.VIOLATED, "violated: a patch does not apply")
    return Verdict.VIOLATED


def _story(output: Output, setting: Setting, name: str) -> Verdict:
    """Tell the story of a bug, and say where the core without the bug doesn't go along."""
    rows = {row.id: row for row in corpus.bugs(setting.folder) if is_file(row.story)}
    if name not in rows:
        raise UnusableSystemError(f"--story {name}: there is no such story; there are: {', '.join(rows) or 'none'}")
    row = rows[name]
    task = corpus.task_of_story(row, setting.checkout, output.text.width, output.text.encoding)
    try:
        answers = _answers(output, setting, "story", [task])
    except PatchError as error:
        return _unfit(output, error)
    if task.key not in answers:
        print_conclusion(output.text, Verdict.UNKNOWN, "unknown: interrupted")
        return Verdict.UNKNOWN
    answer = answers[task.key]
    complaint = corpus.complaint_about_story(answer)
    verdict = Verdict.HOLDS if complaint is None else Verdict.VIOLATED
    output.text.print(f"{row.id}: {row.rule}", soft_wrap=True)
    output.text.print(answer.get("text", ""), end="", soft_wrap=True, highlight=False, markup=False)
    conclusion = (
        f"The core without {row.id} does not take {answer['unchanged']['obstacle']}."
        if complaint is None
        else f"violated: the story of {row.id}: {complaint}"
    )
    print_conclusion(output.text, verdict, conclusion)
    output.write_json({"verdict": verdict.value, "conclusion": conclusion, "story": row.id})
    if (name_of_page := output.paths.html) is not None and "page" in answer:
        output.write("--html", name_of_page, answer["page"])
        output.text.print(f"\nDrawn: {name_of_page} opens in any browser.", soft_wrap=True)
    return verdict


def _systematic(output: Output, setting: Setting, selected: Sequence[Family]) -> Verdict:
    announce(output.progress, "mutants", "about half an hour, less what earlier runs have found,")
    killers: dict[Mutant, str | None] = {}
    total = 0
    for family in selected:
        candidates = systematic.mutants_in(family, setting.checkout / "impl" / "quorate")
        total += len(candidates)
        killers |= _killers(output, setting, family, candidates)
    why = systematic.reasons(setting.folder / "survivors.toml")
    return _print_systematic(
        output,
        total,
        killers,
        [(m, why.get(systematic.identity(m))) for m, killer in killers.items() if killer is None],
    )


def _killers(output: Output, setting: Setting, family: Family, candidates: list[Mutant]) -> dict[Mutant, str | None]:
    """Return what kills each mutant, None if nothing does; after an interrupt some are missing."""
    itself = systematic.without_change(family, setting.checkout)
    real = _answers(output, setting, itself.name, [itself]).get(itself.key)
    if real is None:
        return {}
    tasks = list(systematic.searches(family, candidates, setting.checkout, real))
    answers = _answers(output, setting, f"mutants of {family.name}", tasks)
    killers = {
        mutant: systematic.killer(answers[task.key], real)
        for mutant, task in zip(candidates, tasks, strict=True)
        if task.key in answers
    }
    survivors = [mutant for mutant, killer in killers.items() if killer is None]
    tests = list(systematic.unit_tests(family, survivors, setting.checkout))
    test_answers = _answers(output, setting, "those that no search kills", tests) if len(answers) == len(tasks) else {}
    for mutant, task in zip(survivors, tests, strict=True):
        if task.key not in test_answers:
            del killers[mutant]
        elif test_answers[task.key]["units"]:
            killers[mutant] = systematic.UNITS
    return killers


def _print_systematic(
    output: Output, total: int, killers: dict[Mutant, str | None], survivors: list[tuple[Mutant, str | None]]
) -> Verdict:
    kills = Counter(killer or "nothing" for killer in killers.values())
    by_module: dict[str, Counter[str]] = {}
    for mutant, killer in killers.items():
        column = UNITS if killer == UNITS else SEARCHES if killer else LIVE
        by_module.setdefault(mutant.file, Counter())[column] += 1
    output.text.print()
    output.text.print(_table("killed by", ["mutants"], [(name, [count]) for name, count in kills.most_common()]))
    rows = [(file, [n.total(), n[SEARCHES], n[UNITS], n[LIVE]]) for file, n in by_module.items()]
    output.text.print()
    output.text.print(_table("module", ["mutants", SEARCHES, UNITS, LIVE], rows))
    for mutant, reason in survivors:
        output.text.print(f"\n{mutant.name}\n{mutant.diff}\n{reason or 'not judged yet'}", soft_wrap=True)
    unjudged = sum(reason is None for _, reason in survivors)
    verdict = Verdict.VIOLATED if unjudged else Verdict.UNKNOWN if kills.total() < total else Verdict.HOLDS
    conclusion = (
        f"{verdict.value}: {kills.total()} of {total} mutants judged, {len(survivors)} live, "
        f"{unjudged} of these without a reason"
    )
    print_conclusion(output.text, verdict, conclusion)
    report = [{"mutant": m.name, "diff": m.diff, "why": reason} for m, reason in survivors]
    modules = {file: dict(counts) for file, counts in by_module.items()}
    output.write_json(
        {
            "verdict": verdict.value,
            "conclusion": conclusion,
            "killed_by": dict(kills),
            "modules": modules,
            "survivors": report,
        }
    )
    return verdict


def _table(head: str, columns: Sequence[str], rows: Sequence[tuple[str, list[int]]]) -> Table:
    table = plain_table()
    table.add_column(head)
    for column in columns:
        table.add_column(column, justify="right")
    for name, counts in rows:
        table.add_row(name, *(f"{count:,}" for count in counts))
    return table
