"""The result of a check of the traces of BFT members."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from quorate_check.bft.conformance.nearest import nearest
from quorate_check.bft.traces.check import TraceCheck
from quorate_check.bft.traces.findings import SENTENCES, TraceFinding, TraceRule
from quorate_check.conformance.report import print_nearest
from quorate_check.core.verdict import Verdict, counted
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

SCOPE: Final = (
    "What members decide is judged by its digest: whether they apply the requests behind it alike is not. A member "
    "without a trace may be a traitor."
)


def verdict_of(check: TraceCheck) -> Verdict:
    """Return VIOLATED if a rule is broken, UNKNOWN if the check was stopped, else HOLDS."""
    return verdict_of_run(check.finding, check.stopped)


def conclusion_of(check: TraceCheck) -> str:
    """Return the verdict in one line."""
    if check.finding is not None:
        return f"violated: {check.finding.rule.value} is broken at {check.finding.place}"
    steps = counted_in_thousands(check.counts.steps, "step")
    if check.stopped is not None:
        return f"unknown: {check.stopped} after {steps}, all of which were explained"
    members = counted(len(check.members), "member")
    holds = f"holds: {members} took {steps}, and each is explained"
    if late := [str(node) for node, index in sorted(check.statements.beginnings.items()) if index]:
        return f"{holds}, from where the traces begin (those of {', '.join(late)} begin late)"
    return holds


def caveats(check: TraceCheck) -> Iterator[str]:
    """Yield the limits of what was checked, a sentence each."""
    yield from broken_off(sum(member.file.cut_off for member in check.members))
    if lost := check.lost_steps:
        yield f"Crashes lost {counted_in_thousands(lost, 'step')} whose writes weren't on the disk; nothing had left."
    if late := [f"node {node}: index {index}" for node, index in sorted(check.statements.beginnings.items()) if index]:
        signatures = counted_in_thousands(check.statements.taken_as_sent, "signature")
        yield f"Traces begin late ({', '.join(late)}). {signatures}, which can be from before, counted as sent."
    yield SCOPE


def report_of(check: TraceCheck) -> TraceReport:
    """Return the result of a check."""
    counts, verdict, finding = check.counts, verdict_of(check), check.finding
    amounts = {
        TraceRule.REPLAYED: (counts.steps, "step"),
        TraceRule.RESTARTED: (counts.restarts, "restart"),
        TraceRule.SENT: (counts.received, "message"),
        TraceRule.EXPLAINED: (sum(check.sequences.values()), "step"),
        TraceRule.SIGNED_ONCE: (counts.sent, "message"),
        TraceRule.AGREEMENT: (len(check.decided), "index"),
    }
    return TraceReport(
        servers=tuple(member.file.node for member in check.members),
        verdict=verdict,
        conclusion=conclusion_of(check),
        rules=tuple(
            JudgedRule(
                rule.value,
                SENTENCES[rule],
                verdict_of_rule(verdict, is_broken=finding is not None and finding.rule is rule),
                amount,
                noun,
            )
            for rule, (amount, noun) in amounts.items()
        ),
        lines=sum(member.lines for member in check.members),
        steps=counts.steps,
        seconds=check.seconds,
        counts={
            "received": counts.received,
            "restarts": counts.restarts,
            "sent": counts.sent,
            "lost_steps": check.lost_steps,
            "taken_as_sent": check.statements.taken_as_sent,
            "cut_off_lines": sum(member.file.cut_off for member in check.members),
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
    if check.finding is not None and check.finding.step is not None:
        if check.finding.first_index > 1:
            console.print(Text(f"Indices are counted below from {check.finding.first_index:,}."), soft_wrap=True)
        print_nearest(console, nearest(check.finding.step))
    print_conclusion(console, report.verdict, report.conclusion)
