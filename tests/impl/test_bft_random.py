"""Honest members of the Byzantine core among traitors who do what chance says, over several indices and views.

Signatures are what cryptography promises and no more: a statement verifies if its signer has signed it. So whatever the
traitors make up is refused, and whatever they have seen or sign themselves they may show to anybody.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.bft import (
    Certificate,
    Config,
    Decide,
    Durable,
    Event,
    Evidence,
    Message,
    Phase,
    Prepared,
    Propose,
    Receive,
    RemoteError,
    Statement,
    Submit,
    Timeout,
    ViewTimeout,
    Vote,
    WaitOver,
    canonical,
    is_proof,
    restart,
    step,
)
from quorate.bft.messages import view_of

CLUSTER = b"random"
DIGESTS = tuple(bytes([letter]) * 32 for letter in b"ABCDEFGH")
FORGED = b"Z" * 32  # no client asks for it
MOVES = 1500


@dataclass(frozen=True, slots=True)
class Ledger:
    """Who has signed what."""

    signed: set[tuple[int, bytes]] = field(default_factory=set)

    def verify(self, signer: int, message: bytes, signature: bytes) -> bool:
        """Whether that was signed."""
        return (signer, message) in self.signed and signature == b"%d" % signer


@dataclass(frozen=True, slots=True)
class Pen:
    """Signs for one member."""

    id: int
    ledger: Ledger

    def sign(self, message: bytes) -> bytes:
        """Put it down."""
        self.ledger.signed.add((self.id, message))
        return b"%d" % self.id


class World:
    """The honest members with their disks, all that they ever sent, and traitors with a die."""

    def __init__(self, n: int, seed: int) -> None:
        self.rng, self.ledger = Random(seed), Ledger()
        self.members = tuple(range(n))
        self.traitors = sorted(self.rng.sample(self.members, self.rng.choice([0, (n - 1) // 3, (n - 1) // 3])))
        self.honest = [i for i in self.members if i not in self.traitors]
        self.disks = dict.fromkeys(self.honest, Durable())
        self.states = {i: restart(self.config(i), i, Durable()) for i in self.honest}
        self.waiting: list[Message] = []
        self.sent: list[Message] = []
        self.evidence: list[Evidence] = []
        self.seen: Counter[str] = Counter()

    def config(self, member: int) -> Config:
        """What a member is told."""
        return Config(CLUSTER, self.members, Pen(member, self.ledger), self.ledger)

    def happen(self, member: int, event: Event) -> None:
        """Let a member take a step: write, then send."""
        output = step(self.states[member], event)
        if output.persist is not None:
            self.disks[member] = self.disks[member].after(output.persist)
        self.states[member] = output.state
        self.evidence += output.evidence
        self.seen["decided"] += len(output.decided)
        self.seen["decided late"] += sum(c.view > 1 for c in output.decided)
        self.waiting += [m for m in output.send if m.dest in self.states]
        self.sent += output.send

    def show(self, member: int, message: Message) -> None:
        """Let a message reach a member, who may refuse it."""
        try:
            self.happen(member, Receive(replace(message, dest=member)))
        except RemoteError:
            self.seen["refused"] += 1

    def move(self) -> None:
        """Let something happen, most often a delivery."""
        member = self.rng.choice(self.honest)
        moves = [self.deliver] * 12 + [self.tick] * 3 + [self.submit, self.crash, self.repeat]
        if self.traitors:
            moves += [self.propose, self.propose, self.vote, self.certify, self.certify, self.time_out, self.mutate]
        self.rng.choice(moves)(member)

    def deliver(self, _member: int) -> None:
        """One of the messages that have waited longest arrives."""
        if self.waiting:
            message = self.waiting.pop(self.rng.randrange(min(len(self.waiting), 8)))
            self.show(message.dest, message)

    def repeat(self, member: int) -> None:
        """Something arrives again, or at somebody else."""
        if self.sent:
            self.show(member, self.rng.choice(self.sent))

    def tick(self, member: int) -> None:
        """Time passes."""
        self.happen(member, ViewTimeout() if self.rng.random() < 0.1 else WaitOver())

    def submit(self, member: int) -> None:
        """A client asks for something."""
        digest = self.rng.choice(DIGESTS)
        for one in self.honest if self.rng.random() < 0.8 else [member]:
            self.happen(one, Submit(digest))

    def crash(self, member: int) -> None:
        """A member starts again from its disk."""
        self.states[member] = restart(self.config(member), member, self.disks[member])

    def somewhere(self, member: int) -> tuple[int, int]:
        """An index and a view near those of a member."""
        state = self.states[member]
        index = max(1, state.index + self.rng.choice([0] * 8 + [-1, 1]))
        return index, max(1, state.view + self.rng.choice([0] * 8 + [-1, 1, 2]))

    def propose(self, member: int) -> None:
        """A traitor who leads proposes something, by any certificate that there is or by none."""
        index, view = self.somewhere(member)
        source = self.states[member].config.leader(index, view)
        if source not in self.traitors:
            return
        justify = self.rng.choice([None, *self.certificates(Phase.PREPARE, index)])
        wanted = self.states[member].known or DIGESTS
        digest = self.rng.choice([*wanted, FORGED]) if justify is None else justify.digest
        statement = Statement(Phase.PROPOSE, index, view, digest, view_of(justify))
        self.show(member, Propose(source, member, index, view, digest, justify, self.signature(source, statement)))

    def vote(self, member: int) -> None:
        """A traitor votes for anything."""
        index, view = self.somewhere(member)
        source, phase = self.rng.choice(self.traitors), self.rng.choice([Phase.PREPARE, Phase.COMMIT])
        digest = self.rng.choice([*DIGESTS[:3], FORGED])
        signature = self.signature(source, Statement(phase, index, view, digest))
        self.show(member, Vote(source, member, phase, index, view, digest, signature))

    def time_out(self, member: int) -> None:
        """A traitor says that he has left a view, and what he likes of his lock."""
        index, view = self.somewhere(member)
        source = self.rng.choice(self.traitors)
        high = self.rng.choice([None, *self.certificates(Phase.PREPARE, index)])
        statement = Statement(Phase.TIMEOUT, index, view, b"" if high is None else high.digest, view_of(high))
        self.show(member, Timeout(source, member, index, view, high, self.signature(source, statement)))

    def certify(self, member: int) -> None:
        """The traitors show what they can certify, to whom they like."""
        phase = self.rng.choice([Phase.PREPARE, Phase.COMMIT])
        found = self.certificates(phase, self.somewhere(member)[0])
        if found:
            kind = Prepared if phase is Phase.PREPARE else Decide
            self.show(member, kind(self.rng.choice(self.traitors), member, self.rng.choice(found)))

    def mutate(self, member: int) -> None:
        """Something that was sent, with something else in it."""
        message = self.rng.choice(self.sent) if self.sent else None
        if isinstance(message, Vote | Propose | Timeout):
            changes = [
                {"view": message.view + 1},
                {"index": message.index + 1},
                {"source": self.rng.choice(self.members)},
            ]
            changes += [{"signature": b""}, {} if isinstance(message, Timeout) else {"digest": FORGED}]
            self.show(member, replace(message, **self.rng.choice(changes)))
        elif message is not None:
            certificate = message.certificate
            once = certificate.signatures[:1]
            others = [{"signatures": ()}, {"signatures": once * len(certificate.signatures)}]
            changed = self.rng.choice([{"digest": FORGED}, {"view": certificate.view + 1}, *others])
            self.show(member, replace(message, certificate=replace(certificate, **changed)))

    def signature(self, source: int, statement: Statement) -> bytes:
        """Sign as a traitor."""
        return Pen(source, self.ledger).sign(canonical(CLUSTER, source, statement))

    def certificates(self, phase: Phase, index: int) -> list[Certificate]:
        """What the traitors can certify of this index: the honest votes that were sent, and their own for anything."""
        votes: dict[tuple[int, bytes], set[int]] = {}
        for m in self.sent:
            if isinstance(m, Vote) and (m.phase, m.index) == (phase, index):
                votes.setdefault((m.view, m.digest), set()).add(m.source)
        found = []
        for (view, digest), voters in sorted(votes.items()):
            statement = Statement(phase, index, view, digest)
            signatures = [(i, self.signature(i, statement)) for i in self.traitors]
            signatures += [(i, b"%d" % i) for i in sorted(voters)]
            quorum = self.config(0).quorum
            if len(signatures) >= quorum:
                found.append(Certificate(phase, index, view, digest, tuple(sorted(signatures[:quorum]))))
        return found

    def agree(self) -> bool:
        """Whether at no index two honest members have decided differently, nor anything that no client asked for."""
        return all(len(decisions) == 1 and decisions <= set(DIGESTS) for decisions in self.by_index().values())

    def by_index(self) -> dict[int, set[bytes]]:
        """What was decided at each index."""
        found: dict[int, set[bytes]] = {}
        for state in self.states.values():
            for c in state.decisions:
                found.setdefault(c.index, set()).add(c.digest)
        return found

    def settle(self) -> None:
        """Let traitors be silent, clients tell everybody, everything arrive, and views last long enough."""
        self.deliver_all()
        index = max(state.index for state in self.states.values())
        for _ in range(2 * len(self.members) + index):
            if all(state.index > index for state in self.states.values()):
                return
            for member, digest in product(self.honest, DIGESTS):
                self.happen(member, Submit(digest))
            view = max((state.view for state in self.states.values() if state.index == index), default=0) + 1
            for member, state in list(self.states.items()):
                for _ in range(view - state.view if state.index == index else state.index < index):
                    self.happen(member, ViewTimeout())
            self.deliver_all()
            for member in self.honest:
                self.happen(member, WaitOver())
            self.deliver_all()
        raise AssertionError(f"index {index} isn't decided by all: {[s.index for s in self.states.values()]}")

    def deliver_all(self) -> None:
        """Everything arrives."""
        while self.waiting:
            message = self.waiting.pop(0)
            self.show(message.dest, message)


def lived(n: int, seed: int) -> World:
    """A world after so many moves."""
    world = World(n, seed)
    for _ in range(MOVES):
        world.move()
        assert world.agree(), (n, seed)
    return world


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([4, 7]), st.integers(0, 2**32))
def test_traitors_by_chance_never_divide_the_honest_and_only_they_are_convicted(n: int, seed: int) -> None:
    """After every step the honest agree, on what clients asked for; all evidence is proof, and against traitors."""
    world = lived(n, seed)
    for evidence in world.evidence:
        assert evidence.culprit in world.traitors
        assert is_proof(evidence, world.ledger, CLUSTER)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([4, 7]), st.integers(0, 2**32))
def test_whatever_traitors_have_done_silence_lets_the_honest_decide(n: int, seed: int) -> None:
    """When everything arrives and views last, the index under way is decided by all, and alike."""
    world = lived(n, seed)
    world.settle()
    assert world.agree()


@pytest.mark.parametrize("n", [4, 7])
def test_chance_brings_everything_about(n: int) -> None:
    """Decisions at several indices and in later views, refusals and convictions: otherwise the above says nothing."""
    seen: Counter[str] = Counter()
    for seed in range(40):
        world = lived(n, seed)
        seen += world.seen
        seen["indices"] = max(seen["indices"], len(world.by_index()))
        seen["convictions"] += len(world.evidence)
    assert all(seen[what] > 0 for what in ("decided", "decided late", "refused", "convictions")), seen
    assert seen["indices"] > 2, seen


def test_more_traitors_than_it_can_bear_divide_the_honest_by_the_same_means() -> None:
    """The control: two of four lead a view, and ask, certify and decide one thing with each of the others."""
    world = World(4, 0)
    world.traitors, world.honest = [0, 1], [2, 3]
    world.states = {i: restart(world.config(i), i, Durable()) for i in world.honest}
    world.disks = dict.fromkeys(world.honest, Durable())
    for member, digest in zip(world.honest, DIGESTS, strict=False):
        world.happen(member, Submit(digest))
        signature = world.signature(0, Statement(Phase.PROPOSE, 1, 1, digest))
        world.show(member, Propose(0, member, 1, 1, digest, None, signature))
    for phase, kind in ((Phase.PREPARE, Prepared), (Phase.COMMIT, Decide)):
        for member, certificate in zip(world.honest, world.certificates(phase, 1), strict=True):
            world.show(member, kind(0, member, certificate))
    assert not world.agree()
