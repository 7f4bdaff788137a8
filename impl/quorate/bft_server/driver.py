"""The driver of the Byzantine core: carries out the output of each step in the required order.

The requests of one turn become one batch, whose digest members vote for; this member sends its next batch when that one
is decided. Reads go through the log like writes, since a leader may be a traitor.

Signatures say who sent a message; the transport's peers only divide the memory for messages.
"""

import logging
from collections.abc import Callable, Iterable
from random import Random

from quorate import bft
from quorate.bft import NodeId, Propose
from quorate.bft.messages import Message
from quorate.bft_server.batches import MOST_REQUEST_BYTES, digest_of
from quorate.bft_server.catching_up import Behind, history_of
from quorate.bft_server.codec import CodecError, decode, encode
from quorate.bft_server.decided import DecidedLog
from quorate.bft_server.early import Early, index_of
from quorate.bft_server.evidence import EvidenceFile
from quorate.bft_server.hearing import Hearing
from quorate.bft_server.messages import Ask, History, MemberMessage, Payload, Want
from quorate.bft_server.payloads import Payloads
from quorate.bft_server.requests import Requests
from quorate.bft_server.settings import Settings
from quorate.bft_server.status import BftStatus
from quorate.bft_server.storage import BftStorage, Writing
from quorate.bft_server.trace import Tracer
from quorate.runtime.disk import Written
from quorate.runtime.interfaces import Arriving, Metrics, StateMachine, Transport
from quorate.runtime.requests import Request
from quorate.runtime.server import Clock, Server
from quorate.runtime.timers import Ticker, Timer

log = logging.getLogger("quorate.bft")


