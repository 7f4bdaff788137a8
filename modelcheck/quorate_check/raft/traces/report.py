"""The result of a check of traces, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.text import Text

from quorate_check.conformance.report import print_nearest
from quorate_check.core.verdict import Verdict, counted
from quorate_check.raft.conformance.nearest import nearest
from quorate_check.raft.traces.check import TraceCheck
from quorate_check.raft.traces.findings import SENTENCES, TraceFinding, TraceRule
from quorate_check.tell.report import print_conclusion
from quorate_check.traces.report import (
    JudgedRule,
    TraceReport,
    broken_off,
    counted_in_thousands,
    explanations,
    finding_as_dict,
    print_judged,
    verdict_of_rule,
    verdict_of_run,
)

if TYPE_CHECKING:
    from rich.console import Console


def verdict_of(check: TraceCheck) -> Verdict:
    """Return VIOLATED if a rule is broken, UNKNOWN if the check was stopped, else HOLDS."""
    return verdict_of_run(check.finding, check.stopped)


def verdict_on(check: TraceCheck, rule: TraceRule) -> Verdict:
    """Return the verdict on one rule; a rule that isn't broken is UNKNOWN if the traces weren't read to the end."""
    return verdict_of_rule(verdict_of(check), is_broken=check.finding is not None and check.finding.rule is rule)


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
    yield from broken_off(sum(member.file.cut_off for member in check.members))
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


def report_of(check: TraceCheck) -> TraceReport:
    """Return the result of a check."""
    counts = asdict(check.counts)
    finding, verdict = check.finding, verdict_of(check)
    return TraceReport(
        servers=tuple(member.file.node for member in check.members),
        verdict=verdict,
        conclusion=conclusion_of(check),
        rules=tuple(
            JudgedRule(rule.value, SENTENCES[rule], verdict_on(check, rule), amount, noun)
            for rule, (amount, noun) in amounts_judged(check).items()
        ),
        lines=counts.pop("lines"),
        steps=counts.pop("steps"),
        seconds=check.seconds,
        counts=counts
        | {
            "cut_off_lines": sum(member.file.cut_off for member in check.members),
            "distinct_steps": check.distinct_steps,
        },
        sequences=explanations(check.sequences),
        caveats=tuple(caveats(check)),
        finding=None if finding is None else _finding_as_dict(finding),
    )


def _finding_as_dict(finding: TraceFinding) -> dict[str, Any]:
    near = None if finding.step is None else nearest(finding.step)
    return finding_as_dict(finding.rule.value, finding.place, finding.what, near)


def print_traces(console: Console, check: TraceCheck, report: TraceReport) -> None:
    """Print a report, with the nearest step of the specification to one that nothing explains."""
    print_judged(console, report)
    step = None if check.finding is None else check.finding.step
    if check.finding is not None and step is not None:
        if check.finding.window:
            note = f"Indices are renumbered below, without those that play no part: {check.finding.window}."
            console.print(Text(note), soft_wrap=True)
        print_nearest(console, nearest(step))
    print_conclusion(console, report.verdict, report.conclusion)
