"""Measures the speed of the search in one run: against plain Python, on large bounds, on another core, against TLC.

Every figure is measured several times, in turn with the others, so that a busy moment of the machine affects them
alike, and shown as median (least - most). Two searches of the same bounds must count the same; if they don't, the
figures are meaningless, and the result says so.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.table import Table

from quorate_check import engine
from quorate_check.bft.bounds import BftBounds
from quorate_check.core import reference
from quorate_check.core.verdict import Verdict
from quorate_check.engine import Limits
from quorate_check.outside.compare import Agreement, Checker, Terms, agree
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.spec import SpecBounds
from quorate_check.tell.report import bounds_text

if TYPE_CHECKING:
    from rich.console import Console

    from quorate_check.core.verdict import Exploration

TINY = RaftBounds(max_term=1, max_log=1, in_flight=1, proposals=1)
SMALL = RaftBounds(in_flight=3, proposals=1, max_log=1, duplicates=1, symmetry=False)
LARGE = RaftBounds(in_flight=5, proposals=1, max_log=1, symmetry=False)
BYZANTINE = BftBounds()
SPECIFICATION = SpecBounds(max_term=1, in_flight=3, symmetry=False)  # long enough for Java to have warmed up
REPEATS = 3
RATE = "transitions/s"
MANY = 1e5

Stop = Callable[[], str | None]
Reporter = Callable[[str], Callable[[Any], None]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity, measured several times, in `unit`."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.values)

    def text(self) -> tuple[str, str]:
        """Return median (least - most), or one number where all are the same, and the unit."""
        factor, prefix = 1.0, ""
        if self.unit == RATE:
            factor, prefix = (1e6, "M ") if self.median >= MANY else (1e3, "k ")
        values = (self.median, min(self.values), max(self.values))
        numbers = [f"{v / factor:,.{2 if self.median < 10 * factor else 0}f}" for v in values]
        spread = "" if len(set(numbers)) == 1 else f" ({numbers[1]} - {numbers[2]})"
        return numbers[0] + spread, prefix + self.unit


@dataclass(frozen=True, slots=True)
class Benchmark:
    """All figures and their bounds, disagreements between searches, and the reason if TLC wasn't run.

    `stopped` is the reason if the measurement was asked to end: the figures are those of its whole rounds.
    """

    small: RaftBounds
    large: RaftBounds
    byzantine: BftBounds
    small_states: int
    large_states: int
    byzantine_states: int
    figures: tuple[Figure, ...]
    disagreements: tuple[str, ...]
    not_run: str | None = None
    stopped: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the benchmark as JSON values."""
        return {
            "small": {"bounds": self.small.as_dict(), "states": self.small_states},
            "large": {"bounds": self.large.as_dict(), "states": self.large_states},
            "byzantine": {"bounds": self.byzantine.as_dict(), "states": self.byzantine_states},
            "disagreements": list(self.disagreements),
            "not_run": self.not_run,
            "stopped": self.stopped,
            "figures": [
                {"name": f.name, "unit": f.unit, "median": f.median, "min": min(f.values), "max": max(f.values)}
                for f in self.figures
            ],
        }


@dataclass(frozen=True, slots=True)
class _Round:
    """The searches of one repetition."""

    compiled: Exploration
    plain: Exploration
    one: Exploration
    two: Exploration
    reduced: Exploration
    more: Exploration
    more_by_two: Exploration
    byzantine: Exploration
    tlc: Agreement | None

    def all(self) -> tuple[Exploration, ...]:
        return (
            self.compiled,
            self.plain,
            self.one,
            self.two,
            self.reduced,
            self.more,
            self.more_by_two,
            self.byzantine,
        )


class StoppedError(Exception):
    """The benchmark was asked to end before its first round was whole: incomplete figures would mislead."""


