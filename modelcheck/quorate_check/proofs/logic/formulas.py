"""First-order formulas as text, parsed once for two uses: z3 proves them, and Python evaluates them.

A formula is written as on paper:

    led(n, t) & led(m, t) -> n = m

Names in call position are the relations and functions of a vocabulary, other names are variables or its constants. A
variable that no quantifier binds stands for all values; its sort follows from its uses. Weakest to strongest:
`<->`, `->`, `|`, `&`, then `!`, `forall x, y. ...` and `exists x. ...`, which reach as far to the right as they can;
`=`, `!=`, `<`, `<=` compare. Only sorts with an order have `<`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias


class FormulaError(ValueError):
    """A text isn't a formula over its vocabulary."""


@dataclass(frozen=True, slots=True)
class Var:
    """A variable; two of one name in one formula are of one sort."""

    name: str


@dataclass(frozen=True, slots=True)
class Const:
    """A constant of the vocabulary."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """A function's value."""

    function: str
    args: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Choose:
    """One term where `condition` is true, another where it isn't; only updates of functions make it."""

    condition: Formula
    yes: Term
    no: Term


Term: TypeAlias = Var | Const | Apply | Choose


@dataclass(frozen=True, slots=True)
class Atom:
    """A relation holds for these terms."""

    relation: str
    args: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Equal:
    """Two terms are equal."""

    one: Term
    other: Term


@dataclass(frozen=True, slots=True)
class AtMost:
    """`one` is at or before `other` in the order of their sort."""

    one: Term
    other: Term


@dataclass(frozen=True, slots=True)
class Not:
    """The negation of a formula."""

    part: Formula


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts are true; without parts, it is true."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of the parts is true; without parts, it is false."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Iff:
    """Two formulas are both true or both false."""

    one: Formula
    other: Formula


@dataclass(frozen=True, slots=True)
class Quantified:
    """The body is true for all values of the variables (`every`), or for some."""

    every: bool
    variables: tuple[str, ...]
    body: Formula


Formula: TypeAlias = Atom | Equal | AtMost | Not | And | Or | Iff | Quantified
Sorts: TypeAlias = dict[str, str]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The symbols of formulas: sorts, relations with the sorts of places, functions with their value's sort last."""

    sorts: tuple[str, ...]
    ordered: tuple[str, ...]
    relations: Mapping[str, tuple[str, ...]]
    functions: Mapping[str, tuple[str, ...]]
    constants: Mapping[str, str]


TOKEN = re.compile(r"\s*(<->|->|!=|<=|[A-Za-z_]\w*|[()&|!=<,.])")


def parse(text: str, vocabulary: Vocabulary) -> Formula:
    """Return the formula of `text`; raise FormulaError if it isn't one over `vocabulary`."""
    reader = _Reader(text, vocabulary)
    formula = reader.formula()
    if reader.token is not None:
        raise FormulaError(f"{text!r}: {reader.token!r} isn't expected here")
    return formula


class _Reader:
    """A parser by recursive descent, with one method for each precedence."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text, self.vocabulary, self.at = text.strip(), vocabulary, 0
        self.token: str | None = None
        self.step()

    def step(self) -> str | None:
        """Advance to the next token; return the current one."""
        last = self.token
        match = TOKEN.match(self.text, self.at)
        if match is None and self.at < len(self.text):
            raise FormulaError(f"{self.text!r}: nothing begins with {self.text[self.at :]!r}")
        self.token = None if match is None else match[1]
        self.at = len(self.text) if match is None else match.end()
        return last

    def take(self, token: str) -> bool:
        """Advance and return True if the current token is `token`."""
        if self.token != token:
            return False
        self.step()
        return True

    def need(self, token: str) -> None:
        if not self.take(token):
            raise FormulaError(f"{self.text!r}: {token!r} is missing before {self.token!r}")

    def formula(self) -> Formula:
        one = self.implication()
        return Iff(one, self.implication()) if self.take("<->") else one

    def implication(self) -> Formula:
        one = self.several("|")
        return Or((Not(one), self.implication())) if self.take("->") else one

    def several(self, sign: str) -> Formula:
        parts = [self.several("&") if sign == "|" else self.single()]
        while self.take(sign):
            parts.append(self.several("&") if sign == "|" else self.single())
        return parts[0] if len(parts) == 1 else (Or if sign == "|" else And)(tuple(parts))

    def single(self) -> Formula:
        if self.take("!"):
            return Not(self.single())
        if self.take("("):
            inner = self.formula()
            self.need(")")
            return inner
        if self.token in {"forall", "exists"}:
            every = self.step() == "forall"
            variables = [self.name()]
            while self.take(","):
                variables.append(self.name())
            self.need(".")
            return Quantified(every, tuple(variables), self.formula())
        return self.comparison()

    def comparison(self) -> Formula:
        if self.token in self.vocabulary.relations:
            name = self.name()
            return Atom(name, self.arguments(name, len(self.vocabulary.relations[name])))
        one = self.term()
        sign = self.step()
        match sign:
            case "=":
                return Equal(one, self.term())
            case "!=":
                return Not(Equal(one, self.term()))
            case "<=":
                return AtMost(one, self.term())
            case "<":
                return Not(AtMost(self.term(), one))
            case _:
                raise FormulaError(f"{self.text!r}: {one} isn't compared with anything")

    def term(self) -> Term:
        name = self.name()
        if name in self.vocabulary.functions:
            return Apply(name, self.arguments(name, len(self.vocabulary.functions[name]) - 1))
        if self.token == "(":  # noqa: S105 - a token of a formula
            raise FormulaError(f"{self.text!r}: {name} is neither a relation nor a function")
        return Const(name) if name in self.vocabulary.constants else Var(name)

    def arguments(self, name: str, count: int) -> tuple[Term, ...]:
        self.need("(")
        args = [self.term()]
        while self.take(","):
            args.append(self.term())
        self.need(")")
        if len(args) != count:
            raise FormulaError(f"{self.text!r}: {name} takes {count}, not {len(args)}")
        return tuple(args)

    def name(self) -> str:
        token = self.step()
        if token is None or not token.isidentifier():
            raise FormulaError(f"{self.text!r}: a name is missing, there is {token!r}")
        return token


def free(part: Formula | Term) -> tuple[str, ...]:
    """Return the variables that no quantifier in `part` binds, each once, in the order in which they appear."""
    return tuple(dict.fromkeys(_free(part)))


def _free(part: Formula | Term) -> Iterator[str]:
    match part:
        case Var(name):
            yield name
        case Quantified(_, variables, body):
            yield from (name for name in _free(body) if name not in variables)
        case _:
            for inner in parts(part):
                yield from _free(inner)


def parts(part: Formula | Term) -> tuple[Formula | Term, ...]:  # noqa: PLR0911 - one case for each form
    """Return what `part` is made of, one level down."""
    match part:
        case Var() | Const():
            return ()
        case Apply(_, args) | Atom(_, args):
            return args
        case Choose(condition, yes, no):
            return (condition, yes, no)
        case Equal(one, other) | AtMost(one, other) | Iff(one, other):
            return (one, other)
        case Not(inner):
            return (inner,)
        case And(several) | Or(several):
            return several
        case Quantified(_, _, body):
            return (body,)


def symbols(part: Formula | Term) -> frozenset[str]:
    """Return the relations and functions that `part` speaks of."""
    own = {part.relation} if isinstance(part, Atom) else {part.function} if isinstance(part, Apply) else set()
    return frozenset(own).union(*map(symbols, parts(part)))
