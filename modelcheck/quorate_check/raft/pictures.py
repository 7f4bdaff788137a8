"""The pictures of Raft: labels of arrows, changes of a step, and the log as boxes.

The core and the specification share these pictures: both name messages and fields as the paper does, and
`ServerPicture` has every variable of a server that a picture shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from quorate.raft import Entry, Log, Message, Role
from quorate_check.conformance.report import NO_RULE
from quorate_check.core.system import Deliver
from quorate_check.raft.rules import rule
from quorate_check.raft.subject import CheckerEvent, CoreNode
from quorate_check.raft.words import describe_event, entry_text
from quorate_check.tell.described import Box, Label, Rule
from quorate_spec.raft import actions
from quorate_spec.raft import messages as spec
from quorate_spec.raft import state as spec_state

MOST_ENTRIES = 4  # of a log that are shown one by one, or of what was applied
RECEIVING = actions.RECEIVING  # Raft's own actions, also while the tests replace some by wrong ones
CANDIDATE_ROLES = {"candidate", "pre-candidate"}
# The notation of the pictures that isn't the paper's.
LABELS = (
    Label(r"\bt\d", "t1: of term 1"),
    Label(r"^t\d+ x\d|\[t\d+ x\d", "t1 x1: the entry x1 of term 1"),
    Label(r"\{[\d,]+→", "{a→b}: a joint configuration, so a majority of a and one of b decide"),
    Label(r" after \d", "after n: the entries follow index n"),
    Label(r"^holds \d", "holds n: says that its log agrees with the leader's up to index n"),
    Label(r"^differs at \d", "differs at n: refused, as its log has no such entry at index n or its term is later"),
    Label(r"\bcommit \d", "commit n: the entries up to index n are committed"),
    Label(r"^match \[", "match: the index up to which the leader knows each server's log to agree"),
    Label(
        r"^confirmed by \[",
        "confirmed by: the servers that are in the leader's term, as far as it knows in this round",
    ),
    Label(r"^reads at \d", "reads at n: the leader may answer reads from what is committed up to index n"),
)


@dataclass(frozen=True, slots=True)
class ServerPicture:
    """The variables of a server that a picture shows; `log` has the entries from `first_index` on."""

    id: int
    current_term: int
    voted_for: int | None
    role: str
    votes_granted: frozenset[int]
    match_index: tuple[int, ...]
    commit_index: int
    log: tuple[Entry | spec.Entry, ...]
    confirmed_by: frozenset[int]
    confirmed_reads: frozenset[tuple[int, int, int]]  # term, round and index
    transfer_target: int | None
    first_index: int = 1


def core_picture(server: CoreNode) -> ServerPicture:
    """Return the variables of a core's server that a picture shows, with the last MOST_ENTRIES entries of its log."""
    state, log = server.state, server.state.log
    first = max(log.first_index, log.last_index - MOST_ENTRIES + 1)
    return ServerPicture(
        state.id,
        state.current_term,
        state.voted_for,
        state.role.value,
        state.votes_granted,
        state.match_index,
        state.commit_index,
        log.slice(first, log.last_index),
        state.reads.confirmed_by,
        frozenset((term, reads.round, reads.index) for term, reads in server.record.reads),
        state.transfer_target,
        first,
    )


def spec_picture(server: spec_state.Server) -> ServerPicture:
    """Return the variables of a specification's server that a picture shows, with its whole log."""
    return ServerPicture(
        server.id,
        server.current_term,
        server.voted_for,
        server.role.value,
        server.votes_granted,
        tuple(index for _, index in server.match_index),
        server.commit_index,
        server.log,
        server.confirmed_by,
        frozenset((each.term, each.round, each.index) for each in server.answered),
        server.transfer_target,
    )


def brief(event: Message | CheckerEvent) -> str:
    """Return a short label for a message of the core, or the full phrase for another event."""
    return brief_message(event) if isinstance(event, get_args(Message)) else describe_event(event)


def brief_message(m: Any) -> str:  # noqa: ANN401, PLR0911 - of the core, or of the specification; a case for each
    """Return a message's name, term and most important field; for a reply its answer instead of its name.

    The arrow of a reply leads back to the sender of the request, so the answer alone identifies it.
    """
    match name := type(m).__name__:
        case "RequestVoteReply" | "PreVoteReply":
            kind = "vote" if name == "RequestVoteReply" else "pre-vote"
            return f"{kind} {'granted' if m.vote_granted else 'refused'}, t{m.term}"
        case "AppendEntries":
            entries = "".join(f"[{entry_text(e)}]" for e in m.entries[:3]) + ("…" if len(m.entries) > 3 else "")
            position = f" after {m.prev_log_index}" if m.prev_log_index else ""
            commit = f", commit {m.leader_commit}" if m.leader_commit else ""
            return f"AppendEntries t{m.term} {entries or 'empty'}{position}{commit}"
        case "AppendEntriesReply" if not m.success:
            return f"differs at {m.prev_log_index}, t{m.term}"
        case "AppendEntriesReply" | "InstallSnapshotReply":
            return f"holds {m.match_index}, t{m.term}"
        case "InstallSnapshot":
            last = len(m.snapshot) if isinstance(m.snapshot, tuple) else m.snapshot.last_included_index
            return f"InstallSnapshot t{m.term} to {last}"
        case "ConfirmLeadership":
            return f"ConfirmLeadership t{m.term}, round {m.round}"
        case "LeadershipConfirmed":
            return f"confirmed, t{m.term}, round {m.round}"
        case _:
            return f"{name} t{m.term}"


