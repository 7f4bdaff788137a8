"""TLC judges promises of liveness as both of our searches do: on graphs, and on systems that are written twice."""

import random
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Final

import pytest

from engine_agreement import explore
from liveness_twins import TWINS, Answer, Twin
from nightly import EXAMPLES
from patience import PROGRAM_S
from quorate_check import Condition
from quorate_check.core import reference
from quorate_check.core.liveness import AlwaysEventually, Eventually, EventuallyAlways, LeadsTo, Liveness, Strength
from quorate_check.core.verdict import Verdict
from quorate_check.engine import conditions
from quorate_check.outside import tlc
from quorate_check.outside.judgement import Judgement, NotRunError
from quorate_check.outside.process import Limit
from small_graphs import GRAPHS, Graph, again_and_again, eventually, in_the_end, leads_to

TEXTS = Path(__file__).resolve().parents[1] / "liveness_texts"
MODULE = "Check"
STATES = "abcdepqxy"  # of all graphs


@pytest.fixture
def tools() -> tlc.Tools:
    """TLC, or else the test is skipped and says why."""
    try:
        return tlc.find()
    except NotRunError as missing:
        pytest.skip(str(missing))


def judge(
    tools: tlc.Tools, folder: Path, lines: Iterable[str], constants: Mapping[str, str] | None = None
) -> Judgement:
    """Return TLC's judgement of a module with these lines, which define `Behaviour` and `Promise`."""
    (folder / f"{MODULE}.tla").write_text("\n".join([f"---- MODULE {MODULE} ----", *lines, "====", ""]), "utf-8")
    given = [f"CONSTANT {name} = {value}" for name, value in (constants or {}).items()]
    (folder / f"{MODULE}.cfg").write_text(
        "\n".join(["SPECIFICATION Behaviour", "PROPERTY Promise", *given, ""]), "utf-8"
    )
    return tlc.count(MODULE, tools, folder, Limit(PROGRAM_S))


# Systems that are written twice. By day one of each text is judged.


def of_twin(twin: Twin, tools: tlc.Tools, folder: Path, promise: str) -> Judgement:
    """Return TLC's judgement of a promise of a twin."""
    shutil.copy(TEXTS / f"{twin.text}.tla", folder)
    lines = [
        f"EXTENDS {twin.text}",
        f"Behaviour == Init /\\ [][Next]_vars /\\ ({twin.fairness})",
        f"Promise == {promise}",
    ]
    return judge(tools, folder, lines, twin.constants)


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: f"{twin.text}: {twin.name}")
def test_systems_have_their_known_answers(twin: Twin) -> None:
    """Messages, queues, rounds, losses, crashes and budgets, each with several demands of fairness."""
    for found in (explore(twin.system), reference.explore(twin.system)):
        assert Answer.of(found) is twin.answer


