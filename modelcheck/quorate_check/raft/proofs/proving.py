"""The obligations: each conjunct is true at first and stays true in each action, or follows from others.

A conjunct whose tables an action doesn't change stays true without any proof, and has no obligation there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import z3

from quorate_check.proofs.logic.formulas import Atom, Equal, Formula, Iff, Not, Or, Var, symbols
from quorate_check.proofs.logic.rewriting import Update, afterwards, rename
from quorate_check.proofs.obligation import Sentences
from quorate_check.raft.proofs import model
from quorate_check.raft.proofs.actions import Action
from quorate_check.raft.proofs.invariant import INVARIANT, Conjunct
from quorate_check.raft.proofs.language import LANGUAGE
from quorate_check.raft.proofs.model import VOCABULARY, formula
from quorate_check.raft.proofs.reasons import LEMMAS, REASONS

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
    for name, (places, text) in model.DEFINITIONS.items():
        yield f"what {name} means", LANGUAGE.closed(Iff(Atom(name, tuple(map(Var, places))), formula(text)))
    for name in assumptions.conjuncts:
        yield f"{name} before", LANGUAGE.closed(renamed_apart(BY_NAME[name].formula))


def initiation(conjunct: Conjunct, assumptions: Assumptions) -> Sentences:
    """Return sentences that no initial state satisfies, if the conjunct is true there."""
    first = {f"{name} at first": LANGUAGE.closed(formula(text)) for name, text in model.INITIAL.items()}
    return dict(background(assumptions)) | first | {"not so": z3.Not(LANGUAGE.closed(conjunct.formula))}


def consequence(conjunct: Conjunct, assumptions: Assumptions) -> Sentences:
    """Return sentences that no state satisfies, if the conjunct follows from the assumptions."""
    return dict(background(assumptions)) | {"not so": z3.Not(LANGUAGE.closed(conjunct.formula))}


def changes(action: Action) -> tuple[dict[str, Update], dict[str, z3.BoolRef]]:
    """Return all symbols that an action changes, including those defined by others, and these definitions."""
    updates, sentences = dict(action.changes), dict[str, z3.BoolRef]()
    for name, (places, text) in model.DEFINITIONS.items():
        body = formula(text)
        if symbols(body) & set(updates):
            after = f"{name}_after"
            meaning = Iff(Atom(after, tuple(Var(f"_{p}") for p in places)), afterwards(renamed_apart(body), updates))
            sentences[f"what {name} means afterwards"] = LANGUAGE.closed(meaning, action.sorts)
            updates[name] = Update(places, Atom(after, tuple(map(Var, places))))
    return updates, sentences


def touches(action: Action, conjunct: Conjunct) -> bool:
    """Whether the action changes a table that the conjunct names."""
    return bool(symbols(conjunct.formula) & set(changes(action)[0]))


def consecution(action: Action, conjunct: Conjunct, assumptions: Assumptions, *, lemmas: bool = True) -> Sentences:
    """Return sentences that no step satisfies, if the action keeps the conjunct true."""
    updates, sentences = changes(action)
    sentences = dict(background(assumptions)) | sentences | guard(action)
    for lemma in LEMMAS.get(action.name, {}) if lemmas else ():
        sentences[lemma] = LANGUAGE.closed(formula(lemma), action.sorts)
    after = afterwards(renamed_apart(conjunct.formula), updates)
    return sentences | {f"{conjunct.name} isn't true afterwards": z3.Not(LANGUAGE.closed(after, action.sorts))}


def guard(action: Action) -> dict[str, z3.BoolRef]:
    """Return the guard of the action as sentences."""
    return {
        f"{action.name}: {t}": LANGUAGE.closed(f, action.sorts)
        for t, f in zip(action.guard, action.guards, strict=True)
    }


def lemma(action: Action, text: str, assumptions: Assumptions) -> Sentences:
    """Return sentences that no step satisfies, if the guard of the action implies `text`."""
    negation = z3.Not(LANGUAGE.closed(formula(text), action.sorts))
    return dict(background(assumptions)) | guard(action) | {"not so": negation}


def persistence(action: Action, text: str, assumptions: Assumptions) -> Sentences:
    """Return sentences that no step satisfies, if `text`, once true, is still true after the action."""
    updates, sentences = changes(action)
    fact = renamed_apart(formula(text))
    before_not_after = Or((Not(fact), afterwards(fact, updates)))
    sentences = dict(background(assumptions)) | sentences | guard(action)
    for each in LEMMAS.get(action.name, {}):
        sentences[each] = LANGUAGE.closed(formula(each), action.sorts)
    return sentences | {"not so": z3.Not(LANGUAGE.closed(before_not_after, action.sorts))}


def frame(action: Action, table: str, assumptions: Assumptions) -> Sentences:
    """Return sentences that no step satisfies, if the action changes only the rows of its own server."""
    updates, sentences = changes(action)
    places = tuple(Var(f"_{number}") for number in range(len(VOCABULARY.relations[table])))
    row = Atom(table, places)
    unchanged = Or((Equal(places[0], Var("n")), Iff(row, afterwards(row, updates))))
    return (
        dict(background(assumptions))
        | sentences
        | guard(action)
        | {"not so": z3.Not(LANGUAGE.closed(unchanged, action.sorts))}
    )