@dataclass(frozen=True, slots=True)
class _Searches:
    """Whole searches, each announced to `reporter` by its name; they raise StoppedError if `stop` gives a reason."""

    stop: Stop
    reporter: Reporter

    def compiled(self, name: str, bounds: RaftBounds | BftBounds, workers: int = 1) -> Exploration:
        limits = Limits(workers=workers)
        return _whole(engine.explore(bounds.system(), limits, stop=self.stop, report=self.reporter(name)))

    def plain(self, name: str, bounds: RaftBounds) -> Exploration:
        self.reporter(name)
        return _whole(reference.explore(bounds.system(), stop=self.stop))

    def tlc(self, round_name: str, bounds: SpecBounds) -> Agreement:
        self.reporter(f"{round_name} TLC on the specification")
        agreement = agree(bounds, Checker.TLC, Terms(stop=self.stop))
        if agreement.stopped is not None:
            raise StoppedError(agreement.stopped)
        return agreement


def measure(
    stop: Stop,
    reporter: Reporter,
    *,
    small: RaftBounds = SMALL,
    large: RaftBounds = LARGE,
    byzantine: BftBounds = BYZANTINE,
    specification: SpecBounds | None = None,
    repeats: int = REPEATS,
) -> Benchmark:
    """Measure everything `repeats` times; `reporter` returns the receiver of a search's progress, given its name.

    TLC is measured within the bounds `specification`, if they are given and TLC is installed. If `stop` gives a reason,
    the whole rounds count; raises StoppedError if there is none.
    """
    searches = _Searches(stop, reporter)
    missing = None if specification is None else Checker.TLC.missing()
    reduced = replace(large, symmetry=True)
    more = replace(reduced, in_flight=large.in_flight + 1)
    for bounds, workers in ((TINY, 1), (large, 1), (large, 2), (more, 1), (more, 2), (byzantine, 1)):
        searches.compiled("compiling the search", bounds, workers)  # long searches have kernels of their own
    rounds: list[_Round] = []
    stopped = None
    try:
        for number in range(1, repeats + 1):
            round_name = f"{number}/{repeats}"
            rounds.append(
                _Round(
                    compiled=searches.compiled(f"{round_name} small, compiled", small),
                    plain=searches.plain(f"{round_name} small, plain Python", small),
                    one=searches.compiled(f"{round_name} large, 1 worker", large),
                    two=searches.compiled(f"{round_name} large, 2 workers", large, workers=2),
                    reduced=searches.compiled(f"{round_name} large, symmetry", reduced),
                    more=searches.compiled(f"{round_name} one more in flight, symmetry", more),
                    more_by_two=searches.compiled(f"{round_name} the same, 2 workers", more, workers=2),
                    byzantine=searches.compiled(f"{round_name} Byzantine core, 1 worker", byzantine),
                    tlc=None if specification is None or missing else searches.tlc(round_name, specification),
                )
            )
    except StoppedError as error:
        if not rounds:
            raise
        stopped = f"{error} after {len(rounds)} of {repeats} rounds"
    first = rounds[0]
    states = (first.plain.states, first.one.states, first.byzantine.states)
    return Benchmark(small, large, byzantine, *states, _figures(rounds), _disagreements(rounds), missing, stopped)


def _whole(exploration: Exploration) -> Exploration:
    if exploration.stopped is not None:
        raise StoppedError(exploration.stopped)
    return exploration


def _rate(exploration: Exploration) -> float:
    return exploration.transitions / exploration.seconds


def _tlc_rate(r: _Round) -> float:
    """Return TLC's rate without the time of its start; 0 if TLC wasn't measured."""
    run = None if r.tlc is None else r.tlc.judgement
    return run.transitions / run.searching if run and run.transitions and run.searching else 0.0


