"""Each check objects to what breaks its promise, and to nothing that keeps it."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from quorate.raft import (
    AppendEntriesReply,
    Config,
    Durable,
    Entry,
    InstallSnapshotReply,
    Log,
    Message,
    NodeId,
    RequestVote,
    RequestVoteReply,
    Role,
    State,
    restart,
)
from quorate.runtime.outcomes import Done, NotDone
from simulation.checks import (
    AnsweredOnceInTime,
    AppliedAgree,
    BrokenPromiseError,
    Check,
    CommittedIsDurable,
    DurableBeforeSent,
    NothingGoesBack,
    OneLeaderPerTerm,
    OneVotePerTerm,
    judge_sentence,
)
from simulation.network import SimulatedNetwork
from simulation.scenario import Fault, Kind, Scenario
from simulation.world import COMES_RIGHT, World

CONFIG = Config((1, 2, 3))
LOG = Log().append((Entry(1, b"a"), Entry(1, b"b")))


def state(node: NodeId, term: int = 1, role: Role = Role.FOLLOWER, commit: int = 0) -> State:
    """A node with two entries."""
    return replace(restart(CONFIG, node, Durable(term, None, LOG)), role=role, commit_index=commit)


def objects(check: Check, happen: Callable[[], object]) -> bool:
    """Whether the check objects, by its own name."""
    try:
        happen()
    except BrokenPromiseError as broken:
        return broken.check == check.name
    return False


def watch(check: Check, states: Iterable[State]) -> bool:
    """Whether the check objects to the last of these states, seen one after the other."""
    *fine, last = states
    for each in fine:
        check.callback(each.id, each)
    return objects(check, lambda: check.callback(last.id, last))


def test_two_leaders_of_a_term_are_seen() -> None:
    """Also when the first leads no more; but not leaders of different terms."""
    one, two = (state(node, role=Role.LEADER) for node in (1, 2))
    assert watch(OneLeaderPerTerm(), (one, state(1, term=2), two))
    assert not watch(OneLeaderPerTerm(), (one, one, state(2, term=2, role=Role.LEADER)))


def test_two_votes_in_a_term_are_seen() -> None:
    """For two others, or for another and itself; not the same vote again, nor one refused."""
    for_one = RequestVoteReply(2, 1, 1, vote_granted=True)

    def votes_after(message: Message) -> bool:
        check = OneVotePerTerm()
        check.sends(for_one, 2, 1)
        return objects(check, lambda: check.sends(message, 2, message.dest))

    assert votes_after(RequestVoteReply(2, 3, 1, vote_granted=True))
    assert votes_after(RequestVote(2, 3, 1, 0, 0))
    assert not votes_after(for_one)
    assert not votes_after(RequestVoteReply(2, 3, 1, vote_granted=False))
    assert not votes_after(RequestVoteReply(2, 3, 2, vote_granted=True))


def test_what_goes_back_is_seen() -> None:
    """A term and a commit index, within one life."""
    assert watch(NothingGoesBack(), (state(1, term=2), state(1, term=1)))
    assert watch(NothingGoesBack(), (state(1, commit=2), state(1, commit=1)))
    check = NothingGoesBack()
    check.callback(1, state(1, commit=2))
    check.ended(1)
    assert not watch(check, (state(1, commit=0), state(1, commit=1)))


def test_what_is_committed_without_a_majority_of_disks_is_seen() -> None:
    """Another entry at the same index doesn't count."""
    disks = {
        1: Durable(1, None, LOG),
        2: Durable(2, None, Log().append((Entry(1, b"a"), Entry(2, b"c")))),
        3: Durable(),
    }
    assert watch(CommittedIsDurable(lambda node: (disks[node],), (1, 2, 3)), (state(1, commit=2),))
    assert not watch(CommittedIsDurable(lambda node: (disks[node],), (1, 2, 3)), (state(1, commit=1),))
    # Another one held it, whose disk was lost since.
    assert not watch(CommittedIsDurable(lambda node: (disks[node], disks[1]), (1, 2, 3)), (state(1, commit=2),))


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        pytest.param(RequestVote(1, 2, 1, 0, 0), Durable(1, 1), id="own vote"),
        pytest.param(RequestVoteReply(1, 2, 1, vote_granted=True), Durable(1, 2), id="vote"),
        pytest.param(AppendEntriesReply(1, 2, 1, success=True, match_index=2), Durable(1, None, LOG), id="entries"),
        pytest.param(InstallSnapshotReply(1, 2, 1, match_index=2), Durable(1, None, LOG), id="snapshot"),
    ],
)
def test_what_leaves_before_it_is_on_disk_is_seen(message: Message, kept: Durable) -> None:
    """Not if the disk holds it, or has gone on to a later term."""
    for disk, broken in ((Durable(), True), (Durable(1), True), (kept, False), (Durable(2), False)):
        check = DurableBeforeSent({1: disk}.__getitem__)
        assert objects(check, lambda check=check: check.sends(message, 1, 2)) == broken  # type: ignore[misc]


