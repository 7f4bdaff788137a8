"""A step that nothing explains: how near the specification comes, and what stops it there.

The guard of an action is read from its Python text, condition by condition, so that the first one that fails can be
named with the values that make it fail.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from quorate_check.conformance.sequences import Sequence


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


def differences(ours: Any, theirs: Any) -> Iterator[Difference]:  # noqa: ANN401 - two servers of one specification
    """Yield the fields in which two records of one class differ: name, the first's value, the other's."""
    for f in fields(ours):
        one, other = getattr(ours, f.name), getattr(theirs, f.name)
        if one != other:
            yield f.name, one, other


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
