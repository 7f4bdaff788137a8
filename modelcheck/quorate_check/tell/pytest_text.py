"""Function names and docstrings for generated pytest tests."""

from __future__ import annotations

import re
import textwrap


def snake(name: str) -> str:
    """Return a promise's name in snake case."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def docstring(text: str) -> str:
    """Return `text` as an indented, wrapped docstring."""
    plain = text.replace("\\", "/").replace('"', "'")
    return textwrap.fill(f'"""{plain}"""', 110, initial_indent="    ", subsequent_indent="    ", break_long_words=False)
