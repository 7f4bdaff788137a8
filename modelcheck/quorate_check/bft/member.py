"""One member of the Byzantine core in the most general environment: it can receive any message at any time.

There is one node. Every message that others could sign is available at any time, so the search includes every step that
the core takes in any run within the bounds. It also includes messages that no correct member sends: certificates with
too few signers or one signer twice, proposals that aren't the leader's, and proposals with a wrong justification.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product

from quorate.bft import (
    Certificate,
    Config,
    Decide,
    Durable,
    Event,
    Message,
    Phase,
    Prepared,
    Propose,
    Receive,
    RemoteError,
    State,
    Submit,
    SymbolicSigner,
    SymbolicVerifier,
    Timeout,
    ViewTimeout,
    Vote,
    WaitOver,
    restart,
    step,
)
from quorate_check.bft.words import message_text, server
from quorate_check.core.system import Network, NetworkKind, Outcome, Spontaneous, System, UnusableSystemError
from quorate_check.tell.described import Described

WANTED = (b"A" * 32, b"B" * 32)


@dataclass(frozen=True, slots=True)
class Restart:
    """The member starts again from its disk."""


MemberEvent = Event | Restart


@dataclass(frozen=True, slots=True)
class Member:
    """The core and its disk."""

    state: State
    disk: Durable


@dataclass(frozen=True, slots=True)
class MemberBounds:
    """The member and the cluster's size, its largest index and view, and the kinds of messages that it can receive.

    `digests` is the number of digests that others know, `wanted` the number that clients request. `timeouts` and
    `votes` add the messages of other members; the last member votes for both of two digests. `hostile` adds messages
    that no correct member sends.
    """

    servers: int = 4
    member: int = 0
    max_index: int = 1
    max_view: int = 1
    digests: int = 2
    wanted: int = 2
    timeouts: bool = False
    votes: bool = False
    hostile: bool = False

    def __post_init__(self) -> None:
        """Raise UnusableSystemError if `member` is no member or a number is out of its range."""
        if not 0 <= self.member < self.servers:
            raise UnusableSystemError(f"there is no member {self.member} among {self.servers}")
        if min(self.max_index, self.max_view, self.digests) < 1 or max(self.digests, self.wanted) > len(WANTED):
            raise UnusableSystemError(f"{self}: at least one index, view and digest, and at most two digests")

    def as_dict(self) -> dict[str, int | bool]:
        """Return the bounds by name, for a report."""
        return asdict(self)

    @property
    def config(self) -> Config:
        """The configuration of the member."""
        return Config(b"checked", tuple(range(self.servers)), SymbolicSigner(self.member), SymbolicVerifier())

    def system(self) -> System:
        """Return the system within these bounds."""
        events = (ViewTimeout(), WaitOver(), Restart(), *map(Submit, WANTED[: self.wanted]))
        messages = dict.fromkeys(_messages(self))
        return System(
            name="bft-member",
            initial=(Member(restart(self.config, self.member, Durable()), Durable()),),
            step=self.step,
            network=Network(NetworkKind.UNORDERED, capacity=1),
            source=lambda _: 0,
            destination=lambda _: 0,
            spontaneous=tuple(map(Spontaneous, (*events, *map(Receive, messages)))),
            described=Described(
                _describe, lambda _before, after: _state_text(after.state), name=lambda member: server(member.state.id)
            ),
        )

    def step(self, member: Member, event: MemberEvent) -> Sequence[Outcome]:
        """Return the member's next state; the network is unused, so `sends` gives its messages."""
        after, sent = self.sends(member, event)
        return () if after == member and not sent else (Outcome(after),)

    def sends(self, member: Member, event: MemberEvent) -> tuple[Member, tuple[Message, ...]]:
        """Return the member after `event` and the messages that it sends."""
        state = member.state
        if len(state.decisions) >= self.max_index:
            return member, ()
        if isinstance(event, Restart):
            return Member(restart(state.config, state.id, member.disk), member.disk), ()
        try:
            output = step(state, event)
        except RemoteError:
            return member, ()
        if output.state.view > self.max_view:
            return member, ()
        disk = member.disk if output.persist is None else member.disk.after(output.persist)
        return Member(output.state, disk), output.send


