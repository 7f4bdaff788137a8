"""Runs our search, Spin and TLC on one model, in turns, and shows their counts, times and memory side by side.

`outside/election.py` defines the model. If two counts differ, the times are meaningless, and the result says so.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quorate_check.cli.bench import REPEATS, Reporter, Stop, StoppedError
from quorate_check.core.verdict import Verdict
from quorate_check.outside.election import Judge, Size, count
from quorate_check.outside.judgement import CheckerError, Judgement, NotRunError
from quorate_check.outside.process import Limit
from quorate_check.tell.report import bounds_text, plain_table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

LARGE = Size(servers=3, terms=3, capacity=8)
SEARCHES = ((Judge.QUORATE, 1), (Judge.QUORATE, 2), (Judge.SPIN, 1), (Judge.TLC, 1), (Judge.TLC, 2))
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One search, made several times."""

    judge: Judge
    workers: int
    runs: tuple[Judgement, ...]

    @property
    def name(self) -> str:
        """The checker and its number of workers."""
        return f"{self.judge.value}, {self.workers} worker{'s' if self.workers > 1 else ''}"

    def values(self, quantity: Callable[[Judgement], float | None]) -> tuple[float, ...]:
        """Return a quantity of each run, 0 where it isn't known."""
        return tuple(quantity(run) or 0.0 for run in self.runs)

    @property
    def searching(self) -> tuple[float, ...]:
        """The seconds of each search, without the start of its program."""
        return self.values(lambda run: run.searching)

    @property
    def processor(self) -> tuple[float, ...]:
        """The seconds of processor time of each process, its start included."""
        return self.values(lambda run: run.processor)

    def as_dict(self, first: Row) -> dict[str, Any]:
        """Return the row as JSON values, with its times as multiples of those of `first`."""
        return {
            "name": self.name,
            "states": self.runs[0].states,
            "transitions": self.runs[0].transitions,
            "seconds": list(self.searching),
            "processor_seconds": list(self.processor),
            "memory_bytes": list(self.values(lambda run: run.memory)),
            "time_ratio": list(_ratios(self.searching, first.searching)),
            "processor_ratio": list(_ratios(self.processor, first.processor)),
        }


