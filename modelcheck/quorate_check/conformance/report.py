"""The result of a conformance check, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rich.text import Text

from quorate_check.conformance.nearest import Nearest
from quorate_check.conformance.sequences import STUTTERS, Sequence
from quorate_check.core import behaviour
from quorate_check.core.path import Path
from quorate_check.core.system import Outcome, System
from quorate_check.core.verdict import CutOff, Exploration, Verdict
from quorate_check.tell.described import Rule
from quorate_check.tell.path_text import outcome_of
from quorate_check.tell.report import Bounds, SomeBounds, bounds_text, plain_table, print_conclusion, verdict_text

if TYPE_CHECKING:
    from rich.console import Console


NO_RULE = Rule("no action", "", "Nothing that the specification allows does what this step did.")


class Explainer(Protocol):
    """The count of the steps of some explorations, by the sequence of actions that explains them."""

    subject: str
    sequences: Counter[Sequence]

    @property
    def steps(self) -> int:
        """The number of distinct steps."""
        ...


Unused = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class ConformanceReport:
    """Explorations of the code within `bounds`, and the sequences of actions that explain their steps.

    `unused_actions` are the specification's actions that explain no step, with the reason if the bounds exclude them.
    """

    names: tuple[str, ...]
    bounds: tuple[SomeBounds, ...]
    explorations: tuple[Exploration, ...]
    conformance: Explainer
    unused_actions: Unused

    @property
    def path(self) -> Path | None:
        """The path to a step that nothing explains."""
        return self.explorations[-1].path

    @property
    def actions(self) -> Counter[str]:
        """How many steps each action helps to explain."""
        counts = Counter[str]()
        for sequence, steps in self.conformance.sequences.items():
            counts.update(dict.fromkeys(sequence, steps))
        return counts

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if a step has no explanation, UNKNOWN if a search ended early, else HOLDS."""
        return next((e.verdict for e in self.explorations if e.verdict is not Verdict.HOLDS), Verdict.HOLDS)

    @property
    def conclusion(self) -> str:
        """The verdict in one line."""
        if self.path is not None:
            return f"violated: after {len(self.path.steps)} steps the code does what the specification doesn't"
        unfinished = next((e for e in self.explorations if e.verdict is not Verdict.HOLDS), None)
        if unfinished is not None:
            return unfinished.conclusion
        depths = [e.depth_limit for e in self.explorations if e.depth_limit is not None]
        within = f"to depth {min(depths)}" if depths else "exhaustive within bounds"
        claim = f"holds, {within}: each of {self.conformance.steps:,} distinct steps is explained"
        return CutOff.total(e.cut_off for e in self.explorations).after(claim)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "subject": self.conformance.subject,
            "verdict": self.verdict.value,
            "conclusion": self.conclusion,
            "runs": [
                {
                    "name": name,
                    "bounds": bounds.as_dict(),
                    "states": e.states,
                    "transitions": e.transitions,
                    "step_executions": e.step_executions,
                    "seconds": e.seconds,
                    "exhaustive": e.exhaustive,
                    "cut_off": e.cut_off.as_dict(),
                }
                for name, bounds, e in zip(self.names, self.bounds, self.explorations, strict=False)
            ],
            "distinct_steps": self.conformance.steps,
            "sequences": {", ".join(s) or STUTTERS: n for s, n in self.conformance.sequences.most_common()},
            "actions": dict(self.actions.most_common()),
            "unused_actions": self.unused_actions,
        }


def print_conformance(console: Console, report: ConformanceReport) -> None:
    """Print the explorations, the number of steps that each sequence explains, unused actions and the conclusion."""
    runs = plain_table()
    for column in ("run", "states", "real steps", "time", "verdict"):
        runs.add_column(column, justify="left" if column in {"run", "verdict"} else "right", no_wrap=True)
    for name, bounds, e in zip(report.names, report.bounds, report.explorations, strict=False):
        console.print(f"{name}: {bounds_text(bounds.as_dict())}", soft_wrap=True)
        runs.add_row(name, f"{e.states:,}", f"{e.step_executions:,}", f"{e.seconds:.1f} s", verdict_text(e.verdict))
    console.print()
    console.print(runs)
    table = plain_table()
    table.add_column("steps", justify="right", no_wrap=True)
    table.add_column("are explained by")
    for sequence, count in report.conformance.sequences.most_common():
        table.add_row(f"{count:,}", ", ".join(sequence) or STUTTERS)
    console.print()
    console.print(table)
    console.print()
    for name, reason in report.unused_actions.items():
        console.print(f"not used: {name}: {reason or 'these bounds reach no step that it explains'}", soft_wrap=True)
    print_conclusion(console, report.verdict, report.conclusion)


def unexplained(system: System, path: Path, nearest: Callable[[Any, Any, Outcome], Nearest]) -> Nearest | None:
    """Return how near the specification comes to the last step of `path`; None if that step raised an exception."""
    before = path.steps[-2].after if len(path.steps) > 1 else path.initial
    move = path.steps[-1].move
    if before is None or move.node is None or (outcome := outcome_of(system, before, move)) is None:
        return None
    return nearest(before.nodes[move.node], behaviour.event_of(move), outcome)


def print_nearest(console: Console, nearest: Nearest) -> None:
    """Print the actions that explain part of a step, what they leave unexplained, and the condition that fails."""
    lines = [f"Actions that explain a part of this step: {', '.join(nearest.actions) or 'none'}."]
    lines += [
        f"Then {name} is {ours} in the specification, {theirs} in the code."
        for name, ours, theirs in nearest.differences
    ]
    lines += [f"Only the code sends {m}" for m in nearest.unsent]
    if nearest.condition is not None:
        lines.append(f"Next would be {nearest.action}, whose guard fails at: {nearest.condition}")
    else:
        lines.append(f"Next would be {nearest.action}, whose guard holds; it does: {nearest.effect}.")
    console.print()
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def bounds_of(report: ConformanceReport) -> Bounds:
    """Return the bounds of the run that ended the check."""
    return report.bounds[len(report.explorations) - 1].as_dict()
