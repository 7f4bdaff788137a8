"""A path of the store in words, and its pictures: of each server as of Raft's, and of the replies that clients got."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, assert_never

from quorate import raft as code
from quorate.runtime.outcomes import Done, NotDone, Outcome, Unknown
from quorate.store import replies
from quorate.store.operations import InSession, decode_entry
from quorate.store.replies import Failure as ErrorReply
from quorate.store.replies import SimpleString
from quorate_check.raft import pictures
from quorate_check.raft import words as raft
from quorate_check.store.clients import (
    Begin,
    Clients,
    ConnectionEnd,
    Failure,
    HistoryRecord,
    Invocation,
    Return,
    Scripts,
)
from quorate_check.store.messages import Answer, Ask, NoReply, PassedBack, PassedOn, RequestId
from quorate_check.store.server import Apply, LeaderLost, PeerLost, Tick, TimeUp
from quorate_check.store.state import StoreServer
from quorate_check.tell.described import Box, Described

EVENTS: dict[type, str] = {
    Apply: "applies what is committed",
    Tick: "its clock passes the deadline",
    LeaderLost: "waits no longer for the lost leader",
    PeerLost: "its connection to the leader ends",
}
Local = StoreServer | Clients


def described(scripts: Scripts) -> Described:
    """Return the words and pictures for clients with these scripts."""

    def event(event: Any) -> str:  # noqa: ANN401 - of the core, of clients or of this system
        return _event(scripts, event, raft.describe_event)

    def brief(event: Any) -> str:  # noqa: ANN401 - the same
        return _event(scripts, event, pictures.brief)

    def change(before: Local, after: Local) -> str:
        return "; ".join(_changes(scripts, before, after)) or "nothing changes"

    def marks(before: Local, after: Local) -> tuple[str, ...]:
        if isinstance(before, StoreServer) and isinstance(after, StoreServer):
            return (*pictures.marks_of_core(before.node, after.node), *_own_changes(before, after))
        return tuple(_changes(scripts, before, after))

    def facts(local: Local) -> tuple[tuple[str, str], ...]:
        if isinstance(local, Clients):
            return (("history", " ".join(record_lines(scripts, local.record)) or "empty"),)
        core = [fact for fact in pictures.facts(local.node) if fact[0] not in {"terms led", "applied", "log"}]
        return (
            *core,
            ("log", " ".join(f"[{box.text}]" for box in _log(local.core))),
            ("applied_index", str(local.map.applied_index)),
            ("pending", ", ".join(request_text(scripts, each.request) for each in local.pending) or "no request"),
        )

    return Described(
        event,
        change,
        brief=brief,
        marks=marks,
        badge=lambda local: "" if isinstance(local, Clients) else pictures.badge(_picture(local)),
        boxes=lambda local: () if isinstance(local, Clients) else _log(local.core),
        facts=facts,
        name=lambda local: "clients" if isinstance(local, Clients) else f"s{local.core.id}",
        labels=pictures.LABELS,
    )


def request_text(scripts: Scripts, request: RequestId) -> str:
    """Return an operation and its client, counted from 1."""
    again = f", asked on connection {request.connection + 1}" if request.connection else ""
    return f"{scripts[request.client][request.number]} of client {request.client + 1}{again}"


def reply_text(encoded: bytes) -> str:
    """Return a reply as a client prints it."""
    match replies.decode(encoded):
        case ErrorReply(text) | SimpleString(text):
            return text
        case bytes() as value:
            return repr(value.decode())
        case None:
            return "nil"
        case value:
            return str(value)


def record_lines(scripts: Scripts, record: HistoryRecord) -> Iterator[str]:
    """Yield a phrase for each event of a history."""
    for event in record:
        match event:
            case Invocation(request):
                yield f"{request_text(scripts, request)} begins;"
            case Return(request, reply):
                yield f"{request_text(scripts, request)} gets {reply_text(reply)};"
            case Failure(request, is_certain):
                yield f"{request_text(scripts, request)} {'takes no effect' if is_certain else 'gets no reply'};"


def why(scripts: Scripts, _names: tuple[str, ...], views: tuple[HistoryRecord, ...]) -> str:
    """Return the history that no order of its operations explains."""
    return f"No order of these operations explains the replies: {' '.join(record_lines(scripts, views[0]))}"[:-1] + "."


def _event(scripts: Scripts, event: Any, of_core: Callable[[Any], str]) -> str:  # noqa: ANN401 - as above
    match event:
        case Ask(request=request):
            text = request_text(scripts, request)
        case Answer(request=request, reply=reply):
            text = f"{reply_text(reply)} for {request_text(scripts, request)}"
        case NoReply(request=request, is_certain=is_certain):
            text = f"{'no effect' if is_certain else 'no reply'} of {request_text(scripts, request)}"
        case PassedOn(request=request):
            text = f"{request_text(scripts, request)}, passed on"
        case PassedBack(outcome=outcome):
            text = f"{_outcome_text(outcome)}, passed back"
        case Begin(client):
            text = f"client {client + 1} begins an operation"
        case ConnectionEnd(client):
            text = f"the connection of client {client + 1} ends"
        case TimeUp(client):
            text = f"the requests of client {client + 1} time out"
        case _:
            text = EVENTS[type(event)] if type(event) in EVENTS else of_core(event)
    return text


def _outcome_text(outcome: Outcome) -> str:
    match outcome:
        case Done(reply):
            return reply_text(reply)
        case NotDone():
            return "no effect"
        case Unknown():
            return "no reply"
        case _:
            assert_never(outcome)


def _changes(scripts: Scripts, before: Local, after: Local) -> Iterator[str]:
    if isinstance(before, Clients) and isinstance(after, Clients):
        yield from (line[:-1] for line in record_lines(scripts, after.record[len(before.record) :]))
    elif isinstance(before, StoreServer) and isinstance(after, StoreServer):
        if before.node != after.node:
            yield raft.describe_change(before.node, after.node)
        yield from _own_changes(before, after)


def _own_changes(before: StoreServer, after: StoreServer) -> Iterator[str]:
    if before.map.applied_index != after.map.applied_index:
        yield f"applied up to {after.map.applied_index}"
    if len(after.next_reads) > len(before.next_reads):
        yield "a read waits"
    if len(after.passed) > len(before.passed):
        yield "a request is passed on"
    if before.clock != after.clock:
        yield f"clock {after.clock} ms"


def _picture(server: StoreServer) -> pictures.ServerPicture:
    return pictures.core_picture(server.node)


def _log(core: code.State) -> tuple[Box, ...]:
    log = core.log
    entries = enumerate(log.slice(log.first_index, log.last_index), start=log.first_index)
    compacted = (Box(f"up to {log.snapshot_index}", settled=True),) if log.snapshot_index else ()
    return (
        *compacted,
        *(Box(f"t{entry.term} {_command_text(entry.command)}", index <= core.commit_index) for index, entry in entries),
    )


def _command_text(command: bytes | None) -> str:
    if command is None:
        return "no-op"
    operation = decode_entry(command).operation
    match operation:
        case None:
            return "time passes"
        case InSession(write=write):
            return type(write).__name__.lower()
        case _:
            return type(operation).__name__.lower()
