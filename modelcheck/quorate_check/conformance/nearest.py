"""A step that nothing explains: how near the specification comes, and what stops it there.

The guard of an action is read from its Python text, condition by condition, so that the first one that fails can be
named with the values that make it fail.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from quorate_check.conformance.sequences import P, Sequence, Way, names_of
from quorate_check.conformance.steps import C, LocalStep, M, S


@dataclass(frozen=True, slots=True)
class Nearest:
    """Why `step` isn't explained.

    `actions` is the sequence that comes nearest, `differs` what is then still another than in the code (variable, the
    specification's value, the code's), `missing` what the code sent and the specification didn't. `action` is the one
    that should come next, `condition` the first condition of its guard that fails, with the values in it; if all hold,
    it is None and `instead` says what the action would do.
    """

    actions: Sequence
    differs: tuple[tuple[str, Any, Any], ...]
    missing: tuple[Any, ...]
    action: str
    condition: str | None
    instead: str = ""


Difference = tuple[str, Any, Any]


def differences(ours: S, theirs: S) -> tuple[Difference, ...]:
    """Return the fields in which two servers of one specification differ: name, the first's value, the other's."""
    assert is_dataclass(ours)
    pairs = ((f.name, getattr(ours, f.name), getattr(theirs, f.name)) for f in fields(ours))
    return tuple((name, one, other) for name, one, other in pairs if one != other)


def unsent(sent: frozenset[M], step: LocalStep[S, M, C]) -> tuple[M, ...]:
    """Return what `step` sent beyond `sent`, in one order."""
    return tuple(sorted(step.sent - sent, key=repr))


def distance(server: S, sent: frozenset[M], step: LocalStep[S, M, C]) -> int:
    """Return by how many variables and messages a server that sent `sent` falls short of what `step` did."""
    return len(differences(server, step.after)) + len(step.sent - sent)


def closest(found: dict[P, Way[P]], away: Callable[[P], int]) -> P:
    """Return the position least `away` from the goal; of several that by the shortest and alphabetically first way."""
    return min(found, key=lambda at: (away(at), len(found[at]), names_of(found[at])))


def failing_condition(action: Callable[..., Any], arguments: dict[str, Any]) -> str | None:
    """Return the first condition in the text of `action` that is false for `arguments`, with the values it reads."""
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(action))).body
    assert isinstance(function, ast.FunctionDef)
    scope = {**vars(inspect.getmodule(action)), **arguments}
    return _first_failing(function.body, scope)


def _first_failing(body: list[ast.stmt], scope: dict[str, Any]) -> str | None:
    for position, statement in enumerate(body):
        match statement:
            case ast.Assign(targets=[ast.Name(name)], value=value):
                scope[name] = _value(value, scope)
            case ast.Assign(targets=[ast.Tuple(elts)], value=value):
                names = [e.id for e in elts if isinstance(e, ast.Name)]
                scope |= dict(zip(names, _value(value, scope), strict=True))
            case ast.If(test=test, orelse=[_, *_]):
                return _first_failing(statement.body if _value(test, scope) else statement.orelse, scope)
            case ast.If(test=test) if not any(_yields(later) for later in body[position + 1 :]):
                conjuncts = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
                failing = next((c for c in conjuncts if not _value(c, scope)), None)
                return _first_failing(statement.body, scope) if failing is None else _condition_text(failing, scope)
            case ast.For(target=ast.Name(name)) if name in scope:
                return _first_failing(statement.body, scope)
            case _:
                pass
    return None


def _yields(statement: ast.stmt) -> bool:
    """Whether a statement offers a step: then what stands before it is no guard."""
    return any(isinstance(node, ast.Yield) for node in ast.walk(statement))


def effect(action: Callable[..., Any], arguments: dict[str, Any]) -> str:
    """Return what an action would do, in a line."""
    wanted = inspect.signature(action).parameters
    taken = list(action(**{name: value for name, value in arguments.items() if name in wanted}))
    if not taken:
        return "nothing"
    before, after, sent = arguments["server"], taken[0].server, taken[0].sent
    changed = [f"{name} = {value}" for name, _, value in differences(before, after)]
    return "; ".join([*changed, *(f"sends {m}" for m in sent)]) or "nothing"


def _value(expression: ast.expr, scope: dict[str, Any]) -> Any:  # noqa: ANN401 - any expression's
    return eval(compile(ast.Expression(expression), "<guard>", "eval"), scope)  # noqa: S307 - the specification's text


def _condition_text(condition: ast.expr, scope: dict[str, Any]) -> str:
    """Return a condition and the values of the variables in it, as far as they can be told in a line."""
    parts = {
        ast.unparse(node): _value(node, scope)
        for node in ast.walk(condition)
        if isinstance(node, ast.Attribute) and ast.unparse(node).split(".")[0] in {"server", "m"}
    }
    names = {n.id for n in ast.walk(condition) if isinstance(n, ast.Name)} & scope.keys()
    parts |= {name: scope[name] for name in sorted(names) if _is_plain(scope[name])}
    values = ", ".join(f"{name} = {value}" for name, value in parts.items() if not callable(value))
    return ast.unparse(condition) + (f"   ({values})" if values else "")


def _is_plain(value: object) -> bool:
    return isinstance(value, int | str | frozenset | None)
