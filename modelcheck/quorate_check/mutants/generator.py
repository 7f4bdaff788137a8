"""Mutants by rule: each changes one place of a module's syntax tree, like a typing mistake.

Assertions, error texts, lines for a log file, annotations and docstrings are left unchanged.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The operator that replaces each operator.
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
# The field or method that replaces each field or method; both have the same type.
OTHER_FIELDS: dict[str, str] = {
    "source": "dest",
    "dest": "source",
    "last_log_term": "last_log_index",
    "last_log_index": "last_log_term",
    "prev_log_index": "match_index",
    "prev_log_term": "prev_log_index",
    "leader_commit": "prev_log_index",
    "match_index": "prev_log_index",
    "next_index": "match_index",
    "conflict_index": "prev_log_index",
    "conflict_term": "conflict_index",
    "commit_index": "last_applied",
    "last_applied": "commit_index",
    "durable_index": "commit_index",
    "voted_for": "leader_id",
    "leader_id": "voted_for",
    "peers": "config.members",
    "last_index": "snapshot_index",
    "first_index": "snapshot_index",
    "snapshot_index": "last_index",
    "last_term": "snapshot_term",
    "snapshot_term": "last_term",
    "last_included_index": "last_included_term",
    "last_included_term": "last_included_index",
    "match_index_of": "next_index_of",
    "next_index_of": "match_index_of",
    "asking": "arrived",
    "session": "sequence",
    "if_lost": "if_silent",
    "if_silent": "if_lost",
}
SWAPPED = {"max": "min", "min": "max", "bisect_left": "bisect_right", "bisect_right": "bisect_left"}
LOG_LEVELS = {"debug", "info", "warning", "error"}
UNTOUCHED = (ast.Assert, ast.Raise, ast.Import, ast.ImportFrom, ast.JoinedStr)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one place of `file`, a path below the package; `before` and `after` are the lines that differ."""

    file: str
    line: int
    kind: str
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        """The place and the kind of the change."""
        return f"{self.file}:{self.line}:{self.kind}"

    @property
    def diff(self) -> str:
        """The change, without the lines around it."""
        return f"- {' '.join(self.before.split())}\n+ {' '.join(self.after.split())}"


def mutants_of(package: Path, file: str) -> Iterator[Mutant]:
    """Yield the distinct mutants of one module, in the order of its lines."""
    text = (package / file).read_text(encoding="utf-8")
    known_trees = {ast.dump(ast.parse(text))}
    for node, kind, new in _changes(ast.parse(text)):
        source = _replace(text, node, new)
        if (tree := ast.dump(ast.parse(source))) in known_trees:
            continue
        known_trees.add(tree)
        first, last = node.lineno - 1, node.end_lineno or node.lineno
        lines, extra = text.split("\n"), source.count("\n") - text.count("\n")
        before, after = lines[first:last], source.split("\n")[first : last + extra]
        yield Mutant(file, node.lineno, kind, "\n".join(before), "\n".join(after), source)


Place = ast.expr | ast.stmt


def _replace(text: str, node: Place, new: str) -> str:
    lines = text.encode().split(b"\n")
    assert node.end_lineno is not None
    head = lines[node.lineno - 1][: node.col_offset]
    tail = lines[node.end_lineno - 1][node.end_col_offset :]
    lines[node.lineno - 1 : node.end_lineno] = [head + new.encode() + tail]
    return b"\n".join(lines).decode()


def _changes(tree: ast.Module) -> Iterator[tuple[Place, str, str]]:
    """Yield the changes: place, kind and new text."""
    for node in _places(tree):
        if isinstance(node, ast.stmt):
            yield from ((node, kind, new) for kind, new in _of_statement(node))
        else:
            yield from ((node, kind, f"({ast.unparse(new)})") for kind, new in _of_expression(node))


def _places(node: ast.AST) -> Iterator[Place]:
    """Yield the nodes that may be changed, in the order of the text."""
    if isinstance(node, UNTOUCHED) or _logs(node):
        return
    if isinstance(node, ast.expr | ast.stmt):
        yield node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params", "cls", "pattern"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _places(child)


def _logs(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name("log"), attr=level))):
            return level in LOG_LEVELS
        case _:
            return False


def _of_statement(node: ast.stmt) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Expr(value=ast.Constant()):
            return  # a docstring
        case ast.Assign() | ast.AugAssign() | ast.Expr():
            yield "statement removed", "pass"
        case ast.If(orelse=[]):
            yield "statement removed", "pass"
        case _:
            pass


def _of_expression(node: ast.expr) -> Iterator[tuple[str, ast.expr]]:  # noqa: C901 - one case for each kind
    match node:
        case ast.Compare():
            yield from _of_comparison(node)
        case ast.BoolOp(op=op, values=values):
            opposite = ast.And() if isinstance(op, ast.Or) else ast.Or()
            yield "and/or", ast.BoolOp(opposite, values)
            for left_out in range(len(values)):
                rest = [v for i, v in enumerate(values) if i != left_out]
                yield "condition dropped", rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "condition negated", operand
        case ast.IfExp(body=body, orelse=orelse):
            yield "branch always taken", body
            yield "branch never taken", orelse
        case ast.BinOp():
            yield from _of_arithmetic(node)
        case ast.Constant(value=bool() as value):
            yield "boolean flipped", ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield "off by one", ast.Constant(value + 1)
        case ast.Attribute(attr=name) if name in OTHER_FIELDS:
            yield "wrong field", ast.parse(f"{ast.unparse(node.value)}.{OTHER_FIELDS[name]}", mode="eval").body
        case ast.Call():
            yield from _of_call(node)
        case _:
            pass


def _of_comparison(node: ast.Compare) -> Iterator[tuple[str, ast.expr]]:
    for i, op in enumerate(node.ops):
        mutant = copy.copy(node)
        mutant.ops = [COMPARISONS[type(op)]() if j == i else operator for j, operator in enumerate(node.ops)]
        yield "comparison flipped", mutant


def _of_arithmetic(node: ast.BinOp) -> Iterator[tuple[str, ast.expr]]:
    left, right = node.left, node.right
    if isinstance(node.op, ast.Add | ast.Sub):
        yield "operand dropped", left
    if isinstance(node.op, ast.BitOr | ast.BitAnd):
        yield "operand dropped", left
        yield "operand dropped", right


def _of_call(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in SWAPPED:
        yield "max/min", ast.Call(ast.Name(SWAPPED[name]), node.args, node.keywords)
    if name in {"max", "min"}:
        yield from (("operand dropped", argument) for argument in node.args)
    for keyword in node.keywords:
        rest = [k for k in node.keywords if k is not keyword]
        yield "argument dropped", ast.Call(node.func, node.args, rest)
    if isinstance(node.func, ast.Attribute) and node.func.attr in {"append", "truncate_from"}:
        yield "call dropped", node.func.value
