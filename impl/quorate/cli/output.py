"""Where commands write."""

import os
import sys
from typing import IO

from rich.console import Console

PIPED_WIDTH = 80
WIDEST = 120


def console(*, stderr: bool = False) -> Console:
    """Return a console of fixed width on a pipe, and not wider than can be read on a terminal."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    made.width = min(made.width, WIDEST) if made.is_terminal else PIPED_WIDTH
    return made


def open_standard_streams() -> None:
    """Open those of the three that this process was started without.

    Otherwise the next file that is opened, a database perhaps, gets the number that everybody writes errors to.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def write_to_nobody(stream: IO[str]) -> None:
    """Let what is still buffered in `stream`, and what may follow, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
