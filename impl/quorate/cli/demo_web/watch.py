"""What a page shows of a running demo: its nodes, their steps, and what the checker says of them."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, Final

from quorate.cli.access import Access
from quorate.cli.demo_cluster import Cluster
from quorate.cli.demo_process import Process
from quorate.cli.demo_web import checker
from quorate.cli.demo_web.feed import Event, Feed
from quorate.cli.demo_web.history import History
from quorate.cli.demo_web.passing import Passing
from quorate.cli.demo_web.traced_member import TracedMember
from quorate.cli.demo_web.traced_node import TracedNode
from quorate.cli.table import Row, cells, role_of
from quorate.client.client import Client
from quorate.runtime.addresses import show_address
from quorate.runtime.tail import Tail

TICK_S: Final = 0.1
MOST_STEPS: Final = 50  # of a node and a tick that a page is sent
MOST_JUDGED: Final = 200  # of a tick


class Watch:
    """The events of a demo in `feed`, for pages."""

    def __init__(self, cluster: Cluster, passing: Passing | None = None) -> None:
        """Watch the nodes of `cluster`, which write traces; the messages of BFT members are `passing` on the wires."""
        self.cluster = cluster
        self.feed = Feed()
        self.history = History(self.client, cluster.folder, Random())  # noqa: S311 - which keys clients choose
        self.verdict: Event = {"kind": "verdict", "steps": 0, "text": "nothing is judged yet"}
        self._passing = passing
        self._rows: Sequence[Row] = ()
        self._tails: dict[int, Tail] = {}
        self._nodes: dict[int, TracedNode] = {}
        self._last: dict[str, Event] = {}
        self._judged: list[Event] = []

    def client(self, timeout_s: float) -> Client:
        """Return a client of all nodes; under the BFT protocol it believes what f + 1 of them answer."""
        addresses = [process.address for process in self.cluster.processes]
        return Access(addresses, byzantine=not self.cluster.can_change).client(timeout_s)

    async def run(self) -> None:
        """Fill the feed until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.history.run())
            if self.cluster.traces is not None:
                tasks.create_task(self._judge(self.cluster.traces))
            while True:
                self._look()
                await asyncio.sleep(TICK_S)

    def take_rows(self, rows: Sequence[Row]) -> None:
        """Take the latest INFO of the nodes."""
        self._rows = rows

    def present(self) -> list[Event]:
        """Return the events that bring a new page up to date."""
        self._look()
        return list(self._last.values())

    def _look(self) -> None:
        for process in self.cluster.processes:
            self._read(process)
        if self._passing is not None and (messages := self._passing.take()):
            self.feed.add({"kind": "messages", "messages": messages})
        if self._judged:
            judged, self._judged = self._judged, []
            self.feed.add({"kind": "judged", "steps": most_telling(judged, MOST_JUDGED)})
        self._show({"kind": "cluster", "protocol": "raft" if self.cluster.can_change else "bft"})
        self._show({"kind": "nodes", "nodes": [self._node(process) for process in self.cluster.processes]})
        wires = self.cluster.wires
        pairs = [] if wires is None else wires.pairs()
        self._show({"kind": "wires", "pairs": pairs})
        self._show({"kind": "history", **self.history.state()})
        self._show(self.verdict)

    def _show(self, event: Event) -> None:
        """Add an event that replaces the last one of its kind, if it differs."""
        if self._last.get(event["kind"]) != event:
            self._last[event["kind"]] = event
            self.feed.add(event)

    def _read(self, process: Process) -> None:
        trace = self.cluster.trace(process.number)
        if trace is None:
            return
        tail = self._tails.setdefault(process.number, Tail(trace, skips=True))
        node = self._nodes.setdefault(process.number, TracedNode() if self.cluster.can_change else TracedMember())
        steps = [step for line in tail.read() if (step := node.add(line)) is not None]
        if steps:
            shown = most_telling(steps, MOST_STEPS)
            event = {"kind": "steps", "node": process.number, "steps": shown, "count": len(steps)}
            self.feed.add(event)

    def _node(self, process: Process) -> dict[str, Any]:
        row = next((row for row in self._rows if row.name == str(process.number)), None)
        info = row.info if row is not None and not isinstance(row.info, str) else {}
        values: dict[str, Any] = {
            "number": process.number,
            "pid": process.pid,
            "address": show_address(process.address),
            "status": process.end or ("paused" if process.is_paused else "running"),
            "has_slow_disk": process.has_slow_disk,
            "peers": cells(info)["peers"] if info else "?",
        }
        node = self._nodes.get(process.number)
        return values | _of_info(info) | ({} if node is None else node.values())

    async def _judge(self, traces: Path) -> None:
        """Have the checker follow the traces, and take its lines."""
        try:
            process = await checker.start(["trace", "--follow", str(traces)])
        except FileNotFoundError as error:
            self.verdict = {**self.verdict, "text": str(error)}
            return
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                self._take(checker.decode(line) or {})
            self.verdict = {**self.verdict, "text": f"{self.verdict['text']}; the checker has ended"}
        finally:
            with suppress(asyncio.CancelledError):
                await checker.stop(process)

    def _take(self, line: Mapping[str, Any]) -> None:
        if line.get("line") == "step":
            self._judged.append(dict(line))
        elif line.get("line") == "verdict":
            self.verdict = {"kind": "verdict", **line}


def _of_info(info: Mapping[str, str]) -> dict[str, Any]:
    """Return what only INFO tells of a node, and, until its trace begins, what INFO tells of all else."""
    values: dict[str, Any] = {"boots": 0, "role": "?", "period": "term", "term": "?", "leader": None, "vote": None}
    if info:
        shown = cells(info)
        values |= {
            "role": role_of(info),
            "period": "view" if "bft_view" in info else "term",
            "term": shown["term"],
            "applied": shown["applied"],
        }
        values |= {"evidence": info.get("bft_evidence", "0")}
    return values | {"log": []}


def most_telling(steps: Sequence[Event], most: int) -> list[Event]:
    """Return at most `most` of these steps, in order; those by which leaders stay in touch go first."""
    excess = max(0, len(steps) - most)
    routine = [number for number, step in enumerate(steps) if step.get("routine")]
    dropped = set(routine[:excess])
    return [step for number, step in enumerate(steps) if number not in dropped][-most:]
