"""RaftRefinesConsensus.tla in Python: the state of Consensus that a state of Raft refines."""

from __future__ import annotations

from quorate_spec.consensus.consensus import Chosen
from quorate_spec.raft.messages import Entry
from quorate_spec.raft.state import Server


def chosen(servers: tuple[Server, ...]) -> Chosen:
    """Return the longest sequence of entries that a server has ever known to be committed."""
    longest = max((server.applied for server in servers), key=len)
    return tuple(Entry(entry.term, entry.value, entry.config) for entry in longest)
