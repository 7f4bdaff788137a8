"""One position of a replicated log, three honest servers and a traitor, under a set of rules: a small model.

The traitor leads every term in which it is elected, and nobody else stands: all that an honest leader could have others
accept, a traitor in its place can have them accept too. What is signed is never withdrawn, so a certificate exists as
soon as enough servers have signed; the traitor's own signature is always among them. It has no state here.

A step is what one honest server does: it lets a term pass, votes for the traitor, takes a proposal from it, answers a
prepare certificate, or sees that what it holds is committed. What can be seen at the moment of a step may be seen in
it, so a proposal that completes a commit may commit. A server starts in term 1.

It shares no rule with the core on purpose: from rung 12 on the rules are no longer Raft's, so there is no core to ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from itertools import combinations
from typing import assert_never

from quorate_check.core.system import Outcome

HONEST = (1, 2, 3)
TRAITOR = 4
QUORUM = 3  # of the four
TOLD_BY_HONEST = QUORUM - 1  # the traitor signs whatever it likes
VALUES = ("x", "y")


class VotingRule(Enum):
    """A rule that an honest server follows."""

    ELECTION_CERTIFICATE = "a proposal shows signed votes of a quorum in its term"
    BROADCAST_ACKS = "a commit shows signed acknowledgements of a quorum, all of one term and value"
    ACK_ONCE = "a server acknowledges one value in a term"
    BEST_LOG = "a proposal extends the best of the signed logs that its voters showed"
    PREPARE = "a commit shows a quorum of second votes, each given to a prepare certificate"
    LOCK = "a second vote locks: against it goes only a certificate that isn't older"


@dataclass(frozen=True, slots=True)
class HeldValue:
    """A value that a server holds at the one position, from the leader of `term`."""

    term: int
    value: str


@dataclass(frozen=True, slots=True)
class SignedVote:
    """A vote for the traitor in `term`, and the log that its voter showed, signed."""

    term: int
    log: HeldValue | None


@dataclass(frozen=True, slots=True)
class HonestServer:
    """An honest server: `votes`, `acked` and `prepared` are what it has signed, `log` is what it holds now."""

    term: int = 1
    log: HeldValue | None = None
    votes: frozenset[SignedVote] = frozenset()
    acked: frozenset[HeldValue] = frozenset()
    prepared: frozenset[HeldValue] = frozenset()
    committed: str | None = None

    @property
    def lock(self) -> int:
        """The term of the newest certificate that it gave its second vote to, 0 if there is none."""
        return max((entry.term for entry in self.prepared), default=0)


Cluster = tuple[HonestServer, ...]
START: Cluster = (HonestServer(),) * len(HONEST)


class StepKind(Enum):
    """The kinds of step that an honest server takes, each with a phrase for it."""

    TIME_OUT = "gives up on its term"
    ELECT = f"votes for the traitor s{TRAITOR}"
    PROPOSE = "takes a proposal"
    PREPARE = "sees a quorum of acknowledgements"
    LEARN = "sees that what it holds is committed"


@dataclass(frozen=True, slots=True)
class Event:
    """What `server` may do next; `value` is what it takes from the traitor, as leader of the server's term."""

    kind: StepKind
    server: int
    value: str = ""


def events_of(server: int) -> tuple[Event, ...]:
    """Return all events of `server`."""
    proposals = (Event(StepKind.PROPOSE, server, value) for value in VALUES)
    before, after = (StepKind.TIME_OUT, StepKind.ELECT), (StepKind.PREPARE, StepKind.LEARN)
    return (*(Event(kind, server) for kind in before), *proposals, *(Event(kind, server) for kind in after))


EVENTS = tuple(event for server in HONEST for event in events_of(server))


