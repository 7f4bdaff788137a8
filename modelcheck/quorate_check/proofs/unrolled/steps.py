"""The actions of Raft.tla as formulas: for one server, whose name is itself an unknown, and the one message in flight.

Each action says when it is possible, and what the server and the message in flight are afterwards. A message can be
sent only when nothing else is in flight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import z3

from quorate_check.proofs.unrolled.rules import Rules, committed
from quorate_check.proofs.unrolled.state import (
    Kind,
    Message,
    Number,
    Role,
    Server,
    State,
    at,
    choose,
    most,
    number,
    numbers,
    put,
)
from quorate_check.subjects.raft_spec import SpecBounds


@dataclass(frozen=True, slots=True)
class Step:
    """The unknowns of a step: who acts, by which action, towards whom, and with which other parameter."""

    server: Number
    action: Number
    peer: Number
    choice: Number


@dataclass(frozen=True, slots=True)
class Action:
    """When it is possible, and the server and the message in flight after it."""

    name: str
    possible: z3.BoolRef
    server: Server
    message: Message


NOTHING = {name: number(0) for name in Message.__slots__}


def message(kind: Kind, **given: Number) -> Message:
    """Return a message; what isn't given is 0."""
    return Message(**{**NOTHING, "kind": number(kind), **given})


def acting(state: State, who: Number) -> Server:
    """Return the server that acts, whoever it is."""
    found = state.servers[0]
    for k, server in enumerate(state.servers[1:], start=2):
        found = either(who == k, server, found)
    return found


def either(condition: z3.BoolRef, one: Server, other: Server) -> Server:
    """Return the one server or the other."""
    values = {}
    for name in Server.__slots__:
        a, b = getattr(one, name), getattr(other, name)
        values[name] = choose(condition, a, b) if isinstance(a, tuple) else z3.If(condition, a, b)
    return Server(**values)


def follower(s: Server) -> Server:
    """Return the server as a follower."""
    none = tuple(number(0) for _ in s.granted)
    return replace(s, role=number(Role.FOLLOWER), granted=none, match=none, next=tuple(number(1) for _ in s.next))


