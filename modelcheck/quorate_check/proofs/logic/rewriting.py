"""The inference of variables' sorts, renaming, and the translation of formulas about the state after an update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count

from quorate_check.proofs.logic import formulas as fol


@dataclass(frozen=True, slots=True)
class Update:
    """The new value of a relation or a function after a step, in terms of the state before and of the action.

    `places` names the arguments. For a relation, `becomes` is true of its new rows; for a function, `becomes` is None
    and `value` is its new value.
    """

    places: tuple[str, ...]
    becomes: fol.Formula | None
    value: fol.Term | None = None


Updates = Mapping[str, Update]


def update_of(head: str, body: str, vocabulary: fol.Vocabulary) -> tuple[str, Update]:
    """Return the name of the relation or function in `head`, such as `led(x, y)`, and its update with the text `body`.

    For a relation, `head` names the places and `body` is the condition of a new row. For a function, `head` names the
    parameter at which it changes, and `body` is the new value there.
    """
    name, inside = head.rstrip(")").split("(")
    places = tuple(place.strip() for place in inside.split(","))
    if name in vocabulary.relations:
        return name, Update(places, fol.parse(body, vocabulary))
    (parameter,) = places
    value = fol.Const(body) if body in vocabulary.constants else fol.Var(body)
    # The parameter is a constant of the action, so the place needs another name.
    changed = fol.Choose(fol.Equal(fol.Var("at"), fol.Var(parameter)), value, fol.Apply(name, (fol.Var("at"),)))
    return name, Update(("at",), None, changed)


def sorts_of(formula: fol.Formula, vocabulary: fol.Vocabulary, sorts: Mapping[str, str] | None = None) -> fol.Sorts:
    """Return the sort of every variable in `formula`; raise FormulaError for a variable of no sort or of two."""
    inference = _Inference(vocabulary, dict(sorts or {}))
    inference.visit(formula)
    inference.finish()
    return inference.sorts


@dataclass
class _Inference:
    """The sorts of variables inferred so far, and the pairs of terms that must be of one sort."""

    vocabulary: fol.Vocabulary
    sorts: fol.Sorts
    equals: list[tuple[fol.Term, fol.Term]] = field(default_factory=list)

    def visit(self, part: fol.Formula | fol.Term) -> None:
        """Infer sorts from the relations and functions in a part and in those inside it."""
        match part:
            case fol.Atom(name, args):
                for arg, sort in zip(args, self.vocabulary.relations[name], strict=True):
                    self.place(arg, sort)
            case fol.Apply(name, args):
                for arg, sort in zip(args, self.vocabulary.functions[name], strict=False):
                    self.place(arg, sort)
            case fol.Equal(one, other) | fol.AtMost(one, other):
                self.equals.append((one, other))
            case _:
                pass
        for inner in fol.parts(part):
            self.visit(inner)

    def finish(self) -> None:
        """Propagate sorts between the sides of equalities and comparisons until none is added."""
        for _ in range(len(self.equals) + 1):
            for one, other in self.equals:
                for this, that in ((one, other), (other, one)):
                    if (sort := self.sort_of(that)) is not None:
                        self.place(this, sort)
        for one, other in self.equals:
            if self.sort_of(one) is None:
                raise fol.FormulaError(f"nothing says what sort {one} and {other} are")

    def place(self, term: fol.Term, sort: str) -> None:
        """Infer that a term is of a sort; raise FormulaError if it is of another."""
        inferred = self.sort_of(term)
        if isinstance(term, fol.Var):
            inferred = self.sorts.setdefault(term.name, sort)
        if inferred != sort:
            raise fol.FormulaError(f"{term} is a {inferred}, and stands where a {sort} should")

    def sort_of(self, term: fol.Term) -> str | None:
        """Return the sort of a term, None if it isn't inferred yet."""
        match term:
            case fol.Var(name):
                return self.sorts.get(name)
            case fol.Const(name):
                return self.vocabulary.constants[name]
            case fol.Apply(name):
                return self.vocabulary.functions[name][-1]
            case fol.Choose(_, yes):
                return self.sort_of(yes)


def rename(formula: fol.Formula, new: Callable[[str], str]) -> fol.Formula:
    """Return `formula` with every variable, bound or free, renamed by `new`."""
    return _Rewriter(new, {}).formula(formula)


def afterwards(formula: fol.Formula, updates: Updates) -> fol.Formula:
    """Return the formula about the state before `updates` that is true if `formula` is true after them.

    No variable of `formula` may have the name of a variable of the updates.
    """
    return _Rewriter(lambda name: name, updates).formula(formula)


class _Rewriter:
    """A rewriter that renames variables, and replaces relations and functions by their updates."""

    def __init__(self, new: Callable[[str], str], updates: Updates) -> None:
        self.new, self.updates, self.fresh = new, updates, count()

    def formula(self, part: fol.Formula) -> fol.Formula:  # noqa: PLR0911 - one case for each form
        match part:
            case fol.Atom(name, args) if name in self.updates:
                return self._put(self.updates[name], args)
            case fol.Atom(name, args):
                return fol.Atom(name, tuple(map(self.term, args)))
            case fol.Equal(one, other):
                return fol.Equal(self.term(one), self.term(other))
            case fol.AtMost(one, other):
                return fol.AtMost(self.term(one), self.term(other))
            case fol.Not(inner):
                return fol.Not(self.formula(inner))
            case fol.And(several):
                return fol.And(tuple(map(self.formula, several)))
            case fol.Or(several):
                return fol.Or(tuple(map(self.formula, several)))
            case fol.Iff(one, other):
                return fol.Iff(self.formula(one), self.formula(other))
            case fol.Quantified(every, variables, body):
                return fol.Quantified(every, tuple(map(self.new, variables)), self.formula(body))

    def term(self, part: fol.Term) -> fol.Term:
        match part:
            case fol.Var(name):
                return fol.Var(self.new(name))
            case fol.Const():
                return part
            case fol.Apply(name, args) if name in self.updates:
                update = self.updates[name]
                assert update.value is not None
                return substitute(update.value, dict(zip(update.places, map(self.term, args), strict=True)))
            case fol.Apply(name, args):
                return fol.Apply(name, tuple(map(self.term, args)))
            case fol.Choose(condition, yes, no):
                return fol.Choose(self.formula(condition), self.term(yes), self.term(no))

    def _put(self, update: Update, args: tuple[fol.Term, ...]) -> fol.Formula:
        assert update.becomes is not None
        number = next(self.fresh)
        places = {place: f"{place}#{number}" for place in update.places}
        inner = {name: f"{name}#{number}" for name in _bound(update.becomes)}
        apart = rename(update.becomes, lambda name: places.get(name) or inner.get(name) or name)
        terms = dict(zip(places.values(), map(self.term, args), strict=True))
        return _Substitution(terms).formula(apart)


def _bound(part: fol.Formula | fol.Term) -> frozenset[str]:
    own = part.variables if isinstance(part, fol.Quantified) else ()
    return frozenset(own).union(*map(_bound, fol.parts(part)))


def substitute(term: fol.Term, terms: Mapping[str, fol.Term]) -> fol.Term:
    """Return `term` with variables replaced by terms."""
    return _Substitution(terms).term(term)


class _Substitution(_Rewriter):
    """A rewriter that replaces free variables by terms."""

    def __init__(self, terms: Mapping[str, fol.Term]) -> None:
        super().__init__(lambda name: name, {})
        self.terms = terms

    def term(self, part: fol.Term) -> fol.Term:
        return self.terms.get(part.name, part) if isinstance(part, fol.Var) else super().term(part)