@dataclass(frozen=True, slots=True)
class Election:
    """All searches of the model at one size, why a checker wasn't run, and failures and differing counts.

    `stopped` is the reason if the measurement was asked to end: the rows are those of its whole rounds.
    """

    size: Size
    rows: tuple[Row, ...]
    not_run: tuple[str, ...]
    disagreements: tuple[str, ...]
    stopped: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the results as JSON values."""
        return {
            "size": self.size.as_dict(),
            "rows": [row.as_dict(self.rows[0]) for row in self.rows],
            "not_run": list(self.not_run),
            "disagreements": list(self.disagreements),
            "stopped": self.stopped,
        }


def measure_election(stop: Stop, reporter: Reporter, size: Size = LARGE, repeats: int = REPEATS) -> Election:
    """Run every search of the model `repeats` times, in turns.

    If `stop` gives a reason, the whole rounds count; raises StoppedError if there is none.
    """
    reasons = {judge: judge.missing() for judge in (Judge.QUORATE, Judge.SPIN, Judge.TLC)}
    not_run = tuple(f"{judge.value}: {reason}" for judge, reason in reasons.items() if reason is not None)
    searches = [search for search in SEARCHES if reasons[search[0]] is None]
    own = [search for search in searches if search[0] is Judge.QUORATE]
    failures: list[str] = []
    rounds: list[dict[tuple[Judge, int], Judgement]] = []
    stopped = None
    try:
        for number in range(repeats + 1):  # round 0 compiles our search for this size
            judgements = {}
            for judge, workers in searches if number else own:
                reporter(f"{number}/{repeats} election, {judge.value}, workers {workers}")
                try:
                    judgements[judge, workers] = _whole(count(size, judge, Limit(stop=stop), workers))
                except CheckerError as error:
                    failures.append(str(error))
            failed = [search for search in (searches if number else own) if search not in judgements]
            searches = [search for search in searches if search not in failed]
            rounds += [judgements] if number else []
    except NotRunError as error:  # the program was removed meanwhile, or the model is missing
        return Election(size, (), (f"election: {error}",), ())
    except StoppedError as error:
        if not rounds:
            raise
        stopped = f"{error} after {len(rounds)} of {repeats} rounds"
    rows = tuple(Row(*search, tuple(judgements[search] for judgements in rounds)) for search in searches)
    return Election(size, rows, not_run, (*failures, *_disagreements(rows)), stopped)


def _whole(judgement: Judgement) -> Judgement:
    if judgement.stopped is not None:
        raise StoppedError(judgement.stopped)
    return judgement


def _disagreements(rows: tuple[Row, ...]) -> list[str]:
    """Return a line for each run whose verdict or counts differ from those of the first search."""
    return [
        f"{row.name}: {_counts_text(run)}; {rows[0].name}: {_counts_text(rows[0].runs[0])}"
        for row in rows
        for run in dict.fromkeys(row.runs)
        if _counts(run) != _counts(rows[0].runs[0]) or run.verdict is not Verdict.HOLDS
    ]


def _counts(run: Judgement) -> tuple[Verdict, int | None, int | None]:
    return run.verdict, run.states, run.transitions


def _counts_text(run: Judgement) -> str:
    return f"{run.verdict.value}, {run.states or 0:,} states, {run.transitions or 0:,} transitions"


def _ratios(own: tuple[float, ...], first: tuple[float, ...]) -> tuple[float, ...]:
    """Return the ratios of `own` to `first`, round by round."""
    return tuple(a / b if b else 0.0 for a, b in zip(own, first, strict=True))


def print_election(console: Console, election: Election) -> None:
    """Print the size, counts, times relative to the first search, reasons why a checker wasn't run, and differences."""
    console.print(f"election, one model for all: {bounds_text(election.size.as_dict())}")
    if election.rows:
        first = election.rows[0]
        console.print()
        console.print(
            _table(("search", "states", "transitions", "seconds", "states/s", "MiB"), election.rows, _counts_row)
        )
        console.print()
        headings = (f"times {first.name}", "of the search", "of the processor", "seconds of it")
        console.print(_table(headings, election.rows, lambda row: _ratios_row(row, first)))
    for line in election.not_run:
        console.print(line, soft_wrap=True)
    console.print()
    for line in election.disagreements or (["All that ran counted the same."] if election.rows else []):
        console.print(line, soft_wrap=True)


def _table(headings: tuple[str, ...], rows: tuple[Row, ...], cells: Callable[[Row], tuple[str, ...]]) -> Table:
    table = plain_table()
    for heading in headings:
        table.add_column(heading, justify="left" if heading == headings[0] else "right", no_wrap=True)
    for row in rows:
        table.add_row(row.name, *cells(row))
    return table


def _counts_row(row: Row) -> tuple[str, ...]:
    """Return the counts, the median seconds of the search, its rate, and the most memory of its process."""
    run, seconds = row.runs[0], statistics.median(row.searching)
    memory = max(row.values(lambda run: run.memory))
    return (
        f"{run.states or 0:,}",
        f"{run.transitions or 0:,}",
        f"{seconds:.2f}",
        f"{(run.states or 0) / seconds:,.0f}" if seconds else "-",
        f"{memory / MIB:,.0f}" if memory else "-",
    )


def _ratios_row(row: Row, first: Row) -> tuple[str, ...]:
    """Return the times relative to `first`, and the processor time with the start of the program."""
    return (
        _spread(_ratios(row.searching, first.searching)),
        _spread(_ratios(row.processor, first.processor)),
        f"{statistics.median(row.processor):.2f}",
    )


def _spread(values: tuple[float, ...]) -> str:
    numbers = [f"{value:.1f}" for value in (statistics.median(values), min(values), max(values))]
    return numbers[0] if len(set(numbers)) == 1 else f"{numbers[0]} ({numbers[1]} - {numbers[2]})"
