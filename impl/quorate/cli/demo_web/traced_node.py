"""What the trace of a node shows of it: its role and indexes, the end of its log, and its latest steps."""

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from quorate.store.operation_types import Operation
from quorate.store.operations import At, Batch, InSession, decode_entry

LONGEST_LOG: Final = 16  # entries that a page shows
LONGEST_TEXT: Final = 40  # characters of an entry
NO_OP: Final = "no-op"


class TracedNode:
    """A node as its trace shows it; `boots` counts its starts."""

    def __init__(self) -> None:
        """Know nothing of the node yet."""
        self.boots = 0
        self.state: dict[str, Any] = {}
        self._log: dict[int, tuple[int, str]] = {}
        self._own = NO_OP  # what a leader appends that no event has carried

    def add(self, text: bytes) -> dict[str, Any] | None:
        """Add a line of the trace; return the step in it, as a page shows it, if it has one."""
        try:
            line = json.loads(text)
        except ValueError:  # a line that broke off when the process was killed
            return None
        match line:
            case {"line": "boot"}:
                self.boots += 1
                self._begin(line)
            case {"line": "checkpoint"}:
                self._begin(line)
            case {"line": "step"}:
                return self._step(line)
        return None

    def values(self) -> dict[str, Any]:
        """Return what a page shows of the node; `log` has the index, term and text of each of the last entries."""
        state = self.state
        return {
            "boots": self.boots,
            "role": state.get("role", "follower"),
            "period": "term",
            "term": state.get("current_term", 0),
            "leader": state.get("leader_id"),
            "vote": state.get("voted_for"),
            "commit": state.get("commit_index", 0),
            "applied": state.get("last_applied", 0),
            "last": state.get("last_index", 0),
            "log": [(index, *entry) for index, entry in sorted(self._log.items())],
        }

    def _begin(self, line: dict[str, Any]) -> None:
        """Take the state of a boot, or of a checkpoint."""
        boot = line.get("disk", line)
        snapshot, entries = boot["snapshot"], boot["entries"]
        first = 1 if snapshot is None else snapshot["last_included_index"] + 1
        last_term = entries[-1]["term"] if entries else 0
        self.state = {"current_term": boot["current_term"], "voted_for": boot["voted_for"]}
        self.state |= {"last_index": first - 1 + len(entries), "last_term": last_term}
        self._log = {}
        self._replace(first, entries)
        self._cut()
        self.state = line.get("state", self.state)

    def _step(self, line: dict[str, Any]) -> dict[str, Any]:
        (name, fields), state = line["event"], line["state"]
        sent = [*line["send_now"], *line["send_when_durable"]]
        first_new = self.state.get("last_index", 0) + 1
        if (self.state.get("role"), self.state.get("current_term")) != ("leader", state.get("current_term")):
            self._own = NO_OP
        self.state = state
        if name == "AppendEntries" and _is_accepted(sent):
            self._replace(fields["prev_log_index"] + 1, fields["entries"])
        elif name == "Propose":
            entries = [{"term": state["current_term"], "command": command} for command in fields["commands"]]
            self._replace(first_new, entries)
        elif name == "ChangeMembers" and state.get("last_index", 0) >= first_new:
            self._own = _members_text(fields)
        self._cut()
        return {
            "boot": self.boots,
            "number": line["number"],
            "event": name,
            "from": fields.get("source"),
            "sent": [[message, outline["dest"]] for message, outline in sent],
            "routine": _is_routine(name, fields, sent),
            "term": state.get("current_term", 0),
            "role": state.get("role", "follower"),
        }

    def _replace(self, first: int, entries: Sequence[dict[str, Any]]) -> None:
        start = max(0, len(entries) - LONGEST_LOG)
        for index, entry in enumerate(entries[start:], start=first + start):
            self._log[index] = (entry["term"], _text(entry))

    def _cut(self) -> None:
        """Keep the last entries; one that no event of this node has carried is a leader's own.

        That is the no-op of a new leader, or a configuration: one that was asked for, or the end of its joint phase.
        """
        last = self.state.get("last_index", 0)
        first = max(1 + self.state.get("snapshot_index", 0), last - LONGEST_LOG + 1)
        default = (self.state.get("last_term", 0), self._own)
        self._log = {index: self._log.get(index, default) for index in range(first, last + 1)}


def _is_accepted(sent: Sequence[Any]) -> bool:
    return any(name == "AppendEntriesReply" and outline["success"] for name, outline in sent)


def _is_routine(name: str, fields: dict[str, Any], sent: Sequence[Any]) -> bool:
    """Whether a step is one of the many by which a leader stays in touch."""
    match name:
        case "AppendEntries":
            return not fields["entries"]
        case "HeartbeatTimeout":
            return all(outline.get("entries", 0) == 0 for _, outline in sent)
        case "AppendEntriesReply":
            return bool(fields["success"]) and not sent
        case "ElectionTimeout":  # of a leader, which a quorum has answered
            return not sent
        case "Persisted" | "ConfirmLeadership" | "LeadershipConfirmed" | "ReadRequest":
            return True
        case _:
            return False


def _text(entry: dict[str, Any]) -> str:
    if entry.get("configuration") is not None:
        return _members_text(entry["configuration"])
    if entry["command"] is None:
        return NO_OP
    try:
        return ", ".join(_words(decode_entry(base64.b64decode(entry["command"]))))[:LONGEST_TEXT]
    except ValueError:  # msgspec's errors, too
        return "a large command"


def _members_text(configuration: dict[str, Any]) -> str:
    learners = f", learners {', '.join(map(str, configuration['learners']))}" if configuration["learners"] else ""
    return f"voters {', '.join(map(str, configuration['voters']))}{learners}"


def _words(operation: Any) -> Iterator[str]:  # noqa: ANN401 - any operation of the store
    match operation:
        case At(operation=inner):
            yield from _words(inner) if inner is not None else ("time",)
        case Batch(steps=steps):
            for step in steps:
                yield from _words(step)
        case InSession(write=write):
            yield from _words(write)
        case Operation():
            values = (getattr(operation, field) for field in operation.__struct_fields__)
            yield " ".join([type(operation).__name__, *(_word(value) for value in values if _is_plain(value))])


def _is_plain(value: object) -> bool:
    return isinstance(value, bytes) or type(value) is int


def _word(value: object) -> str:
    if isinstance(value, bytes):
        with suppress(UnicodeDecodeError):
            return value.decode()
    return repr(value)
