"""The Byzantine core with real signatures: what isn't signed changes nothing, and who signs twice is convicted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quorate.bft import (
    Certificate,
    Config,
    Durable,
    Message,
    Phase,
    Propose,
    Receive,
    RemoteError,
    State,
    Statement,
    Submit,
    Vote,
    canonical,
    is_proof,
    restart,
    step,
)

MEMBERS = (0, 1, 2, 3)
KEYS = {i: Ed25519PrivateKey.from_private_bytes(bytes([i]) * 32) for i in MEMBERS}
CLUSTER = b"test"
ONE, OTHER = b"1" * 32, b"2" * 32


@dataclass(frozen=True, slots=True)
class Real:
    """Signs with one member's key, and checks everybody's."""

    id: int

    def sign(self, message: bytes) -> bytes:
        """Return the signature."""
        return KEYS[self.id].sign(message)

    def verify(self, signer: int, message: bytes, signature: bytes) -> bool:
        """Whether the signature is the signer's."""
        try:
            KEYS[signer].public_key().verify(signature, message)
        except InvalidSignature:
            return False
        return True


def member(number: int) -> State:
    """Return a member that has just started, and knows of both requests."""
    state = restart(Config(CLUSTER, MEMBERS, Real(number), Real(number)), number, Durable())
    for digest in (ONE, OTHER):
        state = step(state, Submit(digest)).state
    return state


def signed(signer: int, statement: Statement) -> bytes:
    """Return a signature made outside of the core."""
    return Real(signer).sign(canonical(CLUSTER, signer, statement))


def vote(source: int, digest: bytes, phase: Phase = Phase.PREPARE) -> Vote:
    """Return a vote in the first view."""
    return Vote(source, 0, phase, 1, 1, digest, signed(source, Statement(phase, 1, 1, digest)))


def proposal(digest: bytes) -> Propose:
    """Return what the first leader proposes to member 1."""
    return Propose(0, 1, 1, 1, digest, None, signed(0, Statement(Phase.PROPOSE, 1, 1, digest)))


def run(states: dict[int, State], messages: list[Message]) -> dict[int, State]:
    """Deliver everything, in the order in which it was sent."""
    while messages:
        message = messages.pop(0)
        if message.dest in states:
            output = step(states[message.dest], Receive(message))
            states[message.dest] = output.state
            messages.extend(output.send)
    return states


@pytest.mark.parametrize("absent", [None, 1, 2, 3])
def test_three_of_four_decide_with_real_signatures(absent: int | None) -> None:
    """The leader proposes, two rounds of votes are certified, and all that are there decide the same."""
    states = {i: member(i) for i in MEMBERS if i != absent}
    states[0] = restart(states[0].config, 0, Durable())
    first = step(states[0], Submit(ONE))
    states[0] = first.state
    ended = run(states, list(first.send))
    assert {state.decisions[0].digest for state in ended.values()} == {ONE}


@pytest.mark.parametrize(
    ("forged", "why"),
    [
        (replace(vote(2, ONE), digest=OTHER), "the signature isn't member 2's"),
        (replace(vote(2, ONE), source=3), "the signature isn't member 3's"),
        (replace(vote(2, ONE), phase=Phase.COMMIT), "the signature isn't member 2's"),
        (replace(vote(2, ONE), view=2), "the signature isn't member 2's"),
        (replace(vote(2, ONE), index=2), "the signature isn't member 2's"),
        (replace(vote(2, ONE), signature=b""), "the signature isn't member 2's"),
        (replace(vote(2, ONE), source=9), "9 is not a member"),
        (replace(proposal(ONE), digest=OTHER), "the signature isn't member 0's"),
    ],
    ids=["digest", "signer", "phase", "view", "index", "signature", "stranger", "proposal"],
)
def test_what_was_not_signed_is_refused(forged: Message, why: str) -> None:
    """A signature is good for one statement of one signer."""
    with pytest.raises(RemoteError, match=f"^{why}$"):
        step(member(forged.dest), Receive(forged))


def test_a_quorum_counts_each_signer_once() -> None:
    """A certificate with a repeated or a missing signer certifies nothing."""
    own = tuple((i, vote(i, ONE).signature) for i in (1, 2, 3))

    def show(signatures: tuple[tuple[int, bytes], ...]) -> None:
        certificate = Certificate(Phase.PREPARE, 1, 1, ONE, signatures)
        statement = Statement(Phase.PROPOSE, 1, 2, ONE, 1)
        step(member(0), Receive(Propose(1, 0, 1, 2, ONE, certificate, signed(1, statement))))

    show(own)
    for signatures, why in (
        ((*own[:2], own[1]), r"must be sorted and distinct, not \(1, 2, 2\)"),
        (own[:2], "2 signers certify nothing; 3 do"),
        (own[::-1], r"must be sorted and distinct, not \(3, 2, 1\)"),
    ):
        with pytest.raises(RemoteError, match=why):
            show(signatures)


def test_two_votes_and_two_proposals_convict_their_signer() -> None:
    """The evidence holds for anybody with the keys, and not against anybody else."""
    voter = step(step(member(0), Receive(vote(2, ONE))).state, Receive(vote(2, OTHER))).evidence
    leader = step(step(member(1), Receive(proposal(ONE))).state, Receive(proposal(OTHER))).evidence
    assert ([e.culprit for e in voter], [e.culprit for e in leader]) == ([2], [0])
    for evidence in (*voter, *leader):
        assert is_proof(evidence, Real(0), CLUSTER)
        assert not is_proof(replace(evidence, culprit=3), Real(0), CLUSTER)


def test_a_vote_is_durable_before_it_is_sent_and_not_given_again_after_a_restart() -> None:
    """Whoever forgets his vote is a traitor."""
    output = step(member(1), Receive(proposal(ONE)))
    assert output.persist is not None
    assert [type(m) for m in output.send] == [Vote]
    again = restart(output.state.config, 1, Durable().after(output.persist))
    assert step(step(again, Submit(OTHER)).state, Receive(proposal(OTHER))).send == ()
