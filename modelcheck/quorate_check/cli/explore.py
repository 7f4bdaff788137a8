"""`model-check explore`: a local page on which a person walks through the states of a system."""

import asyncio
import importlib.util
import json
import os
import signal
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from quorate_check.api.guard import Guard
from quorate_check.api.naming import named_system
from quorate_check.api.registry import system_of, system_within
from quorate_check.api.regression import regression_test
from quorate_check.api.witnesses import search_for_witness
from quorate_check.bft.bounds import BftBounds
from quorate_check.cli.base import app
from quorate_check.cli.options import raft_bounds
from quorate_check.cli.output import console
from quorate_check.core.system import NetworkKind, System, UnusableSystemError
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.spec import SpecBounds
from quorate_check.raft.timely import NAME as LIVENESS
from quorate_check.raft.timely import TimelyBounds
from quorate_check.store.bounds import StoreBounds
from quorate_check.tell.report import Bounds, bounds_of
from quorate_check.tell.saved import SavedPath, load, replay

if TYPE_CHECKING:
    from quorate_check.tell.explorer.application import Explorer, Subject

MISSING = "the explorer needs the extra web: pip install 'quorate[web]'"
RAFT = "raft"
# A person walks within these: what happens is up to them, and searches from a state have room.
WALKED = RaftBounds(
    max_term=4,
    max_log=3,
    in_flight=24,
    proposals=3,
    restarts=2,
    drops=3,
    duplicates=2,
    network=NetworkKind.UNORDERED,
    symmetry=False,
)
OTHERS: dict[str, tuple[str, BftBounds | StoreBounds | TimelyBounds | SpecBounds]] = {
    "bft": ("bft", BftBounds(max_view=2)),
    "store": ("store", StoreBounds(symmetry=False)),
    "liveness": (LIVENESS, TimelyBounds(drops=1)),
    "raft-spec": (
        "raft-spec",
        SpecBounds(3, max_term=3, max_log=2, in_flight=24, restarts=True, drops=True, duplicates=True, symmetry=False),
    ),
}
GENERALS = {
    "generals": "quorate_check.generals.lockstep:four_generals",
    "three-generals": "quorate_check.generals.lockstep:three_generals",
}
NAMES = ", ".join((RAFT, *OTHERS, *GENERALS))

SubjectArgument = Annotated[
    str | None,
    typer.Argument(metavar="SUBJECT", help=f"{NAMES}, or MODULE:NAME as for `model-check system`.", show_default=RAFT),
]
PortOption = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="The port on this machine.", show_default="any free one")
]
OpenOption = Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")]
BoundOption = Annotated[
    list[str] | None,
    typer.Option(
        "--bound",
        metavar="NAME=VALUE",
        help="A bound of another subject than raft, named as in its report; repeatable.",
    ),
]
PathOption = Annotated[
    str | None, typer.Option("--path", metavar="FILE", help="Begin at the end of a saved path, of its subject.")
]


@app.command(epilog="Example: model-check explore raft --servers 3 --restarts 1")
@raft_bounds(WALKED)
def explore(
    bounds: RaftBounds,
    name: SubjectArgument = None,
    *,
    bound: BoundOption = None,
    port: PortOption = 0,
    browser: OpenOption = True,
    path: PathOption = None,
) -> int:
    """Walk through the states of a system on a local page. Step by step, on the real code."""
    if path is not None:
        if name is not None or bounds != WALKED or bound:
            raise UnusableSystemError(f"--path {path}: it has its own subject and bounds; leave the others out")
        saved = load(path)
        system, subject_name, saved_bounds = system_of(replace(saved, reached=False)), saved.subject, saved.bounds
    else:
        saved = None
        system, subject_name, saved_bounds = system_named(name or RAFT, bounds, bound or ())
    subject = subject_of(Guard(replace(system, symmetry=None)).system, subject_name, saved_bounds)
    _serve(explorer_at(subject, saved), port, browser=browser)
    return 0


