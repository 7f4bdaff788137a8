"""The variables of Bft.tla at one member, and the helpers that its actions share, in the order of the TLA+ text.

Functions of all messages ever sent take these as `messages`. Traitors have no variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from quorate_spec.bft.messages import (
    NO_CERTIFICATE,
    Certificate,
    Certified,
    Digest,
    Id,
    Message,
    Messages,
    Phase,
    Propose,
    Timeout,
    Vote,
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """The constants Honest and Traitor, and Leaders, the members that lead in turn."""

    honest: tuple[Id, ...]
    traitors: tuple[Id, ...]
    leaders: tuple[Id, ...]


@dataclass(frozen=True, slots=True)
class HonestMember:
    """All variables at one honest member except `messages`: a Step has the messages that its action adds to that."""

    id: Id
    cluster: Cluster

    # On disk, durable before a message that depends on it is sent.
    log: tuple[Certified, ...]
    view: int
    accepted_view: int
    lock: Certified
    committed_view: int
    proposed_view: int

    # Lost in a restart.
    known: frozenset[Digest]
    heard: frozenset[Timeout]
    waited: bool
    votes: frozenset[Vote]


def initial(member: Id, cluster: Cluster, known: Iterable[Digest] = ()) -> HonestMember:
    """Return a member in the initial state (Init), in which it may know digests that clients want."""
    return HonestMember(
        id=member,
        cluster=cluster,
        log=(),
        view=1,
        accepted_view=0,
        lock=NO_CERTIFICATE,
        committed_view=0,
        proposed_view=0,
        known=frozenset(known),
        heard=frozenset(),
        waited=False,
        votes=frozenset(),
    )


def member(cluster: Cluster) -> tuple[Id, ...]:
    """Return all members, the honest ones first."""
    return cluster.honest + cluster.traitors


def faults(cluster: Cluster) -> int:
    """Return the number of traitors that are tolerated: the f of n >= 3f + 1."""
    return (len(member(cluster)) - 1) // 3


def quorum(cluster: Cluster) -> int:
    """Return the size of a quorum: any two share more than f members, and so an honest one."""
    return (len(member(cluster)) + faults(cluster)) // 2 + 1


def leader(cluster: Cluster, index: int, view: int) -> Id:
    """Return the leader of a view of an index."""
    return cluster.leaders[(index + view - 2) % len(cluster.leaders)]


def index(server: HonestMember) -> int:
    """Return the index that the member is about to decide."""
    return len(server.log) + 1


def leads(server: HonestMember) -> bool:
    """Whether the member leads its view."""
    return leader(server.cluster, index(server), server.view) == server.id


def certified(cluster: Cluster, messages: Messages, c: Certificate) -> bool:
    """Whether the honest votes for this and those of all traitors are a quorum: then the certificate exists."""
    voters = {j for j in cluster.honest if Vote(j, c.phase, c.index, c.view, c.digest) in messages}
    return len(voters.union(cluster.traitors)) >= quorum(cluster)


def believable(cluster: Cluster, messages: Messages, m: Propose | Vote | Timeout) -> bool:
    """Whether `m` may reach any member: it was sent or is a traitor's, and the certificate in it exists."""
    if m.source not in cluster.traitors and m not in messages:
        return False
    c = m.justify if isinstance(m, Propose) else m.high if isinstance(m, Timeout) else NO_CERTIFICATE
    return c == NO_CERTIFICATE or certified(cluster, messages, Certificate(Phase.PREPARE, m.index, c.view, c.digest))


def higher(one: Certified, other: Certified) -> Certified:
    """Return the certificate of the later view."""
    return other if other.view > one.view else one


def best(server: HonestMember) -> Iterator[Certified]:
    """Yield the highest certificates that a leader knows: several if they are of one view."""
    certificates = {server.lock, *(m.high for m in server.heard)}
    yield from (c for c in certificates if all(d.view <= c.view for d in certificates))


def heard_enough(server: HonestMember, c: Certified) -> bool:
    """Whether a leader may propose `c`: it has timeouts of a quorum, and waited for those of all honest members.

    The quorum alone may lack the only honest member with a higher lock and have a traitor in its place. The wait isn't
    needed if all members' timeouts are there, or if `c` is of the view before.
    """
    late = [m for m in server.heard if m.view + 1 >= server.view]
    everybody = len(late) == len(member(server.cluster))
    return server.view == 1 or (
        len(late) >= quorum(server.cluster) and (server.waited or everybody or c.view + 1 == server.view)
    )


def justifies(c: Certified, digest: Digest, view: int) -> bool:
    """Whether `c` may justify a proposal of `digest` in `view`."""
    return c == NO_CERTIFICATE or (c.digest == digest and c.view < view)


def enter(server: HonestMember, view: int) -> tuple[HonestMember, tuple[Message, ...]]:
    """Return the member in another view, and its Timeout, which shows its lock to the leader of that view."""
    entered = replace(server, view=view, waited=False, votes=frozenset())
    return entered, (Timeout(server.id, index(server), view - 1, server.lock),)


def arriving(
    cluster: Cluster, messages: Messages, indices: Iterable[int], views: Iterable[int], digests: Iterable[Digest]
) -> Iterator[Message]:
    """Yield all messages of these indices, views and digests that may reach a member."""
    indices, views, digests = tuple(indices), tuple(views), tuple(digests)
    justifications = (NO_CERTIFICATE, *(Certified(v, d) for v, d in product(views, digests)))
    for n, v in product(indices, views):
        for phase, d in product(Phase, digests):
            c = Certificate(phase, n, v, d)
            if certified(cluster, messages, c):
                yield c
        for i in member(cluster):
            proposals = (Propose(i, n, v, d, c) for d, c in product(digests, justifications))
            votes = (Vote(i, phase, n, v, d) for phase, d in product(Phase, digests))
            timeouts = (Timeout(i, n, v, c) for c in justifications if c.view <= v)
            for each in (proposals, votes, timeouts):
                yield from (m for m in each if believable(cluster, messages, m))