class BftServer(Server[Writing, Message, bytes]):
    """A member of a Byzantine cluster. Requests are answered at their places in the log; randomness is the caller's."""

    LOG = log
    WHY_WAITING = "no quorum answers"
    _settings: Settings
    _storage: BftStorage

    def __init__(
        self,
        settings: Settings,
        node_id: NodeId,
        config: bft.Config,
        *,
        storage: BftStorage,
        transport: Transport[bytes],
        machine: StateMachine,
        evidence: EvidenceFile,
        is_repeatable: Callable[[bytes], bool],
        rng: Random,
        tracer: Tracer | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """Take the parts; nothing happens before `start`."""
        self._requests = Requests(is_repeatable)
        pending = self._requests
        super().__init__(node_id, settings, storage=storage, transport=transport, pending=pending, metrics=metrics)
        self._config = config
        self._evidence = evidence
        self._rng = rng
        self._tracer = tracer
        self._others = tuple(member for member in config.members if member != node_id)

        self._hearing = Hearing(settings.most_heard)
        self._durable: list[Message] = []  # messages that leave at the end of this turn
        self._payloads = Payloads(node_id, settings.most_payloads)
        self._early = Early(settings.most_early)
        self._behind = Behind(set(self._others))
        self._log = DecidedLog(machine, storage, self._payloads)

    # Starting and stopping.

    async def start(self) -> None:
        """Load the contents of the disk and join the cluster; raises the errors of storage and transport."""
        await super().start()
        for data in self._storage.undecided():
            self._learn(self._id, data)

    def _load(self) -> None:
        self._state = bft.restart(self._config, self._id, self._storage.load())
        self._log.replay(len(self._state.decisions))
        if self._tracer is not None:
            self._tracer.boot(self._state)
            self._tracer.flush()
        log.info("starting", extra={"node": self._id, "decided": len(self._state.decisions)})

    def _start_clocks(self) -> tuple[Clock, ...]:
        self._timer = Timer(self._loop, self._view_timeout)
        self._restart_timer()
        return self._timer, Ticker(self._loop, self._settings.tick_s, self._tick)

    async def _leave(self) -> None:
        await self._leaving.drain(2 * self._settings.view_timeout_s)

    def _may_block(self) -> bool:
        return True

    def _disk_full(self) -> None:
        """Do nothing: this member casts no votes until there is room, and the others go on without it."""

    # Requests of clients.

    def _refusal(self, payload: bytes) -> str | None:
        if len(payload) <= MOST_REQUEST_BYTES:
            return None
        return f"a request has at most {MOST_REQUEST_BYTES} bytes here"  # no member would take a batch with it

    def _accept(self, request: Request) -> None:
        self._requests.add(request)

    def _gather(self) -> None:
        """Make a batch of the waiting requests, unless one is undecided."""
        data = self._requests.gather(len(self._state.decisions), self._rng.getrandbits(128).to_bytes(16))
        if data is not None:
            self._broadcast(Payload(data))
            self._learn(self._id, data)

    # Messages of members.

    def _receive(self, peer: NodeId, message: bytes | Arriving) -> None:
        if isinstance(message, Arriving) or not self._hearing.takes(peer):
            return
        try:
            heard = decode(message)
        except CodecError as error:
            self._hearing.refuse(peer, str(error))
            return
        match heard:
            case Payload(data):
                self._learn(peer, data)
            case Want(digest):
                if (wanted := self._payloads.get(digest)) is not None:
                    self._say(peer, Payload(wanted))
            case Ask(first_index):
                self._say(peer, history_of(self._storage, first_index))
            case History():
                self._catch_up(peer, heard)
            case _ if len(message) > self._settings.most_core_bytes:
                self._hearing.refuse(peer, f"{len(message)} bytes are more than any certificate needs")
            case _:
                self._hear(peer, heard)

    def _hear(self, peer: NodeId, message: Message, *, again: bool = False) -> None:
        """Give a message to the core, or keep it until the core can use it."""
        if self._disk.is_overdue:
            return
        if index_of(message) > self._state.index:
            self._behind.heard(peer, index_of(message))
            self._early.keep(peer, message)
            return
        if isinstance(message, Propose) and self._cannot_judge(message):
            self._early.keep(peer, message)
            if not again:
                self._say(peer, Want(message.digest))
            return
        self._step(bft.Receive(message), peer)

    def _cannot_judge(self, message: Propose) -> bool:
        """Whether a proposal of this view has no certificate, and its payload hasn't arrived."""
        new = (message.index, message.view) == (self._state.index, self._state.view)
        return new and message.justify is None and message.digest not in self._state.known

    def _take_early(self) -> None:
        """Handle early messages again."""
        for peer, message in self._early.take_all():
            self._hear(peer, message, again=True)

    def _learn(self, peer: NodeId, data: bytes) -> None:
        """Keep a payload: its digest may be voted for, or, if it is decided already, the payload can be applied."""
        digest = digest_of(data)
        if self._log.lacks(digest):
            self._keep_decided(digest, data)
        elif not self._log.has(digest) and self._payloads.take(peer, data) is not None:
            if not self._busy:
                self._restart_timer()
            self._step(bft.Submit(digest))

    def _catch_up(self, peer: NodeId, history: History) -> None:
        """Handle old decisions: the core checks each, and the digest its payload."""
        before = self._state.index, self._log.index
        for item in history.decided:
            certificate = item.certificate
            if certificate.index == self._state.index:
                self._step(bft.Receive(bft.Decide(peer, self._id, certificate)), peer)
            if item.data is not None and self._log.lacks(certificate.digest):
                self._keep_decided(certificate.digest, item.data)
        if (self._state.index, self._log.index) != before:
            self._say(peer, Ask(self._log.index + 1))

    def _keep_decided(self, digest: bytes, data: bytes) -> None:
        if digest_of(data) != digest or self._payloads.take(self._id, data) is None:
            return
        self._queue(Writing(None, self._payloads.take_unwritten({digest})), (), ())
        self._apply()
        self._want_turn()

    # Steps of the core, and their outputs.

    def _step(self, event: bft.Event, peer: NodeId | None = None) -> None:
        try:
            output = bft.step(self._state, event)
        except bft.RemoteError as error:
            self._hearing.refuse(peer, str(error))
            return
        self._state = output.state
        self._durable += self._queue(self._writing(output), (), output.send)
        if self._tracer is not None:
            self._tracer.step(event, output, self._steps)
        for evidence in output.evidence:
            self._evidence.convict(evidence)
        if output.decided:
            self._log.decided(certificate.digest for certificate in output.decided)
            self._apply()
        if output.reset_timer:
            self._restart_timer()
        if output.start_wait:
            place = self._state.index, self._state.view
            self._loop.call_later(self._settings.delta_s, self._wait_over, place)
        self._want_turn()

    def _writing(self, output: bft.Output) -> Writing | None:
        """The write of a step: with a vote or a decision its payload, if that has arrived."""
        if output.persist is None:
            return None
        digests = {certificate.digest for certificate in output.decided}
        if output.persist.accepted is not None:
            digests.add(output.persist.accepted.digest)
        return Writing(output.persist, self._payloads.take_unwritten(digests))

    def _apply(self) -> None:
        for digest, done in self._log.apply():
            requests = self._requests.applied(digest, done)
            if requests:
                self._count(requests[0].arrived, len(requests))

    # Turns, and messages that leave.

    def _turn(self) -> None:
        self._take_early()
        self._gather()
        durable, self._durable = self._durable, []
        self._post(durable)
        self._transport.flush()

    def _written(self, written: Written[Writing, Message]) -> None:
        if self._tracer is not None:
            self._tracer.durable(written.step)
        self._post(written.messages)
        self._transport.flush()
        self._want_turn()

    def _post(self, messages: Iterable[Message]) -> None:
        if self._tracer is not None:
            self._tracer.flush()  # no message leaves that the trace doesn't tell of
        for message in messages:
            if message.dest == self._id:
                self._step(bft.Receive(message))
            else:
                self._say(message.dest, message)

    def _say(self, peer: NodeId, message: MemberMessage) -> None:
        self._send(peer, encode(message))

    def _broadcast(self, message: MemberMessage) -> None:
        for peer in self._others:
            self._say(peer, message)

    # Clocks.

    @property
    def _busy(self) -> bool:
        """Whether there is anything to decide; otherwise no new leader is needed."""
        state = self._state
        return bool(state.known) or state.accepted is not None or state.lock is not None

    @property
    def _patience_s(self) -> float:
        """How long the view may last, which is short if its leader isn't connected."""
        leader = self._state.leader_id
        reachable = leader == self._id or leader in self._transport.connected
        usual = self._settings.view_timeout_s if reachable else 2 * self._settings.delta_s
        return usual * (1 << min(self._state.view - 1, 6))

    def _restart_timer(self) -> None:
        self._timer.restart(self._patience_s)

    def _view_timeout(self) -> None:
        if self._busy and not self._disk.full:
            log.info("the view has lasted too long", extra={"index": self._state.index, "view": self._state.view})
            self._step(bft.ViewTimeout())
        else:
            self._restart_timer()

    def _wait_over(self, place: tuple[int, int]) -> None:
        if not self._stopped and place == (self._state.index, self._state.view):
            self._step(bft.WaitOver())

    def _tick(self) -> None:
        """End overdue requests, and repeat messages that may be lost."""
        self._requests.expire(self._loop.time())
        self._leaving.note(nobody_waits=not self._requests)
        self._hearing.tick()
        if (data := self._requests.undecided) is not None:
            self._broadcast(Payload(data))
        for peer in self._behind.whom_to_ask(self._state.index, self._transport.connected):
            self._say(peer, Ask(self._log.index + 1))
        if self._log.is_stuck:
            self._broadcast(Ask(self._log.index + 1))
        self._want_turn()

    # Status.

    def status(self) -> BftStatus:
        """Return the current status of this member."""
        return BftStatus(
            node_id=self._id,
            leader_id=self._state.leader_id,
            index=self._state.index,
            view=self._state.view,
            decided_index=len(self._state.decisions),
            applied_index=self._log.index,
            pending_requests=len(self._requests),
            known_payloads=len(self._state.known),
            evidence=len(self._evidence),
            refused_messages=self._hearing.refused,
            disk_full=self._disk.full,
            trace_lost=self._tracer is not None and self._tracer.lost,
            peers={peer: peer in self._transport.connected for peer in self._others},
        )
