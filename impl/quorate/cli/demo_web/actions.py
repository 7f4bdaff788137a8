"""What a page may do to a demo: write, and what happens to nodes and the wires between them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from quorate.cli.demo_process import Process
from quorate.cli.demo_web.slow_disk import DELAY_MS
from quorate.cli.demo_web.watch import Watch
from quorate.cli.errors import CommandFailedError
from quorate.client.retries import CommandError, UnavailableError, UnknownOutcomeError

WRITE_TIMEOUT_S: Final = 5.0
LONGEST_WORD: Final = 200  # characters of a key or a value

Request = Mapping[str, Any]


class Actions:
    """Does what pages ask, by name; membership changes one at a time."""

    def __init__(self, watch: Watch) -> None:
        """Act on the cluster of `watch`."""
        self._watch, self._cluster = watch, watch.cluster
        self._change = asyncio.Lock()
        self._by_name: dict[str, Callable[[Request], Awaitable[str]]] = {
            "write": self._write,
            "kill": self._kill,
            "pause": self._pause,
            "resume": self._resume,
            "start": self._start,
            "slow": self._slow,
            "restore": self._restore,
            "add": self._add,
            "remove": self._remove,
            "cut": self._cut,
            "mend": self._mend,
            "clients": self._clients,
        }

    async def do(self, request: Request) -> dict[str, Any]:
        """Do what `request` asks; return whether it was done, and a sentence for the page."""
        try:
            result = {"done": True, "text": await self._action(request)(request)}
        except CommandFailedError as error:
            result = {"done": False, "text": f"not done: {error}"}
        except TimeoutError:
            result = {"done": False, "text": "not done in time"}
        self._watch.feed.add({"kind": "note", **result})
        return result

    def _action(self, request: Request) -> Callable[[Request], Awaitable[str]]:
        name = request.get("action")
        if name not in self._by_name:
            raise CommandFailedError(f"there is no action {name!r}")
        return self._by_name[name]

    async def _write(self, request: Request) -> str:
        key, value = (_word(request, name) for name in ("key", "value"))
        async with self._watch.client(WRITE_TIMEOUT_S) as client:
            try:
                await client.set(key, value)
            except (UnavailableError, UnknownOutcomeError, CommandError) as error:
                raise CommandFailedError(str(error)) from error
        return f"SET {key} {value} is acknowledged"

    async def _kill(self, request: Request) -> str:
        process = self._running(request)
        await process.kill()
        return f"node {process.number} is killed with -9"

    async def _pause(self, request: Request) -> str:
        process = self._running(request)
        process.pause()
        return f"node {process.number} is paused"

    async def _resume(self, request: Request) -> str:
        process = self._running(request)
        process.resume()
        return f"node {process.number} goes on"

    async def _start(self, request: Request) -> str:
        process = self._node(request)
        if process.end is None:
            raise CommandFailedError(f"node {process.number} runs already")
        await process.start()
        return f"node {process.number} is started again"

    async def _slow(self, request: Request) -> str:
        process = self._node(request)
        process.slow_disk()
        return f"each write to the disk of node {process.number} takes {DELAY_MS} ms longer"

    async def _restore(self, request: Request) -> str:
        process = self._node(request)
        process.restore_disk()
        return f"writes to the disk of node {process.number} take no longer than they do"

    async def _add(self, _: Request) -> str:
        self._require_changes()
        async with self._change:
            return await self._cluster.grow()

    async def _remove(self, request: Request) -> str:
        self._require_changes()
        async with self._change:
            return await self._cluster.remove(self._node(request).number)

    async def _cut(self, request: Request) -> str:
        return self._wire(request, is_cut=True)

    async def _mend(self, request: Request) -> str:
        return self._wire(request, is_cut=False)

    async def _clients(self, request: Request) -> str:
        history = self._watch.history
        history.is_on = bool(request.get("on"))
        return "the clients go on" if history.is_on else "the clients wait"

    def _wire(self, request: Request, *, is_cut: bool) -> str:
        wires = self._cluster.wires
        assert wires is not None, "a demo with a page has wires"
        one, others = self._node(request).number, request.get("others")
        pairs = [
            (a, b) for a, b, _ in wires.pairs() if one in {a, b} and (others is None or {a, b} - {one} <= {others})
        ]
        if not pairs:
            raise CommandFailedError(f"no wire leads from node {one} to {others}")
        for pair in pairs:
            (wires.cut if is_cut else wires.mend)(*pair)
        ends = " and ".join(str(b if a == one else a) for a, b in pairs)
        what = (
            f"the wire between nodes {one} and {ends} is"
            if len(pairs) == 1
            else f"the wires of node {one} to {ends} are"
        )
        return f"{what} {'cut' if is_cut else 'mended'}"

    def _require_changes(self) -> None:
        if not self._cluster.can_change:
            raise CommandFailedError("the members of a BFT cluster don't change")

    def _node(self, request: Request) -> Process:
        number = request.get("node")
        if not isinstance(number, int):
            raise CommandFailedError(f"{number!r} is no number of a node")
        return self._cluster.process(number)

    def _running(self, request: Request) -> Process:
        process = self._node(request)
        if process.end is not None:
            raise CommandFailedError(f"node {process.number} doesn't run")
        return process


def _word(request: Request, name: str) -> str:
    word = request.get(name)
    if not isinstance(word, str) or not 0 < len(word) <= LONGEST_WORD:
        raise CommandFailedError(f"{name}: give 1 to {LONGEST_WORD} characters")
    return word
