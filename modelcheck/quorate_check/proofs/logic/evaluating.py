"""The same sentences in a state that is known: made into Python, which runs through the rows of tables.

`exists x, y. led(x, y) & !left(x, y)` becomes a loop over the rows of `led` with a test of each; what has no table to
run through runs through all things of its sort. Nothing of the sentence is judged in another way than z3 does.
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
            case fol.Equal(one, other):
                return f"({self.term(one)} == {self.term(other)})"
            case fol.AtMost(one, other):
                return f"({self.term(one)} <= {self.term(other)})"
            case fol.Not(inner):
                return f"(not {self.formula(inner)})"
            case fol.And(parts):
                return "(" + " and ".join(map(self.formula, parts)) + ")" if parts else "True"
            case fol.Or(parts):
                return "(" + " or ".join(map(self.formula, parts)) + ")" if parts else "False"
            case fol.Iff(one, other):
                return f"({self.formula(one)} == {self.formula(other)})"
            case fol.Quantified(every, variables, body):
                return f"(not {self.exists(variables, opposite(body))})" if every else self.exists(variables, body)

    def exists(self, variables: tuple[str, ...], body: fol.Formula) -> str:
        loops = (f"any(True {self.loops(variables, conditions)})" for conditions in alternatives(body))
        return "(" + " or ".join(loops) + ")"

    def loops(self, variables: tuple[str, ...], conditions: list[fol.Formula]) -> str:
        """Return the loops, and as early as possible the tests, that run through what fulfils all `conditions`."""
        unbound, left, text = dict.fromkeys(variables), list(conditions), ""
        while True:
            for ready in [c for c in left if not any(v in unbound for v in fol.free(c))]:
                text += f" if {self.formula(ready)}"
                left.remove(ready)
            if not unbound:
                return text or "for _ in (0,)"
            best = max(
                (c for c in left if isinstance(c, fol.Atom) and _runs(c, unbound)),
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
            left.remove(best)


def _runs(atom: fol.Atom, unbound: Iterable[str]) -> bool:
    """Whether the rows of an atom's table give values to variables, and need none but for that."""
    others = (arg for arg in atom.args if not isinstance(arg, fol.Var))
    return any(isinstance(arg, fol.Var) and arg.name in unbound for arg in atom.args) and not any(
        name in unbound for arg in others for name in fol.free(arg)
    )


def opposite(part: fol.Formula) -> fol.Formula:
    """Return the opposite, with every "not" as far inside as it goes."""
    match part:
        case fol.Not(inner):
            return inner
        case fol.And(parts):
            return fol.Or(tuple(map(opposite, parts)))
        case fol.Or(parts):
            return fol.And(tuple(map(opposite, parts)))
        case fol.Iff(one, other):
            return fol.Or((fol.And((one, opposite(other))), fol.And((opposite(one), other))))
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
            return [[c for chosen in choice for c in chosen] for choice in product(*map(alternatives, parts))]
        case fol.Not(fol.And() | fol.Or() | fol.Iff() | fol.Not() as inner):
            return alternatives(opposite(inner))
        case _:
            return [[part]]


@dataclass(frozen=True)
class Evaluation:
    """Judges sentences of a vocabulary; `constants` says what its constants are, as Python values with a `repr`."""

    vocabulary: fol.Vocabulary
    constants: Mapping[str, Hashable] = field(default_factory=dict)

    def judge(self, part: fol.Formula, given: Mapping[str, str] | None = None) -> Callable[..., bool]:
        """Return whether `part` is true, as a function of the tables.

        It is judged for all values of its free variables but the `given` ones, which are arguments, by position.
        """
        names = tuple(given or ())
        others = tuple(name for name in fol.free(part) if name not in names)
        reader = self._reader(sorts_of(part, self.vocabulary, given))
        whole = fol.Quantified(True, others, part) if others else part  # noqa: FBT003 - "for all"
        made: Callable[..., bool] = _compiled(names, reader.formula(whole))
        return made

    def rows_of(
        self, places: tuple[str, ...], relation: str, part: fol.Formula, given: Mapping[str, str]
    ) -> Callable[..., set[Row]]:
        """Return the rows of which `part` is true, as a function of the tables and of what is `given`."""
        known = {**given, **dict(zip(places, self.vocabulary.relations[relation], strict=True))}
        reader = self._reader(sorts_of(part, self.vocabulary, known))
        row = "(" + "".join(f"{place}, " for place in places) + ")"
        sets = (f"{{{row} {reader.loops(places, conditions)}}}" for conditions in alternatives(part))
        made: Callable[..., set[Row]] = _compiled(tuple(given), " | ".join(sets))
        return made

    def value_of(self, places: tuple[str, ...], part: fol.Term, given: Mapping[str, str]) -> Callable[..., Hashable]:
        """Return what a function is, as a function of the tables, of what is `given` and of its argument."""
        made: Callable[..., Hashable] = _compiled((*given, *places), self._reader({}).term(part))
        return made

    def _reader(self, sorts: fol.Sorts) -> _Reader:
        return _Reader(sorts, self.constants)


def _compiled(names: tuple[str, ...], text: str) -> Any:  # noqa: ANN401 - what the text makes
    # The text is made above from sentences of this package alone.
    return eval(f"lambda T{''.join(f', {name}' for name in names)}: {text}")  # noqa: S307
