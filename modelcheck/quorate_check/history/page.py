"""A history's break as one self-contained HTML page: the verdict, the explanation, and the picture."""

from __future__ import annotations

from html import escape

from quorate_check.core.verdict import counted
from quorate_check.history.breaks import Break
from quorate_check.history.check import HistoryResult
from quorate_check.history.picture import Picture
from quorate_check.history.report import conclusion, explanation, omissions
from quorate_check.history.svg import svg
from quorate_check.tell.page_frame import DOCUMENT, frame

STYLE = "main { overflow-x: auto; padding: 12px 8px }\nsvg { display: block }\n"


def page(judgement: HistoryResult, fault: Break, drawing: Picture, name: str) -> str:
    """Return the page of the history called `name`, which breaks at `fault`."""
    history = judgement.history
    clients = len({each.client for each in history.operations})
    summary = f"{counted(len(history.operations), 'operation')} of {counted(clients, 'client')}"
    paragraphs = "\n".join(f"<p>{escape(line)}</p>" for line in [*explanation(judgement, fault), *omissions(drawing)])
    body = f"""<header>
<h1>{escape(f"{name}: {summary}")}</h1>
<p class="bad">{escape(conclusion(judgement))}</p>
{paragraphs}
</header>
<main>
{svg(drawing, conclusion(judgement), captioned=False)}
</main>"""
    return frame(f"{name}: {judgement.verdict.value}", DOCUMENT + STYLE, body)
