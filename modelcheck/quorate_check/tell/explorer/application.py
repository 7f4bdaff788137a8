"""What the explorer's page asks its server: JSON about places, graphs of states, files of paths, and searches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path as Folder
from threading import Lock

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from quorate_check.core.behaviour import event_of, promises_of, witnesses_in
from quorate_check.core.invariants import StepWitness
from quorate_check.core.path import Path
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.tell.explorer.neighbourhood import MOST_RADIUS, neighbourhood, views
from quorate_check.tell.explorer.places import Place, Places
from quorate_check.tell.explorer.search import Search, with_promise
from quorate_check.tell.explorer.view import view
from quorate_check.tell.page_text import DIAGRAM
from quorate_check.tell.path_text import name_of, outcome_of
from quorate_check.tell.report import Bounds, bounds_text
from quorate_check.tell.saved import SavedPath

ASSETS = Folder(__file__).parent / "static"
WAIT_S = 1.0  # for the end of a search, before the page hears how far it is
REFUSED = 422  # the status of a request that the system can't answer
PROMISES = "any broken promise"
Answer = Callable[[Request], Response]


@dataclass(frozen=True, slots=True)
class Subject:
    """A system to explore: `name` and `bounds` find it again, and `claim` says what the bounds allow.

    `test` returns the text of a regression test of a path; `never` the system whose one promise is that a witness is
    never seen.
    """

    system: System
    name: str
    bounds: Bounds
    test: Callable[[SavedPath, System, Path], str]
    never: Callable[[System, str], System]
    claim: str | None = None


def refusing(answer: Answer) -> Answer:
    """Return `answer`, which refuses in one line what the system can't do."""

    @wraps(answer)
    def wrapper(request: Request) -> Response:
        try:
            return answer(request)
        except UnusableSystemError as error:
            return JSONResponse({"error": str(error)}, REFUSED)

    return wrapper


