"""The messages of the protocol: one class for each, and a closed union of all.

Only the signature proves who sent a message, not the connection on which it arrived. Prepared and Decide need no
signature of their own: the certificate in them is valid whoever sends it.
"""

from dataclasses import dataclass

from quorate.bft.statements import Phase, Statement

NodeId = int


@dataclass(frozen=True, slots=True)
class Certificate:
    """A quorum of votes for one digest: `signatures` has (signer, signature), sorted, each signer once."""

    phase: Phase
    index: int
    view: int
    digest: bytes
    signatures: tuple[tuple[NodeId, bytes], ...]

    @property
    def statement(self) -> Statement:
        """The statement that each signer has signed."""
        return Statement(self.phase, self.index, self.view, self.digest)

    @property
    def signers(self) -> tuple[NodeId, ...]:
        """The members that have signed it."""
        return tuple(signer for signer, _ in self.signatures)


@dataclass(frozen=True, slots=True)
class Propose:
    """PROPOSE: the leader of `view` asks for votes; `justify` shows that no other digest can have been decided."""

    source: NodeId
    dest: NodeId
    index: int
    view: int
    digest: bytes
    justify: Certificate | None
    signature: bytes

    @property
    def statement(self) -> Statement:
        """What the leader signed."""
        return Statement(Phase.PROPOSE, self.index, self.view, self.digest, view_of(self.justify))


@dataclass(frozen=True, slots=True)
class Vote:
    """VOTE1 (in phase PREPARE) or VOTE2 (in phase COMMIT): at most one per member, phase and view."""

    source: NodeId
    dest: NodeId
    phase: Phase
    index: int
    view: int
    digest: bytes
    signature: bytes

    @property
    def statement(self) -> Statement:
        """What the voter signed."""
        return Statement(self.phase, self.index, self.view, self.digest)


@dataclass(frozen=True, slots=True)
class Prepared:
    """PREPARED: a quorum has given its first votes, so no other digest can be certified in this view."""

    source: NodeId
    dest: NodeId
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Decide:
    """DECIDE: a quorum has given its second votes, which is the decision."""

    source: NodeId
    dest: NodeId
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Timeout:
    """TIMEOUT: the sender has left `view` for a later one, and `high` is the highest certificate that it knows."""

    source: NodeId
    dest: NodeId
    index: int
    view: int
    high: Certificate | None
    signature: bytes

    @property
    def statement(self) -> Statement:
        """What the sender signed."""
        digest = b"" if self.high is None else self.high.digest
        return Statement(Phase.TIMEOUT, self.index, self.view, digest, view_of(self.high))


Message = Propose | Vote | Prepared | Decide | Timeout


def view_of(certificate: Certificate | None) -> int:
    """Return the view of a certificate; 0, before every view, for None."""
    return 0 if certificate is None else certificate.view
