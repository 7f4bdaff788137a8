"""The same sentences for z3."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TypeAlias

import z3

from quorate_check.proofs.raft.logic import (
    And,
    Apply,
    AtMost,
    Atom,
    Choose,
    Const,
    Equal,
    Formula,
    Iff,
    Not,
    Or,
    Quantified,
    Sorts,
    Term,
    Var,
    free,
)
from quorate_check.proofs.raft.model import VOCABULARY
from quorate_check.proofs.raft.rewriting import sorts_of

Environment: TypeAlias = Mapping[str, z3.ExprRef]


@cache
def sort(name: str) -> z3.SortRef:
    """Return z3's sort of this name."""
    return z3.DeclareSort(name)


@cache
def symbol(name: str) -> z3.FuncDeclRef:
    """Return z3's relation or function of this name; `at_most_<sort>` is an order."""
    if name in VOCABULARY.relations:
        return z3.Function(name, *map(sort, VOCABULARY.relations[name]), z3.BoolSort())
    if name in VOCABULARY.functions:
        return z3.Function(name, *map(sort, VOCABULARY.functions[name]))
    ordered = sort(name.removeprefix("at_most_"))
    return z3.Function(name, ordered, ordered, z3.BoolSort())


@cache
def constant(name: str, sort_name: str) -> z3.ExprRef:
    """Return z3's constant of this name."""
    return z3.Const(name, sort(sort_name))


def closed(formula: Formula, given: Mapping[str, str] | None = None) -> z3.BoolRef:
    """Return `formula` for all values of its free variables, but for those `given`, which are constants."""
    sorts = sorts_of(formula, VOCABULARY, given)
    constants = given or {}
    environment = {name: constant(name, sorts[name]) for name in constants}
    variables = tuple(name for name in free(formula) if name not in constants)
    return translate(Quantified(True, variables, formula) if variables else formula, sorts, environment)  # noqa: FBT003


def translate(formula: Formula, sorts: Sorts, environment: Environment) -> z3.BoolRef:  # noqa: C901, PLR0911 - one case for each form
    """Return `formula` for z3, with the variables of `environment` as there."""

    def inside(part: Formula) -> z3.BoolRef:
        return translate(part, sorts, environment)

    def term(part: Term) -> z3.ExprRef:
        return translate_term(part, sorts, environment)

    match formula:
        case Atom(name, args):
            return symbol(name)(*map(term, args))
        case Equal(one, other):
            return term(one) == term(other)
        case AtMost(one, other):
            left = term(one)
            return symbol(f"at_most_{left.sort()}")(left, term(other))
        case Not(part):
            return z3.Not(inside(part))
        case And(parts):
            return z3.And(*map(inside, parts))
        case Or(parts):
            return z3.Or(*map(inside, parts))
        case Iff(one, other):
            return inside(one) == inside(other)
        case Quantified(every, names, body):
            bound = {name: z3.Const(name, sort(sorts[name])) for name in names}
            quantifier = z3.ForAll if every else z3.Exists
            return quantifier(list(bound.values()), translate(body, sorts, {**environment, **bound}))


def translate_term(part: Term, sorts: Sorts, environment: Environment) -> z3.ExprRef:
    """Return a term for z3."""
    match part:
        case Var(name):
            return environment[name]
        case Const(name):
            return constant(name, VOCABULARY.constants[name])
        case Apply(name, args):
            return symbol(name)(*(translate_term(arg, sorts, environment) for arg in args))
        case Choose(condition, yes, no):
            return z3.If(
                translate(condition, sorts, environment),
                translate_term(yes, sorts, environment),
                translate_term(no, sorts, environment),
            )


def orders() -> tuple[z3.BoolRef, ...]:
    """Return that the ordered sorts are totally ordered."""
    sentences: list[z3.BoolRef] = []
    for name in VOCABULARY.ordered:
        a, b, c = z3.Consts("a b c", sort(name))
        most = symbol(f"at_most_{name}")
        sentences += (
            z3.ForAll([a], most(a, a)),
            z3.ForAll([a, b, c], z3.Implies(z3.And(most(a, b), most(b, c)), most(a, c))),
            z3.ForAll([a, b], z3.Implies(z3.And(most(a, b), most(b, a)), a == b)),
            z3.ForAll([a, b], z3.Or(most(a, b), most(b, a))),
        )
    return tuple(sentences)


def at_most(name: str, most: int) -> z3.BoolRef:
    """Return that there are at most so many things of a sort."""
    things = [z3.Const(f"{name} {i}", sort(name)) for i in range(most)]
    anything = z3.Const("anything", sort(name))
    return z3.ForAll([anything], z3.Or(*(anything == thing for thing in things)))
