"""A console whose lines end where their text ends: rich fills the last column of a table with blanks."""

from __future__ import annotations

import re
from typing import Any

from rich.console import Console

_ESCAPE = r"\x1b\[[0-9;]*m"
_END_OF_LINE = re.compile(rf"(?: |{_ESCAPE})+(?=\n)")


class TrimmedConsole(Console):
    """A console that writes no blanks before the end of a line; colours are switched off there all the same."""

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - as rich says
        """Print as rich does, without the blanks."""
        with self.capture() as capture:
            super().print(*objects, **options)
        text = _END_OF_LINE.sub(lambda end: end[0].replace(" ", ""), capture.get())
        if self.quiet:
            return
        try:
            self.file.write(text)
            self.file.flush()
        except BrokenPipeError:
            self.on_broken_pipe()
