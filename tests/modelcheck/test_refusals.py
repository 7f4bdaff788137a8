"""A system that no search can treat rightly is refused with a reason; a step that raises is a finding, not a crash."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from engine_agreement import assert_agrees, explore
from quorate.raft import Output, RequestVote, RequestVoteReply, State, election
from quorate_check.core import reference
from quorate_check.core.behaviour import RAISED
from quorate_check.core.invariants import Invariant, Over, Witness
from quorate_check.core.system import (
    Deliver,
    Network,
    NetworkKind,
    Outcome,
    Spontaneous,
    Symmetry,
    System,
    UnusableSystemError,
)
from quorate_check.core.verdict import Verdict
from quorate_check.engine import Limits
from quorate_check.raft.bounds import RaftBounds

Local = tuple[int, int]  # who, and how often it was greeted
Message = tuple[int, int]  # from, to
Permutation = tuple[int, ...]
NODES = 3


def greet(local: Local, event: object) -> tuple[Outcome, ...]:
    """Greet the others once; count greetings."""
    me, greeted = local
    if isinstance(event, Deliver):
        return (Outcome((me, min(9, greeted + 1))),)
    return (Outcome((me, 9), tuple((me, other) for other in range(NODES) if other != me)),) if greeted == 0 else ()


def rename_local(local: Local, p: Permutation) -> Local:
    """Rename a local state."""
    return (p[local[0]], local[1])


def rename_message(message: Message, p: Permutation) -> Message:
    """Rename a message."""
    return (p[message[0]], p[message[1]])


GREETINGS = System(
    name="greetings",
    initial=tuple((i, 0) for i in range(NODES)),
    step=greet,
    network=Network(NetworkKind.UNORDERED, 4),
    source=lambda message: message[0],
    destination=lambda message: message[1],
    spontaneous=(Spontaneous("greet"),),
    symmetry=Symmetry(rename_local, rename_message),
)
ALONE = replace(GREETINGS, symmetry=None)


def test_greetings_are_fine_to_begin_with() -> None:
    """What the other tests spoil is accepted as it is."""
    assert explore(GREETINGS).orbit_sum == explore(ALONE).states


@pytest.mark.parametrize("system", [GREETINGS, ALONE])
def test_a_step_function_that_answers_differently_is_refused(system: System) -> None:
    """A step that depends on more than its arguments would make every count wrong."""
    calls = count()

    def step(local: Local, event: object) -> tuple[Outcome, ...]:
        return (Outcome((local[0], next(calls))),) if event == "greet" else ()

    with pytest.raises(UnusableSystemError, match=r"step answered 'greet' in .* differently the second time"):
        explore(replace(system, step=step))


def test_a_step_function_that_raises_only_sometimes_is_refused() -> None:
    """To raise at the second call and not at the first is no answer either."""
    calls = count()

    def step(local: Local, event: object) -> tuple[Outcome, ...]:
        if next(calls) == 1:
            raise ValueError("once")
        return greet(local, event)

    with pytest.raises(UnusableSystemError, match="differently the second time"):
        explore(replace(ALONE, step=step))


def only_to_the_last(local: Local, event: object) -> tuple[Outcome, ...]:
    """As `greet`, but greet the last node only."""
    return tuple(replace(o, messages=o.messages[-1:]) for o in greet(local, event))


def not_at_node_1(local: Local, event: object) -> tuple[Outcome, ...]:
    """As `greet`, but not at node 1."""
    return () if local[0] == 1 else greet(local, event)


@pytest.mark.parametrize("step", [only_to_the_last, not_at_node_1])
def test_nodes_that_arent_interchangeable_are_refused_under_symmetry(
    step: Callable[[Local, object], tuple[Outcome, ...]],
) -> None:
    """Even a small system that treats one node differently is caught before symmetry hides states."""
    with pytest.raises(UnusableSystemError, match=r"nodes aren't interchangeable: .*; check without symmetry"):
        explore(replace(GREETINGS, step=step))


@pytest.mark.parametrize(
    "symmetry",
    [
        Symmetry(lambda local, p: (p[local[0]], local[1] + 1), rename_message),
        Symmetry(rename_local, lambda message, p: (p[message[0]], 0)),
    ],
    ids=["local", "message"],
)
def test_a_renaming_whose_identity_changes_something_is_refused(symmetry: Symmetry) -> None:
    """To call every node what it is called must change nothing."""
    with pytest.raises(UnusableSystemError, match="renaming by the identity changes"):
        explore(replace(GREETINGS, symmetry=symmetry))


@pytest.mark.parametrize("end", [-1, 3])
@pytest.mark.parametrize("which", ["source", "destination"])
def test_a_message_from_or_to_a_node_that_doesnt_exist_is_refused(which: str, end: int) -> None:
    """A message that nobody could get is a fault of the system, not a loss."""
    wrong = replace(ALONE, **{which: lambda _: end})
    with pytest.raises(UnusableSystemError, match="there are 3 nodes"):
        explore(wrong)


def test_lockstep_is_refused_under_symmetry() -> None:
    """A network that delivers in the order of nodes makes them different."""
    with pytest.raises(UnusableSystemError, match="lockstep"):
        replace(GREETINGS, network=Network(NetworkKind.LOCKSTEP, 4))


def test_too_many_words_are_refused() -> None:
    """What can't be packed is said before the search, with what to lower."""
    with pytest.raises(UnusableSystemError, match=r"at most 16 nodes and 16 words .*: lower the nodes"):
        explore(replace(ALONE, network=Network(NetworkKind.UNORDERED, 1000)))


