"""The result of a check of traces, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from quorate_check.conformance.nearest import Nearest
from quorate_check.conformance.sequences import STUTTERS
from quorate_check.core.verdict import Verdict, counted
from quorate_check.tell.report import plain_table, verdict_text
from quorate_check.traces.reading import Place

if TYPE_CHECKING:
    from rich.console import Console

AND_MORE: Final = "+"


@dataclass(frozen=True, slots=True)
class JudgedRule:
    """A rule, the sentence that it claims, its verdict, and how many things, of which the noun is given, it judged."""

    name: str
    sentence: str
    verdict: Verdict
    amount: int
    noun: str


@dataclass(frozen=True, slots=True)
class TraceReport:
    """The result of a check of the traces of `servers`.

    `counts` are more counts for programs, `sequences` the number of steps by the actions that explain them, and
    `finding` the broken rule for programs, None if there is none.
    """

    servers: tuple[int, ...]
    verdict: Verdict
    conclusion: str
    rules: tuple[JudgedRule, ...]
    lines: int
    steps: int
    seconds: float
    counts: Mapping[str, int]
    sequences: Mapping[str, int]
    caveats: tuple[str, ...]
    finding: Mapping[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "subject": "traces of a cluster",
            "verdict": self.verdict.value,
            "conclusion": self.conclusion,
            "servers": list(self.servers),
            "lines": self.lines,
            "steps": self.steps,
            **self.counts,
            "seconds": self.seconds,
            "caveats": list(self.caveats),
            "rules": {rule.name: {"verdict": rule.verdict.value, "judged": rule.amount} for rule in self.rules},
            "sequences": dict(self.sequences),
            "finding": None if self.finding is None else dict(self.finding),
        }


def verdict_of_run(finding: object | None, stopped: str | None) -> Verdict:
    """Return VIOLATED if there is a finding, UNKNOWN if the check was stopped, else HOLDS."""
    if finding is not None:
        return Verdict.VIOLATED
    return Verdict.HOLDS if stopped is None else Verdict.UNKNOWN


def verdict_of_rule(verdict: Verdict, *, is_broken: bool) -> Verdict:
    """Return the verdict on one rule; a rule that isn't broken is UNKNOWN if the traces weren't read to the end."""
    if is_broken:
        return Verdict.VIOLATED
    return Verdict.HOLDS if verdict is Verdict.HOLDS else Verdict.UNKNOWN


def explanations(sequences: Mapping[tuple[str, ...], int]) -> dict[str, int]:
    """Return how many steps are explained by each sequence, most frequent first.

    A repeated action is named once, with AND_MORE: windows leave entries out, so how often it repeats isn't known.
    """
    counts: Counter[str] = Counter()
    for sequence, count in sequences.items():
        runs = [(name, len(list(same))) for name, same in groupby(sequence)]
        counts[", ".join(f"{name}{AND_MORE}" if times > 1 else name for name, times in runs) or STUTTERS] += count
    return dict(counts.most_common())


def print_judged(console: Console, report: TraceReport) -> None:
    """Print the amount judged by each rule, the number of steps by explanation, and the caveats."""
    rate = report.steps / report.seconds if report.seconds else 0
    servers = counted(len(report.servers), "server")
    console.print(
        f"{servers}, {report.lines:,} lines, {report.seconds:.1f} s, {rate:,.0f} steps/s",
        soft_wrap=True,
    )
    table = plain_table()
    table.add_column("rule", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("judged")
    for rule in report.rules:
        amount = counted_in_thousands(rule.amount, rule.noun)
        table.add_row(rule.name, verdict_text(rule.verdict), f"{amount}: {rule.sentence}")
    console.print()
    console.print(table)
    table = plain_table()
    table.add_column("steps", justify="right", no_wrap=True)
    table.add_column(f"are explained by ({AND_MORE}: once or more)")
    for sequence, count in report.sequences.items():
        table.add_row(f"{count:,}", sequence)
    console.print()
    console.print(table)
    for caveat in report.caveats:
        console.print()
        console.print(caveat)
    if report.finding is not None:
        finding = report.finding
        console.print()
        text = f"{finding['file']}:{finding['line']}: {finding['rule']} is broken: {finding['what']}."
        console.print(Text(text), soft_wrap=True)


def finding_as_dict(rule: str, place: Place, what: str, near: Nearest | None) -> dict[str, Any]:
    """Return a broken rule as JSON values, with what the specification has nearest to a step that nothing explains."""
    values: dict[str, Any] = {"rule": rule, "file": place.file, "line": place.line, "what": what}
    if near is not None:
        values |= {"explained_by": list(near.actions), "next_action": near.action, "failing_condition": near.condition}
    return values


def broken_off(lines: int) -> Iterator[str]:
    """Yield the caveat about lines that broke off, if there are any."""
    if lines:
        yield f"{counted(lines, 'line')} broke off when a process was killed; no message of the steps in them had left."


def counted_in_thousands(number: int, noun: str) -> str:
    """Return `1 step`, `2,000 steps`."""
    plural = {"entry": "entries", "index": "indices"}.get(noun, f"{noun}s")
    return f"{number:,} {noun if number == 1 else plural}"
