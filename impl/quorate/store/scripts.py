"""The three Lua scripts of redis-py's Lock, which are recognised by their digests and replaced by operations.

There is no Lua here. redis-py releases, extends and reacquires a lock by scripts that have been unchanged for years;
each is replaced by one operation on the map, which the SHA-1 of its text chooses, as in EVALSHA.
"""

from collections.abc import Callable
from hashlib import sha1
from typing import Final, TypeAlias

from quorate.store.answers import NOT_AN_INTEGER, Caller, CommandError
from quorate.store.entries import Answers
from quorate.store.expiring import DeleteIfEqual, ExpireIfEqual
from quorate.store.limits import parse_integer
from quorate.store.resp import Request, Value

_Script: TypeAlias = Callable[[bytes, bytes, list[bytes]], DeleteIfEqual | ExpireIfEqual]


def _integer(text: bytes) -> int:
    value = parse_integer(text)
    if value is None:
        raise CommandError(NOT_AN_INTEGER)
    return value


# By digest: the number of arguments after the key and the token, and the operation.
SCRIPTS: Final[dict[bytes, tuple[int, _Script]]] = {
    b"c3f8721cbb97f72bc19e972846bd7aaf91901658": (0, lambda key, token, _: DeleteIfEqual(key, token)),
    b"a4e8783852e6b949f9ef3a97212805108459a890": (
        2,
        lambda key, token, rest: ExpireIfEqual(key, token, _integer(rest[0]), add=rest[1] == b"0"),
    ),
    b"1cac51482acf5858da00f6d685d68f886cd6b6b2": (
        1,
        lambda key, token, rest: ExpireIfEqual(key, token, _integer(rest[0])),
    ),
}
_DIGEST_LETTERS: Final = 40
UNKNOWN_SCRIPT: Final = "ERR scripts are not run here; only the three of redis-py's Lock are known"


def digest_of(text: bytes) -> bytes:
    """Return the SHA-1 of a script as hexadecimal digits, by which EVALSHA names it."""
    return sha1(text, usedforsecurity=False).hexdigest().encode()


def _check_count(request: Request) -> None:
    number = _integer(request[2])
    if number > len(request) - 3:
        raise CommandError("ERR Number of keys can't be greater than number of args")
    if number < 0:
        raise CommandError("ERR Number of keys can't be negative")


def evaluate(request: Request) -> DeleteIfEqual | ExpireIfEqual:
    """EVAL text 1 key token …: one of the known scripts."""
    _check_count(request)
    if digest_of(request[1]) not in SCRIPTS:
        raise CommandError(UNKNOWN_SCRIPT)
    return evaluate_digest([request[0], digest_of(request[1]), *request[2:]])


def evaluate_digest(request: Request) -> DeleteIfEqual | ExpireIfEqual:
    """EVALSHA digest 1 key token …: one of the known scripts."""
    _, digest, count, *rest = request
    if len(digest) == _DIGEST_LETTERS:
        _check_count(request)
    if digest.lower() not in SCRIPTS:
        raise CommandError("NOSCRIPT No matching script. Please use EVAL.")
    arguments, script = SCRIPTS[digest.lower()]
    if count != b"1" or len(rest) != 2 + arguments:
        raise CommandError(f"ERR this script has one key and {1 + arguments} arguments")
    key, token, *others = rest
    return script(key, token, others)


def _load(_caller: Caller, request: Request) -> Value:
    if digest_of(request[2]) not in SCRIPTS:
        raise CommandError(UNKNOWN_SCRIPT)
    return digest_of(request[2])


def _exist(_caller: Caller, request: Request) -> Value:
    return tuple(int(digest.lower() in SCRIPTS) for digest in request[2:])


SUBCOMMANDS: Final = {
    b"load": Answers(3, _load, "text Returns the digest of a script, if it is known."),
    b"exists": Answers(-3, _exist, "digest [digest ...] Returns 1 for each script that is known, else 0."),
}