def test_answers_do_not_depend_on_how_views_are_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of views of which there may be more than fit into 64 bits are numbered anew."""
    monkeypatch.setattr(conditions, "MOST_CODES", 3)
    for twin in TWINS:
        assert Answer.of(explore(twin.system)) is twin.answer


BY_DAY = {twin.text: twin for twin in TWINS if twin.answer is not Answer.CUT}


@pytest.mark.parametrize("twin", TWINS if EXAMPLES else BY_DAY.values(), ids=lambda twin: f"{twin.text}: {twin.name}")
def test_tlc_gives_the_same_answers_on_as_many_states(twin: Twin, tools: tlc.Tools, tmp_path: Path) -> None:
    """Where bounds cut behaviours off, the promise fails beyond them only; all that is beyond is one state."""
    excused = f"(<>beyond) \\/ ({twin.promise})" if twin.has_bounds else twin.promise
    judgement = of_twin(twin, tools, tmp_path, excused)
    assert (judgement.verdict is Verdict.VIOLATED) == (twin.answer is Answer.VIOLATED)
    assert judgement.states is not None
    assert judgement.states - explore(twin.system).states in ({0, 1} if twin.has_bounds else {0})
    if twin.has_bounds and twin.answer is not Answer.VIOLATED:
        strict = of_twin(twin, tools, tmp_path, twin.promise)
        assert (strict.verdict is Verdict.VIOLATED) == (twin.answer is Answer.CUT)


# Graphs. All that keep their promises are one text, whose first state chooses one. Of those that break them some are
# walked side by side, for TLC reports only one violation. None hinders another, so a behaviour that breaks all promises
# at once exists exactly if each graph has one that breaks its own.


def pairs(graph: Graph, event: str) -> str:
    """Return the moves of an event as a set of pairs."""
    return as_set(f'<<"{a}", "{b}">>' for a, targets in graph.moves[event].items() for b in targets)


def as_set(elements: Iterable[str]) -> str:
    """Return a set in TLA+."""
    return "{" + ", ".join(elements) + "}"


def true_at(condition: Condition) -> list[str]:
    """Return the states in which a condition is true, in TLA+."""
    return [f'"{state}"' for state in STATES if condition.holds((state,))]


def formula(kind: type[Liveness], condition: str, cause: str) -> str:
    """Return a promise of this kind, in TLA+."""
    before, after = {
        Eventually: ("<>(", ")"),
        AlwaysEventually: ("[]<>(", ")"),
        EventuallyAlways: ("<>[](", ")"),
        LeadsTo: (f"({cause}) ~> (", ")"),
    }[kind]
    return f"{before}{condition}{after}"


def cause_of(promise: Liveness) -> list[str]:
    """Return the states in which a promise begins to wait, if it says so itself."""
    return true_at(promise.cause) if isinstance(promise, LeadsTo) else []


def side_by_side(graphs: Sequence[Graph]) -> list[str]:
    """Return a text in which all graphs are walked, and one of the promises is kept."""
    numbered = list(enumerate(graphs, start=1))
    moves = [f"Go({n}, {pairs(graph, event)})" for n, graph in numbered for event in graph.moves]
    demands = [
        f"{fair(strength)}_at(Go({n}, {pairs(graph, event)}))"
        for n, graph in numbered
        for event, strength in graph.fair.items()
    ]
    promises = [
        formula(
            type(graph.promise),
            f"at[{n}] \\in {as_set(true_at(graph.promise.condition))}",
            f"at[{n}] \\in {as_set(cause_of(graph.promise))}",
        )
        for n, graph in numbered
    ]
    return [
        "EXTENDS Naturals",
        "VARIABLE at",
        "Go(i, moves) == \\E move \\in moves : at[i] = move[1] /\\ at' = [at EXCEPT ![i] = move[2]]",
        f'Init == at = [i \\in 1 .. {len(graphs)} |-> "a"]',
        f"Next == {either([*moves, 'UNCHANGED at'])}",  # for graphs without moves TLC wants one
        f"Behaviour == {both(['Init', '[][Next]_at', *demands])}",
        f"Promise == {either(promises)}",
    ]


def one_of(graphs: Sequence[Graph]) -> list[str]:
    """Return a text in which one graph is walked, and its promise is kept.

    Their first weakly fair events are one action, and so on: of one graph, that is the same.
    """
    numbered = list(enumerate(graphs, start=1))
    moves = [f"Go({n}, {pairs(graph, event)})" for n, graph in numbered for event in graph.moves]
    demands = []
    for strength in Strength:
        events = [[event for event, demand in graph.fair.items() if demand is strength] for graph in graphs]
        for column in zip_longest(*events):
            actions = [
                f"Go({n}, {pairs(graph, event)})"
                for (n, graph), event in zip(numbered, column, strict=True)
                if event is not None
            ]
            demands.append(f"{fair(strength)}_<<which, at>>({either(actions)})")
    promises = []
    for kind in (Eventually, AlwaysEventually, EventuallyAlways, LeadsTo):
        promised = [(n, graph.promise) for n, graph in numbered if isinstance(graph.promise, kind)]
        condition = as_set(f"<<{n}, {state}>>" for n, promise in promised for state in true_at(promise.condition))
        cause = as_set(f"<<{n}, {state}>>" for n, promise in promised for state in cause_of(promise))
        kept = formula(kind, f"<<which, at>> \\in {condition}", f"<<which, at>> \\in {cause}")
        promises.append(f"(which \\in {as_set(str(n) for n, _ in promised)} => {kept})")
    return [
        "EXTENDS Naturals",
        "VARIABLES which, at",
        "Go(i, moves) == which = i /\\ (\\E move \\in moves : at = move[1] /\\ at' = move[2]) /\\ UNCHANGED which",
        f'Init == which \\in 1 .. {len(graphs)} /\\ at = "a"',
        f"Next == {either(moves)}",
        f"Behaviour == {both(['Init', '[][Next]_<<which, at>>', *demands])}",
        f"Promise == {both(promises)}",
    ]


def fair(strength: Strength) -> str:
    """Return the operator of TLA+ for a demand of fairness."""
    return "WF" if strength is Strength.WEAK else "SF"


def either(formulas: Sequence[str]) -> str:
    """Return a disjunction."""
    return " \\/ ".join(f"({each})" for each in formulas)


def both(formulas: Sequence[str]) -> str:
    """Return a conjunction."""
    return " /\\ ".join(f"({each})" for each in formulas)


def random_graph(chance: random.Random) -> Graph:
    """Return a graph of three or four states with two or three events, any fairness and any promise.

    In half of them one event goes round some states for ever, and the others are each possible in one state: then
    strong fairness is another thing than weak.
    """
    states = "abcd"[: chance.randint(3, 4)]
    events = ["one", "two", "three"][: chance.randint(2, 3)]
    targets = {event: {state: chance.sample(states, chance.randint(1, 2)) for state in states} for event in events}
    moves = {e: {s: "".join(t) for s, t in targets[e].items() if chance.random() < SHARE} for e in events}
    if chance.random() < SHARE:
        turn = states[: chance.randint(2, len(states) - 1)]
        moves = {e: {s: states[-1]} for e, s in zip(events, chance.choices(turn, k=len(events)), strict=True)}
        moves["one"] = dict(zip(turn, turn[1:] + turn[0], strict=True))
    demands = {event: chance.choice([None, *Strength, *Strength]) for event in moves}
    given = {event: demand for event, demand in demands.items() if demand is not None}
    goals = chance.sample(states[1:], chance.randint(1, len(states) - 2))
    kind = chance.choice([eventually, again_and_again, in_the_end, None])
    promise = leads_to(chance.choice(states), *goals) if kind is None else kind(*goals)
    return Graph("random", moves, given, promise, holds=False)


def random_graphs(number: int) -> Iterator[Graph]:
    """Yield so many random graphs, and whether they keep their promises."""
    for seed in range(number):
        graph = random_graph(random.Random(f"graph {seed}"))
        compiled, expected = (search(graph.system()).path is None for search in (explore, reference.explore))
        assert compiled == expected, graph
        yield replace(graph, name=f"random graph {seed}", holds=compiled)


SHARE: Final = 0.5
MOST_COST: Final = 12  # of graphs side by side: their states multiply, and TLC tries each strong demand in two ways


def batches(graphs: Iterable[Graph]) -> Iterator[list[Graph]]:
    """Yield the graphs some at a time, as many as TLC judges quickly side by side."""
    batch, cost = list[Graph](), 0
    for graph in graphs:
        own = 2 + list(graph.fair.values()).count(Strength.STRONG)
        if cost + own > MOST_COST:
            yield batch
            batch, cost = [], 0
        batch.append(graph)
        cost += own
    yield batch


def test_tlc_gives_the_same_answers_on_graphs(tools: tlc.Tools, tmp_path: Path) -> None:
    """On those whose answers are known, and on random ones."""
    graphs = [*GRAPHS, *random_graphs(EXAMPLES or 20)]
    assert judge(tools, tmp_path, one_of([graph for graph in graphs if graph.holds])).verdict is Verdict.HOLDS
    for some in batches(graph for graph in graphs if not graph.holds):
        assert judge(tools, tmp_path, side_by_side(some)).verdict is Verdict.VIOLATED, some
