"""Whatever a symmetric system declares is tried under renaming; what tells nodes apart is refused with an example."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine_agreement import assert_really_happens, by_reference, explore
from quorate_check.api.checking import check
from quorate_check.core.invariants import Invariant, Over, StepInvariant, StepWitness, Witness
from quorate_check.core.system import Defer, Deliver, Network, NetworkKind, Outcome, Spontaneous, Symmetry, System
from quorate_check.core.system import UnusableSystemError as Refused
from quorate_check.core.values import Key, key
from random_systems import (
    STATES,
    Letter,
    Node,
    friend_of,
    groups_of,
    often,
    renamed_letter,
    renamed_node,
    systems,
    whole,
)

NODES = 3
Permutation = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """Who it is, whom it calls, and who called it."""

    me: int
    called: int | None = None
    caller: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A message."""

    source: int
    destination: int


def call(person: Person, event: object) -> tuple[Outcome, ...]:
    """Call any other node, once; remember who called first."""
    if isinstance(event, Deliver):
        return (Outcome(replace(person, caller=event.message.source)),) if person.caller is None else ()
    if person.called is not None:
        return ()
    others = (node for node in range(NODES) if node != person.me)
    return tuple(Outcome(replace(person, called=other), (Call(person.me, other),)) for other in others)


def rename_person(person: Person, p: Permutation) -> Person:
    """Rename a local state."""
    called, caller = (None if node is None else p[node] for node in (person.called, person.caller))
    return Person(p[person.me], called, caller)


def rename_call(message: Call, p: Permutation) -> Call:
    """Rename a message."""
    return Call(p[message.source], p[message.destination])


def caller(person: Person) -> int | None:
    """View: who called."""
    return person.caller


def itself(person: Person) -> Person:
    """View: everything."""
    return person


CALLS = System(
    name="calls",
    initial=tuple(map(Person, range(NODES))),
    step=call,
    network=Network(NetworkKind.UNORDERED, 3),
    spontaneous=(Spontaneous("call"),),
    invariants=(
        Invariant("OthersCall", "", itself, lambda v: v[0].caller != v[0].me, Over.EACH),
        Invariant(
            "CallersCalled", "", itself, lambda v: all(who is None or v[who].called == me for me, who in _calls(v))
        ),
    ),
    witnesses=(Witness("called", caller, lambda v: v[0] is not None),),
    symmetry=Symmetry(rename_person, rename_call),
)


def _calls(people: tuple[Person, ...]) -> list[tuple[int, int | None]]:
    return [(person.me, person.caller) for person in people]


def of_one(node: int, over: Over) -> Callable[[tuple[Any, ...]], bool]:
    """Return a judge of whole states that forbids `node` alone to be called, wherever it stands."""
    if over is Over.ALL:
        return lambda people: people[node].caller is None
    return lambda people: all(person.me != node or person.caller is None for person in people)


def test_calls_are_symmetric() -> None:
    """What the other tests spoil holds as it is, and stands for as many states as there are."""
    found = explore(CALLS)
    expected = explore(replace(CALLS, symmetry=None))
    assert found.conclusion == expected.conclusion == "holds, exhaustive within bounds"
    assert (found.orbit_sum, found.witnesses) == (expected.states, expected.witnesses)


