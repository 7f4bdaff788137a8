"""The application that every command registers with, and the exit statuses."""

import typer

from quorate_check.core.verdict import Verdict

STATUS = {Verdict.HOLDS: 0, Verdict.VIOLATED: 1, Verdict.UNKNOWN: 3}
UNUSABLE = 2
NAME = "model-check"

app = typer.Typer(
    name=NAME,
    help="Explore the running code in every interleaving within bounds. Without a command: the default check.",
    epilog="Exit status: 0 holds, 1 violated, 2 unusable arguments, 3 unknown. Example: model-check --json report.json",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
