"""What the core is told when writes are durable: several in one transaction are confirmed by the latest of them."""

from collections.abc import Iterable

from quorate.raft.events import Persisted
from quorate.raft.output import Persist


def confirmations(persists: Iterable[Persist]) -> tuple[Persisted, ...]:
    """The latest confirmation of entries and the latest of a snapshot: they say all that the earlier ones say."""
    latest: dict[bool, Persisted] = {}
    for persist in persists:
        if persist.confirmation is not None:
            latest[bool(persist.entries)] = persist.confirmation
    return tuple(latest.values())
