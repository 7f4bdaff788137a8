"""How messages travel: one object for each kind of network, which says what may arrive next and where a message goes.

Messages in flight are a tuple, of which the first `current` belong to the round under way (lockstep only). `link` gives
the queue that a message waits in. `engine/networks.py` names the compiled half of each.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, Final

from quorate_check.core.system import NetworkKind
from quorate_check.core.values import same

Flight = tuple[Any, ...]
Link = Callable[[Any], Any]


def as_set(messages: Iterable[Any], held: Flight = ()) -> Flight:
    """Return `held` with `messages`, each once, in the order of their text: the same under every hash seed."""
    distinct = list(held)
    for message in messages:
        if not any(same(message, known) for known in distinct):
            distinct.append(message)
    return held if len(distinct) == len(held) else tuple(sorted(distinct, key=repr))


class Queues:
    """ORDERED: on each link the message that was sent first may arrive."""

    bounded = True
    in_rounds = False

    def deliverable(self, flight: Flight, current: int, link: Link) -> Iterator[int]:  # noqa: ARG002 - rounds need it
        """Yield the positions of the messages that may arrive next."""
        links = [link(message) for message in flight]
        yield from (i for i in range(len(flight)) if i == 0 or links[i] != links[i - 1])

    def without(self, flight: Flight, position: int) -> Flight:
        """Return what is in flight once the message at `position` has arrived or is lost."""
        return (*flight[:position], *flight[position + 1 :])

    def put(self, held: Flight, messages: Iterable[Any], link: Link) -> Flight:
        """Return what is in flight, in the one order in which it is held, once `messages` are sent."""
        return tuple(sorted((*held, *messages), key=link))  # stable: age decides within a link

    def identity(self, flight: Iterable[Hashable]) -> Hashable:
        """Return what is equal for messages in flight, each by what stands for it, that no node can tell apart."""
        return tuple(flight)


class Rounds(Queues):
    """LOCKSTEP: the first message of the round under way arrives; what is sent meanwhile waits for the next round."""

    in_rounds = True

    def deliverable(self, flight: Flight, current: int, link: Link) -> Iterator[int]:  # noqa: ARG002 - queues need it
        """Yield the positions of the messages that may arrive next."""
        yield from range(1 if flight and current else 0)


class Set(Queues):
    """UNORDERED: a set of distinct messages, of which any may arrive."""

    def deliverable(self, flight: Flight, current: int, link: Link) -> Iterator[int]:  # noqa: ARG002 - others need them
        """Yield the positions of the messages that may arrive next."""
        yield from range(len(flight))

    def put(self, held: Flight, messages: Iterable[Any], link: Link) -> Flight:  # noqa: ARG002 - queues need it
        """Return what is in flight, in the one order in which it is held, once `messages` are sent."""
        return as_set(messages, held)

    def identity(self, flight: Iterable[Hashable]) -> Hashable:
        """Return what is equal for messages in flight, each by what stands for it, that no node can tell apart."""
        return frozenset(flight)


class Unbounded(Set):
    """ANY: what was sent may arrive at any time and any number of times; nothing uses it up."""

    bounded = False

    def without(self, flight: Flight, position: int) -> Flight:  # noqa: ARG002 - others need it
        """Return what is in flight once the message at `position` has arrived: the same."""
        return flight


SEMANTICS: Final[dict[NetworkKind, Queues]] = {
    NetworkKind.UNORDERED: Set(),
    NetworkKind.ORDERED: Queues(),
    NetworkKind.LOCKSTEP: Rounds(),
    NetworkKind.ANY: Unbounded(),
}
