"""The questions to z3 about the Byzantine core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, TypeAlias

import z3

from quorate_check.bft.proofs.actions import ACTIONS, FIRST_VOTE_FRESH, FIRST_VOTE_JUSTIFIED, LOCK_RULE, Action
from quorate_check.bft.proofs.cluster import FiniteCluster, given, language
from quorate_check.bft.proofs.invariant import AGREEMENT, INVARIANT, Conjunct
from quorate_check.bft.proofs.model import INITIAL, formula
from quorate_check.bft.proofs.picture import Named, picture
from quorate_check.bft.proofs.ties import ties
from quorate_check.core.verdict import Verdict
from quorate_check.proofs.logic.formulas import Formula, Not
from quorate_check.proofs.logic.rewriting import afterwards, rename
from quorate_check.proofs.logic.solving import Language
from quorate_check.proofs.obligation import Obligation, ProofSubject, Sentences

# Worlds in which something that isn't true is false already; the smaller, the easier to read.
FOUR: Final = FiniteCluster(members=4, traitors=1, quorum=3)
THREE: Final = FiniteCluster(members=3, traitors=1, quorum=2)

Case: TypeAlias = tuple[Action | None, Conjunct]


def apart(formula: Formula) -> Formula:
    """Return a formula with variables that no action has."""
    return rename(formula, lambda name: f"{name}_")


@dataclass(frozen=True)
class Question:
    """Whether a state with `assumed` true has a step after which a sentence is false: one of `cases`.

    A case is an action, or None for no step, and the sentence that is false after it.
    """

    language: Language
    assumed: Mapping[str, Formula]
    cases: Sequence[Case]

    def sentences(self) -> Sentences:
        """Return the sentences for z3."""
        assumed = {why: self.language.closed(formula) for why, formula in self.assumed.items()}
        return given(self.language) | assumed | {"one of the cases": z3.Or(*map(self.case, self.cases))}

    def case(self, case: Case) -> z3.BoolRef:
        """Return the formula of a case."""
        action, conjunct = case
        sentence = apart(conjunct.formula)
        if action is None:
            return z3.And(mark(case), self.language.opened(Not(sentence), {}))
        broken = self.language.opened(Not(afterwards(sentence, action.changes)), action.sorts)
        return z3.And(mark(case), self.language.opened(action.condition, action.sorts), broken)

    def tell(self, model: z3.ModelRef) -> str:
        """Return a counterexample in words: a state, the step from it, and the sentence that is false after it."""
        world = Named(self.language, model)
        action, conjunct = next(case for case in self.cases if z3.is_true(model[mark(case)]))
        return "\n".join((*picture(world), *step_text(world, action), f"{conjunct.name} is false: {conjunct.claim}"))


def mark(case: Case) -> z3.BoolRef:
    """Return the variable that names the case of a counterexample."""
    action, conjunct = case
    return z3.Bool(f"{conjunct.name} after {'nothing' if action is None else action.name}")


def step_text(world: Named, action: Action | None) -> list[str]:
    """Return a step in words."""
    if action is None:
        return []
    names = {name: world.name(thing) for name, thing in world.language.constants(action.sorts).items()}
    return [f"then {action.text.format(**names)}"]


def sentences_of(conjuncts: Sequence[Conjunct]) -> dict[str, Formula]:
    """Return conjuncts as assumptions, by name."""
    return {c.claim: apart(c.formula) for c in conjuncts}


def proof(name: str, group: str, claim: str, question: Question) -> Obligation:
    """Return the claim that the answer to a question is no."""
    return Obligation(name, group, claim, question.sentences, counterexample=question.tell)


def control(name: str, claim: str, question: Question) -> Obligation:
    """Return a negative control: the claim that the answer is no, where it is yes."""
    return replace(proof(name, "controls", claim, question), expected=Verdict.VIOLATED)


def initiation(conjunct: Conjunct) -> Obligation:
    """Return that a conjunct is true at first."""
    initial = {why: formula(text) for why, text in INITIAL.items()}
    question = Question(language(), initial, [(None, conjunct)])
    return proof(f"{conjunct.name} at first", "at first", conjunct.claim, question)


def consecution(conjunct: Conjunct, action: Action) -> Obligation:
    """Return that an action leaves a conjunct true if all are."""
    question = Question(language(), sentences_of(INVARIANT), [(action, conjunct)])
    return proof(f"{conjunct.name} after {action.name}", action.name, conjunct.claim, question)


def agreement() -> Obligation:
    """Return that agreement follows, in any state."""
    question = Question(language(), sentences_of(INVARIANT), [(None, AGREEMENT)])
    return proof(AGREEMENT.name, "follows from all of these", AGREEMENT.claim, question)


def possible(action: Action) -> Obligation:
    """Return a control: that the action never happens where all is as it should be."""
    four = language(FOUR)

    def sentences() -> Sentences:
        assumed = {why: four.closed(formula) for why, formula in sentences_of(INVARIANT).items()}
        return given(four) | assumed | {action.claim: four.opened(action.condition, action.sorts)}

    def tell(model: z3.ModelRef) -> str:
        world = Named(four, model)
        return "\n".join((*picture(world), *step_text(world, action)))

    claim = f"It never happens that {action.claim[0].lower()}{action.claim[1:]}"
    return Obligation(f"{action.name} never happens", "controls", claim, sentences, Verdict.VIOLATED, tell)


def without_lock_rule() -> Obligation:
    """Return a control: whoever votes for anything in a later view keeps no promise."""
    careless = [action.without(LOCK_RULE) for action in (FIRST_VOTE_FRESH, FIRST_VOTE_JUSTIFIED)]
    question = Question(language(FOUR), sentences_of(INVARIANT), list(product(careless, INVARIANT)))
    return control("no lock rule", "Without the lock rule, too, every first vote leaves the invariant true.", question)


def with_majorities() -> Obligation:
    """Return a control: majorities share a traitor at worst, and then no decision is safe."""
    question = Question(language(THREE), sentences_of(INVARIANT), [(None, AGREEMENT)])
    claim = "With majorities, of three members and one of them a traitor, agreement follows, too."
    return control("plain majorities", claim, question)


def without(conjunct: Conjunct) -> Obligation:
    """Return a control: the invariant is no invariant, or proves no agreement, if a conjunct is taken away."""
    rest = tuple(c for c in INVARIANT if c != conjunct)
    question = Question(language(FOUR), sentences_of(rest), [(None, AGREEMENT), *product(ACTIONS, rest)])
    claim = f"The rest is inductive, and proves agreement, without {conjunct.name}."
    return control(f"without {conjunct.name}", claim, question)


def subject() -> ProofSubject:
    """What is proved of the Byzantine core."""
    proofs = (
        *(obligation for c in INVARIANT for obligation in (initiation(c), *(consecution(c, a) for a in ACTIONS))),
        agreement(),
    )
    controls = (without_lock_rule(), with_majorities(), *map(without, INVARIANT), *map(possible, ACTIONS))
    title = "The Byzantine core, for any number of members, views and values"
    quick = frozenset(obligation.name for obligation in (*proofs, *controls[:2]))
    return ProofSubject("bft", title, (*proofs, *controls), ties(), quick)
