"""The events of a demo for its pages, of which only the latest are stored."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from itertools import islice
from typing import Any, Final, TypeAlias

Event: TypeAlias = dict[str, Any]

MOST_EVENTS: Final = 1_000


class Feed:
    """Events that any number of pages read, each from where it is; one that is too slow misses the oldest."""

    def __init__(self, most: int = MOST_EVENTS) -> None:
        """Keep the latest `most` events."""
        self._events: deque[Event] = deque(maxlen=most)
        self._count = 0
        self._news = asyncio.Event()

    def add(self, event: Event) -> None:
        """Add an event, which all pages that read will get."""
        self._events.append(event)
        self._count += 1
        self._news.set()
        self._news = asyncio.Event()

    @property
    def stored(self) -> int:
        """How many events are stored."""
        return len(self._events)

    def read(self) -> AsyncIterator[Event]:
        """Return the events from now on; `missed` says how many were dropped before they were read."""
        return self._from(self._count)

    async def _from(self, position: int) -> AsyncIterator[Event]:
        while True:
            news = self._news
            while position < self._count:
                oldest = self._count - len(self._events)
                if position < oldest:
                    yield {"kind": "missed", "count": oldest - position}
                    position = oldest
                    continue
                event = next(islice(self._events, position - oldest, None))
                position += 1
                yield event
            await news.wait()
