"""`model-check conform` and `model-check bft --conform`: every step of the code, explained by the specification."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from quorate_check.bft.conformance import check as bft
from quorate_check.bft.member import MemberBounds
from quorate_check.cli.junit import suite_of_conformance
from quorate_check.cli.options import SEARCH_BOUNDS
from quorate_check.cli.output import Output
from quorate_check.cli.paths import show_path
from quorate_check.cli.running import Search
from quorate_check.conformance.nearest import Nearest
from quorate_check.conformance.report import (
    ConformanceReport,
    bounds_of,
    print_conformance,
    print_nearest,
    unexplained,
)
from quorate_check.conformance.runs import NamedBounds
from quorate_check.conformance.sequences import CONFORMS
from quorate_check.core.system import Outcome, System
from quorate_check.core.verdict import Exploration, Verdict
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.conformance import check as raft

NearestTo = Callable[[Any, Any, Outcome], Nearest]


def check(
    output: Output, search: Search, runs: tuple[NamedBounds[RaftBounds], ...]
) -> tuple[ConformanceReport, System]:
    """Explore every run of Raft, explaining each step; stop at the first that doesn't hold.

    Returns the last system, too.
    """
    return _explain(output, search, raft.Conformance(), runs)


def check_beside(
    output: Output, search: Search, system: System, name: str, runs: tuple[NamedBounds[RaftBounds], ...]
) -> tuple[Exploration, ConformanceReport | None]:
    """Search `system`, the core within the bounds of the first of `runs`, explaining its steps, and then other runs.

    Returns the exploration of `system`, and the report on all `runs`; None if `system` itself breaks a promise.
    """
    conformance = raft.Conformance()
    both = search.run(conformance.extend(system), name, output.progress)
    if both.path is not None and both.path.broken == CONFORMS:  # which ended both; so each is searched by itself
        exploration = search.run(system, name, output.progress)
        return exploration, check(output, search, runs)[0] if exploration.path is None else None
    exploration = replace(both, invariants=tuple(invariant for invariant in both.invariants if invariant != CONFORMS))
    if both.path is not None:
        return exploration, None
    explorations: tuple[Exploration, ...] = (replace(both, subject=raft.SUBJECT, invariants=(CONFORMS,), witnesses=()),)
    if both.stopped is None:
        others = runs[1:]
        systems = tuple(conformance.system(run.bounds) for run in others)
        explorations += _explore(output, search, tuple(run.name for run in others), systems)
    return exploration, _report(conformance, runs, explorations)


def check_bft(
    output: Output, search: Search, runs: tuple[NamedBounds[MemberBounds], ...]
) -> tuple[ConformanceReport, System]:
    """Explore every run of one member of the Byzantine core, in the same way."""
    return _explain(output, search, bft.Conformance(), runs)


def _explain(
    output: Output,
    search: Search,
    conformance: raft.Conformance | bft.Conformance,
    runs: tuple[NamedBounds[Any], ...],
) -> tuple[ConformanceReport, System]:
    systems = tuple(conformance.system(run.bounds) for run in runs)
    explorations = _explore(output, search, tuple(run.name for run in runs), systems)
    return _report(conformance, runs, explorations), systems[len(explorations) - 1]


def _report(
    conformance: raft.Conformance | bft.Conformance,
    runs: tuple[NamedBounds[Any], ...],
    explorations: tuple[Exploration, ...],
) -> ConformanceReport:
    names, bounds = tuple(run.name for run in runs), tuple(run.bounds for run in runs)
    return ConformanceReport(names, bounds, explorations, conformance, conformance.unused(bounds))


def _explore(
    output: Output, search: Search, names: tuple[str, ...], systems: tuple[System, ...]
) -> tuple[Exploration, ...]:
    explorations: list[Exploration] = []
    for name, system in zip(names, systems, strict=True):
        explorations.append(search.run(system, f"conform: {name}", output.progress))
        if explorations[-1].path is not None or explorations[-1].stopped is not None:
            break
    return tuple(explorations)


def conform(output: Output, bounds: RaftBounds, search: Search) -> Verdict:
    """Check conformance within `bounds`, or within the built-in list if they are the default, and report it."""
    runs = raft.DEFAULT_RUNS if bounds == SEARCH_BOUNDS else (NamedBounds("your bounds", bounds),)
    report, system = check(output, search, runs)
    return _report_run(output, report, system, raft.nearest_step)


def conform_bft(output: Output, search: Search) -> Verdict:
    """Check conformance of the Byzantine core within the built-in list of bounds, and report it."""
    report, system = check_bft(output, search, bft.DEFAULT_RUNS)
    return _report_run(output, report, system, bft.nearest_step(bft.DEFAULT_RUNS[len(report.explorations) - 1].bounds))


def _report_run(output: Output, report: ConformanceReport, system: System, nearest_to: NearestTo) -> Verdict:
    print_conformance(output.text, report)
    if report.path is not None:
        show_path(output, system, bounds_of(report), report.path)
        if (nearest := unexplained(system, report.path, nearest_to)) is not None:
            print_nearest(output.text, nearest)
    output.write_json(report.as_dict())
    output.write_junit([suite_of_conformance(report, system)])
    return report.verdict