def _messages(bounds: MemberBounds) -> Iterator[Message]:
    """Yield the messages that others can send to the member."""
    config, member = bounds.config, bounds.member
    digests, views = WANTED[: bounds.digests], range(1, bounds.max_view + 1)
    # With more members than a quorum, one other is silent: the rest suffice for a quorum and for f + 1.
    silent = (member + 1) % bounds.servers if bounds.servers > config.quorum else None
    others = tuple(i for i in config.members if i != silent)
    for index, view in product(range(1, bounds.max_index + 1), views):
        leader = config.leader(index, view)
        factory = _MessageFactory(config, member, index, view)
        for digest in digests:
            earlier = (factory.certificate(Phase.PREPARE, digest, view=v) for v in range(1, view))
            yield from (factory.proposal(leader, digest, justify) for justify in (None, *earlier))
            yield Prepared(leader, member, factory.certificate(Phase.PREPARE, digest))
            yield Decide(leader, member, factory.certificate(Phase.COMMIT, digest))
        if bounds.timeouts and view < bounds.max_view + (bounds.max_index > 1):
            # A leader chooses the highest lock, so two values suffice: none, and one of the first view.
            locks = (None, factory.certificate(Phase.PREPARE, digests[0])) if view == 1 else (None,)
            yield from (Timeout(i, member, index, view, high, _signed(i)) for i in others for high in locks)
        if bounds.votes and leader == member:
            for i, phase in product(others, (Phase.PREPARE, Phase.COMMIT)):
                for digest in WANTED if i == others[-1] else WANTED[:1]:
                    yield Vote(i, member, phase, index, view, digest, _signed(i))
        if bounds.hostile:
            yield from _hostile(factory)


@dataclass(frozen=True, slots=True)
class _MessageFactory:
    """The messages to `member` in one view of one index."""

    config: Config
    member: int
    index: int
    view: int

    def certificate(
        self, phase: Phase, digest: bytes, signers: tuple[int, ...] | None = None, view: int | None = None
    ) -> Certificate:
        members = self.config.members
        signer_ids = members[len(members) - self.config.quorum :] if signers is None else signers
        signatures = tuple((i, _signed(i)) for i in signer_ids)
        return Certificate(phase, self.index, self.view if view is None else view, digest, signatures)

    def proposal(self, source: int, digest: bytes, justify: Certificate | None) -> Propose:
        return Propose(source, self.member, self.index, self.view, digest, justify, _signed(source))


def _hostile(factory: _MessageFactory) -> Iterator[Message]:
    """Yield messages that no correct member sends."""
    config, view = factory.config, factory.view
    leader, stranger = config.leader(factory.index, view), len(config.members)
    one, other = WANTED
    for kind, phase in ((Prepared, Phase.PREPARE), (Decide, Phase.COMMIT)):
        for signers in _no_quorums(config):
            yield kind(leader, factory.member, factory.certificate(phase, one, signers))
        wrong = Phase.COMMIT if phase is Phase.PREPARE else Phase.PREPARE
        yield kind(leader, factory.member, factory.certificate(wrong, one))
    yield factory.proposal(stranger, one, None)
    yield factory.proposal((leader + 1) % len(config.members), one, None)
    yield factory.proposal(leader, one, factory.certificate(Phase.PREPARE, one))
    if view > 1:
        yield factory.proposal(leader, other, factory.certificate(Phase.PREPARE, one, view=view - 1))
        for signers in _no_quorums(config):
            yield factory.proposal(leader, one, factory.certificate(Phase.PREPARE, one, signers, view - 1))
    yield Vote(stranger, factory.member, Phase.PREPARE, factory.index, view, one, _signed(stranger))
    yield Vote(leader, factory.member, Phase.PREPARE, factory.index, view, one, b"signed by nobody")


def _no_quorums(config: Config) -> Iterator[tuple[int, ...]]:
    """Yield signers that aren't a quorum: one too few, the same with one twice, and the same with a stranger."""
    too_few = config.members[: config.quorum - 1]
    yield too_few
    yield (*too_few, too_few[-1]) if too_few else ()
    yield (*too_few, len(config.members))


def _signed(member: int) -> bytes:
    return b"signed by %d" % member


def _describe(event: MemberEvent) -> str:
    return f"receives {message_text(event.message)}" if isinstance(event, Receive) else repr(event)


def _state_text(state: State) -> str:
    locked = (
        "no lock" if state.lock is None else f"locked on {state.lock.digest[:1].decode()} of view {state.lock.view}"
    )
    return f"index {state.index}, view {state.view}, {locked}, {len(state.votes)} votes, {len(state.timeouts)} timeouts"
