"""The options of commands that show a page in a browser."""

import webbrowser
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Final

import typer

from quorate.cli.errors import CommandFailedError
from quorate.cli.output import console

REQUIRED: Final = ("starlette", "uvicorn")

WebOption = Annotated[bool, typer.Option("--web", help="Show a page in the browser, too.")]
WebPortOption = Annotated[
    int,
    typer.Option("--web-port", min=0, max=65535, help="With --web: the port of the page.", show_default="a free one"),
]
OpenOption = Annotated[bool, typer.Option("--open/--no-open", help="With --web: open the page in a browser.")]


@dataclass(frozen=True, slots=True)
class PageOptions:
    """The port of a page, 0 for a free one, and whether a browser is asked to open it."""

    port: int
    opens: bool

    def announce(self, address: str) -> None:
        """Print the address of the page, and open it if that is wanted."""
        console().print(f"The page is at {address}", soft_wrap=True)
        if self.opens:
            webbrowser.open(address)


def page_options(port: int, *, web: bool, opens: bool) -> PageOptions | None:
    """Return how to show a page, None if none is wanted.

    Raises CommandFailedError if what the page needs is missing, or a port is given without a page.
    """
    if not web:
        if port:
            raise CommandFailedError("--web-port: there is a page only with --web")
        return None
    for name in REQUIRED:
        if find_spec(name) is None:
            raise CommandFailedError(f"--web needs {name}: install quorate with its extra, as in pip install '.[web]'")
    return PageOptions(port, opens)
