"""What a picture shows of the Raft core: a few words beside an arrow, what changed, the log as boxes."""

from __future__ import annotations

from collections.abc import Iterator

from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    InstallSnapshot,
    InstallSnapshotReply,
    Log,
    Message,
    PreVote,
    PreVoteReply,
    RequestVote,
    RequestVoteReply,
    Role,
    State,
)
from quorate_check.raft.subject import CheckerEvent, Server
from quorate_check.raft.words import describe_event, entry_text
from quorate_check.tell.described import Box

MOST_ENTRIES = 4  # of a log that are shown one by one, or of what was applied


def brief(event: Message | CheckerEvent) -> str:  # noqa: PLR0911 - one case for each message
    """Return a message by its name, its term and what matters most in it; an event as it is told elsewhere.

    A reply goes by what it says, since its arrow leads back.
    """
    match event:
        case RequestVoteReply() | PreVoteReply():
            kind = "vote" if isinstance(event, RequestVoteReply) else "pre-vote"
            return f"{kind} {'granted' if event.vote_granted else 'refused'}, t{event.term}"
        case AppendEntries(entries=entries):
            held = "".join(f"[{entry_text(e)}]" for e in entries[:3]) + ("…" if len(entries) > 3 else "")
            at = f" after {event.prev_log_index}" if event.prev_log_index else ""
            commit = f", commit {event.leader_commit}" if event.leader_commit else ""
            return f"AppendEntries t{event.term} {held or 'empty'}{at}{commit}"
        case AppendEntriesReply(success=True) | InstallSnapshotReply():
            return f"holds {event.match_index}, t{event.term}"
        case AppendEntriesReply():
            return f"differs at {event.prev_log_index}, t{event.term}"
        case InstallSnapshot(snapshot=snapshot):
            return f"InstallSnapshot t{event.term} to {snapshot.last_included_index}"
        case PreVote() | RequestVote():
            return f"{type(event).__name__} t{event.term}"
        case _:
            return describe_event(event)


def marks(before: Server, after: Server) -> tuple[str, ...]:
    """Return what a step changed, but for the log, in a few words each."""
    return (*_marks(before.state, after.state), *_writes(before, after))


def _writes(before: Server, after: Server) -> Iterator[str]:
    """Yield what became of the writes that the disk hadn't got."""
    if len(before.queue) == len(after.queue):
        return
    if after.queue:
        yield f"{len(after.queue)} not on disk"
        return
    whole = before.on_disk
    for write in before.queue:
        whole = whole.after(write.persist)
    yield "all on disk" if after.on_disk == whole else "loses what isn't on disk"


def _marks(old: State, new: State) -> Iterator[str]:
    if old.current_term != new.current_term:
        yield f"term {new.current_term}"
    if old.role is not new.role:
        yield new.role.value
    if new.voted_for not in (old.voted_for, None) and new.voted_for != new.id:
        yield f"votes for s{new.voted_for}"
    if old.voted_for is not None and new.voted_for is None and old.current_term == new.current_term:
        yield "forgets its vote"
    gained = new.votes_granted - old.votes_granted - {new.id}
    if gained and new.role in {Role.CANDIDATE, Role.PRE_CANDIDATE}:
        yield "has " + ", ".join(f"s{voter}" for voter in sorted(gained))
    if new.role is Role.LEADER and old.role is Role.LEADER and old.match_index != new.match_index:
        yield f"match {list(new.match_index)}"
    if old.commit_index != new.commit_index:
        yield f"commit {new.commit_index}"


def badge(server: Server) -> str:
    """Return a server's role and term."""
    return f"{server.state.role.value} t{server.state.current_term}"


def boxes(server: Server) -> tuple[Box, ...]:
    """Return the log, the last entries one by one; settled is what the server knows to be committed."""
    log, commit = server.state.log, server.state.commit_index
    first = max(log.first_index, log.last_index - MOST_ENTRIES + 1)
    before = (Box(f"up to {first - 1}", settled=first - 1 <= commit),) if first > 1 else ()
    held = enumerate(log.slice(first, log.last_index), start=first)
    return before + tuple(Box(entry_text(entry), settled=index <= commit) for index, entry in held)


def facts(server: Server) -> tuple[tuple[str, str], ...]:
    """Return all that Figure 2 has a server know, and what the checker remembers of it."""
    state, record = server.state, server.record
    voters = ", ".join(f"s{voter}" for voter in sorted(state.votes_granted))
    known = [
        ("role", state.role.value),
        ("current_term", str(state.current_term)),
        ("voted_for", "nobody" if state.voted_for is None else f"s{state.voted_for}"),
        ("log", log_text(state.log)),
        ("commit_index", str(state.commit_index)),
        ("votes_granted", voters or "none"),
        ("next_index", " ".join(map(str, state.next_index)) or "-"),
        ("match_index", " ".join(map(str, state.match_index)) or "-"),
        ("durable_index", str(state.durable_index) if state.role is Role.LEADER else "-"),
        ("terms led", ", ".join(map(str, sorted(record.terms_led))) or "none"),
        ("applied", applied_text(server)),
    ]
    if server.durable is not None:
        disk = server.durable
        voted = "" if disk.voted_for is None else f", voted for s{disk.voted_for}"
        known.append(("on disk", f"term {disk.current_term}{voted}, log {log_text(disk.log)}"))
        known.append(("not on disk", str(len(server.queue))))
    return tuple(known)


def log_text(log: Log) -> str:
    """Return a log, the last entries one by one."""
    first = max(log.first_index, log.last_index - 2 * MOST_ENTRIES + 1)
    before = f"(up to {first - 1}) " if first > 1 else ""
    return before + " ".join(f"[{entry_text(e)}]" for e in log.slice(first, log.last_index)) or "empty"


def applied_text(server: Server) -> str:
    """Return what a server has applied: the last entries one by one, or how far, if that is all that is known."""
    applied = [a.entry for a in server.record.applied]
    if not applied and server.state.last_applied:
        return f"up to {server.state.last_applied}"
    before = f"({len(applied) - 2 * MOST_ENTRIES} before) " if len(applied) > 2 * MOST_ENTRIES else ""
    return before + " ".join(f"[{entry_text(e)}]" for e in applied[-2 * MOST_ENTRIES :]) or "nothing"
