"""RaftRefinesConsensus.tla in Python: what a cluster of Raft servers is, seen as Consensus."""

from __future__ import annotations

from quorate_spec.consensus.consensus import Chosen
from quorate_spec.raft.messages import Entry
from quorate_spec.raft.state import Server


def chosen(servers: tuple[Server, ...]) -> Chosen:
    """The longest sequence of entries that a server has ever known to be committed, whenever it learned them."""
    best_informed = max(servers, key=lambda server: len(server.applied))
    return tuple(Entry(known.term, known.value) for known in best_informed.applied)
