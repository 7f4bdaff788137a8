"""Reserves file descriptors, so that clients never take those that peers and files need."""

import resource
from typing import Final

# Peers' connections without a hello, scrapers, clients above the limit, one turn's newcomers, and the node's own files.
_RESERVED: Final = 64 + 32 + 16 + 128 + 60
_PER_PEER: Final = 4  # a connection each way, and the next two while these end


class TooFewDescriptorsError(Exception):
    """There are not enough file descriptors for any client; the text is one line that says what to do."""


def room_for_clients(wanted: int, peers: int) -> int:
    """Return the number of clients, at most `wanted`, for which there are descriptors, after raising the limit."""
    own = _RESERVED + _PER_PEER * peers
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + own
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    room = wanted if soft == resource.RLIM_INFINITY else min(wanted, soft - own)
    if room < 1:
        raise TooFewDescriptorsError(f"more than {own} file descriptors are needed, not {soft}: raise `ulimit -n`")
    return room
