"""What the command does with the path of a violation: show it, save it, draw it, make a test of it."""

from quorate_check.api.registry import pictured
from quorate_check.api.regression import regression_test
from quorate_check.cli.output import Output
from quorate_check.core.path import Path
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.tell.page import page
from quorate_check.tell.report import Bounds, print_path
from quorate_check.tell.saved import SavedPath
from quorate_check.tell.story import Story, story


def show_path(output: Output, system: System, bounds: Bounds, path: Path | None, *, subject: str | None = None) -> None:
    """Print the path of a violation, if there is one, and write it wherever that was asked for.

    `subject` is what the system is replayed by, if not by its name.
    """
    if path is None:
        return
    print_path(output.text, *pictured(system, path), hint=output.paths.save is None, detail=output.paths.detail)
    write_path(output, system, path, SavedPath.of(subject or system.name, bounds, path))


def write_path(output: Output, system: System, path: Path, saved: SavedPath) -> None:
    """Write a path wherever that was asked for, and say what can be done with it."""
    if (name := output.paths.save) is not None:
        output.write("--save", name, saved.text())
        _say(output, f"Saved: model-check replay {name} walks this path again.")
    if output.paths.html is not None:
        draw(output, story(*pictured(system, path)))
    if (name := output.paths.pytest) is not None:
        output.write("--pytest", name, regression_test(saved, system, path))
        until = "once this path doesn't reach" if path.reached else "as long as this path breaks"
        _say(output, f"Written: pytest {name} fails {until} {path.broken}.")


def draw(output: Output, told: Story) -> None:
    """Draw a story as a page, if that was asked for."""
    if (name := output.paths.html) is not None:
        last = told.first + len(told.scenes) - 1
        what = f"{told.broken} after {last} steps" if told.broken else f"steps {told.first} to {last}"
        title = f"{told.subject}: {what}"
        output.write("--html", name, page(told, title))
        _say(output, f"Drawn: {name} opens in any browser.")


def needs_one_search(output: Output, how: str) -> None:
    """Raise UnusableSystemError if a path is to be written where several may be found; `how` says how to get one."""
    for flag, name in output.paths.named.items():
        raise UnusableSystemError(f"{flag} {name}: several paths are found here, of several searches; {how}")


def _say(output: Output, line: str) -> None:
    output.text.print(f"\n{line}", soft_wrap=True)
