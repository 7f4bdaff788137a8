"""Ed25519 keys (RFC 8032, by libsodium) of members and of clients' sessions, and the files of members' keys.

Each node has its own file with its secret key. The file of public keys is the same for all nodes: it has the name of
the cluster, which is part of every signed statement, and the members with their keys.
"""

import os
import tomllib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from quorate.runtime.paths import is_there

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
PUBLIC_NAME: Final = "public.toml"
MOST_REMEMBERED: Final = 8_192


class KeyFileError(Exception):
    """A file of keys can't be used; the text is one line that says what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class SecretKey:
    """Signs (quorate.bft.Signer); equal messages get equal signatures."""

    _key: SigningKey = field(repr=False)

    @classmethod
    def generate(cls) -> "SecretKey":
        """Return a new random key."""
        return cls(SigningKey.generate())

    @classmethod
    def of_seed(cls, seed: bytes) -> "SecretKey":
        """Return the key with this seed of 32 bytes."""
        return cls(SigningKey(seed))

    @property
    def seed(self) -> bytes:
        """The secret seed."""
        return bytes(self._key)

    @property
    def public(self) -> bytes:
        """The public key."""
        return bytes(self._key.verify_key)

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`."""
        return self._key.sign(message).signature


def is_signed_by(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the holder of `public` signed `message`; never raises on any bytes."""
    try:
        VerifyKey(public).verify(message, signature)
    except (BadSignatureError, ValueError, TypeError):  # the last two: a length is wrong
        return False
    return True


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """The public keys of all members (quorate.bft.Verifier), and the name of their cluster."""

    cluster: str
    keys: Mapping[int, bytes]

    @property
    def members(self) -> tuple[int, ...]:
        """The members' ids in order."""
        return tuple(sorted(self.keys))

    def verify(self, signer: int, message: bytes, signature: bytes) -> bool:
        """Whether `signer` signed `message`; never raises, whatever the bytes."""
        public = self.keys.get(signer)
        return public is not None and is_signed_by(public, message, signature)


class RememberingVerifier:
    """Checks each valid signature only once: votes are checked on arrival, and again in every certificate."""

    def __init__(self, keys: PublicKeys, most: int = MOST_REMEMBERED) -> None:
        """Remember the latest `most` signatures."""
        self._keys = keys
        self._most = most
        self._true: OrderedDict[tuple[int, bytes, bytes], None] = OrderedDict()

    def verify(self, signer: int, message: bytes, signature: bytes) -> bool:
        """Whether `signer` signed `message`; never raises, whatever the bytes."""
        signed = signer, message, signature
        if signed in self._true:
            return True
        if not self._keys.verify(signer, message, signature):
            return False
        self._true[signed] = None
        if len(self._true) > self._most:
            self._true.popitem(last=False)
        return True


def secret_path(folder: Path, member: int) -> Path:
    """The path of a member's secret key."""
    return folder / f"node{member}.key"


def write_keys(folder: Path, cluster: str, members: tuple[int, ...]) -> None:
    """Write new keys: a secret key for each member, which only this user may read, and the public keys.

    Raises KeyFileError if one of the files exists already or can't be written.
    """
    secrets = {member: SecretKey.generate() for member in members}
    public = "".join(f'{member} = "{secret.public.hex()}"\n' for member, secret in secrets.items())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in (folder / PUBLIC_NAME, *(secret_path(folder, member) for member in members)):
            if is_there(path):
                raise KeyFileError(f"{path} is there already: keys are never overwritten; give another folder")
        for member, secret in secrets.items():
            _write(secret_path(folder, member), f"{secret.seed.hex()}\n", 0o600)
        _write(folder / PUBLIC_NAME, f"cluster = {_quoted(cluster)}\n\n[members]\n{public}", 0o644)
    except OSError as error:
        raise KeyFileError(f"{folder}: keys can't be written there: {error.strerror}") from error


def read_secret(path: Path) -> SecretKey:
    """Return the secret key in a file; raises KeyFileError if the file is invalid."""
    seed = _unhex(_read(path).strip())
    if seed is None:
        raise KeyFileError(f"{path}: a secret key, {2 * KEY_BYTES} hexadecimal digits, is needed: see `quorate keys`")
    return SecretKey.of_seed(seed)


def read_public(path: Path) -> PublicKeys:
    """Return the public keys in a file; raises KeyFileError if the file is invalid."""
    try:
        content = tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError as error:
        raise KeyFileError(f"{path}: this is not TOML: {error}") from error
    cluster, members = content.get("cluster"), content.get("members")
    if not isinstance(cluster, str) or not cluster or not isinstance(members, dict) or not members:
        raise KeyFileError(f"{path}: a cluster's name and a table of its members' keys are needed: see `quorate keys`")
    keys: dict[int, bytes] = {}
    for name, text in members.items():
        public = _unhex(text) if isinstance(text, str) else None
        if not (name.isascii() and name.isdigit() and int(name) > 0) or public is None:
            raise KeyFileError(f"{path}: {name}: an id and a key of {2 * KEY_BYTES} hexadecimal digits are needed")
        if public in keys.values():
            raise KeyFileError(f"{path}: {name}: this is another member's key, too")
        keys[int(name)] = public
    return PublicKeys(cluster, keys)


def _unhex(text: str) -> bytes | None:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        return None
    return key if len(key) == KEY_BYTES else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KeyFileError(f"{path}: this is not UTF-8 text") from error


def _write(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _quoted(text: str) -> str:
    """Return a TOML string."""
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{escaped}"'
