"""Shows, saves and draws the path of a violation, and makes a test of it."""

from quorate_check.api.registry import picture_of
from quorate_check.api.regression import regression_test
from quorate_check.cli.junit import suite_of
from quorate_check.cli.output import Output
from quorate_check.core.path import Path
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.tell.page import page
from quorate_check.tell.report import Bounds, Report, print_path, print_report
from quorate_check.tell.sarif import violation
from quorate_check.tell.saved import SavedPath
from quorate_check.tell.story import Story, story


def show_path(output: Output, system: System, bounds: Bounds, path: Path | None, *, subject: str | None = None) -> None:
    """Print the path of a violation, if there is one, and write it to the files that the options name.

    `subject` is the name by which the system is replayed, if not its own.
    """
    if path is None:
        return
    print_path(output.text, *picture_of(system, path), hint=output.paths.save is None, detail=output.paths.detail)
    write_path(output, system, path, SavedPath.of(subject or system.name, bounds, path))


def show_report(output: Output, report: Report, *, subject: str | None = None) -> Verdict:
    """Print the report of one search and its path, write the files that the options name, and return the verdict."""
    print_report(output.text, report)
    show_path(output, report.system, report.bounds, report.exploration.path, subject=subject)
    output.write_json(report.as_dict())
    output.write_junit([suite_of(report)])
    return report.exploration.verdict


def write_path(output: Output, system: System, path: Path, saved: SavedPath) -> None:
    """Write a path to the files that the options name, and print how to use them."""
    if (name := output.paths.save) is not None:
        output.write("--save", name, saved.text())
        _print_line(output, f"Saved: model-check replay {name} walks this path again.")
    if output.sarif_file is not None and path.broken and not path.reached:
        output.violations.append(violation(system, path))
    if output.paths.html is not None:
        draw(output, story(*picture_of(system, path)))
    if (name := output.paths.pytest) is not None:
        output.write("--pytest", name, regression_test(saved, system, path))
        condition = "once this path doesn't reach" if path.reached else "as long as this path breaks"
        _print_line(output, f"Written: pytest {name} fails {condition} {path.broken}.")


def draw(output: Output, picture: Story) -> None:
    """Draw a story as a page if --html asks for it."""
    if (name := output.paths.html) is not None:
        output.write("--html", name, page(picture, picture.title))
        _print_line(output, f"Drawn: {name} opens in any browser.")


def refuse_path_files(output: Output, hint: str) -> None:
    """Raise UnusableSystemError if an option names a file for a path; `hint` says how to run one search only."""
    for flag, name in output.paths.files.items():
        raise UnusableSystemError(f"{flag} {name}: these are several searches, with a path each; {hint}")


def _print_line(output: Output, line: str) -> None:
    output.text.print(f"\n{line}", soft_wrap=True)
