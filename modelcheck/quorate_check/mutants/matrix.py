"""The kill matrix: the checks that catch each known bug, with the least depths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from quorate_check.core.behaviour import RAISED
from quorate_check.mutants.corpus import SIMULATION, UNITS, Bug
from quorate_check.mutants.judging import CONFORMANCE
from quorate_check.raft.properties import INVARIANTS
from quorate_check.tell.report import bounds_text, plain_table

if TYPE_CHECKING:
    from rich.console import Console

    from quorate_check.mutants.pool import Answer

NOT = "·"
ANY_LEGEND = (
    "Steps of the path that was found, which is known to be a shortest one unless <= is before them; beside them those "
    "of a shortest path within the bounds of the bug's row, where few messages are in flight."
)
STORE_LEGEND = "Steps of the path that was found, which is known to be a shortest one unless <= is before them. Bounds:"


def columns() -> dict[str, str]:
    """Return the heading of each check of a search that can catch a bug, by the check's name."""
    names = {i.name: "".join(letter for letter in i.name if letter.isupper())[:2] for i in INVARIANTS}
    return {**names, RAISED: "raise", CONFORMANCE: "spec"}


def print_matrix(console: Console, answers: Sequence[tuple[Bug, Answer]]) -> None:
    """Print a row for each bug that was searched, then the result of the tests for the others."""
    heads = columns()
    searches = [(bug, answer) for bug, answer in answers if "each" in answer]
    if searches:
        table = plain_table()
        table.padding = (0, 1, 0, 0)  # so many columns that 80 characters are just enough
        table.add_column("bug")
        for head in (*heads.values(), "states", "time"):
            table.add_column(head, justify="right", no_wrap=True)
        for bug, answer in searches:
            depths, (search,) = answer["each"]["depths"], answer["answers"]
            cells = (str(depths.get(name, NOT)) for name in heads)
            table.add_row(bug.name, *cells, f"{search['states']:,}", f"{search['seconds']:.1f} s")
        console.print()
        console.print(table)
        console.print(f"\n{legend(heads)}", soft_wrap=True)
    test_lines = list(_by_tests(answers))
    if test_lines:
        console.print()
    for line in test_lines:
        console.print(line, soft_wrap=True)


def print_any_network(console: Console, answers: Sequence[tuple[Bug, Answer]]) -> None:
    """Print the result of a search of any network for each bug."""
    table = plain_table()
    table.add_column("bug")
    table.add_column("breaks first")
    for head in ("steps", "bounded", "states", "time"):
        table.add_column(head, justify="right", no_wrap=True)
    for bug, answer in answers:
        broken, steps, *figures = _path_cells(answer)
        table.add_row(bug.name, broken, steps, NOT if bug.depth is None else str(bug.depth), *figures)
    console.print()
    console.print(table)
    console.print(f"\n{ANY_LEGEND}", soft_wrap=True)
    bounds = {bug.name: bounds_text(bug.further_bounds) for bug, _ in answers if bug.further_bounds}
    for text in dict.fromkeys(bounds.values()):
        names = ", ".join(name for name, others in bounds.items() if others == text)
        console.print(f"{names}: within the bounds of the row and {text}.", soft_wrap=True)


def print_store(console: Console, answers: Sequence[tuple[Bug, Answer]]) -> None:
    """Print the result of a search of the store for each bug, with its bounds."""
    table = plain_table()
    table.add_column("bug")
    table.add_column("breaks first")
    for head in ("steps", "states", "time"):
        table.add_column(head, justify="right", no_wrap=True)
    for bug, answer in answers:
        table.add_row(bug.id, *_path_cells(answer))
    console.print()
    console.print(table)
    console.print(f"\n{STORE_LEGEND}", soft_wrap=True)
    for bug, _ in answers:
        if bug.store is not None and bug.store["bounds"]:
            off = (f", {name.replace('_', '-')} off" for name, value in bug.store["bounds"].items() if value is False)
            console.print(f"{bug.id}: {bounds_text(bug.store['bounds'])}{''.join(off)}", soft_wrap=True)


def _path_cells(answer: Answer) -> tuple[str, str, str, str]:
    """Return the promise that a search found broken, the steps of its path, its states and its time."""
    (search,) = answer["answers"]
    steps = f"{'' if search.get('least') else '<= '}{search.get('depth', NOT)}"
    return search["broken"] or NOT, steps, f"{search['states']:,}", f"{search['seconds']:.1f} s"


def legend(heads: dict[str, str]) -> str:
    """Return the meaning of the columns."""
    invariants = ", ".join(f"{head} {name}" for name, head in heads.items() if name not in {RAISED, CONFORMANCE})
    return (
        f"Each number is the least depth at which it objects. {invariants}; raise: the step function does, which ends "
        "the search; spec: conformance (where storage is synchronous). States and time are those until the first "
        "invariant objected."
    )


def _by_tests(answers: Sequence[tuple[Bug, Answer]]) -> Iterator[str]:
    for bug, answer in answers:
        if "simulation" in answer:
            result = answer["simulation"]
            outcome = f"{result['check']}, after {result['seeds']} seeds" if result["check"] else "nothing"
            yield f"{bug.name}: caught by {SIMULATION}: {outcome}"
        if "units" in answer:
            yield f"{bug.name}: caught by {UNITS}: {'a test fails' if answer['units'] else 'nothing'}"
