"""The rules of voters: one first vote and one second vote in a view, and none against a possible decision.

A decision needs a quorum that is locked on its digest. Any later quorum shares an honest member with that one, which
refuses every proposal with a lower certificate than its lock.
"""

from dataclasses import replace

from quorate.bft import views
from quorate.bft.evidence import Evidence, against_signers, conflict
from quorate.bft.messages import Certificate, Decide, Prepared, Propose, Vote, view_of
from quorate.bft.output import Output
from quorate.bft.state import State
from quorate.bft.statements import Phase, Statement, canonical


def on_propose(state: State, message: Propose) -> Output:
    """Give the first vote to the first acceptable proposal of the view."""
    if (message.index, message.view) != (state.index, state.view):
        return Output(state)
    accepted = state.accepted
    if accepted is not None and accepted.view == state.view:
        return Output(state, evidence=_against_leader(accepted, message))
    evidence = _against_lock(state, message.justify)
    if evidence or not _is_acceptable(state, message):
        return Output(state, evidence=evidence)
    state = replace(state, accepted=message, lock=higher(state.lock, message.justify))
    return Output(state, send=(_vote(state, Phase.PREPARE, message.digest),))


def on_prepared(state: State, message: Prepared) -> Output:
    """Give the second vote and lock, since a certified digest may be decided in this view."""
    certificate = message.certificate
    if certificate.index != state.index:
        return Output(state)
    evidence = _against_lock(state, certificate)
    if evidence or certificate.view < state.view or certificate.view == state.committed_view:
        return Output(state, evidence=evidence)
    # A quorum voted in that view, so honest members are in it, and this member may follow.
    entered = views.enter(state, certificate.view)
    state = replace(entered.state, lock=certificate, committed_view=certificate.view)
    return entered.then(Output(state, send=(_vote(state, Phase.COMMIT, certificate.digest),)))


def on_decide(state: State, message: Decide) -> Output:
    """Record the decision, and start the next index."""
    certificate = message.certificate
    if certificate.index < state.index:
        known = state.decisions.at(certificate.index)
        return Output(state, evidence=() if known is None else against_signers(known, certificate))
    if certificate.index > state.index:
        return Output(state)
    return views.begin_next(state, certificate)


def higher(one: Certificate | None, other: Certificate | None) -> Certificate | None:
    """Return the certificate of the later view."""
    return other if view_of(other) > view_of(one) else one


def _is_acceptable(state: State, message: Propose) -> bool:
    """HotStuff-2's rule for voters; a digest without a certificate must be that of a client's request."""
    if message.justify is None and message.digest not in state.known:
        return False
    return view_of(message.justify) >= view_of(state.lock)


def _vote(state: State, phase: Phase, digest: bytes) -> Vote:
    statement = Statement(phase, state.index, state.view, digest)
    signature = state.config.signer.sign(canonical(state.config.cluster, state.id, statement))
    return Vote(state.id, state.leader_id, phase, state.index, state.view, digest, signature)


def _against_leader(accepted: Propose, message: Propose) -> tuple[Evidence, ...]:
    one, other = accepted.statement, message.statement
    if not conflict(one, other):
        return ()
    return (Evidence(message.source, one, accepted.signature, other, message.signature),)


def _against_lock(state: State, certificate: Certificate | None) -> tuple[Evidence, ...]:
    if state.lock is None or certificate is None:
        return ()
    return against_signers(state.lock, certificate)
