"""Evidence against a traitor: two statements, both signed by it, of which an honest member signs at most one."""

from dataclasses import dataclass

from quorate.bft.messages import Certificate, NodeId
from quorate.bft.signatures import Verifier, is_signed
from quorate.bft.statements import Phase, Statement


@dataclass(frozen=True, slots=True)
class Evidence:
    """`culprit` signed both: two digests, in one phase of one view of one index."""

    culprit: NodeId
    one: Statement
    one_signature: bytes
    other: Statement
    other_signature: bytes


def conflict(one: Statement, other: Statement) -> bool:
    """Whether an honest member signs at most one of the two."""
    return (
        (one.phase, one.index, one.view) == (other.phase, other.index, other.view)
        and one != other
        and one.phase is not Phase.TIMEOUT
    )


def is_proof(evidence: Evidence, verifier: Verifier, cluster: bytes) -> bool:
    """Whether the evidence is valid, so that it convicts its culprit."""
    return (
        conflict(evidence.one, evidence.other)
        and is_signed(verifier, cluster, evidence.culprit, evidence.one, evidence.one_signature)
        and is_signed(verifier, cluster, evidence.culprit, evidence.other, evidence.other_signature)
    )


def against_signers(one: Certificate, other: Certificate) -> tuple[Evidence, ...]:
    """Return evidence against all members that signed both, more than f, if the certificates conflict."""
    if not conflict(one.statement, other.statement):
        return ()
    others = dict(other.signatures)
    return tuple(
        Evidence(signer, one.statement, signature, other.statement, others[signer])
        for signer, signature in one.signatures
        if signer in others
    )
