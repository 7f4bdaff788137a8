"""The Byzantine core among traitors that lead every view, equivocate, and share all votes that they receive.

The traitors have no state. The nodes are the honest voters, each the real core behind a disk, and one tally a view with
the votes that honest voters signed in it. Votes aren't withdrawn, so each certificate of these votes and of traitors'
signatures can arrive at any voter at any later time, or never. That covers delay, loss, repetition and equivocation.
The messages of an honest leader are among those that the traitors can send.

A vote enters its tally at once, and each voter records at once which certificates are possible. This is sound because
the traitors needn't use them: their use is an event of its own at each voter. So no states differ only in messages in
flight.

A voter may crash and start again from its disk at any time. Not covered are timeouts, from which a traitor that leads
learns nothing that the tallies don't have, and everything after the decision of one index.
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
FORGED = b"Z" * 32  # the digest of a command that no client sent


@dataclass(frozen=True, slots=True)
class TraitorsLead(Config):
    """The last member is a traitor, and leads every view."""

    def leader(self, index: int, view: int) -> int:  # noqa: ARG002 - the same for all
        """Return the last member, whatever the index and the view."""
        return self.members[-1]


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate that the traitors can make; no step depends on its signers."""

    phase: Phase
    view: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Voter:
    """An honest member: the core, its disk, and the possible certificates that it would still act on."""

    state: State
    disk: Durable
    certified: frozenset[Certified] = frozenset()


@dataclass(frozen=True, slots=True)
class Tally:
    """The votes of honest voters in `view`: (voter, phase, digest)."""

    view: int
    votes: frozenset[tuple[int, Phase, bytes]] = frozenset()

    def support(self, phase: Phase, digest: bytes) -> int:
        """Return the number of honest votes of `phase` for `digest`."""
        return sum((p, d) == (phase, digest) for _, p, d in self.votes)


@dataclass(frozen=True, slots=True)
class Signed:
    """The message of an honest voter's vote to the tally of its view."""

    vote: Vote


@dataclass(frozen=True, slots=True)
class Certifiable:
    """The notice to `voter` that a certificate is possible from now on; the voter sends it on to the next."""

    voter: int
    what: Certified


@dataclass(frozen=True, slots=True)
class TraitorProposal:
    """The traitors propose any digest to a voter in its view, with any certificate of an earlier view or none."""


@dataclass(frozen=True, slots=True)
class TraitorCertificate:
    """The traitors send a voter any certificate that they can make."""


@dataclass(frozen=True, slots=True)
class Restart:
    """A voter restarts from its disk, and the clients send it their requests again."""


