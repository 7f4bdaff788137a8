"""`model-check conform`: the code, step by step, against the specification."""

from quorate_check.cli.junit import suite_of_conformance
from quorate_check.cli.output import Output
from quorate_check.cli.paths import show_path
from quorate_check.cli.running import Search
from quorate_check.conformance.check import DEFAULT_RUNS, Conformance, Run
from quorate_check.conformance.report import (
    ConformanceReport,
    bounds_of,
    print_conformance,
    print_nearest,
    unexplained,
)
from quorate_check.subjects.raft_bounds import RaftBounds
from quorate_check.system import System
from quorate_check.verdict import Verdict


def check(output: Output, search: Search, runs: tuple[Run, ...]) -> tuple[ConformanceReport, System]:
    """Explore every run, explaining each step; stop at the first that doesn't hold. Returns the last system, too."""
    conformance, explorations = Conformance(), []
    for run in runs:
        system = conformance.system(run.bounds)
        explorations.append(search.run(system, f"conform: {run.name}", output.progress))
        if explorations[-1].path is not None or explorations[-1].stopped is not None:
            break
    names, bounds = tuple(r.name for r in runs), tuple(r.bounds for r in runs)
    return ConformanceReport(names, bounds, tuple(explorations), conformance), system


def conform(output: Output, bounds: RaftBounds, search: Search) -> Verdict:
    """Check conformance within `bounds`, or within the built-in list if they are the usual ones, and report it."""
    runs = DEFAULT_RUNS if bounds == RaftBounds() else (Run("your bounds", bounds),)
    report, system = check(output, search, runs)
    print_conformance(output.text, report)
    if report.path is not None:
        show_path(output, system, bounds_of(report), report.path)
        if (near := unexplained(system, report.path)) is not None:
            print_nearest(output.text, near)
    output.write_json(report.as_dict())
    output.write_junit([suite_of_conformance(report, system)])
    return report.verdict
