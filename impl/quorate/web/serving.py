"""A web page for one person on this machine: on loopback, below a random token, and loading nothing from elsewhere."""

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import FileResponse, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = "127.0.0.1"
BASE = Path(__file__).parent / "static"
TOKEN_BYTES = 16
GRACE_S = 1
"""How long open requests may take after the end, in seconds: streams of events never end by themselves."""

HEADERS = {
    # A page loads what its own server has, and runs no script or style that is written in HTML.
    b"content-security-policy": b"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",  # the address has the token
    b"cache-control": b"no-store",
}


class LocalPage:
    """An application at a random address: `routes`, `index.html` and other files of `assets`, and the shared style.

    Below `/TOKEN/` are the routes, `assets/`, and `base/` with the style sheet; everything else answers 404. Requests
    that name another host than this one are refused: so no web site can reach the page through a name of its own.
    """

    def __init__(self, routes: Sequence[BaseRoute], assets: Path) -> None:
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        pages = [
            Route("/", lambda _: FileResponse(assets / "index.html")),
            *routes,
            Mount("/assets", StaticFiles(directory=assets)),
            Mount("/base", StaticFiles(directory=BASE)),
        ]
        hosts = [LOOPBACK, "localhost"]
        self.application = Starlette(
            routes=[Mount(f"/{self.token}", routes=pages)],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts), Middleware(_Headers)],
        )

    def address(self, port: int) -> str:
        """Return the address of the page for a browser on this machine."""
        return f"http://{LOOPBACK}:{port}/{self.token}/"


class _Headers:
    """Adds `HEADERS` to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS.items()]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class _Server(uvicorn.Server):
    """uvicorn without its handlers of signals: who calls `serve` decides when it ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(page: LocalPage, port: int, ready: Callable[[str], None], end: asyncio.Event) -> None:
    """Serve `page` until `end` is set; `ready` gets its address once it answers. Port 0 is any free one.

    Raises OSError if the port is taken.
    """
    with socket.create_server((LOOPBACK, port)) as listener:
        config = uvicorn.Config(
            page.application,
            lifespan="off",
            ws="none",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        ending = asyncio.create_task(end.wait())
        # The socket listens already: a browser that comes before uvicorn accepts waits for it.
        ready(page.address(listener.getsockname()[1]))
        try:
            await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            server.should_exit = True
            await serving


def events(values: AsyncIterator[object]) -> StreamingResponse:
    """Return a response of server-sent events: each value as JSON."""

    async def lines() -> AsyncIterator[str]:
        async for value in values:
            yield f"data: {json.dumps(value)}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")
