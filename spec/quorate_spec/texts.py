"""The two texts of an action or of an invariant, as they stand in a specification's TLA+ module and in its Python."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


class UnknownNameError(ValueError):
    """There is no action or invariant of this name; the text lists those that there are."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A specification: its package, its TLA+ module, and the texts that mark the beginning and end of its parts.

    `types` is shown as the Python text of TypeOK, which Python states with types.
    """

    package: str
    module: str
    actions_begin: str
    actions_end: str
    invariants_begin: str
    types: str

    def action_names(self) -> tuple[str, ...]:
        """Return the actions of the TLA+ module, in its order: the table of contents of the specification."""
        text = self._text(self.module)
        return tuple(_definitions(text[text.index(self.actions_begin) : text.index(self.actions_end)]))

    def invariant_names(self) -> tuple[str, ...]:
        """Return the promises and lemmas of the module, in its order, without helpers, which take parameters."""
        text = self._text(self.module)
        defined = _definitions(text[text.index(self.invariants_begin) :])
        return tuple(
            name for name, definition in defined.items() if not re.search(rf"^{name}\(", definition, re.MULTILINE)
        )

    def python_names(self, module: str = "actions") -> tuple[str, ...]:
        """Return the functions of a Python module of the package, in its order, under the names they have in TLA+."""
        return tuple(_functions(self._text(f"{module}.py")))

    def describe(self, name: str) -> tuple[str, str]:
        """Return both texts of an action or invariant, TLA+ first; `name` is its TLA+ or Python name, in any case.

        Raises UnknownNameError if there is none of that name.
        """
        names = {_plain(each): each for each in (*self.action_names(), *self.invariant_names())}
        tla_name = names.get(_plain(name))
        if tla_name is None:
            raise UnknownNameError(
                f"{name!r} is neither an action nor an invariant. Actions: {', '.join(self.action_names())}. "
                f"Invariants: {', '.join(self.invariant_names())}."
            )
        python = {**_functions(self._text("actions.py")), **_functions(self._text("invariants.py"))}
        return _definitions(self._text(self.module))[tla_name], python.get(tla_name, self.types)

    def _text(self, file: str) -> str:
        return _read(self.package, file)


@cache
def _read(package: str, file: str) -> str:
    return files(package).joinpath(file).read_text(encoding="utf-8")


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _definitions(text: str) -> dict[str, str]:
    r"""Return each definition that directly follows a `\*` comment, with the comment, by its name."""
    pattern = r"^((?:\\\* .*\n)+)((\w+)(?:\([^)]*\))? ==.*(?:\n(?!\n|-{4}|={4}).+)*)"
    return {m[3]: m[1] + m[2] for m in re.finditer(pattern, text, re.MULTILINE)}


def _functions(text: str) -> dict[str, str]:
    """Return the source of each public function of a module, by the name that it has in TLA+."""
    sources = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            sources["".join(part.capitalize() for part in node.name.split("_"))] = (
                ast.get_source_segment(text, node) or ""
            )
    return sources
