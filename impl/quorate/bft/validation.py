"""Messages that no correct member sends are refused before anything changes: invalid fields, and false signatures."""

from quorate.bft.errors import RemoteError
from quorate.bft.messages import Certificate, Decide, Message, NodeId, Prepared, Propose, Timeout, Vote, view_of
from quorate.bft.signatures import is_signed
from quorate.bft.state import Config
from quorate.bft.statements import DIGEST_BYTES, Phase, Statement


def check_message(config: Config, message: Message) -> None:
    """Raise RemoteError if no correct member can have sent `message`."""
    match message:
        case Propose():
            _check_place(message.index, message.view, message.digest)
            if message.source != config.leader(message.index, message.view):
                raise RemoteError(f"member {message.source} doesn't lead view {message.view}")
            _check_earlier(config, message.justify, message.index, message.view - 1)
            if message.justify is not None and message.justify.digest != message.digest:
                raise RemoteError("a proposal is justified by a certificate for something else")
            _check_signature(config, message.source, message.statement, message.signature)
        case Vote():
            _check_place(message.index, message.view, message.digest)
            if message.phase not in {Phase.PREPARE, Phase.COMMIT}:
                raise RemoteError(f"{message.phase!r} is no phase to vote in")
            _check_signature(config, message.source, message.statement, message.signature)
        case Prepared(certificate=certificate):
            check_certificate(config, certificate, Phase.PREPARE)
        case Decide(certificate=certificate):
            check_certificate(config, certificate, Phase.COMMIT)
        case Timeout():
            _check_place(message.index, message.view, bytes(DIGEST_BYTES))
            _check_earlier(config, message.high, message.index, message.view)
            _check_signature(config, message.source, message.statement, message.signature)


def check_certificate(config: Config, certificate: Certificate, phase: Phase) -> None:
    """Raise RemoteError unless the certificate is of `phase` and signed by a quorum of members, sorted and distinct."""
    _check_place(certificate.index, certificate.view, certificate.digest)
    if certificate.phase is not phase:
        raise RemoteError(f"a certificate of phase {certificate.phase!r} stands where one of {phase!r} belongs")
    signers = certificate.signers
    if signers != tuple(sorted(set(signers))):
        raise RemoteError(f"a certificate's signers must be sorted and distinct, not {signers}")
    if len(signers) < config.quorum:
        raise RemoteError(f"{len(signers)} signers certify nothing; {config.quorum} do")
    for signer, signature in certificate.signatures:
        _check_signature(config, signer, certificate.statement, signature)


def _check_earlier(config: Config, certificate: Certificate | None, index: int, latest: int) -> None:
    if certificate is None:
        return
    if certificate.index != index or view_of(certificate) > latest:
        raise RemoteError(f"a certificate of index {certificate.index}, view {certificate.view} can't be known there")
    check_certificate(config, certificate, Phase.PREPARE)


def _check_place(index: int, view: int, digest: bytes) -> None:
    if index < 1 or view < 1 or len(digest) != DIGEST_BYTES:
        raise RemoteError(f"index {index}, view {view} and a digest of {len(digest)} bytes name nothing")


def _check_signature(config: Config, signer: NodeId, statement: Statement, signature: bytes) -> None:
    if signer not in config.members:
        raise RemoteError(f"{signer} is not a member")
    if not is_signed(config.verifier, config.cluster, signer, statement, signature):
        raise RemoteError(f"the signature isn't member {signer}'s")
