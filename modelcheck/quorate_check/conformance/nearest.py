"""A step that nothing explains: how far the specification goes along, and what stops it there.

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
from quorate_check.raft.conformance.explain import Cause, LocalStep, Position, positions
from quorate_spec.raft import actions
from quorate_spec.raft import messages as spec
from quorate_spec.raft.messages import Message
from quorate_spec.raft.state import Role, Server

SENDERS: dict[type[Message], Callable[..., Any]] = {
    spec.PreVote: actions.request_pre_vote,
    spec.RequestVote: actions.request_vote,
    spec.AppendEntries: actions.append_entries,
    spec.InstallSnapshot: actions.install_snapshot,
    spec.PreVoteReply: actions.handle_pre_vote_request,
    spec.RequestVoteReply: actions.handle_request_vote,
    spec.AppendEntriesReply: actions.handle_append_entries,
    spec.InstallSnapshotReply: actions.handle_install_snapshot,
}
HANDLERS: dict[type[Message], Callable[..., Any]] = {
    spec.PreVote: actions.handle_pre_vote_request,
    spec.PreVoteReply: actions.handle_pre_vote_reply,
    spec.RequestVote: actions.handle_request_vote,
    spec.RequestVoteReply: actions.handle_request_vote_reply,
    spec.AppendEntries: actions.handle_append_entries,
    spec.AppendEntriesReply: actions.handle_append_entries_reply,
    spec.InstallSnapshot: actions.handle_install_snapshot,
    spec.InstallSnapshotReply: actions.handle_install_snapshot_reply,
}


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


def nearest(step: LocalStep) -> Nearest:
    """Return how far the specification goes along with a step that it doesn't explain."""
    reached = positions(step)
    best = min(reached, key=lambda at: (_distance(at, step), len(reached[at]), reached[at]))
    differs, missing = tuple(_differences(best, step)), tuple(sorted(step.sent - best.sent, key=repr))
    action, arguments = _expected(best, step, differs, missing)
    condition = failing_condition(action, arguments)
    instead = "" if condition is not None else _told_steps(action, arguments)
    return Nearest(reached[best], differs, missing, action.__name__, condition, instead)


def _distance(at: Position, step: LocalStep) -> int:
    return len(list(_differences(at, step))) + len(step.sent - at.sent) + (at.pending is not None)


def _differences(at: Position, step: LocalStep) -> Iterator[tuple[str, Any, Any]]:
    for f in fields(Server):
        ours, theirs = getattr(at.server, f.name), getattr(step.after, f.name)
        if ours != theirs:
            yield f.name, ours, theirs


def _expected(  # noqa: PLR0911 - a decision, case by case
    at: Position, step: LocalStep, differs: tuple[tuple[str, Any, Any], ...], missing: tuple[Message, ...]
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the action that would have to come next, and the arguments that it would have."""
    names = {name for name, _, _ in differs}
    if at.pending is not None:
        return _receiver(at.server, at.pending), {"server": at.server, "m": at.pending}
    if missing and step.received is None:
        first = missing[0]
        arguments = {"server": at.server, "peer": first.dest, "count": len(getattr(first, "entries", ()))}
        return SENDERS[type(first)], arguments
    if "led" in names:
        return actions.become_leader, {"server": at.server}
    if "commit_index" in names and step.after.role is Role.LEADER:
        return actions.advance_commit_index, {"server": at.server, "n": step.after.commit_index}
    if step.received is not None:
        entered = at.server if step.received.term <= at.server.current_term else step.before
        return _receiver(entered, step.received), {"server": step.before, "m": step.received}
    if "current_term" in names:
        return actions.timeout, {"server": at.server}
    if step.cause is Cause.STEP_DOWN:
        return actions.step_down, {"server": at.server}
    if step.cause is Cause.SNAPSHOT:
        return actions.compact, {"server": at.server, "n": step.after.snapshot_index}
    return actions.restart, {"server": at.server}


def _receiver(server: Server, m: Message) -> Callable[..., Any]:
    """Return the action that is for messages like `m` at a server like this."""
    if m.term < server.current_term and not isinstance(m, spec.PreVote):
        return actions.drop_stale_reply if isinstance(m, spec.REPLIES) else actions.refuse_old_request
    return HANDLERS[type(m)]


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
                return _first_failing(statement.body, scope) if failing is None else _told(failing, scope)
            case ast.For(target=ast.Name(name)) if name in scope:
                return _first_failing(statement.body, scope)
            case _:
                pass
    return None


def _yields(statement: ast.stmt) -> bool:
    """Whether a statement offers a step: then what stands before it is no guard."""
    return any(isinstance(node, ast.Yield) for node in ast.walk(statement))


def _told_steps(action: Callable[..., Any], arguments: dict[str, Any]) -> str:
    """Return what an action would do, in a line."""
    wanted = inspect.signature(action).parameters
    taken = list(action(**{name: value for name, value in arguments.items() if name in wanted}))
    if not taken:
        return "nothing"
    before, after, sent = arguments["server"], taken[0].server, taken[0].sent
    changed = [f.name for f in fields(Server) if getattr(before, f.name) != getattr(after, f.name)]
    return (
        "; ".join([*(f"{name} = {getattr(after, name)}" for name in changed), *(f"sends {m}" for m in sent)])
        or "nothing"
    )


def _value(expression: ast.expr, scope: dict[str, Any]) -> Any:  # noqa: ANN401 - any expression's
    return eval(compile(ast.Expression(expression), "<guard>", "eval"), scope)  # noqa: S307 - the specification's text


def _told(condition: ast.expr, scope: dict[str, Any]) -> str:
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
