"""Real signatures (PyNaCl) accept exactly what the symbolic model allows, and `cryptography` agrees on every byte.

The symbolic model: a signature is the statement of its signer, so it can be shown by anybody who has seen it and is
good for nothing else. What a traitor can build from that is drawn here, beside what nobody could have signed.
"""

from dataclasses import dataclass

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import find, given
from hypothesis import strategies as st

from quorate.bft import Certificate, Config, Message, Phase, Propose, RemoteError, Statement, Timeout, Vote, canonical
from quorate.bft.messages import Prepared
from quorate.bft.validation import check_message
from quorate.runtime.keys import PublicKeys, RememberingVerifier, SecretKey, is_signed_by

CLUSTER = b"test"
MEMBERS = (1, 2, 3, 4)
SEEDS = {member: bytes([member]) * 32 for member in MEMBERS}
SECRETS = {member: SecretKey.of_seed(seed) for member, seed in SEEDS.items()}
PUBLIC = PublicKeys("test", {member: secret.public for member, secret in SECRETS.items()})
DIGESTS = (b"A" * 32, b"B" * 32)

statements = st.builds(
    Statement, st.sampled_from(Phase), st.integers(1, 2), st.integers(1, 3), st.sampled_from(DIGESTS), st.integers(0, 2)
)
signers = st.sampled_from((*MEMBERS, 9))


@dataclass(frozen=True, slots=True)
class Genuine:
    """A signature as the model has it: who said what, in which cluster."""

    signer: int
    message: bytes

    @property
    def real(self) -> bytes:
        """The same in bytes."""
        return SECRETS[self.signer].sign(self.message)


@dataclass(frozen=True, slots=True)
class Symbolic:
    """Accepts a signature exactly if it is of this statement by this signer."""

    table: dict[bytes, Genuine]

    def sign(self, message: bytes) -> bytes:
        """Nobody signs here."""
        raise NotImplementedError(message)

    def verify(self, signer: int, message: bytes, signature: bytes) -> bool:
        """Whether the signature stands for just that."""
        return self.table.get(signature) == Genuine(signer, message)


@st.composite
def signatures(draw: st.DrawFn, statement: Statement, signer: int, table: dict[bytes, Genuine]) -> bytes:
    """Mostly one that fits; or one of something else, in another cluster, by somebody else; or damaged, or rubbish."""
    said, by, where = statement, signer if signer in MEMBERS else 1, CLUSTER
    match draw(st.integers(0, 9)):
        case 0:
            said = draw(statements)
        case 1:
            by = draw(st.sampled_from(MEMBERS))
        case 2:
            where = b"tes"
        case 3:
            return draw(st.binary(max_size=70))
        case 4:
            made = bytearray(Genuine(by, canonical(where, by, said)).real)
            made[draw(st.integers(0, 63))] ^= draw(st.integers(1, 255))
            return bytes(made)
        case _:
            pass
    genuine = Genuine(by, canonical(where, by, said))
    table[genuine.real] = genuine
    return genuine.real


@st.composite
def certificates(draw: st.DrawFn, table: dict[bytes, Genuine], phase: Phase) -> Certificate:
    """A certificate that may lack anything."""
    index, view, digest = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.sampled_from(DIGESTS))
    certificate = Certificate(phase, index, view, digest, ())
    usual = st.permutations(MEMBERS).map(lambda all_: tuple(sorted(all_[:3])))
    chosen = draw(usual | st.lists(signers, min_size=2, max_size=4).map(tuple))
    signed = tuple((s, draw(signatures(certificate.statement, s, table))) for s in chosen)
    return Certificate(phase, certificate.index, certificate.view, certificate.digest, signed)


