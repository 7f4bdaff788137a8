"""The limit on requests: a request that doesn't fit into a frame is refused on arrival, and never reaches a log.

An AppendEntries can have a single entry, and a Forward has one request. Either has less than FRAME_OVERHEAD bytes
beside the command.
"""

from typing import Final

MAX_FRAME_BYTES: Final = 64 << 20
FRAME_OVERHEAD: Final = 1 << 10
MOST_REQUEST_BYTES: Final = MAX_FRAME_BYTES - FRAME_OVERHEAD


def refusal(payload: bytes) -> str | None:
    """Return why a request is refused, None if it isn't."""
    if len(payload) <= MOST_REQUEST_BYTES:
        return None
    return f"a request of {len(payload)} bytes can't be sent to other members: at most {MOST_REQUEST_BYTES} bytes can"
