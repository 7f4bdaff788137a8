"""What is explored of CheckQuorum: whom a leader has heard is left out, and nothing is lost by that."""

from dataclasses import replace

import pytest

from quorate import raft
from quorate.raft import ElectionTimeout, Hear, RequestVote, Role, StepDown
from quorate_check.core.system import Deliver, NetworkKind, Outcome, Spontaneous, System
from quorate_check.core.verdict import Verdict
from quorate_check.engine import Limits, explore
from quorate_check.engine.any_network.search import search
from quorate_check.engine.any_network.state_space import StateSpace
from quorate_check.raft import subject
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.disks import Immediate
from quorate_check.raft.subject import Adapter, CheckerEvent, CheckQuorum, CoreNode
from quorate_check.raft.words import describe_event

BOUNDS = RaftBounds(network=NetworkKind.ANY, max_term=1, max_log=1, check_quorum=True, symmetry=False)


def with_answers(bounds: RaftBounds, monkeypatch: pytest.MonkeyPatch) -> System:
    """The same system, but a leader counts who answers it, by other messages as well, and checks its quorum."""
    monkeypatch.setattr(subject, "without_answers", lambda output: output)
    system = bounds.system()
    config = system.initial[0].state.config
    adapter = Adapter(bounds.servers, config, Immediate(), bounds.max_term, bounds.max_log)

    def step(server: CoreNode, event: CheckerEvent | Hear) -> tuple[Outcome, ...]:
        match event:
            case Hear():
                return adapter.disk.store(server, raft.step(server.state, event))
            case CheckQuorum(has_quorum=has_quorum):
                if has_quorum or server.state.role is not Role.LEADER:
                    return ()
                return adapter.disk.store(server, raft.step(server.state, ElectionTimeout()))
            case _:
                return adapter.step(server, event)

    heard = tuple(Spontaneous(Hear(member)) for member in config.members)
    return replace(system, step=step, spontaneous=(*system.spontaneous, *heard))


def tuples(system: System) -> set[tuple[CoreNode, ...]]:
    """The tuples of local states that a search reaches, without whom each leader has heard."""
    space = StateSpace(system, reduced=False)
    assert search(space, 1 << 30, stop=lambda: None) is None
    rows = space.store.tuple_nodes[: space.tuples].tolist()
    return {tuple(without_hearing(space.tables.locals[i]) for i in row) for row in rows}


def without_hearing(server: CoreNode) -> CoreNode:
    """A local state without whom the leader has heard."""
    return replace(server, state=replace(server.state, heard_from=frozenset()))


@pytest.mark.parametrize(
    "bounds",
    [
        replace(BOUNDS, servers=2, max_term=2, restarts=1),
        replace(BOUNDS, servers=2, max_term=2, pre_vote=True, no_op=True),
        replace(BOUNDS, max_log=0),
        replace(BOUNDS, proposals=1),
    ],
    ids=["two servers", "two servers as served", "three servers", "three servers with an entry"],
)
def test_leaving_out_whom_a_leader_has_heard_loses_and_adds_nothing(
    bounds: RaftBounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same tuples as with leaders that count, of all that the core decides by and all that promises are about."""
    explored = tuples(bounds.system())
    counting = with_answers(bounds, monkeypatch)
    assert any(isinstance(each.event, Hear) for each in counting.spontaneous)
    assert tuples(counting) == explored
    assert len(explored) > len(tuples(replace(bounds, check_quorum=False).system())), "not vacuous"


def test_a_leader_steps_down_if_nobody_answers_and_stays_if_all_do() -> None:
    """Both are explored wherever a server leads; other servers have no such timeout."""
    system = replace(BOUNDS, servers=2).system()
    server = system.initial[0]
    assert system.step(server, CheckQuorum(has_quorum=False)) == ()
    (candidate,) = system.step(server, ElectionTimeout())
    (elected,) = system.step(candidate.local, Deliver(raft.RequestVoteReply(2, 1, 1, vote_granted=True)))
    assert elected.local.state.role is Role.LEADER
    (stays,) = system.step(elected.local, CheckQuorum(has_quorum=True))
    assert stays == Outcome(elected.local, ())
    (down,) = system.step(elected.local, CheckQuorum(has_quorum=False))
    assert (down,) == system.step(elected.local, StepDown())
    (ignored,) = system.step(elected.local, Deliver(RequestVote(2, 1, 2, 0, 0)))
    assert ignored == Outcome(elected.local, ())


def test_every_promise_is_kept_with_check_quorum() -> None:
    """Within the least bounds that have a leader that steps down and a second one; all witnesses are found.

    One is a leader that steps down, which none does here but for CheckQuorum; another a request that is ignored.
    """
    found = explore(replace(BOUNDS, max_term=2, symmetry=True).system(), Limits(memory=1 << 30))
    assert found.verdict is Verdict.HOLDS


def test_the_words_for_it() -> None:
    """A path says what the leader heard."""
    words = [describe_event(CheckQuorum(each)) for each in (False, True)]
    assert words == [f"election timeout of a leader that {whom} of the others answered" for whom in ("none", "all")]
