"""The obligations: each conjunct is true at first and stays true in each action, or follows from others.

A conjunct whose tables an action doesn't change stays true without any proof, and has no obligation there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import z3

from quorate_check.proofs.logic.formulas import (
    AtMost,
    Atom,
    Equal,
    Formula,
    Iff,
    Not,
    Or,
    Var,
    symbols,
)
from quorate_check.proofs.logic.rewriting import afterwards, rename
from quorate_check.proofs.obligation import Sentences
from quorate_check.raft.proofs import model
from quorate_check.raft.proofs.actions import Action
from quorate_check.raft.proofs.conjunct import Conjunct
from quorate_check.raft.proofs.invariant import INVARIANT
from quorate_check.raft.proofs.language import LANGUAGE
from quorate_check.raft.proofs.lemmas import GENERAL, LEMMAS, USES, Least
from quorate_check.raft.proofs.model import VOCABULARY, formula
from quorate_check.raft.proofs.reasons import REASONS

FOLLOWS: Final = "follows"
BY_NAME: Final = {conjunct.name: conjunct for conjunct in INVARIANT}


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The assumptions of a proof: axioms and conjuncts, by name."""

    axioms: Mapping[str, str]
    conjuncts: tuple[str, ...]


def reasons(step: str, conjunct: Conjunct) -> tuple[str, ...]:
    """Return the conjuncts that suffice for a proof; without an entry in REASONS, all that aren't consequences."""
    names = REASONS.get(step, {}).get(conjunct.name)
    return tuple(names.split()) if names else tuple(c.name for c in INVARIANT if not c.follows)


def renamed_apart(part: Formula) -> Formula:
    """Return a sentence whose variables are renamed, so that no action has them."""
    return rename(part, lambda name: f"_{name}")


def background(assumptions: Assumptions) -> Iterator[tuple[str, z3.BoolRef]]:
    """Yield the assumptions about every state."""
    for number, sentence in enumerate(LANGUAGE.orders()):
        yield f"the orders of terms and indexes are total ({number})", sentence
    for sentence, text in assumptions.axioms.items():
        yield sentence, LANGUAGE.closed(formula(text))
    for name in assumptions.conjuncts:
        yield f"{name} before", LANGUAGE.closed(renamed_apart(BY_NAME[name].formula))


def initiation(conjunct: Conjunct, assumptions: Assumptions) -> Sentences:
    """Return sentences that no initial state satisfies, if the conjunct is true there."""
    first = {f"{name} at first": LANGUAGE.closed(formula(text)) for name, text in model.INITIAL.items()}
    return dict(background(assumptions)) | first | {"not so": z3.Not(LANGUAGE.closed(conjunct.formula))}


def consequence(conjunct: Conjunct, assumptions: Assumptions) -> Sentences:
    """Return sentences that no state satisfies, if the conjunct follows from the assumptions."""
    return dict(background(assumptions)) | {"not so": z3.Not(LANGUAGE.closed(conjunct.formula))}


def touches(action: Action, conjunct: Conjunct) -> bool:
    """Whether the action changes a table that the conjunct names."""
    return bool(symbols(conjunct.formula) & set(action.changes))


def consecution(action: Action, conjunct: Conjunct, assumptions: Assumptions, *, lemmas: bool = True) -> Sentences:
    """Return sentences that no step satisfies, if the action keeps the conjunct true."""
    sentences = dict(background(assumptions)) | guard(action)
    used = (*GENERAL.get(action.name, ()), *USES.get(action.name, {}).get(conjunct.name, ()))
    for lemma in used if lemmas else ():
        sentences[lemma] = LANGUAGE.closed(formula(lemma), action.sorts)
    after = afterwards(renamed_apart(conjunct.formula), action.changes)
    return sentences | {f"{conjunct.name} isn't true afterwards": z3.Not(LANGUAGE.closed(after, action.sorts))}


def guard(action: Action) -> dict[str, z3.BoolRef]:
    """Return the guard of the action as sentences."""
    return {
        f"{action.name}: {t}": LANGUAGE.closed(f, action.sorts)
        for t, f in zip(action.guard, action.guards, strict=True)
    }


def lemma(action: Action, text: str, assumptions: Assumptions) -> Sentences:
    """Return sentences that no step satisfies, if the guard of the action implies `text`."""
    which = LEMMAS[action.name][text]
    claim, fixed = formula(text), dict(action.sorts) | dict(which.about)
    earlier = {each: LANGUAGE.closed(formula(each), action.sorts) for each in which.lemmas}
    if which.induction:
        u = which.induction
        smaller = rename(claim, lambda name: f"_{name}" if name == u else name)
        hypothesis = Or((AtMost(Var(u), Var(f"_{u}")), smaller))
        earlier["induction"] = LANGUAGE.closed(hypothesis, fixed)
    for least in which.least:
        earlier[f"least {least.name}"] = _least(least, fixed)
    negation = z3.Not(LANGUAGE.closed(claim, fixed))
    return dict(background(assumptions)) | guard(action) | earlier | {"not so": negation}


def _least(least: Least, fixed: Mapping[str, str]) -> z3.BoolRef:
    """Return the sentence that no number has the property, or `least.name` is the least that has it."""
    has = formula(least.text)
    other = rename(has, lambda name: "_other" if name == least.name else name)
    none = LANGUAGE.closed(Not(other), fixed)
    sorts = {**fixed, least.name: least.sort}
    is_first = LANGUAGE.closed(Or((Not(other), AtMost(Var(least.name), Var("_other")))), sorts)
    return z3.Or(none, z3.And(LANGUAGE.closed(has, sorts), is_first))


def persistence(action: Action, text: str, assumptions: Assumptions) -> Sentences:
    """Return sentences that no step satisfies, if `text`, once true, is still true after the action."""
    fact = renamed_apart(formula(text))
    before_not_after = Or((Not(fact), afterwards(fact, action.changes)))
    sentences = dict(background(assumptions)) | guard(action)
    for each in GENERAL.get(action.name, ()):
        sentences[each] = LANGUAGE.closed(formula(each), action.sorts)
    return sentences | {"not so": z3.Not(LANGUAGE.closed(before_not_after, action.sorts))}


def frame(action: Action, table: str, assumptions: Assumptions) -> Sentences:
    """Return sentences that no step satisfies, if the action changes only the rows of its own server."""
    places = tuple(Var(f"_{number}") for number in range(len(VOCABULARY.relations[table])))
    row = Atom(table, places)
    unchanged = Or((Equal(places[0], Var("n")), Iff(row, afterwards(row, action.changes))))
    return dict(background(assumptions)) | guard(action) | {"not so": z3.Not(LANGUAGE.closed(unchanged, action.sorts))}
