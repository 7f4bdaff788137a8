"""The Raft core, driven: everything a step asks for is done in the order it must be (quorate.runtime.server says when).

A turn makes one proposal of all writes and one round of all reads. It ends (`_turn`) with

1. the trace handed to the operating system, so that no message leaves that it doesn't tell of;
2. the messages that may leave at once: a leader's entries travel while its own disk works;
3. the start of a write. A follower lets a disk that is quick hold up its loop, for to hand a commit to a thread and
   back costs about as much as the commit.
"""

import logging
from functools import partial
from random import Random

from quorate import raft
from quorate.membership.changes import is_request
from quorate.membership.restraint import restrained
from quorate.raft import Config, Event, Message, NodeId, Persist, Role, State
from quorate.raft_server import messages as m
from quorate.raft_server.agreement import Agreement
from quorate.raft_server.applier import Applier
from quorate.raft_server.changes import Changes, FixedMembership, Membership
from quorate.raft_server.chunks import Transfers
from quorate.raft_server.confirmations import confirmations
from quorate.raft_server.forwarding import Forwarding
from quorate.raft_server.frames import refusal
from quorate.raft_server.headroom import implausible
from quorate.raft_server.hearing import CheckTimer, disk_is_in_the_way, is_answer
from quorate.raft_server.interfaces import PeerMessage, RaftStorage, Spoken, Tracer, Transport
from quorate.raft_server.outbox import Outbox
from quorate.raft_server.reads import PendingReads
from quorate.raft_server.repeats import PatientTransport, shows_leader, understood
from quorate.raft_server.settings import Settings
from quorate.raft_server.snapshots import Snapshots
from quorate.raft_server.status import Status, describe, place
from quorate.raft_server.succession import Farewells, hand_over, may_leave
from quorate.runtime import server as runtime
from quorate.runtime.disk import Written
from quorate.runtime.interfaces import Arriving, Metrics, StateMachine
from quorate.runtime.requests import Deadlines, Proposals, Request, RequestPhase, first_of
from quorate.runtime.timers import ElectionTimer, Ticker

log = logging.getLogger("quorate.server")


