"""Searches from a place: they begin with its messages and what is left of its budgets, and lead to places."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_agreement import assert_agrees, by_reference, explore
from patience import PATIENCE_S, PROGRAM_S
from quorate_check.api.witnesses import search_for_witness
from quorate_check.cli.explore import WALKED, system_named
from quorate_check.core import behaviour
from quorate_check.core.system import Network, NetworkKind, System, UnusableSystemError
from quorate_check.raft.bounds import RaftBounds
from quorate_check.tell.explorer.places import Place, Places
from quorate_check.tell.explorer.search import Report, Search, resumed
from random_systems import STATES, often, systems

SMALL = RaftBounds(servers=2, max_term=2, max_log=1, proposals=1, in_flight=3, drops=1, symmetry=False)


def walked(system: System, choices: list[int]) -> Place:
    """Return the place after these choices, each of those that lead on."""
    places = Places(system)
    place = places.start
    for choice in choices:
        leading = [number for number, edge in enumerate(place.edges) if edge[2] is not None]
        if not leading:
            break
        taken = [each.choice for each in place.chain[1:]]
        place = places.end_of([*taken, leading[choice % len(leading)]])
    return place


def run(places: Places, place: Place, witness: str | None = None, depth: int | None = None) -> Report:
    """Return the result of a search."""
    search = Search(places, place, lambda s: s if witness is None else search_for_witness(s, witness), depth)
    report = search.wait(PROGRAM_S)
    assert not report.is_running
    return report


@often
@given(systems(), st.lists(st.integers(0, 20), max_size=5))
def test_both_searches_begin_anywhere(system: System, choices: list[int]) -> None:
    """On random systems, after random walks: the compiled search agrees with the reference search."""
    place = walked(system, choices)
    if place.state.current or system.network.kind is NetworkKind.ANY:
        return
    here = resumed(system, place.state)
    begin = behaviour.start(here)
    assert behaviour.identity(system, replace(begin, used=place.state.used)) == behaviour.identity(system, place.state)
    expected, depth = by_reference(here, at_most=STATES)
    assert_agrees(here, explore(here, depth=depth), expected)


def test_a_search_finds_a_witness_that_the_messages_in_flight_allow() -> None:
    """After an election timeout the request for a vote is in flight; the page gets the link of a leader."""
    places = Places(SMALL.system())
    timeout = places.end_of([0])
    assert timeout.state.flight
    report = run(places, timeout, "a leader is elected")
    assert report.place is not None
    assert [step.move.kind.value for step in report.place.path.steps] == ["spontaneous", "deliver", "deliver"]
    assert report.line.startswith("a leader is elected: 2 steps from here")
    assert places.at(report.place.link).state == report.place.state


def test_a_search_has_only_what_is_left_of_a_budget() -> None:
    """A lost message can't be lost again; used budgets aren't given back."""
    places = Places(SMALL.system())
    timeout = places.end_of([0])
    lost = next(n for n, (move, *_) in enumerate(timeout.edges) if move.kind.value == "drop")
    here = resumed(places.system, places.end_of([0, lost]).state)
    assert (here.network.drops, here.budgets["proposals"], here.flight) == (0, 1, ())


def test_a_search_that_finds_nothing_says_so() -> None:
    """With its bounds, as everywhere."""
    places = Places(SMALL.system())
    report = run(places, places.end_of([0]), depth=3)
    assert report.place is None
    assert report.line.startswith("unknown: searched to depth 3, but never seen: ")


def test_a_search_is_stopped() -> None:
    """It ends soon, and says that it was stopped."""
    places = Places(WALKED.system())
    search = Search(places, places.start, lambda system: system, None)
    search.stop()
    report = search.wait(PATIENCE_S)
    assert (report.is_running, report.line.partition(";")[0]) == (False, "unknown: stopped")


def test_a_network_of_any_number_of_messages_is_searched_with_a_capacity() -> None:
    """The steps that it finds are steps of the network itself, on which what was sent stays."""
    bounds = replace(SMALL, network=NetworkKind.ANY, drops=0)
    places = Places(bounds.system())
    report = run(places, places.end_of([0]), "a leader is elected")
    assert report.place is not None
    assert len(report.place.chain) - 1 == 3
    assert len(report.place.state.flight) > 2


def test_a_search_does_not_begin_within_a_round() -> None:
    """The generals' messages of a round arrive first."""
    system, *_ = system_named("generals", WALKED)
    places = Places(system)
    within = walked(system, [0, 0])
    assert within.state.current
    with pytest.raises(UnusableSystemError, match="a search begins between rounds"):
        Search(places, within, lambda system: system, None)


def test_a_system_that_can_not_begin_with_messages_is_refused() -> None:
    """Under symmetry, where any number may be in flight, and with more than there is room for."""
    here = resumed(SMALL.system(), Places(SMALL.system()).end_of([0]).state)
    with pytest.raises(UnusableSystemError, match="flight: no search begins with messages under symmetry"):
        replace(here, symmetry=replace(SMALL, symmetry=True).system().symmetry)
    with pytest.raises(UnusableSystemError, match="flight: no search begins with messages under symmetry"):
        replace(here, network=Network(NetworkKind.ANY))
    with pytest.raises(UnusableSystemError, match="flight has 2 messages, more than the network's capacity"):
        replace(here, flight=(*here.flight, *here.flight), network=replace(here.network, capacity=1))
