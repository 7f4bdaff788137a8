"""A server of the explored store: the core, the map, and what decides when a client gets an answer.

What runs is the code of a server: `quorate.raft.step`, the state machine `KeyValueMachine` with its sessions, and the
server's `Applier`, `Proposals`, `PendingReads` and `Forwarding`, which are made anew for each step from the local state
(turn.py). This file says which events happen within the bounds.

Unless `late_apply` is set, entries don't wait to be applied. If `forwards` is 0, a server that doesn't lead ignores
requests, and requests have no deadlines.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from quorate import raft as code
from quorate_check.core.system import Deliver, Outcome
from quorate_check.raft.subject import CheckQuorum, Compact, Confirmation, Restart
from quorate_check.store.clients import is_write
from quorate_check.store.messages import Ask, PassedBack, PassedOn, RequestId
from quorate_check.store.state import Arrival, MapHistory, StoreServer
from quorate_check.store.turn import Setting, Turn


@dataclass(frozen=True, slots=True)
class Apply:
    """The server applies the entries that it knows to be committed."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The server's clock goes on by a millisecond."""


@dataclass(frozen=True, slots=True)
class TimeUp:
    """The deadline of a client's requests passes at this server."""

    client: int


@dataclass(frozen=True, slots=True)
class LeaderLost:
    """The server waits no longer for a leader that was lost, or isn't heard."""


@dataclass(frozen=True, slots=True)
class PeerLost:
    """The server's connection to one that it passed requests on to ends."""


@dataclass(frozen=True, slots=True)
class ServerAdapter:
    """The step function of a server within bounds; `last_ms` is the latest time of a clock."""

    setting: Setting
    max_term: int
    last_ms: int

    def step(self, server: StoreServer, event: object) -> tuple[Outcome, ...]:
        """Return the outcomes of `event`."""
        match event:
            case Tick():
                return (Outcome(replace(server, clock=server.clock + 1)),) if server.clock < self.last_ms else ()
            case Restart():
                return (Outcome(restarted(server)),)
            case PeerLost():
                return tuple(self._after_loss(server, peer) for peer in sorted(server.awaited))
            case _ if self._happens(server, event):
                turn, outcome = self._turn(server, event)
                return (outcome, *(self._turn(server, event, stall)[1] for stall in turn.stalls))
            case _:
                return ()

    def _after_loss(self, server: StoreServer, peer: int) -> Outcome:
        turn = Turn(self.setting, server)
        turn.lose_peer(peer)
        return turn.outcome()

    def _turn(self, server: StoreServer, event: object, stall: tuple[int, int] | None = None) -> tuple[Turn, Outcome]:
        turn = Turn(self.setting, server, stall)
        _give(turn, event)
        return turn, turn.outcome()

    def _happens(self, server: StoreServer, event: object) -> bool:  # noqa: PLR0911 - one for each event
        """Whether the bounds and a connection, which delivers no request twice, let an event happen."""
        core = server.core
        leads = core.role is code.Role.LEADER
        match event:
            case Deliver(Ask() | PassedOn() as message) if self.setting.forwards:
                return _arrival(message) not in server.arrivals
            case Deliver(Ask(request=request)):
                return leads and self._takes(server, request)
            case Deliver():
                return True
            case code.ElectionTimeout():
                return not leads and core.current_term < self.max_term
            case code.HeartbeatTimeout() | CheckQuorum():
                return leads
            case Apply():
                return server.map.applied_index < core.last_applied
            case Compact():
                return server.map.applied_index > core.log.snapshot_index
            case TimeUp(client):
                return any(arrival.request.client == client for arrival in server.pending)
            case LeaderLost():
                return any(each.is_lost or each.is_silent for each in server.passed)
            case _:
                return False

    def _takes(self, server: StoreServer, request: RequestId) -> bool:
        """Whether the bounds let a leader take a request; it has each request once at a time."""
        if is_write(self.setting.scripts, request):
            under_way = any(proposal.arrival.request == request for proposal in server.proposals)
            return not under_way and server.core.log.last_index < self.setting.last_index
        arrival = Arrival(request)
        under_way = arrival in server.next_reads or arrival in server.round_reads
        under_way = under_way or any(arrival in arrivals for _, arrivals in server.confirmed_reads)
        return not under_way and server.core.reads.number < self.setting.rounds


def _arrival(message: Ask | PassedOn) -> Arrival:
    match message:
        case Ask(request=request):
            return Arrival(request)
        case PassedOn(source=source, number=number, request=request):
            return Arrival(request, source, number)


def _give(turn: Turn, event: object) -> None:
    """Give an event that happens to the parts of a server."""
    match event:
        case Deliver(message):
            _deliver(turn, message)
        case CheckQuorum(has_quorum=has_quorum):
            turn.check_quorum(has_quorum=has_quorum)
        case code.ElectionTimeout() | code.HeartbeatTimeout():
            turn.step(event)
        case Apply():
            turn.apply()
        case Compact():
            turn.compact()
        case TimeUp(client):
            turn.give_up(client)
        case LeaderLost():
            turn.lose_leaders()


def _deliver(turn: Turn, message: Any) -> None:  # noqa: ANN401 - of the core, of clients, of servers or of a disk
    match message:
        case Ask() | PassedOn():
            turn.take(_arrival(message))
        case PassedBack():
            turn.take_back(message)
        case Confirmation(persisted=persisted):
            turn.step(persisted)
        case _:
            turn.step(code.Receive(message))


def restarted(server: StoreServer) -> StoreServer:
    """Return a server after a crash: what its disk has, and the map of the snapshot there; its clock goes on.

    So do its numbers, which begin anew at random: none is the same as before.
    """
    beginning = booted(server.core.config, server.core.id, server.node.on_disk, server.clock)
    return replace(beginning, last_number=server.last_number, arrivals=server.arrivals)


def booted(config: code.Config, node_id: code.NodeId, durable: code.Durable, clock: int = 0) -> StoreServer:
    """Return the state in which a server begins with this disk."""
    snapshot = durable.snapshot
    history = MapHistory() if snapshot is None else MapHistory(snapshot.data, snapshot.last_included_index + 1)
    return StoreServer(code.restart(config, node_id, durable), history, clock=clock)
