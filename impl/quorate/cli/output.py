"""The standard streams and consoles of commands."""

import os
import sys
from typing import IO

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

PIPED_WIDTH = 80
WIDEST = 120
MOST_COLUMNS = 10_000


def columns() -> int | None:
    """Return the width in COLUMNS, None if it has no valid one."""
    width = os.environ.get("COLUMNS", "")
    return int(width) if width.isascii() and width.isdigit() and 0 < int(width[:6]) <= MOST_COLUMNS else None


def console(*, stderr: bool = False) -> Console:
    """Return a console as wide as COLUMNS; without it at most WIDEST on a terminal, and 80 columns on a pipe."""
    result = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    result.width = columns() or (min(result.width, WIDEST) if result.is_terminal else PIPED_WIDTH)
    return result


def print_table(table: Table) -> None:
    """Print a table on standard output; on a pipe without COLUMNS it is as wide as its content, so nothing is cut."""
    result = console()
    if not result.is_terminal and columns() is None:
        result.width = max(
            PIPED_WIDTH, Measurement.get(result, result.options.update(width=MOST_COLUMNS), table).maximum
        )
    with result.capture() as capture:
        result.print(table)
    # rich fills the last column with blanks.
    sys.stdout.write("".join(f"{line.rstrip(' ')}\n" for line in capture.get().splitlines()))


def open_standard_streams() -> None:
    """Open the standard streams that are closed.

    Otherwise the next file that is opened, perhaps a database, gets the descriptor of standard error.
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


def discard_output(stream: IO[str]) -> None:
    """Discard the buffer of `stream`, and everything that is written to it from now on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
