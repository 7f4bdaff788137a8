"""The frame of every page: one HTML file that loads nothing, light or dark as the reader's browser prefers."""

from __future__ import annotations

from html import escape


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
