"""The Byzantine core in views that a traitor leads, and then in good ones, in which all members should decide.

The last of four members is a traitor. It leads the first `bad_views` views of the index, and honest members lead the
later ones in turn. In a bad view everything is as `subject.py` has it: the traitor sends each voter what it likes, when
it likes. A voter may also leave a bad view alone, before its end; its timeouts then arrive, or are all lost.

In good views voters send each other the core's own messages. All arrive, in any order, but a voter receives its own at
once. The timing is explicit: a clock says that a view or its leader's wait is over. It strikes only when nothing is in
flight, and for all voters at once. That is: timers of members differ by less than a wait; a wait and a view last longer
than any chain of messages that cause each other; and a view lasts longer than the one before it, so that nobody leaves
a good view while others are in an earlier one.

The first good view may fail. Its leader may enter it and end its wait long before the others, timeouts may be lost, and
the traitor may still send certificates, timeouts that hide what it knows, and votes to voters in that view. In the
second good view it is silent. The clock stops when the wait of that view is over: who hasn't decided then never will.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from quorate.bft import (
    Certificate,
    Config,
    Event,
    Message,
    Phase,
    Receive,
    SymbolicSigner,
    SymbolicVerifier,
    Timeout,
    ViewTimeout,
    Vote,
    WaitOver,
    step,
)
from quorate_check.bft import subject
from quorate_check.bft.subject import (
    INDEX,
    WANTED,
    Certifiable,
    Signed,
    TraitorCertificate,
    TraitorProposal,
    Traitors,
    Voter,
    with_certificates,
    without_unread,
)
from quorate_check.core.system import Deliver, Outcome

MEMBERS, GOOD_VIEWS = 4, 2


@dataclass(frozen=True, slots=True)
class TraitorLeadsFirst(Config):
    """The last member is a traitor and leads the first `bad_views` views, the others lead the later ones in turn."""

    bad_views: int = 1

    def leader(self, index: int, view: int) -> int:  # noqa: ARG002 - the same for all
        """Return the member that leads `view`, whatever the index."""
        good = view - self.bad_views
        return self.members[-1] if good < 1 else self.members[(good - 1) % (len(self.members) - 1)]


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of good views, which has struck `time` times."""

    time: int = 0


@dataclass(frozen=True, slots=True)
class Elapsed:
    """The clock's notice to `voter` that its wait in `view`, or that view, is over."""

    voter: int
    view: int
    what: ViewTimeout | WaitOver


@dataclass(frozen=True, slots=True)
class TimePasses:
    """The clock strikes."""


@dataclass(frozen=True, slots=True)
class TraitorTimeout:
    """The traitor sends a voter a timeout without a certificate."""


@dataclass(frozen=True, slots=True)
class TraitorVote:
    """The traitor sends the leader of a good view any vote."""


Local = subject.Local | Clock
AnyMessage = Message | Signed | Certifiable | Elapsed
AnyEvent = subject.CheckerEvent | TimePasses | TraitorTimeout | TraitorVote | WaitOver


