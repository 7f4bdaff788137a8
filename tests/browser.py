"""A real browser without a window: Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from patience import PATIENCE_S

COMMAND = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
)

expect.set_options(timeout=PATIENCE_S * 1000)  # `wait_for_function` doesn't work on our pages: they forbid eval

Scheme = Literal["light", "dark"]


@dataclass
class Tab:
    """A page of a browser with a profile of its own: what it asked for, and what went wrong in its scripts."""

    page: Page
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)


@contextmanager
def open_tab(width: int = 1280, height: int = 900, scheme: Scheme = "light") -> Iterator[Tab]:
    """Run a browser with one page of this size, whose reader prefers this colour scheme.

    Where there is no Chromium, the test is skipped.
    """
    if COMMAND is None:
        pytest.skip("there is no Chromium: on Debian, apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=COMMAND, args=list(FLAGS))
        try:
            context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            context.set_default_timeout(PATIENCE_S * 1000)
            yield Tab(context.new_page())
        finally:
            chromium.close()


def accessibility_findings(page: Page) -> list[str]:
    """Return what axe finds wrong with the page as it is: a line for each rule and element."""
    return [
        f"{rule['id']}: {rule['help']}: {node['html']}"
        for rule in Axe().run(page).response["violations"]
        for node in rule["nodes"]
    ]