SPOILT: dict[str, tuple[Callable[[int], System], str]] = {
    **{
        f"invariant over {over.value}": (
            lambda node, over=over: replace(CALLS, invariants=(Invariant("P", "", itself, of_one(node, over), over),)),
            r"invariant P isn't symmetric: it holds of \(Person.*, and not of \(Person",
        )
        for over in Over
    },
    "a view that names a node": (
        lambda node: replace(
            CALLS, invariants=(Invariant("P", "", lambda s: s.caller == node, lambda v: not v[0], Over.EACH),)
        ),
        r"invariant P isn't symmetric: it holds of \(False,\), and not of \(True,\)",
    ),
    "step invariant": (
        lambda node: replace(
            CALLS, invariants=(StepInvariant("P", "", lambda _b, _e, after, _m: after.caller in {None, 1 - node // 2}),)
        ),
        r"invariant P isn't symmetric: it holds of .* in Person.* leading to .*, and not of",
    ),
    "witness": (
        lambda node: replace(CALLS, witnesses=(Witness("w", caller, lambda v: v[0] == node),)),
        r"witness w isn't symmetric: it is seen of \(\d,\), and not of \(\d,\)",
    ),
    "step witness": (
        lambda node: replace(CALLS, witnesses=(StepWitness("w", lambda _b, _e, after, _m: after.caller == node),)),
        r"witness w isn't symmetric: it is seen of Deliver",
    ),
    "state constraint": (
        lambda node: replace(CALLS, beyond=lambda person: person.caller == node),
        r"beyond isn't symmetric: it is true of Person.* and not of Person",
    ),
    "where nodes are done": (
        lambda node: replace(CALLS, done=lambda person: person.caller == node),
        r"done isn't symmetric: it is true of Person.* and not of Person",
    ),
    "event of one node": (
        lambda node: replace(
            CALLS,
            step=lambda person, event: call(person, event) if event != node or person.me == node else (),
            spontaneous=(Spontaneous(node, "calls"),),
            budgets={"calls": 1},
        ),
        r"\d in Person.* does something else when the nodes are renamed",
    ),
    "source": (
        lambda node: replace(CALLS, source=lambda message: node if message.destination != node else 1 - node // 2),
        r"source isn't symmetric: it is \d of Call.*, so it should be \d of Call.*, but it is \d",
    ),
    "destination": (
        lambda node: replace(
            CALLS, destination=lambda message: message.destination if message.source != node else node
        ),
        r"destination isn't symmetric: it is \d of Call",
    ),
    "renaming that forgets": (
        lambda _node: replace(
            CALLS,
            symmetry=Symmetry(lambda person, p: replace(rename_person(person, p), caller=person.caller), rename_call),
        ),
        r"Deliver.* in Person.* does something else when the nodes are renamed",
    ),
    "renaming the wrong way round": (
        lambda _node: replace(
            CALLS,
            symmetry=Symmetry(
                lambda person, p: rename_person(person, tuple(p.index(i) for i in range(3))), rename_call
            ),
        ),
        r"the renaming of Person.* isn't symmetric: by .* and then by .* it makes Person.*, but at once Person",
    ),
}


@pytest.mark.parametrize("kind", [NetworkKind.UNORDERED, NetworkKind.ORDERED])
@pytest.mark.parametrize("node", range(NODES))
@pytest.mark.parametrize("name", SPOILT)
def test_what_tells_one_node_from_the_others_is_refused(name: str, node: int, kind: NetworkKind) -> None:
    """Whichever node it is: the search may never see that one in the states that it stores."""
    make, said = SPOILT[name]
    system = make(node)
    with pytest.raises(Refused, match=said) as refused:
        explore(replace(system, network=replace(system.network, kind=kind)))
    assert str(refused.value).startswith("calls: nodes aren't interchangeable: ")
    assert str(refused.value).endswith("check without symmetry")
    assert "\n" not in str(refused.value)


@dataclass(frozen=True, slots=True)
class OfOne:
    """Forbids one node to have a friend, or to be one: what no symmetric promise does."""

    node: int
    over: Over

    def __call__(self, views: tuple[Any, ...]) -> bool:
        """Whether the node has no friend, or is nobody's."""
        if self.over is Over.ALL:
            return views[self.node % len(views)] is None
        return self.node not in views


@dataclass(frozen=True, slots=True)
class Beyond:
    """A boundary through one node's states."""

    node: int
    also: Callable[[Any], bool] = field(compare=False)

    def __call__(self, local: Node) -> bool:
        """Whether the node has a friend."""
        return self.also(local) or (local.me == self.node and local.friend is not None)


SPOILERS = ("invariant", "step invariant", "witness", "beyond", "source")


def spoilt(system: System, how: str, node: int, over: Over) -> System:
    """Return `system` with something that treats `node` differently."""
    judge = OfOne(node, over)
    if how == "invariant":
        return replace(system, invariants=(*system.invariants, Invariant("odd", "", friend_of, judge, over)))
    if how == "witness":
        odd = Witness("odd", friend_of, lambda views: not judge(views), over)
        return replace(system, witnesses=(*system.witnesses, odd))
    if how == "step invariant":
        step = StepInvariant("odd", "", lambda _before, _event, after, _sent: after.friend != node)
        return replace(system, invariants=(*system.invariants, step))
    if how == "beyond":
        return replace(system, beyond=Beyond(node, system.beyond))
    return replace(system, source=lambda _letter: node)


@often
@given(systems(symmetric=True), st.sampled_from(SPOILERS), st.integers(0, 3), st.sampled_from(list(Over)))
def test_an_asymmetric_declaration_is_refused_or_makes_no_difference(
    system: System, how: str, node: int, over: Over
) -> None:
    """Either the search says so, or verdict, depth and number of states are those without symmetry."""
    system = spoilt(system, how, node % len(system.initial), over)
    expected, depth = by_reference(replace(system, symmetry=None), at_most=STATES)
    try:
        found = explore(system, depth=depth)
    except Refused:
        return
    assert found.verdict is expected.verdict
    if expected.path is None:
        assert (found.orbit_sum, found.depth) == (expected.states, expected.depth)
        assert found.witnesses == expected.witnesses
    else:
        assert found.path is not None
        assert len(found.path.steps) == len(expected.path.steps)


def test_what_cannot_be_told_from_what_is_symmetric_is_not_refused() -> None:
    """A promise that reads names is symmetric as long as it treats all alike; so is the order of what is sent."""
    by_name = Invariant("P", "", whole, lambda v: v[0].me == 0 or v[0].colour == 0 or v[0].me != 0, Over.EACH)
    ordered = StepInvariant("Q", "", lambda _b, _e, _a, sent: list(sent) == sorted(sent, key=lambda m: m.dest))

    def greet(node: Node, event: object) -> tuple[Outcome, ...]:
        if event != "greet" or node.colour:
            return ()
        return (Outcome(replace(node, colour=1), tuple(Letter(node.me, i, "k0") for i in range(3) if i != node.me)),)

    system = System(
        "greetings",
        tuple(Node(i, 0) for i in range(3)),
        greet,
        Network(NetworkKind.UNORDERED, 6),
        destination=lambda letter: letter.dest,
        spontaneous=(Spontaneous("greet"),),
        invariants=(by_name, ordered),
        symmetry=Symmetry(
            lambda node, p: replace(node, me=p[node.me]),
            lambda letter, p: replace(letter, source=p[letter.source], dest=p[letter.dest]),
        ),
    )
    assert explore(system).conclusion == "holds, exhaustive within bounds"


def steps_of(system: System) -> list[tuple[Any, Any, Any, tuple[Any, ...]]]:
    """The distinct steps of an unreduced search."""
    met = dict[Key, tuple[Any, Any, Any, tuple[Any, ...]]]()

    def meets(*step: Any) -> bool:  # noqa: ANN401 - the system's own
        met.setdefault(key(step), step)
        return True

    by_reference(replace(system, symmetry=None, invariants=(StepInvariant("meets", "", meets),)), at_most=STATES)
    return list(met.values())


def agrees_or_is_refused(system: System) -> None:
    """A reduced search either says that the system isn't symmetric, or what an unreduced one says."""
    expected, depth = by_reference(replace(system, symmetry=None), at_most=STATES)
    try:
        found = explore(system, depth=depth)
    except Refused as refused:
        assert "nodes aren't interchangeable" in str(refused)  # noqa: PT017 - it may as well not be refused
        return
    assert found.verdict is expected.verdict
    if expected.path is None:
        assert found.orbit_sum == expected.states


@often
@given(systems(symmetric=True), st.data())
def test_a_promise_that_only_one_step_tells_from_its_renamings_is_refused(system: System, data: st.DataObject) -> None:
    """However late the step comes, and under whatever name the search meets it."""
    steps = steps_of(system)
    assume(steps)
    chosen = key(data.draw(st.sampled_from(steps)))
    agrees_or_is_refused(
        replace(system, invariants=(StepInvariant("not this one", "", lambda *step: key(step) != chosen),))
    )


@often
@given(systems(symmetric=True), st.data())
def test_a_step_function_that_only_one_step_tells_from_its_renamings_is_refused(
    system: System, data: st.DataObject
) -> None:
    """One node does nothing in one local state on one event, where all others would do something."""
    steps = steps_of(system)
    assume(steps)
    chosen = key(data.draw(st.sampled_from(steps))[:2])

    def step(local: object, event: object) -> tuple[Outcome | Defer, ...]:
        return () if key((local, event)) == chosen else tuple(system.step(local, event))

    agrees_or_is_refused(replace(system, step=step, invariants=()))


@often
@given(systems(symmetric=True), st.data(), st.integers(1, 3))
def test_groups_of_interchangeable_nodes_lose_no_state(system: System, data: st.DataObject, workers: int) -> None:
    """Nodes outside a group may do what they like: here one of them, if there is one, ignores an event."""
    groups = data.draw(groups_of(len(system.initial)))
    alone = next((i for i in range(len(system.initial)) if i not in chain(*groups)), None)

    original = system.step

    def step(local: Node, event: object) -> tuple[Outcome | Defer, ...]:
        return () if (local.me, event) == (alone, "e0") else tuple(original(local, event))

    system = replace(system, step=step, symmetry=Symmetry(renamed_node, renamed_letter, groups))
    expected, depth = by_reference(replace(system, symmetry=None), at_most=STATES)
    found = explore(system, depth=depth, workers=workers)
    assert found.verdict is expected.verdict
    if expected.path is None:
        assert (found.orbit_sum, found.witnesses) == (expected.states, expected.witnesses)
    else:
        assert found.path is not None
        assert len(found.path.steps) == len(expected.path.steps)
        assert_really_happens(system, found.path)


@dataclass(frozen=True, slots=True)
class Voter:
    """Who it is, what it votes for, and what it knows that others vote for."""

    me: int
    vote: str | None = None
    known: frozenset[tuple[int, str]] = frozenset()


VALUES = "xyz"


def vote(voter: Voter, event: object) -> tuple[Outcome, ...]:
    """Vote for any value, once, and tell all."""
    if isinstance(event, Deliver):
        return (Outcome(replace(voter, known=voter.known | {(event.message.source, event.message.value)})),)
    others = [node for node in range(NODES) if node != voter.me]
    return tuple(
        Outcome(replace(voter, vote=value), tuple(Ballot(voter.me, node, value) for node in others))
        for value in (VALUES if voter.vote is None else "")
    )


@dataclass(frozen=True, slots=True)
class Ballot:
    """A message."""

    source: int
    destination: int
    value: str


def value_of(value: str, p: Permutation) -> str:
    """What a value is called; values are numbered after the nodes."""
    return VALUES[p[NODES + VALUES.index(value)] - NODES]


def rename_voter(voter: Voter, p: Permutation) -> Voter:
    """Rename a local state."""
    known = frozenset((p[node], value_of(value, p)) for node, value in voter.known)
    return Voter(p[voter.me], None if voter.vote is None else value_of(voter.vote, p), known)


def rename_ballot(ballot: Ballot, p: Permutation) -> Ballot:
    """Rename a message."""
    return Ballot(p[ballot.source], p[ballot.destination], value_of(ballot.value, p))


VOTES = System(
    name="votes",
    initial=tuple(map(Voter, range(NODES))),
    step=vote,
    network=Network(NetworkKind.UNORDERED, 2),
    spontaneous=(Spontaneous("vote"),),
    invariants=(Invariant("Known", "", lambda s: s, lambda v: all(v[i].vote == x for s in v for i, x in s.known)),),
    symmetry=Symmetry(rename_voter, rename_ballot, ((0, 1, 2), (3, 4, 5))),
)


@pytest.mark.parametrize("kind", [NetworkKind.UNORDERED, NetworkKind.ORDERED])
@pytest.mark.parametrize(
    "groups", [((3, 4, 5),), ((5, 3, 4), (1, 0)), ((3, 4), (0, 1, 2), (5,)), ((0, 1, 2), (3, 4, 5))]
)
def test_values_may_be_interchangeable_too(kind: NetworkKind, groups: tuple[tuple[int, ...], ...]) -> None:
    """The orbits hold all states, whichever nodes and values are in groups; more in a group means fewer orbits."""
    votes = replace(VOTES, network=replace(VOTES.network, kind=kind))
    expected = by_reference(replace(votes, symmetry=None), at_most=100_000)[0]
    found = explore(replace(votes, symmetry=Symmetry(rename_voter, rename_ballot, groups)))
    assert found.orbit_sum == expected.states
    assert found.states < expected.states
    assert found.verdict is expected.verdict


def test_check_reduces_by_the_groups_that_a_system_names() -> None:
    """By those, of nodes and of values, and no others."""
    votes = replace(VOTES, done=lambda _: True)
    assert check(votes, full=True).orbit_sum == explore(replace(VOTES, symmetry=None)).states


@pytest.mark.parametrize("groups", [((0, 1), (5,)), ((3, 4, 5),), ((2, 0), (5, 3)), ((0, 1, 2), (3, 4, 5))])
def test_groups_lose_no_tuple_where_any_number_of_messages_is_in_flight(groups: tuple[tuple[int, ...], ...]) -> None:
    """As many tuples of local states are reached as without symmetry, and fewer are stored."""
    votes = replace(VOTES, network=Network(NetworkKind.ANY))
    expected = explore(replace(votes, symmetry=None))
    found = explore(replace(votes, symmetry=Symmetry(rename_voter, rename_ballot, groups)))
    assert found.tuples == expected.tuples
    assert found.states < expected.states


def test_a_value_that_is_preferred_is_refused() -> None:
    """Values are tried as nodes are."""
    system = replace(VOTES, step=lambda voter, event: vote(voter, event)[: 2 if event == "vote" else 1])
    with pytest.raises(Refused, match=r"'vote' in Voter.* does something else when the nodes are renamed"):
        explore(system)


@pytest.mark.parametrize(
    ("groups", "text"),
    [
        (((0, 1), (1, 2)), "symmetry names 1 twice"),
        (((0, 3),), r"symmetry has the group \(0, 3\) of nodes and values; there are 3 nodes, from 0"),
        (((0, -1),), r"symmetry has the group \(0, -1\); give a tuple of numbers"),
        ((0, 1), "symmetry has the group 0; give a tuple of numbers"),
        ([[0, 1]], r"Symmetry: groups is \[\[0, 1\]\]; give a tuple or None"),
    ],
)
def test_groups_that_mean_nothing_are_refused(groups: Any, text: str) -> None:  # noqa: ANN401 - of any type
    """In one line, before anything is searched."""
    with pytest.raises(Refused, match=text):
        replace(CALLS, symmetry=Symmetry(rename_person, rename_call, groups))


@dataclass(frozen=True, slots=True)
class Holder:
    """Who it is, and whether it holds the coin."""

    me: int
    coin: bool


def rename_holder(holder: Holder, p: Permutation) -> Holder:
    """Rename a local state."""
    return replace(holder, me=p[holder.me])


def move(holder: Holder, event: object) -> tuple[Outcome, ...]:
    """Send the coin to any other node."""
    if isinstance(event, Deliver):
        return (Outcome(replace(holder, coin=True)),)
    others = (node for node in range(NODES) if node != holder.me)
    return tuple(Outcome(replace(holder, coin=False), (Call(holder.me, o),)) for o in others) if holder.coin else ()


RING = System(
    name="ring",
    initial=tuple(Holder(i, coin=i == 0) for i in range(NODES)),
    step=move,
    network=Network(NetworkKind.UNORDERED, 1),
    spontaneous=(Spontaneous("pass"),),
    symmetry=Symmetry(rename_holder, rename_call),
)


@pytest.mark.parametrize("over", [Over.EACH, Over.ALL])
@pytest.mark.parametrize("node", range(1, NODES))
def test_the_renamings_of_the_initial_state_are_judged(node: int, over: Over) -> None:
    """They are taken for it wherever they are met, so that nobody would look at them again."""
    bad = Holder(node, coin=True)
    promise = Invariant("P", "", itself, lambda v: bad not in v, over)
    sight = Witness("w", itself, lambda v: bad in v, over)
    assert explore(RING).states == 2
    expected, _ = by_reference(replace(RING, symmetry=None, invariants=(promise,)), at_most=STATES)
    assert expected.conclusion == "violated: P after 2 steps"
    for odd in (replace(RING, invariants=(promise,)), replace(RING, witnesses=(sight,))):
        with pytest.raises(Refused, match=r"isn't symmetric: it .* of \(Holder"):
            explore(odd)


def test_outcomes_that_differ_in_the_order_of_messages_only_are_all_judged() -> None:
    """To a network they are one outcome, and to a step invariant they are two."""

    def greet(holder: Holder, event: object) -> tuple[Outcome, ...]:
        if event != "greet" or holder.coin:
            return ()
        sent = tuple(Call(holder.me, node) for node in range(NODES))
        ways = (sent, sent[::-1]) if holder.me == 1 else (sent[::-1], sent)
        return tuple(Outcome(replace(holder, coin=True), way) for way in ways)

    def not_backwards(before: Holder, _event: object, _after: Holder, sent: tuple[Call, ...]) -> bool:
        return before.me < 2 or not sent or sent[0].destination == 0

    system = replace(
        RING,
        initial=tuple(Holder(i, coin=False) for i in range(NODES)),
        step=greet,
        network=Network(NetworkKind.UNORDERED, 9),
        spontaneous=(Spontaneous("greet"),),
    )
    assert explore(system).conclusion == "holds, exhaustive within bounds"
    with pytest.raises(Refused, match="invariant P isn't symmetric"):
        explore(replace(system, invariants=(StepInvariant("P", "", not_backwards),)))
