"""On a network of any number of messages the engine finds exactly the tuples of local states that can be reached."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given

from documented import ROOT
from nightly import by_night
from quorate_check import engine
from quorate_check.cli import main
from quorate_check.core import behaviour, reference
from quorate_check.core.invariants import Invariant, Over, StepInvariant
from quorate_check.core.path import MoveKind, Path
from quorate_check.core.system import Deliver, Network, NetworkKind, Outcome, Spontaneous, System, UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.engine.any_network.search import search
from quorate_check.engine.any_network.shorten import LEAST, NOT_KNOWN
from quorate_check.engine.any_network.state_space import StateSpace
from quorate_check.outside import tlc
from quorate_check.outside.compare import Checker
from quorate_check.outside.model import Model
from quorate_check.outside.process import Limit
from quorate_check.raft.bounds import OF_BOUNDED_NETWORKS, SERVED, RaftBounds
from quorate_check.raft.spec import SpecBounds
from quorate_check.raft.subject import Durability
from quorate_check.tell.report import bounds_of
from random_systems import Rules, often, systems

ANY = Network(NetworkKind.ANY)


@dataclass(frozen=True)
class Letter:
    """A message of one word."""

    source: int
    destination: int
    word: str


MEMORY = 1 << 28
ENOUGH = 400  # states that plain Python searches in a moment
MOST = 20_000  # states that the engine keeps in a moment


def tuples_by_reference(system: System) -> set[tuple[Any, ...]] | None:
    """The tuples of local states that plain Python reaches, None if that takes too many states."""
    found = reference._Search(system)
    frontier = [behaviour.start(system)]
    for state in frontier:  # which grows meanwhile
        if not any(map(system.beyond, state.nodes)):
            frontier.extend(found.expand(state, 0))
        if len(found.parents) > ENOUGH:
            return None
    return {tuple(found.locals.values[i] for i in nodes) for nodes, *_ in found.parents}


def tuples_by_engine(system: System, *, reduced: bool = False) -> set[tuple[Any, ...]] | None:
    """The tuples that the engine reaches, under every name of the nodes; None if it keeps too many states."""
    space = StateSpace(system, reduced=reduced)
    if search(space, MEMORY, stop=lambda: "enough" if space.states > MOST else None) is not None:
        return None
    by = system.symmetry
    found = set()
    for row in space.store.tuple_nodes[: space.tuples].tolist():
        nodes = tuple(space.tables.locals[i] for i in row)
        for p in by.permutations(len(nodes)) if by is not None else ():
            found.add(tuple(by.local(nodes[p.index(i)], p) for i in range(len(p))))
        found.add(nodes)
    return found


def silent(system: System) -> System:
    """A system on a network of any number of messages, whose promises are left out."""
    rules = system.step
    assert isinstance(rules, Rules)
    tame = replace(rules, rules=tuple(replace(rule, raises=False) for rule in rules.rules))
    return replace(system, network=ANY, done=None, invariants=(), witnesses=(), step=tame)


@often
@given(systems())
def test_the_engine_reaches_the_tuples_that_plain_python_reaches(system: System) -> None:
    """No more and no fewer, whatever nodes do, budgets allow and boundaries cut off."""
    expected = tuples_by_reference(silent(system))
    if expected is not None:
        assert tuples_by_engine(silent(system)) == expected, "plain Python searched it in a moment"
        assert tuples_by_engine(silent(system), reduced=True) == expected, "without useless messages"


@often
@given(systems())
def test_nodes_in_equal_states_are_told_apart(system: System) -> None:
    """What one node has done with a message says nothing of another in the same state, which gets others."""
    first = system.initial[0]
    alike = silent(replace(system, initial=(first,) * len(system.initial), symmetry=None))
    expected = tuples_by_reference(alike)
    if expected is not None:
        assert tuples_by_engine(alike) == expected
        assert tuples_by_engine(alike, reduced=True) == expected


def relaying(local: str, event: Any) -> tuple[Outcome, ...]:  # noqa: ANN401 - whatever happens
    """The first node sends a letter to the second, and later one to the third; both wait in the same state."""
    match local, event:
        case "sender", "go":
            return (Outcome("half", (Letter(0, 1, "first"),)),)
        case "half", "go":
            return (Outcome("done", (Letter(0, 2, "second"),)),)
        case "waiting", Deliver(message):
            return (Outcome(message.word),)
        case _:
            return ()


def test_a_letter_to_one_node_is_not_taken_for_one_to_another_in_the_same_state() -> None:
    """Each is its link's first letter, and the second node has had its own when the third gets its."""
    system = System("relay", ("sender", "waiting", "waiting"), relaying, ANY, spontaneous=(Spontaneous("go"),))
    assert tuples_by_engine(system) == tuples_by_reference(system)


