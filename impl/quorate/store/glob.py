r"""Redis's patterns for keys: `*`, `?`, `[abc]`, `[^a-z]`, and `\` before a character that means itself."""

import re
from typing import Final

# The limit on patterns of clients: a match may cost the length of the pattern times that of the key.
MOST_PATTERN_BYTES: Final = 256


def compile_glob(pattern: bytes) -> re.Pattern[bytes]:
    """Return the regular expression whose `fullmatch` is a match of `pattern`; every pattern is valid.

    A star takes the fewest characters after which the part up to the next star matches, and never more (`(?>…)`). That
    loses no match, and bounds the time by the length of the pattern times that of the key.
    """
    head, *rest = [b"".join(tokens) for tokens in _split_at_stars(pattern)]
    if not rest:
        return re.compile(head, re.DOTALL)
    *middle, tail = rest
    return re.compile(head + b"".join(b"(?>.*?%b)" % part for part in middle) + b".*" + tail, re.DOTALL)


def _split_at_stars(pattern: bytes) -> list[list[bytes]]:
    parts: list[list[bytes]] = [[]]
    at = 0
    while at < len(pattern):
        match pattern[at : at + 1]:
            case b"*":
                parts.append([])
                at += 1
            case b"?":
                parts[-1].append(b".")
                at += 1
            case b"[":
                token, at = _character_class(pattern, at + 1)
                parts[-1].append(token)
            case _:
                at += pattern[at] == ord("\\") and at + 1 < len(pattern)
                parts[-1].append(re.escape(pattern[at : at + 1]))
                at += 1
    return parts


def _character_class(pattern: bytes, at: int) -> tuple[bytes, int]:
    """Return the class that begins at `at`, after its bracket, and where it ends; the pattern's end closes it."""
    negated = pattern[at : at + 1] == b"^"
    at += negated
    allowed: set[int] = set()
    while at < len(pattern) and pattern[at] != ord("]"):
        if pattern[at] == ord("\\") and at + 1 < len(pattern):
            allowed.add(pattern[at + 1])
            at += 2
        elif pattern[at + 1 : at + 2] == b"-" and at + 2 < len(pattern):
            low, high = sorted((pattern[at], pattern[at + 2]))
            allowed.update(range(low, high + 1))
            at += 3
        else:
            allowed.add(pattern[at])
            at += 1
    if not allowed:
        return (b"." if negated else b"(?!)"), at + 1
    members = b"".join(rb"\x%02x" % byte for byte in sorted(allowed))
    return b"[%b%b]" % (b"^" if negated else b"", members), at + 1
