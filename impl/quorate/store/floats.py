"""INCRBYFLOAT with the results of Redis's 80-bit `long double`, computed exactly, so that all members agree.

A `long double` has 64 bits of precision. The sum is exact, then rounded to 64 bits, half to even, and written with at
most 17 digits behind the point, without zeros at the end. So `3` and `1.1` give `4.1`.
"""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final

from quorate.store.answers import CommandError
from quorate.store.keyspace import Keyspace
from quorate.store.limits import INFINITE, NOT_A_FLOAT
from quorate.store.operation_types import PlainWrite
from quorate.store.replies import Reply
from quorate.store.resp import Request
from quorate.store.writes import keep_time

PRECISION: Final = 64
DIGITS: Final = 17
MOST_LETTERS: Final = 5 * 1024
# A `long double` can't hold numbers from TOO_LARGE on; those up to TOO_SMALL, half of the least, are rounded to 0.
TOO_LARGE: Final = 2**16_384
TOO_SMALL: Final = Fraction(1, 2**16_446)
# Numbers beyond 10 to this power are too large or too small, without a computation.
MOST_EXPONENT: Final = 5_000
_FLOAT = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")
_INFINITY = re.compile(rb"[+-]?inf(?:inity)?", re.IGNORECASE)


class IncrementByFloat(PlainWrite, frozen=True, tag=24):
    """Add to the number in a value, 0 if the key is absent; the reply and the new value are the sum as text."""

    key: bytes
    by: bytes

    def do(self, keys: Keyspace) -> Reply:
        """Add two finite numbers."""
        value = keys.get(self.key)
        before, by = parse_float(b"0" if value is None else value), parse_float(self.by)
        if before is None or by is None:
            return NOT_A_FLOAT
        if not isinstance(before, Fraction) or not isinstance(by, Fraction):
            return INFINITE
        total = _rounded(before + by)
        if abs(total) >= TOO_LARGE:
            return INFINITE
        text = _text(total)
        keep_time(keys, self.key, text)
        return text


def parse_float(text: bytes) -> Fraction | float | None:
    """Return the number that `text` means in Redis, which may be infinite, or None if it is no number."""
    if len(text) >= MOST_LETTERS:
        return None
    if _INFINITY.fullmatch(text):
        return float(text)
    if not _FLOAT.fullmatch(text):
        return None
    number = Decimal(text.decode())
    if not number:
        return Fraction(0)
    if abs(number.adjusted()) > MOST_EXPONENT:
        return None
    rounded = _rounded(Fraction(number))
    return rounded if TOO_SMALL < abs(rounded) < TOO_LARGE else None


def _rounded(number: Fraction) -> Fraction:
    """Return the nearest number of PRECISION bits."""
    if not number:
        return number
    bits = number.numerator.bit_length() - number.denominator.bit_length()
    # number / scale lies between 2**63 and 2**65, so it may have one bit too many.
    scale = Fraction(2) ** (bits - PRECISION)
    if abs(number / scale) >= 2**PRECISION:
        scale *= 2
    return round(number / scale) * scale


def _text(number: Fraction) -> bytes:
    whole, part = divmod(round(abs(number) * 10**DIGITS), 10**DIGITS)
    # str(int) refuses numbers of more than 4,300 digits, Decimal's format doesn't.
    text = f"{Decimal(whole):f}" + f".{part:0{DIGITS}d}".rstrip("0").rstrip(".")
    return text.encode() if number >= 0 or text == "0" else b"-" + text.encode()


def increment_by_float(request: Request) -> IncrementByFloat:
    """INCRBYFLOAT key increment."""
    if parse_float(request[2]) is None:
        raise CommandError(NOT_A_FLOAT.text)
    return IncrementByFloat(request[1], request[2])