@often
@given(systems(symmetric=True))
def test_symmetry_changes_no_tuple(system: System) -> None:
    """Representatives stand for exactly what is reached without symmetry, and the sum of orbits counts that."""
    reduced = silent(system)
    plain = tuples_by_engine(replace(reduced, symmetry=None))
    if plain is None:
        return
    assert tuples_by_engine(reduced) == plain
    assert tuples_by_engine(reduced, reduced=True) == plain
    if reduced.symmetry is not None:
        assert engine.explore(reduced, engine.Limits(memory=MEMORY, reduced=True)).tuples == len(plain)


def assert_happened(system: System, path: Path) -> None:
    """Every step of a path is one that the system's own code takes, and the last breaks the promise, not before."""
    state = path.initial
    assert state == behaviour.start(system)
    for step in path.steps[:-1]:
        assert behaviour.broken(system, state) is None
        assert (step.move, step.after) in [(move, after) for move, _, after in behaviour.moves(system, state)]
        assert step.after is not None
        state = step.after
    if path.broken == behaviour.RAISED:
        with pytest.raises(behaviour.StepRaisedError):
            list(behaviour.edges(system, state, path.steps[-1].move))
        return
    ends = []
    for move, outcome, after in behaviour.moves(system, state) if path.steps else ():
        if outcome is not None and move == path.steps[-1].move and after is not None and move.node is not None:
            event = behaviour.event_of(move)
            ends += [behaviour.broken_by_step(system, state.nodes[move.node], event, outcome)]
            ends += [behaviour.broken(system, after)]
    assert path.broken in (ends if path.steps else [behaviour.broken(system, state)])


@often
@given(systems())
def test_a_promise_is_broken_where_plain_python_breaks_one(system: System) -> None:
    """Both have the same verdict, and the path is one of the system's own code."""
    system = replace(system, network=ANY, done=None, witnesses=())
    plain = tuples_by_reference(silent(system))
    if plain is None:
        return
    expected = reference.explore(system)
    for reduced in (False, True):
        found = engine.explore(system, engine.Limits(memory=MEMORY, reduced=reduced))
        assert found.verdict is expected.verdict
        if found.path is not None:
            assert_happened(system, found.path)
            assert expected.path is not None
            least, length = len(expected.path.steps), len(found.path.steps)
            assert length == least if found.path.note == LEAST else length >= least


def bounded_tuples(bounds: RaftBounds, in_flight: int) -> set[tuple[Any, ...]]:
    """The tuples that a lossy, repeating, unordered network of so many messages shows."""
    system = replace(bounds.system(), invariants=(), witnesses=(), symmetry=None)
    network = Network(NetworkKind.UNORDERED, in_flight, drops=None, duplicates=None)
    found = reference._Search(replace(system, network=network))
    frontier = [behaviour.start(system)]
    for state in frontier:  # which grows meanwhile
        if not any(map(system.beyond, state.nodes)):
            frontier.extend(found.expand(state, 0))
    return {tuple(found.locals.values[i] for i in nodes) for nodes, *_ in found.parents}


@pytest.mark.parametrize(
    "bounds",
    [
        RaftBounds(servers=2, max_term=2, max_log=1, proposals=1),
        RaftBounds(servers=2, max_term=1, max_log=1, proposals=1, restarts=1),
        RaftBounds(
            servers=2, max_term=1, max_log=1, proposals=1, restarts=1, network=NetworkKind.ANY, storage=Durability.ASYNC
        ),
        RaftBounds(servers=3, max_term=1, max_log=0, proposals=0),
    ],
    ids=str,
)
def test_a_growing_capacity_ends_at_the_same_tuples(bounds: RaftBounds) -> None:
    """More messages in flight show more of Raft, until nothing is added: and that is what any number shows."""
    sizes, growing = [], set[tuple[Any, ...]]()
    for in_flight in range(1, 9):
        growing = bounded_tuples(bounds, in_flight)
        sizes.append(len(growing))
        if sizes[-2:] == [len(growing)] * 2:
            break
    assert sizes == sorted(sizes)
    system = replace(bounds.system(), network=ANY, symmetry=None, invariants=(), witnesses=())
    assert tuples_by_engine(system) == growing


PINNED = ((RaftBounds(max_log=1), 7_014), (RaftBounds(), 46_518), (RaftBounds(servers=4, max_log=1), 162_479))


