"""What must hold at every moment of a simulated run; each check watches one promise and knows nothing of the others."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from quorate.raft import (
    AppendEntriesReply,
    Configuration,
    Durable,
    InstallSnapshotReply,
    Log,
    NodeId,
    RequestVote,
    RequestVoteReply,
    Role,
    State,
)
from quorate.raft_server.interfaces import PeerMessage
from quorate.runtime.outcomes import Outcome
from simulation.loop import SimulationError

LATEST_ANSWER_S = 0.01  # beyond what the settings allow


class BrokenPromiseError(SimulationError):
    """A check failed; `check` is its name."""

    def __init__(self, check: str, detail: str) -> None:
        """Say which check, and what it saw."""
        super().__init__(f"{check}: {detail}")
        self.check = check


@dataclass
class Check:
    """Nothing is checked here: each check overrides what it wants to see."""

    name: ClassVar[str]

    def ended(self, node: NodeId) -> None:
        """Look at a node that has died."""

    def stopped(self, node: NodeId) -> None:
        """Look at a node that has ended because it was asked to, just before it dies."""

    def replaced(self, node: NodeId) -> None:
        """Look at a node whose disk was lost and has been replaced by another."""

    def callback(self, node: NodeId, state: State) -> None:
        """Look at a node after one of its callbacks."""

    def sends(self, message: PeerMessage, source: NodeId, dest: NodeId) -> None:
        """Look at a message that leaves."""

    def applied(self, node: NodeId, index: int, command: bytes, reply: bytes) -> None:
        """Look at what a state machine does."""

    def fail(self, detail: str) -> None:
        """Say that the promise is broken."""
        raise BrokenPromiseError(self.name, detail)


@dataclass
class OneLeaderPerTerm(Check):
    """Election Safety (Figure 3)."""

    name = "one leader per term"
    leaders: dict[int, NodeId] = field(default_factory=dict)

    def callback(self, node: NodeId, state: State) -> None:
        """Remember who leads."""
        if state.role is Role.LEADER and self.leaders.setdefault(state.current_term, node) != node:
            self.fail(f"nodes {self.leaders[state.current_term]} and {node} lead term {state.current_term}")


@dataclass
class OneVotePerTerm(Check):
    """No node votes for two candidates in one term (§5.2), whatever it forgets in a crash."""

    name = "one vote per term"
    votes: dict[tuple[NodeId, int], NodeId] = field(default_factory=dict)

    def replaced(self, node: NodeId) -> None:
        """Forget what the lost disk knew: a vote of it that somebody counted was for an earlier term than any of now.

        Otherwise there are two leaders of one term, which another check sees.
        """
        self.votes = {(voter, term): to for (voter, term), to in self.votes.items() if voter != node}

    def sends(self, message: PeerMessage, source: NodeId, dest: NodeId) -> None:
        """Remember who votes for whom; who stands for election votes for itself."""
        match message:
            case RequestVote():
                self._vote(source, message.term, source)
            case RequestVoteReply(vote_granted=True):
                self._vote(source, message.term, dest)
            case _:
                pass

    def _vote(self, node: NodeId, term: int, candidate: NodeId) -> None:
        first = self.votes.setdefault((node, term), candidate)
        if first != candidate:
            self.fail(f"node {node} votes for {first} and {candidate} in term {term}")


@dataclass
class NothingGoesBack(Check):
    """Within one run of a node, its term and its commit index only grow."""

    name = "nothing goes back"
    last: dict[NodeId, State] = field(default_factory=dict)

    def ended(self, node: NodeId) -> None:
        """Expect nothing of the next run."""
        self.last.pop(node, None)

    def callback(self, node: NodeId, state: State) -> None:
        """Compare with the callback before."""
        before = self.last.get(node)
        self.last[node] = state
        if before is None or before is state:
            return
        for what in ("current_term", "commit_index"):
            if getattr(state, what) < getattr(before, what):
                self.fail(f"{what} of node {node} goes from {getattr(before, what)} to {getattr(state, what)}")


@dataclass
class CommittedIsDurable(Check):
    """Whatever a node takes for committed is, or was until a disk was lost, on the disks of a quorum.

    The quorum is one of the configuration at that entry, or of a later one that some node has had: a leader counts by
    its latest. `nodes` are all that there have ever been.
    """

    name = "committed is durable"
    disks: Callable[[NodeId], Sequence[Durable]]
    nodes: Collection[NodeId]
    seen: dict[NodeId, int] = field(default_factory=dict)
    configurations: dict[int, list[Configuration]] = field(default_factory=dict)

    def callback(self, node: NodeId, state: State) -> None:
        """Look at the last committed entry if it is new."""
        for at, configuration in state.log.configurations:
            if configuration not in (others := self.configurations.setdefault(at, [])):
                others.append(configuration)
        index = state.commit_index
        if index <= self.seen.get(node, 0):
            return
        self.seen[node] = index
        term = state.log.term_at(index)
        logs = {member: [disk.log for disk in self.disks(member)] for member in self.nodes}
        holders = [m for m, held in logs.items() if any(_holds(log, index, term) for log in held)]
        first = state.log.configuration_at(index) or state.config.first_configuration
        later = [each for at, others in self.configurations.items() if at > index for each in others]
        if not any(configuration.is_quorum(holders) for configuration in (first, *later)):
            self.fail(f"node {node} takes entry {index} of term {term} for committed, but only {holders} hold it")


def _holds(log: Log, index: int, term: int | None) -> bool:
    return log.snapshot_index >= index or log.term_at(index) == term


@dataclass
class DurableBeforeSent(Check):
    """What a message vouches for is on its sender's disk when it leaves (quorate.raft.output)."""

    name = "durable before sent"
    disks: Callable[[NodeId], Durable]

    def sends(self, message: PeerMessage, source: NodeId, dest: NodeId) -> None:
        """Compare votes and acknowledgements with the disk. One that has gone on to a later term says nothing."""
        disk = self.disks(source)
        match message:
            case RequestVote():
                kept = disk.voted_for == source
            case RequestVoteReply(vote_granted=True):
                kept = disk.voted_for == dest
            case AppendEntriesReply(success=True) | InstallSnapshotReply():
                kept = disk.log.last_index >= message.match_index
            case _:
                return
        if disk.current_term < message.term or (disk.current_term == message.term and not kept):
            held = f"term {disk.current_term}, vote {disk.voted_for}, last index {disk.log.last_index}"
            self.fail(f"node {source} sends {message} while its disk holds {held}")