def learned(s: Server, log: tuple[Number, ...], commit: Number) -> Server:
    """Return the server when it knows that `commit` entries of `log` are committed."""
    new = [z3.And(s.known < k, commit >= k) for k in range(1, len(log) + 1)]
    return replace(
        s,
        log=log,
        commit=commit,
        known=most(s.known, commit),
        applied=tuple(z3.If(is_new, e, old) for is_new, e, old in zip(new, log, s.applied, strict=True)),
        by=tuple(z3.If(is_new, s.term, old) for is_new, old in zip(new, s.by, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class Actions:
    """All actions in a state, by a set of rules."""

    bounds: SpecBounds
    rules: Rules
    state: State
    step: Step

    def all(self) -> tuple[Action, ...]:
        """Return them, in the order of Raft.tla."""
        s = acting(self.state, self.step.server)
        return (*self._elections(s), *self._replication(s), *self._votes(s), *self._entries(s), *self._terms(s))

    @property
    def idle(self) -> z3.BoolRef:
        """Nothing is in flight."""
        return self.state.message.kind == Kind.NONE

    def arrives(self, kind: Kind) -> z3.BoolRef:
        """A message of this kind is in flight to the server."""
        return z3.And(self.state.message.kind == kind, self.state.message.dest == self.step.server)

    def _elections(self, s: Server) -> Iterator[Action]:
        me, peer, flying = self.step.server, self.step.peer, self.state.message
        alone = tuple(z3.If(me == k, number(1), number(0)) for k in range(1, len(s.granted) + 1))
        stands = replace(s, term=s.term + 1, vote=me, role=number(Role.CANDIDATE))
        stands = replace(stands, granted=alone, next=follower(s).next, match=follower(s).match)
        yield Action("Timeout", z3.And(s.role != Role.LEADER, s.term < self.bounds.max_term), stands, flying)
        ask = message(
            Kind.REQUEST_VOTE, source=me, dest=peer, term=s.term, index=s.length, index_term=at(s.log, s.length)
        )
        wanted = z3.And(s.role == Role.CANDIDATE, self.idle, at(s.granted, peer) == 0)
        yield Action("RequestVote", wanted, s, ask)
        votes = sum(s.granted[1:], s.granted[0])
        leads = replace(
            s,
            role=number(Role.LEADER),
            granted=tuple(number(0) for _ in s.granted),
            next=tuple(z3.If(me == k, number(1), s.length + 1) for k in range(1, len(s.next) + 1)),
            led=put(s.led, s.term, number(1)),
        )
        elected = z3.And(s.role == Role.CANDIDATE, self.rules.quorum(votes, len(s.granted)))
        yield Action("BecomeLeader", elected, leads, flying)

    def _replication(self, s: Server) -> Iterator[Action]:
        me, peer, choice, leads = self.step.server, self.step.peer, self.step.choice, s.role == Role.LEADER
        longer = replace(s, length=s.length + 1, log=put(s.log, s.length + 1, s.term))
        yield Action("ClientRequest", z3.And(leads, s.length < self.bounds.max_log), longer, self.state.message)
        first = at(s.next, peer)
        append = message(
            Kind.APPEND_ENTRIES,
            source=me,
            dest=peer,
            term=s.term,
            index=first - 1,
            index_term=at(s.log, first - 1),
            entries=choice,
            entry=z3.If(choice == 1, at(s.log, first), number(0)),
            commit=s.commit,
        )
        few = z3.And(choice >= 0, choice <= min(1, self.bounds.max_entries), first + choice <= s.length + 1)
        yield Action("AppendEntries", z3.And(leads, peer != me, self.idle, few), s, append)
        holders = [z3.Or(me == k, match >= choice) for k, match in enumerate(s.match, start=1)]
        count = sum((z3.If(holds, number(1), number(0)) for holds in holders), number(0))
        new = z3.And(choice > s.commit, choice <= s.length, at(s.log, choice) == s.term)
        known = z3.And(leads, new, self.rules.quorum(count, len(s.match)))
        yield Action("AdvanceCommitIndex", known, learned(s, s.log, choice), self.state.message)

    def _votes(self, s: Server) -> Iterator[Action]:
        me, m = self.step.server, self.state.message
        last = at(s.log, s.length)
        really = z3.Or(m.index_term > last, z3.And(m.index_term == last, m.index >= s.length))
        free = z3.Or(s.vote == 0, s.vote == m.source)
        grants = z3.And(free, self.rules.up_to_date(really))
        answer = message(
            Kind.REQUEST_VOTE_REPLY,
            source=me,
            dest=m.source,
            term=s.term,
            yes=z3.If(grants, number(1), number(0)),
        )
        voted = replace(s, vote=z3.If(grants, m.source, s.vote))
        asked = z3.And(self.arrives(Kind.REQUEST_VOTE), m.term == s.term)
        yield Action("HandleRequestVote", asked, voted, answer)
        counted = replace(s, granted=choose(m.yes == 1, put(s.granted, m.source, number(1)), s.granted))
        waits = z3.And(self.arrives(Kind.REQUEST_VOTE_REPLY), s.role == Role.CANDIDATE, m.term == s.term)
        yield Action("HandleRequestVoteReply", waits, counted, message(Kind.NONE))

    def _entries(self, s: Server) -> Iterator[Action]:
        me, m = self.step.server, self.state.message
        agrees = z3.And(m.index <= s.length, at(s.log, m.index) == m.index_term)
        verified = m.index + m.entries
        kept = z3.Or(m.entries == 0, z3.And(verified <= s.length, at(s.log, verified) == m.entry))
        cut = tuple(
            z3.If(m.index >= k, e, z3.If(verified == k, m.entry, number(0))) for k, e in enumerate(s.log, start=1)
        )
        unchanged = z3.Or(z3.Not(agrees), kept)
        log, length = choose(unchanged, s.log, cut), z3.If(unchanged, s.length, verified)
        limit = self.rules.commit_limit(verified, length)
        commit = z3.If(agrees, committed(s, m.commit, limit), s.commit)
        here = replace(follower(s), length=length, vote=self.rules.vote_kept(s.vote))
        answer = message(
            Kind.APPEND_ENTRIES_REPLY,
            source=me,
            dest=m.source,
            term=s.term,
            yes=z3.If(agrees, number(1), number(0)),
            match=z3.If(agrees, verified, number(0)),
            index=z3.If(agrees, number(0), m.index),
        )
        asked = z3.And(self.arrives(Kind.APPEND_ENTRIES), m.term == s.term, s.role != Role.LEADER)
        yield Action("HandleAppendEntries", asked, learned(here, log, commit), answer)
        yield self._progress(s)

    def _progress(self, s: Server) -> Action:
        m, choice = self.state.message, self.step.choice
        first, match = at(s.next, m.source), at(s.match, m.source)
        fresh = z3.And(m.index == first - 1, m.index > match)
        goes_back = z3.If(fresh, z3.And(choice > match, choice <= m.index), choice == first)
        forward = replace(
            s,
            next=put(s.next, m.source, most(first, m.match + 1)),
            match=put(s.match, m.source, most(match, m.match)),
        )
        back = replace(s, next=put(s.next, m.source, choice))
        waits = z3.And(self.arrives(Kind.APPEND_ENTRIES_REPLY), s.role == Role.LEADER, m.term == s.term)
        return Action(
            "HandleAppendEntriesReply",
            z3.And(waits, z3.Or(m.yes == 1, goes_back)),
            either(m.yes == 1, forward, back),
            message(Kind.NONE),
        )

    def _terms(self, s: Server) -> Iterator[Action]:
        me, m = self.step.server, self.state.message
        mine = z3.And(m.kind != Kind.NONE, m.dest == me)
        newer = replace(follower(s), term=m.term, vote=number(0))
        yield Action("UpdateTerm", z3.And(mine, m.term > s.term), newer, m)
        request = z3.Or(m.kind == Kind.REQUEST_VOTE, m.kind == Kind.APPEND_ENTRIES)
        refusal = message(Kind.NONE, source=me, dest=m.source, term=s.term)
        kind = z3.If(m.kind == Kind.REQUEST_VOTE, number(Kind.REQUEST_VOTE_REPLY), number(Kind.APPEND_ENTRIES_REPLY))
        refused = replace(refusal, kind=kind)
        yield Action("RefuseOldRequest", z3.And(mine, request, m.term < s.term), s, refused)
        role = z3.If(m.kind == Kind.REQUEST_VOTE_REPLY, number(Role.CANDIDATE), number(Role.LEADER))
        awaited = z3.And(s.role == role, m.term == s.term)
        stale = z3.And(mine, z3.Not(request), z3.Not(awaited), m.term <= s.term)
        yield Action("DropStaleReply", stale, s, message(Kind.NONE))


def transition(bounds: SpecBounds, rules: Rules, before: State, step: Step, after: State) -> z3.BoolRef:
    """Return that `step` leads from one state to the other."""
    actions = Actions(bounds, rules, before, step).all()
    everybody = range(1, bounds.servers + 1)
    server, flying = actions[0].server, actions[0].message
    for k, action in enumerate(actions[1:], start=1):
        taken = step.action == k
        server = either(taken, action.server, server)
        flying = Message(**{n: z3.If(taken, v, getattr(flying, n)) for n, v in numbers(action.message)})
    happens = z3.Or(*(z3.And(step.action == k, action.possible) for k, action in enumerate(actions)))
    towards, choosing = (
        z3.Or(*(step.action == NAMES.index(name) for name in some)) for some in (TOWARDS_A_PEER, CHOOSING)
    )
    named = z3.And(
        *(z3.And(who >= 1, who <= bounds.servers) for who in (step.server, step.peer)),
        z3.Or(towards, step.peer == step.server),
        z3.Or(choosing, step.choice == 0),
    )
    servers = [
        value == z3.If(step.server == i, new, old)
        for i, one, other in zip(everybody, before.servers, after.servers, strict=True)
        for (_, old), (_, value), (_, new) in zip(numbers(one), numbers(other), numbers(server), strict=True)
    ]
    sent = [value == new for (_, value), (_, new) in zip(numbers(after.message), numbers(flying), strict=True)]
    return z3.And(named, happens, *servers, *sent)


NAMES = (
    "Timeout",
    "RequestVote",
    "BecomeLeader",
    "ClientRequest",
    "AppendEntries",
    "AdvanceCommitIndex",
    "HandleRequestVote",
    "HandleRequestVoteReply",
    "HandleAppendEntries",
    "HandleAppendEntriesReply",
    "UpdateTerm",
    "RefuseOldRequest",
    "DropStaleReply",
)
LOCAL = ("Timeout", "BecomeLeader", "ClientRequest", "AdvanceCommitIndex")
TOWARDS_A_PEER = ("RequestVote", "AppendEntries")
CHOOSING = ("AppendEntries", "AdvanceCommitIndex", "HandleAppendEntriesReply")


def is_local(step: Step) -> z3.BoolRef:
    """Return that a step neither looks at the network nor changes it."""
    return z3.Or(*(step.action == NAMES.index(name) for name in LOCAL))


def in_order(one: Step, other: Step) -> z3.BoolRef:
    """Return that two steps in a row are in the order that stands for both orders, where it makes no difference.

    It makes none for two servers of which one takes a local step: the same state follows. Whoever takes such a step
    takes it at once; of two the server with the smaller number is first.
    """
    first = z3.And(is_local(one), one.server < other.server)
    return z3.Or(z3.Not(is_local(other)), one.server == other.server, first)
