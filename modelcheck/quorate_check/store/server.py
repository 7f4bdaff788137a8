"""A server of the explored store: the core, the map, and what decides when a client gets an answer.

What runs is the code of a server: `quorate.raft.step`, the state machine `KeyValueMachine` with its sessions, and the
server's `Applier`, `Proposals` and `PendingReads`, which are made anew for each step from the local state. Only the
order of their calls is repeated here; it is that of `quorate.raft_server.driver`.

Left out are: forwarding (a server that doesn't lead ignores requests), deadlines of requests, the disk that is behind
(a step is durable at once) and, unless `late_apply` is set, entries that wait to be applied.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from quorate import raft as code
from quorate.disk import add
from quorate.raft_server.applier import Applier
from quorate.raft_server.reads import PendingReads
from quorate.runtime.outcomes import Done
from quorate.runtime.outcomes import Outcome as ClientOutcome
from quorate.runtime.requests import Proposals, Request, RequestPhase
from quorate.store.clock import Clock
from quorate.store.machine import KeyValueMachine
from quorate_check.core.system import Deliver, Outcome
from quorate_check.raft.subject import Compact, Restart
from quorate_check.store.clients import Scripts, is_write, payload
from quorate_check.store.messages import Answer, Ask, RequestId

NO_DIGESTS: Final = 1 << 60  # entries between two digests


@dataclass(frozen=True, slots=True)
class Apply:
    """The server applies the entries that it knows to be committed."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The server's clock goes on by a millisecond."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A request that this server put into the log at `index`, in `term`."""

    index: int
    term: int
    request: RequestId


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
    """A server's local state; `clock` is in milliseconds.

    `next_reads` wait for a round, `round_reads` are those of the round under way, `confirmed_reads` those of confirmed
    rounds with their read index.
    """

    core: code.State
    map: MapHistory
    proposals: tuple[Proposal, ...] = ()
    next_reads: tuple[RequestId, ...] = ()
    round_reads: tuple[RequestId, ...] = ()
    confirmed_reads: tuple[tuple[int, tuple[RequestId, ...]], ...] = ()
    clock: int = 0


class RebuiltMap:
    """The state machine `KeyValueMachine` with its history, from which each step makes it anew (StateMachine)."""

    def __init__(self, history: MapHistory, clock: int) -> None:
        """Begin with what a server has applied; nothing runs before it is needed."""
        self.history, self._clock = history, clock

    @cached_property
    def _machine(self) -> KeyValueMachine:
        clock = self._clock
        machine = KeyValueMachine(Clock(lambda: clock, lambda: 0))
        if self.history.base:
            machine.restore(self.history.base)
        for index, command in enumerate(self.history.commands, start=self.history.first):
            if command is not None:
                machine.apply(index, command)
        return machine

    def stamped(self, command: bytes) -> bytes:
        """Return the log entry of a command."""
        return self._machine.stamped(command)

    def is_late(self, query: bytes) -> bool:
        """Whether the query needs a later time than the log has reached."""
        return self._machine.is_late(query)

    def query(self, query: bytes) -> bytes:
        """Return the reply to a query."""
        return self._machine.query(query)

    @property
    def has_expired(self) -> bool:
        """Whether a key's deadline has passed by this server's clock."""
        return self._machine.has_expired

    def passing(self) -> bytes:
        """Return a log entry that only lets time pass."""
        return self._machine.passing()

    def apply(self, index: int, command: bytes) -> bytes:
        """Apply a command and return its reply."""
        return self._machine.apply(index, command)

    def note(self, entries: Iterable[code.Entry]) -> None:
        """Record entries that were applied."""
        commands = (*self.history.commands, *(entry.command for entry in entries))
        self.history = replace(self.history, commands=commands)

    def capture(self) -> bytes:
        """Return the state as a snapshot has it."""
        return self._machine.capture()()

    def install(self, snapshot: code.Snapshot) -> None:
        """Begin again with the state in a snapshot."""
        self.history = MapHistory(snapshot.data, snapshot.last_included_index + 1)
        self.__dict__.pop("_machine", None)


class _NoSnapshots:
    """The part of a server that decides when to make snapshots, where `Compact` does."""

    def applied(self, entry: code.Entry) -> None:
        """Count nothing."""

    def installed(self) -> None:
        """Forget nothing."""


class _NoAgreement:
    """The comparison of digests, which this system leaves out."""

    interval = NO_DIGESTS


@dataclass(frozen=True, slots=True)
class ServerAdapter:
    """The step function of a server within bounds.

    `sessions` has the number of each client's session, `rounds` is the largest number of rounds of reads in a term,
    `last_index` the last index of the longest log, `last_ms` the latest time of a clock, `clients` the number of the
    clients' node in messages.
    """

    scripts: Scripts
    sessions: tuple[int, ...]
    max_term: int
    last_index: int
    rounds: int
    last_ms: int
    late_apply: bool
    clients: int

    def step(self, server: StoreServer, event: object) -> tuple[Outcome, ...]:
        """Return the outcomes of `event`."""
        match event:
            case Tick():
                return (Outcome(replace(server, clock=server.clock + 1)),) if server.clock < self.last_ms else ()
            case Restart():
                return (Outcome(restarted(server)),)
            case _:
                run = _Run(self, server)
                return (run.outcome(),) if self._begins(run, server, event) else ()

    def _begins(self, run: _Run, server: StoreServer, event: object) -> bool:
        """Give an event to a server; return whether it happens within the bounds."""
        core = server.core
        leads = core.role is code.Role.LEADER
        match event:
            case Deliver(Ask(request=request)) if leads and self._takes(server, request):
                run.take(request)
            case Deliver(Ask()):
                return False
            case Deliver(message):
                run.step(code.Receive(message))
            case code.ElectionTimeout() if not leads and core.current_term < self.max_term:
                run.step(event)
            case code.HeartbeatTimeout() if leads:
                run.step(event)
            case Apply() if server.map.applied_index < core.last_applied:
                run.apply()
            case Compact() if server.map.applied_index > core.log.snapshot_index:
                run.compact()
            case _:
                return False
        return True

    def _takes(self, server: StoreServer, request: RequestId) -> bool:
        """Whether the bounds let a leader take a request; it has each request once at a time."""
        if is_write(self.scripts, request):
            under_way = any(proposal.request == request for proposal in server.proposals)
            return not under_way and server.core.log.last_index < self.last_index
        under_way = request in server.next_reads or request in server.round_reads
        under_way = under_way or any(request in requests for _, requests in server.confirmed_reads)
        return not under_way and server.core.reads.number < self.rounds

    def payload(self, request: RequestId) -> bytes:
        """Return the bytes of a request."""
        return payload(self.scripts, request, self.sessions[request.client])


def restarted(server: StoreServer) -> StoreServer:
    """Return a server after a crash: what its disk has, and the map of the snapshot there; its clock goes on."""
    core = server.core
    durable = code.Durable(core.current_term, core.voted_for, core.log)
    return booted(core.config, core.id, durable, server.clock)


def booted(config: code.Config, node_id: code.NodeId, durable: code.Durable, clock: int = 0) -> StoreServer:
    """Return the state in which a server begins with this disk."""
    snapshot = durable.snapshot
    history = MapHistory() if snapshot is None else MapHistory(snapshot.data, snapshot.last_included_index + 1)
    return StoreServer(code.restart(config, node_id, durable), history, clock=clock)


class _Run:
    """One step of a server: its parts, made from the local state, and what they do."""

    def __init__(self, adapter: ServerAdapter, server: StoreServer) -> None:
        self._adapter, self._clock = adapter, server.clock
        self._core = server.core
        self._map = RebuiltMap(server.map, server.clock)
        self._sent: list[Any] = []
        self._confirmations: deque[code.Persisted] = deque()
        self._ids: dict[Request, RequestId] = {}
        self._proposed: list[tuple[Proposal, Request]] = []
        self._proposals = Proposals()
        for proposal in server.proposals:
            self._note(proposal, self._request(proposal.request))
        self._reads: PendingReads[Request] = PendingReads(
            arrived=[*map(self._request, server.next_reads)],
            asking=[*map(self._request, server.round_reads)],
            confirmed=deque((index, [*map(self._request, reads)]) for index, reads in server.confirmed_reads),
        )
        parts: tuple[Any, Any] = (_NoSnapshots(), _NoAgreement())
        machine: Any = self._map
        self._applier = Applier(machine, self._proposals, *parts, overtaken=_drop, failed=_raise)
        self._applier.index = server.map.applied_index
        waiting = server.core.log.slice(server.map.applied_index + 1, server.core.last_applied)
        self._applier.take(code.Output(server.core, apply=waiting))

    def take(self, request: RequestId) -> None:
        """Take a client's request at the leader."""
        own = self._request(request)
        if own.write:
            self._propose(own)
        else:
            self._reads.arrived.append(own)

    def step(self, event: code.Event) -> None:
        """Give an event to the core."""
        before = self._core
        output = code.step(before, event)
        self._core = output.state
        queue, leaving = add((), output.persist, output.send_now, output.send_when_durable)
        self._sent += leaving
        for write in queue:  # which is durable at once
            self._sent += write.messages
            if write.persist.confirmation is not None:
                self._confirmations.append(write.persist.confirmation)
        if output.state.reads is not before.reads:
            self._reads.follow(before.reads, output)
        if output.install is not None:
            self._install(output.install)
        self._applier.take(replace(output, install=None))
        if not self._adapter.late_apply:
            self.apply()
        if before.role is code.Role.LEADER and self._core.role is not code.Role.LEADER:
            self._reads.take_all()

    def apply(self) -> None:
        """Apply what is committed, and answer."""
        before = self._applier.index
        self._applier.apply()
        self._map.note(self._core.log.slice(before + 1, self._applier.index))

    def compact(self) -> None:
        """Replace the log by a snapshot, up to what is applied."""
        index = self._applier.index
        term = self._core.log.term_at(index)
        assert term is not None, "an applied entry after the last snapshot is in the log"
        self.step(code.SnapshotTaken(code.Snapshot(index, term, self._map.capture())))

    def outcome(self) -> Outcome:
        """End the turn of the event loop; return the local state after it and the messages that have left."""
        self._end_writes()
        for read in self._applier.answer(self._reads.take_answerable(self._applier.index)):
            self._propose(read)
        if self._reads.need_round(self._core):
            self.step(code.ReadRequest())
        if self._core.role is code.Role.LEADER and self._has_room:
            passing = self._applier.passing(self._core.log.last_index)
            if passing is not None:
                self.step(code.Propose((passing,)))
        self._end_writes()
        under_way = (RequestPhase.PROPOSED, False)
        proposals = (p for p, request in self._proposed if (request.phase, request.finished) == under_way)
        return Outcome(
            StoreServer(
                self._core,
                self._map.history,
                tuple(sorted(proposals, key=lambda proposal: proposal.index)),
                self._named(self._reads.arrived),
                self._named(self._reads.asking),
                tuple((index, self._named(reads)) for index, reads in self._reads.confirmed),
                self._clock,
            ),
            tuple(self._sent),
        )

    @property
    def _has_room(self) -> bool:
        return self._core.log.last_index < self._adapter.last_index

    def _propose(self, request: Request) -> None:
        if not self._has_room:
            return
        self.step(code.Propose((self._map.stamped(request.payload),)))
        self._note(Proposal(self._core.log.last_index, self._core.current_term, self._ids[request]), request)
        self._end_writes()

    def _note(self, proposal: Proposal, request: Request) -> None:
        self._proposals.add(proposal.index, proposal.term, [request])
        self._proposed.append((proposal, request))

    def _end_writes(self) -> None:
        while self._confirmations:
            self.step(self._confirmations.popleft())

    def _install(self, snapshot: code.Snapshot) -> None:
        self._map.install(snapshot)
        self._applier.index = snapshot.last_included_index
        self._proposals.installed(snapshot.last_included_index)

    def _request(self, request: RequestId) -> Request:
        def done(outcome: ClientOutcome) -> None:
            if isinstance(outcome, Done):
                self._sent.append(Answer(self._core.id, self._adapter.clients, request, outcome.reply))

        named = Request(is_write(self._adapter.scripts, request), self._adapter.payload(request), done, 0.0, 0.0)
        self._ids[named] = request
        return named

    def _named(self, requests: Iterable[Request]) -> tuple[RequestId, ...]:
        """Return the ids of reads in an order of their own: those of a round are answered together."""
        return tuple(sorted(self._ids[each] for each in requests))


def _drop(request: Request) -> None:
    """Forget a request whose place in the log another entry has taken: the client's repeat may still arrive."""
    request.wait_again("another leader's entry took its place")


def _raise(error: Exception) -> None:
    raise error
