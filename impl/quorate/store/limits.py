"""The limits on values and replies, and the errors for larger ones and for invalid numbers.

They bound the messages between servers, and the queues in servers.
"""

import re
from typing import Final

from quorate.store.glob import MOST_PATTERN_BYTES
from quorate.store.operation_types import MAX_INTEGER, MIN_INTEGER
from quorate.store.replies import Failure

MOST_REPLY_BYTES: Final = 32 * 1024 * 1024
ENOUGH_BATCH_REPLY_BYTES: Final = 1024 * 1024
MOST_SCANNED_KEYS: Final = 10_000

NOT_AN_INTEGER: Final = Failure("ERR value is not an integer or out of range")
NOT_A_FLOAT: Final = Failure("ERR value is not a valid float")
INFINITE: Final = Failure("ERR increment would produce NaN or Infinity")
OVERFLOW: Final = Failure("ERR increment or decrement would overflow")
NO_SUCH_KEY: Final = Failure("ERR no such key")
NO_TIME: Final = Failure("ERR keys don't expire here: members who may lie have no clock that all can trust")
TOO_LONG_VALUE: Final = Failure("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
TOO_LONG_REPLY: Final = Failure(f"ERR the reply would exceed {MOST_REPLY_BYTES} bytes, ask for fewer keys at once")
TOO_LONG_PATTERN: Final = Failure(f"ERR a pattern may have at most {MOST_PATTERN_BYTES} bytes")

_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,18}")


def parse_integer(text: bytes) -> int | None:
    """Return the 64-bit integer that `text` has in the only notation that Redis accepts, else None."""
    if not _INTEGER.fullmatch(text):
        return None
    value = int(text)
    return value if MIN_INTEGER <= value <= MAX_INTEGER else None
