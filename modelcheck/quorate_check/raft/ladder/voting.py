"""One position of a replicated log, three honest servers and a traitor, under a set of rules: a small model.

The traitor is the only candidate: a proposal that servers accept from an honest leader they would accept from the
traitor as well. Signatures aren't withdrawn, so a certificate exists as soon as enough servers have signed; the
traitor's signature is always available. The traitor has no state.

A step is taken by one honest server: it leaves its term, votes for the traitor, accepts a proposal, gives its second
vote to a prepare certificate, or learns that its value is committed. A step may use certificates that it completes
itself, so a proposal that completes a commit may commit at once. A server starts in term 1.

The model is independent of the core because from rung 12 on the rules are no longer Raft's.
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
HONEST_SIGNATURES = QUORUM - 1  # the traitor signs anything
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
    """The value in a server's log, proposed by the leader of `term`."""

    term: int
    value: str


@dataclass(frozen=True, slots=True)
class SignedVote:
    """A signed vote for the traitor in `term`, with the voter's log or None."""

    term: int
    log: HeldValue | None


@dataclass(frozen=True, slots=True)
class HonestServer:
    """An honest server: its term, its log, and its signed votes, acknowledgements and second votes (`prepared`)."""

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
    """A possible step of `server`; `value` is the traitor's proposal in the server's term."""

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

    Without `named`, clusters that differ only in the order of servers are equal: fewer states, but unreadable paths.
    """

    rules: frozenset[VotingRule]
    max_term: int
    named: bool = True

    def step(self, cluster: Cluster, event: Event) -> tuple[Outcome, ...]:
        """Return the outcomes of `event`, those in which the server commits at once included."""
        voter = cluster[event.server - 1]
        outcomes = []
        for after in self._after(cluster, voter, event):
            cluster_after = (*cluster[: event.server - 1], after, *cluster[event.server :])
            outcomes.append(self._outcome(cluster_after))
            if event.kind in {StepKind.PROPOSE, StepKind.PREPARE} and self._sees_commit(cluster_after, after):
                cluster_after = (*cluster[: event.server - 1], commit(after), *cluster[event.server :])
                outcomes.append(self._outcome(cluster_after))
        return tuple(outcomes)

    def _outcome(self, cluster: Cluster) -> Outcome:
        return Outcome(cluster if self.named else tuple(sorted(cluster, key=sort_key)))

    def _after(self, cluster: Cluster, voter: HonestServer, event: Event) -> Iterator[HonestServer]:
        match event.kind:
            case StepKind.TIME_OUT:
                if voter.term < self.max_term:
                    yield replace(voter, term=voter.term + 1)
            case StepKind.ELECT:
                yield from self._vote(voter)
            case StepKind.PROPOSE:
                proposal = HeldValue(voter.term, event.value)
                if self._acceptable(cluster, voter, proposal):
                    yield replace(voter, log=proposal, acked=voter.acked | {proposal})
            case StepKind.PREPARE:
                yield from self._prepare(cluster, voter)
            case StepKind.LEARN:
                if self._sees_commit(cluster, voter):
                    yield commit(voter)
            case _:
                assert_never(event.kind)

    def _vote(self, voter: HonestServer) -> Iterator[HonestServer]:
        """Yield the server after its only vote in its term."""
        needs_votes = VotingRule.ELECTION_CERTIFICATE in self.rules
        if needs_votes and all(vote.term < voter.term for vote in voter.votes):
            signed_log = voter.log if VotingRule.BEST_LOG in self.rules else None
            yield replace(voter, votes=voter.votes | {SignedVote(voter.term, signed_log)})

    def _acceptable(self, cluster: Cluster, voter: HonestServer, entry: HeldValue) -> bool:
        contradicts = voter.committed not in {None, entry.value}
        second_acknowledgement = VotingRule.ACK_ONCE in self.rules and any(e.term == entry.term for e in voter.acked)
        if contradicts or second_acknowledgement or entry == voter.log or not self._elected(cluster, entry.term):
            return False
        return self._extends_best_log(cluster, entry) and self._respects_lock(cluster, voter, entry)

    def _elected(self, cluster: Cluster, term: int) -> bool:
        if VotingRule.ELECTION_CERTIFICATE not in self.rules:
            return True
        return sum(any(vote.term == term for vote in v.votes) for v in cluster) >= HONEST_SIGNATURES

    def _extends_best_log(self, cluster: Cluster, entry: HeldValue) -> bool:
        """Whether among the logs of some quorum of the leader's voters one with the entry's value is a best one."""
        if VotingRule.BEST_LOG not in self.rules:
            return True
        signed_logs = [vote.log for voter in cluster for vote in voter.votes if vote.term == entry.term]
        return any(is_best(entry.value, logs) for logs in combinations(signed_logs, HONEST_SIGNATURES))

    def _respects_lock(self, cluster: Cluster, voter: HonestServer, entry: HeldValue) -> bool:
        if VotingRule.LOCK not in self.rules or not voter.lock:
            return True
        terms = range(voter.lock, entry.term)
        return any(signed(cluster, HeldValue(term, entry.value)) for term in terms)

    def _prepare(self, cluster: Cluster, voter: HonestServer) -> Iterator[HonestServer]:
        """Yield the server after its second vote for its value, if there is a certificate of that in its term."""
        entry = voter.log
        if VotingRule.PREPARE not in self.rules or entry is None or entry in voter.prepared:
            return
        if entry.term == voter.term and signed(cluster, entry):
            yield replace(voter, prepared=voter.prepared | {entry})

    def _sees_commit(self, cluster: Cluster, voter: HonestServer) -> bool:
        """Whether `voter` can learn in `cluster` that its value is committed, and hasn't applied it yet."""
        entry = voter.log
        if entry is None or voter.committed is not None:
            return False
        if VotingRule.PREPARE in self.rules:
            return sum(entry in v.prepared for v in cluster) >= HONEST_SIGNATURES
        # Without the rule a leader's commit index is believed.
        return VotingRule.BROADCAST_ACKS not in self.rules or signed(cluster, entry)


@cache
def sort_key(voter: HonestServer) -> str:
    """Return the sort key of a server without a name: any total order on states will do."""
    sets = (sorted(map(repr, signed)) for signed in (voter.votes, voter.acked, voter.prepared))
    return repr((voter.term, voter.log, *sets, voter.committed))


def commit(voter: HonestServer) -> HonestServer:
    """Return `voter` after it has applied its value."""
    assert voter.log is not None, "only what a server holds is committed"
    return replace(voter, committed=voter.log.value)


def signed(cluster: Cluster, entry: HeldValue) -> bool:
    """Return whether a quorum, the traitor in it, has acknowledged `entry`."""
    return sum(entry in voter.acked for voter in cluster) >= HONEST_SIGNATURES


def is_best(value: str, logs: tuple[HeldValue | None, ...]) -> bool:
    """Return whether a newest log of `logs` has `value`, or all are empty."""
    values = [log for log in logs if log is not None]
    newest = max((log.term for log in values), default=0)
    return not values or HeldValue(newest, value) in values