CheckerEvent = Deliver | ViewTimeout | TraitorProposal | TraitorCertificate | Restart
Local = Voter | Tally
Persistent = TypeVar("Persistent", State, Durable)
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
        """Return the voters after the clients' requests, and the empty tallies."""
        voters = (Voter(self._start(voter, Durable()), Durable()) for voter in self.honest)
        return (*voters, *(Tally(view) for view in range(1, self.max_view + 1)))

    def _start(self, voter: int, disk: Durable) -> State:
        state = restart(self._config(voter), voter, disk)
        for digest in WANTED:
            state = step(state, Submit(digest)).state
        return state

    def destination(self, message: Message) -> int:
        """Return the node that a message is for."""
        return len(self.honest) + message.vote.view - 1 if isinstance(message, Signed) else message.voter

    def source(self, message: Message) -> int:
        """Return the node that a message comes from; an unordered network doesn't use it."""
        return message.vote.source if isinstance(message, Signed) else len(self.honest) + message.what.view - 1

    def step(self, local: Local, event: CheckerEvent) -> Sequence[Outcome]:
        """Return the outcomes of an event at a node; the engine explores this function."""
        if isinstance(local, Tally):
            return self._tally(local, event)
        if isinstance(event, Deliver):
            assert isinstance(event.message, Certifiable)
            return (
                Outcome(
                    with_certificates(local, {event.message.what}),
                    self._notice(local.state.id + 1, event.message.what),
                ),
            )
        if local.state.decisions:
            return ()
        return self._voter(local, event)

    def _voter(self, voter: Voter, event: CheckerEvent) -> Sequence[Outcome]:
        state = voter.state
        match event:
            case Restart():
                restarted = replace(voter, state=without_unread(self._start(state.id, voter.disk)))
                return () if restarted == voter else (Outcome(restarted),)
            case ViewTimeout():
                return self._react(voter, event) if state.view < self.max_view else ()
            case TraitorProposal():
                proposals = (self._proposal(state, *request) for request in self._reasons(voter))
                return [outcome for m in proposals for outcome in self._react(voter, Receive(m))]
            case TraitorCertificate():
                messages = (self._certificate_message(state.id, what) for what in self._available(voter))
                return [outcome for m in messages for outcome in self._react(voter, Receive(m))]
            case _:
                return ()

    def _reasons(self, voter: Voter) -> Iterator[tuple[bytes, Certificate | None]]:
        """Yield the proposals that a voter can receive, each with its justification or None."""
        state = voter.state
        for digest in (*WANTED, FORGED):
            # The two wanted digests are symmetric, so the first voter gets no proposal of B in the first view.
            if (state.id, state.view, digest) != (0, 1, WANTED[1]):
                yield digest, None
        for what in self._available(voter):
            if what.phase is Phase.PREPARE and what.view < state.view:
                yield what.digest, self._certificate(what)

    def _available(self, voter: Voter) -> list[Certified]:
        phases = {Phase.PREPARE, Phase.COMMIT} if self.decisions else {Phase.PREPARE}
        available = (what for what in voter.certified if what.phase in phases)
        return sorted(available, key=lambda what: (what.phase, what.view, what.digest))

    def _certificate_message(self, voter: int, what: Certified) -> Prepared | Decide:
        kind = Prepared if what.phase is Phase.PREPARE else Decide
        return kind(self.leader, voter, self._certificate(what))

    def _react(self, voter: Voter, event: Event) -> Sequence[Outcome]:
        state = voter.state
        ignores_lock = not self.lock and isinstance(event, Receive) and isinstance(event.message, Propose)
        output = step(replace(state, lock=None) if ignores_lock else state, event)
        after = output.state
        disk = voter.disk if output.persist is None else voter.disk.after(output.persist)
        if ignores_lock and after.lock is None:
            after, disk = replace(after, lock=state.lock), replace(disk, lock=state.lock)
        if after == state:
            return ()
        voter_after = with_certificates(Voter(without_unread(after), without_unread(disk), voter.certified), ())
        return (Outcome(voter_after, tuple(Signed(m) for m in output.send if isinstance(m, Vote))),)

    def _tally(self, tally: Tally, event: CheckerEvent) -> Sequence[Outcome]:
        if not isinstance(event, Deliver):
            return ()
        vote = event.message.vote
        after = replace(tally, votes=tally.votes | {(vote.source, vote.phase, vote.digest)})
        if not self.can_certify(after, vote.phase, vote.digest) or self.can_certify(tally, vote.phase, vote.digest):
            return (Outcome(after),)
        what = Certified(vote.phase, tally.view, vote.digest)
        return (Outcome(after, self._notice(self.honest[0], what)),)

    def _notice(self, voter: int, what: Certified) -> tuple[Certifiable, ...]:
        """Return the notice to a voter, none after the last voter."""
        return (Certifiable(voter, what),) if voter in self.honest else ()

    def can_certify(self, tally: Tally, phase: Phase, digest: bytes) -> bool:
        """Whether the honest votes of `phase` for `digest`, at least one, and all traitors' are a quorum."""
        return tally.support(phase, digest) >= max(1, self.quorum - self.traitors)

    def _certificate(self, what: Certified) -> Certificate:
        """Return a certificate that represents all with these votes, whoever the signers are."""
        signers = self.members[len(self.members) - self.quorum :]
        signatures = tuple((s, b"signed by %d" % s) for s in signers)
        return Certificate(what.phase, INDEX, what.view, what.digest, signatures)

    def _proposal(self, state: State, digest: bytes, justify: Certificate | None) -> Propose:
        return Propose(self.leader, state.id, INDEX, state.view, digest, justify, b"signed by %d" % self.leader)


def without_unread(state: Persistent) -> Persistent:
    """Return the state without values that no rule reads: a proposal of an earlier view, and any justification."""
    accepted = state.accepted
    if accepted is None:
        return state
    return replace(state, accepted=replace(accepted, justify=None) if accepted.view == state.view else None)


def with_certificates(voter: Voter, more: Iterable[Certified]) -> Voter:
    """Return the voter with `more` possible certificates, without those that it would ignore from now on."""
    state = voter.state
    useful = (
        what for what in voter.certified.union(more) if what.phase is Phase.COMMIT or what.view >= view_of(state.lock)
    )
    return replace(voter, certified=frozenset() if state.decisions else frozenset(useful))