def test_the_page_has_the_counts_that_are_tested() -> None:
    """A row of its table that is pinned here can't say something else."""
    page = (ROOT / "docs" / "any-network.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([^|]+) \| ([\d,]+) \|", page, re.MULTILINE))
    of_page = {rows.get(f"{b.servers}, {b.max_term}, {b.max_log}"): f"{tuples:,}" for b, tuples in PINNED[1:]}
    assert of_page == {tuples: tuples for tuples in of_page.values()}


@pytest.mark.parametrize(
    ("bounds", "tuples"), PINNED, ids=["3 servers, logs of 1", "3 servers, logs of 2", "4 servers, logs of 1"]
)
def test_raft_keeps_its_promises_on_any_network(bounds: RaftBounds, tuples: int) -> None:
    """Every invariant, on any number of messages; the counts are pinned, under every name of the servers."""
    found = engine.explore(replace(bounds.system(), network=ANY), engine.Limits(memory=MEMORY, reduced=True))
    assert found.verdict is Verdict.HOLDS
    assert found.exhaustive
    assert found.tuples == tuples


def test_few_states_are_left_of_a_tuple_without_useless_messages() -> None:
    """The same tuples of Raft in a third of the states, under each of the servers' names and under one."""
    for symmetry in (False, True):
        bounds = RaftBounds(max_log=1, network=NetworkKind.ANY, symmetry=symmetry)
        whole, few = (
            engine.explore(bounds.system(), engine.Limits(memory=MEMORY, reduced=reduced)) for reduced in (False, True)
        )
        assert whole.tuples == few.tuples == 7_014
        assert 3 * few.states < whole.states


def opening(local: int, event: Any) -> tuple[Outcome, ...]:  # noqa: ANN401 - whatever happens
    """A node that reads a letter only after three steps of its own, and until then says that it is there."""
    if isinstance(event, Deliver):
        if event.message.word == "letter":
            return (Outcome(9),) if local == 3 else (Outcome(local, (Letter(1, 0, "here"),)),)
        return (Outcome(local),)
    return (Outcome(local, (Letter(0, 1, "letter"),)),) if event == "send" else (Outcome(min(3, local + 1)),)


def test_a_message_that_matters_later_is_kept_from_the_start() -> None:
    """When it is sent, the local steps after which it matters haven't been run yet."""
    system = System("opening", (0, 0), opening, ANY, spontaneous=(Spontaneous("send"), Spontaneous("step")))
    reached = tuples_by_engine(system, reduced=True)
    assert reached == tuples_by_reference(system)
    assert reached is not None
    assert (0, 9) in reached


@pytest.mark.parametrize(
    ("bounds", "tuples"),
    [
        pytest.param(SpecBounds(servers=3, max_term=1, max_log=0), 95, marks=by_night),
        (SpecBounds(servers=2, max_term=1, max_log=0, restarts=True, step_downs=True), 23),
    ],
    ids=["three servers", "restarts"],
)
def test_tlc_reaches_the_same_tuples_of_the_specification(bounds: SpecBounds, tuples: int) -> None:
    """On a network of the same kind in TLA+, in which nothing is used up: as sets, not only in how many."""
    if (missing := Checker.TLC.missing()) is not None:
        pytest.skip(missing)
    bounds = replace(bounds, any_network=True, symmetry=False)
    system = bounds.system()
    there = tlc.check(Model(bounds), system, tlc.find(), Limit(), dump=True)
    assert there.dump is not None
    reached = {state.nodes for state in there.dump}
    system = replace(system, invariants=(), witnesses=())
    assert tuples_by_engine(system) == reached
    assert len(reached) == tuples


@dataclass(frozen=True)
class Token:
    """A message without contents."""

    source: int
    destination: int
    name: str


@dataclass(frozen=True)
class Counter:
    """A node that counts what arrives."""

    me: int
    got: int = 0


def counting(local: Counter, event: Any) -> tuple[Outcome, ...]:  # noqa: ANN401 - whatever happens
    """Node 0 sends one token, and node 1 counts to three."""
    match event:
        case "send" if local.me == 0:
            return (Outcome(local, (Token(0, 1, "t"),)),)
        case Deliver() if local.got < 3:
            return (Outcome(replace(local, got=local.got + 1)),)
        case _:
            return ()


COUNTING = System(
    "counting",
    (Counter(0), Counter(1)),
    counting,
    ANY,
    spontaneous=(Spontaneous("send"),),
    invariants=(Invariant("BelowThree", "", lambda n: n.got, lambda v: v[0] < 3, Over.EACH),),
)


