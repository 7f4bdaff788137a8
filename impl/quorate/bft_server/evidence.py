"""Evidence against traitors as lines of JSON, kept in a file and checked by anybody who has the public keys."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from quorate.bft import Evidence, Phase, Statement
from quorate.runtime.paths import is_there

log = logging.getLogger("quorate.bft")

FORMAT: Final = "quorate evidence 1"
MOST_KEPT: Final = 1_000  # a traitor must not fill the disk; the first piece is as good as the last


class EvidenceError(ValueError):
    """The text is no evidence; the message is one line that says why."""


def to_line(evidence: Evidence, cluster: str) -> str:
    """Return the evidence on one line; `from_line` is the inverse."""
    return json.dumps(
        {
            "format": FORMAT,
            "cluster": cluster,
            "culprit": evidence.culprit,
            "one": _statement_as_dict(evidence.one, evidence.one_signature),
            "other": _statement_as_dict(evidence.other, evidence.other_signature),
        }
    )


def from_line(line: str) -> tuple[Evidence, str]:
    """Return the evidence in a line, and its cluster; raises EvidenceError if it is invalid."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        raise EvidenceError("this is not JSON") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise EvidenceError(f"this doesn't say that it is {FORMAT!r}")
    try:
        one, one_signature = _statement(content["one"])
        other, other_signature = _statement(content["other"])
        culprit, cluster = _typed(content["culprit"], int), _typed(content["cluster"], str)
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"a field is missing or malformed: {error}") from None
    return Evidence(culprit, one, one_signature, other, other_signature), cluster


def tell(evidence: Evidence) -> str:
    """Return a sentence about what the culprit did."""
    one, other = evidence.one, evidence.other
    what = {
        Phase.PROPOSE: "proposed",
        Phase.PREPARE: "gave its first vote to",
        Phase.COMMIT: "gave its second vote to",
        Phase.TIMEOUT: "timed out on",
    }[one.phase]
    both = f"{_short(one.digest)} and {_short(other.digest)}"
    if one.digest == other.digest:
        both = f"{_short(one.digest)} by certificates of views {one.certified_view} and {other.certified_view}"
    return f"member {evidence.culprit} {what} both {both}, in view {one.view} of index {one.index}"


class EvidenceFile:
    """The file of one member's evidence: each culprit once in a view, made durable at once."""

    def __init__(self, path: Path, cluster: str) -> None:
        """Continue an existing file; raises OSError if it can't be read."""
        self._path = path
        self._cluster = cluster
        self._keys = {_key(evidence) for evidence in read(path)} if is_there(path) else set[tuple[int, ...]]()

    def __len__(self) -> int:
        return len(self._keys)

    def keep(self, evidence: Evidence) -> bool:
        """Add the evidence, unless it is known or the file is full; return whether it was added."""
        key = _key(evidence)
        if key in self._keys or len(self._keys) >= MOST_KEPT:
            return False
        with self._path.open("a", encoding="utf-8") as file:
            file.write(to_line(evidence, self._cluster) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._keys.add(key)
        return True

    def convict(self, evidence: Evidence) -> None:
        """Keep the evidence and log it; if it can't be written, log that, and the member goes on."""
        try:
            if self.keep(evidence):
                log.error("a traitor is convicted", extra={"what": tell(evidence)})
        except OSError as error:
            reason = error.strerror
            log.error("evidence can't be kept", extra={"what": tell(evidence), "reason": reason})  # noqa: TRY400


def read(path: Path) -> Iterator[Evidence]:
    """Yield the evidence in a member's own file, without a line that a crash cut off."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield from_line(line)[0]
        except EvidenceError:
            continue


def _key(evidence: Evidence) -> tuple[int, ...]:
    return evidence.culprit, evidence.one.phase, evidence.one.index, evidence.one.view


def _short(digest: bytes) -> str:
    return digest.hex()[:12] or "nothing"


def _statement_as_dict(statement: Statement, signature: bytes) -> dict[str, Any]:
    return {
        "phase": statement.phase.name,
        "index": statement.index,
        "view": statement.view,
        "digest": statement.digest.hex(),
        "certified_view": statement.certified_view,
        "signature": signature.hex(),
    }


def _statement(content: Any) -> tuple[Statement, bytes]:  # noqa: ANN401 - whatever a file holds
    index, view, certified = (_typed(content[name], int) for name in ("index", "view", "certified_view"))
    digest = bytes.fromhex(_typed(content["digest"], str))
    return Statement(Phase[content["phase"]], index, view, digest, certified), bytes.fromhex(content["signature"])


def _typed(value: Any, kind: type[Any]) -> Any:  # noqa: ANN401 - of the given kind
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
