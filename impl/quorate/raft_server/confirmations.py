"""The events for the core when writes are durable: the latest confirmation stands for all of one transaction."""

from collections.abc import Iterable

from quorate.raft.events import Persisted
from quorate.raft.output import Persist


def confirmations(persists: Iterable[Persist]) -> tuple[Persisted, ...]:
    """The latest confirmation of entries and the latest of a snapshot, which imply all earlier ones."""
    latest: dict[bool, Persisted] = {}
    for persist in persists:
        if persist.confirmation is not None:
            latest[bool(persist.entries)] = persist.confirmation
    return tuple(latest.values())
