"""The local state of a server of the explored store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quorate import raft as code
from quorate_check.raft.subject import CoreNode
from quorate_check.store.messages import RequestId


@dataclass(frozen=True, slots=True, order=True)
class Arrival:
    """A request as a server has it: from its client, or passed on by server `peer` under `number`."""

    request: RequestId
    peer: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Proposal:
    """A request that this server put into the log at `index`, in `term`."""

    index: int
    term: int
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that this server passed on under `number` to the leader of `term`, perhaps lost or not heard since."""

    number: int
    arrival: Arrival
    leader: int
    term: int
    is_lost: bool
    is_silent: bool


@dataclass(frozen=True, slots=True)
class MapHistory:
    """How a server's map came about: from the snapshot `base`, empty if there is none, and the commands since then.

    The first command has the index `first`; None is a no-op.
    """

    base: bytes = b""
    first: int = 1
    commands: tuple[bytes | None, ...] = ()

    @property
    def applied_index(self) -> int:
        """The index of the last entry that was applied."""
        return self.first + len(self.commands) - 1


@dataclass(frozen=True, slots=True)
class StoreServer:
    """A server's local state; `clock` is in milliseconds, `durable` as in quorate_check.raft.subject.CoreNode.

    `next_reads` wait for a round, `round_reads` are those of the round under way, `confirmed_reads` those of confirmed
    rounds with their read index. Where servers pass requests on, `unrouted` wait for a leader, `passed` for an answer
    of one, and `last_number` is the latest number; `arrivals` are all requests that have come, for a connection
    delivers none twice.
    """

    core: code.State
    map: MapHistory
    proposals: tuple[Proposal, ...] = ()
    next_reads: tuple[Arrival, ...] = ()
    round_reads: tuple[Arrival, ...] = ()
    confirmed_reads: tuple[tuple[int, tuple[Arrival, ...]], ...] = ()
    clock: int = 0
    unrouted: tuple[Arrival, ...] = ()
    passed: tuple[Waiting, ...] = ()
    last_number: int = 0
    arrivals: tuple[Arrival, ...] = ()
    durable: code.Durable | None = None

    @property
    def node(self) -> CoreNode:
        """The server without what its clients ask, as Raft's."""
        return CoreNode(self.core, self.durable)

    @property
    def awaited(self) -> frozenset[int]:
        """The peers to which requests were passed on, if no connection with them has ended since."""
        return frozenset(each.leader for each in self.passed if not each.is_lost)

    @property
    def pending(self) -> Iterator[Arrival]:
        """The requests that wait for anything here."""
        yield from (proposal.arrival for proposal in self.proposals)
        yield from (*self.next_reads, *self.round_reads)
        yield from (arrival for _, arrivals in self.confirmed_reads for arrival in arrivals)
        yield from self.unrouted
        yield from (each.arrival for each in self.passed)
