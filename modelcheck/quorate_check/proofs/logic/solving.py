"""The translation of sentences for z3: over any number of elements of each sort, or over a finite universe.

z3 identifies a sort by its name, so languages over unbounded sorts of one name share it; a finite universe has sorts of
its own. In a finite universe quantifiers are expanded, and relations with fixed rows are evaluated at once.
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
    """A finite set of elements: their names by sort, and the rows of fixed relations, by the elements' numbers.

    Ordered sorts have the order of their names. `name` is part of the names of its sorts in z3.
    """

    name: str
    things: Mapping[str, tuple[str, ...]]
    fixed: Mapping[str, frozenset[tuple[int, ...]]] = field(default_factory=dict)


class Language:
    """The sorts, relations, functions and constants of a vocabulary in z3."""

    def __init__(self, vocabulary: fol.Vocabulary, universe: Universe | None = None) -> None:
        self.vocabulary, self.universe = vocabulary, universe
        self.things: dict[str, list[z3.ExprRef]] = {}
        if universe is None:
            self.sorts = {name: z3.DeclareSort(name) for name in vocabulary.sorts}
        else:
            enumerations = {n: z3.EnumSort(f"{n} of {universe.name}", names) for n, names in universe.things.items()}
            self.sorts = {name: sort for name, (sort, _) in enumerations.items()}
            self.things = {name: things for name, (_, things) in enumerations.items()}
        self.symbols = dict(self._symbols())
        self.numbers = {thing.get_id(): k for things in self.things.values() for k, thing in enumerate(things)}
        self.fixed = {} if universe is None else dict(universe.fixed) | dict(self._ordered(universe))

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
        """Return the sentences that the ordered sorts are totally ordered."""
        sentences: list[z3.BoolRef] = []
        for name in self.vocabulary.ordered:
            a, b, c = z3.Consts("a b c", self.sorts[name])
            order = self.symbols[ORDER + name]
            sentences += (
                z3.ForAll([a], order(a, a)),
                z3.ForAll([a, b, c], z3.Implies(z3.And(order(a, b), order(b, c)), order(a, c))),
                z3.ForAll([a, b], z3.Implies(z3.And(order(a, b), order(b, a)), a == b)),
                z3.ForAll([a, b], z3.Or(order(a, b), order(b, a))),
            )
        return tuple(sentences)

    def facts(self) -> Iterator[z3.BoolRef]:
        """Yield, for each row of each fixed relation, whether it is true."""
        for name, rows in self.fixed.items():
            for row in product(*(enumerate(self.things[place]) for place in self.places(name))):
                holds = tuple(number for number, _ in row) in rows
                yield self.symbols[name](*(thing for _, thing in row)) == holds

    def at_most(self, name: str, limit: int) -> z3.BoolRef:
        """Return the sentence that an unbounded sort has at most `limit` elements."""
        things = [self.constant(f"{name} {i}", name) for i in range(limit)]
        anything = self.constant("anything", name)
        return z3.ForAll([anything], z3.Or(*(anything == thing for thing in things)))

    def closed(self, formula: fol.Formula, known_sorts: Mapping[str, str] | None = None) -> z3.BoolRef:
        """Return `formula` for z3, for all values of its free variables but those in `known_sorts`, its constants."""
        sorts = sorts_of(formula, self.vocabulary, known_sorts)
        constants = self.constants({name: sorts[name] for name in known_sorts or ()})
        names = tuple(name for name in fol.free(formula) if name not in constants)
        whole = fol.Quantified(True, names, formula) if names else formula  # noqa: FBT003 - "for all"
        return self.translate(whole, sorts, constants)

    def opened(self, formula: fol.Formula, known_sorts: fol.Sorts) -> z3.BoolRef:
        """Return `formula` for z3 with its free variables as constants; `known_sorts` has the sorts of some."""
        sorts = sorts_of(formula, self.vocabulary, known_sorts)
        return self.translate(formula, sorts, self.constants({name: sorts[name] for name in fol.free(formula)}))

    def translate(self, formula: fol.Formula, sorts: fol.Sorts, environment: Environment) -> z3.BoolRef:
        """Return `formula` for z3, with its free variables replaced by the values in `environment`."""
        truth = _Translation(self, sorts).truth(formula, environment)
        return z3.BoolVal(truth) if isinstance(truth, bool) else truth


@dataclass(frozen=True, slots=True)
class _Translation:
    """The translation of formulas whose variables have `sorts`."""

    language: Language
    sorts: fol.Sorts

    def truth(self, formula: fol.Formula, environment: Environment) -> Truth:  # noqa: C901, PLR0911 - one case for each form
        """Return `formula` for z3, or its truth value if the fixed relations determine it."""

        def inside(part: fol.Formula) -> Truth:
            return self.truth(part, environment)

        def value(part: fol.Term) -> z3.ExprRef:
            return self.value(part, environment)

        match formula:
            case fol.Atom(name, args):
                return self.holds(name, *map(value, args))
            case fol.Equal(one, other):
                left, right = value(one), value(other)
                fixed = {left.get_id(), right.get_id()} <= self.language.numbers.keys()
                return bool(left.eq(right)) if fixed else left == right
            case fol.AtMost(one, other):
                return self.holds(ORDER + self.sort_of(one, other), value(one), value(other))
            case fol.Not(part):
                return opposite(inside(part))
            case fol.And(parts):
                return join(map(inside, parts), z3.And, unit=True)
            case fol.Or(parts):
                return join(map(inside, parts), z3.Or, unit=False)
            case fol.Iff(one, other):
                left, right = inside(one), inside(other)
                return left == right
            case fol.Quantified():
                return self.quantified(formula, environment)

    def holds(self, name: str, *row: z3.ExprRef) -> Truth:
        """Return the sentence that a relation has a row, or its truth value if the relation is fixed."""
        numbers = tuple(self.language.numbers.get(thing.get_id(), -1) for thing in row)
        if name in self.language.fixed and -1 not in numbers:
            return numbers in self.language.fixed[name]
        return self.language.symbols[name](*row)

    def quantified(self, formula: fol.Quantified, environment: Environment) -> Truth:
        """Return a quantified formula: with z3's quantifier, or expanded over a finite universe."""
        language = self.language
        if language.universe is None:
            bound = language.constants({name: self.sorts[name] for name in formula.variables})
            quantifier = z3.ForAll if formula.every else z3.Exists
            body = self.truth(formula.body, {**environment, **bound})
            return quantifier(list(bound.values()), z3.BoolVal(body) if isinstance(body, bool) else body)
        choices = product(*(language.things[self.sorts[name]] for name in formula.variables))
        named = (dict(zip(formula.variables, choice, strict=True)) for choice in choices)
        each = (self.truth(formula.body, {**environment, **choice}) for choice in named)
        return join(each, z3.And if formula.every else z3.Or, unit=formula.every)

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
                test = z3.BoolVal(truth) if isinstance(truth, bool) else truth
                return z3.If(test, self.value(yes, environment), self.value(no, environment))

    def sort_of(self, *terms: fol.Term) -> str:
        """Return the sort of the first of `terms`."""
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
    """Return the negation of a sentence or of a truth value."""
    return not truth if isinstance(truth, bool) else z3.Not(truth)


def join(parts: Iterable[Truth], connective: Callable[..., z3.BoolRef], *, unit: bool) -> Truth:
    """Return the parts joined by `connective`, without those equal to `unit`; `not unit` if a part has that value."""
    open_parts = []
    for part in parts:
        if not isinstance(part, bool):
            open_parts.append(part)
        elif part is not unit:
            return not unit
    return connective(*open_parts) if open_parts else unit
