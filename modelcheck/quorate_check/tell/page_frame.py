"""The frame of every page: one HTML file that loads nothing, light or dark as the reader's browser prefers."""

from __future__ import annotations

from html import escape

DOCUMENT = """
:root { --page: #ffffff; --text: #1f2328; --line: #c4c9d0; --bad: #b3261e; --good: #1a6b33 }
@media (prefers-color-scheme: dark) {
:root { --page: #15181c; --text: #e6e8eb; --line: #454c55; --bad: #ff8f88; --good: #7ddc96 }
}
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.45 system-ui, sans-serif }
header { padding: 12px 20px; border-bottom: 1px solid var(--line) }
h1 { margin: 0; font-size: 18px }
p { margin: 4px 0 0; overflow-wrap: anywhere }
.bad { color: var(--bad); font-weight: 600 }
.good { color: var(--good); font-weight: 600 }
"""
"""The style of a page with a header and text, whose conclusion is `good` or `bad`."""


def frame(title: str, style: str, body: str, *, has_script: bool = False) -> str:
    """Return the page with this title, style sheet and body; browsers run its scripts only if it is `scripted`."""
    policy = "default-src 'none'; style-src 'unsafe-inline'" + ("; script-src 'unsafe-inline'" if has_script else "")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
