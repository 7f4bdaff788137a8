"""Showing the path of a violation, and saving it."""

from quorate_check.cli.output import Output, write
from quorate_check.path import Path
from quorate_check.report import Bounds, print_path
from quorate_check.saved import SavedPath
from quorate_check.system import System


def show_path(output: Output, system: System, bounds: Bounds, path: Path | None) -> None:
    """Print the path of a violation, if there is one, and save it if that was asked for."""
    if path is None:
        return
    print_path(output.text, system, path, hint=output.save_file is None)
    if output.save_file is not None:
        write("--save", output.save_file, SavedPath.of(system.name, bounds, path).text())
        output.text.print(f"\nSaved: model-check replay {output.save_file} walks this path again.", soft_wrap=True)