@dataclass(frozen=True, slots=True)
class Voting:
    """The step function under `rules`, up to `max_term`.

    Without `named`, clusters that differ only in the servers' names are one: fewer states, and no path worth reading.
    """

    rules: frozenset[VotingRule]
    max_term: int
    named: bool = True

    def step(self, cluster: Cluster, event: Event) -> tuple[Outcome, ...]:
        """Return what the server that `event` names may do, and then at once see to be committed."""
        voter = cluster[event.server - 1]
        outcomes = []
        for after in self._after(cluster, voter, event):
            changed = (*cluster[: event.server - 1], after, *cluster[event.server :])
            outcomes.append(self._outcome(changed))
            if event.kind in {StepKind.PROPOSE, StepKind.PREPARE} and self._sees_commit(changed, after):
                changed = (*cluster[: event.server - 1], commit(after), *cluster[event.server :])
                outcomes.append(self._outcome(changed))
        return tuple(outcomes)

    def _outcome(self, cluster: Cluster) -> Outcome:
        return Outcome(cluster if self.named else tuple(sorted(cluster, key=place)))

    def _after(self, cluster: Cluster, voter: HonestServer, event: Event) -> Iterator[HonestServer]:
        match event.kind:
            case StepKind.TIME_OUT:
                if voter.term < self.max_term:
                    yield replace(voter, term=voter.term + 1)
            case StepKind.ELECT:
                yield from self._vote(voter)
            case StepKind.PROPOSE:
                proposed = HeldValue(voter.term, event.value)
                if self._acceptable(cluster, voter, proposed):
                    yield replace(voter, log=proposed, acked=voter.acked | {proposed})
            case StepKind.PREPARE:
                yield from self._prepare(cluster, voter)
            case StepKind.LEARN:
                if self._sees_commit(cluster, voter):
                    yield commit(voter)
            case _:
                assert_never(event.kind)

    def _vote(self, voter: HonestServer) -> Iterator[HonestServer]:
        """Yield the server after its only vote in its term."""
        needed = VotingRule.ELECTION_CERTIFICATE in self.rules
        if needed and all(vote.term < voter.term for vote in voter.votes):
            shown = voter.log if VotingRule.BEST_LOG in self.rules else None
            yield replace(voter, votes=voter.votes | {SignedVote(voter.term, shown)})

    def _acceptable(self, cluster: Cluster, voter: HonestServer, entry: HeldValue) -> bool:
        contradicts = voter.committed not in {None, entry.value}
        again = VotingRule.ACK_ONCE in self.rules and any(e.term == entry.term for e in voter.acked)
        if contradicts or again or entry == voter.log or not self._elected(cluster, entry.term):
            return False
        return self._extends_best_log(cluster, entry) and self._respects_lock(cluster, voter, entry)

    def _elected(self, cluster: Cluster, term: int) -> bool:
        if VotingRule.ELECTION_CERTIFICATE not in self.rules:
            return True
        return sum(any(vote.term == term for vote in v.votes) for v in cluster) >= TOLD_BY_HONEST

    def _extends_best_log(self, cluster: Cluster, entry: HeldValue) -> bool:
        """Whether some voters of its leader showed logs of which none is better than one with the entry's value."""
        if VotingRule.BEST_LOG not in self.rules:
            return True
        shown = [vote.log for voter in cluster for vote in voter.votes if vote.term == entry.term]
        return any(is_best(entry.value, logs) for logs in combinations(shown, TOLD_BY_HONEST))

    def _respects_lock(self, cluster: Cluster, voter: HonestServer, entry: HeldValue) -> bool:
        if VotingRule.LOCK not in self.rules or not voter.lock:
            return True
        terms = range(voter.lock, entry.term)
        return any(signed(cluster, HeldValue(term, entry.value)) for term in terms)

    def _prepare(self, cluster: Cluster, voter: HonestServer) -> Iterator[HonestServer]:
        """Yield the server after its second vote for what it holds, if there is a certificate for that in its term."""
        entry = voter.log
        if VotingRule.PREPARE not in self.rules or entry is None or entry in voter.prepared:
            return
        if entry.term == voter.term and signed(cluster, entry):
            yield replace(voter, prepared=voter.prepared | {entry})

    def _sees_commit(self, cluster: Cluster, voter: HonestServer) -> bool:
        """Whether `voter` can learn in `cluster` that the entry it holds is committed, and hasn't applied it yet."""
        entry = voter.log
        if entry is None or voter.committed is not None:
            return False
        if VotingRule.PREPARE in self.rules:
            return sum(entry in v.prepared for v in cluster) >= TOLD_BY_HONEST
        # Without the rule a leader's commit index is believed.
        return VotingRule.BROADCAST_ACKS not in self.rules or signed(cluster, entry)


@cache
def place(voter: HonestServer) -> str:
    """Return the sort key of a server without a name: any total order on states will do."""
    sets = (sorted(map(repr, signed)) for signed in (voter.votes, voter.acked, voter.prepared))
    return repr((voter.term, voter.log, *sets, voter.committed))


def commit(voter: HonestServer) -> HonestServer:
    """Return `voter` after it has applied what it holds."""
    assert voter.log is not None, "only what a server holds is committed"
    return replace(voter, committed=voter.log.value)


def signed(cluster: Cluster, entry: HeldValue) -> bool:
    """Return whether a quorum, the traitor in it, has acknowledged `entry`."""
    return sum(entry in voter.acked for voter in cluster) >= TOLD_BY_HONEST


def is_best(value: str, logs: tuple[HeldValue | None, ...]) -> bool:
    """Return whether no log of `logs` is better than one of them that holds `value`; all may be empty."""
    held = [log for log in logs if log is not None]
    newest = max((log.term for log in held), default=0)
    return not held or HeldValue(newest, value) in held
