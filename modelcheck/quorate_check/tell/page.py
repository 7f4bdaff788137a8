"""A story as one self-contained HTML page: the diagram, and beside it every node's state at each step.

The page loads nothing and sends nothing. Its slider, the arrow keys and a click on a step go to a step; `#step=N` in
its address opens it at step N. Step 0 is the initial state.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Any

from quorate_check.tell.page_frame import frame
from quorate_check.tell.page_svg import Svg
from quorate_check.tell.page_text import DIAGRAM, SCRIPT, STYLE
from quorate_check.tell.story import Arrow, Column, Scene, Story

# Views of nodes that play no part in a broken promise.
EMPTY_VALUES = {"None", "''", "()", "[]", "{}", "set()", "frozenset()"}


def page(story: Story, title: str) -> str:
    """Return the HTML page of `story`."""
    breakage = story.breakage
    relevant = [(node, value) for node, value in breakage.values if value not in EMPTY_VALUES] or breakage.values
    values = [breakage.why] if breakage.why else [f"{story.names[node]}: {value}" for node, value in relevant]
    ending = [story.conclusion, *values] if story.broken else []
    broken = "".join(f"<p>{escape(line)}</p>" for line in [*ending, *filter(None, [story.note])])
    last = story.first + len(story.scenes) - 1
    body = f"""<header>
<h1>{escape(title)}</h1>
<div id="broken">{broken}</div>
</header>
<main>
<section id="diagram">
<div id="names">{Svg(story).names()}</div>
{Svg(story).drawing()}
<noscript><p>The steps can be walked through where scripts may run; the diagram shows all of them.</p></noscript>
</section>
<section id="states" aria-live="polite">
<div id="controls">
<button type="button" id="back" aria-label="one step back">&#9664;</button>
<input type="range" id="slider" min="{story.first - 1}" max="{last}" value="{last}" aria-label="step">
<button type="button" id="on" aria-label="one step on">&#9654;</button>
<output id="number" for="slider"></output>
</div>
<p id="caption"></p>
<p id="change"></p>
<ul id="sent"></ul>
<ul id="rules"></ul>
<ul id="flight"></ul>
<div id="nodes"></div>
{_labels(story)}
<p id="keys">Left and right go from step to step, Home and End to the ends. Click on a step to go there.</p>
</section>
</main>
<script type="application/json" id="story">{data(story)}</script>
<script>{SCRIPT}</script>"""
    return frame(title, STYLE + DIAGRAM, body, has_script=True)


def _labels(story: Story) -> str:
    """Return the paragraph with the meanings of the labels, empty if the page has no labels."""
    return f'<p id="labels">{escape("; ".join(story.meanings))}.</p>' if story.meanings else ""


def data(story: Story) -> str:
    """Return the data of the page's script as JSON, escaped so that it can't close its script element."""
    data = {
        "first": story.first,
        "names": list(story.names[: story.nodes]),
        "begin": list(map(_column, story.begin)),
        "flight": _flight(story, story.flight),
        "steps": [_scene(story, scene) for scene in story.scenes],
    }
    return json.dumps(data).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _column(column: Column) -> dict[str, Any]:
    return {"badge": column.badge, "facts": [list(fact) for fact in column.facts]}


def _flight(story: Story, arrows: Iterable[Arrow]) -> list[str]:
    """Return the messages in flight, each with its receiver and the step that sent it."""
    return [
        f"{arrow.label}: {story.names[arrow.source]} \N{RIGHTWARDS ARROW} {story.names[arrow.target]}"
        + ("" if arrow.sending_step is None else f", sent in step {arrow.sending_step}")
        for arrow in arrows
    ]


def _scene(story: Story, scene: Scene) -> dict[str, Any]:
    return {
        "text": scene.text,
        "change": scene.change,
        "node": scene.node,
        "sent": list(scene.sent),
        "flight": _flight(story, scene.flight),
        "rules": [{"name": r.name, "source": r.source, "sentence": r.sentence} for r in scene.rules],
        "nodes": list(map(_column, scene.columns)),
    }
