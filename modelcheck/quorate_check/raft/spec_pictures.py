"""What a picture shows of the specification: its messages in a few words, what a step changed, the log."""

from __future__ import annotations

from typing import Any

from quorate_check.core.system import Deliver
from quorate_check.raft.rules import NO_RULE, rule
from quorate_check.tell.described import Box, Rule
from quorate_spec.raft import actions
from quorate_spec.raft.messages import NO_OP, AppendEntries, AppendEntriesReply, Entry, Message, RequestVoteReply
from quorate_spec.raft.state import Applied, Role, Server

RECEIVING = actions.RECEIVING  # as it is in Raft, whatever takes its place later


def entry_text(entry: Entry | Applied) -> str:
    """Return an entry's term and value; what a client sent to a cluster that ran may be long, and isn't shown."""
    match entry.value:
        case bytes() as command:
            said = f"x{command.decode()}" if command.isdigit() else f"{len(command)} bytes"
        case value:
            said = "no-op" if value is NO_OP else str(value)
    return f"t{entry.term} {said}"


def brief_message(m: Message) -> str:
    """Return a message by its name, its term and what matters most in it."""
    match m:
        case RequestVoteReply():
            return f"vote {'granted' if m.vote_granted else 'refused'}, t{m.term}"
        case AppendEntries():
            held = "".join(f"[{entry_text(e)}]" for e in m.entries) or "empty"
            return f"AppendEntries t{m.term} {held}"
        case AppendEntriesReply():
            return f"holds {m.match_index}, t{m.term}" if m.success else f"differs at {m.prev_log_index}, t{m.term}"
        case _:
            return f"{type(m).__name__} t{m.term}"


def marks(before: Server, after: Server) -> tuple[str, ...]:
    """Return what a step changed, but for the log, in a few words each."""
    said = [f"term {after.current_term}"] if before.current_term != after.current_term else []
    if before.role is not after.role:
        said.append(after.role.value)
    if after.voted_for not in (before.voted_for, None, after.id):
        said.append(f"votes for s{after.voted_for}")
    if gained := after.votes_granted - before.votes_granted - {after.id}:
        said.append("has " + ", ".join(f"s{voter}" for voter in sorted(gained)))
    if after.role is Role.LEADER and before.match_index != after.match_index:
        said.append(f"match {list(after.match_index)}")
    if before.commit_index != after.commit_index:
        said.append(f"commit {after.commit_index}")
    return tuple(said)


def badge(server: Server) -> str:
    """Return a server's role and term."""
    return f"{server.role.value} t{server.current_term}"


def boxes(server: Server) -> tuple[Box, ...]:
    """Return the log, entry by entry; settled is what the server knows to be committed."""
    entries = enumerate(server.log, start=1)
    return tuple(Box(entry_text(e), settled=index <= server.commit_index) for index, e in entries)


def rules(before: Server, event: Any, after: Server, sent: tuple[Message, ...]) -> tuple[Rule, ...]:  # noqa: ANN401
    """Return the action that a step is: its event's, or the one that receives the message in this way.

    NO_RULE if no action does, for a specification may have been broken on purpose.
    """
    if not isinstance(event, Deliver):
        named = "".join(f"_{c.lower()}" if c.isupper() else c for c in event.action).lstrip("_")
        return (rule(named),)
    m: Message = event.message
    for action in RECEIVING:
        for step in action(before, m):
            if (step.server, (*step.sent, m) if step.stays else step.sent) == (after, sent):
                return (rule(action.__name__),)
    return (NO_RULE,)
