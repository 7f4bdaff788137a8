"""Sentences for z3: over any number of things of each sort, or over the named things of a finite universe.

z3 knows a sort by its name, so all languages over unbounded sorts of one name share it; a finite universe brings sorts
of its own. In a finite universe quantifiers are written out, and what is known of its things is put in at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import TypeAlias

import z3

from quorate_check.proofs.logic import formulas as fol
from quorate_check.proofs.logic.rewriting import sorts_of

Environment: TypeAlias = Mapping[str, z3.ExprRef]
Truth: TypeAlias = z3.BoolRef | bool
ORDER = "at_most_"


@dataclass(frozen=True)
class Universe:
    """All things that there are: names by sort, and the rows, by number, of relations that never change.

    Ordered sorts are ordered as their names are listed. `name` tells one universe's sorts from another's.
    """

    name: str
    things: Mapping[str, tuple[str, ...]]
    known: Mapping[str, frozenset[tuple[int, ...]]] = field(default_factory=dict)


class Language:
    """What z3 calls the sorts, relations, functions and constants of a vocabulary."""

    def __init__(self, vocabulary: fol.Vocabulary, universe: Universe | None = None) -> None:
        self.vocabulary, self.universe = vocabulary, universe
        self.things: dict[str, list[z3.ExprRef]] = {}
        if universe is None:
            self.sorts = {name: z3.DeclareSort(name) for name in vocabulary.sorts}
        else:
            made = {n: z3.EnumSort(f"{n} of {universe.name}", names) for n, names in universe.things.items()}
            self.sorts = {name: sort for name, (sort, _) in made.items()}
            self.things = {name: things for name, (_, things) in made.items()}
        self.symbols = dict(self._symbols())
        self.numbers = {thing.get_id(): k for things in self.things.values() for k, thing in enumerate(things)}
        self.known = {} if universe is None else dict(universe.known) | dict(self._ordered(universe))

    def _symbols(self) -> Iterator[tuple[str, z3.FuncDeclRef]]:
        truth, sorts = z3.BoolSort(), self.sorts
        for name, places in self.vocabulary.relations.items():
            yield name, z3.Function(name, *(sorts[place] for place in places), truth)
        for name, places in self.vocabulary.functions.items():
            yield name, z3.Function(name, *(sorts[place] for place in places))
        for name in self.vocabulary.ordered:
            yield ORDER + name, z3.Function(ORDER + name, sorts[name], sorts[name], truth)

    def _ordered(self, universe: Universe) -> Iterator[tuple[str, frozenset[tuple[int, ...]]]]:
        for name in self.vocabulary.ordered:
            count = len(universe.things[name])
            yield ORDER + name, frozenset((i, k) for i in range(count) for k in range(i, count))

    def places(self, name: str) -> tuple[str, ...]:
        """Return the sorts of the places of a relation or of an order."""
        if name.startswith(ORDER):
            return (name.removeprefix(ORDER),) * 2
        return self.vocabulary.relations[name]

    def constant(self, name: str, sort: str) -> z3.ExprRef:
        """Return z3's constant of this name."""
        return z3.Const(name, self.sorts[sort])

    def constants(self, sorts: fol.Sorts) -> dict[str, z3.ExprRef]:
        """Return z3's constants of these names."""
        return {name: self.constant(name, sort) for name, sort in sorts.items()}

    def orders(self) -> tuple[z3.BoolRef, ...]:
        """Return that the ordered sorts are totally ordered."""
        sentences: list[z3.BoolRef] = []
        for name in self.vocabulary.ordered:
            a, b, c = z3.Consts("a b c", self.sorts[name])
            most = self.symbols[ORDER + name]
            sentences += (
                z3.ForAll([a], most(a, a)),
                z3.ForAll([a, b, c], z3.Implies(z3.And(most(a, b), most(b, c)), most(a, c))),
                z3.ForAll([a, b], z3.Implies(z3.And(most(a, b), most(b, a)), a == b)),
                z3.ForAll([a, b], z3.Or(most(a, b), most(b, a))),
            )
        return tuple(sentences)

    def facts(self) -> Iterator[z3.BoolRef]:
        """Yield all that is known of the things of the universe."""
        for name, rows in self.known.items():
            for row in product(*(enumerate(self.things[place]) for place in self.places(name))):
                holds = tuple(number for number, _ in row) in rows
                yield self.symbols[name](*(thing for _, thing in row)) == holds

    def at_most(self, name: str, most: int) -> z3.BoolRef:
        """Return that there are at most so many things of an unbounded sort."""
        things = [self.constant(f"{name} {i}", name) for i in range(most)]
        anything = self.constant("anything", name)
        return z3.ForAll([anything], z3.Or(*(anything == thing for thing in things)))

    def closed(self, formula: fol.Formula, given: Mapping[str, str] | None = None) -> z3.BoolRef:
        """Return `formula` for all values of its free variables, but for those `given`, which are constants."""
        sorts = sorts_of(formula, self.vocabulary, given)
        constants = self.constants({name: sorts[name] for name in given or ()})
        names = tuple(name for name in fol.free(formula) if name not in constants)
        whole = fol.Quantified(True, names, formula) if names else formula  # noqa: FBT003 - "for all"
        return self.translate(whole, sorts, constants)

    def opened(self, formula: fol.Formula, given: fol.Sorts) -> z3.BoolRef:
        """Return `formula` with its free variables as constants; the sorts of some may be `given`."""
        sorts = sorts_of(formula, self.vocabulary, given)
        return self.translate(formula, sorts, self.constants({name: sorts[name] for name in fol.free(formula)}))

    def translate(self, formula: fol.Formula, sorts: fol.Sorts, environment: Environment) -> z3.BoolRef:
        """Return `formula` for z3, with the variables of `environment` as there."""
        truth = _Translation(self, sorts).truth(formula, environment)
        return z3.BoolVal(truth) if isinstance(truth, bool) else truth