@st.composite
def messages(draw: st.DrawFn) -> tuple[Message, dict[bytes, Genuine]]:
    """A message that anybody might put together, and what the signatures in it really are."""
    table: dict[bytes, Genuine] = {}
    index, view, digest = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.sampled_from(DIGESTS))
    source = draw(signers)
    match draw(st.integers(0, 3)):
        case 0:
            phase = draw(st.sampled_from((Phase.PREPARE, Phase.COMMIT)))
            statement = Statement(phase, index, view, digest)
            return Vote(source, 1, phase, index, view, digest, draw(signatures(statement, source, table))), table
        case 1:
            return Prepared(source, 1, draw(certificates(table, Phase.PREPARE))), table
        case 2:
            high = draw(st.none() | certificates(table, Phase.PREPARE))
            timeout = Timeout(source, 1, index, view, high, b"")
            signature = draw(signatures(timeout.statement, source, table))
            return Timeout(source, 1, index, view, high, signature), table
        case _:
            source = MEMBERS[(index + view - 2) % 4] if draw(st.integers(0, 3)) else source
            justify = draw(st.none() | certificates(table, Phase.PREPARE))
            proposal = Propose(source, 1, index, view, digest, justify, b"")
            signature = draw(signatures(proposal.statement, source, table))
            return Propose(source, 1, index, view, digest, justify, signature), table


def is_accepted(config: Config, message: Message) -> bool:
    """Whether the core would look at the message."""
    try:
        check_message(config, message)
    except RemoteError:
        return False
    return True


@given(messages())
def test_real_verification_accepts_exactly_what_the_symbolic_model_allows(
    made: tuple[Message, dict[bytes, Genuine]],
) -> None:
    """Of all that anybody might put together; and remembering what was true changes nothing, asked twice."""
    message, table = made
    symbolic = is_accepted(Config(CLUSTER, MEMBERS, Symbolic(table), Symbolic(table)), message)
    remembering = RememberingVerifier(PUBLIC)
    for verifier in (PUBLIC, remembering, remembering):
        assert is_accepted(Config(CLUSTER, MEMBERS, SECRETS[1], verifier), message) == symbolic


@pytest.mark.parametrize("accepted", [True, False])
def test_both_verdicts_occur(accepted: bool) -> None:  # noqa: FBT001
    """Otherwise the above would say nothing."""
    config = Config(CLUSTER, MEMBERS, SECRETS[1], PUBLIC)
    find(messages(), lambda made: is_accepted(config, made[0]) is accepted)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_two_libraries_make_the_same_signatures(seed: bytes, message: bytes) -> None:
    """Byte for byte, and each accepts the other's."""
    ours, theirs = SecretKey.of_seed(seed), Ed25519PrivateKey.from_private_bytes(seed)
    assert ours.public == theirs.public_key().public_bytes_raw()
    assert ours.sign(message) == theirs.sign(message)
    assert is_signed_by(ours.public, message, theirs.sign(message))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=50), st.integers(0, 63), st.integers(1, 255))
def test_two_libraries_refuse_the_same_damaged_signatures(seed: bytes, message: bytes, at: int, flip: int) -> None:
    """One wrong bit is enough, wherever it is."""
    secret = SecretKey.of_seed(seed)
    damaged = bytearray(secret.sign(message))
    damaged[at] ^= flip
    try:
        Ed25519PublicKey.from_public_bytes(secret.public).verify(bytes(damaged), message)
        accepted = True
    except InvalidSignature:
        accepted = False
    assert is_signed_by(secret.public, message, bytes(damaged)) == accepted
    assert not accepted


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=80))
def test_verification_never_raises(public: bytes, message: bytes, signature: bytes) -> None:
    """Whatever the bytes, and however many."""
    assert not is_signed_by(public, message, signature)


@given(statements, statements, signers, signers)
def test_different_statements_have_different_bytes(one: Statement, other: Statement, by: int, by_other: int) -> None:
    """So that a signature is good for one statement of one signer in one cluster; all of it is in the bytes."""
    same = canonical(CLUSTER, by, one) == canonical(CLUSTER, by_other, other)
    assert same == ((one, by) == (other, by_other))
    assert canonical(CLUSTER, by, one) != canonical(b"tes", by, one)
    for part in (CLUSTER, b"quorate bft 1\0", one.digest, one.view.to_bytes(8, "big"), by.to_bytes(8, "big")):
        assert part in canonical(CLUSTER, by, one)


def test_only_so_many_signatures_are_remembered() -> None:
    """A traitor who signs a lot takes no memory."""
    verifier = RememberingVerifier(PUBLIC, most=10)
    for number in range(50):
        message = b"%d" % number
        assert verifier.verify(1, message, SECRETS[1].sign(message))
    assert len(verifier._true) == 10
