"""Clients that write and read while a demo runs, and the verdict on what they were told.

Linearizability is a property of each key (Herlihy, Wing 1990), so the history of a few keys can be judged alone. Every
PERIOD_S the clients go over to new keys, which are absent at first. So each history is complete, and none grows.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from quorate.cli.demo_web import checker
from quorate.client.client import Client
from quorate.client.retries import CommandError, UnavailableError, UnknownOutcomeError

CLIENTS: Final = 3
KEYS: Final = ("x", "y")
PERIOD_S: Final = 40.0
PAUSE_S: Final = 0.4  # of each client between two operations
JUDGE_PAUSE_S: Final = 6.0
TIMEOUT_S: Final = 3.0
RECENT: Final = 8
DONE, NOT_DONE, UNKNOWN = "done", "not done", "unknown"


@dataclass
class Period:
    """The history of the keys of one period: a line of JSON for each operation."""

    number: int
    lines: list[str] = field(default_factory=list)
    verdict: str | None = None

    def key(self, name: str) -> str:
        """Return a key that only this period has."""
        return f"{name}{self.number}"


class History:
    """Clients and the judge of their histories; `state` is what a page shows."""

    def __init__(self, client: Callable[[float], Client], folder: Path, rng: Random) -> None:
        """`client` makes one with a timeout; the histories are files in `folder`."""
        self.is_on = True
        self._client, self._folder, self._rng = client, folder, rng
        self._period = Period(1)
        self._recent: list[dict[str, Any]] = []
        self._counts = dict.fromkeys((DONE, NOT_DONE, UNKNOWN), 0)
        self._verdict = "no verdict yet"
        self._periods_that_hold = 0
        self._values = 0

    def state(self) -> dict[str, Any]:
        """Return the operations so far, the latest of them, and the verdict."""
        return {
            "on": self.is_on,
            "counts": dict(self._counts),
            "recent": self._recent,
            "period": self._period.number,
            "operations": len(self._period.lines),
            "verdict": self._verdict,
            "holding": self._periods_that_hold,
        }

    async def run(self) -> None:
        """Run the clients and the judge until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(1, CLIENTS + 1):
                tasks.create_task(self._use(f"c{number}"))
            tasks.create_task(self._judge())

    async def _use(self, name: str) -> None:
        async with self._client(TIMEOUT_S) as client:
            while True:
                await asyncio.sleep(PAUSE_S * self._rng.uniform(0.5, 1.5))
                if self.is_on:
                    await self._operate(client, name)

    async def _operate(self, client: Client, name: str) -> None:
        period, loop = self._period, asyncio.get_running_loop()
        key = period.key(self._rng.choice(KEYS))
        self._values += 1
        words = ["set", key, str(self._values)] if self._rng.random() < 0.5 else ["get", key]
        invoked = loop.time()
        outcome, reply = await _reply(client, words)
        returned = loop.time()
        line: dict[str, Any] = {"client": name, "operation": words[0], "arguments": words[1:], "invoked": invoked}
        line |= {"returned": None if outcome == UNKNOWN else returned, "outcome": outcome}
        line |= {"reply": reply} if outcome == DONE else {}
        period.lines.append(json.dumps(line))
        self._counts[outcome] += 1
        shown = {"client": name, "text": " ".join(words), "reply": outcome if outcome != DONE else reply or "nothing"}
        self._recent = [*self._recent, shown | {"ms": round(1000 * (returned - invoked))}][-RECENT:]

    async def _judge(self) -> None:
        began = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(JUDGE_PAUSE_S)
            period = self._period
            is_over = asyncio.get_running_loop().time() - began > PERIOD_S
            if is_over:
                self._period = Period(period.number + 1)
                began = asyncio.get_running_loop().time()
                # Operations on the old keys that are under way end within their timeout.
                await asyncio.sleep(TIMEOUT_S)
            if not await self._judge_period(period):
                return
            if is_over and period.verdict == "holds":
                self._periods_that_hold += 1

    async def _judge_period(self, period: Period) -> bool:
        """Judge the history of a period so far; return whether there is anything to go on for."""
        if not period.lines:
            return True
        file = self._folder / "history.ndjson"
        file.write_text("\n".join(period.lines) + "\n", encoding="utf-8")
        try:
            process = await checker.start(["history", str(file), "--limit", "20", "--memory", "1", "--json", "-"])
        except FileNotFoundError as error:
            self._verdict = str(error)
            return False
        try:
            output, _ = await process.communicate()
        finally:
            await checker.stop(process)
        report = checker.decode(output) or {}
        period.verdict = report.get("verdict", "unknown")
        self._verdict = report.get("conclusion", "unknown: model-check history gave no report")
        if period.verdict == "violated":
            kept = self._folder / f"violated{period.number}.ndjson"
            file.replace(kept)
            self._verdict += f" ({kept})"
        return period.verdict != "violated"


async def _reply(client: Client, words: list[str]) -> tuple[str, str | None]:
    """Return the outcome of an operation, in the words of a history, and its reply if it was done."""
    try:
        value = await (client.write(*words) if words[0] == "set" else client.read(*words))
    except UnknownOutcomeError:
        return UNKNOWN, None
    except (UnavailableError, CommandError):
        return NOT_DONE, None
    return DONE, value.decode() if isinstance(value, bytes) else None
