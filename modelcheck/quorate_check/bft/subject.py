"""The Byzantine core among traitors who lead every view, tell everybody something else, and share what they hear.

Nothing is stored for the traitors. The nodes are the honest voters, each the real core behind a disk, and one tally a
view, which keeps what honest voters have signed in it: it is never withdrawn, so anything that can be made of it,
together with the traitors' own signatures, can arrive at any voter at any later time, or never. That covers delay,
loss, repetition and equivocation, and what an honest leader would do is among what the traitors may do.

A vote is in its tally at once, and a voter notes at once what can be certified, for nothing forces the traitors to use
it: when they do is an event at each voter. So there are no states that differ in what is on its way.

A voter may crash and start again from its disk at any time. Left out: timeouts, which in views that a traitor leads
only tell him what the tallies tell him already; and everything after the decision of one index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from quorate.bft import (
    Certificate,
    Config,
    Decide,
    Durable,
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
from quorate.bft.messages import view_of
from quorate_check.core.system import Deliver, Outcome

INDEX = 1
WANTED = (b"A" * 32, b"B" * 32)
FORGED = b"Z" * 32  # no client asked for it


@dataclass(frozen=True, slots=True)
class TraitorsLead(Config):
    """The last member is a traitor, and leads every view."""

    def leader(self, index: int, view: int) -> int:  # noqa: ARG002  # whatever they are
        """The traitor who leads every view."""
        return self.members[-1]


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate that the traitors can make; its signers make no difference to any step."""

    phase: Phase
    view: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Voter:
    """An honest member: the core, its disk, and the certificates that it might still act on."""

    state: State
    disk: Durable
    certified: frozenset[Certified] = frozenset()


@dataclass(frozen=True, slots=True)
class Tally:
    """The votes of honest voters in `view`: (voter, phase, digest)."""

    view: int
    votes: frozenset[tuple[int, Phase, bytes]] = frozenset()

    def support(self, phase: Phase, digest: bytes) -> int:
        """The number of honest voters who signed that."""
        return sum((p, d) == (phase, digest) for _, p, d in self.votes)


@dataclass(frozen=True, slots=True)
class Signed:
    """An honest voter's vote, for the tally of its view."""

    vote: Vote


@dataclass(frozen=True, slots=True)
class Certifiable:
    """Notice to `voter`, who passes it on to the next, that a certificate can be made from now on."""

    voter: int
    what: Certified


@dataclass(frozen=True, slots=True)
class Ask:
    """The traitors propose any digest to a voter in his view, with any certificate of an earlier view or none."""


@dataclass(frozen=True, slots=True)
class Show:
    """The traitors show a voter any certificate that they can make."""


@dataclass(frozen=True, slots=True)
class Restart:
    """A voter restarts with what its disk holds, and learns the clients' requests again."""


CheckerEvent = Deliver | ViewTimeout | Ask | Show | Restart
Local = Voter | Tally
Kept = TypeVar("Kept", State, Durable)
Message = Signed | Certifiable


