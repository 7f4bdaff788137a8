"""Raft for any number of servers and steps: every proof is found, and none once a rule or a sentence is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("z3", reason="proofs need z3: pip install 'quorate[proofs]'")

from quorate_check.core.verdict import Verdict
from quorate_check.proofs.logic.formulas import (
    And,
    Formula,
    FormulaError,
    Iff,
    Not,
    Or,
    Quantified,
    free,
)
from quorate_check.proofs.logic.rewriting import sorts_of
from quorate_check.proofs.obligation import Obligation, discharge
from quorate_check.raft.proofs import subject
from quorate_check.raft.proofs.actions import ACTIONS
from quorate_check.raft.proofs.controls import CONTROLS as MISTAKES
from quorate_check.raft.proofs.controls import Control
from quorate_check.raft.proofs.invariant import INVARIANT
from quorate_check.raft.proofs.lemmas import GENERAL, LEMMAS, USES
from quorate_check.raft.proofs.model import AXIOMS, STRATA, UNSTRATIFIED, VOCABULARY, formula
from quorate_check.raft.proofs.reasons import REASONS
from quorate_check.raft.proofs.silent import SILENT

LIMIT_S = 60.0
SUBJECT = subject()
PROOFS = [o for o in SUBJECT.obligations if o.expected is Verdict.HOLDS]
CONTROLS = [o for o in SUBJECT.obligations if o.expected is Verdict.VIOLATED]


@pytest.mark.parametrize("group", sorted({o.group for o in PROOFS}))
def test_the_invariant_is_true_at_first_and_after_every_action(group: str) -> None:
    """Every conjunct that an action may change is still true after it."""
    outcomes = {o.name: discharge(o, LIMIT_S).verdict for o in PROOFS if o.group == group}
    assert set(outcomes.values()) == {Verdict.HOLDS}, outcomes


@pytest.mark.parametrize("control", CONTROLS, ids=lambda o: o.name)
def test_a_wrong_protocol_has_a_readable_counterexample_to_induction(control: Obligation) -> None:
    """Without a rule of Raft, or without a conjunct, z3 finds a state and a step, and both are told."""
    outcome = discharge(control, LIMIT_S)
    assert outcome.verdict is Verdict.VIOLATED
    assert outcome.text.startswith("before:")
    assert "is false: " in outcome.text.splitlines()[-1]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.name)
def test_a_control_is_refuted_for_its_mistake_alone(mistake: Control) -> None:
    """With the rule, the sentence and the quorums of Raft in their places the same small states refute nothing."""
    action = next(action for action in ACTIONS if action.name == mistake.action.name)
    mended = replace(mistake, action=action, without=None, axioms=True)
    outcome = discharge(Obligation(mistake.name, "controls", mistake.claim, mended.sentences), LIMIT_S)
    assert outcome.verdict is Verdict.HOLDS, outcome.text


def test_every_action_of_the_specification_is_covered_or_silent() -> None:
    """No action of the specification is forgotten, and none is named that it hasn't."""
    from quorate_check.raft.conformance.check import action_functions  # noqa: PLC0415

    covered = {name for action in ACTIONS for name in action.covers}
    assert covered | set(SILENT) == set(action_functions())


def depends(part: Formula, sorts: dict[str, str], around: frozenset[str], *, turned: bool) -> set[tuple[str, str]]:
    """Return (a, b) for each "for each a there is a b" in a sentence, or in its opposite if `turned`."""
    match part:
        case Quantified(every, names, body):
            inner = {sorts[name] for name in names}
            if every != turned:
                return depends(body, sorts, around | inner, turned=turned)
            return {(a, b) for a in around for b in inner} | depends(body, sorts, around, turned=turned)
        case Not(inner):
            return depends(inner, sorts, around, turned=not turned)
        case Iff(one, other):
            both = [depends(each, sorts, around, turned=way) for each in (one, other) for way in (True, False)]
            return set().union(*both)
        case And(several) | Or(several):
            return set().union(*(depends(each, sorts, around, turned=turned) for each in several))
        case _:
            return set()


def test_the_sorts_are_stratified_so_that_z3_decides() -> None:
    """No sentence, nor the opposite of a conjunct, says "for each x there is a y" where y's sort comes before x's."""
    each_has_one = formula("forall n. exists t. current(n, t)")
    sorts = sorts_of(each_has_one, VOCABULARY)
    assert depends(each_has_one, sorts, frozenset(), turned=False) == {(sorts["n"], sorts["t"])}
    assert depends(each_has_one, sorts, frozenset(), turned=True) == set()
    edges = {(places[0], places[-1]) for places in VOCABULARY.functions.values()}
    for sentence in map(formula, AXIOMS.values()):
        sorts = sorts_of(sentence, VOCABULARY)
        edges |= depends(sentence, sorts, frozenset(sorts[name] for name in free(sentence)), turned=False)
    for action in ACTIONS:  # its parameters are constants
        for guard in action.guards:
            edges |= depends(guard, sorts_of(guard, VOCABULARY, action.sorts), frozenset(), turned=False)
    assert not downward(edges)
    exceptions = set()
    for conjunct in INVARIANT:
        sorts = sorts_of(conjunct.formula, VOCABULARY)
        around = frozenset(sorts[name] for name in free(conjunct.formula))
        own = depends(conjunct.formula, sorts, around, turned=False)
        # The opposite has constants for what the conjunct is about.
        own |= depends(conjunct.formula, sorts, frozenset(), turned=True)
        if downward(own):
            exceptions.add(conjunct.name)
    assert exceptions == UNSTRATIFIED


def downward(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those "for each a there is a b" in which b's sort doesn't come after a's."""
    return {(a, b) for a, b in edges if STRATA.index(a) >= STRATA.index(b)}


def test_a_lemma_uses_only_lemmas_before_it_and_fixes_what_its_least_numbers_depend_on() -> None:
    """No lemma assumes itself, and "the least" is said of one property, not of one for each value."""
    for action in ACTIONS:
        lemmas = LEMMAS.get(action.name, {})
        for position, (text, lemma) in enumerate(lemmas.items()):
            assert set(lemma.lemmas) <= set(list(lemmas)[:position]), text
            fixed = {*action.sorts, *lemma.about}
            for least in lemma.least:
                assert set(free(formula(least.text))) <= {*fixed, least.name}, least
        for uses in (GENERAL.get(action.name, ()), *USES.get(action.name, {}).values()):
            assert set(uses) <= set(lemmas)


def test_every_list_of_reasons_is_of_a_proof() -> None:
    """What no action changes has no proof, and needs no list."""
    proofs = {obligation.name for obligation in PROOFS}
    assert {f"{group}: {name}" for group, names in REASONS.items() for name in names} <= proofs
    assert {f"{group}: {name}" for group, names in USES.items() for name in names} <= proofs


def test_figure_3_is_among_the_conjuncts() -> None:
    """What the paper promises is what is proved."""
    promised = {"ElectionSafety", "LogMatching", "LeaderCompleteness", "StateMachineSafety"}
    assert promised <= {conjunct.name for conjunct in INVARIANT}


@pytest.mark.parametrize("text", ["led(n)", "nobody(n)", "led(n, t) &", "led(n, t) led(n, t)", "t < 3"])
def test_what_is_no_formula_is_refused(text: str) -> None:
    """A slip of the pen isn't taken for something else."""
    with pytest.raises(FormulaError):
        formula(text)
