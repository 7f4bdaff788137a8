"""How large a request may be: what no frame can carry is refused where it arrives, and never reaches a log.

An entry travels in one AppendEntries, alone if it must, and a request to the leader in one Forward. Beside its bytes
either has less than FRAME_OVERHEAD of its own.
"""

from typing import Final

MAX_FRAME_BYTES: Final = 64 << 20
FRAME_OVERHEAD: Final = 1 << 10
MOST_REQUEST_BYTES: Final = MAX_FRAME_BYTES - FRAME_OVERHEAD


def refusal(payload: bytes) -> str | None:
    """Return why a request can't be taken, None if it can."""
    if len(payload) <= MOST_REQUEST_BYTES:
        return None
    return f"a request of {len(payload)} bytes can't be sent to other members: at most {MOST_REQUEST_BYTES} bytes can"