@dataclass
class AppliedAgree(Check):
    """State Machine Safety (Figure 3): one command for each index, on all nodes and in all their lives."""

    name = "applied commands agree"
    first: dict[int, tuple[NodeId, bytes, bytes]] = field(default_factory=dict)

    def applied(self, node: NodeId, index: int, command: bytes, reply: bytes) -> None:
        """Compare with whoever applied the index first; equal commands give equal replies, too."""
        first, *what = self.first.setdefault(index, (node, command, reply))
        if what != [command, reply]:
            self.fail(f"at {index}, node {first} applied {what}, node {node} {[command, reply]}")


@dataclass
class Asked:
    """A request given to a server, until it has an outcome."""

    node: NodeId
    payload: bytes
    deadline: float
    outcome: Outcome | None = None


@dataclass
class AnsweredOnceInTime(Check):
    """Every request that a living server takes has exactly one outcome, in bounded time."""

    name = "answered once, in time"
    now: Callable[[], float]
    resumed: dict[NodeId, float] = field(default_factory=dict)
    waiting: dict[int, Asked] = field(default_factory=dict)

    def ended(self, node: NodeId) -> None:
        """Expect no answers any more."""
        self.waiting = {key: asked for key, asked in self.waiting.items() if asked.node != node}

    def stopped(self, node: NodeId) -> None:
        """Expect that everybody has been told."""
        if untold := [asked.payload for asked in self.waiting.values() if asked.node == node]:
            self.fail(f"node {node} has ended without a word about {untold}")

    def asked(self, node: NodeId, payload: bytes, within_s: float) -> Asked:
        """Expect an outcome; a time in which the node is paused doesn't count."""
        asked = Asked(node, payload, self.now() + within_s + LATEST_ANSWER_S)
        self.waiting[id(asked)] = asked
        return asked

    def answered(self, asked: Asked, outcome: Outcome) -> None:
        """Note the outcome."""
        if asked.outcome is not None:
            self.fail(f"node {asked.node} says of {asked.payload!r} first {asked.outcome}, then {outcome}")
        asked.outcome = outcome
        self.waiting.pop(id(asked), None)
        self._judge(asked, f"says {outcome} only at {self.now():.3f} s")

    def look(self, paused: frozenset[NodeId]) -> None:
        """Look for requests that should have been answered by now."""
        for asked in self.waiting.values():
            if asked.node not in paused:
                self._judge(asked, f"has said nothing at {self.now():.3f} s")

    def _judge(self, asked: Asked, what: str) -> None:
        latest = max(asked.deadline, self.resumed.get(asked.node, 0.0) + LATEST_ANSWER_S)
        if self.now() > latest:
            self.fail(f"node {asked.node} {what} of {asked.payload!r}, which was due at {latest:.3f} s")


def judge_sentence(sentence: str, attempted: Sequence[str], acknowledged: Sequence[str]) -> None:
    """Judge what clients have appended in sessions, words like <this>: what was acknowledged is there, once."""
    found = Counter(f"<{word}" for word in sentence.split("<")[1:])
    if doubled := sorted(word for word, times in found.items() if times > 1):
        raise BrokenPromiseError("done once in a session", f"{doubled} are there more than once")
    if lost := [word for word in acknowledged if word not in found]:
        raise BrokenPromiseError("nothing acknowledged is lost", f"{lost} are not there")
    if made_up := sorted(set(found) - set(attempted)):
        raise BrokenPromiseError("nothing is made up", f"nobody has written {made_up}")
