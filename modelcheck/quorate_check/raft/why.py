"""Why a promise of Raft is broken: the servers, terms, indices and entries that contradict each other, in a sentence.

Each function is asked only about values for which its promise, in raft_properties.py, doesn't hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate.raft import Entry, Log, Message, RequestVote, RequestVoteReply
from quorate_check.raft import sentences
from quorate_check.raft.sentences import Names
from quorate_check.raft.subject import CheckerEvent, Restart, Server, entry_at
from quorate_check.raft.words import entry_text

if TYPE_CHECKING:
    from quorate_check.raft.properties import Leadership

Messages = tuple[Message, ...]


def held(log: Log) -> list[Entry | None]:
    """Return a log from index 1 on, None where nothing is known."""
    return [entry_at(log, index) for index in range(1, log.last_index + 1)]


def told(entry: Entry | None) -> str:
    """Return an entry in words, which may be missing."""
    return "nothing" if entry is None else f"[{entry_text(entry)}]"


def two_leaders(names: Names, views: tuple[frozenset[int], ...]) -> str:
    """Say which term two servers led."""
    return sentences.two_leaders(names, *views)


def logs_differ(names: Names, views: tuple[Log, ...]) -> str:
    """Say where two logs agree on a term, and before it differ."""
    one, other = map(held, views)
    return sentences.logs_differ(names, one, other, told)


def leader_lacks(names: Names, views: tuple[Leadership, ...]) -> str:
    """Say which committed entry a leader doesn't have, and who applied it."""
    leader = views[0]
    assert leader.log is not None, "who doesn't lead may lack anything"
    applied = [(name, [(a.entry, a.by_term) for a in v.applied]) for name, v in zip(names, views, strict=True)]
    return sentences.leader_lacks([(names[0], leader.term, held(leader.log))], applied, told)


def applied_differ(names: Names, views: tuple[tuple[Entry, ...], ...]) -> str:
    """Say which index two servers applied different entries at."""
    one, other = views
    return sentences.applied_differ(names, one, other, told)


def sent_again(names: Names, views: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]) -> str:
    """Say whose next_index isn't above its match_index."""
    match, following = views[0]
    return sentences.sent_again([(names[0], match, following)])


def not_appended(name: str, before: Server, _event: CheckerEvent, after: Server, _sent: Messages) -> str:
    """Say which entry of its own log a leader changed."""
    old, new = held(before.state.log), held(after.state.log)
    return sentences.not_appended(name, after.state.current_term, old, new, told)


def older_term(name: str, before: Server, event: CheckerEvent, after: Server, _sent: Messages) -> str:
    """Say from which term to which a server went back."""
    crash = isinstance(event, Restart)
    held = f"had term {before.on_disk.current_term} on disk" if crash else f"was in term {before.state.current_term}"
    return f"{name} {held} and is now in term {after.state.current_term}."


def lower_commit(name: str, before: Server, _event: CheckerEvent, after: Server, _sent: Messages) -> str:
    """Say from which commit index to which a server went back."""
    return f"{name} knew index {before.state.commit_index} to be committed, and now only {after.state.commit_index}."


def second_vote(name: str, before: Server, _event: CheckerEvent, _after: Server, sent: Messages) -> str:
    """Say whom a server gave two votes in one term."""
    given = {} if before.record.vote is None else dict([before.record.vote])
    for message in sent:
        match message:
            case RequestVote(source=choice, term=term) | RequestVoteReply(dest=choice, term=term, vote_granted=True):
                if (first := given.setdefault(term, choice)) != choice:
                    return f"In term {term} {name} voted for s{first} and then for s{choice}."
            case _:
                pass
    raise AssertionError("the server gave one vote in each term")


def applied_else(name: str, before: Server, _event: CheckerEvent, after: Server, _sent: Messages) -> str:
    """Say which entry a server applied differently the second time."""
    old, new = before.record.applied, after.record.applied
    for index, a in enumerate(old, start=1):
        again = new[index - 1].entry if index <= len(new) else None
        if again != a.entry:
            return f"At index {index} {name} had applied {told(a.entry)}, and then {told(again)}."
    raise AssertionError("the server applied the same again")


def unlearned(name: str, before: Server, _event: CheckerEvent, after: Server, _sent: Messages) -> str:
    """Say what a leader no longer knows a follower to hold."""
    old, new = before.state.match_index, after.state.match_index
    peer = next(i for i, (was, now) in enumerate(zip(old, new, strict=True)) if was > now)
    return f"{name} knew s{peer + 1} to hold its log up to {old[peer]}, and now only up to {new[peer]}."