class GoodViews(Traitors):
    """The step function of voters, the tallies of bad views, and the clock."""

    def __init__(self, bad_views: int, digests: int) -> None:
        super().__init__(MEMBERS, 1, bad_views)
        self.digests = WANTED[:digests]
        self.last_view = bad_views + GOOD_VIEWS
        good = range(bad_views + 1, self.last_view + 1)
        bad = ((view, ViewTimeout()) for view in range(1, bad_views + 1))
        self.strikes = (*bad, *((view, what) for view in good for what in (WaitOver(), ViewTimeout())))[:-1]

    def _config(self, voter: int) -> Config:
        signer, verifier = SymbolicSigner(voter), SymbolicVerifier()
        return TraitorLeadsFirst(b"checked", self.members, signer, verifier, self.max_view)

    def initial_with_clock(self) -> tuple[Local, ...]:
        """Return the voters after the clients' requests, the empty tallies, and the clock."""
        return (*self.initial(), Clock())

    def destination(self, message: AnyMessage) -> int:
        """Return the node that a message is for."""
        match message:
            case Signed() | Certifiable():
                return super().destination(message)
            case Elapsed(voter):
                return voter
            case _:
                return message.dest

    def source(self, message: AnyMessage) -> int:
        """Return the node that a message comes from."""
        match message:
            case Signed() | Certifiable():
                return super().source(message)
            case Elapsed():
                return len(self.honest) + self.max_view
            case _:
                return message.source

    def step(self, local: Local, event: AnyEvent) -> Sequence[Outcome]:  # noqa: PLR0911 - one case for each
        """Return the outcomes of an event at a node; the engine explores this function."""
        match local, event:
            case Clock(time), TimePasses() if time < len(self.strikes):
                strike = self.strikes[time]
                return (Outcome(Clock(time + 1), tuple(self._notices(*strike))),)
            case Clock(), _:
                return ()
            case Voter(state), Deliver(Elapsed(_, view, what)):
                return () if state.decisions or state.view != view else self._react(local, what)
            case Voter(), Deliver(Certifiable()):
                (noticed,) = super().step(local, event)
                return (replace(noticed, local=self._without_useless(noticed.local)),)
            case Voter(), Deliver(message):
                return self._react(local, Receive(message))
            case Voter(state), _:
                return () if state.decisions else self._voter(local, event)
            case _, Deliver():
                return super().step(local, event)
            case _:
                return ()

    def _notices(self, view: int, what: ViewTimeout | WaitOver) -> Iterator[Elapsed]:
        """Yield the notices of a strike: a wait concerns the leader alone."""
        waiting = (self._config(0).leader(INDEX, view),) if isinstance(what, WaitOver) else self.honest
        yield from (Elapsed(voter, view, what) for voter in waiting)

    def _voter(self, voter: Voter, event: AnyEvent) -> Sequence[Outcome]:  # noqa: PLR0911 - one case for each
        state = voter.state
        match event:
            case ViewTimeout() if state.view <= self.max_view:
                (after,) = self._react(voter, event)
                return after, replace(after, messages=())
            case ViewTimeout() | TraitorProposal() if state.view > self.max_view:
                return ()
            case TraitorCertificate() if state.view == self.last_view:
                return ()
            case TraitorTimeout() | TraitorVote() if state.view != self.max_view + 1:
                return ()
            case WaitOver():
                return self._react(voter, event) if state.view == self.max_view + 1 else ()
            case TraitorTimeout():
                lies = tuple(self._timeouts(voter))
            case TraitorVote():
                lies = tuple(self._votes(voter)) if state.leads else ()
            case TraitorProposal() | TraitorCertificate():
                return super()._voter(voter, event)
            case _:
                return ()
        return [outcome for message in lies for outcome in self._react(voter, Receive(message))]

    def _timeouts(self, voter: Voter) -> Iterator[Message]:
        me = voter.state.id
        for view in range(self.max_view, self.last_view):
            yield Timeout(self.leader, me, INDEX, view, None, b"signed by %d" % self.leader)

    def _votes(self, voter: Voter) -> Iterator[Message]:
        me, view = voter.state.id, voter.state.view
        for phase in (Phase.PREPARE, Phase.COMMIT):
            for digest in self.digests:
                yield Vote(self.leader, me, phase, INDEX, view, digest, b"signed by %d" % self.leader)

    def _reasons(self, voter: Voter) -> Iterator[tuple[bytes, Certificate | None]]:
        """Yield the proposals that a voter can receive; leaders prefer one digest, so the two aren't symmetric."""
        yield from ((digest, None) for digest in self.digests)
        yield from (reason for reason in super()._reasons(voter) if reason[1] is not None)

    def _react(self, voter: Voter, event: Event) -> Sequence[Outcome]:
        me, state, disk = voter.state.id, voter.state, voter.disk
        events, sent = [event], list[AnyMessage]()
        while events:
            output = step(state, events.pop(0))
            state, disk = output.state, disk if output.persist is None else disk.after(output.persist)
            events += [Receive(message) for message in output.send if message.dest == me]
            sent += [message for message in output.send if message.dest in self.honest and message.dest != me]
            sent += [Signed(m) for m in output.send if m.dest == self.leader and isinstance(m, Vote)]
        after = with_certificates(Voter(without_unread(state), without_unread(disk), voter.certified), ())
        after = self._without_useless(after)
        return () if after == voter and not sent else (Outcome(after, tuple(sent)),)

    def _without_useless(self, voter: Voter) -> Voter:
        """Return the voter without certificates of first votes, which count for nothing in good views."""
        if voter.state.view <= self.max_view:
            return voter
        return replace(voter, certified=frozenset(c for c in voter.certified if c.phase is Phase.COMMIT))
