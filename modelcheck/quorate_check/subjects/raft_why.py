"""Why a promise of Raft is broken: the servers, terms, indices and entries that contradict each other, in a sentence.

Each function is asked only about values for which its promise, in raft_properties.py, doesn't hold.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from quorate.raft import Entry, Log, Message, RequestVote, RequestVoteReply
from quorate_check.subjects.raft_impl import CheckerEvent, Restart, Server, entry_at
from quorate_check.subjects.raft_words import entry_text

if TYPE_CHECKING:
    from quorate_check.subjects.raft_properties import Leadership

Names = tuple[str, ...]
Messages = tuple[Message, ...]


def told(entry: Entry | None) -> str:
    """Return an entry in words, which may be missing."""
    return "nothing" if entry is None else f"[{entry_text(entry)}]"


def two_leaders(names: Names, views: tuple[frozenset[int], ...]) -> str:
    """Say which term two servers led."""
    one, other = views
    return f"{names[0]} and {names[1]} both led term {min(one & other)}."


def logs_differ(names: Names, views: tuple[Log, ...]) -> str:
    """Say where two logs agree on a term, and before it differ."""
    one, other = views
    for index in range(min(one.last_index, other.last_index), 0, -1):
        mine, others = entry_at(one, index), entry_at(other, index)
        if mine is not None and others is not None and mine.term == others.term:
            bad = next(i for i in range(1, index + 1) if entry_at(one, i) != entry_at(other, i))
            held = f"{names[0]} has {told(entry_at(one, bad))} and {names[1]} has {told(entry_at(other, bad))}"
            return f"Both logs have an entry of term {mine.term} at index {index}, but at index {bad} {held}."
    raise AssertionError("the logs agree on no term, so they match")


def leader_lacks(names: Names, views: tuple[Leadership, ...]) -> str:
    """Say which committed entry a leader doesn't have, and who applied it."""
    leader = views[0]
    assert leader.log is not None, "who doesn't lead may lack anything"
    for name, view in zip(names, views, strict=True):
        for index, a in enumerate(view.applied, start=1):
            if a.by_term <= leader.term and (held := entry_at(leader.log, index)) != a.entry:
                return (
                    f"{names[0]} leads term {leader.term} and has {told(held)} at index {index}, where {name} had "
                    f"applied {told(a.entry)} by term {a.by_term}."
                )
    raise AssertionError("the leader has every committed entry")


def applied_differ(names: Names, views: tuple[tuple[Entry, ...], ...]) -> str:
    """Say which index two servers applied different entries at."""
    for index, mine, others in zip(count(1), *views, strict=False):
        if mine != others:
            return f"At index {index} {names[0]} applied {told(mine)} and {names[1]} applied {told(others)}."
    raise AssertionError("the servers applied the same")


def sent_again(names: Names, views: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]) -> str:
    """Say whose next_index isn't above its match_index."""
    for peer, match, following in zip(count(1), *views[0], strict=False):
        if match >= following:
            return f"{names[0]} knows s{peer} to hold index {match}, and would send index {following} next."
    raise AssertionError("every next_index is above its match_index")


def not_appended(name: str, before: Server, _event: CheckerEvent, after: Server, _sent: Messages) -> str:
    """Say which entry of its own log a leader changed."""
    old, new, term = before.state.log, after.state.log, after.state.current_term
    index = next(i for i in range(1, old.last_index + 1) if entry_at(old, i) != entry_at(new, i))
    had, has = told(entry_at(old, index)), told(entry_at(new, index))
    return f"{name}, the leader of term {term}, had {had} at index {index} of its log and now has {has} there."


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
