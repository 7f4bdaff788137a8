"""The evaluation of sentences in a given state: each is compiled to Python that iterates over the rows of tables.

`exists x, y. led(x, y) & !left(x, y)` becomes a loop over the rows of `led` with a test of each. A variable without
such a table iterates over all elements of its sort. The meaning of a sentence is the same as for z3.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, TypeAlias

from quorate_check.proofs.logic import formulas as fol
from quorate_check.proofs.logic.rewriting import sorts_of

Row: TypeAlias = tuple[Hashable, ...]
Tables: TypeAlias = dict[str, Any]  # a relation's rows, a function's values by its argument, a sort's things


@dataclass(frozen=True, slots=True)
class _Reader:
    sorts: fol.Sorts
    constants: Mapping[str, Hashable]

    def term(self, part: fol.Term) -> str:
        match part:
            case fol.Var(name):
                return name
            case fol.Const(name):
                return repr(self.constants[name])
            case fol.Apply(name, args):
                return f"T[{name!r}][{self.term(args[0])}]"
            case fol.Choose(condition, yes, no):
                return f"({self.term(yes)} if {self.formula(condition)} else {self.term(no)})"

    def row(self, args: Iterable[fol.Term]) -> str:
        return "(" + "".join(f"{self.term(arg)}, " for arg in args) + ")"

    def formula(self, part: fol.Formula) -> str:  # noqa: PLR0911 - one case for each form
        match part:
            case fol.Atom(name, args):
                return f"({self.row(args)} in T[{name!r}])"
            case fol.Equal(first, second):
                return f"({self.term(first)} == {self.term(second)})"
            case fol.AtMost(first, second):
                return f"({self.term(first)} <= {self.term(second)})"
            case fol.Not(inner):
                return f"(not {self.formula(inner)})"
            case fol.And(parts):
                return "(" + " and ".join(map(self.formula, parts)) + ")" if parts else "True"
            case fol.Or(parts):
                return "(" + " or ".join(map(self.formula, parts)) + ")" if parts else "False"
            case fol.Iff(first, second):
                return f"({self.formula(first)} == {self.formula(second)})"
            case fol.Quantified(every, variables, body):
                return f"(not {self.exists(variables, opposite(body))})" if every else self.exists(variables, body)

    def exists(self, variables: tuple[str, ...], body: fol.Formula) -> str:
        loops = (f"any(True {self.loops(variables, conditions)})" for conditions in alternatives(body))
        return "(" + " or ".join(loops) + ")"

    def loops(self, variables: tuple[str, ...], conditions: list[fol.Formula]) -> str:
        """Return loops over the values that satisfy all `conditions`, with each test as early as possible."""
        unbound, rest, text = dict.fromkeys(variables), list(conditions), ""
        while True:
            for ready in [c for c in rest if not any(v in unbound for v in fol.free(c))]:
                text += f" if {self.formula(ready)}"
                rest.remove(ready)
            if not unbound:
                return text if text.startswith(" for") else f"for _ in (0,){text}"
            best = max(
                (c for c in rest if isinstance(c, fol.Atom) and _binds(c, unbound)),
                key=lambda atom: (
                    sum(not any(v in unbound for v in fol.free(a)) for a in atom.args) - len(atom.args) / 9
                ),
                default=None,
            )
            if best is None:
                name = next(iter(unbound))
                text += f" for {name} in T[{self.sorts[name]!r}]"
                del unbound[name]
                continue
            names, tests = [], []
            for place, arg in enumerate(best.args):
                if isinstance(arg, fol.Var) and arg.name in unbound and arg.name not in names:
                    names.append(arg.name)
                else:
                    names.append(f"p{place}_{len(text)}")
                    tests.append(f"{names[-1]} == {self.term(arg)}")
            for name in names:
                unbound.pop(name, None)
            text += f" for {''.join(f'{name}, ' for name in names)} in T[{best.relation!r}]"
            text += "".join(f" if {test}" for test in tests)
            rest.remove(best)


def _binds(atom: fol.Atom, unbound: Iterable[str]) -> bool:
    """Whether the rows of an atom's table bind an unbound variable, and its other terms need none."""
    others = (arg for arg in atom.args if not isinstance(arg, fol.Var))
    return any(isinstance(arg, fol.Var) and arg.name in unbound for arg in atom.args) and not any(
        name in unbound for arg in others for name in fol.free(arg)
    )


