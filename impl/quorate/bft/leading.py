"""The rules of leaders: collect timeouts, wait, propose by the highest certificate, and make certificates of votes.

A quorum of timeouts may lack the only honest member that is locked, if a traitor's timeout is there instead. The locked
member would refuse every other proposal, and without it there may be no quorum. So a leader waits until all honest
members have had time to send their timeouts, unless it has a certificate of the previous view, which is the highest
possible.
"""

from dataclasses import replace

from quorate.bft.evidence import Evidence
from quorate.bft.messages import Certificate, Decide, NodeId, Prepared, Propose, Timeout, Vote, view_of
from quorate.bft.output import Output
from quorate.bft.state import State
from quorate.bft.statements import Phase, Statement, canonical


def on_submit(state: State, digest: bytes) -> Output:
    """A client's request may be proposed and voted for from now on."""
    if digest in state.known:
        return Output(state)
    return propose(replace(state, known=(*state.known, digest)))


def on_wait_over(state: State) -> Output:
    """The leader proposes without the members whose timeouts have not arrived: they are slow or traitors."""
    return propose(replace(state, waited=True)) if state.leads and not state.waited else Output(state)


def on_timeout(state: State, message: Timeout) -> Output:
    """A member that enters the view late gets the proposal again."""
    if state.proposal is None or message.source == state.id:
        return propose(state)
    if message.view + 1 != state.view:
        return Output(state)
    return Output(state, send=(replace(state.proposal, dest=message.source),))


def propose(state: State) -> Output:
    """Propose once in a view, as soon as enough timeouts have arrived."""
    if not state.leads or state.proposed_view == state.view:
        return Output(state)
    heard = [t for t in state.timeouts if t.view >= state.view - 1]
    known = (state.lock, *(t.high for t in state.timeouts))
    best = max(known, key=view_of)
    if state.view > 1 and not _has_heard_enough(state, len(heard), best):
        return Output(state)
    if best is None and not state.known:
        return Output(state)
    digest = state.known[0] if best is None else best.digest
    statement = Statement(Phase.PROPOSE, state.index, state.view, digest, view_of(best))
    signature = state.config.signer.sign(canonical(state.config.cluster, state.id, statement))
    proposal = Propose(state.id, state.id, state.index, state.view, digest, best, signature)
    send = tuple(replace(proposal, dest=member) for member in state.config.members)
    return Output(replace(state, proposed_view=state.view, proposal=proposal), send=send)


def _has_heard_enough(state: State, heard: int, best: Certificate | None) -> bool:
    if heard < state.config.quorum:
        return False
    return state.waited or heard == len(state.config.members) or view_of(best) == state.view - 1


def on_vote(state: State, message: Vote) -> Output:
    """Count one vote of each member in a phase; a quorum makes a certificate, which goes to all members."""
    if not state.leads or (message.index, message.view) != (state.index, state.view):
        return Output(state)
    for vote in state.votes:
        if (vote.source, vote.phase) == (message.source, message.phase):
            return Output(state, evidence=_against_voter(vote, message))
    state = replace(state, votes=tuple(sorted((*state.votes, message), key=lambda v: (v.phase, v.source))))
    votes = [v for v in state.votes if (v.phase, v.digest) == (message.phase, message.digest)]
    if len(votes) != state.config.quorum:
        return Output(state)
    signatures = tuple((v.source, v.signature) for v in votes)
    certificate = Certificate(message.phase, state.index, state.view, message.digest, signatures)
    return Output(state, send=tuple(_announce(state, member, certificate) for member in state.config.members))


def _announce(state: State, dest: NodeId, certificate: Certificate) -> Prepared | Decide:
    kind = Prepared if certificate.phase is Phase.PREPARE else Decide
    return kind(state.id, dest, certificate)


def _against_voter(one: Vote, other: Vote) -> tuple[Evidence, ...]:
    if one.digest == other.digest:
        return ()
    return (Evidence(one.source, one.statement, one.signature, other.statement, other.signature),)
