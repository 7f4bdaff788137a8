"""Where commands write."""

import os
from typing import IO

from rich.console import Console

PIPED_WIDTH = 80
WIDEST = 120


def console(*, stderr: bool = False) -> Console:
    """Return a console of fixed width on a pipe, and not wider than can be read on a terminal."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    made.width = min(made.width, WIDEST) if made.is_terminal else PIPED_WIDTH
    return made


def write_to_nobody(stream: IO[str]) -> None:
    """Let what is still buffered in `stream`, and what may follow, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
