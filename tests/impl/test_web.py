"""Local pages: only who knows the token gets one, and only from this machine; they load nothing from elsewhere."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from browser import Tab, open_tab
from patience import PATIENCE_S
from quorate.web.serving import LocalPage, events, serve

HTML = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Numbers</title>
<link rel="icon" href="base/icon.svg"><link rel="stylesheet" href="base/base.css">
<script type="module" src="assets/numbers.js"></script></head>
<body><main><h1>Numbers</h1><p id="sum" aria-live="polite">0</p><button id="more">More</button></main></body></html>
"""
SCRIPT = """
const sum = document.getElementById("sum");
new EventSource("numbers").onmessage = (event) => {
  sum.textContent = Number(sum.textContent) + JSON.parse(event.data);
};
document.getElementById("more").addEventListener("click", async () => {
  sum.textContent = await (await fetch("more", { method: "POST" })).json();
});
"""


async def numbers(_: Request) -> Response:
    """A stream that doesn't end by itself."""

    async def values() -> AsyncIterator[int]:
        yield 40
        yield 2
        await asyncio.Event().wait()

    return events(values())


async def more(_: Request) -> Response:
    """A value."""
    return JSONResponse(100)


@pytest.fixture
def page(tmp_path: Path) -> LocalPage:
    """A page with a stream and a button."""
    (tmp_path / "index.html").write_text(HTML)
    (tmp_path / "numbers.js").write_text(SCRIPT)
    return LocalPage([Route("/numbers", numbers), Route("/more", more, methods=["POST"])], tmp_path)


@pytest.fixture
def client(page: LocalPage) -> Iterator[TestClient]:
    """A client on this machine, without a server."""
    with TestClient(page.application, base_url="http://127.0.0.1") as client:
        yield client


def test_only_who_knows_the_token_gets_anything(page: LocalPage, client: TestClient) -> None:
    """The address without it, and any other token, answer 404."""
    assert client.get(f"/{page.token}/").text == HTML
    assert client.get(f"/{page.token}/base/base.css").status_code == 200
    for path in ("/", "/base/base.css", "/more", f"/{page.token[:-1]}/", f"/{page.token}/assets/../serving.py"):
        assert client.get(path).status_code == 404, path


def test_another_name_of_this_machine_is_refused(page: LocalPage, client: TestClient) -> None:
    """A web site whose name leads to loopback doesn't reach the page, even with the token."""
    answer = client.get(f"/{page.token}/", headers={"host": "evil.example"})
    assert answer.status_code == 400


def test_every_answer_forbids_what_is_not_its_own(page: LocalPage, client: TestClient) -> None:
    """Pages, files, values and refusals have the policy."""
    for path in ("/", "/base/base.css", "/nothing"):
        headers = client.get(f"/{page.token}{path}").headers
        assert headers["content-security-policy"].startswith("default-src 'self'"), path
        assert headers["referrer-policy"] == "no-referrer", path


async def in_a_browser(page: LocalPage) -> Tab:
    """Serve the page, drive it in a thread of its own, and end it while its stream is open."""
    end, address = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(page, 0, address.set_result, end))

    def drive(url: str) -> Tab:
        with open_tab() as tab:
            tab.page.goto(url)
            expect(tab.page.locator("#sum")).to_have_text("42")
            tab.page.keyboard.press("Tab")
            tab.page.keyboard.press("Enter")
            expect(tab.page.locator("#sum")).to_have_text("100")
            tab.page.evaluate("fetch('http://127.0.0.1:9/').catch(() => 0)")
            return tab

    try:
        tab = await asyncio.to_thread(drive, await address)
    finally:
        end.set()
        async with asyncio.timeout(PATIENCE_S):
            await serving
    return tab


def test_a_browser_runs_the_page_and_nothing_from_elsewhere(page: LocalPage) -> None:
    """Scripts, styles and streams of its own work; a request to another address is refused by the policy."""
    tab = asyncio.run(in_a_browser(page))
    own = page.address(0).partition("//")[2].partition("/")[2]
    assert {url.partition("//")[2].partition("/")[2] for url in tab.requests} == {
        *(f"{own}{path}" for path in ("", "base/base.css", "base/icon.svg", "assets/numbers.js", "numbers", "more")),
    }
    assert len(tab.errors) > 0
    assert all("Content Security Policy" in error for error in tab.errors), tab.errors


def test_events_are_json_lines() -> None:
    """One event for each value, whatever is in it."""

    async def values() -> AsyncIterator[object]:
        yield {"text": "two\nlines"}

    async def body() -> str:
        return "".join([str(part) async for part in events(values()).body_iterator])

    assert json.loads(asyncio.run(body()).removeprefix("data: ")) == {"text": "two\nlines"}