class Explorer:
    """The answers about one subject, whose page begins at `link`; at most one search runs at a time."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.link = subject, ""
        self.system, self.places = subject.system, Places(subject.system)
        self._promises = (*promises_of(self.system), *(promise.name for promise in self.system.liveness))
        self._search: Search | None = None
        self._searches = 0  # that were begun; each page asks about its own
        self._lock = Lock()  # threads serve requests

    @property
    def routes(self) -> list[Route]:
        """The routes of the page's requests."""
        answers = {
            "subject": self.describe,
            "place": self.show,
            "graph": self.graph,
            "path.json": self.saved,
            "test.py": self.test,
            "search": self.report,
            "diagram.css": self.style,
        }
        posts = {"search/start": self.search, "search/stop": self.stop}
        return [
            *(Route(f"/api/{name}", refusing(answer)) for name, answer in answers.items()),
            *(Route(f"/api/{name}", refusing(answer), methods=["POST"]) for name, answer in posts.items()),
        ]

    def close(self) -> None:
        """End the search, if one runs."""
        if self._search is not None:
            self._search.stop()

    def describe(self, _request: Request) -> Response:
        """Answer what the page says of the subject as a whole."""
        system = self.system
        return JSONResponse(
            {
                "title": system.name,
                "bounds": self.subject.claim or bounds_text(self.subject.bounds),
                "nodes": [name_of(system, node) for node in range(len(system.initial))],
                "promises": len(self._promises),
                "targets": {
                    "promises": [PROMISES, *self._promises],
                    "witnesses": [w.name for w in system.witnesses if w.impossible is None],
                },
                "views": list(views(system)),
                "radius": MOST_RADIUS,
                "link": self.link,
            }
        )

    def style(self, _request: Request) -> Response:
        """Answer the style of diagrams, which is that of saved pages."""
        return Response(DIAGRAM, media_type="text/css")

    def show(self, request: Request) -> Response:
        """Answer what the page shows of a place."""
        with self._lock:
            place = self._place(request)
            witnesses = self._new_witnesses(place)
            return JSONResponse(
                {**view(self.system, place), "witnesses": witnesses, "testable": bool(place.path.broken or witnesses)}
            )

    def graph(self, request: Request) -> Response:
        """Answer the graph of the states around a place."""
        radius = request.query_params.get("radius", "2")
        if not radius.isdecimal():
            raise UnusableSystemError(f"the radius {radius!r} is no number")
        with self._lock:
            place, name = self._place(request), request.query_params.get("view", "")
            return JSONResponse(neighbourhood(self.places, place, name, int(radius)))

    def saved(self, request: Request) -> Response:
        """Answer the path to a place as a file for `model-check replay` and `--path`."""
        with self._lock:
            return PlainTextResponse(self._saved(self._place(request))[0].text())

    def test(self, request: Request) -> Response:
        """Answer the path to a place as a regression test."""
        with self._lock:
            saved, path = self._saved(self._place(request))
        if not saved.broken:
            raise UnusableSystemError("a test needs a broken promise or a new witness at the end of the path")
        return PlainTextResponse(self.subject.test(saved, self.system, path))

    def search(self, request: Request) -> Response:
        """Begin a search from a place, and end one that runs."""
        target, depth = request.query_params.get("target", PROMISES), request.query_params.get("depth", "")
        if depth and not depth.isdecimal():
            raise UnusableSystemError(f"the depth {depth!r} is no number")
        with self._lock:
            place = self._place(request)
            self.close()

            self._search = Search(self.places, place, partial(self._aim, target), int(depth) if depth else None)
            self._searches += 1
            return JSONResponse({"number": self._searches})

    def _aim(self, target: str, system: System) -> System:
        """Return the system, resumed at a place, in which a search for `target` looks for a broken promise."""
        if target == PROMISES:
            return system
        if target in self._promises:
            return with_promise(system, target)
        return self.subject.never(system, target)

    def stop(self, request: Request) -> Response:
        """End the search that the page began."""
        self._search_of(request).stop()
        return JSONResponse({})

    def report(self, request: Request) -> Response:
        """Answer where the search that the page began stands, once it has ended or some time has passed."""
        return JSONResponse(self._search_of(request).wait(WAIT_S).as_dict())

    def _search_of(self, request: Request) -> Search:
        with self._lock:
            if self._search is None:
                raise UnusableSystemError("no search was begun")
            if request.query_params.get("number") != str(self._searches):
                raise UnusableSystemError(
                    "another page of this explorer began a search, which ended the one of this page"
                )
            return self._search

    def _place(self, request: Request) -> Place:
        return self.places.at(request.query_params.get("link", ""))

    def _saved(self, place: Place) -> tuple[SavedPath, Path]:
        """Return the path to a place as it is saved: it breaks a promise, or reaches a new witness, or does neither."""
        path, new = place.path, self._new_witnesses(place)
        if not path.broken and new:
            path = Path(path.initial, path.steps, new[0], reached=True)
        return SavedPath.of(self.subject.name, self.subject.bounds, path), path

    def _new_witnesses(self, place: Place) -> list[str]:
        """Return the witnesses that are seen at the end of the path to a place, and weren't before."""
        chain = place.chain
        old = {name for each in chain[:-1] for name in self._witnesses(each)}
        return [name for name in self._witnesses(place) if name not in old]

    def _witnesses(self, place: Place) -> list[str]:
        names = list(witnesses_in(self.system, place.state))
        if place.parent is None or place.step is None or place.step.move.node is None:
            return names
        local, move = place.parent.state.nodes[place.step.move.node], place.step.move
        if (outcome := outcome_of(self.system, place.parent.state, move)) is None:
            return names
        step = (local, event_of(move), outcome.local, outcome.messages)
        return names + [w.name for w in self.system.witnesses if isinstance(w, StepWitness) and w.is_seen(*step)]
