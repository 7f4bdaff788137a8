"""The routes of the page: its events, and its actions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from quorate.cli.demo_web.actions import Actions
from quorate.cli.demo_web.feed import Event
from quorate.cli.demo_web.watch import Watch
from quorate.cli.errors import CommandFailedError
from quorate.cli.page_options import PageOptions
from quorate.web.serving import LocalPage, events, serve

ASSETS: Final = Path(__file__).parent / "static"


@asynccontextmanager
async def served(watch: Watch, options: PageOptions, end: asyncio.Event) -> AsyncIterator[None]:
    """Serve the page of `watch`, and keep it up to date; raises CommandFailedError if its port is taken."""
    serving = asyncio.create_task(serve(page_of(watch), options.port, options.announce, end))
    watching = asyncio.create_task(watch.run())
    tasks = (serving, watching)
    for task in tasks:
        task.add_done_callback(lambda _: end.set())
    try:
        yield
    finally:
        end.set()
        watching.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, OSError):
            raise CommandFailedError(f"--web-port {options.port}: {outcome.strerror}") from outcome
        if isinstance(outcome, Exception):
            raise outcome


def page_of(watch: Watch) -> LocalPage:
    """Return the page that shows `watch`."""
    actions = Actions(watch)

    async def stream(_: Request) -> Response:
        async def values(present: list[Event], later: AsyncIterator[Event]) -> AsyncIterator[Event]:
            for event in present:
                yield event
            async for event in later:
                yield event

        return events(values(watch.present(), watch.feed.read()))

    async def act(request: Request) -> Response:
        try:
            wish = await request.json()
        except ValueError:
            wish = None
        if not isinstance(wish, dict):
            return JSONResponse({"done": False, "text": "the request is no JSON object"}, status_code=400)
        return JSONResponse(await actions.do(wish))

    return LocalPage([Route("/events", stream), Route("/actions", act, methods=["POST"])], ASSETS)
