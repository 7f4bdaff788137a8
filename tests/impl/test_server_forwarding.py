"""What was passed on is answered as soon as no answer can be hoped for, and never called failed if it may happen."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from quorate.raft_server.forwarding import Forwarding
from quorate.raft_server.interfaces import PeerMessage, Receiver
from quorate.raft_server.messages import Answer, Forward
from quorate.runtime.interfaces import Loss
from quorate.runtime.outcomes import Done, NotDone, Outcome, Unknown
from quorate.runtime.requests import Request

ME, LEADER, OTHER = 1, 2, 3
TERM = 7


@dataclass
class Cable:
    """A transport that notes what is sent."""

    connected: frozenset[int] = frozenset({LEADER, OTHER})
    sent: list[PeerMessage] = field(default_factory=list)

    async def start(self, receive: Receiver, lost: Loss) -> None:
        """Nothing comes."""

    def send(self, peer: int, message: PeerMessage) -> bool:
        """Note it, if the peer can be reached."""
        if peer in self.connected:
            self.sent.append(message)
        return peer in self.connected

    def flush(self) -> None:
        """Nothing waits."""

    async def close(self) -> None:
        """Nothing is open."""


class Desk:
    """A server's forwarding, with the outcomes of its requests and those that it would try again."""

    def __init__(self) -> None:
        self.cable = Cable()
        self.again: list[tuple[Request, str]] = []
        self.outcomes: list[Outcome] = []
        self.forwarding = Forwarding(ME, self.cable, 100, lambda request, why: self.again.append((request, why)))

    def ask(self, *, write: bool = True) -> Request:
        """Pass a request on to the leader."""
        request = Request(write, b"x", self.outcomes.append, 0.0, 5.0)
        self.forwarding.send(LEADER, TERM, [request])
        return request


def test_an_answer_is_the_clients() -> None:
    """Under the number that the leader was asked with; one that nobody waits for is dropped."""
    desk = Desk()
    desk.ask()
    assert desk.cable.sent == [Forward(101, write=True, payload=b"x")]
    desk.forwarding.answered(7, Done(b"0"))
    desk.forwarding.answered(101, Done(b"1"))
    desk.forwarding.answered(101, Done(b"2"))
    assert desk.outcomes == [Done(b"1")]


def test_what_was_surely_not_done_is_tried_again() -> None:
    """The leader said so, or it can't be reached."""
    desk = Desk()
    one = desk.ask()
    desk.forwarding.answered(101, NotDone("node 2 does not lead"))
    desk.cable.connected = frozenset()
    other = desk.ask()
    assert desk.again == [(one, "node 2 does not lead"), (other, "the leader, node 2, cannot be reached")]
    assert desk.outcomes == []


def test_a_lost_leaders_writes_are_unknown_and_its_reads_tried_again() -> None:
    """Not at once, for an answer may be on its way; not later, for there is nothing to hope for."""
    desk = Desk()
    desk.ask()
    read = desk.ask(write=False)
    desk.forwarding.disconnected(OTHER, 1.0)
    desk.forwarding.expire(2.0)
    assert desk.outcomes == []
    desk.forwarding.disconnected(LEADER, 3.0)
    desk.forwarding.disconnected(LEADER, 9.0)
    desk.forwarding.expire(2.9)
    assert (desk.outcomes, desk.again) == ([], [])
    desk.forwarding.expire(3.0)
    (outcome,) = desk.outcomes
    assert isinstance(outcome, Unknown)
    assert desk.again == [(read, "the leader was lost")]


def test_an_answer_that_was_on_its_way_counts() -> None:
    """The connection on which it comes is another than the one that was lost."""
    desk = Desk()
    desk.ask()
    desk.forwarding.disconnected(LEADER, 3.0)
    desk.forwarding.answered(101, Done(b"1"))
    desk.forwarding.expire(3.0)
    assert desk.outcomes == [Done(b"1")]


def ends(desk: Desk, when: float) -> bool:
    """Whether the write that was asked for is given up exactly then."""
    desk.forwarding.expire(when - 0.1)
    assert desk.outcomes == []
    desk.forwarding.expire(when)
    return [type(outcome) for outcome in desk.outcomes] == [Unknown]


def test_a_leader_that_is_not_heard_is_waited_for_once() -> None:
    """However often the server gives it up: to ask for votes again and again is no reason to wait longer."""
    desk = Desk()
    desk.ask()
    for until in (3.0, 4.0, 5.0):
        desk.forwarding.led(None, TERM, until)
    assert ends(desk, 3.0)


@pytest.mark.parametrize("hear", [Forwarding.heard, lambda desk, *leader: desk.led(*leader, 9.0)])
def test_a_leader_that_is_heard_again_in_its_term_was_only_slow(hear: Callable[[Forwarding, int, int], None]) -> None:
    """By a question that shows that it leads, or by entries; when it is silent again, that counts from then on."""
    desk = Desk()
    desk.ask()
    desk.forwarding.led(None, TERM, 3.0)
    hear(desk.forwarding, LEADER, TERM)
    desk.forwarding.expire(4.0)
    assert desk.outcomes == []
    desk.forwarding.led(None, TERM, 6.0)
    assert ends(desk, 6.0)


@pytest.mark.parametrize("hear", [(OTHER, TERM), (LEADER, TERM - 1), (LEADER, TERM + 1)])
def test_nobody_else_shows_that_a_silent_leader_is_there(hear: tuple[int, int]) -> None:
    """Another server, or the same one as the leader of another term."""
    desk = Desk()
    desk.ask()
    desk.forwarding.led(None, TERM, 3.0)
    desk.forwarding.heard(*hear)
    assert ends(desk, 3.0)