def test_different_commands_or_replies_at_one_index_are_seen() -> None:
    """In any two lives of any nodes."""

    def after(command: bytes, reply: bytes) -> bool:
        check = AppliedAgree()
        check.applied(1, 7, b"c", b"r")
        return objects(check, lambda: check.applied(2, 7, command, reply))

    assert after(b"d", b"r")
    assert after(b"c", b"s")
    assert not after(b"c", b"r")


class Clock:
    """A time to be set."""

    now = 0.0

    def __call__(self) -> float:
        """Return it."""
        return self.now


def test_a_second_answer_a_late_one_and_none_are_seen() -> None:
    """A pause is no lateness, and the dead owe nothing; but who ends in good order does."""

    def begin() -> tuple[AnsweredOnceInTime, Clock]:
        clock = Clock()
        return AnsweredOnceInTime(clock), clock

    check, clock = begin()
    asked = check.asked(1, b"x", 1.0)
    check.answered(asked, Done(b""))
    assert objects(check, lambda: check.answered(asked, NotDone("late")))

    check, clock = begin()
    asked = check.asked(1, b"x", 1.0)
    clock.now = 2.0
    assert not objects(check, lambda: check.look(frozenset({1})))
    assert objects(check, lambda: check.look(frozenset()))
    assert objects(check, lambda: check.answered(asked, Done(b"")))

    check, clock = begin()
    check.asked(1, b"x", 1.0)
    assert objects(check, lambda: check.stopped(1))
    check.ended(1)
    clock.now = 2.0
    assert not objects(check, lambda: check.look(frozenset()))
    assert not objects(check, lambda: check.stopped(1))

    check, clock = begin()
    asked = check.asked(1, b"x", 1.0)
    clock.now = check.resumed[1] = 5.0
    assert not objects(check, lambda: check.answered(asked, Done(b"")))


@pytest.mark.parametrize(
    ("sentence", "check"),
    [
        ("<a><a><b>", "done once in a session"),
        ("<b>", "nothing acknowledged is lost"),
        ("<a><d>", "nothing is made up"),
        ("<a><b>", None),
        ("<a>", None),
    ],
)
def test_lost_doubled_and_made_up_words_are_seen(sentence: str, check: str | None) -> None:
    """Of three words that were tried and one that was acknowledged."""
    try:
        judge_sentence(sentence, ["<a>", "<b>", "<c>"], ["<a>"])
        found = None
    except BrokenPromiseError as broken:
        found = broken.check
    assert found == check


def test_a_cluster_that_doesnt_come_right_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here because a cable stays cut when all faults should be over."""
    monkeypatch.setattr(SimulatedNetwork, "heal", lambda _: None)
    scenario = Scenario(seed=1, lasts_ms=1_000, faults=(Fault(Kind.ISOLATE, at_ms=500, for_ms=1_000, target=3),))
    with pytest.raises(BrokenPromiseError, match=COMES_RIGHT):
        World(scenario).run()
