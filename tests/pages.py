"""Pages that are run: their files are written, their changes made, their commands run, in the order of the page.

A `python` block that begins with `# NAME` is a file. A `diff` block that begins with `--- NAME` changes one. In a
`console` block each `$ ` is a command, and what follows is what it prints; a line `...` stands for lines that are left
out.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(python|diff|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEFT_OUT = "..."
MODEL_CHECK = [sys.executable, "-c", "import sys; from quorate_check.cli import main; sys.exit(main())"]
QUORATE = [sys.executable, "-c", "import sys; from quorate.cli import main; sys.exit(main())"]
# Without the plugin of Hypothesis, which takes longer to begin than most of these tests to run.
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
MINUTES = 5


@dataclass(frozen=True, slots=True)
class Ran:
    """A command of a page: what the page says that it prints, and what it printed."""

    command: str
    said: tuple[str, ...]
    printed: tuple[str, ...]
    report: tuple[str, ...]  # the part on standard output

    @property
    def missing(self) -> str | None:
        """The first passage that the page quotes and that wasn't printed there, None if all were."""
        rest = self.printed
        for passage in _passages(self.said):
            at = next((i for i in range(len(rest)) if rest[i : i + len(passage)] == passage), None)
            if at is None:
                return "\n".join(passage)
            rest = rest[at + len(passage) :]
        return None


def _passages(said: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    passage: list[str] = []
    for line in (*said, LEFT_OUT):
        if line != LEFT_OUT:
            passage.append(line)
        elif passage:
            yield tuple(passage)
            passage = []


def run_page(page: Path, folder: Path) -> Iterator[Ran]:
    """Do in `folder` what `page` says, and yield each command with what it printed."""
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        match kind:
            case "python":
                name = text.partition("\n")[0].removeprefix("# ")
                (folder / name).write_text(text, encoding="utf-8")
            case "diff":
                _change(folder, text)
            case _:
                for session in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                    command, *said = session.rstrip("\n").split("\n")
                    yield Ran(command, tuple(said), *_run(command, folder))


def _change(folder: Path, text: str) -> None:
    first, *lines = text.splitlines()
    file = folder / first.removeprefix("--- ")
    old = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
    new = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
    before = file.read_text(encoding="utf-8")
    assert before.count(old) == 1, f"{file.name} has this {before.count(old)} times:\n{old}"
    file.write_text(before.replace(old, new), encoding="utf-8")


def environment() -> dict[str, str]:
    """Return an environment in which nothing is left of the test run that this is part of."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COLUMNS", "PYTHON"))}
    return kept | {"PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _run(command: str, folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    program, *arguments = shlex.split(command)
    before = {"pytest": PYTEST, "model-check": MODEL_CHECK, "quorate": QUORATE}[program]
    done = subprocess.run(
        [*before, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60 * MINUTES,
        check=False,
    )
    return tuple((done.stdout + done.stderr).splitlines()), tuple(done.stdout.splitlines())
