"""Every request has exactly one outcome, and what may have happened is never called failed."""

from dataclasses import replace

import pytest

from quorate.runtime.outcomes import Done, NotDone, Outcome, Unknown
from quorate.runtime.requests import BYTES_AT_ONCE, Deadlines, Proposals, Request, RequestPhase, first_of


def request(outcomes: list[Outcome], *, write: bool = True, deadline: float = 5.0) -> Request:
    """A request that notes its outcomes."""
    return Request(write, b"x", outcomes.append, 0.0, deadline)


@pytest.mark.parametrize(
    ("phase", "write", "kind"),
    [
        (RequestPhase.WAITING, True, NotDone),
        (RequestPhase.WAITING, False, NotDone),
        (RequestPhase.READING, False, NotDone),
        (RequestPhase.PROPOSED, True, Unknown),
        (RequestPhase.FORWARDED, True, Unknown),
        (RequestPhase.FORWARDED, False, NotDone),
    ],
)
def test_giving_up_claims_only_what_is_certain(phase: RequestPhase, write: bool, kind: type) -> None:  # noqa: FBT001
    """A write that is in a log, or on its way to a leader, may take effect yet; a read changes nothing."""
    outcomes: list[Outcome] = []
    one = request(outcomes, write=write)
    one.phase = phase
    one.give_up("timed out")
    assert [type(outcome) for outcome in outcomes] == [kind]


def test_an_outcome_is_told_once() -> None:
    """Whatever else is found out later."""
    outcomes: list[Outcome] = []
    one = request(outcomes)
    one.finish(Done(b"1"))
    one.give_up("timed out")
    one.finish(NotDone("late"))
    assert outcomes == [Done(b"1")]


def test_who_waits_again_is_told_why_in_the_end() -> None:
    """The last reason is the one that helps."""
    outcomes: list[Outcome] = []
    one = request(outcomes)
    one.phase = RequestPhase.FORWARDED
    one.wait_again("node 2 does not lead")
    one.give_up("timed out")
    assert outcomes == [NotDone("timed out: node 2 does not lead")]


def test_deadlines_end_what_is_overdue_and_nothing_else() -> None:
    """In the order of arrival, and finished requests don't stay."""
    outcomes: list[Outcome] = []
    deadlines = Deadlines()
    requests = [request(outcomes, deadline=float(deadline)) for deadline in (1, 2, 3)]
    for one in requests:
        deadlines.add(one)
    deadlines.expire(0.5)
    assert (outcomes, len(deadlines)) == ([], 3)
    deadlines.expire(2.0)
    assert [one.finished for one in requests] == [True, True, False]
    requests[2].finish(Done(b""))
    deadlines.expire(2.5)
    assert len(deadlines) == 0


def test_who_waits_long_doesnt_hide_that_others_are_finished() -> None:
    """Else one stuck request would use up the room for all."""
    outcomes: list[Outcome] = []
    deadlines = Deadlines()
    requests = [request(outcomes) for _ in range(3)]
    for one in requests:
        deadlines.add(one)
    requests[1].finish(Done(b""))
    deadlines.expire(0.5)
    assert len(deadlines) == 2


def test_a_server_that_stops_owes_nobody_an_answer() -> None:
    """Everybody is told."""
    outcomes: list[Outcome] = []
    deadlines = Deadlines()
    for _ in range(3):
        deadlines.add(request(outcomes))
    deadlines.close()
    assert len(outcomes) == 3


def test_a_proposal_is_found_at_its_index_once() -> None:
    """With the term that it was proposed in."""
    proposals, outcomes = Proposals(), list[Outcome]()
    requests = [request(outcomes) for _ in range(2)]
    proposals.add(7, 3, requests)
    found = proposals.take(8)
    assert found is not None
    assert (found.term, found.request) == (3, requests[1])
    assert proposals.take(8) is None
    assert all(one.phase is RequestPhase.PROPOSED for one in requests)


def test_what_a_snapshot_covers_is_unknown() -> None:
    """It may be in the snapshot or have been replaced: the snapshot doesn't say."""
    proposals, outcomes = Proposals(), list[Outcome]()
    proposals.add(7, 3, [request(outcomes) for _ in range(3)])
    proposals.installed(8)
    assert [type(outcome) for outcome in outcomes] == [Unknown, Unknown]
    assert proposals.take(9) is not None


def test_a_proposal_that_is_proposed_over_is_unknown() -> None:
    """This server overwrote its own entry of an earlier term; elsewhere it may be alive."""
    proposals, outcomes = Proposals(), list[Outcome]()
    proposals.add(7, 3, [request(outcomes)])
    proposals.add(7, 5, [request(outcomes)])
    assert [type(outcome) for outcome in outcomes] == [Unknown]
    found = proposals.take(7)
    assert found is not None
    assert found.term == 5


def test_what_is_finished_is_forgotten() -> None:
    """Else a server that isn't answered would remember for ever."""
    outcomes: list[Outcome] = []
    one, other = request(outcomes), request(outcomes)
    proposals = Proposals()
    proposals.add(1, 1, [one, other])
    one.finish(Done(b""))
    proposals.forget_finished()
    assert proposals.take(1) is None
    assert proposals.take(2) is not None


def test_a_turn_of_the_event_loop_takes_so_many_bytes_and_one_request_at_least() -> None:
    """What has gathered while nobody led doesn't keep a new leader from being heard."""
    size = BYTES_AT_ONCE // 2
    requests = [replace(request([]), payload=bytes(length)) for length in (size, size, 2 * BYTES_AT_ONCE, 1)]
    assert first_of(requests) == (requests[:2], requests[2:])
    assert first_of(requests[2:]) == (requests[2:3], requests[3:])
    assert first_of(requests[3:]) == (requests[3:], [])
