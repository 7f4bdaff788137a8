"""The proof obligations about the Byzantine core: questions to z3 whose answer must be no, and negative controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, TypeAlias

import z3

from quorate_check.bft.proofs.actions import ACTIONS, FIRST_VOTE_FRESH, FIRST_VOTE_JUSTIFIED, LOCK_RULE, Action
from quorate_check.bft.proofs.cluster import FiniteCluster, background, language
from quorate_check.bft.proofs.invariant import AGREEMENT, INVARIANT, Conjunct
from quorate_check.bft.proofs.model import INITIAL, formula
from quorate_check.bft.proofs.picture import NamedWorld, picture
from quorate_check.bft.proofs.ties import ties
from quorate_check.core.verdict import Verdict
from quorate_check.proofs.logic.formulas import Formula, Not
from quorate_check.proofs.logic.rewriting import afterwards, rename
from quorate_check.proofs.logic.solving import Language
from quorate_check.proofs.obligation import Obligation, ProofSubject, Sentences

# Clusters large enough for counterexamples to the controls, and as small as possible, for their readers.
FOUR: Final = FiniteCluster(members=4, traitors=1, quorum=3)
THREE: Final = FiniteCluster(members=3, traitors=1, quorum=2)

Case: TypeAlias = tuple[Action | None, Conjunct]


def renamed_apart(formula: Formula) -> Formula:
    """Return a formula whose variables are renamed, so that no action has them."""
    return rename(formula, lambda name: f"{name}_")


@dataclass(frozen=True)
class Question:
    """The question whether a state that satisfies `assumptions` has a step of one of `cases`.

    A case is an action, or None for no step, and the sentence that is false after it.
    """

    language: Language
    assumptions: Mapping[str, Formula]
    cases: Sequence[Case]

    def sentences(self) -> Sentences:
        """Return the sentences for z3."""
        assumptions = {why: self.language.closed(formula) for why, formula in self.assumptions.items()}
        return background(self.language) | assumptions | {"one of the cases": z3.Or(*map(self.case, self.cases))}

    def case(self, case: Case) -> z3.BoolRef:
        """Return the formula of a case."""
        action, conjunct = case
        sentence = renamed_apart(conjunct.formula)
        if action is None:
            return z3.And(mark(case), self.language.opened(Not(sentence), {}))
        broken = self.language.opened(Not(afterwards(sentence, action.changes)), action.sorts)
        return z3.And(mark(case), self.language.opened(action.condition, action.sorts), broken)

    def tell(self, model: z3.ModelRef) -> str:
        """Return a counterexample in words: a state, the step from it, and the sentence that is false after it."""
        world = NamedWorld(self.language, model)
        action, conjunct = next(case for case in self.cases if z3.is_true(model[mark(case)]))
        return "\n".join((*picture(world), *step_text(world, action), f"{conjunct.name} is false: {conjunct.claim}"))


def mark(case: Case) -> z3.BoolRef:
    """Return the variable that names the case of a counterexample."""
    action, conjunct = case
    return z3.Bool(f"{conjunct.name} after {'nothing' if action is None else action.name}")


def step_text(world: NamedWorld, action: Action | None) -> list[str]:
    """Return a step in words."""
    if action is None:
        return []
    names = {name: world.name(thing) for name, thing in world.language.constants(action.sorts).items()}
    return [f"then {action.text.format(**names)}"]


def sentences_of(conjuncts: Sequence[Conjunct]) -> dict[str, Formula]:
    """Return conjuncts as assumptions, by name."""
    return {c.claim: renamed_apart(c.formula) for c in conjuncts}


def proof(name: str, group: str, claim: str, question: Question) -> Obligation:
    """Return the obligation that the answer to a question is no."""
    return Obligation(name, group, claim, question.sentences, counterexample=question.tell)


def control(name: str, claim: str, question: Question) -> Obligation:
    """Return a negative control: the obligation that the answer is no, which must fail."""
    return replace(proof(name, "controls", claim, question), expected=Verdict.VIOLATED)


def initiation(conjunct: Conjunct) -> Obligation:
    """Return the obligation that a conjunct is true in every initial state."""
    initial = {why: formula(text) for why, text in INITIAL.items()}
    question = Question(language(), initial, [(None, conjunct)])
    return proof(f"{conjunct.name} at first", "at first", conjunct.claim, question)


def consecution(conjunct: Conjunct, action: Action) -> Obligation:
    """Return the obligation that a conjunct is true after an action, if all conjuncts are true before it."""
    question = Question(language(), sentences_of(INVARIANT), [(action, conjunct)])
    return proof(f"{conjunct.name} after {action.name}", action.name, conjunct.claim, question)


def agreement() -> Obligation:
    """Return the obligation that the invariant implies agreement."""
    question = Question(language(), sentences_of(INVARIANT), [(None, AGREEMENT)])
    return proof(AGREEMENT.name, "follows from all of these", AGREEMENT.claim, question)


def possible(action: Action) -> Obligation:
    """Return the control that an action is never enabled where the invariant holds: it must fail."""
    four = language(FOUR)

    def sentences() -> Sentences:
        assumptions = {why: four.closed(formula) for why, formula in sentences_of(INVARIANT).items()}
        return background(four) | assumptions | {action.claim: four.opened(action.condition, action.sorts)}

    def tell(model: z3.ModelRef) -> str:
        world = NamedWorld(four, model)
        return "\n".join((*picture(world), *step_text(world, action)))

    claim = f"It never happens that {action.claim[0].lower()}{action.claim[1:]}"
    return Obligation(f"{action.name} never happens", "controls", claim, sentences, Verdict.VIOLATED, tell)


def without_lock_rule() -> Obligation:
    """Return the control that the invariant is inductive without the lock rule: it must fail."""
    unlocked = [action.without(LOCK_RULE) for action in (FIRST_VOTE_FRESH, FIRST_VOTE_JUSTIFIED)]
    question = Question(language(FOUR), sentences_of(INVARIANT), list(product(unlocked, INVARIANT)))
    return control("no lock rule", "Without the lock rule, too, every first vote leaves the invariant true.", question)


def with_majorities() -> Obligation:
    """Return the control that majorities suffice: it must fail, since two may have only a traitor in common."""
    question = Question(language(THREE), sentences_of(INVARIANT), [(None, AGREEMENT)])
    claim = "With majorities, of three members and one of them a traitor, agreement follows, too."
    return control("plain majorities", claim, question)


def without_conjunct(conjunct: Conjunct) -> Obligation:
    """Return the control that the invariant without a conjunct is inductive and implies agreement: it must fail."""
    rest = tuple(c for c in INVARIANT if c != conjunct)
    question = Question(language(FOUR), sentences_of(rest), [(None, AGREEMENT), *product(ACTIONS, rest)])
    claim = f"The rest is inductive, and proves agreement, without {conjunct.name}."
    return control(f"without {conjunct.name}", claim, question)


def subject() -> ProofSubject:
    """Return the obligations, controls and ties of the Byzantine core."""
    proofs = (
        *(obligation for c in INVARIANT for obligation in (initiation(c), *(consecution(c, a) for a in ACTIONS))),
        agreement(),
    )
    controls = (without_lock_rule(), with_majorities(), *map(without_conjunct, INVARIANT), *map(possible, ACTIONS))
    title = "The Byzantine core, for any number of members, views and values"
    quick = frozenset(obligation.name for obligation in (*proofs, *controls[:2]))
    return ProofSubject("bft", title, (*proofs, *controls), ties(), quick)
