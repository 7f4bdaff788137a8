"""`model-check history`: whether a history of clients' operations is linearizable."""

import math
from pathlib import Path
from typing import Annotated

import typer

from quorate_check.cli.junit import WIDTH, status_of
from quorate_check.cli.output import Output, probe
from quorate_check.cli.progress import Display
from quorate_check.cli.running import interruptible
from quorate_check.core.system import UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.history.budget import GIB, Budget
from quorate_check.history.check import HistoryProgress, HistoryResult, check
from quorate_check.history.format import load
from quorate_check.history.page import page
from quorate_check.history.picture import picture, text_lines
from quorate_check.history.report import as_dict, conclusion, explanation, keys_in_words, print_judgement, progress_line
from quorate_check.history.svg import svg
from quorate_check.tell.junit import Case, Suite

HELP = """Decide whether a history of a store's clients is linearizable.

FILE has one operation a line, as JSON, in any order:

{"client": "c1", "operation": "set", "arguments": ["x", "1"], "invoked": 10, "returned": 25, "outcome": "done",
"reply": "OK"}

The times are numbers on one clock. Outcomes are "done", "applied" (done by the time "returned", but the reply was not
recorded), "not done" (it surely never took effect) and "unknown" (it may have taken effect at any time after "invoked",
or never; "returned" may be null, and there is no reply). A reply is a string, an integer, null, a list of strings and
nulls, {"error": "..."}, or ["CURSOR", ["KEY"]] of a scan. Each character of a string stands for one byte. Values that
keys had before all operations are on a line {"initial": {"x": "1"}}.

Operations are get, set (NX, XX, IFEQ, GET), getset, strlen, append, incr, decr, incrby, decrby, exists, del, mget,
mset, setnx, msetnx, getdel, getrange, substr, type, unlink, touch, dbsize, keys and scan, with the words of the Redis
command.
"""
SearchLimitOption = Annotated[
    float, typer.Option("--limit", min=0, metavar="SECONDS", help="The time limit of the search.")
]
SvgOption = Annotated[
    str | None, typer.Option("--svg", metavar="FILE", help="Draw the operations that can't be ordered, if any.")
]


def history(output: Output, file: Path, limit_s: float, memory_gib: float, svg_file: str | None) -> Verdict:
    """Judge the history in `file` and report it; raise UnusableSystemError if the file is no history."""
    for flag, number in (("--limit", limit_s), ("--memory", memory_gib)):
        if not math.isfinite(number):
            raise UnusableSystemError(f"{flag} {number:g}: give a number")
    if svg_file is not None:
        probe("--svg", Path(svg_file))
    log = load(str(file))
    with (
        interruptible(output.progress) as stop,
        Display[HistoryProgress](output.progress, file.name, "reading the history", progress_line) as display,
    ):
        judgement = check(log, Budget(limit_s, int(memory_gib * GIB), stop), display.report)
    print_judgement(output.text, judgement)
    if judgement.first_break is not None:
        drawing = picture(judgement.first_break, log.operations)
        if svg_file is not None:
            output.write("--svg", svg_file, svg(drawing, conclusion(judgement)))
        if (page_file := output.paths.html) is not None:
            output.write("--html", page_file, page(judgement, judgement.first_break, drawing, file.name))
    elif svg_file is not None:
        output.text.print(f"\n--svg {svg_file}: not written, because there is nothing to draw.", soft_wrap=True)
    output.write_json(as_dict(judgement))
    output.write_junit([_suite(judgement, file.name)])
    return judgement.verdict


def _suite(judgement: HistoryResult, name: str) -> Suite:
    """Return a case for each part, which shares no key with others, and one for the whole history."""
    first_break, text = judgement.first_break, ""
    if first_break is not None:
        drawing = picture(first_break, judgement.history.operations)
        text = "\n".join([*text_lines(drawing, WIDTH), "", *explanation(judgement, first_break)])
    cases = []
    for each in judgement.parts:
        reason = each.stopped or "no order of the operations explains the replies on these keys"
        is_here = first_break is not None and first_break.part.keys == each.part.keys
        cases.append(
            Case(keys_in_words(each.part.keys), status_of(each.verdict), reason, text if is_here else "", each.seconds)
        )
    whole = Case("the history", status_of(judgement.verdict), conclusion(judgement), seconds=judgement.seconds)
    return Suite(f"history: {name}", (*cases, whole), judgement.seconds)
