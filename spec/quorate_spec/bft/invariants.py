"""The promises of Bft.tla and the lemmas of its proofs, under the same names and in the same order.

Each judges all honest members and all messages that they ever sent; DecisionsStay judges one step of one member.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Final

from quorate_spec.bft.messages import NO_CERTIFICATE, Certificate, Messages, Phase, Propose, Vote
from quorate_spec.bft.state import Cluster, HonestMember, certified, index

Servers = tuple[HonestMember, ...]


def agreement(servers: Servers, _messages: Messages) -> bool:
    """No two honest members decide different digests at one index."""
    return all(
        one.digest == other.digest
        for i, j in product(servers, servers)
        for one, other in zip(i.log, j.log, strict=False)
    )


def decisions_stay(before: HonestMember, after: HonestMember) -> bool:
    """No decision of a member is lost or replaced."""
    return after.log[: len(before.log)] == before.log


def no_double_vote(_servers: Servers, messages: Messages) -> bool:
    """An honest member votes for one digest in a phase of a view."""
    votes = [m for m in messages if isinstance(m, Vote)]
    return len({(m.source, m.phase, m.index, m.view) for m in votes}) == len(votes)


def no_double_proposal(_servers: Servers, messages: Messages) -> bool:
    """An honest leader proposes one digest in a view."""
    proposals = [m for m in messages if isinstance(m, Propose)]
    return len({(m.source, m.index, m.view) for m in proposals}) == len(proposals)


def certificates_are_certified(servers: Servers, messages: Messages) -> bool:
    """An honest member sends, or is locked on, valid certificates only."""
    locks = (
        Certificate(Phase.PREPARE, index(i), i.lock.view, i.lock.digest) for i in servers if i.lock != NO_CERTIFICATE
    )
    certificates = (m for m in messages if isinstance(m, Certificate))
    decisions = (Certificate(Phase.COMMIT, n, d.view, d.digest) for i in servers for n, d in enumerate(i.log, start=1))
    return all(_certified(servers, messages, c) for each in (locks, certificates, decisions) for c in each)


def lock_safety(servers: Servers, messages: Messages) -> bool:
    """Once a digest can be decided in a view, no other can be certified in that view or a later one."""
    votes = (m for m in messages if isinstance(m, Vote))
    certificates = {
        c for m in votes if _certified(servers, messages, c := Certificate(m.phase, m.index, m.view, m.digest))
    }
    return all(
        w.digest == m.digest
        for m in certificates
        if m.phase is Phase.COMMIT
        for w in certificates
        if w.index == m.index and w.view >= m.view
    )


def _certified(servers: Servers, messages: Messages, c: Certificate) -> bool:
    cluster: Cluster = servers[0].cluster
    return certified(cluster, messages, c)


INVARIANTS: Final[dict[str, Callable[[Servers, Messages], bool]]] = {
    "Agreement": agreement,
    "NoDoubleVote": no_double_vote,
    "NoDoubleProposal": no_double_proposal,
    "CertificatesAreCertified": certificates_are_certified,
    "LockSafety": lock_safety,
}
STEP_INVARIANTS: Final[dict[str, Callable[[HonestMember, HonestMember], bool]]] = {"DecisionsStay": decisions_stay}