@dataclass(frozen=True, slots=True)
class _Translation:
    """From a formula whose variables have `sorts` to z3's."""

    language: Language
    sorts: fol.Sorts

    def truth(self, formula: fol.Formula, environment: Environment) -> Truth:  # noqa: C901, PLR0911 - one case for each form
        """Return `formula` for z3, or whether it is true where that is known."""

        def inside(part: fol.Formula) -> Truth:
            return self.truth(part, environment)

        def value(part: fol.Term) -> z3.ExprRef:
            return self.value(part, environment)

        match formula:
            case fol.Atom(name, args):
                return self.holds(name, *map(value, args))
            case fol.Equal(one, other):
                left, right = value(one), value(other)
                known = {left.get_id(), right.get_id()} <= self.language.numbers.keys()
                return bool(left.eq(right)) if known else left == right
            case fol.AtMost(one, other):
                return self.holds(ORDER + self.sort_of(one, other), value(one), value(other))
            case fol.Not(part):
                return opposite(inside(part))
            case fol.And(parts):
                return joined(map(inside, parts), z3.And, unit=True)
            case fol.Or(parts):
                return joined(map(inside, parts), z3.Or, unit=False)
            case fol.Iff(one, other):
                left, right = inside(one), inside(other)
                return left == right
            case fol.Quantified():
                return self.quantified(formula, environment)

    def holds(self, name: str, *row: z3.ExprRef) -> Truth:
        """Return that a relation holds of a row, or whether it does where that is known."""
        numbers = tuple(self.language.numbers.get(thing.get_id(), -1) for thing in row)
        if name in self.language.known and -1 not in numbers:
            return numbers in self.language.known[name]
        return self.language.symbols[name](*row)

    def quantified(self, formula: fol.Quantified, environment: Environment) -> Truth:
        """Return a "for all" or "there is": z3's own, or written out where all things are named."""
        language = self.language
        if language.universe is None:
            bound = language.constants({name: self.sorts[name] for name in formula.variables})
            quantifier = z3.ForAll if formula.every else z3.Exists
            body = self.truth(formula.body, {**environment, **bound})
            return quantifier(list(bound.values()), z3.BoolVal(body) if isinstance(body, bool) else body)
        choices = product(*(language.things[self.sorts[name]] for name in formula.variables))
        named = (dict(zip(formula.variables, choice, strict=True)) for choice in choices)
        each = (self.truth(formula.body, {**environment, **choice}) for choice in named)
        return joined(each, z3.And if formula.every else z3.Or, unit=formula.every)

    def value(self, term: fol.Term, environment: Environment) -> z3.ExprRef:
        """Return a term for z3."""
        match term:
            case fol.Var(name):
                return environment[name]
            case fol.Const(name):
                return self.language.constant(name, self.language.vocabulary.constants[name])
            case fol.Apply(name, args):
                return self.language.symbols[name](*(self.value(arg, environment) for arg in args))
            case fol.Choose(condition, yes, no):
                truth = self.truth(condition, environment)
                chosen = z3.BoolVal(truth) if isinstance(truth, bool) else truth
                return z3.If(chosen, self.value(yes, environment), self.value(no, environment))

    def sort_of(self, *terms: fol.Term) -> str:
        """Return the sort of the first term of which it is plain."""
        vocabulary = self.language.vocabulary
        for term in terms:
            match term:
                case fol.Var(name):
                    return self.sorts[name]
                case fol.Const(name):
                    return vocabulary.constants[name]
                case fol.Apply(name):
                    return vocabulary.functions[name][-1]
                case fol.Choose(_, yes):
                    return self.sort_of(yes)
        raise AssertionError("a comparison has two terms")


def opposite(truth: Truth) -> Truth:
    """Return the opposite."""
    return not truth if isinstance(truth, bool) else z3.Not(truth)


def joined(parts: Iterable[Truth], connective: Callable[..., z3.BoolRef], *, unit: bool) -> Truth:
    """Return all parts joined, without those that are `unit`; the opposite of `unit` once one part is that."""
    open_parts = []
    for part in parts:
        if not isinstance(part, bool):
            open_parts.append(part)
        elif part is not unit:
            return not unit
    return connective(*open_parts) if open_parts else unit
