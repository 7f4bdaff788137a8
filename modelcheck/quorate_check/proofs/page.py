"""The report of `model-check prove` as one self-contained HTML page: every claim, and every counterexample."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from quorate_check.core.verdict import Verdict
from quorate_check.proofs.obligation import Obligation, Tie
from quorate_check.proofs.report import CONTROL, PROOF, TIE, ProofReport, SubjectReport
from quorate_check.tell.page_frame import DOCUMENT, frame

STYLE = """
main { padding: 4px 20px 20px; max-width: 110ch }
h2 { margin: 24px 0 4px; font-size: 16px }
h3 { margin: 14px 0 4px; font-size: 14px; font-weight: 500 }
table { border-collapse: collapse; width: 100% }
td { padding: 4px 14px 4px 0; vertical-align: top; border-top: 1px solid var(--line) }
td.time { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
pre { overflow-x: auto; margin: 4px 0; font-size: 13px }
"""
TITLE = "Proofs by z3"


def page(report: ProofReport) -> str:
    """Return the page of a report."""
    style = "good" if report.verdict is Verdict.HOLDS else "bad"
    parts = "\n".join(_part(part) for part in report.parts)
    body = f"""<header>
<h1>{TITLE}</h1>
<p class="{style}">{escape(report.conclusion)}</p>
</header>
<main>
{parts}
</main>"""
    return frame(f"{TITLE}: {report.verdict.value}", DOCUMENT + STYLE, body)


def _part(part: SubjectReport) -> str:
    proofs = [e for e in part.items if isinstance(e, Obligation) and e.expected is Verdict.HOLDS]
    controls = [e for e in part.items if isinstance(e, Obligation) and e.expected is not Verdict.HOLDS]
    ties = [e for e in part.items if isinstance(e, Tie)]
    sections = (
        ("proofs", proofs, PROOF),
        ("controls: proofs that must fail, each by a counterexample", controls, CONTROL),
        ("ties: what is proved is about what is explored", ties, TIE),
    )
    tables = "\n".join(
        f"<h3>{escape(title)}</h3>\n<table>\n{''.join(_rows(part, items, words))}</table>"
        for title, items, words in sections
        if items
    )
    return f"<h2>{escape(part.subject.title)}</h2>\n{tables}"


def _rows(part: SubjectReport, items: list[Obligation] | list[Tie], words: dict[Verdict, str]) -> Iterator[str]:
    for item in items:
        outcome = part.outcomes.get(item.name)
        if outcome is None:
            yield f"<tr><td>not done</td><td></td><td>{_claim(item)}</td></tr>\n"
            continue
        style = "good" if outcome.verdict is item.expected else "bad"
        text = f"<pre>{escape(outcome.text)}</pre>" if outcome.text else ""
        core = "".join(f"<li>{escape(sentence)}</li>" for sentence in outcome.core)
        needs = f"<p>It would need all of:</p><ul>{core}</ul>" if core else ""
        yield (
            f'<tr><td class="{style}">{words[outcome.verdict]}</td><td class="time">{outcome.seconds:.2f} s</td>'
            f"<td>{_claim(item)}{_folded(text + needs)}</td></tr>\n"
        )


def _claim(item: Obligation | Tie) -> str:
    group = f" ({escape(item.group)})" if isinstance(item, Obligation) and item.group else ""
    return escape(item.claim) + group


def _folded(text: str) -> str:
    return f"<details><summary>why</summary>{text}</details>" if text else ""
