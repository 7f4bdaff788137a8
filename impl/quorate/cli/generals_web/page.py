"""The page of the generals: its route, and how it is served."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from quorate.cli.errors import DONE, CommandFailedError
from quorate.cli.generals_web.battle import Battle
from quorate.cli.page_options import PageOptions
from quorate.generals import Order, Protocol
from quorate.web.serving import LocalPage, serve

ASSETS: Final = Path(__file__).parent / "static"


def page() -> LocalPage:
    """Return the page."""
    return LocalPage([Route("/battle", _battle)], ASSETS)


def show(options: PageOptions) -> int:
    """Serve the page until Ctrl-C or SIGTERM; raises CommandFailedError if its port is taken."""
    try:
        asyncio.run(_serve(options))
    except OSError as error:
        raise CommandFailedError(f"--web-port {options.port}: {error.strerror}") from error
    return DONE


async def _serve(options: PageOptions) -> None:
    end, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end.set)
    await serve(page(), options.port, options.announce, end)


async def _battle(request: Request) -> Response:
    try:
        return JSONResponse(_fought(dict(request.query_params)))
    except (ValueError, KeyError, AttributeError) as error:
        return JSONResponse({"error": f"no battle: {error}"}, status_code=400)


def _fought(wish: dict[str, str]) -> dict[str, Any]:
    lies = {str(key): int(choice) for key, choice in json.loads(wish.get("lies", "{}")).items()}
    order = Order[wish.get("order", Order.ATTACK.name)]
    return Battle(Protocol(wish["protocol"]), int(wish["n"]), int(wish["traitor"]), order, lies).fight()
