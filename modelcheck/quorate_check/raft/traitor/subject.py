"""The Raft core with one server that lies: any lie can arrive at any honest server, at any time.

The last server of the cluster is the traitor. It has no node, no state and no messages in flight: a lie is a
spontaneous event of the receiver, so the traitor can lie differently to every server, any number of times. Messages of
honest servers to it are lost, since its lies don't depend on them. For invariants this is sound: a traitor whose lies
depended on messages could send no lie that isn't possible here.

A message for which the core raises RemoteError changes nothing, as in a running server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial

from quorate.raft import AppendEntries, AppendEntriesReply, Entry, Message, RequestVote, RequestVoteReply
from quorate.raft.errors import RemoteError
from quorate_check.core.system import Defer, Deliver, Outcome, Spontaneous
from quorate_check.raft.subject import Adapter, CheckerEvent, CoreNode
from quorate_check.raft.symmetry import Permutation, rename_message, rename_server


class Traitor(Enum):
    """The kind of lies that the traitor sends; it sends nothing else."""

    SILENT = "silent"
    VOTE = "vote"  # votes for every candidate, any number of times in a term
    ACK = "ack"  # acknowledges entries that it doesn't have, and votes once in a term
    ACK_WITHOUT_VOTES = "ack-without-votes"
    FORGE = "forge"  # sends AppendEntries without an election
    VOTE_AND_ACK = "vote-and-ack"
    ALL = "all"  # all of these, and becomes a candidate


VOTES_FREELY = {Traitor.VOTE, Traitor.VOTE_AND_ACK, Traitor.ALL}
VOTES = {Traitor.ACK, *VOTES_FREELY}
ACKS = {Traitor.ACK, Traitor.ACK_WITHOUT_VOTES, Traitor.VOTE_AND_ACK, Traitor.ALL}
FORGES = {Traitor.FORGE, Traitor.ALL}


@dataclass(frozen=True, slots=True)
class TraitorVote:
    """The traitor's vote in `term` for the server that receives it."""

    term: int

    def message_to(self, dest: int, traitor: int) -> Message:
        """Return the message that server `dest` receives from server `traitor`."""
        return RequestVoteReply(traitor, dest, self.term, vote_granted=True)


@dataclass(frozen=True, slots=True)
class Ack:
    """The traitor's acknowledgement in `term` that it holds the receiver's log up to `match_index`."""

    term: int
    match_index: int

    def message_to(self, dest: int, traitor: int) -> Message:
        """Return the message that server `dest` receives from server `traitor`."""
        return AppendEntriesReply(traitor, dest, self.term, success=True, match_index=self.match_index)


@dataclass(frozen=True, slots=True)
class Candidacy:
    """The traitor's candidacy in `term`, with any last log index and term."""

    term: int
    last_log_index: int
    last_log_term: int

    def message_to(self, dest: int, traitor: int) -> Message:
        """Return the message that server `dest` receives from server `traitor`."""
        return RequestVote(traitor, dest, self.term, self.last_log_index, self.last_log_term)


@dataclass(frozen=True, slots=True)
class Forgery:
    """The traitor's AppendEntries, from a leader that nobody elected."""

    term: int
    prev_log_index: int
    prev_log_term: int
    entries: tuple[Entry, ...]
    leader_commit: int

    def message_to(self, dest: int, traitor: int) -> Message:
        """Return the message that server `dest` receives from server `traitor`."""
        position = (self.term, self.prev_log_index, self.prev_log_term)
        return AppendEntries(traitor, dest, *position, self.entries, self.leader_commit)


Lie = TraitorVote | Ack | Candidacy | Forgery


@dataclass(frozen=True, slots=True)
class TraitorAdapter:
    """The step function of one honest server in a cluster with the traitor."""

    honest: Adapter

    @property
    def traitor(self) -> int:
        """The id of the traitor: the last member."""
        return self.honest.config.members[-1]

    def initial(self) -> tuple[CoreNode, ...]:
        """Return the honest servers of a new cluster."""
        return self.honest.initial()[:-1]

    def step(self, server: CoreNode, event: CheckerEvent | Lie) -> tuple[Outcome | Defer, ...]:
        """Return the outcomes of `event` at `server`; a lie that changes nothing is no step."""
        if isinstance(event, Lie):
            outcomes = self._receive(server, event.message_to(server.state.id, self.traitor))
            return tuple(o for o in outcomes if o != Outcome(server))
        if isinstance(event, Deliver):
            return self._receive(server, event.message)
        return tuple(map(self._without_traitor, self.honest.step(server, event)))

    def _receive(self, server: CoreNode, message: Message) -> tuple[Outcome | Defer, ...]:
        try:
            return tuple(map(self._without_traitor, self.honest.step(server, Deliver(message))))
        except RemoteError:
            return (Outcome(server),)

    def _without_traitor(self, outcome: Outcome | Defer) -> Outcome | Defer:
        if isinstance(outcome, Defer):
            return outcome
        messages = tuple(m for m in outcome.messages if m.dest != self.traitor)
        return Outcome(outcome.local, messages)


def lies(traitor: Traitor, number: int, max_term: int, max_log: int) -> Iterator[Spontaneous]:
    """Yield every lie of kind `traitor` by the server with id `number`, with terms and indices within the bounds."""
    terms = range(1, max_term + 1)
    for term in terms:
        if traitor in VOTES_FREELY:
            yield Spontaneous(TraitorVote(term))
        if traitor is Traitor.ACK:
            yield Spontaneous(TraitorVote(term), vote_budget(term))
        if traitor in ACKS:
            yield from (Spontaneous(Ack(term, index)) for index in range(1, max_log + 1))
        if traitor is Traitor.ALL:
            yield from (Spontaneous(Candidacy(term, i, t)) for i, t in positions(term - 1, max_log))
        if traitor in FORGES:
            yield from map(Spontaneous, forgeries(number, term, max_log))


def vote_budget(term: int) -> str:
    """Return the name of the budget that lets the traitor vote once in `term`."""
    return f"votes_in_term_{term}"


def positions(max_term: int, max_log: int) -> Iterator[tuple[int, int]]:
    """Yield index and term of every last entry that a log may have, those of an empty log first."""
    yield 0, 0
    yield from ((index, term) for index in range(1, max_log + 1) for term in range(1, max_term + 1))


def forgeries(number: int, term: int, max_log: int) -> Iterator[Forgery]:
    """Yield every AppendEntries of `term` with at most one entry: a longer one does what several of these do.

    The traitor has two commands, one for each of two servers that it wants to disagree.
    """
    for index, prev_term in positions(term, max_log):
        for commit in range(max_log + 1):
            yield Forgery(term, index, prev_term, (), commit)
            for entry_term in range(max(1, prev_term), term + 1) if index < max_log else ():
                for command in (number, number + 1):
                    yield Forgery(term, index, prev_term, (Entry(entry_term, b"%d" % command),), commit)


def renamings(traitor: int) -> tuple[partial[CoreNode], partial[Message]]:
    """Return the renaming of servers and that of messages; the traitor's id and commands stay as they are."""
    return partial(_rename_server, traitor), partial(_rename_message, traitor)


def _rename_server(traitor: int, server: CoreNode, p: Permutation) -> CoreNode:
    return rename_server(server, _full_permutation(traitor, p))


def _rename_message(traitor: int, message: Message, p: Permutation) -> Message:
    return rename_message(message, _full_permutation(traitor, p))


def _full_permutation(traitor: int, p: Permutation) -> Permutation:
    return (*p, traitor - 1, traitor)