def test_too_many_nodes_are_refused() -> None:
    """A seventeenth node is too many, and a seventh under symmetry, whose permutations are too many."""
    with pytest.raises(UnusableSystemError, match="17 nodes"):
        explore(replace(ALONE, initial=tuple((i, 0) for i in range(17))))
    with pytest.raises(UnusableSystemError, match="at most 720 permutations"):
        explore(replace(GREETINGS, initial=tuple((i, 0) for i in range(7))))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"initial": ()}, "at least one node"),
        ({"network": Network(NetworkKind.UNORDERED, 0)}, "capacity must be at least 1"),
        ({"network": Network(NetworkKind.UNORDERED, 1, drops=-1)}, "'drops' is -1"),
        ({"network": Network(NetworkKind.ORDERED, 1, round_end="end")}, "only a lockstep network has rounds"),
        ({"budgets": {"drops": 1}}, "'drops' is a budget of the network"),
        ({"spontaneous": (Spontaneous("greet", "greetings"),)}, "'greetings', which has no limit"),
        (
            {
                "invariants": (Invariant("same", "", len, bool, Over.EACH),),
                "witnesses": (Witness("same", len, bool),),
            },
            "share a name",
        ),
    ],
)
def test_bounds_that_mean_nothing_are_refused_at_once(changes: dict[str, object], reason: str) -> None:
    """A system that nothing could explore is never built."""
    with pytest.raises(UnusableSystemError, match=reason):
        replace(ALONE, **changes)


@pytest.mark.parametrize("limits", [{"depth": -1}, {"workers": 0}, {"workers": 65}, {"memory": 1000}])
def test_limits_that_mean_nothing_are_refused_at_once(limits: dict[str, int]) -> None:
    """A search of nothing, by nobody or in no memory is never begun."""
    with pytest.raises(UnusableSystemError):
        Limits(**limits)


def trip_at_two(local: Local, event: object) -> tuple[Outcome, ...]:
    """As `greet`, but the second greeting is too much."""
    if isinstance(event, Deliver) and local[1] == 1:
        raise RuntimeError(f"{local[1] + 1} greetings are too many")
    return greet(local, event)


@pytest.mark.parametrize("system", [GREETINGS, ALONE])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_that_raises_is_a_violation_with_the_path_to_it(system: System, workers: int) -> None:
    """Two nodes greet a third, which trips over the second message: four moves, and the exception's text."""
    system = replace(system, step=trip_at_two)
    found = explore(system, workers=workers)
    assert found.verdict is Verdict.VIOLATED
    assert found.path is not None
    assert (found.path.broken, found.path.detail) == (RAISED, "RuntimeError: 2 greetings are too many")
    assert len(found.path.steps) == 4
    expected = reference.explore(system)
    assert_agrees(replace(system, symmetry=None), replace(found, levels=expected.levels), expected)


@pytest.mark.parametrize("fault", ["view", "holds", "beyond", "destination"])
def test_what_a_checks_own_code_raises_is_no_finding_about_its_subject(fault: str) -> None:
    """A promise, a boundary or a network that can't be computed doesn't accuse the step function."""

    def fails(*_: object) -> bool:
        raise LookupError(fault)

    promise = Invariant("p", "", len, bool, Over.EACH)
    spoilt = {
        "view": {"invariants": (replace(promise, view=fails),)},
        "holds": {"invariants": (replace(promise, holds=fails),)},
        "beyond": {"beyond": lambda local: local[1] == 1 and fails()},
        "destination": {"destination": fails},
    }
    with pytest.raises(LookupError, match=fault):
        explore(replace(ALONE, **spoilt[fault]))


def test_an_unhashable_local_state_is_refused_in_one_line() -> None:
    """Whoever keeps a list in a local state is told to keep a value."""
    system = System("listed", ([],), lambda _local, _event: (), Network(NetworkKind.UNORDERED, 1), int, int)
    with pytest.raises(UnusableSystemError, match="must be hashable"):
        explore(system)


def test_a_budget_that_is_no_number_is_refused() -> None:
    """The reference would take None for no limit, and the engine for none left: a pass that saw one state."""
    with pytest.raises(UnusableSystemError, match="budget 'greetings' is None"):
        replace(ALONE, spontaneous=(Spontaneous("greet", "greetings"),), budgets={"greetings": None})


@pytest.mark.parametrize("voter", [1, 3])
def test_a_core_that_is_wrong_at_one_server_only_is_not_taken_for_symmetric(
    voter: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One server votes twice, late and for one candidate: reduced, that is refused; unreduced, it is found."""
    right = election.on_request_vote

    def wrong(state: State, message: RequestVote) -> Output:
        late = state.current_term == 2 and state.log.last_index >= 1
        if state.id == voter and message.source == 2 and late and state.voted_for not in {None, 2}:
            reply = RequestVoteReply(voter, 2, 2, vote_granted=True)
            return Output(replace(state, voted_for=2), send_when_durable=(reply,))
        return right(state, message)

    monkeypatch.setattr(election, "on_request_vote", wrong)
    bounds = RaftBounds(in_flight=3, proposals=1, max_log=1)
    with pytest.raises(UnusableSystemError, match="without symmetry"):
        explore(bounds.system())
    found = explore(replace(bounds, symmetry=False).system())
    assert found.path is not None
    assert found.path.broken == "OneVotePerTerm"
