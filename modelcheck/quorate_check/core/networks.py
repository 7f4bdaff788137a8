"""The semantics of networks: one object for each kind, which defines the messages that may arrive next.

Messages in flight are a tuple, of which the first `current` belong to the current round (lockstep only). `link` returns
the queue of a message. `engine/networks.py` has the compiled half of each kind.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, Final

from quorate_check.core.system import NetworkKind
from quorate_check.core.values import same

Flight = tuple[Any, ...]
Link = Callable[[Any], Any]


def as_set(messages: Iterable[Any], flight: Flight = ()) -> Flight:
    """Return `flight` with `messages`, each once, in the order of their text: the same under every hash seed."""
    distinct = list(flight)
    for message in messages:
        if not any(same(message, present) for present in distinct):
            distinct.append(message)
    return flight if len(distinct) == len(flight) else tuple(sorted(distinct, key=repr))


class Queues:
    """ORDERED: on each link only the oldest message may arrive."""

    bounded = True
    in_rounds = False

    def deliverable(self, flight: Flight, current: int, link: Link) -> Iterator[int]:  # noqa: ARG002 - rounds need it
        """Yield the positions of the messages that may arrive next."""
        links = [link(message) for message in flight]
        yield from (i for i in range(len(flight)) if i == 0 or links[i] != links[i - 1])

    def without(self, flight: Flight, position: int) -> Flight:
        """Return the messages in flight after the one at `position` has arrived or is lost."""
        return (*flight[:position], *flight[position + 1 :])

    def put(self, flight: Flight, messages: Iterable[Any], link: Link) -> Flight:
        """Return the messages in flight after `messages` are sent, in their canonical order."""
        return tuple(sorted((*flight, *messages), key=link))  # stable, so in order of age within a link

    def identity(self, flight: Iterable[Hashable]) -> Hashable:
        """Return a key that is equal for flights that no node can tell apart; `flight` has a key for each message."""
        return tuple(flight)


class Rounds(Queues):
    """LOCKSTEP: the first message of the current round arrives; messages sent meanwhile wait for the next round."""

    in_rounds = True

    def deliverable(self, flight: Flight, current: int, link: Link) -> Iterator[int]:  # noqa: ARG002 - queues need it
        """Yield the positions of the messages that may arrive next."""
        yield from range(1 if flight and current else 0)


class Set(Queues):
    """UNORDERED: a set of distinct messages, of which any may arrive."""

    def deliverable(self, flight: Flight, current: int, link: Link) -> Iterator[int]:  # noqa: ARG002 - others need them
        """Yield the positions of the messages that may arrive next."""
        yield from range(len(flight))

    def put(self, flight: Flight, messages: Iterable[Any], link: Link) -> Flight:  # noqa: ARG002 - queues need it
        """Return the messages in flight after `messages` are sent, in their canonical order."""
        return as_set(messages, flight)

    def identity(self, flight: Iterable[Hashable]) -> Hashable:
        """Return a key that is equal for flights that no node can tell apart; `flight` has a key for each message."""
        return frozenset(flight)


class Unbounded(Set):
    """ANY: every message may arrive at any time and any number of times after it was sent."""

    bounded = False

    def without(self, flight: Flight, position: int) -> Flight:  # noqa: ARG002 - others need it
        """Return the messages in flight, which arrivals don't change."""
        return flight


SEMANTICS: Final[dict[NetworkKind, Queues]] = {
    NetworkKind.UNORDERED: Set(),
    NetworkKind.ORDERED: Queues(),
    NetworkKind.LOCKSTEP: Rounds(),
    NetworkKind.ANY: Unbounded(),
}
