"""The two texts of an action or of an invariant, as they stand in Raft.tla and in Python."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.resources import files
from typing import Final

_ACTIONS_END: Final = "(* All that may happen *)"
_INVARIANTS_BEGIN: Final = "(* What Raft promises"
_TYPES: Final = "# What state.py and messages.py say with types, which mypy checks."  # TypeOK's Python


class UnknownNameError(ValueError):
    """There is no action or invariant of this name; the text lists those that there are."""


def action_names() -> tuple[str, ...]:
    """The actions of Raft.tla, in its order: the table of contents of the specification."""
    text = _text("Raft.tla")
    return tuple(_definitions(text[text.index("(* Elections") : text.index(_ACTIONS_END)]))


def invariant_names() -> tuple[str, ...]:
    """What Raft.tla promises and why it holds, in its order; helpers, which take parameters, are left out."""
    text = _text("Raft.tla")
    defined = _definitions(text[text.index(_INVARIANTS_BEGIN) :])
    return tuple(name for name, definition in defined.items() if not re.search(rf"^{name}\(", definition, re.MULTILINE))


def python_names(module: str = "actions") -> tuple[str, ...]:
    """The functions of a Python module of this package, in its order, under the names that they have in TLA+."""
    return tuple(_functions(f"{module}.py"))


def describe(name: str) -> tuple[str, str]:
    """Both texts of an action or invariant, TLA+ first; `name` may be written in either way, in upper or lower case.

    UnknownNameError if there is none of that name.
    """
    known = {_plain(known): known for known in (*action_names(), *invariant_names())}
    found = known.get(_plain(name))
    if found is None:
        raise UnknownNameError(
            f"{name!r} is neither an action nor an invariant. Actions: {', '.join(action_names())}. "
            f"Invariants: {', '.join(invariant_names())}."
        )
    python = {**_functions("actions.py"), **_functions("invariants.py")}
    return _definitions(_text("Raft.tla"))[found], python.get(found, _TYPES)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


@cache
def _text(file: str) -> str:
    return files("quorate_spec.raft").joinpath(file).read_text(encoding="utf-8")


def _definitions(text: str) -> dict[str, str]:
    r"""Return each definition that a `\*` comment stands directly before, with the comment, by its name."""
    pattern = r"^((?:\\\* .*\n)+)((\w+)(?:\([^)]*\))? ==.*(?:\n(?!\n|-{4}|={4}).+)*)"
    return {m[3]: m[1] + m[2] for m in re.finditer(pattern, text, re.MULTILINE)}


def _functions(file: str) -> dict[str, str]:
    """Return the source of each function of a module, by the name that it has in TLA+."""
    text = _text(file)
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            found["".join(part.capitalize() for part in node.name.split("_"))] = (
                ast.get_source_segment(text, node) or ""
            )
    return found
