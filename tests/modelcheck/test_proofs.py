"""What z3 proves of quorums, generals and the Byzantine core; what it must refute; and what isn't known."""

import random
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

z3 = pytest.importorskip("z3", reason="z3 is an extra: pip install 'quorate[proofs]'")

from quorate_check.bft.bounds import BftBounds  # noqa: E402
from quorate_check.bft.proofs import proof, ties  # noqa: E402
from quorate_check.bft.proofs.actions import ACTIONS  # noqa: E402
from quorate_check.bft.proofs.cluster import FiniteCluster, language  # noqa: E402
from quorate_check.bft.proofs.invariant import AGREEMENT, INVARIANT  # noqa: E402
from quorate_check.bft.proofs.model import EVALUATION, VOCABULARY  # noqa: E402
from quorate_check.core.verdict import Verdict  # noqa: E402
from quorate_check.generals.proofs import impossible as generals  # noqa: E402 - they need z3
from quorate_check.proofs import pool, quorums  # noqa: E402 - they need z3
from quorate_check.proofs.logic.rewriting import sorts_of  # noqa: E402
from quorate_check.proofs.logic.solving import ORDER  # noqa: E402
from quorate_check.proofs.obligation import SHARES, Obligation, ProofOutcome, ProofSubject, Tie, discharge  # noqa: E402
from quorate_check.proofs.report import ProofReport, SubjectReport  # noqa: E402

LIMIT_S = 60.0
SUBJECTS = (quorums.subject(), generals.subject(), proof.subject())


OBLIGATIONS = [
    pytest.param(each, id=f"{subject.name}: {each.name}") for subject in SUBJECTS for each in subject.obligations
]


@pytest.mark.parametrize("obligation", OBLIGATIONS)
def test_every_proof_is_found_and_every_control_is_refuted(obligation: Obligation) -> None:
    """A proof has no counterexample, and a control has one that is told in words."""
    outcome = discharge(obligation, LIMIT_S)
    assert outcome.verdict is obligation.expected, outcome.text
    assert bool(outcome.text) == (obligation.expected is Verdict.VIOLATED)


def test_three_generals_fail_by_three_demands_that_contradict_each_other() -> None:
    """Each lieutenant must obey although the other lies, and both must decide alike: that is all it takes."""
    obligation = next(o for o in generals.subject().obligations if o.name == "three, two rounds")
    assert set(discharge(obligation, LIMIT_S).core) == {
        "lieutenant 1 obeys a loyal commander although lieutenant 2 lies",
        "lieutenant 2 obeys a loyal commander although lieutenant 1 lies",
        "lieutenants 1 and 2 decide alike if the commander is the traitor",
    }


def fermat() -> z3.BoolRef:
    """Return what z3 can't settle in no time at all."""
    x, y, z, n = z3.Ints("x y z n")
    return z3.And(x > 2, y > 2, z > 2, n > 2, x**n + y**n == z**n)


def test_a_query_without_an_answer_is_unknown_and_never_a_pass() -> None:
    """However often it is begun again."""
    begun: list[z3.BoolRef] = []

    def sentences() -> dict[str, z3.BoolRef]:
        begun.append(fermat())
        return {"": begun[-1]}

    outcome = discharge(Obligation("fermat", "", "There is no such power.", sentences), 0.05)
    assert outcome.verdict is Verdict.UNKNOWN
    assert "doesn't know" in outcome.text
    assert len(begun) == len(SHARES)


def test_a_query_in_which_z3_loses_its_way_is_begun_again() -> None:
    """The answer then is the second attempt's."""
    attempts = iter((fermat(), z3.Not(z3.BoolVal(val=True))))
    outcome = discharge(Obligation("lost", "", "It is found.", lambda: {"": next(attempts)}), 0.05)
    assert outcome.verdict is Verdict.HOLDS


