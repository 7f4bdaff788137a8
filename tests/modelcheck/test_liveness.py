"""Promises of liveness: answers that are known, what the bounds cut off, and how a cycle is told."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from quorate_check import (
    AlwaysEventually,
    Condition,
    Defer,
    Deliver,
    Eventually,
    Invariant,
    LeadsTo,
    Network,
    NetworkKind,
    NotAsPromisedError,
    Outcome,
    Over,
    Path,
    Spontaneous,
    Strength,
    Symmetry,
    System,
    UnusableSystemError,
    Verdict,
    check,
    fair_deliveries,
    fair_event,
)
from quorate_check.api.options import Engine
from quorate_check.core import fair_cycles
from quorate_check.engine.walks import simulate
from quorate_check.tell.path_text import path_as_dict
from quorate_check.tell.saved import SavedPath, parse, replay
from small_graphs import GRAPHS, Graph


def broken(system: System, text: str, engine: Engine) -> Path:
    """Check that fails with a text that begins so; return the path."""
    with pytest.raises(NotAsPromisedError) as failed:
        check(system, engine=engine)
    assert f"{system.name}: violated: {text}" in " ".join(str(failed.value).split())
    path = failed.value.exploration.path
    assert path is not None
    return path


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.name)
def test_small_graphs_have_their_known_answers(graph: Graph, engine: Engine) -> None:
    """Stuttering, joins, cycles that keep a promise, fairness that is weak, strong, or of steps that change nothing."""
    if graph.holds:
        found = check(graph.system(), engine=engine)
        assert (found.verdict, found.cut_states) == (Verdict.HOLDS, 0)
        return
    broken(graph.system(), "Promise", engine)


@dataclass(frozen=True)
class Ask:
    """A question, or its answer."""

    kind: str
    source: int
    destination: int


@dataclass(frozen=True)
class Asker:
    """Asks once, and may get an answer."""

    me: int
    asked: bool = False
    answered: bool = False


def ask(local: Asker, event: object) -> Iterator[Outcome | Defer]:
    """Ask the other node, which answers."""
    match event:
        case "ask" if not local.asked:
            yield Outcome(replace(local, asked=True), (Ask("question", local.me, 1 - local.me),))
        case Deliver(Ask("question", source)):
            yield Outcome(local, (Ask("answer", local.me, source),))
        case Deliver(Ask("answer")):
            yield Outcome(replace(local, answered=True))


ANSWERS = LeadsTo(
    "Answers",
    "who asks gets an answer",
    Condition(lambda local: local.asked, lambda views: views[0]),
    Condition(lambda local: local.answered, lambda views: views[0]),
)
ASKERS = System(
    name="questions",
    initial=(Asker(0), Asker(1)),
    step=ask,
    network=Network(NetworkKind.UNORDERED, 4),
    spontaneous=(Spontaneous("ask"),),
    done=lambda _: True,
    liveness=(ANSWERS,),
)


def test_deliveries_are_fair_unless_a_system_says_otherwise(engine: Engine) -> None:
    """The verdict says so; without fairness the network may keep every message for ever."""
    assert check(ASKERS, engine=engine).conclusion == (
        "holds, exhaustive within bounds, where every delivery is weakly fair"
    )
    broken(replace(ASKERS, fairness=()), "Answers: after 1 step nothing more has to happen", engine)


def test_both_searches_end_at_the_first_promise_that_is_broken(engine: Engine) -> None:
    """Of those before it they say that they hold, and nothing of those behind it."""
    never = Eventually("Never", "", Condition(lambda _: 0, lambda _: False))
    with pytest.raises(NotAsPromisedError, match="Never: after 0 steps") as failed:
        check(replace(ASKERS, liveness=(ANSWERS, never, replace(ANSWERS, name="Again"))), engine=engine)
    assert [result.name for result in failed.value.exploration.liveness] == ["Answers"]


def test_a_network_that_may_lose_all_answers_nobody(engine: Engine) -> None:
    """To lose a message is no demand of fairness, and what is lost needn't arrive."""
    path = broken(replace(ASKERS, network=replace(ASKERS.network, drops=1)), "Answers", engine)
    assert fair_cycles.breach(ASKERS, ANSWERS, path) is None


def test_what_the_capacity_cuts_off_is_neither_broken_nor_proved(engine: Engine) -> None:
    """With room for one message no question is ever answered while another is under way."""
    found = check(replace(ASKERS, network=Network(NetworkKind.UNORDERED, 1)), engine=engine)
    assert found.conclusion.startswith(
        "holds, where every delivery is weakly fair, unless cut off: the bounds end behaviours in "
    )
    assert found.cut_states > 0
    assert found.liveness_text("Answers").startswith("holds unless cut off: ")


def test_what_the_state_constraint_cuts_off_is_neither_broken_nor_proved(engine: Engine) -> None:
    """A state that isn't expanded is no end of a behaviour."""
    found = check(replace(ASKERS, beyond=lambda local: local.answered and local.me == 1), engine=engine)
    assert found.cut_states > 0


def count(local: int, event: object) -> Iterator[Outcome]:
    """Count to five."""
    if event == "tick" and local < 5:
        yield Outcome(local + 1)


