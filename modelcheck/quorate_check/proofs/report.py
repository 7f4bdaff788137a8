"""The report of `model-check prove`, as text and as JSON values: each claim once, with the time of its proofs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from quorate_check.core.verdict import Verdict
from quorate_check.proofs.obligation import Obligation, ProofOutcome, ProofSubject, Tie
from quorate_check.tell.report import STYLES, print_conclusion
from quorate_check.tell.wrapping import wrapped

CONTROL: Final = {Verdict.VIOLATED: "refuted", Verdict.HOLDS: "proved!", Verdict.UNKNOWN: "unknown"}
PROOF: Final = {Verdict.VIOLATED: "refuted!", Verdict.HOLDS: "proved", Verdict.UNKNOWN: "unknown"}
TIE: Final = {Verdict.VIOLATED: "violated", Verdict.HOLDS: "holds", Verdict.UNKNOWN: "unknown"}
VERDICT_WIDTH: Final = 8
MORE: Final = "\nWith --only NAME every control shows its counterexample, not just one of each subject."
INDENT: Final = 22


@dataclass(frozen=True, slots=True)
class SubjectReport:
    """A subject, the names of its obligations and ties that were planned, and the outcomes of the finished ones."""

    subject: ProofSubject
    planned: frozenset[str]
    outcomes: Mapping[str, ProofOutcome]

    @property
    def items(self) -> tuple[Obligation | Tie, ...]:
        """The planned obligations and ties."""
        return tuple(item for item in self.subject.everything if item.name in self.planned)

    @property
    def wrong(self) -> tuple[str, ...]:
        """The names of those whose verdict is neither the expected one nor unknown."""
        unexpected = (
            e for e in self.items if e.name in self.outcomes and e.expected is not self.outcomes[e.name].verdict
        )
        return tuple(e.name for e in unexpected if self.outcomes[e.name].verdict is not Verdict.UNKNOWN)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The names of those without a verdict or with an unknown one."""
        known_names = {name for name, o in self.outcomes.items() if o.verdict is not Verdict.UNKNOWN}
        return tuple(e.name for e in self.items if e.name not in known_names)

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if anything is wrong, UNKNOWN if anything is unknown, else HOLDS."""
        if self.wrong:
            return Verdict.VIOLATED
        return Verdict.UNKNOWN if self.unknown else Verdict.HOLDS

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "subject": self.subject.name,
            "title": self.subject.title,
            "verdict": self.verdict.value,
            "obligations": [self._as_dict(e) | {"group": e.group} for e in self.items if isinstance(e, Obligation)],
            "ties": [self._as_dict(e) for e in self.items if isinstance(e, Tie)],
        }

    def _as_dict(self, item: Obligation | Tie) -> dict[str, Any]:
        outcome = self.outcomes.get(item.name)
        result = {} if outcome is None else {"seconds": outcome.seconds, "text": outcome.text, "core": [*outcome.core]}
        verdict = None if outcome is None else outcome.verdict.value
        return {
            "name": item.name,
            "claim": item.claim,
            "expected": item.expected.value,
            "verdict": verdict,
        } | result


@dataclass(frozen=True, slots=True)
class ProofReport:
    """Everything that `model-check prove` did in `seconds`; `stopped` says why it ended early."""

    parts: tuple[SubjectReport, ...]
    seconds: float
    stopped: str | None

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of a subject."""
        verdicts = {p.verdict for p in self.parts}
        return next((v for v in (Verdict.VIOLATED, Verdict.UNKNOWN) if v in verdicts), Verdict.HOLDS)

    @property
    def conclusion(self) -> str:
        """The verdict in one line."""
        wrong, unknown = (tuple(n for p in self.parts for n in names(p)) for names in (_wrong, _unknown))
        if wrong:
            return f"violated: not as it must be: {_first_names(wrong)}"
        if unknown:
            reason = "no answer in time" if self.stopped is None else self.stopped
            total = sum(len(p.items) for p in self.parts)
            return f"unknown: {reason}: {len(unknown)} of {total}: {_first_names(unknown)}"
        items = [e for p in self.parts for e in p.items]
        proofs = sum(isinstance(e, Obligation) and e.expected is Verdict.HOLDS for e in items)
        controls = sum(isinstance(e, Obligation) and e.expected is not Verdict.HOLDS for e in items)
        ties = sum(isinstance(e, Tie) for e in items)
        tied = f"{ties} tie{' holds' if ties == 1 else 's hold'}"
        return f"holds: {proofs:,} proofs; {controls} controls refuted, as they must be; {tied}"

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "verdict": self.verdict.value,
            "conclusion": self.conclusion,
            "seconds": self.seconds,
            "subjects": [p.as_dict() for p in self.parts],
        }


def _wrong(part: SubjectReport) -> tuple[str, ...]:
    return tuple(f"{part.subject.name}: {name}" for name in part.wrong)