def marks(old: ServerPicture, new: ServerPicture) -> Iterator[str]:
    """Yield a short text for each change of a step except those of the log."""
    if old.current_term != new.current_term:
        yield f"term {new.current_term}"
    if old.role != new.role:
        yield new.role
    if new.voted_for not in (old.voted_for, None, new.id):
        yield f"votes for s{new.voted_for}"
    if old.voted_for is not None and new.voted_for is None and old.current_term == new.current_term:
        yield "forgets its vote"
    new_votes = new.votes_granted - old.votes_granted - {new.id}
    if new_votes and new.role in CANDIDATE_ROLES:
        yield "has " + ", ".join(f"s{voter}" for voter in sorted(new_votes))
    leader = Role.LEADER.value
    if new.role == leader and old.role == leader and old.match_index != new.match_index:
        yield f"match {list(new.match_index)}"
    if old.commit_index != new.commit_index:
        yield f"commit {new.commit_index}"
    if new.confirmed_by not in (old.confirmed_by, frozenset()):
        yield f"confirmed by {sorted(new.confirmed_by)}"
    for *_, index in new.confirmed_reads - old.confirmed_reads:
        yield f"reads at {index}"
    yield from _transfer_marks(old, new)


def _transfer_marks(old: ServerPicture, new: ServerPicture) -> Iterator[str]:
    if new.role == Role.LEADER.value and new.transfer_target != old.transfer_target:
        yield "gives up its transfer" if new.transfer_target is None else f"transfers to s{new.transfer_target}"


def marks_of_core(before: CoreNode, after: CoreNode) -> tuple[str, ...]:
    """Return the changes of a step of the core, with the number of pending writes or how they ended."""
    return (*marks(core_picture(before), core_picture(after)), *_writes(before, after))


def badge(server: ServerPicture) -> str:
    """Return a server's role and term."""
    return f"{server.role} t{server.current_term}"


def boxes(server: ServerPicture) -> tuple[Box, ...]:
    """Return a box for each entry of the log, settled if the entry is committed according to the server."""
    before = server.first_index - 1
    compacted = (Box(f"up to {before}", settled=before <= server.commit_index),) if before else ()
    entries = [
        Box(entry_text(e), settled=i <= server.commit_index) for i, e in enumerate(server.log, server.first_index)
    ]
    return (*compacted, *entries)


def _writes(before: CoreNode, after: CoreNode) -> Iterator[str]:
    """Yield the number of pending writes, or their end: all durable, or some lost; or that the disk stalls."""
    if before.durable is None and after.durable is not None and not after.queue:
        yield "disk stalls"
    if (before.durable, before.queue) == (after.durable, after.queue):
        return
    if after.queue:
        yield f"{len(after.queue)} not on disk"
    elif after.durable is None:
        yield "all on disk" if after.on_disk == before.in_memory else "loses what isn't on disk"


def facts(server: CoreNode) -> tuple[tuple[str, str], ...]:
    """Return the name and value of each variable of Figure 2, of the checker's record, and of a disk that is behind."""
    state, record = server.state, server.record
    voters = ", ".join(f"s{voter}" for voter in sorted(state.votes_granted))
    variables = [
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
    if (reads := state.reads).number:
        confirmed_by = ", ".join(f"s{server}" for server in sorted(reads.confirmed_by))
        end = f"at index {reads.index}, confirmed by {confirmed_by}" if reads.confirmed_by else "has ended"
        variables.append(("round of reads", f"{reads.number} {end}"))
    if state.transfer_target is not None:
        variables.append(("transfer", f"to s{state.transfer_target}"))
    if server.durable is not None:
        disk = server.durable
        voted = "" if disk.voted_for is None else f", voted for s{disk.voted_for}"
        variables.append(("on disk", f"term {disk.current_term}{voted}, log {log_text(disk.log)}"))
        variables.append(("not on disk", str(len(server.queue)) if server.queue else "what came later"))
    return tuple(variables)


def log_text(log: Log) -> str:
    """Return a log as text: its last entries, and the number of those before."""
    first = max(log.first_index, log.last_index - 2 * MOST_ENTRIES + 1)
    before = f"(up to {first - 1}) " if first > 1 else ""
    return before + " ".join(f"[{entry_text(e)}]" for e in log.slice(first, log.last_index)) or "empty"


def applied_text(server: CoreNode) -> str:
    """Return the applied entries as text: the last of them, or only the last index if the entries are unknown."""
    applied = [a.entry for a in server.record.applied]
    if not applied and server.state.last_applied:
        return f"up to {server.state.last_applied}"
    before = f"({len(applied) - 2 * MOST_ENTRIES} before) " if len(applied) > 2 * MOST_ENTRIES else ""
    return before + " ".join(f"[{entry_text(e)}]" for e in applied[-2 * MOST_ENTRIES :]) or "nothing"


def rules_of_specification(
    before: spec_state.Server,
    event: Any,  # noqa: ANN401 - of any kind
    after: spec_state.Server,
    sent: tuple[spec.Message, ...],
) -> tuple[Rule, ...]:
    """Return the rule of a step's action: that of the event, or the receiving action with the step's effect.

    NO_RULE if no action has this effect, as in tests with wrong specifications.
    """
    if not isinstance(event, Deliver):
        action_name = "".join(f"_{c.lower()}" if c.isupper() else c for c in event.action).lstrip("_")
        return (rule(action_name),)
    m: spec.Message = event.message
    for action in RECEIVING:
        for step in action(before, m):
            if (step.server, (*step.sent, m) if step.stays else step.sent) == (after, sent):
                return (rule(action.__name__),)
    return (NO_RULE,)
