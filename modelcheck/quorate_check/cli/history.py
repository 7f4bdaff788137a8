"""`model-check history`: whether what clients were told can be explained by one order of what they asked."""

import math
from pathlib import Path

from quorate_check.cli.output import Output, probe, write
from quorate_check.cli.running import interruptible
from quorate_check.history.check import GIB, Budget, check
from quorate_check.history.format import load
from quorate_check.history.picture import picture
from quorate_check.history.report import as_dict, conclusion, print_judgement
from quorate_check.history.svg import svg
from quorate_check.system import UnusableSystemError
from quorate_check.verdict import Verdict

HELP = """Decide whether what clients of a store were told is linearizable.

FILE has one operation a line, as JSON, in any order:

{"client": "c1", "operation": "set", "arguments": ["x", "1"], "invoked": 10, "returned": 25, "outcome": "done",
"reply": "OK"}

The times are numbers on one clock. Outcomes are "done", "not done" (it surely never took effect) and "unknown" (it may
have at any time from then on, or never; "returned" may be null, and there is no reply). A reply is a string, an
integer, null, a list of strings and nulls, or {"error": "..."}. Each character of a string stands for one byte.

Operations are get, set (NX, XX, IFEQ, GET), getset, strlen, append, incr, decr, incrby, exists, del, mget and mset,
with the words of the Redis command.
"""


def history(output: Output, file: Path, limit_s: float, memory_gib: float, svg_file: str | None) -> Verdict:
    """Judge the history in `file` and report it; raise UnusableSystemError if it is none."""
    for flag, number in (("--limit", limit_s), ("--memory", memory_gib)):
        if not math.isfinite(number):
            raise UnusableSystemError(f"{flag} {number:g}: give a number")
    if svg_file is not None:
        probe("--svg", Path(svg_file))
    asked = load(str(file))
    with interruptible(output.progress) as stop:
        judgement = check(asked, Budget(limit_s, int(memory_gib * GIB), stop))
    print_judgement(output.text, judgement)
    if svg_file is not None and judgement.first_break is not None:
        drawn = picture(judgement.first_break, asked.operations)
        write("--svg", svg_file, svg(drawn, conclusion(judgement)))
    output.write_json(as_dict(judgement))
    return judgement.verdict
