"""The explorer as a person runs it: the command in a process of its own, and walks by clicks on its page."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from patience import PATIENCE_S

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-c", "import sys; from quorate_check.cli import main; sys.exit(main(sys.argv[1:]))")

# Figure 8 of the paper with three servers: (a) s1 leads term 1, (b) s3 leads term 2, (c) s1 leads term 3, and has its
# entry of term 1 on a majority, (d) s3 leads term 4, and replaces it. Each step is a node and a part of its text.
UP_TO_C = (
    ("s1", "election timeout"),
    ("s2", "RequestVote t1 from s1 arrives"),
    ("s1", "vote granted, t1 from s2 arrives"),
    ("s1", "client request"),
    ("s3", "election timeout"),
    ("s3", "election timeout"),
    ("s2", "RequestVote t2 from s3 arrives"),
    ("s3", "vote granted, t2 from s2 arrives"),
    ("s3", "client request"),
    ("s1", "RequestVote t2 from s3 arrives"),
    ("s1", "election timeout"),
    ("s2", "RequestVote t3 from s1 arrives"),
    ("s1", "vote granted, t3 from s2 arrives"),
    ("s2", "AppendEntries t3 empty after 1 from s1 arrives"),
    ("s1", "differs at 1, t3 from s2 arrives"),
    ("s2", "AppendEntries t3 [t1 x1] from s1 arrives"),
    ("s1", "holds 1, t3 from s2 arrives"),
)
UP_TO_LEADER_IN_D = (
    ("s3", "RequestVote t3 from s1 arrives"),
    ("s3", "election timeout"),
    ("s2", "RequestVote t4 from s3 arrives"),
    ("s3", "vote granted, t4 from s2 arrives"),
)
UP_TO_D = (
    *UP_TO_LEADER_IN_D,
    ("s2", "AppendEntries t4 empty after 1 from s3 arrives"),
    ("s3", "differs at 1, t4 from s2 arrives"),
    ("s2", "AppendEntries t4 [t2 x3] from s3 arrives"),
)


@contextmanager
def explored(*arguments: str, roots: Sequence[Path] = (), folder: Path | None = None) -> Iterator[str]:
    """Run `model-check explore` with `arguments` and give the address of its page; end it by Ctrl-C.

    Modules are imported from `roots` first.
    """
    path = os.pathsep.join([*map(str, roots), *(str(ROOT / each) for each in ("modelcheck", "spec", "impl"))])
    process = subprocess.Popen(
        [*COMMAND, "explore", *arguments, "--no-open"],
        env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert "http://127.0.0.1:" in line, line + process.stdout.read()
        assert process.stdout.readline() == "Ctrl-C ends it.\n"
        yield line.split()[-1]
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, rest) == (0, "")


def step(page: Page, node: str, text: str) -> Locator:
    """Return the link of the step of a node whose label is `text`."""
    section = page.locator("#steps section").filter(has=page.get_by_role("heading", name=node, exact=True))
    return section.locator("a.step:not(.aside)").filter(has=page.locator(".label").get_by_text(text, exact=True)).first


def walk(page: Page, steps: Sequence[tuple[str, str]], start: int = 0) -> None:
    """Take each of `steps` by a click, on a page that shows `start` steps."""
    for number, (node, text) in enumerate(steps, start=start + 1):
        step(page, node, text).click()
        expect(page.locator("#words li")).to_have_count(number)


def boxes(page: Page) -> list[list[str]]:
    """Return the texts of each node's boxes."""
    return [card.locator(".box").all_text_contents() for card in page.locator(".node").all()]
