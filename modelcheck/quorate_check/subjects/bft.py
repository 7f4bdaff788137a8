"""The Byzantine core among traitors who lead every view, tell everybody something else, and share what they hear.

Nothing is stored for the traitors. The nodes are the honest voters, each the real core, and one tally a view, which
keeps what honest voters have signed in it: it is never withdrawn, so anything that can be made of it, together with
the traitors' own signatures, can arrive at any voter at any later time, or never. That covers delay, loss, repetition
and equivocation, and what an honest leader would do is among what the traitors may do.

One message is in flight at a time: a signature on its way to its tally, or what traitors make on its way to a voter. A
message that means nothing to its voter ends the path there, for the same state without it is searched anyway.

Left out: timeouts, which in views that a traitor leads only tell him what the tallies tell him already; restarts, for
all that a voter decides by is durable; and everything after the decision of one index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from quorate.bft import (
    Certificate,
    Config,
    Decide,
    Event,
    Phase,
    Prepared,
    Propose,
    Receive,
    State,
    Submit,
    SymbolicSigner,
    SymbolicVerifier,
    ViewTimeout,
    Vote,
    restart,
    step,
)
from quorate.bft.output import Durable
from quorate_check.system import Deliver, Outcome

INDEX = 1
WANTED = (b"A" * 32, b"B" * 32)
FORGED = b"Z" * 32  # no client asked for it


@dataclass(frozen=True, slots=True)
class TraitorsLead(Config):
    """The last member is a traitor, and leads every view."""

    def leader(self, index: int, view: int) -> int:  # noqa: ARG002  # whatever they are
        """Who leads."""
        return self.members[-1]


@dataclass(frozen=True, slots=True)
class Signed:
    """An honest voter's vote, on its way to the tally of its view."""

    vote: Vote


@dataclass(frozen=True, slots=True)
class Tally:
    """What honest voters have signed in `view`: (voter, phase, digest)."""

    view: int
    votes: frozenset[tuple[int, Phase, bytes]] = frozenset()

    def support(self, phase: Phase, digest: bytes) -> int:
        """How many honest voters signed that."""
        return sum((p, d) == (phase, digest) for _, p, d in self.votes)


@dataclass(frozen=True, slots=True)
class Fresh:
    """The traitors propose `digest` to a voter in his view, with no certificate."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class Justified:
    """They propose what this view certifies to `voter`, in a later view."""

    voter: int
    view: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Certified:
    """They show `voter` the certificate of this view for `digest`."""

    voter: int
    phase: Phase
    digest: bytes


CheckerEvent = Deliver | ViewTimeout | Fresh | Justified | Certified
Local = State | Tally
Message = Signed | Propose | Prepared | Decide


class Traitors:
    """The step function of voters and tallies, for `members` of whom the last `traitors` are traitors."""

    def __init__(self, members: int, traitors: int, max_view: int, *, lock: bool = True) -> None:
        self.members, self.traitors, self.max_view, self.lock = tuple(range(members)), traitors, max_view, lock
        self.honest = self.members[: members - traitors]
        self.leader = self.members[-1]
        self.quorum = self._config(0).quorum

    def _config(self, voter: int) -> Config:
        return TraitorsLead(b"checked", self.members, SymbolicSigner(voter), SymbolicVerifier())

    def initial(self) -> tuple[Local, ...]:
        """Return the voters, to whom clients have said what they want, and the tallies."""
        voters = []
        for voter in self.honest:
            state = restart(self._config(voter), voter, Durable())
            for digest in WANTED:
                state = step(state, Submit(digest)).state
            voters.append(state)
        return (*voters, *(Tally(view) for view in range(1, self.max_view + 1)))

    def destination(self, message: Message) -> int:
        """Return the node that a message is for."""
        return len(self.honest) + message.vote.view - 1 if isinstance(message, Signed) else message.dest

    def source(self, message: Message) -> int:
        """Return a node that a message comes from; an unordered network doesn't look at it."""
        return message.vote.source if isinstance(message, Signed) else len(self.honest)

    def step(self, local: Local, event: CheckerEvent) -> Sequence[Outcome]:
        """Return what a node may do; the engine explores this function."""
        if isinstance(local, Tally):
            return self._tally(local, event)
        if local.decisions:
            return ()
        match event:
            case Deliver(message):
                return self._react(local, Receive(message))
            case ViewTimeout():
                return self._react(local, event) if local.view < self.max_view else ()
            # What is wanted has no order: let A be what the first voter votes for in the first view, if for any.
            case Fresh(digest) if (local.id, local.view, digest) != (0, 1, WANTED[1]):
                return self._react(local, Receive(self._proposal(local.id, local.view, digest, None)))
            case _:
                return ()

    def _react(self, state: State, event: Event) -> Sequence[Outcome]:
        forgotten = not self.lock and isinstance(event, Receive) and isinstance(event.message, Propose)
        output = step(replace(state, lock=None) if forgotten else state, event)
        after = output.state
        if forgotten and after.lock is None:
            after = replace(after, lock=state.lock)
        if after == state:
            return ()
        # What an earlier view's proposal said is in nobody's rules; its view is long past.
        if after.accepted is not None and after.accepted.view < after.view:
            after = replace(after, accepted=None)
        return (Outcome(after, tuple(Signed(m) for m in output.send if isinstance(m, Vote))),)

    def _tally(self, tally: Tally, event: CheckerEvent) -> Sequence[Outcome]:
        match event:
            case Deliver(Signed(vote)):
                return (Outcome(replace(tally, votes=tally.votes | {(vote.source, vote.phase, vote.digest)})),)
            case Certified(voter, Phase.PREPARE, digest) if (voter, Phase.COMMIT, digest) in tally.votes:
                return ()  # he has given his second vote for it already
            case Certified(voter, phase, digest) if self.can_certify(tally, phase, digest):
                certificate = self._certificate(tally.view, phase, digest)
                kind = Prepared if phase is Phase.PREPARE else Decide
                return (Outcome(tally, (kind(self.leader, voter, certificate),)),)
            case Justified(voter, view, digest) if view > tally.view and self.can_certify(tally, Phase.PREPARE, digest):
                certificate = self._certificate(tally.view, Phase.PREPARE, digest)
                return (Outcome(tally, (self._proposal(voter, view, digest, certificate),)),)
            case _:
                return ()

    def can_certify(self, tally: Tally, phase: Phase, digest: bytes) -> bool:
        """Whether the honest signatures on that and the traitors' own are a quorum; at least one must be honest."""
        return tally.support(phase, digest) >= max(1, self.quorum - self.traitors)

    def _certificate(self, view: int, phase: Phase, digest: bytes) -> Certificate:
        """Return the one that stands for all, since whose signatures certify makes no difference to anybody."""
        signers = self.members[len(self.members) - self.quorum :]
        return Certificate(phase, INDEX, view, digest, tuple((s, b"signed by %d" % s) for s in signers))

    def _proposal(self, voter: int, view: int, digest: bytes, justify: Certificate | None) -> Propose:
        return Propose(self.leader, voter, INDEX, view, digest, justify, b"signed by %d" % self.leader)