def test_what_a_budget_cuts_off_is_neither_broken_nor_proved(engine: Engine) -> None:
    """Where fairness demands more ticks than there may be; where it demands none, the clock may stop."""
    reaches = Eventually("Reaches", "", Condition(lambda n: n, lambda views: views[0] == 5))
    clock = System(
        name="clock",
        initial=(0,),
        step=count,
        network=Network(NetworkKind.UNORDERED, 1),
        spontaneous=(Spontaneous("tick", budget="ticks"),),
        budgets={"ticks": 3},
        done=lambda _: True,
        liveness=(reaches,),
        fairness=(fair_event("tick"),),
    )
    assert check(clock, engine=engine).cut_states == 1
    assert check(replace(clock, budgets={"ticks": 5}), engine=engine).cut_states == 0
    broken(replace(clock, fairness=()), "Reaches: after 0 steps", engine)


def test_a_condition_may_look_at_messages(engine: Engine) -> None:
    """At what those in flight show; what shows None is left out."""
    answers = Condition(
        lambda local: local.asked, lambda views, kinds: all(views) and not kinds, message_view=lambda m: m.kind
    )
    quiet = Eventually("Quiet", "all have asked, and nothing is in flight", answers)
    fair = (fair_deliveries(), fair_event("ask"))
    assert check(replace(ASKERS, liveness=(quiet,), fairness=fair), engine=engine).verdict is Verdict.HOLDS
    loud = AlwaysEventually(
        "Loud", "", Condition(lambda _: 0, lambda _, kinds: "answer" in kinds, message_view=lambda m: m.kind)
    )
    broken(replace(ASKERS, liveness=(loud,), fairness=fair), "Loud", engine)


def test_classes_of_deliveries_are_fair_as_they_are_named(engine: Engine) -> None:
    """Answers alone are: questions may stay under way; by kind, one of many questions is enough."""
    only_answers = fair_deliveries(lambda m: m.kind if m.kind == "answer" else None, name="delivery of answers")
    broken(replace(ASKERS, fairness=(only_answers,)), "Answers", engine)
    by_link = fair_deliveries(lambda m: (m.source, m.destination), strength=Strength.STRONG, name="every link")
    found = check(replace(ASKERS, fairness=(by_link,)), engine=engine)
    assert "where every link is strongly fair" in found.conclusion


def test_the_story_of_a_cycle_says_where_it_begins_and_why_it_is_fair(engine: Engine) -> None:
    """In the picture, in words and as JSON; a saved one is walked again, and holds on the repaired code."""
    swing = next(graph for graph in GRAPHS if "door" in graph.name).system()
    with pytest.raises(NotAsPromisedError) as failed:
        check(swing, engine=engine)
    text = " ".join(str(failed.value).split())
    assert "from here on for ever" in text
    assert "steps 1 to 2 repeat for ever; that is fair: n0: swing, in step 1" in text
    assert "out at each node: not possible all the time, and weak fairness demands no more" in text
    path = failed.value.exploration.path
    assert path is not None
    assert path_as_dict(swing, path)["loop"] == 0
    saved = parse(SavedPath.of("here", {}, path).text())
    assert replay(saved, swing).conclusion == "violated: Promise is still broken: steps 1 to 2 repeat for ever"
    repaired = replace(swing, fairness=(fair_event("swing"), fair_event("out", strength=Strength.STRONG)))
    assert replay(saved, repaired).verdict is Verdict.HOLDS


def test_liveness_is_searched_without_symmetry_and_reductions() -> None:
    """All states are stored, whatever the system says of itself."""
    symmetry = Symmetry(
        lambda local, p: replace(local, me=p[local.me]),
        lambda m, p: replace(m, source=p[m.source], destination=p[m.destination]),
    )
    found = check(replace(ASKERS, symmetry=symmetry))
    assert (found.states, found.without_useless, found.orbit_sum) == (check(ASKERS, full=True).states, False, None)


def test_promises_that_cannot_be_judged_are_refused() -> None:
    """On a network that may lose everything, and in a search that doesn't keep all states."""
    with pytest.raises(UnusableSystemError, match="a network that may lose all has no liveness"):
        replace(ASKERS, network=Network(NetworkKind.ANY), done=None)
    assert check(ASKERS, depth=2).conclusion.startswith("holds to depth 2, promises of liveness not judged")


NO_TWO_ANSWERS = Invariant(
    "OneAnswer",
    "no answer is in flight while nobody waits for one",
    view=lambda local: local.asked and not local.answered,
    holds=lambda waits, kinds: "answer" not in kinds or any(waits),
    message_view=lambda m: m.kind,
)
QUIET = Invariant(
    "Quiet",
    "no answer is in flight",
    view=lambda _: 0,
    holds=lambda _, kinds: "answer" not in kinds,
    message_view=lambda m: m.kind,
)


def test_an_invariant_may_look_at_messages(engine: Engine) -> None:
    """One that holds, and one that breaks, with the shortest path, and what is in flight."""
    found = check(replace(ASKERS, liveness=(), invariants=(NO_TWO_ANSWERS,)), engine=engine)
    assert (found.verdict, found.without_useless) == (Verdict.HOLDS, False)
    with pytest.raises(NotAsPromisedError, match="Quiet after 2 steps") as failed:
        check(replace(ASKERS, liveness=(), invariants=(NO_TWO_ANSWERS, QUIET)), engine=engine)
    assert "in flight: answer" in str(failed.value)
    with pytest.raises(UnusableSystemError, match="Invariant Quiet: with message_view it is over all nodes"):
        replace(QUIET, over=Over.EACH)
    with pytest.raises(UnusableSystemError, match="no set of messages in flight"):
        replace(ASKERS, liveness=(), invariants=(QUIET,), network=Network(NetworkKind.ANY), done=None)
    with pytest.raises(UnusableSystemError, match="random walks don't look at messages"):
        simulate(replace(ASKERS, liveness=(), invariants=(QUIET,)), 1, 1, 0)
