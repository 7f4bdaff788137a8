"""What pages tell their readers to run: commands and configurations, as they stand there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "learn").glob("*.md")])
_COMMAND = re.compile(r"^ {4}(?:\$ )?(?:\S*/bin/)?((?:quorate|model-check|redis-cli) .*)$")


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each command of ours, and of redis-cli, in the blocks of a page."""
    lines = iter(page.read_text(encoding="utf-8").splitlines())
    for line in lines:
        if (found := _COMMAND.match(line)) is None:
            continue
        text = found[1]
        while text.endswith("\\"):
            text = text[:-1] + next(lines).strip()
        yield shlex.split(text, comments=True)


def configuration(page: Path) -> str:
    """The one block of a page that is a configuration file."""
    blocks = re.findall(r"(?:^ {4}.*\n|^\n)+", page.read_text(encoding="utf-8"), re.MULTILINE)
    (block,) = [block for block in blocks if "[peers]" in block]
    return re.sub(r"^ {4}", "", block, flags=re.MULTILINE)
