"""`model-check spec`: the specifications' actions, the two texts of each, and what of them a search runs."""

from __future__ import annotations

import shutil

from rich.table import Table
from rich.text import Text

from quorate_check.cli.options import Engine
from quorate_check.cli.output import Output, console
from quorate_check.cli.paths import show_report
from quorate_check.cli.running import Search
from quorate_check.core.system import UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.raft.spec import SpecBounds
from quorate_check.tell.report import Report
from quorate_spec.bft.describe import TEXTS as BFT
from quorate_spec.raft.describe import TEXTS as RAFT
from quorate_spec.texts import UnknownNameError

SPECIFICATIONS = {"Raft.tla": RAFT, "Bft.tla": BFT}
HEADINGS = ("TLA+", "Python")
WIDE = 160  # columns from which on both texts stand side by side


def cover(output: Output, bounds: SpecBounds) -> Verdict:
    """Search the specification of Raft in Python, and report which actions were enabled and what of it never ran."""
    search, system = Search.of(Engine.COMPILED, None, None, None, coverage=True), bounds.system()
    exploration = search.run(system, system.name, output.progress)
    return show_report(output, Report(system, bounds.as_dict(), exploration, workers=search.limits.workers))


def list_names() -> None:
    """Print the names of all actions and invariants."""
    printed = console()
    for module, texts in SPECIFICATIONS.items():
        for heading, names in (("actions", texts.action_names()), ("invariants", texts.invariant_names())):
            printed.print(f"{heading} of {module}:")
            for name in names:
                printed.print(f"  {name}")
    printed.print("\nmodel-check spec --describe NAME prints the TLA+ and the Python text of one.")


def describe(name: str) -> tuple[str, str]:
    """Return both texts of `name`, which is unique among the specifications; UnusableSystemError if none has it."""
    reasons = []
    for module, texts in SPECIFICATIONS.items():
        try:
            return texts.describe(name)
        except UnknownNameError as error:
            reasons.append(f"{module}: {error}")
    raise UnusableSystemError(" ".join(reasons))


def show_texts(name: str) -> None:
    """Print both texts of `name`: side by side if the terminal is wide enough for that, else one below the other."""
    texts = describe(name)
    printed = console()
    columns = shutil.get_terminal_size().columns
    if printed.is_terminal and columns >= WIDE:
        printed.width = columns
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
        for heading in HEADINGS:
            table.add_column(heading, max_width=columns // 2)
        table.add_row(*map(Text, texts))
        printed.print(table)
        return
    for heading, text in zip(HEADINGS, texts, strict=True):
        printed.print(Text(f"{heading}\n", style="bold"))
        printed.print(Text(f"{text}\n"), soft_wrap=True)
