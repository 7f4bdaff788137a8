"""The output of a step, and the contract about it: write, then send (`quorate.disk` is the contract as code).

The driver, or the checker's model of it, must do this:

1. `persist` is one atomic write: after a crash the disk has all of it, or nothing. Writes become durable in the order
   of steps. A crash may lose any number of the latest writes.
2. `send_now` may leave at once. These messages promise nothing about the sender's disk: a leader counts its own disk
      separately, and a pre-vote is not a vote.
3. `send_when_durable` may leave only when this step's write *and all earlier ones* are durable. It has votes, requests
   for votes and acknowledgements, also those of a step without a write, for they vouch for earlier writes.
4. Once a write is durable, its `confirmation` is a new event for the core.
5. First `install`, if given, replaces the state machine; then the entries of `apply` are applied, in order, once.
   This need not wait for `persist`: committed entries are durable on a majority.
6. Once the state machine has applied the read index of `reads`, it may answer the reads that had arrived when that
   round began.

Messages may be lost at any point, also by the driver.
"""

from dataclasses import dataclass, replace

from quorate.raft.configuration import NodeId
from quorate.raft.events import Persisted
from quorate.raft.log import Log
from quorate.raft.messages import Entry, Message, Snapshot
from quorate.raft.state import State


@dataclass(frozen=True, slots=True)
class Persist:
    """One atomic write: term and vote; `entries`, which replace the log from `first_index` on; and a snapshot.

    A `snapshot` replaces all entries up to its last index, and the earlier snapshot.
    """

    current_term: int
    voted_for: NodeId | None
    first_index: int
    entries: tuple[Entry, ...] = ()
    snapshot: Snapshot | None = None

    @property
    def confirmation(self) -> Persisted | None:
        """The event for the core when this write is durable; None if the write doesn't change the log."""
        if self.entries:
            return Persisted(self.entries[-1].term, self.first_index + len(self.entries) - 1)
        if self.snapshot is not None:
            return Persisted(self.snapshot.last_included_term, self.snapshot.last_included_index)
        return None


@dataclass(frozen=True, slots=True)
class Durable:
    """The contents of the disk: the persistent state of Figure 2."""

    current_term: int = 0
    voted_for: NodeId | None = None
    log: Log = Log()  # noqa: RUF009  # a value, as immutable as the 0 above

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot before the log's first entry, if any."""
        return self.log.snapshot

    def after(self, persist: Persist) -> "Durable":
        """The contents after the write `persist`: every storage must agree with this function."""
        log = self.log.truncate_from(persist.first_index)
        if persist.snapshot is not None:
            log = log.compact(persist.snapshot)
        return Durable(persist.current_term, persist.voted_for, log.append(persist.entries))


@dataclass(frozen=True, slots=True)
class ConfirmedReads:
    """A quorum confirmed that this server led when it began `round`, with the commit index `index` (§6.4)."""

    round: int
    index: int


@dataclass(frozen=True, slots=True)
class Output:
    """The state after one step, and what the driver must do.

    The last entry of `apply` is at `state.last_applied`. `reset_election_timer` asks for a whole new election timeout:
    a leader was heard, a vote was granted, an election began, or a leader stepped down.
    """

    state: State
    persist: Persist | None = None
    send_now: tuple[Message, ...] = ()
    send_when_durable: tuple[Message, ...] = ()
    install: Snapshot | None = None
    apply: tuple[Entry, ...] = ()
    reset_election_timer: bool = False
    reads: ConfirmedReads | None = None

    @property
    def first_apply_index(self) -> int:
        """The index of the first entry of `apply`."""
        return self.state.last_applied - len(self.apply) + 1


def settle(before: State, output: Output) -> Output:
    """The output of a handler, completed with the write and the entries to apply.

    Both follow from comparing the states, only here, so that no handler can forget to persist.
    """
    after = output.state
    if after is before:
        return output
    persist = _difference(before, after)
    apply: tuple[Entry, ...] = ()
    if after.last_applied < after.commit_index:
        apply = after.log.slice(after.last_applied + 1, after.commit_index)
        after = replace(after, last_applied=after.commit_index)
    elif persist is None:
        return output
    return Output(
        after,
        persist,
        output.send_now,
        output.send_when_durable,
        output.install,
        apply,
        output.reset_election_timer,
        output.reads,
    )


def _difference(before: State, after: State) -> Persist | None:
    same_vote = (after.current_term, after.voted_for) == (before.current_term, before.voted_for)
    # A log that changes nothing returns itself (`append`, `truncate_from`), so no write here changes nothing.
    if after.log is before.log and same_vote:
        return None
    first = after.log.first_difference(before.log)
    return Persist(
        current_term=after.current_term,
        voted_for=after.voted_for,
        first_index=first,
        entries=after.log.slice(first, after.log.last_index),
        snapshot=None if after.snapshot == before.snapshot else after.snapshot,
    )