def test_one_message_arrives_any_number_of_times() -> None:
    """A receiver that counts what arrives counts on, and the path says how: one sending, three deliveries."""
    found = engine.explore(COUNTING, engine.Limits(memory=MEMORY))
    assert found.path is not None
    kinds = [step.move.kind for step in found.path.steps]
    assert kinds == [MoveKind.SPONTANEOUS, *[MoveKind.DELIVER] * 3]
    assert found.path.note == LEAST
    assert_happened(COUNTING, found.path)


def test_a_path_that_could_not_be_compared_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the search for a shorter one has to leave a message out, the length isn't known to be the least."""
    monkeypatch.setattr("quorate_check.engine.any_network.shorten.MOST_IN_FLIGHT", 1)

    def scattering(local: int, event: Any) -> tuple[Outcome, ...]:  # noqa: ANN401 - whatever happens
        if isinstance(event, Deliver):
            return (Outcome(local + 1),) if local < 2 else ()
        return (Outcome(local, (Letter(0, 1, "first"), Letter(0, 1, "second"))),)

    small = Invariant("Small", "", lambda local: local, lambda views: views[0] < 2, Over.EACH)
    system = System("scattering", (0, 0), scattering, ANY, spontaneous=(Spontaneous("go"),), invariants=(small,))
    found = engine.explore(system)
    assert found.path is not None
    assert found.path.note == NOT_KNOWN


def test_a_step_whose_budget_is_used_up_is_not_judged() -> None:
    """What can't happen breaks nothing: the second alarm is beyond the budget."""

    def step(local: int, event: Any) -> tuple[Outcome, ...]:  # noqa: ANN401 - whatever happens
        return (Outcome(local + 1),) if event == "alarm" else ()

    once = StepInvariant("Once", "", lambda before, _event, _after, _sent: before < 1)
    system = System(
        "alarms", (0, 10), step, ANY, spontaneous=(Spontaneous("alarm", "alarms"),), budgets={"alarms": 1},
        invariants=(StepInvariant("Small", "", lambda before, _e, _a, _s: before in {0, 10}), once),
    )  # fmt: skip
    found = engine.explore(replace(system, initial=(0, 0)), engine.Limits(memory=MEMORY))
    assert found.verdict is Verdict.HOLDS


def echoing(_local: int, event: object) -> tuple[Outcome, ...]:
    """Sends a first message, and a second when that arrives, without ever changing."""
    first, second = Letter(0, 1, "first"), Letter(1, 0, "second")
    if isinstance(event, Deliver):
        return (Outcome(0, (second,)),) if event.message == first else ()
    return (Outcome(0, (first,)),)


@pytest.mark.parametrize(
    ("word", "steps"), [("first", 1), ("second", 2)], ids=["the first step", "a step on what the first sent"]
)
def test_a_promise_breaks_before_any_local_state_has_changed(word: str, steps: int) -> None:
    """While the first state is still being completed by what can be sent in it."""
    silence = StepInvariant("Silence", "", lambda _before, _event, _after, sent: all(m.word != word for m in sent))
    system = System("echo", (0, 0), echoing, ANY, spontaneous=(Spontaneous("go"),), invariants=(silence,))
    found = engine.explore(system)
    assert found.path is not None
    assert len(found.path.steps) == steps
    assert_happened(system, found.path)


def test_a_network_of_any_number_of_messages_takes_nothing_else() -> None:
    """A capacity, losses or repetitions would say less than the kind does."""
    with pytest.raises(UnusableSystemError, match="give nothing but the kind"):
        replace(COUNTING, network=Network(NetworkKind.ANY, 3))


