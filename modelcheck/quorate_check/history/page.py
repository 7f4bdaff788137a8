"""A history's break as one self-contained HTML page: the verdict, the explanation, and the picture."""

from __future__ import annotations

from html import escape

from quorate_check.core.verdict import counted
from quorate_check.history.breaks import Break
from quorate_check.history.check import HistoryResult
from quorate_check.history.picture import Picture
from quorate_check.history.report import conclusion, explanation, omissions
from quorate_check.history.svg import svg
from quorate_check.tell.page_frame import frame

STYLE = """
:root { --page: #ffffff; --text: #1f2328; --line: #c4c9d0; --bad: #b3261e }
@media (prefers-color-scheme: dark) { :root { --page: #15181c; --text: #e6e8eb; --line: #454c55; --bad: #ff8f88 } }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.45 system-ui, sans-serif }
header { padding: 12px 20px; border-bottom: 1px solid var(--line) }
h1 { margin: 0; font-size: 18px }
p { margin: 4px 0 0; overflow-wrap: anywhere }
.verdict { color: var(--bad); font-weight: 600 }
main { overflow-x: auto; padding: 12px 8px }
svg { display: block }
"""


def page(judgement: HistoryResult, fault: Break, drawing: Picture, name: str) -> str:
    """Return the page of the history called `name`, which breaks at `fault`."""
    history = judgement.history
    clients = len({each.client for each in history.operations})
    summary = f"{counted(len(history.operations), 'operation')} of {counted(clients, 'client')}"
    paragraphs = "\n".join(f"<p>{escape(line)}</p>" for line in [*explanation(judgement, fault), *omissions(drawing)])
    body = f"""<header>
<h1>{escape(f"{name}: {summary}")}</h1>
<p class="verdict">{escape(conclusion(judgement))}</p>
{paragraphs}
</header>
<main>
{svg(drawing, conclusion(judgement), captioned=False)}
</main>"""
    return frame(f"{name}: {judgement.verdict.value}", STYLE, body)
