"""The results of random walks and of replayed paths, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

from quorate_check.core.verdict import Verdict
from quorate_check.tell.path_text import path_as_dict
from quorate_check.tell.report import (
    Bounds,
    bounds_text,
    print_conclusion,
    print_path,
    print_properties,
    rate,
    witnesses_as_dict,
)

if TYPE_CHECKING:
    from rich.console import Console

    from quorate_check.core.path import Path
    from quorate_check.core.system import System
    from quorate_check.engine.walks import Simulation
    from quorate_check.tell.saved import Replay


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """The result of random walks, with their system, bounds and options."""

    system: System
    bounds: Bounds
    simulation: Simulation

    def verdicts(self) -> dict[str, Verdict]:
        """Return a verdict per invariant; once one is broken the others are UNKNOWN, since the walks stopped early."""
        s = self.simulation
        others = Verdict.HOLDS if s.verdict is Verdict.HOLDS else Verdict.UNKNOWN
        broken = None if s.path is None else s.path.broken
        return {name: Verdict.VIOLATED if name == broken else others for name in s.invariants}

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        s = self.simulation
        return {
            "subject": s.subject,
            "bounds": dict(self.bounds),
            "verdict": s.verdict.value,
            "conclusion": s.conclusion,
            "exhaustive": False,
            "walks": s.walks,
            "depth": s.depth,
            "seed": s.seed,
            "transitions": s.transitions,
            "local_states": s.local_states,
            "step_executions": s.step_executions,
            "seconds": s.seconds,
            "invariants": {name: verdict.value for name, verdict in self.verdicts().items()},
            "witnesses": witnesses_as_dict(s.witnesses),
            "path": None if s.path is None else path_as_dict(self.system, s.path),
        }


def print_simulation(console: Console, report: SimulationReport) -> None:
    """Print what was walked, a verdict per invariant, when each witness was seen, the conclusion."""
    s = report.simulation
    figures = Table.grid(padding=(0, 2))
    figures.add_column(no_wrap=True)
    figures.add_column(overflow="fold")
    figures.add_row("subject", s.subject)
    figures.add_row("bounds", bounds_text(report.bounds))
    figures.add_row("walks", f"{s.walks:,}  (of at most {s.depth:,} steps, seed {s.seed})")
    figures.add_row("transitions", f"{s.transitions:,}")
    figures.add_row("local states met", f"{s.local_states:,}")
    figures.add_row("real steps executed", f"{s.step_executions:,}")
    figures.add_row("time", f"{s.seconds:.1f} s  ({rate(s.transitions, s.seconds)})")
    console.print(figures)
    print_properties(console, report.system, s.invariants, report.verdicts(), s.witnesses)
    print_conclusion(console, s.verdict, s.conclusion)


def replay_as_dict(system: System, replay: Replay) -> dict[str, Any]:
    """Return a replay as JSON values; `path` has the possible steps, its `broken` is null if no promise broke."""
    path = path_as_dict(system, replay.possible_path)
    return {
        "subject": replay.saved.subject,
        "bounds": dict(replay.saved.bounds),
        "verdict": replay.verdict.value,
        "conclusion": replay.conclusion,
        "saved_broken": replay.saved.broken,
        "saved_steps": len(replay.saved.steps),
        "path": {**path, "broken": path["broken"] or None},
    }


def print_replay(console: Console, system: System, path: Path, replay: Replay, *, detail: bool = False) -> None:
    """Print the steps that were possible, the promise that they broke, and the conclusion."""
    console.print(f"{replay.saved.subject}: {bounds_text(replay.saved.bounds)}")
    print_path(console, system, path, hint=False, detail=detail)
    print_conclusion(console, replay.verdict, replay.conclusion)
