"""The adapter gives the core a disk that the core must use: what isn't written is found, whatever it would break."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from quorate import raft
from quorate.raft import Event, Output, Persist, State, step
from quorate.raft_server.settings import served_config
from quorate_check.api.registry import DefaultRun
from quorate_check.cli.default import DEFAULT_CHECK
from quorate_check.core.behaviour import RAISED
from quorate_check.core.system import NetworkKind
from quorate_check.core.verdict import Verdict
from quorate_check.engine import Limits, explore
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.subject import Durability

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


def test_the_default_check_explores_the_served_configuration_first() -> None:
    """The core of `quorate serve`, behind a disk that is late, with any number of messages and a crash."""
    bounds = DEFAULT_CHECK[0].bounds
    assert isinstance(bounds, RaftBounds)
    assert (bounds.network, bounds.storage, bounds.restarts) == (NetworkKind.ANY, Durability.ASYNC, 1)
    assert {node.state.config for node in bounds.system().initial} == {served_config((1, 2, 3))}


@pytest.mark.parametrize("run", DEFAULT_CHECK, ids=lambda run: run.name)
def test_each_run_says_in_which_way_its_core_and_disk_are_not_served(run: DefaultRun) -> None:
    """So a run that says nothing of that explores the configuration that `quorate serve` makes, and a late disk."""
    bounds: Any = run.bounds
    servers = [getattr(local, "state", getattr(local, "core", None)) for local in bounds.system().initial]
    (config,) = {server.config for server in servers if server is not None}
    served = served_config(config.members)
    names = {"pre_vote": "no pre-vote", "no_op": "no no-op", "check_quorum": "no CheckQuorum"}
    missing = [text for name, text in names.items() if getattr(config, name) != getattr(served, name)]
    missing += ["a disk that is never behind"] * (bounds.storage is Durability.SYNC)
    assert replace(config, **dict.fromkeys(names, True)) == served
    assert run.purpose.endswith(
        f"Unlike what is served: {', '.join(missing)}." if missing else "The core and its disk are as they are served."
    )
