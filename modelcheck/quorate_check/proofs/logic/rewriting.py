"""Sorts of variables, renaming, and what a formula says about the state after an update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count

from quorate_check.proofs.logic.formulas import (
    And,
    Apply,
    AtMost,
    Atom,
    Choose,
    Const,
    Equal,
    Formula,
    FormulaError,
    Iff,
    Not,
    Or,
    Quantified,
    Sorts,
    Term,
    Var,
    Vocabulary,
    parse,
    parts,
)


@dataclass(frozen=True, slots=True)
class Update:
    """What a relation is after a step, by its places' names: `becomes` speaks of the state before and of the action.

    Of a function `becomes` is None and `value` is what it is afterwards.
    """

    places: tuple[str, ...]
    becomes: Formula | None
    value: Term | None = None


Updates = Mapping[str, Update]


def update_of(head: str, body: str, vocabulary: Vocabulary) -> tuple[str, Update]:
    """Return the name of what `head` is a row of, and its update, whose text is `body`.

    Of a relation, `head` names the places and `body` says when a row is there. Of a function, `head` names the
    parameter at which it changes and `body` is the value there.
    """
    name, inside = head.rstrip(")").split("(")
    places = tuple(place.strip() for place in inside.split(","))
    if name in vocabulary.relations:
        return name, Update(places, parse(body, vocabulary))
    (parameter,) = places
    value = Const(body) if body in vocabulary.constants else Var(body)
    # The parameter is a value already, so the place needs a name of its own.
    changed = Choose(Equal(Var("at"), Var(parameter)), value, Apply(name, (Var("at"),)))
    return name, Update(("at",), None, changed)


def sorts_of(formula: Formula, vocabulary: Vocabulary, known: Mapping[str, str] | None = None) -> Sorts:
    """Return the sort of every variable in `formula`; raise FormulaError where it can't be found or isn't one."""
    found = _Inference(vocabulary, dict(known or {}))
    found.visit(formula)
    found.finish()
    return found.sorts


@dataclass
class _Inference:
    """The sorts that are known of variables so far, and the terms that must be of one sort."""

    vocabulary: Vocabulary
    sorts: Sorts
    equals: list[tuple[Term, Term]] = field(default_factory=list)

    def visit(self, part: Formula | Term) -> None:
        """Note what a part and those inside it say of the sorts of their variables."""
        match part:
            case Atom(name, args):
                for arg, sort in zip(args, self.vocabulary.relations[name], strict=True):
                    self.place(arg, sort)
            case Apply(name, args):
                for arg, sort in zip(args, self.vocabulary.functions[name], strict=False):
                    self.place(arg, sort)
            case Equal(one, other) | AtMost(one, other):
                self.equals.append((one, other))
            case _:
                pass
        for inner in parts(part):
            self.visit(inner)

    def finish(self) -> None:
        """Carry sorts from one side of an equality or comparison to the other, as long as that says anything."""
        for _ in range(len(self.equals) + 1):
            for one, other in self.equals:
                for this, that in ((one, other), (other, one)):
                    if (sort := self.sort_of(that)) is not None:
                        self.place(this, sort)
        for one, other in self.equals:
            if self.sort_of(one) is None:
                raise FormulaError(f"nothing says what sort {one} and {other} are")

    def place(self, term: Term, sort: str) -> None:
        """Note that a term stands where a sort should."""
        found = self.sort_of(term)
        if isinstance(term, Var):
            found = self.sorts.setdefault(term.name, sort)
        if found != sort:
            raise FormulaError(f"{term} is a {found}, and stands where a {sort} should")

    def sort_of(self, term: Term) -> str | None:
        """Return the sort of a term, None if nothing has said it yet."""
        match term:
            case Var(name):
                return self.sorts.get(name)
            case Const(name):
                return self.vocabulary.constants[name]
            case Apply(name):
                return self.vocabulary.functions[name][-1]
            case Choose(_, yes):
                return self.sort_of(yes)


def rename(formula: Formula, new: Callable[[str], str]) -> Formula:
    """Return `formula` with every variable, bound ones too, called what `new` calls it."""
    return _Rewriter(new, {}).formula(formula)


def afterwards(formula: Formula, updates: Updates) -> Formula:
    """Return what `formula` says of the state after `updates`, as a formula about the state before.

    No variable of `formula` may be called as one of the updates' own is.
    """
    return _Rewriter(lambda name: name, updates).formula(formula)


class _Rewriter:
    """Renames variables and puts updates in the place of what they update."""

    def __init__(self, new: Callable[[str], str], updates: Updates) -> None:
        self.new, self.updates, self.fresh = new, updates, count()

    def formula(self, part: Formula) -> Formula:  # noqa: PLR0911 - one case for each form
        match part:
            case Atom(name, args) if name in self.updates:
                return self._put(self.updates[name], args)
            case Atom(name, args):
                return Atom(name, tuple(map(self.term, args)))
            case Equal(one, other):
                return Equal(self.term(one), self.term(other))
            case AtMost(one, other):
                return AtMost(self.term(one), self.term(other))
            case Not(inner):
                return Not(self.formula(inner))
            case And(several):
                return And(tuple(map(self.formula, several)))
            case Or(several):
                return Or(tuple(map(self.formula, several)))
            case Iff(one, other):
                return Iff(self.formula(one), self.formula(other))
            case Quantified(every, variables, body):
                return Quantified(every, tuple(map(self.new, variables)), self.formula(body))

    def term(self, part: Term) -> Term:
        match part:
            case Var(name):
                return Var(self.new(name))
            case Const():
                return part
            case Apply(name, args) if name in self.updates:
                update = self.updates[name]
                assert update.value is not None
                return substitute(update.value, dict(zip(update.places, map(self.term, args), strict=True)))
            case Apply(name, args):
                return Apply(name, tuple(map(self.term, args)))
            case Choose(condition, yes, no):
                return Choose(self.formula(condition), self.term(yes), self.term(no))

    def _put(self, update: Update, args: tuple[Term, ...]) -> Formula:
        assert update.becomes is not None
        number = next(self.fresh)
        places = {place: f"{place}#{number}" for place in update.places}
        inner = {name: f"{name}#{number}" for name in _bound(update.becomes)}
        apart = rename(update.becomes, lambda name: places.get(name) or inner.get(name) or name)
        given = dict(zip(places.values(), map(self.term, args), strict=True))
        return _Substitution(given).formula(apart)


def _bound(part: Formula | Term) -> frozenset[str]:
    own = part.variables if isinstance(part, Quantified) else ()
    return frozenset(own).union(*map(_bound, parts(part)))


def substitute(term: Term, given: Mapping[str, Term]) -> Term:
    """Return `term` with terms in the place of variables."""
    return _Substitution(given).term(term)


class _Substitution(_Rewriter):
    """Puts terms in the place of variables that nothing in the formula binds."""

    def __init__(self, given: Mapping[str, Term]) -> None:
        super().__init__(lambda name: name, {})
        self.given = given

    def term(self, part: Term) -> Term:
        return self.given.get(part.name, part) if isinstance(part, Var) else super().term(part)
