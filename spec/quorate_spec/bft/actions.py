"""The actions of Bft.tla, under the same names and in the same order, each at the one honest member where it happens.

An action takes the member and the other parameters of the TLA+ action, and yields every step that it allows: none if
its guard, the first `if`, is false. Conditions and effects are in the order of the TLA+ text. `RECEIVING` lists the
actions for a message, which must be one of `state.arriving`. No step consumes a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from quorate_spec.bft.messages import (
    NO_CERTIFICATE,
    Certificate,
    Certified,
    Digest,
    Message,
    Phase,
    Propose,
    Timeout,
    Vote,
)
from quorate_spec.bft.state import (
    HonestMember,
    best,
    enter,
    faults,
    heard_enough,
    higher,
    index,
    initial,
    justifies,
    leader,
    leads,
    quorum,
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step: the member after it, and the messages that it sends, which may reach any member at any later time."""

    server: HonestMember
    sent: tuple[Message, ...] = ()


Steps = Iterator[Step]

# From view to view


def view_timeout(server: HonestMember) -> Steps:
    """The timeout of the view elapses: the member enters the next one and sends its Timeout."""
    yield Step(*enter(server, server.view + 1))


def hear_timeout(server: HonestMember, m: Message) -> Steps:
    """The member stores the latest timeout of each member."""
    if (
        isinstance(m, Timeout)
        and m.index == index(server)
        and all(t.view < m.view for t in server.heard if t.source == m.source)
    ):
        others = frozenset(t for t in server.heard if t.source != m.source)
        yield Step(replace(server, heard=others | {m}))


def follow_timeouts(server: HonestMember) -> Steps:
    """More than f members, so an honest one, have left a view that the member hasn't left, and it leaves it."""
    for view in {m.view for m in server.heard if m.view >= server.view}:
        if sum(t.view >= view for t in server.heard) > faults(server.cluster):
            yield Step(*enter(server, view + 1))


def follow_certificate(server: HonestMember, m: Message) -> Steps:
    """A quorum voted in a view that the member hasn't entered yet, and it enters it."""
    if isinstance(m, Certificate) and m.phase is Phase.PREPARE and m.index == index(server) and m.view > server.view:
        yield Step(*enter(server, m.view))


def show_decision(server: HonestMember, m: Message) -> Steps:
    """The member sends a decision to a member that hasn't decided that index."""
    if isinstance(m, Timeout) and m.index < index(server):
        decision = server.log[m.index - 1]
        yield Step(server, (Certificate(Phase.COMMIT, m.index, decision.view, decision.digest),))


# Leading


def submit(server: HonestMember, digest: Digest) -> Steps:
    """The member learns that a client wants `digest`."""
    if digest not in server.known:
        yield Step(replace(server, known=server.known | {digest}))


def wait_over(server: HonestMember) -> Steps:
    """A leader has waited long enough for the timeouts of all honest members."""
    if leads(server) and not server.waited:
        yield Step(replace(server, waited=True))


def propose(server: HonestMember, digest: Digest) -> Steps:
    """A leader proposes, once in a view, the digest of its highest certificate, or without one a client's."""
    if leads(server) and server.proposed_view < server.view:
        for c in best(server):
            if heard_enough(server, c) and (digest in server.known if c == NO_CERTIFICATE else digest == c.digest):
                proposal = Propose(server.id, index(server), server.view, digest, c)
                yield Step(replace(server, proposed_view=server.view), (proposal,))


def handle_vote(server: HonestMember, m: Message) -> Steps:
    """A leader counts a vote of its view, one of each member in a phase."""
    if (
        isinstance(m, Vote)
        and leads(server)
        and m.index == index(server)
        and m.view == server.view
        and all(w.source != m.source or w.phase is not m.phase for w in server.votes)
    ):
        yield Step(replace(server, votes=server.votes | {m}))


def certify(server: HonestMember, phase: Phase, digest: Digest) -> Steps:
    """A leader has the votes of a quorum, and sends them to everybody as a certificate."""
    if leads(server) and sum((m.phase, m.digest) == (phase, digest) for m in server.votes) >= quorum(server.cluster):
        yield Step(server, (Certificate(phase, index(server), server.view, digest),))


# Voting


def handle_propose(server: HonestMember, m: Message) -> Steps:
    """The member gives its first vote, once in a view, to a proposal that can't contradict a decision."""
    if (
        isinstance(m, Propose)
        and m.index == index(server)
        and m.view == server.view
        and m.source == leader(server.cluster, m.index, m.view)
        and server.accepted_view < server.view
        and justifies(m.justify, m.digest, m.view)
        and (m.justify != NO_CERTIFICATE or m.digest in server.known)
        and m.justify.view >= server.lock.view
    ):
        voted = replace(server, accepted_view=server.view, lock=higher(server.lock, m.justify))
        yield Step(voted, (Vote(server.id, Phase.PREPARE, m.index, m.view, m.digest),))


def handle_prepared(server: HonestMember, m: Message) -> Steps:
    """The member gives its second vote, once in a view, to a digest with a quorum of first votes, and locks on it."""
    if (
        isinstance(m, Certificate)
        and m.phase is Phase.PREPARE
        and m.index == index(server)
        and m.view == server.view
        and server.committed_view < server.view
    ):
        voted = replace(server, lock=Certified(m.view, m.digest), committed_view=server.view)
        yield Step(voted, (Vote(server.id, Phase.COMMIT, m.index, m.view, m.digest),))


def handle_decide(server: HonestMember, m: Message) -> Steps:
    """The member decides a digest with a quorum of second votes, and begins the instance of the next index."""
    if isinstance(m, Certificate) and m.phase is Phase.COMMIT and m.index == index(server):
        fresh = initial(server.id, server.cluster, server.known - {m.digest})
        yield Step(replace(fresh, log=(*server.log, Certified(m.view, m.digest))))


# Failures


def start_again(server: HonestMember) -> Steps:
    """The member crashes and starts again with what is on its disk."""
    yield Step(replace(server, known=frozenset(), heard=frozenset(), waited=False, votes=frozenset()))


RECEIVING: Final[tuple[Callable[[HonestMember, Message], Steps], ...]] = (
    hear_timeout,
    follow_certificate,
    show_decision,
    handle_vote,
    handle_propose,
    handle_prepared,
    handle_decide,
)
