"""A search of any number of messages finds the same, in the same order, whoever runs the real steps for it."""

import os
import signal
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_agreement import InThisProcess
from quorate_check import engine
from quorate_check.core.system import Network, NetworkKind, System, UnusableSystemError
from quorate_check.core.verdict import Exploration, Verdict
from quorate_check.engine.any_network import shared
from quorate_check.engine.any_network.runner import Reply, Request
from quorate_check.engine.any_network.search import search
from quorate_check.engine.any_network.state_space import StateSpace
from quorate_check.engine.any_network.team import Processes
from quorate_check.raft.bounds import RaftBounds
from random_systems import often, systems

MEMORY = 1 << 28
MOST = 5_000  # states that are kept in a moment
RAFT = RaftBounds(max_log=1, proposals=1, network=NetworkKind.ANY)


@pytest.fixture(autouse=True)
def _every_step_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches of tests are small."""
    monkeypatch.setattr(shared, "LEAST", 1)


def found_by(system: System, size: int, *, reduced: bool) -> tuple[object, ...] | str:
    """All that a search with a team of this size finds, in ids and in values; or why it can't."""
    try:
        space = StateSpace(system, reduced=reduced, team=InThisProcess(system, size) if size else None)
        reason = search(space, MEMORY, stop=lambda: "enough" if space.states > MOST else None)
    except UnusableSystemError as error:
        return str(error)
    tables = space.tables
    return (
        reason,
        [str(finding) for finding in space.findings],
        space.levels,
        space.counts.tolist(),
        tables.locals,
        tables.messages,
        tables.program[: tables.program_size].tolist(),
        tables.step_executions,
        tables.changes,
        tables.step_witnesses | space.judge.witness_depth.keys(),
        space.store.tuple_nodes[: space.tuples].tolist(),
        space.store.state_sets[: space.states].tolist(),
    )


@often
@given(
    st.one_of(systems(), systems(symmetric=True)),
    st.integers(1, 3),
    st.booleans(),
)
def test_ids_and_counts_are_those_of_one_process(system: System, size: int, reduced: bool) -> None:  # noqa: FBT001
    """Local states, messages, states and findings have the same numbers, whatever nodes do and promise."""
    system = replace(system, network=Network(NetworkKind.ANY), done=None)
    assert found_by(system, size, reduced=reduced) == found_by(system, 0, reduced=reduced)


def counts(found: Exploration) -> tuple[object, ...]:
    """What must not depend on the number of workers."""
    steps = None if found.path is None else found.path.steps
    names = (found.levels, found.transitions, found.tuples, found.step_executions, found.verdict, found.witnesses)
    return *names, steps, found.stopped


def test_raft_is_counted_the_same_by_processes() -> None:
    """With one, two and three workers, of which the latter are processes."""
    one, two, three = (engine.explore(RAFT.system(), engine.Limits(None, n, MEMORY, reduced=True)) for n in (1, 2, 3))
    assert one.exhaustive
    assert counts(one) == counts(two) == counts(three)


def test_a_process_that_ends_ends_the_search_which_then_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no answer, so what was found till then is no pass."""
    ask = Processes.ask

    def ending(team: Processes, requests: Sequence[Request]) -> list[Reply]:
        replies = ask(team, requests)
        pid = team._members[0][0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return replies

    monkeypatch.setattr(Processes, "ask", ending)
    found = engine.explore(RAFT.system(), engine.Limits(None, 2, MEMORY))
    assert found.verdict is Verdict.UNKNOWN
    assert found.stopped is not None
    assert "a process that ran steps has ended" in found.stopped


def test_no_process_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when the search ends early, either."""
    end = Processes.end
    pids = list[int | None]()

    def ending(team: Processes) -> None:
        pids.extend(process.pid for process, _ in team._members)
        end(team)

    monkeypatch.setattr(Processes, "end", ending)
    found = engine.explore(RAFT.system(), engine.Limits(None, 2, MEMORY), stop=lambda: "interrupted")
    assert found.stopped == "interrupted"
    assert len(pids) == 2
    for pid in pids:
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
