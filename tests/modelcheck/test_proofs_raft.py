"""Raft for any number of servers and steps: every proof is found, and none once a rule or a sentence is missing."""

from __future__ import annotations

import pytest

pytest.importorskip("z3", reason="proofs need z3: pip install 'quorate[proofs]'")

from quorate_check.proofs.obligation import Obligation, discharge
from quorate_check.proofs.raft import subject
from quorate_check.proofs.raft.actions import ACTIONS, SILENT
from quorate_check.proofs.raft.invariant import INVARIANT
from quorate_check.proofs.raft.logic import FormulaError
from quorate_check.proofs.raft.model import formula
from quorate_check.verdict import Verdict

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
    assert outcome.told.startswith("before:")
    assert "is false: " in outcome.told.splitlines()[-1]


def test_every_action_of_the_specification_is_covered_or_silent() -> None:
    """No action of the specification is forgotten, and none is named that it hasn't."""
    from quorate_check.conformance.check import action_functions  # noqa: PLC0415

    covered = {name for action in ACTIONS for name in action.covers}
    assert covered | set(SILENT) == set(action_functions())


def test_figure_3_is_among_the_conjuncts() -> None:
    """What the paper promises is what is proved."""
    promised = {"ElectionSafety", "LogMatching", "LeaderCompleteness", "StateMachineSafety"}
    assert promised <= {conjunct.name for conjunct in INVARIANT}


@pytest.mark.parametrize("text", ["led(n)", "nobody(n)", "led(n, t) &", "led(n, t) led(n, t)", "t < 3"])
def test_what_is_no_formula_is_refused(text: str) -> None:
    """A slip of the pen isn't taken for something else."""
    with pytest.raises(FormulaError):
        formula(text)
