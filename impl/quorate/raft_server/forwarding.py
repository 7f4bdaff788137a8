"""Requests at a server that doesn't lead: passed on to the leader, and answered as soon as no answer can be hoped for.

An answer comes on another connection than the request left on, and from a server that may have learned meanwhile that
it leads no more. So a leader that is lost, or a connection to it, doesn't end its requests at once: what is on its way
has a moment to arrive.

A leader is lost if a later term has begun, or a connection with it has ended. One that is only not heard may be slow:
if it is heard again while its term lasts, its requests wait on as if nothing had been.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import TypeAlias, assert_never

from quorate.raft import NodeId
from quorate.raft_server.interfaces import Transport
from quorate.raft_server.messages import Answer, Forward
from quorate.runtime.outcomes import Done, NotDone, Outcome, Unknown
from quorate.runtime.requests import Request, RequestPhase

log = logging.getLogger("quorate.server")

Submit: TypeAlias = Callable[[bool, bytes, Callable[[Outcome], None]], None]


@dataclass(slots=True)
class Passed:
    """A request that the leader of `term` was asked to serve, and until when to wait if it is lost, or isn't heard."""

    request: Request
    leader: NodeId
    term: int
    if_lost: float = inf
    if_silent: float = inf

    @property
    def until(self) -> float:
        """When to give up."""
        return min(self.if_lost, self.if_silent)

    def lose(self, until: float) -> None:
        """Wait only until then, whatever comes."""
        self.if_lost = min(self.if_lost, until)


@dataclass
class Forwarding:
    """What was passed on, by the number under which the leader was asked.

    Numbers begin at random: an answer to a former run's request must not be taken for an answer to one of this run's.
    `try_later` gets each request that has surely not taken effect, and why. `knows` is whether the state machine can
    read a write (True) or a read: what a node of another version passes on must not stop all others. Times are the
    event loop's.
    """

    node_id: NodeId
    transport: Transport
    last_number: int
    try_later: Callable[[Request, str], None]
    knows: Callable[[bool, bytes], bool] = field(default=lambda *_: True)
    by_number: dict[int, Passed] = field(default_factory=dict)
    _is_silent: bool = field(init=False)  # whether any of them would be given up if no leader is heard

    def __post_init__(self) -> None:
        self._is_silent = self._any_is_silent()

    def _any_is_silent(self) -> bool:
        return any(passed.if_silent < inf for passed in self.by_number.values())

    def send(self, leader: NodeId, term: int, requests: list[Request]) -> None:
        """Pass requests on to the leader of `term`."""
        for request in requests:
            self.last_number += 1
            if self.transport.send(leader, Forward(self.last_number, request.write, request.payload)):
                request.phase = RequestPhase.FORWARDED
                self.by_number[self.last_number] = Passed(request, leader, term)
            else:
                self.try_later(request, f"the leader, node {leader}, cannot be reached")

    def receive(self, peer: NodeId, message: Forward | Answer, submit: Submit | None) -> None:
        """Take a peer's request, or its answer to one."""
        if isinstance(message, Forward):
            self.serve(peer, message, submit)
        else:
            self.answered(message.id, message.outcome)

    def serve(self, peer: NodeId, forward: Forward, submit: Submit | None) -> None:
        """Have a request served that a peer passed on, and answer it; without `submit`, say that nobody leads here."""

        def answer(outcome: Outcome) -> None:
            if not self.transport.send(peer, Answer(forward.id, outcome)):
                log.debug("an answer was dropped", extra={"peer": peer})

        if submit is None:
            answer(NotDone(f"node {self.node_id} does not lead"))
        elif not self.knows(forward.write, forward.payload):
            answer(Unknown(f"node {self.node_id}, which leads, doesn't know this command: upgrade it"))
        else:
            submit(forward.write, forward.payload, answer)

    def answered(self, number: int, outcome: Outcome) -> None:
        """Take the leader's answer, if anybody still waits for it."""
        passed = self.by_number.pop(number, None)
        if passed is None or passed.request.finished:
            return
        match outcome:
            case NotDone(why):
                self.try_later(passed.request, why)
            case Done() | Unknown():
                passed.request.finish(outcome)
            case _:
                assert_never(outcome)

    def waits_for(self, leader: NodeId) -> bool:
        """Whether that leader still owes an answer."""
        return any(passed.leader == leader and not passed.request.finished for passed in self.by_number.values())

    def disconnected(self, peer: NodeId, until: float) -> None:
        """Wait only until then for what a peer was asked before a connection with it ended."""
        for passed in self.by_number.values():
            if passed.leader == peer:
                passed.lose(until)

    def led(self, leader: NodeId | None, term: int, until: float) -> None:
        """Take note that `leader` leads `term`, or nobody as far as is known; wait only until then for earlier ones."""
        for passed in self.by_number.values():
            if term > passed.term:
                passed.lose(until)
        if leader is None:
            self.unheard(until)
        else:
            self.heard(leader, term)

    def unheard(self, until: float) -> None:
        """Take note that no leader is heard: each has until then to be heard again."""
        for passed in self.by_number.values():
            passed.if_silent = min(passed.if_silent, until)
        self._is_silent = True

    def heard(self, leader: NodeId, term: int) -> None:
        """Take note that the leader of `term` is there: it can answer yet, unless it was lost."""
        if not self._is_silent:
            return
        for passed in self.by_number.values():
            if (passed.leader, passed.term) == (leader, term):
                passed.if_silent = inf
        self._is_silent = self._any_is_silent()

    def retry_reads(self, why: str) -> None:
        """Try all reads again: they may be asked twice. A write may not."""
        for number, passed in [(n, passed) for n, passed in self.by_number.items() if not passed.request.write]:
            del self.by_number[number]
            if not passed.request.finished:
                self.try_later(passed.request, why)

    def expire(self, now: float) -> None:
        """Give up what no answer can be hoped for, and forget what is finished."""
        for passed in [passed for passed in self.by_number.values() if passed.until <= now]:
            if passed.request.write:
                passed.request.give_up(f"node {passed.leader}, which led, was lost")
            elif not passed.request.finished:
                self.try_later(passed.request, "the leader was lost")
        self.by_number = {
            number: passed
            for number, passed in self.by_number.items()
            if passed.until > now and not passed.request.finished
        }
