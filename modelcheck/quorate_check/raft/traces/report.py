"""The result of a check of traces, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from quorate_check.conformance.report import print_nearest
from quorate_check.conformance.sequences import STUTTERS
from quorate_check.core.verdict import Verdict, counted
from quorate_check.raft.conformance.nearest import nearest
from quorate_check.raft.traces.check import TraceCheck
from quorate_check.raft.traces.findings import SENTENCES, TraceFinding, TraceRule
from quorate_check.tell.report import plain_table, print_conclusion, verdict_text

if TYPE_CHECKING:
    from rich.console import Console


AND_MORE: Final = "+"


def verdict_of(check: TraceCheck) -> Verdict:
    """Return VIOLATED if a rule is broken, UNKNOWN if the check was stopped, else HOLDS."""
    if check.finding is not None:
        return Verdict.VIOLATED
    return Verdict.HOLDS if check.stopped is None else Verdict.UNKNOWN


def verdict_on(check: TraceCheck, rule: TraceRule) -> Verdict:
    """Return the verdict on one rule; a rule that isn't broken is UNKNOWN if the traces weren't read to the end."""
    if check.finding is not None and check.finding.rule is rule:
        return Verdict.VIOLATED
    return Verdict.HOLDS if verdict_of(check) is Verdict.HOLDS else Verdict.UNKNOWN


def conclusion_of(check: TraceCheck) -> str:
    """Return the verdict in one line."""
    if check.finding is not None:
        return f"violated: {check.finding.rule.value} is broken at {check.finding.place}"
    servers = counted(len(check.members), "server")
    if check.stopped is not None:
        return f"unknown: {check.stopped} after {check.counts.steps:,} steps, all of which were explained"
    holds = f"holds: {servers} took {counted_in_thousands(check.counts.steps, 'step')}, and each is explained"
    if begins := beginnings(check):
        return f"{holds}, from where the traces begin ({begins}; what was before is gone)"
    return holds


def beginnings(check: TraceCheck) -> str:
    """Return the parts with which traces begin whose first parts are gone, in words; empty if there are none."""
    return ", ".join(
        f"node {member.file.node}: part {member.file.first_part}"
        for member in check.members
        if member.file.first_part > 0
    )


def caveats(check: TraceCheck) -> Iterator[str]:
    """Yield the limits of what was checked, a sentence each."""
    counts = check.counts
    if cut := sum(member.file.cut_off for member in check.members):
        yield f"{counted(cut, 'line')} broke off when a process was killed; no message of the steps in them had left."
    if begins := beginnings(check):
        messages = counted_in_thousands(counts.taken_as_sent, "message")
        yield (
            f"Earlier parts of traces are gone; the first that are left: {begins}. What came before is not judged, and "
            f"{messages}, which can only have been sent there, counted as sent."
        )
    if counts.replaced:
        yield (
            f"{counted(counts.replaced, 'storage')} took the place of a lost one. The specification has no step that "
            "loses a disk: the new one was judged from its first step on, and the promises over the whole run."
        )
    if counts.began_late:
        yield (
            f"{counted(counts.began_late, 'server')} had a log when the traces began. "
            "Entries that only a snapshot stands for are assumed to be what messages say of them."
        )


def amounts_judged(check: TraceCheck) -> dict[TraceRule, tuple[int, str]]:
    """Return for each rule how many things it judged, and the noun for them."""
    counts, safety = check.counts, check.safety
    return {
        TraceRule.SENT: (counts.received, "message"),
        TraceRule.CONFIRMED: (counts.confirmed, "confirmation"),
        TraceRule.REPLAYED: (counts.steps, "step"),
        TraceRule.RESTARTED: (counts.restarts, "restart"),
        TraceRule.EXPLAINED: (sum(check.sequences.values()), "step"),
        TraceRule.ELECTION_SAFETY: (len(safety.elections), "term"),
        TraceRule.LOG_MATCHING: (len(safety.entries), "entry"),
        TraceRule.STATE_MACHINE_SAFETY: (len(safety.applied), "index"),
        TraceRule.LEADER_COMPLETENESS: (len(safety.elections), "election"),
    }


def explanations(check: TraceCheck) -> dict[str, int]:
    """Return how many steps are explained by each sequence, most frequent first.

    A repeated action is named once, with AND_MORE: windows leave entries out, so how often it repeats isn't known.
    """
    sequences: Counter[str] = Counter()
    for sequence, count in check.sequences.items():
        runs = [(name, len(list(same))) for name, same in groupby(sequence)]
        sequences[", ".join(f"{name}{AND_MORE}" if times > 1 else name for name, times in runs) or STUTTERS] += count
    return dict(sequences.most_common())


def as_dict(check: TraceCheck) -> dict[str, Any]:
    """Return the report as JSON values."""
    finding = check.finding
    return {
        "subject": "traces of a cluster",
        "verdict": verdict_of(check).value,
        "conclusion": conclusion_of(check),
        "servers": [member.file.node for member in check.members],
        **asdict(check.counts),
        "cut_off_lines": sum(member.file.cut_off for member in check.members),
        "distinct_steps": check.distinct_steps,
        "seconds": check.seconds,
        "caveats": list(caveats(check)),
        "rules": {
            rule.value: {"verdict": verdict_on(check, rule).value, "judged": number}
            for rule, (number, _) in amounts_judged(check).items()
        },
        "sequences": explanations(check),
        "finding": None if finding is None else _finding_as_dict(finding),
    }


def _finding_as_dict(finding: TraceFinding) -> dict[str, Any]:
    values: dict[str, Any] = {
        "rule": finding.rule.value,
        "file": finding.place.file,
        "line": finding.place.line,
        "what": finding.what,
    }
    if finding.step is not None:
        near = nearest(finding.step)
        values |= {"explained_by": list(near.actions), "next_action": near.action, "failing_condition": near.condition}
    return values


def print_traces(console: Console, check: TraceCheck) -> None:
    """Print the amount judged by each rule, the number of steps by explanation, and the conclusion."""
    _print_rules(console, check)
    table = plain_table()
    table.add_column("steps", justify="right", no_wrap=True)
    table.add_column(f"are explained by ({AND_MORE}: once or more)")
    for sequence, count in explanations(check).items():
        table.add_row(f"{count:,}", sequence)
    console.print()
    console.print(table)
    for caveat in caveats(check):
        console.print()
        console.print(caveat)
    if check.finding is not None:
        _print_finding(console, check.finding)
    print_conclusion(console, verdict_of(check), conclusion_of(check))


def _print_rules(console: Console, check: TraceCheck) -> None:
    counts = check.counts
    rate = counts.steps / check.seconds if check.seconds else 0
    console.print(
        f"{counted(len(check.members), 'server')}, {counts.lines:,} lines, {check.seconds:.1f} s, {rate:,.0f} steps/s",
        soft_wrap=True,
    )
    table = plain_table()
    table.add_column("rule", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("judged")
    for rule, (number, noun) in amounts_judged(check).items():
        amount = counted_in_thousands(number, noun)
        table.add_row(rule.value, verdict_text(verdict_on(check, rule)), f"{amount}: {SENTENCES[rule]}")
    console.print()
    console.print(table)


def _print_finding(console: Console, finding: TraceFinding) -> None:
    console.print()
    console.print(Text(f"{finding.place}: {finding.rule.value} is broken: {finding.what}."), soft_wrap=True)
    if finding.step is None:
        return
    if finding.window:
        note = f"Indices are renumbered below, without those that play no part: {finding.window}."
        console.print(Text(note), soft_wrap=True)
    print_nearest(console, nearest(finding.step))


def counted_in_thousands(number: int, noun: str) -> str:
    """Return `1 step`, `2,000 steps`."""
    plural = {"entry": "entries", "index": "indices"}.get(noun, f"{noun}s")
    return f"{number:,} {noun if number == 1 else plural}"
