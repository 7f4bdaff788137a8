"""The adapter gives the core a disk that the core must use: what isn't written is found, whatever it would break."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from quorate import raft
from quorate.raft import ElectionTimeout, Event, Output, Persist, RequestVote, State, step
from quorate.raft_server.settings import served_config
from quorate_check.cli.default import DEFAULT_CHECK
from quorate_check.core import behaviour
from quorate_check.core.behaviour import RAISED
from quorate_check.core.path import GlobalState
from quorate_check.core.system import Defer, Deliver, NetworkKind, Outcome, System
from quorate_check.core.verdict import Verdict
from quorate_check.engine import Limits, explore
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.subject import ClientRequest, CoreNode, Durability, Flush

ASYNC = Durability.ASYNC
BOUNDS = RaftBounds(in_flight=3, max_log=1, proposals=1, restarts=1)


def forgetting(forget: Callable[[Output], Output]) -> Callable[[State, Event], Output]:
    """Return the core's step function with something left out of what it asks to be written."""
    return lambda state, event: forget(step(state, event))


def nothing_written(output: Output) -> Output:
    """The core forgets to persist."""
    return replace(output, persist=None)


def no_vote_written(output: Output) -> Output:
    """The core persists its term and forgets its vote."""
    return output if output.persist is None else replace(output, persist=replace(output.persist, voted_for=None))


def no_entries_written(output: Output) -> Output:
    """The core persists everything but new entries."""
    return output if output.persist is None else replace(output, persist=replace(output.persist, entries=()))


def nothing_new_written(output: Output) -> Output:
    """The core writes, once it has voted, term and vote again in a step that changes neither."""
    if output.persist is not None or output.state.voted_for is None:
        return output
    state = output.state
    return replace(output, persist=Persist(state.current_term, state.voted_for, state.log.last_index + 1))


@pytest.mark.parametrize("storage", list(Durability))
@pytest.mark.parametrize("forget", [nothing_written, no_vote_written, no_entries_written, nothing_new_written])
def test_what_the_core_forgets_to_write_is_found(
    storage: Durability, forget: Callable[[Output], Output], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that isn't what changed ends the search, with the path to it (Figure 2: persistent state)."""
    monkeypatch.setattr(raft, "step", forgetting(forget))
    found = explore(replace(BOUNDS, storage=storage).system(), Limits(memory=1 << 30))
    assert found.verdict is Verdict.VIOLATED
    assert found.path is not None
    assert found.path.broken == RAISED
    assert "the write that a step asks for" in found.path.detail


@pytest.mark.parametrize("storage", list(Durability))
def test_the_core_writes_what_it_changes(storage: Durability) -> None:
    """The same bounds, with nothing forgotten, raise nothing."""
    found = explore(replace(BOUNDS, storage=storage, in_flight=2).system(), Limits(memory=1 << 30))
    assert found.path is None
    assert found.stopped is None


def test_a_server_with_a_full_queue_does_what_writes_nothing() -> None:
    """What it would have to write waits, a message in the network, until a write is on the disk."""
    system = RaftBounds(storage=ASYNC, max_queue=1).system()

    def reaction(server: CoreNode, event: object) -> CoreNode | Defer:
        (answer,) = system.step(server, event)
        return answer.local if isinstance(answer, Outcome) else answer

    voted = reaction(system.initial[0], Deliver(RequestVote(2, 1, 1, 0, 0)))
    assert isinstance(voted, CoreNode)
    assert len(voted.queue) == 1
    assert isinstance(reaction(voted, Deliver(RequestVote(3, 1, 2, 0, 0))), Defer)
    assert isinstance(reaction(voted, ElectionTimeout()), Defer)
    assert system.step(voted, ClientRequest()) == ()
    refused = reaction(voted, Deliver(RequestVote(3, 1, 1, 0, 0)))
    assert isinstance(refused, CoreNode)
    assert len(refused.queue) == 1
    flushed = reaction(voted, Flush())
    assert isinstance(flushed, CoreNode)
    assert isinstance(reaction(flushed, Deliver(RequestVote(3, 1, 2, 0, 0))), CoreNode)


def global_states(system: System, keeps: Callable[[GlobalState], bool] = lambda _: True) -> set[object]:
    """All states that the plain semantics reach by way of states that `keeps` is true of."""
    states = [behaviour.start(system)]
    known = {behaviour.identity(system, states[0])}
    for state in states:  # which grows meanwhile
        for _, _, after in behaviour.moves(system, state):
            if after is not None and keeps(after) and (key := behaviour.identity(system, after)) not in known:
                known.add(key)
                states.append(after)
    return {behaviour.identity(system, state) for state in states}


@pytest.mark.parametrize(
    "bounds",
    [
        RaftBounds(servers=2, max_term=2, max_log=1, in_flight=1, proposals=1, restarts=1, storage=ASYNC, max_queue=1),
        RaftBounds(servers=1, max_term=3, max_log=3, in_flight=1, proposals=3, restarts=1, storage=ASYNC, max_queue=2),
    ],
    ids=["one write", "two writes"],
)
def test_a_bound_of_the_queue_leaves_all_runs_within_it(bounds: RaftBounds) -> None:
    """The same states as where the queue has no bound, but for those that a longer queue leads to."""
    most = bounds.max_queue
    assert most is not None
    unbounded = replace(bounds, max_queue=None, symmetry=False).system()
    within = global_states(unbounded, lambda state: all(len(node.queue) <= most for node in state.nodes))
    assert global_states(replace(bounds, symmetry=False).system()) == within
    assert len(within) < len(global_states(unbounded))


def test_the_default_check_explores_the_served_configuration_first() -> None:
    """The core of `quorate serve`, with any number of messages and of restarts."""
    bounds = DEFAULT_CHECK[0].bounds
    assert isinstance(bounds, RaftBounds)
    assert (bounds.network, bounds.restarts) == (NetworkKind.ANY, None)
    assert {node.state.config for node in bounds.system().initial} == {served_config((1, 2, 3))}