def test_a_report_says_what_is_true_of_this_network(capsys: pytest.CaptureFixture[str]) -> None:
    """No bounds that it hasn't, workers as asked, tuples beside states, and the claim in full."""
    bounds = ["--servers", "3", "--max-term", "2", "--max-log", "1"]
    assert main(["raft", "--network", "any", *bounds, "--workers", "2", "--json", "-"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert not {"in_flight", "drops", "duplicates"} & set(report["bounds"])
    assert (report["workers"], report["tuples"]) == (2, 7_014)
    assert report["conclusion"] == "holds, exhaustive within bounds, whatever the network loses, repeats and reorders"
    assert not {"in_flight", "drops", "duplicates"} & set(bounds_of(COUNTING))


@pytest.mark.parametrize(
    "budgets",
    [{"restarts": None}, {"proposals": None, "step_downs": None}, {"snapshots": None}],
    ids=["restarts", "requests and step-downs", "snapshots"],
)
def test_no_budget_is_as_good_as_a_large_one(budgets: dict[str, Any]) -> None:
    """Raft's terms and logs bound what can happen without one, and a large budget ends at the same tuples."""
    bounds = RaftBounds(servers=2, max_term=2, max_log=1, network=NetworkKind.ANY, symmetry=False)
    large = dict.fromkeys(budgets, 12)
    unlimited, limited = (replace(bounds, **given).system() for given in (budgets, large))
    assert tuples_by_engine(unlimited) == tuples_by_engine(limited)
    assert tuples_by_engine(unlimited) != tuples_by_engine(bounds.system())


def test_a_witness_is_seen_without_a_depth(capsys: pytest.CaptureFixture[str]) -> None:
    """States aren't found in the order of their depth, so that none is claimed; it counts as seen all the same."""
    bounds = ["--servers", "2", "--max-term", "1", "--max-log", "1", "--proposals", "1"]
    assert main(["raft", "--network", "any", *bounds, "--json", "-"]) == 0
    printed = capsys.readouterr()
    witnesses = json.loads(printed.out)["witnesses"]
    assert witnesses["a leader is elected"] == {"seen": True, "depth": None, "impossible": None}
    assert not witnesses["two terms have leaders"]["seen"]
    assert "somewhere" in printed.err


@pytest.mark.parametrize("command", ["raft", "conform"])
@pytest.mark.parametrize(
    ("given", "network"),
    [
        ([], {"network": "any"}),
        (["--in-flight", "2"], {"network": "unordered", "in_flight": 2, "drops": 0, "duplicates": 0}),
        (["--drops", "0"], {"network": "unordered", "in_flight": 4, "drops": 0, "duplicates": 0}),
        (["--duplicates", "1"], {"network": "unordered", "in_flight": 4, "drops": 0, "duplicates": 1}),
        (["--network", "unordered"], {"network": "unordered", "in_flight": 4, "drops": 0, "duplicates": 0}),
        (["--network", "ordered", "--drops", "1"], {"network": "ordered", "in_flight": 4, "drops": 1, "duplicates": 0}),
    ],
    ids=["nothing", "a capacity", "no loss", "a repetition", "unordered", "ordered"],
)
def test_the_network_is_any_unless_an_option_bounds_it(
    command: str, given: list[str], network: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A capacity, losses or repetitions make it unordered, even none of them."""
    main([command, "--servers", "1", "--max-term", "1", "--max-log", "1", *given, "--json", "-"])
    report = json.loads(capsys.readouterr().out)
    (bounds,) = [run["bounds"] for run in report["runs"]] if command == "conform" else [report["bounds"]]
    assert {name: bounds[name] for name in ("network", *OF_BOUNDED_NETWORKS) if name in bounds} == network


def test_unlimited_budgets_are_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """The command takes them, the report states the claim in full, and its bounds can be read back."""
    bounds = ["--max-log", "1", "--restarts", "unlimited", "--step-downs", "1"]
    assert main(["raft", "--network", "any", *bounds, "--json", "-"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["claim"] == (
        "3 servers, 2 terms, logs of 1, any number of messages in flight, lost, repeated and reordered, "
        "2 client requests, any number of restarts, 1 step-down"
    )
    assert report["bounds"]["restarts"] == "unlimited"
    assert RaftBounds.from_dict(report["bounds"]).restarts is None


def test_the_claim_says_what_waits_for_the_disk() -> None:
    """A search of any network covers every queue of writes and every late confirmation."""
    bounds = RaftBounds(network=NetworkKind.ANY, storage=Durability.ASYNC, restarts=1)
    assert bounds.claim == (
        "3 servers, 2 terms, logs of 2, any number of messages in flight, lost, repeated and reordered, "
        "any number of writes waiting for each disk and for their confirmation, 2 client requests, 1 restart"
    )


def test_the_claim_promises_no_requests_where_none_fits() -> None:
    """A leader's no-op fills a log of one, so the bound on requests bounds nothing."""
    bounds = replace(SERVED, max_term=1, storage=Durability.SYNC)
    assert bounds.proposals == 2
    assert "logs of 1, which a no-op fills, any number of messages" in str(bounds.claim)
    assert "client request" not in str(bounds.claim)
    limits = engine.Limits(memory=MEMORY)
    tuples = [engine.explore(replace(bounds, proposals=n).system(), limits).tuples for n in (0, 2)]
    assert tuples[0] == tuples[1]
    assert "2 client requests" in str(replace(bounds, max_log=2).claim)


@pytest.mark.parametrize("value", ["many", "-1", "1001"])
def test_a_budget_is_a_number_or_unlimited(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is refused in one line that says what to give."""
    assert main(["raft", "--restarts", value]) == 2
    assert "unlimited" in capsys.readouterr().err