def _figures(rounds: list[_Round]) -> tuple[Figure, ...]:
    def figure(name: str, unit: str, quantity: Callable[[_Round], float]) -> Figure:
        return Figure(name, unit, tuple(map(quantity, rounds)))

    beside_tlc: tuple[Figure, ...] = ()
    if all(map(_tlc_rate, rounds)):
        beside_tlc = (
            figure("specification, TLC, 1 worker", RATE, _tlc_rate),
            figure("large, 1 worker / specification, TLC", "times", lambda r: _rate(r.one) / _tlc_rate(r)),
        )
    return (
        figure("small, plain Python", RATE, lambda r: _rate(r.plain)),
        figure("small, 1 worker", RATE, lambda r: _rate(r.compiled)),
        figure("small, 1 worker / plain Python", "times", lambda r: _rate(r.compiled) / _rate(r.plain)),
        figure("large, 1 worker", RATE, lambda r: _rate(r.one)),
        figure("large, 1 worker / small, plain", "times", lambda r: _rate(r.one) / _rate(r.plain)),
        figure("large, 2 workers", RATE, lambda r: _rate(r.two)),
        figure("large, 2 workers / 1 worker", "times", lambda r: _rate(r.two) / _rate(r.one)),
        figure("large, transitions per real step", "transitions", lambda r: r.one.transitions / r.one.step_executions),
        figure("large, memory per state", "bytes", lambda r: r.one.bytes_per_state or 0.0),
        figure("one more in flight, symmetry, 1 worker", RATE, lambda r: _rate(r.more)),
        figure("the same, 2 workers / 1 worker", "times", lambda r: _rate(r.more_by_two) / _rate(r.more)),
        figure("large, states without/with symmetry", "times", lambda r: r.one.states / r.reduced.states),
        figure("large, time without/with symmetry", "times", lambda r: r.one.seconds / r.reduced.seconds),
        figure("Byzantine core, 1 worker", RATE, lambda r: _rate(r.byzantine)),
        figure("Byzantine core / large, 1 worker", "times", lambda r: _rate(r.byzantine) / _rate(r.one)),
        *beside_tlc,
    )


def _disagreements(rounds: list[_Round]) -> tuple[str, ...]:
    """Return a line for each pair of searches of the same bounds with different counts."""
    disagreements: dict[str, None] = {}
    for r in rounds:
        if _counts(r.compiled) != _counts(r.plain):
            disagreements["compiled and plain Python differ on the small bounds"] = None
        if _counts(r.one) != _counts(r.two):
            disagreements["1 worker and 2 workers differ on the large bounds"] = None
        if _counts(r.more) != _counts(r.more_by_two):
            disagreements["1 worker and 2 workers differ with symmetry"] = None
        if r.reduced.orbit_sum != r.one.states:
            disagreements["the orbits under symmetry have another number of states than the full search"] = None
        if r.tlc is not None and r.tlc.verdict is not Verdict.HOLDS:
            disagreements[f"TLC on the specification: {r.tlc.conclusion}"] = None
        if [_counts(e) for e in r.all()] != [_counts(e) for e in rounds[0].all()]:
            disagreements["a repetition differs from the first"] = None
    return tuple(disagreements)


def _counts(exploration: Exploration) -> tuple[tuple[int, ...], int, int]:
    return exploration.levels, exploration.transitions, exploration.over_capacity


def print_benchmark(console: Console, benchmark: Benchmark) -> None:
    """Print the bounds, a table of figures, and whether the searches agree."""
    for label, bounds, states in (
        ("small", benchmark.small, benchmark.small_states),
        ("large", benchmark.large, benchmark.large_states),
        ("Byzantine core", benchmark.byzantine, benchmark.byzantine_states),
    ):
        console.print(f"{label}: {states:,} states; {bounds_text(bounds.as_dict())}")
    console.print(f"specification: {bounds_text(SPECIFICATION.as_dict())}")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("figure", no_wrap=True)
    table.add_column("median (least - most)", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for figure in benchmark.figures:
        table.add_row(figure.name, *figure.text())
    console.print()
    console.print(table)
    if benchmark.not_run is not None:
        console.print(f"TLC {benchmark.not_run}", soft_wrap=True)
    console.print()
    for line in benchmark.disagreements or ("All searches of the same bounds counted the same.",):
        console.print(line)