def opposite(part: fol.Formula) -> fol.Formula:
    """Return the negation of `part`, with every "not" as far inside as possible."""
    match part:
        case fol.Not(inner):
            return inner
        case fol.And(parts):
            return fol.Or(tuple(map(opposite, parts)))
        case fol.Or(parts):
            return fol.And(tuple(map(opposite, parts)))
        case fol.Iff(first, second):
            return fol.Or((fol.And((first, opposite(second))), fol.And((opposite(first), second))))
        case fol.Quantified(every, variables, body):
            return fol.Quantified(not every, variables, opposite(body))
        case _:
            return fol.Not(part)


def alternatives(part: fol.Formula) -> list[list[fol.Formula]]:
    """Return lists of conditions; `part` is true if all of one list are."""
    match part:
        case fol.Or(parts):
            return [conditions for each in parts for conditions in alternatives(each)]
        case fol.And(parts):
            return [[c for part in choice for c in part] for choice in product(*map(alternatives, parts))]
        case fol.Not(fol.And() | fol.Or() | fol.Iff() | fol.Not() as inner):
            return alternatives(opposite(inner))
        case _:
            return [[part]]


@dataclass(frozen=True)
class Evaluation:
    """The compiler of sentences over a vocabulary; `constants` has the values of its constants, which need a `repr`."""

    vocabulary: fol.Vocabulary
    constants: Mapping[str, Hashable] = field(default_factory=dict)

    def judge(self, part: fol.Formula, sorts: Mapping[str, str] | None = None) -> Callable[..., bool]:
        """Return the function from the tables to whether `part` is true for all values of its free variables.

        The variables in `sorts`, with their sorts, are further arguments of the function, by position.
        """
        names = tuple(sorts or ())
        others = tuple(name for name in fol.free(part) if name not in names)
        reader = self._reader(sorts_of(part, self.vocabulary, sorts))
        whole = fol.Quantified(True, others, part) if others else part  # noqa: FBT003 - "for all"
        function: Callable[..., bool] = _compiled(names, reader.formula(whole))
        return function

    def rows_of(
        self, places: tuple[str, ...], relation: str, part: fol.Formula, sorts: Mapping[str, str]
    ) -> Callable[..., set[Row]]:
        """Return the function from the tables and the variables in `sorts` to the rows for which `part` is true."""
        all_sorts = {**sorts, **dict(zip(places, self.vocabulary.relations[relation], strict=True))}
        reader = self._reader(sorts_of(part, self.vocabulary, all_sorts))
        row = "(" + "".join(f"{place}, " for place in places) + ")"
        sets = (f"{{{row} {reader.loops(places, conditions)}}}" for conditions in alternatives(part))
        function: Callable[..., set[Row]] = _compiled(tuple(sorts), " | ".join(sets))
        return function

    def value_of(self, places: tuple[str, ...], part: fol.Term, sorts: Mapping[str, str]) -> Callable[..., Hashable]:
        """Return the function from the tables and the variables in `sorts` and `places` to the value of `part`."""
        function: Callable[..., Hashable] = _compiled((*sorts, *places), self._reader({}).term(part))
        return function

    def _reader(self, sorts: fol.Sorts) -> _Reader:
        return _Reader(sorts, self.constants)


def _compiled(names: tuple[str, ...], text: str) -> Any:  # noqa: ANN401 - a function of any type
    # The text is made above from sentences of this package alone.
    return eval(f"lambda T{''.join(f', {name}' for name in names)}: {text}")  # noqa: S307
