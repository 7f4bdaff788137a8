"""One turn of the event loop of a server of the explored store.

Only the order in which the server's parts are called is repeated here; it is that of `quorate.raft_server.driver`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Final, assert_never

from quorate import raft as code
from quorate.raft_server import messages as m
from quorate.raft_server.applier import Applier
from quorate.raft_server.forwarding import Forwarding, Passed
from quorate.raft_server.reads import PendingReads
from quorate.raft_server.status import place
from quorate.runtime.outcomes import Done, NotDone, Unknown
from quorate.runtime.outcomes import Outcome as ClientOutcome
from quorate.runtime.requests import Proposals, Request, RequestPhase
from quorate_check.core.system import Outcome
from quorate_check.raft.disks import stalling_writes
from quorate_check.raft.subject import CoreNode, sent_with, with_answers, without_answers
from quorate_check.store.clients import Scripts, is_write, payload
from quorate_check.store.messages import Answer, NoReply, PassedBack, PassedOn, RequestId
from quorate_check.store.rebuilt_map import RebuiltMap
from quorate_check.store.state import Arrival, Proposal, StoreServer, Waiting

NO_DIGESTS: Final = 1 << 60  # entries between two digests
SOON: Final = 1.0  # until when a server waits for a lost leader
LATE: Final = 2.0


@dataclass(frozen=True, slots=True)
class Setting:
    """The clients' scripts, and the bounds of a turn.

    `sessions` has the number of each client's session, and is empty if writes have none; `rounds` is the largest number
    of rounds of reads in a term, `last_index` the last index of the longest log, `forwards` the largest number of
    requests that a server passes on, `clients` the number of the clients' node in messages. With `late_disk` writes
    are confirmed late, and a crash may lose the latest (quorate_check.raft.disks.Stalling).
    """

    scripts: Scripts
    sessions: tuple[int, ...]
    last_index: int
    rounds: int
    late_apply: bool
    late_disk: bool
    forwards: int
    clients: int

    def payload(self, request: RequestId) -> bytes:
        """Return the bytes of a request."""
        return payload(self.scripts, request, self.sessions[request.client] if self.sessions else None)


class _NoSnapshots:
    """The part of a server that decides when to make snapshots, where `Compact` does."""

    def applied(self, entry: code.Entry) -> None:
        """Count nothing."""

    def installed(self) -> None:
        """Forget nothing."""


class _NoAgreement:
    """The comparison of digests, which this system leaves out."""

    interval = NO_DIGESTS


class Turn:
    """The parts of a server, made from its local state; what they do in one step; and the local state after it.

    A disk that is late may stall at each write of the turn. The turn is then run again for each of `stalls`: which
    write it is, and which of the possible contents of the disk it leaves; `stall` is one of them.
    """

    def __init__(self, setting: Setting, server: StoreServer, stall: tuple[int, int] | None = None) -> None:
        self._setting, self._server = setting, server
        self._core, self._durable = server.core, server.durable
        self.stalls: list[tuple[int, int]] = []
        self._stall, self._writes = stall, 0
        self._map = RebuiltMap(server.map, server.clock)
        self._sent: list[Any] = []
        self._confirmations: deque[code.Persisted] = deque()
        self._arrivals: dict[Request, Arrival] = {}
        self._new_arrivals = server.arrivals
        self._proposed: list[tuple[Proposal, Request]] = []
        self._proposals = Proposals()
        for proposal in server.proposals:
            self._note(proposal, self._request(proposal.arrival))
        self._reads: PendingReads[Request] = PendingReads(
            arrived=[*map(self._request, server.next_reads)],
            asking=[*map(self._request, server.round_reads)],
            confirmed=deque((index, [*map(self._request, reads)]) for index, reads in server.confirmed_reads),
        )
        self._unrouted = [*map(self._request, server.unrouted)]
        self._forwarding = self._made_forwarding()
        parts: tuple[Any, Any] = (_NoSnapshots(), _NoAgreement())
        machine: Any = self._map
        self._applier = Applier(machine, self._proposals, *parts, overtaken=self._try_later, failed=_raise)
        self._applier.index = server.map.applied_index
        behind = server.core.log.slice(server.map.applied_index + 1, server.core.last_applied)
        self._applier.take(code.Output(server.core, apply=behind))

    # What clients ask, and what other servers pass on.

    def take(self, arrival: Arrival) -> None:
        """Take a request."""
        if not self._setting.forwards:
            self._serve(self._request(arrival))
            return
        self._new_arrivals = tuple(sorted((*self._new_arrivals, arrival)))
        if not arrival.peer:
            self._unrouted.append(self._request(arrival))
            return
        request, leads = arrival.request, self._core.role is code.Role.LEADER
        message = m.Forward(arrival.number, is_write(self._setting.scripts, request), self._setting.payload(request))

        def submit(*_: object) -> None:
            self._unrouted.append(self._request(arrival))

        self._forwarding.receive(arrival.peer, message, submit if leads else None)

    def take_back(self, message: PassedBack) -> None:
        """Take the answer to what this server passed on."""
        self._forwarding.receive(message.source, m.Answer(message.number, message.outcome), None)

    def give_up(self, client: int) -> None:
        """End the requests of `client` at their deadline."""
        for request, arrival in [*self._arrivals.items()]:
            if arrival.request.client == client:
                request.give_up("timed out")

    def lose_peer(self, peer: int) -> None:
        """Take note that a connection with `peer` has ended."""
        self._forwarding.disconnected(peer, SOON)

    def lose_leaders(self) -> None:
        """Wait no longer for leaders that were lost or aren't heard."""
        self._forwarding.expire(LATE)

    def _serve(self, request: Request) -> None:
        if request.write:
            self._propose(request)
        else:
            request.phase = RequestPhase.READING
            self._reads.arrived.append(request)

    def _route(self) -> None:
        """Send every request where it can be served now, if there is such a place within the bounds."""
        requests, self._unrouted = [each for each in self._unrouted if not each.finished], []
        for request in requests:
            if self._core.role is code.Role.LEADER and (self._has_room or not request.write):
                self._serve(request)
            elif self._core.role is code.Role.LEADER:
                self._unrouted.append(request)
            elif self._core.leader_id is not None and self._forwarding.last_number < self._setting.forwards:
                self._sending = self._arrivals[request].request
                self._forwarding.send(self._core.leader_id, self._core.current_term, [request])
            else:
                self._unrouted.append(request)

    def _try_later(self, request: Request, why: str = "another leader's entry took its place") -> None:
        """Keep a request that has surely not taken effect; where clients repeat theirs, this server forgets it."""
        request.wait_again(why)
        if self._setting.forwards:
            self._unrouted.append(request)

    # Steps of the core, and what they ask for.

    def step(self, event: code.Event) -> None:
        """Give an event to the core."""
        if isinstance(event, code.ElectionTimeout):
            self._forwarding.unheard(SOON)
        self._step(event)

    def _step(self, event: code.Event) -> None:
        before = self._core
        output = without_answers(code.step(before, event))
        self._core = output.state
        self._store(before, output)
        if output.state.reads is not before.reads:
            self._reads.follow(before.reads, output)
        if output.install is not None:
            self._install(output.install)
        self._applier.take(replace(output, install=None))
        if not self._setting.late_apply:
            self.apply()
        if place(before) != place(self._core):
            self._change_role()

    def _store(self, before: code.State, output: code.Output) -> None:
        """Give the disk the write of a step, and send what may leave."""
        if not self._setting.late_disk:
            self._sent += sent_with(output)
            if output.persist is not None and output.persist.confirmation is not None:
                self._confirmations.append(output.persist.confirmation)
            return
        ways = stalling_writes(CoreNode(before, self._durable), output)
        write, way = self._writes, 0
        if len(ways) > 1:
            self.stalls += [(write, other) for other in range(1, len(ways))]
            self._writes += 1
            if self._stall is not None and self._stall[0] == write:
                way = self._stall[1]
        self._durable, sent = ways[way]
        self._sent += sent

    def check_quorum(self, *, has_quorum: bool) -> None:
        """End an election timeout of a leader, in which all the others have answered it, or nobody has."""
        self._core = with_answers(self._core, has_quorum=has_quorum)
        self._step(code.ElectionTimeout())

    def _change_role(self) -> None:
        if self._core.role is not code.Role.LEADER:
            for request in self._reads.take_all():
                self._try_later(request)
        self._forwarding.retry_reads("the leader changed")
        self._forwarding.led(self._core.leader_id, self._core.current_term, SOON)

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
        self._route()
        for read in self._applier.answer(self._reads.take_answerable(self._applier.index)):
            self._propose(read)
        if self._core.reads.number < self._setting.rounds and self._reads.need_round(self._core):
            self.step(code.ReadRequest())
        if self._core.role is code.Role.LEADER and self._has_room:
            passing = self._applier.passing(self._core.log.last_index)
            if passing is not None:
                self.step(code.Propose((passing,)))
        self._end_writes()
        return Outcome(self._state(), tuple(self._sent))

    def _state(self) -> StoreServer:
        under_way = (RequestPhase.PROPOSED, False)
        proposals = (p for p, request in self._proposed if (request.phase, request.finished) == under_way)
        return StoreServer(
            self._core,
            self._map.history,
            tuple(sorted(proposals, key=lambda proposal: proposal.index)),
            self._named(self._reads.arrived),
            self._named(self._reads.asking),
            tuple((index, self._named(reads)) for index, reads in self._reads.confirmed),
            self._server.clock,
            self._named(self._unrouted),
            tuple(
                Waiting(
                    number,
                    self._arrivals[passed.request],
                    passed.leader,
                    passed.term,
                    is_lost=passed.if_lost < inf,
                    is_silent=passed.if_silent < inf,
                )
                for number, passed in self._forwarding.by_number.items()
                if not passed.request.finished
            ),
            self._forwarding.last_number,
            self._new_arrivals,
            self._durable,
        )

    @property
    def _has_room(self) -> bool:
        return self._core.log.last_index < self._setting.last_index

    def _propose(self, request: Request) -> None:
        if not self._has_room:
            return
        self.step(code.Propose((self._map.stamped(request.payload),)))
        self._note(Proposal(self._core.log.last_index, self._core.current_term, self._arrivals[request]), request)
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

    # Requests, made from the local state.

    def _request(self, arrival: Arrival) -> Request:
        def done(outcome: ClientOutcome) -> None:
            self._answer(arrival, outcome)

        write = is_write(self._setting.scripts, arrival.request)
        request = Request(write, self._setting.payload(arrival.request), done, 0.0, 0.0)
        self._arrivals[request] = arrival
        return request

    def _answer(self, arrival: Arrival, outcome: ClientOutcome) -> None:
        me, clients = self._core.id, self._setting.clients
        if arrival.peer:
            self._sent.append(PassedBack(me, arrival.peer, arrival.number, _without_text(outcome)))
        elif isinstance(outcome, Done):
            self._sent.append(Answer(me, clients, arrival.request, outcome.reply))
        elif self._setting.forwards:
            self._sent.append(NoReply(me, clients, arrival.request, is_certain=isinstance(outcome, NotDone)))

    def _made_forwarding(self) -> Forwarding:
        by_number: dict[int, Passed] = {}
        for each in self._server.passed:
            request = self._request(each.arrival)
            request.phase = RequestPhase.FORWARDED
            times = (SOON if each.is_lost else inf, SOON if each.is_silent else inf)
            by_number[each.number] = Passed(request, each.leader, each.term, *times)
        transport: Any = self
        number = self._server.last_number
        return Forwarding(self._core.id, transport, number, self._try_later, self._map.knows, by_number)

    def send(self, peer: code.NodeId, message: m.Forward | m.Answer) -> bool:
        """Send what the server's forwarding sends (quorate.raft_server.interfaces.Transport)."""
        match message:
            case m.Forward(id=number):
                self._sent.append(PassedOn(self._core.id, peer, number, self._sending))
            case m.Answer(id=number, outcome=outcome):
                self._sent.append(PassedBack(self._core.id, peer, number, _without_text(outcome)))
            case _:
                assert_never(message)
        return True

    def _named(self, requests: Iterable[Request]) -> tuple[Arrival, ...]:
        """Return the ids of unfinished requests in an order of their own: those of a round are answered together."""
        return tuple(sorted(self._arrivals[each] for each in requests if not each.finished))


def _without_text(outcome: ClientOutcome) -> ClientOutcome:
    """Return an outcome without the words that explain it, which would make other states."""
    match outcome:
        case Done():
            return outcome
        case NotDone():
            return NotDone("")
        case Unknown():
            return Unknown("")
        case _:
            assert_never(outcome)


def _raise(error: Exception) -> None:
    raise error
