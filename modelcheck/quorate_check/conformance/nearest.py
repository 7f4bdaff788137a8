"""How near the specification comes to a step that it doesn't explain, and which condition of which guard fails there.

The guard of an action is read from its Python text, condition by condition, so that a report can name the first one
that fails, with the values that make it fail.
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

Difference = tuple[str, Any, Any]  # a variable, its value in the specification, its value in the code


@dataclass(frozen=True, slots=True)
class Nearest:
    """Why the specification doesn't explain a step of the code.

    `actions` is the sequence whose effect is nearest to the step's. After it, `differences` are the variables whose
    values differ from the code's, and `unsent` the messages that only the code sent. `action` is the one that the step
    needs next, `condition` the first condition of its guard that fails, with the values that it reads. If the guard
    holds, `condition` is None and `effect` says what the action would do.
    """

    actions: Sequence
    differences: tuple[Difference, ...]
    unsent: tuple[Any, ...]
    action: str
    condition: str | None
    effect: str = ""


def differences(ours: S, theirs: S) -> tuple[Difference, ...]:
    """Return each field in which two servers of one specification differ, with both values."""
    assert is_dataclass(ours)
    pairs = ((f.name, getattr(ours, f.name), getattr(theirs, f.name)) for f in fields(ours))
    return tuple((name, one, other) for name, one, other in pairs if one != other)


def unsent_messages(sent: frozenset[M], step: LocalStep[S, M, C]) -> tuple[M, ...]:
    """Return the messages of `step` that aren't in `sent`, sorted by their text."""
    return tuple(sorted(step.sent - sent, key=repr))


def distance(server: S, sent: frozenset[M], step: LocalStep[S, M, C]) -> int:
    """Return the number of variables and messages that still separate `server`, which sent `sent`, from `step`."""
    return len(differences(server, step.after)) + len(step.sent - sent)


def closest(ways: dict[P, Way[P]], distance_from_goal: Callable[[P], int]) -> P:
    """Return the position nearest to the goal; of equally near ones, that with the shortest, then first, sequence."""
    return min(ways, key=lambda position: (distance_from_goal(position), len(ways[position]), names_of(ways[position])))


def failing_condition(action: Callable[..., Any], arguments: dict[str, Any]) -> str | None:
    """Return the first condition in the text of `action` that is false for `arguments`, with the values that it reads.

    Returns None if none is false.
    """
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(action))).body
    assert isinstance(function, ast.FunctionDef)
    scope = {**vars(inspect.getmodule(action)), **arguments}
    return _first_failing(function.body, scope)


def _first_failing(body: list[ast.stmt], scope: dict[str, Any]) -> str | None:
    for place, statement in enumerate(body):
        match statement:
            case ast.Assign(targets=[ast.Name(name)], value=value):
                scope[name] = _value(value, scope)
            case ast.Assign(targets=[ast.Tuple(elts)], value=value):
                names = [e.id for e in elts if isinstance(e, ast.Name)]
                scope |= dict(zip(names, _value(value, scope), strict=True))
            case ast.If(test=test, orelse=[_, *_]):
                return _first_failing(statement.body if _value(test, scope) else statement.orelse, scope)
            case ast.If(test=test) if not any(_yields(later) for later in body[place + 1 :]):
                conjuncts = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
                failing = next((c for c in conjuncts if not _value(c, scope)), None)
                return _first_failing(statement.body, scope) if failing is None else _condition_text(failing, scope)
            case ast.For(target=ast.Name(name)) if name in scope:
                return _first_failing(statement.body, scope)
            case _:
                pass
    return None


def _yields(statement: ast.stmt) -> bool:
    """Whether a statement yields a step: then an `if` before it isn't the guard of the whole action."""
    return any(isinstance(node, ast.Yield) for node in ast.walk(statement))


def effect(action: Callable[..., Any], arguments: dict[str, Any]) -> str:
    """Return the changes and messages of an action's first step in a line, `nothing` if it allows none."""
    parameters = inspect.signature(action).parameters
    results = list(action(**{name: value for name, value in arguments.items() if name in parameters}))
    if not results:
        return "nothing"
    before, after, sent = arguments["server"], results[0].server, results[0].sent
    changed = [f"{name} = {value}" for name, _, value in differences(before, after)]
    return "; ".join([*changed, *(f"sends {m}" for m in sent)]) or "nothing"


def _value(expression: ast.expr, scope: dict[str, Any]) -> Any:  # noqa: ANN401 - any expression's
    return eval(compile(ast.Expression(expression), "<guard>", "eval"), scope)  # noqa: S307 - the specification's text


def _condition_text(condition: ast.expr, scope: dict[str, Any]) -> str:
    """Return a condition and the values of the variables in it that fit in a line."""
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
