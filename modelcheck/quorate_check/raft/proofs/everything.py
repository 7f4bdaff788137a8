"""All obligations about Raft: proofs, negative controls, and the ties to the specification and the code."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from quorate_check.proofs.logic.formulas import symbols
from quorate_check.proofs.obligation import Obligation, ProofSubject
from quorate_check.raft.proofs import proving
from quorate_check.raft.proofs.actions import ACTIONS
from quorate_check.raft.proofs.controls import controls
from quorate_check.raft.proofs.invariant import ELECTIONS, INVARIANT
from quorate_check.raft.proofs.lemmas import LEMMAS
from quorate_check.raft.proofs.model import AXIOMS, VOCABULARY, VOUCHED, formula
from quorate_check.raft.proofs.proving import FOLLOWS, Assumptions, reasons
from quorate_check.raft.proofs.tie import ties

INITIATION: Final = "initiation"


def subject() -> ProofSubject:
    """Return the obligations and ties of `model-check prove` for Raft."""
    proofs = tuple(obligations())
    quick = frozenset(f"{group}: {c.name}" for group in (INITIATION, *(a.name for a in ACTIONS)) for c in ELECTIONS)
    names = {each.name for each in proofs}
    return ProofSubject(
        "raft",
        "Raft: for any number of servers, terms, entries and steps",
        (*proofs, *controls()),
        tuple(ties()),
        quick & names,
    )


def obligations() -> Iterator[Obligation]:
    """Yield the proofs: each conjunct in the initial state, then after each action that changes one of its tables."""
    for conjunct in INVARIANT:
        sentence = f"{conjunct.name}: {conjunct.claim}"
        if conjunct.follows:
            assumptions = Assumptions(AXIOMS, reasons(FOLLOWS, conjunct))
            yield Obligation(
                f"{FOLLOWS}: {conjunct.name}", FOLLOWS, sentence, partial(proving.consequence, conjunct, assumptions)
            )
            continue
        initial = partial(proving.initiation, conjunct, Assumptions(AXIOMS, ()))
        yield Obligation(f"{INITIATION}: {conjunct.name}", INITIATION, sentence, initial)
        for action in ACTIONS:
            if proving.touches(action, conjunct):
                assumptions = Assumptions(AXIOMS, reasons(action.name, conjunct))
                step = partial(proving.consecution, action, conjunct, assumptions)
                yield Obligation(f"{action.name}: {conjunct.name}", action.name, sentence, step)
    yield from action_obligations()


def action_obligations() -> Iterator[Obligation]:
    """Yield the obligations about single actions: lemmas, facts that stay true, and rows of other servers that stay."""
    for action in ACTIONS:
        for text, why in LEMMAS.get(action.name, {}).items():
            sentences = partial(proving.lemma, action, text, Assumptions(AXIOMS, tuple(why.conjuncts.split())))
            sentence = f"Whenever {action.name} may happen: {text}."
            yield Obligation(f"{action.name}: {text}", action.name, sentence, sentences)
    assumptions = Assumptions(AXIOMS, ("NoOfferBeforeStart", "LogsStartAlike"))
    for what, text in VOUCHED.items():
        for action in ACTIONS:
            if symbols(formula(text)) & set(action.changes):
                sentences = partial(proving.persistence, action, text, assumptions)
                sentence = f"A fact that a message may report stays true: {what}, {text}."
                yield Obligation(f"{action.name}: {what} stays", action.name, sentence, sentences)
    for action in ACTIONS:
        for table in (name for name in action.changes if VOCABULARY.relations.get(name, ("",))[0] == "node"):
            sentences = partial(proving.frame, action, table, Assumptions(AXIOMS, ()))
            sentence = "A step changes no row of a table that is about another server than the one that takes it."
            yield Obligation(f"{action.name}: only its own {table}", action.name, sentence, sentences)
