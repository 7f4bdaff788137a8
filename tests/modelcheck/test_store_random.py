"""Within random small bounds, and whatever its clients ask, the engine finds of the store what the reference finds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st

from engine_agreement import assert_agrees, by_reference, explore
from nightly import examples
from quorate.store.operations import InSession
from quorate.store.sessions import Sessions
from quorate_check import engine
from quorate_check.core import behaviour, reference
from quorate_check.core.system import Network, NetworkKind
from quorate_check.core.verdict import Verdict
from quorate_check.raft.subject import Durability
from quorate_check.store.bounds import StoreBounds
from quorate_check.store.clients import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from quorate.store.operations import Write
    from quorate_check.core.system import System

STATES = 200  # that the reference searches of each system
ANY = Network(NetworkKind.ANY)
often = examples(25)


@dataclass(frozen=True)
class Store:
    """A store within bounds, and a network of few messages for it."""

    bounds: StoreBounds
    network: Network

    def system(self, network: Network, *, symmetry: bool = False) -> System:
        """The store on a network."""
        return replace(replace(self.bounds, symmetry=symmetry).system(), network=network)


SCRIPT = st.lists(st.sampled_from(sorted(WORDS)), min_size=1, max_size=2).map(" ".join)
BOUNDS = st.builds(
    StoreBounds,
    servers=st.integers(1, 2),
    max_term=st.integers(2, 3),
    max_log=st.integers(0, 2),
    reads=st.integers(0, 2),
    restarts=st.integers(0, 1),
    snapshots=st.integers(0, 1),
    clients=st.lists(SCRIPT, min_size=1, max_size=2).map("; ".join),
    expiry=st.booleans(),
    late_apply=st.booleans(),
    forwards=st.just(0),
    pre_vote=st.booleans(),
    no_op=st.booleans(),
    check_quorum=st.booleans(),
    storage=st.sampled_from(Durability),
)
PASSED_ON = st.builds(replace, BOUNDS, forwards=st.just(1), sessions=st.booleans(), connections=st.integers(1, 2))
NETWORKS = st.builds(
    Network, st.just(NetworkKind.UNORDERED), st.integers(1, 3), drops=st.just(0), duplicates=st.integers(0, 1)
)
STORES = st.builds(Store, st.one_of(BOUNDS, PASSED_ON), NETWORKS)
REPEATED = Store(
    StoreBounds(servers=1, max_term=2, clients="incr"), Network(NetworkKind.UNORDERED, 2, drops=0, duplicates=1)
)


@often
@given(STORES)
def test_the_engine_finds_the_states_that_the_reference_finds(store: Store) -> None:
    """As many on each level, and with symmetry as many under all names of the servers; the same verdict."""
    system = store.system(store.network)
    expected, depth = by_reference(system, at_most=STATES)
    assert_agrees(system, explore(system, depth=depth), expected)
    orbits = explore(store.system(store.network, symmetry=True), depth=depth)
    assert (orbits.orbit_sum, orbits.verdict) == (expected.states, expected.verdict)


@often
@given(STORES)
def test_the_engine_reaches_as_many_tuples_on_any_network(store: Store) -> None:
    """Of local states, with the useless messages and without, whatever the servers are called."""
    expected = tuples_by_reference(store.system(ANY))
    if expected is None:
        return
    for symmetry in (False, True):
        for reduced in (False, True):
            limits = engine.Limits(memory=1 << 28, reduced=reduced)
            found = engine.explore(store.system(ANY, symmetry=symmetry), limits)
            assert found.path is None
            assert found.tuples == expected, (symmetry, reduced)


def tuples_by_reference(system: System) -> int | None:
    """How many tuples of local states plain Python reaches; None if that takes too many states."""
    search = reference._Search(system)
    frontier = [behaviour.start(system)]
    for state in frontier:  # which grows meanwhile
        if not any(map(system.beyond, state.nodes)):
            frontier.extend(search.expand(state, 0))
        if len(search.parents) > STATES:
            return None
    assert search.path is None
    return len({nodes for nodes, *_ in search.parents})


def applied_again(self: Sessions, command: InSession, apply: Callable[[Write], bytes]) -> bytes:
    """A session that applies every repeat, as bug R8 does."""
    del self
    return apply(command.write)


@often
@given(STORES)
@example(REPEATED)
def test_both_find_the_same_of_sessions_that_apply_repeats(store: Store) -> None:
    """A history that breaks the promise after as many steps, or none."""
    with patch.object(Sessions, "run", applied_again):
        system = store.system(store.network)
        expected, depth = by_reference(system, at_most=STATES)
        assert_agrees(system, explore(system, depth=depth), expected)
    if store == REPEATED:
        assert expected.verdict is Verdict.VIOLATED
