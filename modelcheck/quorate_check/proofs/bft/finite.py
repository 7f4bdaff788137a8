"""The same sentences in a state that is known: evaluated in Python, without z3, once for every explored state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

from quorate_check.proofs.bft.model import VOCABULARY
from quorate_check.proofs.raft.logic import (
    And,
    AtMost,
    Atom,
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
from quorate_check.proofs.raft.rewriting import sorts_of

Thing: TypeAlias = Any
Row: TypeAlias = tuple[Thing, ...]
Tables: TypeAlias = Mapping[str, frozenset[Row]]
Environment: TypeAlias = dict[str, Thing]
Evaluator: TypeAlias = Callable[[Tables, Environment], bool]


@dataclass(frozen=True, slots=True)
class Domain:
    """Everything there is, by sort; views are numbers."""

    things: Mapping[str, tuple[Thing, ...]]

    def closed(self, formula: Formula) -> Callable[[Tables], bool]:
        """Return whether `formula` is true for all values of its free variables, as a function of the tables."""
        names = free(formula)
        inner = self.evaluator(Quantified(True, names, formula) if names else formula)  # noqa: FBT003 - "for all"
        return lambda tables: inner(tables, {})

    def evaluator(self, formula: Formula, given: Sorts | None = None) -> Evaluator:
        """Return whether `formula` is true, as a function of the tables and of its free variables."""
        return self._compile(formula, sorts_of(formula, VOCABULARY, given))

    def _compile(self, formula: Formula, sorts: Sorts) -> Evaluator:  # noqa: PLR0911 - one for each kind
        match formula:
            case Atom(name, args):
                names = tuple(map(_name, args))
                return lambda tables, env: tuple([env[n] for n in names]) in tables[name]
            case Equal(one, other):
                left, right = _name(one), _name(other)
                return lambda _tables, env: bool(env[left] == env[right])
            case AtMost(one, other):
                left, right = _name(one), _name(other)
                return lambda _tables, env: bool(env[left] <= env[right])
            case Not(part):
                inner = self._compile(part, sorts)
                return lambda tables, env: not inner(tables, env)
            case And(parts):
                each = [self._compile(part, sorts) for part in parts]
                return lambda tables, env: all(e(tables, env) for e in each)
            case Or(parts):
                each = [self._compile(part, sorts) for part in parts]
                return lambda tables, env: any(e(tables, env) for e in each)
            case Iff(one, other):
                first, second = self._compile(one, sorts), self._compile(other, sorts)
                return lambda tables, env: first(tables, env) == second(tables, env)
            case Quantified(every, variables, body):
                return self._quantified(every, variables, self._compile(body, sorts), sorts)

    def _quantified(self, every: bool, variables: tuple[str, ...], body: Evaluator, sorts: Sorts) -> Evaluator:  # noqa: FBT001 - "for all", or "there is"
        choices = [
            dict(zip(variables, choice, strict=True)) for choice in product(*(self.things[sorts[v]] for v in variables))
        ]
        if every:
            return lambda tables, env: all(body(tables, env | choice) for choice in choices)
        return lambda tables, env: any(body(tables, env | choice) for choice in choices)


def _name(term: Term) -> str:
    assert isinstance(term, Var), "there are neither functions nor constants in this vocabulary"
    return term.name