class Traitors:
    """The step function of voters and tallies, for `members` of whom the last `traitors` are traitors."""

    def __init__(
        self, members: int, traitors: int, max_view: int, *, lock: bool = True, decisions: bool = True
    ) -> None:
        self.members, self.traitors, self.max_view = tuple(range(members)), traitors, max_view
        self.lock, self.decisions = lock, decisions
        self.honest = self.members[: members - traitors]
        self.leader = self.members[-1]
        self.quorum = self._config(0).quorum

    def _config(self, voter: int) -> Config:
        return TraitorsLead(b"checked", self.members, SymbolicSigner(voter), SymbolicVerifier())

    def initial(self) -> tuple[Local, ...]:
        """Return the voters, who know the clients' requests, and the empty tallies."""
        voters = (Voter(self._started(voter, Durable()), Durable()) for voter in self.honest)
        return (*voters, *(Tally(view) for view in range(1, self.max_view + 1)))

    def _started(self, voter: int, disk: Durable) -> State:
        state = restart(self._config(voter), voter, disk)
        for digest in WANTED:
            state = step(state, Submit(digest)).state
        return state

    def destination(self, message: Message) -> int:
        """Return the node that a message is for."""
        return len(self.honest) + message.vote.view - 1 if isinstance(message, Signed) else message.voter

    def source(self, message: Message) -> int:
        """Return the node that a message comes from; an unordered network doesn't look at it."""
        return message.vote.source if isinstance(message, Signed) else len(self.honest) + message.what.view - 1

    def step(self, local: Local, event: CheckerEvent) -> Sequence[Outcome]:
        """Return the outcomes of an event at a node; the engine explores this function."""
        if isinstance(local, Tally):
            return self._tally(local, event)
        if isinstance(event, Deliver):
            assert isinstance(event.message, Certifiable)
            return (Outcome(_noted(local, {event.message.what}), self._word(local.state.id + 1, event.message.what)),)
        if local.state.decisions:
            return ()
        return self._voter(local, event)

    def _voter(self, voter: Voter, event: CheckerEvent) -> Sequence[Outcome]:
        state = voter.state
        match event:
            case Restart():
                again = replace(voter, state=_plain(self._started(state.id, voter.disk)))
                return () if again == voter else (Outcome(again),)
            case ViewTimeout():
                return self._react(voter, event) if state.view < self.max_view else ()
            case Ask():
                proposals = (self._proposal(state, *request) for request in self._reasons(voter))
                return [outcome for m in proposals for outcome in self._react(voter, Receive(m))]
            case Show():
                shown = (self._shown(state.id, what) for what in self._showable(voter))
                return [outcome for m in shown for outcome in self._react(voter, Receive(m))]
            case _:
                return ()

    def _reasons(self, voter: Voter) -> Iterator[tuple[bytes, Certificate | None]]:
        """Yield the proposals that a voter can receive, each with its justification or None."""
        state = voter.state
        for digest in (*WANTED, FORGED):
            # What is wanted has no order: let A be what the first voter votes for in the first view, if for any.
            if (state.id, state.view, digest) != (0, 1, WANTED[1]):
                yield digest, None
        for what in self._showable(voter):
            if what.phase is Phase.PREPARE and what.view < state.view:
                yield what.digest, self._certificate(what)

    def _showable(self, voter: Voter) -> list[Certified]:
        phases = {Phase.PREPARE, Phase.COMMIT} if self.decisions else {Phase.PREPARE}
        shown = (what for what in voter.certified if what.phase in phases)
        return sorted(shown, key=lambda what: (what.phase, what.view, what.digest))

    def _shown(self, voter: int, what: Certified) -> Prepared | Decide:
        kind = Prepared if what.phase is Phase.PREPARE else Decide
        return kind(self.leader, voter, self._certificate(what))

    def _react(self, voter: Voter, event: Event) -> Sequence[Outcome]:
        state = voter.state
        forgotten = not self.lock and isinstance(event, Receive) and isinstance(event.message, Propose)
        output = step(replace(state, lock=None) if forgotten else state, event)
        after = output.state
        disk = voter.disk if output.persist is None else voter.disk.after(output.persist)
        if forgotten and after.lock is None:
            after, disk = replace(after, lock=state.lock), replace(disk, lock=state.lock)
        if after == state:
            return ()
        noted = _noted(Voter(_plain(after), _plain(disk), voter.certified), ())
        return (Outcome(noted, tuple(Signed(m) for m in output.send if isinstance(m, Vote))),)

    def _tally(self, tally: Tally, event: CheckerEvent) -> Sequence[Outcome]:
        if not isinstance(event, Deliver):
            return ()
        vote = event.message.vote
        after = replace(tally, votes=tally.votes | {(vote.source, vote.phase, vote.digest)})
        if not self.can_certify(after, vote.phase, vote.digest) or self.can_certify(tally, vote.phase, vote.digest):
            return (Outcome(after),)
        what = Certified(vote.phase, tally.view, vote.digest)
        return (Outcome(after, self._word(self.honest[0], what)),)

    def _word(self, voter: int, what: Certified) -> tuple[Certifiable, ...]:
        """Return the notice to a voter, none after the last voter."""
        return (Certifiable(voter, what),) if voter in self.honest else ()

    def can_certify(self, tally: Tally, phase: Phase, digest: bytes) -> bool:
        """Whether the honest signatures on that and the traitors' own are a quorum; at least one must be honest."""
        return tally.support(phase, digest) >= max(1, self.quorum - self.traitors)

    def _certificate(self, what: Certified) -> Certificate:
        """Return the one certificate that stands for all with these votes."""
        signers = self.members[len(self.members) - self.quorum :]
        signatures = tuple((s, b"signed by %d" % s) for s in signers)
        return Certificate(what.phase, INDEX, what.view, what.digest, signatures)

    def _proposal(self, state: State, digest: bytes, justify: Certificate | None) -> Propose:
        return Propose(self.leader, state.id, INDEX, state.view, digest, justify, b"signed by %d" % self.leader)


def _plain(kept: Kept) -> Kept:
    """Return the state without what no rule reads: a proposal of an earlier view, a justification once voted for."""
    accepted = kept.accepted
    if accepted is None:
        return kept
    return replace(kept, accepted=replace(accepted, justify=None) if accepted.view == kept.view else None)


def _noted(voter: Voter, more: Iterable[Certified]) -> Voter:
    """Return the voter with `more` certificates noted; those that it would ignore from now on are dropped."""
    state = voter.state
    heeded = (
        what for what in voter.certified.union(more) if what.phase is Phase.COMMIT or what.view >= view_of(state.lock)
    )
    return replace(voter, certified=frozenset() if state.decisions else frozenset(heeded))
