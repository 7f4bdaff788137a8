"""`model-check history`: whether what clients were told can be explained by one order of what they asked."""

from pathlib import Path

from quorate_check.cli.output import Output, write
from quorate_check.cli.running import interruptible
from quorate_check.history.check import GIB, Budget, check
from quorate_check.history.format import load
from quorate_check.history.picture import picture, svg
from quorate_check.history.report import as_dict, print_judgement
from quorate_check.verdict import Verdict


def history(output: Output, file: Path, limit_s: float, memory_gib: float, svg_file: str | None) -> Verdict:
    """Judge the history in `file` and report it; raise UnusableSystemError if it is none."""
    asked = load(str(file))
    with interruptible(output.progress) as stop:
        judgement = check(asked, Budget(limit_s, int(memory_gib * GIB), stop))
    print_judgement(output.text, judgement)
    if svg_file is not None and judgement.first_break is not None:
        write("--svg", svg_file, svg(picture(judgement.first_break)))
    output.write_json(as_dict(judgement))
    return judgement.verdict