@pytest.mark.parametrize("leader", [None, ME, OTHER, LEADER])
@pytest.mark.parametrize("was_silent", [False, True])
def test_a_later_term_ends_a_leader_whoever_leads_it(leader: int | None, *, was_silent: bool) -> None:
    """It has stopped leading, and another's entry may have taken the place of the write; nothing takes that back."""
    desk = Desk()
    desk.ask()
    if was_silent:
        desk.forwarding.led(None, TERM, 4.0)
    desk.forwarding.led(leader, TERM + 1, 3.0)
    desk.forwarding.heard(LEADER, TERM)
    desk.forwarding.heard(LEADER, TERM + 1)
    assert ends(desk, 3.0)


@pytest.mark.parametrize("is_silent_first", [False, True])
def test_a_connection_that_was_lost_stays_lost(*, is_silent_first: bool) -> None:
    """The leader is heard again, on a new one: the answer may have been on the old one."""
    desk = Desk()
    desk.ask()
    steps = [lambda: desk.forwarding.led(None, TERM, 4.0), lambda: desk.forwarding.disconnected(LEADER, 3.0)]
    for step in steps if is_silent_first else steps[::-1]:
        step()
    desk.forwarding.led(LEADER, TERM, 9.0)
    assert ends(desk, 3.0)


def test_what_is_asked_after_a_loss_has_nothing_to_do_with_it() -> None:
    """A connection is there again, or the same server leads a later term."""
    desk = Desk()
    desk.forwarding.disconnected(LEADER, 3.0)
    desk.forwarding.led(None, TERM, 3.0)
    desk.forwarding.led(LEADER, TERM, 3.0)
    desk.ask()
    desk.forwarding.expire(9.0)
    assert desk.outcomes == []


def test_the_leader_of_a_term_that_the_core_has_not_reached_is_no_other() -> None:
    """Who is given a snapshot passes on to its sender; the core learns that term while chunks come late."""
    desk = Desk()
    desk.ask()
    desk.forwarding.led(None, TERM - 1, 3.0)
    desk.forwarding.led(None, TERM, 3.5)
    desk.forwarding.heard(LEADER, TERM)
    desk.forwarding.expire(9.0)
    assert desk.outcomes == []


def test_only_reads_are_passed_on_twice() -> None:
    """A write that was passed on stays with that leader until it answers or is lost, or time is up."""
    desk = Desk()
    desk.ask()
    read = desk.ask(write=False)
    for _ in range(2):
        desk.forwarding.retry_reads("the leader changed")
    assert desk.again == [(read, "the leader changed")]
    desk.forwarding.answered(101, Done(b"1"))
    assert desk.outcomes == [Done(b"1")]


def test_what_is_tried_again_is_forgotten() -> None:
    """Else it would be tried once more when time has passed."""
    desk = Desk()
    read = desk.ask(write=False)
    desk.forwarding.disconnected(LEADER, 3.0)
    for now in (3.0, 3.0, 4.0):
        desk.forwarding.expire(now)
    assert desk.again == [(read, "the leader was lost")]


def test_what_has_its_outcome_is_not_tried_again() -> None:
    """Its client waits no more."""
    desk = Desk()
    desk.ask().finish(Unknown("timed out"))
    desk.forwarding.answered(101, NotDone("node 2 does not lead"))
    assert desk.again == []


def test_each_silent_leader_has_to_be_heard_again() -> None:
    """That one is there says nothing of another, which leads a later term."""
    desk = Desk()
    desk.ask()
    later = Request(write=True, payload=b"y", done=desk.outcomes.append, arrived=0.0, deadline=5.0)
    desk.forwarding.send(OTHER, TERM + 1, [later])
    desk.forwarding.unheard(3.0)
    desk.forwarding.heard(OTHER, TERM + 1)
    desk.forwarding.heard(LEADER, TERM)
    desk.forwarding.expire(3.0)
    assert desk.outcomes == []


def test_a_leader_is_waited_for_while_it_owes_an_answer() -> None:
    """Of a request that isn't finished otherwise; no other leader is."""
    desk = Desk()
    assert not desk.forwarding.waits_for(LEADER)
    request = desk.ask()
    assert (desk.forwarding.waits_for(LEADER), desk.forwarding.waits_for(OTHER)) == (True, False)
    request.finish(Unknown("timed out"))
    assert not desk.forwarding.waits_for(LEADER)


@pytest.mark.parametrize("connected", [False, True])
def test_an_answer_that_cannot_be_sent_is_in_the_log(connected: bool, caplog: pytest.LogCaptureFixture) -> None:  # noqa: FBT001  # a column
    """The peer asks again, or its client hears that it doesn't know; who looks for the reason finds it here."""
    desk = Desk()
    desk.cable.connected = frozenset({OTHER} if connected else ())
    with caplog.at_level(logging.DEBUG, "quorate.server"):
        desk.forwarding.serve(OTHER, Forward(5, write=True, payload=b"x"), None)
    assert [record.getMessage() for record in caplog.records] == ([] if connected else ["an answer was dropped"])


def test_what_is_finished_is_forgotten() -> None:
    """Else a server that isn't answered would remember for ever."""
    desk = Desk()
    desk.ask().finish(NotDone("timed out"))
    desk.forwarding.expire(1.0)
    assert desk.forwarding.by_number == {}


def test_who_doesnt_lead_says_so_and_who_leads_answers() -> None:
    """To the peer that asked, under its number."""
    desk = Desk()
    desk.forwarding.serve(OTHER, Forward(5, write=True, payload=b"x"), None)
    desk.forwarding.serve(
        OTHER, Forward(6, write=True, payload=b"x"), lambda _write, payload, done: done(Done(payload))
    )
    assert desk.cable.sent == [Answer(5, NotDone("node 1 does not lead")), Answer(6, Done(b"x"))]