@pytest.mark.parametrize("subject", SUBJECTS[:2], ids=lambda s: s.name)
def test_the_code_computes_what_is_proved(subject: ProofSubject) -> None:
    """Quorum sizes, and decisions of OM(1)."""
    (tie,) = subject.ties
    assert tie.run(LIMIT_S).verdict is Verdict.HOLDS


def test_a_wrong_quorum_size_breaks_its_tie(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison with the code can fail."""
    wrong = ((lambda n: n // 2, quorums.majority),)
    monkeypatch.setattr(quorums, "FORMULAS", wrong)
    outcome = quorums.same_as_the_code(LIMIT_S)
    assert outcome.verdict is Verdict.VIOLATED
    assert "by what is proved" in outcome.text


def test_explored_states_and_steps_of_the_byzantine_core_are_the_models() -> None:
    """Within the bounds of `model-check bft`, exhaustively."""
    of_states, of_steps = proof.subject().ties
    for tie in (of_states, of_steps):
        outcome = tie.run(LIMIT_S)
        assert outcome.verdict is Verdict.HOLDS, outcome.text
        assert "exhaustive" in outcome.text


@pytest.mark.parametrize(
    ("bounds", "broken"),
    [
        pytest.param(BftBounds(max_view=2, lock=False), "LaterVotesDoNoHarm", id="no lock rule"),
        pytest.param(BftBounds(servers=3, max_view=2), "Agreement", id="three members"),
    ],
)
def test_states_of_a_broken_core_break_the_invariant(bounds: BftBounds, broken: str) -> None:
    """The tie prints the path to a state that a sentence is false in."""
    outcome = ties.search(bounds, LIMIT_S, ties.state_invariants, "evaluations")
    assert outcome.verdict is Verdict.VIOLATED
    assert f"{broken} is broken" in outcome.text


def test_a_step_without_the_lock_rule_is_no_action_of_the_model() -> None:
    """The tie prints the path to a step that the relation refuses."""
    outcome = ties.search(BftBounds(max_view=2, lock=False), LIMIT_S, ties.step_invariants, "steps")
    assert outcome.verdict is Verdict.VIOLATED
    assert "ExplainedByAnAction is broken" in outcome.text


def test_sentences_mean_the_same_in_python_as_to_z3() -> None:
    """In random tables of a small cluster, every sentence and guard has one value."""
    cluster = FiniteCluster(3, 1, 2, views=2)
    there, chance = language(cluster), random.Random(6)
    here = {"node": (0, 1, 2), "view": (1, 2), "value": ("A", "B"), "quorum": tuple(cluster.quorums)}
    things = {sort: dict(zip(here[sort], there.things[sort], strict=True)) for sort in here}
    formulas = [c.formula for c in (*INVARIANT, AGREEMENT)]
    for _ in range(30):
        tables, facts = dict[str, Any](here), []
        for table, places in VOCABULARY.relations.items():
            rows = list(product(*(here[place] for place in places)))
            held = {"honest": lambda n: n < 2, "member": lambda n, q: n in q}.get(
                table, lambda *_: chance.random() < 0.7
            )
            tables[table] = frozenset(row for row in rows if held(*row))
            for row in rows:
                values = [things[place][thing] for place, thing in zip(places, row, strict=True)]
                facts.append(there.symbols[table](*values) == (row in tables[table]))
        facts += [
            there.symbols[f"{ORDER}view"](a, b) == (i <= j)
            for (i, a), (j, b) in product(things["view"].items(), repeat=2)
        ]
        solver = z3.Solver()
        solver.add(*facts)
        assert solver.check() == z3.sat
        for said in formulas:
            value = solver.model().eval(there.closed(said), model_completion=True)
            assert z3.is_true(value) == EVALUATION.judge(said)(tables)
        for action in ACTIONS:
            env = {name: chance.choice(here[sort]) for name, sort in action.sorts.items()}
            meant = {name: things[sort][env[name]] for name, sort in action.sorts.items()}
            value = solver.model().eval(
                there.translate(action.condition, sorts_of(action.condition, VOCABULARY, action.sorts), meant),
                model_completion=True,
            )
            assert z3.is_true(value) == EVALUATION.judge(action.condition, action.sorts)(tables, *env.values())


TRIVIAL = Obligation("a", "", "So it is.", lambda: {"no": z3.Not(z3.BoolVal(val=True))})


@pytest.mark.parametrize(
    ("expected", "verdict", "whole"),
    [
        (Verdict.HOLDS, Verdict.HOLDS, Verdict.HOLDS),
        (Verdict.VIOLATED, Verdict.VIOLATED, Verdict.HOLDS),
        (Verdict.HOLDS, Verdict.VIOLATED, Verdict.VIOLATED),
        (Verdict.VIOLATED, Verdict.HOLDS, Verdict.VIOLATED),
        (Verdict.HOLDS, Verdict.UNKNOWN, Verdict.UNKNOWN),
        (Verdict.VIOLATED, Verdict.UNKNOWN, Verdict.UNKNOWN),
        (Verdict.HOLDS, None, Verdict.UNKNOWN),
    ],
)
def test_a_report_holds_only_if_all_is_as_it_must_be(
    expected: Verdict, verdict: Verdict | None, whole: Verdict
) -> None:
    """A control that is proved is as bad as a proof that is refuted, and what wasn't done isn't known."""
    subject = ProofSubject("s", "S", (replace(TRIVIAL, expected=expected),))
    outcomes = {} if verdict is None else {"a": ProofOutcome(verdict, 0.0)}
    report = ProofReport((SubjectReport(subject, frozenset({"a"}), outcomes),), 0.0, None)
    assert report.verdict is whole
    assert report.conclusion.startswith(whole.value)


def test_names_are_unique_within_a_subject() -> None:
    """Whoever works in another process finds its task by its name."""
    tie = Tie("a", "", lambda _: ProofOutcome(Verdict.HOLDS, 0.0))
    with pytest.raises(AssertionError, match="aren't unique"):
        ProofSubject("s", "S", (TRIVIAL,), (tie,))


def test_work_in_other_processes_ends_when_it_is_told_to() -> None:
    """What is done by then is known, the rest isn't."""
    tasks = pool.tasks_of(pool.load("quorums"), LIMIT_S)
    seen: list[pool.ProofProgress] = []

    def stop() -> str | None:
        return "enough" if seen and seen[-1].done >= 1 else None

    outcomes = pool.perform_all(tasks, 1, stop, seen.append)
    assert 0 < len(outcomes) < len(tasks)
    assert outcomes.keys() <= set(tasks)


def test_work_in_other_processes_has_the_same_answers() -> None:
    """Every obligation of the quorums, by two processes."""
    subject = pool.load("quorums")
    outcomes = pool.perform_all(pool.tasks_of(subject, LIMIT_S), 2, lambda: None, lambda _: None)
    expected = {each.name: each.expected for each in subject.everything}
    assert {task.name: outcome.verdict for task, outcome in outcomes.items()} == expected


def test_a_limit_is_of_work_so_that_a_slow_machine_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much time passes on the clock, z3 is asked for the same; and what it may do is in its own units."""
    slow = iter(range(0, 10**9, 10**5))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(slow)))  # a day and more between any two looks
    obligation = next(each for each in pool.load("quorums").obligations if each.expected is Verdict.HOLDS)
    assert discharge(obligation, 0.1).verdict is Verdict.HOLDS
    monkeypatch.setattr("quorate_check.proofs.obligation.units", lambda _: 1)
    assert discharge(obligation, 1e6).verdict is Verdict.UNKNOWN


def test_no_question_to_z3_is_limited_by_the_clock() -> None:
    """Where one is, it is only to look whether to stop, and the question is asked again."""
    checker = Path(pool.__file__).parent.parent
    files = [file for file in sorted(checker.rglob("*.py")) if "proofs" in file.parts]
    timed = [file.name for file in files if 'set("timeout"' in file.read_text(encoding="utf-8")]
    assert timed == ["oral.py"]
