"""Each message is a class of its own, and the closed union of them is the whole protocol.

Whom a message is from is what its signature says; how it arrived proves nothing. Prepared and Decide need no signature
of their own: the certificate that each carries speaks for itself, whoever passes it on.
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
        """What each of its signers said."""
        return Statement(self.phase, self.index, self.view, self.digest)

    @property
    def signers(self) -> tuple[NodeId, ...]:
        """Who vouches for it."""
        return tuple(signer for signer, _ in self.signatures)


@dataclass(frozen=True, slots=True)
class Propose:
    """PROPOSE: the leader of `view` asks for votes, and shows by `justify` that no decision speaks against it."""

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
    """PREPARED: a quorum gave its first vote, so no other digest can be certified in this view."""

    source: NodeId
    dest: NodeId
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Decide:
    """DECIDE: a quorum gave its second vote, which is the decision."""

    source: NodeId
    dest: NodeId
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Timeout:
    """TIMEOUT: its sender has left `view` for a later one, and `high` is the highest certificate that it knows."""

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
    """Return the view that a certificate is of; 0, before every view, for none."""
    return 0 if certificate is None else certificate.view