def system_named(name: str, bounds: RaftBounds, others: Sequence[str] = ()) -> tuple[System, str, Bounds]:
    """Return the system called `name`, with the name and the bounds by which a saved path finds it.

    `bounds` are Raft's, and `others`, as NAME=VALUE, those of another subject that aren't its own ones.
    """
    if name == RAFT:
        if others:
            raise UnusableSystemError(f"--bound {others[0]}: the bounds of raft have options of their own")
        return bounds.system(), RAFT, bounds.as_dict()
    if bounds != WALKED:
        raise UnusableSystemError(f"explore {name}: these options are bounds of raft; give --bound NAME=VALUE")
    if (entry := OTHERS.get(name)) is not None:
        registered_name, own_bounds = entry
        values = changed(name, own_bounds.as_dict(), others)
        return system_within(registered_name, values), registered_name, values
    if others:
        raise UnusableSystemError(f"--bound {others[0]}: {name} has no bounds to choose")
    name = GENERALS.get(name, name)
    if ":" not in name:
        raise UnusableSystemError(f"{name} is no subject: name {NAMES}, or MODULE:NAME")
    system = named_system(name)
    return system, name, bounds_of(system)


def changed(name: str, bounds: Bounds, changes: Sequence[str]) -> Bounds:
    """Return bounds with changes, each NAME=VALUE; raise UnusableSystemError if there is no such bound."""
    values = dict(bounds)
    for change in changes:
        key, _, text = change.partition("=")
        key = key.replace("-", "_")
        if key not in values:
            raise UnusableSystemError(f"--bound {change}: {name} has the bounds {', '.join(values)}")
        with suppress(json.JSONDecodeError):
            text = json.loads(text)
        if type(text) is not type(values[key]):
            raise UnusableSystemError(f"--bound {change}: give a value like {json.dumps(values[key])}")
        values[key] = text
    return values


def subject_of(system: System, name: str, bounds: Bounds) -> "Subject":
    """Return what is explored; raise UnusableSystemError without the extra."""
    if importlib.util.find_spec("starlette") is None or importlib.util.find_spec("uvicorn") is None:
        raise UnusableSystemError(MISSING)
    from quorate_check.tell.explorer.application import Subject  # noqa: PLC0415 - starlette is an extra

    return Subject(system, name, bounds, test=regression_test, never=search_for_witness)


def explorer_at(subject: "Subject", saved: SavedPath | None) -> "Explorer":
    """Return the explorer of a subject, which begins at the end of `saved`, if that is given.

    Raises UnusableSystemError if the saved path isn't possible any more.
    """
    from quorate_check.tell.explorer.application import Explorer  # noqa: PLC0415 - starlette is an extra

    explorer = Explorer(subject)
    if saved is not None:
        result = replay(saved, subject.system)
        if result.obstacle is not None:
            raise UnusableSystemError(f"the saved path: {result.conclusion}")
        explorer.link = explorer.places.follow(explorer.places.start, result.possible_path.steps).link
    return explorer


def _serve(explorer: "Explorer", port: int, *, browser: bool) -> None:
    """Serve the page until Ctrl-C."""
    from quorate.web.serving import LocalPage, serve  # noqa: PLC0415 - starlette is an extra
    from quorate_check.tell.explorer.application import ASSETS  # noqa: PLC0415 - the same

    text = console()

    def ready(address: str) -> None:
        text.print(f"{explorer.subject.name}: {address}\nCtrl-C ends it.", soft_wrap=True)
        if browser:
            webbrowser.open(address)

    async def run() -> None:
        end, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, end.set)
        await serve(LocalPage(explorer.routes, ASSETS), port, ready, end)

    try:
        asyncio.run(run())
    except OSError as error:
        raise UnusableSystemError(f"--port {port}: {os.strerror(error.errno or 0)}") from error
    finally:
        explorer.close()
