"""What can be asked of the map without changing it; their numbers on the wire are 32 to 47."""

from typing import TypeAlias

from quorate.kv.operation_types import Count, Integer, Operation


class Question(Operation, frozen=True):
    """What changes nothing."""


class Get(Question, frozen=True, tag=32):
    """The reply is the value, or nothing."""

    key: bytes


class Exists(Question, frozen=True, tag=33):
    """The reply is how many of the keys there are; one that is named twice counts twice."""

    keys: tuple[bytes, ...]


class StringLength(Question, frozen=True, tag=34):
    """The reply is the length of the value in bytes, 0 if it is absent."""

    key: bytes


class MultiGet(Question, frozen=True, tag=35):
    """The reply is the values, with nothing in the places of the absent ones."""

    keys: tuple[bytes, ...]


class Size(Question, frozen=True, tag=36):
    """The reply is the number of keys."""


class Scan(Question, frozen=True, tag=37):
    """Go on through the keys from `cursor`; the reply is the next cursor, as text, and the keys that match.

    The first cursor is 0, and so is the one after the last. About `count` keys are looked at. A key that is there from
    the first call to the last is found, whatever else comes and goes.
    """

    cursor: Count
    match: bytes | None
    count: Count


class GetRange(Question, frozen=True, tag=38):
    """The reply is the bytes of a value from `start` to `end`, both included; negative ones count from its end."""

    key: bytes
    start: Integer
    end: Integer


class Type(Question, frozen=True, tag=39):
    """The reply is the word "string", "none" for a key that is absent."""

    key: bytes


class Keys(Question, frozen=True, tag=40):
    """The reply is all keys that match."""

    match: bytes


class RandomKey(Question, frozen=True, tag=41):
    """The reply is the key that the number `draw` chooses, nothing if there is none."""

    draw: Count


class TimeLeft(Question, frozen=True, tag=42):
    """The reply is when a key expires, -1 if it doesn't, -2 if it is absent.

    That is in seconds or `milliseconds`, after now or, if it is `absolute`, since 1970.
    """

    key: bytes
    milliseconds: bool
    absolute: bool


class Versions(Question, frozen=True, tag=43):
    """The reply is, for each key, a number that differs whenever the key was changed in between."""

    keys: tuple[bytes, ...]


Query: TypeAlias = (
    Get | Exists | StringLength | MultiGet | Size | Scan | GetRange | Type | Keys | RandomKey | TimeLeft | Versions
)