def _unknown(part: SubjectReport) -> tuple[str, ...]:
    return tuple(f"{part.subject.name}: {name}" for name in part.unknown)


def _first_names(names: tuple[str, ...]) -> str:
    first = ", ".join(names[:3])
    return first if len(names) <= 3 else f"{first}, and {len(names) - 3} more"


def print_proofs(console: Console, report: ProofReport, *, counterexamples: bool) -> None:
    """Print every claim, and of the controls' counterexamples all, or one of each subject."""
    for part in report.parts:
        console.print()
        console.print(Text(part.subject.title, style="bold"))
        _print_claims(console, part)
        _print_controls(console, part, every=counterexamples)
        _print_ties(console, part)
    if not counterexamples:
        console.print(MORE)
    print_conclusion(console, report.verdict, f"{report.conclusion} ({report.seconds:.0f} s)")


def _print_claims(console: Console, part: SubjectReport) -> None:
    """Print each claim once: an inductive one has an obligation for the beginning, and one for each action."""
    claims: dict[str, list[Obligation]] = {}
    for item in part.items:
        if isinstance(item, Obligation) and item.expected is Verdict.HOLDS:
            claims.setdefault(item.claim, []).append(item)
    for claim, obligations in claims.items():
        outcomes = [part.outcomes.get(o.name) for o in obligations]
        _print_line(console, _worst(outcomes), PROOF, sum(o.seconds for o in outcomes if o), claim)
        if len(obligations) > 1:
            times = (f"{o.group} {_seconds(part.outcomes.get(o.name))}" for o in obligations)
            _print_below(console, ", ".join(times), "dim")
        for obligation, outcome in zip(obligations, outcomes, strict=True):
            _print_why(console, obligation, outcome)


def _print_why(console: Console, obligation: Obligation, outcome: ProofOutcome | None) -> None:
    if outcome is None:
        return
    if outcome.verdict is not Verdict.HOLDS:
        _print_below(console, f"{obligation.name}:\n{outcome.text}")
    if outcome.core:
        _print_below(console, "\n".join(("It would need all of:", *(f"- {sentence}" for sentence in outcome.core))))


def _print_controls(console: Console, part: SubjectReport, *, every: bool) -> None:
    controls = [e for e in part.items if isinstance(e, Obligation) and e.expected is not Verdict.HOLDS]
    if controls:
        console.print(Text("  controls: proofs that must fail, each by a counterexample", style="dim"))
    for number, control in enumerate(controls):
        outcome = part.outcomes.get(control.name)
        _print_line(console, _worst([outcome]), CONTROL, outcome.seconds if outcome else 0.0, control.claim)
        if outcome is not None and outcome.text and (every or number == 0 or "\n" not in outcome.text):
            _print_below(console, outcome.text)


def _print_ties(console: Console, part: SubjectReport) -> None:
    ties = [e for e in part.items if isinstance(e, Tie)]
    if ties:
        console.print(Text("  ties: what is proved is about what is explored", style="dim"))
    for tie in ties:
        outcome = part.outcomes.get(tie.name)
        _print_line(console, _worst([outcome]), TIE, outcome.seconds if outcome else 0.0, tie.claim)
        if outcome is not None and outcome.text:
            _print_below(console, outcome.text)


def _print_line(
    console: Console, verdict: Verdict | None, words: Mapping[Verdict, str], seconds: float, claim: str
) -> None:
    result = "not done" if verdict is None else words[verdict]
    expected = Verdict.VIOLATED if words is CONTROL else Verdict.HOLDS
    good, unknown = STYLES[Verdict.HOLDS], STYLES[Verdict.UNKNOWN]
    style = good if verdict is expected else unknown if verdict in {None, Verdict.UNKNOWN} else STYLES[Verdict.VIOLATED]
    head = Text.assemble("  ", (f"{result:<{VERDICT_WIDTH}}", style), f" {seconds:7.2f} s  ")
    first, *rest = wrapped(claim, console.width - len(head), "", "")
    console.print(head.append(first), soft_wrap=True)
    for line in rest:
        _print_below(console, line)


def _print_below(console: Console, text: str, style: str = "") -> None:
    indent = " " * INDENT
    for line in text.splitlines():
        for part in wrapped(line, console.width, indent, indent + "  "):
            console.print(Text(part, style), soft_wrap=True)


def _worst(outcomes: list[ProofOutcome | None]) -> Verdict | None:
    """Return the worst verdict of a claim's proofs: violated, unknown, None (not done), holds."""
    verdicts = {None if o is None else o.verdict for o in outcomes}
    order: Iterator[Verdict | None] = iter((Verdict.VIOLATED, Verdict.UNKNOWN, None))
    return next((v for v in order if v in verdicts), Verdict.HOLDS)


def _seconds(outcome: ProofOutcome | None) -> str:
    return "not done" if outcome is None else f"{outcome.seconds:.2f}"