class RaftServer(runtime.Server[Persist, Message, Spoken]):
    """A member of a Raft cluster. Requests are served where the leader is; randomness is the caller's."""

    LOG = log
    WHY_WAITING = "no leader is known"
    _settings: Settings
    _storage: RaftStorage

    def __init__(
        self,
        settings: Settings,
        node_id: NodeId,
        config: Config,
        *,
        storage: RaftStorage,
        transport: Transport,
        machine: StateMachine,
        rng: Random,
        tracer: Tracer | None = None,
        metrics: Metrics | None = None,
        after_term: int = 0,
        membership: Membership | None = None,
    ) -> None:
        """Take the parts; nothing happens before `start`. `after_term` is what restrains a storage (restraint.py)."""
        self._deadlines, self._proposals = Deadlines(), Proposals()
        patient, pending = PatientTransport(transport), self._deadlines
        super().__init__(node_id, settings, storage=storage, transport=patient, pending=pending, metrics=metrics)
        self._config = config
        self._rng = rng
        self._tracer = tracer
        self._after_term = after_term
        self._waiting: list[Request] = []
        self._reads: PendingReads[Request] = PendingReads()
        self._forwarding = Forwarding(node_id, transport, rng.getrandbits(60), self._try_later, self._knows)
        self._check_timer = CheckTimer(settings)
        self._farewells = Farewells()
        self._snapshots = Snapshots(settings, machine, storage, self._fail, None if tracer is None else tracer.prepare)
        self._transfers = Transfers(node_id, settings, self._send)
        self._outbox = Outbox(self._send, self._transport.flush, self._transfers, tracer)
        overtaken = partial(self._try_later, why="another leader's entry took its place")
        self._agreement = Agreement(node_id, config.members, settings.digest_entries)
        self._applier = Applier(machine, self._proposals, self._snapshots, self._agreement, overtaken, self._fail)
        self._changes = Changes(membership or FixedMembership(), self._proposals, self._step, self._try_later)

    # Starting and stopping.

    def _load(self) -> None:
        durable = self._storage.load()
        self._state = raft.restart(self._config, self._id, durable)
        self._applier.start(durable.snapshot)
        self._follow_members()
        if self._tracer is not None:
            self._tracer.boot(self._state)
            self._tracer.flush()
        log.info("starting", extra={"node": self._id, "last_index": self._state.log.last_index})

    def _start_clocks(self) -> tuple[runtime.Clock, ...]:
        self._election = ElectionTimer(self._loop, self._settings.election_timeout_s, self._rng, self._stand)
        return self._election, Ticker(self._loop, self._settings.heartbeat_s, self._tick)

    async def _leave(self) -> None:
        """Finish what is under way, and let somebody else lead; nothing is certain after a few election timeouts."""
        patience_s = 2 * self._settings.election_timeout_s
        await self._leaving.drain(patience_s)
        if not self._stopped and self._leads and self._transport.connected:
            self._leaving.hands_over = True
            self._hand_over()
            await self._leaving.drain(patience_s)

    def _hand_over(self) -> None:
        """Have another stand at once; its votes depose this server, which then votes, or an election timeout passes."""
        hand_over(self._state, self._transport.connected, self._step)

    def _note_who_waits(self) -> None:
        """Note whether this server may stop, and bid farewell to whom it still might owe an answer."""
        is_free = may_leave(self._state, self._transport.connected, hands_over=self._leaving.hands_over)
        is_free = is_free and not self._deadlines
        if self._leaving.has_begun and is_free and not self._leads:
            missing = self._farewells.missing(self._transport.connected)
            self._outbox.ask(missing, m.Farewell(reply=False))
            is_free = not missing
        self._leaving.note(nobody_waits=is_free)

    def _reply_to_farewell(self, peer: NodeId) -> None:
        leader = self._transfers.leader(self._state, self._loop.time())
        if not (leader is not None and leader[0] == peer) and not self._forwarding.waits_for(peer):
            self._outbox.add(peer, m.Farewell(reply=True))
            self._want_turn()

    def _halt(self) -> None:
        super()._halt()
        self._snapshots.close()

    # What clients ask.

    def _refusal(self, payload: bytes) -> str | None:
        return refusal(payload)

    def _knows(self, write: bool, payload: bytes) -> bool:  # noqa: FBT001  # as the machine's
        return is_request(payload) or self._applier.machine.knows(write, payload)

    def _accept(self, request: Request) -> None:
        self._deadlines.add(request)
        self._waiting.append(request)

    @property
    def state(self) -> State:
        """What its core knows; nothing before `start`."""
        return self._state

    @property
    def _leads(self) -> bool:
        return self._state.role is Role.LEADER

    def _route(self) -> None:
        """Send every waiting request where it can be served now, if there is such a place."""
        if not self._waiting or (self._leads and self._disk.full):
            return
        if self._leads:
            requests, self._waiting = first_of([r for r in self._waiting if not r.finished])
            if self._waiting:
                self._want_turn()
            self._propose([r for r in requests if r.write and not is_request(r.payload)])
            for request in requests:
                if is_request(request.payload):
                    self._changes.request(self._state, request)
            for request in (reads := [r for r in requests if not r.write]):
                request.phase = RequestPhase.READING
            self._reads.arrived += reads
        elif (leader := self._transfers.leader(self._state, self._loop.time())) is not None:
            requests, self._waiting = [r for r in self._waiting if not r.finished], []
            self._forwarding.send(*leader, requests)

    def _propose(self, requests: list[Request]) -> None:
        if self._state.transfer_target is not None:
            for request in requests:
                self._try_later(request, "the leader hands over")
        elif requests:
            self._step(raft.Propose(tuple(self._applier.machine.stamped(r.payload) for r in requests)))
            first = self._state.log.last_index - len(requests) + 1
            self._proposals.add(first, self._state.current_term, requests)

    def _try_later(self, request: Request, why: str) -> None:
        """Let the next tick route a request that has surely not taken effect: at once would be again and again."""
        request.wait_again(why)
        self._waiting.append(request)

    def _answer_reads(self) -> None:
        """Answer the reads that are confirmed, and begin a round for those that have come meanwhile."""
        self._propose(self._applier.answer(self._reads.take_answerable(self._applier.index)))
        if self._reads.need_round(self._state):
            self._step(raft.ReadRequest())

    # What peers say.

    def _receive(self, peer: NodeId, message: PeerMessage) -> None:
        if self._leads and peer not in self._state.heard_from and is_answer(self._state, message):
            self._step(raft.Hear(peer))
        message = understood(self._state, peer, message)
        if shows_leader(self._state, peer, message):
            self._election.restart()
        self._transfers.hear(peer, self._loop.time(), is_staged=self._snapshots.staging.under_way)
        if isinstance(message, m.Transferred):
            if (whole := self._transfers.receive(peer, message, self._loop.time())) is not None:
                self._snapshots.staging.receive(whole, self._state.commit_index, self._take_core)
        elif not isinstance(message, Arriving):
            self._take(peer, message)

    def _take(self, peer: NodeId, message: Message | m.ServerMessage) -> None:
        match message:
            case m.Forward() | m.Answer():
                self._forwarding.receive(peer, message, self.submit if self._leads else None)
            case m.Farewell(reply=True):
                self._farewells.add_reply(peer)
            case m.Farewell():
                self._reply_to_farewell(peer)
            case m.SignOfLife(term, reply=False):
                self._forwarding.heard(peer, term)
                if term == self._state.current_term:
                    self._outbox.add(peer, m.SignOfLife(term, reply=True))
                    self._want_turn()
            case m.SignOfLife():
                pass  # it was counted
            case m.StateDigest():
                self._applier.heard(peer, message)
            case _:
                self._take_core(message)

    def _take_core(self, message: Message) -> None:
        if (why := implausible(self._state, message)) is not None:
            log.warning("a message that no correct peer sends", extra={"peer": message.source, "reason": why})
        elif isinstance(message, raft.TimeoutNow) and not self._may_stand:
            log.info("this server can't lead now", extra={"peer": message.source})
        elif not self._disk.is_overdue or _writes_nothing(self._state, message):
            self._step(raft.Receive(message))

    def _lost(self, peer: NodeId) -> None:
        self._transfers.lost(peer)
        # What it has sent on its other connection arrives meanwhile.
        self._forwarding.disconnected(peer, self._loop.time() + self._settings.heartbeat_s)

    # Steps of the core, and what they ask for.

    def _step(self, event: Event) -> None:
        before = self._state
        try:
            output = raft.step(before, event)
        except raft.RemoteError as error:
            log.warning("a message that no correct peer sends", extra={"field": error.field, "reason": error.why})
            return
        self._state = output.state
        if self._tracer is not None:
            self._tracer.step(event, output)
        output = restrained(before, output, self._after_term)
        self._outbox.post(self._queue(output.persist, output.send_now, output.send_when_durable))
        if output.state.reads is not before.reads:
            self._reads.follow(before.reads, output)
        if output.apply or output.install is not None:
            self._applier.take(output)
            self._apply()
        if output.reset_election_timer:
            self._election.restart()
        self._follow_members()
        if before.transfer_target is None and self._state.transfer_target is not None:
            self._check_timer.restart()  # it has a whole election timeout
        if place(before) != place(self._state):
            self._role_changed(before.role)
        self._want_turn()

    def _role_changed(self, before: Role) -> None:
        state = self._state
        log.info("role", extra={"role": state.role.value, "term": state.current_term, "leader": state.leader_id})
        if state.role is Role.LEADER:
            self._check_timer.restart()
        else:
            if before is Role.LEADER:
                self._election.restart()
            for request in self._reads.take_all():
                self._try_later(request, "the leader changed")
        self._forwarding.retry_reads("the leader changed")
        # Whoever leads no more learns it, and says what it knows.
        until = self._loop.time() + self._settings.election_timeout_s
        self._forwarding.led(state.leader_id, state.current_term, until)

    def _follow_members(self) -> None:
        if self._changes.follow(self._state):
            self._agreement.follow(self._state.configuration.members)

    def _apply(self) -> None:
        before = self._applier.index
        oldest = self._applier.apply()
        if oldest is not None:
            self._count(oldest, self._applier.index - before)
        if self._applier.is_behind:
            self._want_turn()

    def _turn(self) -> None:
        if self._applier.is_behind:
            self._apply()
        self._route()
        self._answer_reads()
        is_serving = self._leads and self._state.transfer_target is None
        if is_serving and (passing := self._applier.passing(self._state.log.last_index)) is not None:
            self._step(raft.Propose((passing,)))
        self._outbox.send(self._loop.time())

    def _written(self, written: Written[Persist, Message]) -> None:
        if self._tracer is not None:
            self._tracer.durable(written.step)
        self._outbox.post(message for message in written.messages if message.dest != self._id)
        for confirmation in confirmations(written.persists):
            self._step(confirmation)
        for message in written.messages:
            if message.dest == self._id:
                self._step(raft.Receive(message))
        self._outbox.send(self._loop.time())
        self._want_turn()

    def _may_block(self) -> bool:
        return not self._leads

    def _disk_full(self) -> None:
        self.step_down()

    def step_down(self) -> None:
        """Lead no more, if it leads: who can't write can't help to commit anything, and others may."""
        self._step(raft.StepDown())

    @property
    def _may_stand(self) -> bool:
        # Who can't write can't be elected, and would count up terms unheard.
        stalled = self._disk.writing_s > 2 * self._settings.election_timeout_s
        return not (self._disk.full or stalled or self._leaving.has_begun)

    def _stand(self) -> None:
        # Who is given a snapshot has a leader.
        is_heard = self._transfers.sender(self._loop.time()) is not None
        if not is_heard:
            self._forwarding.unheard(self._loop.time() + self._settings.election_timeout_s)
        # What passes without word of a leader is no timeout of a leader itself: that is counted by its heartbeats.
        if self._may_stand and not (self._leads or is_heard):
            self._step(raft.ElectionTimeout())

    def _tick(self) -> None:
        """Once per heartbeat: be heard, repeat what got lost, and tell clients that have waited long enough."""
        now = self._loop.time()
        self._forwarding.expire(now)
        self._deadlines.expire(now)
        self._note_who_waits()
        self._waiting = [request for request in self._waiting if not request.finished]
        if self._leads and self._check_timer.tick():
            self._check_leadership()
        if self._leaving.hands_over:
            self._hand_over()
        if self._leads:
            self._step(raft.HeartbeatTimeout())
            if self._reads.need_round(self._state, again=True):
                self._step(raft.ReadRequest())
            self._outbox.ask(self._state.peers, m.SignOfLife(self._state.current_term, reply=False))
        else:
            self._proposals.forget_finished()
        self._outbox.ask(self._state.peers, *self._agreement.due())
        if (snapshot := self._applier.snapshot(self._state)) is not None:
            self._step(raft.SnapshotTaken(snapshot))
        self._transfers.forget(now, self._state.log.snapshot_index)
        self._want_turn()

    def _check_leadership(self) -> None:
        """A leader that no majority answers, or that keeps others from committing, stops leading."""
        term = self._state.current_term
        self._step(raft.ElectionTimeout())
        if not self._leads:
            log.warning("no majority was heard for an election timeout", extra={"term": term})
        elif disk_is_in_the_way(self._state, self._disk.writing_s, self._settings):
            log.warning("its disk has stalled, and nothing is committed without it", extra={"term": term})
            self.step_down()

    def status(self) -> Status:
        """Return what there is to say about this server now."""
        return describe(
            self._state,
            self._transport.connected,
            machine_index=self._applier.index,
            log_bytes=self._snapshots.log_bytes,
            pending_requests=len(self._deadlines),
            disk_full=self._disk.full or self._snapshots.staging.is_full(self._loop.time()),
            trace_lost=self._tracer is not None and self._tracer.lost,
            notice=self._agreement.notice,
        )


def _writes_nothing(state: State, message: Message) -> bool:
    """Whether a server whose disk is full can answer: others read with its help, as long as its term is theirs."""
    return isinstance(message, raft.ConfirmLeadership) and message.term == state.current_term
