"""MCRaft.tla within given bounds, as files that a checker reads: the modules, and a cfg made from MCRaft.cfg."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import quorate_spec
from quorate_check.subjects.raft_spec import SpecBounds

MODULE = "MCRaft"
FOLDERS = ("raft", "consensus")
_HEADER = re.compile(r"^-{4,} MODULE \w+ -{4,}\n", re.MULTILINE)
_FOOTER = re.compile(r"^={4,}\s*\Z", re.MULTILINE)
_EXTENDS = re.compile(r"^EXTENDS ([\w, ]+)\n", re.MULTILINE)
_KEYWORDS = {
    "SPECIFICATION": "SPECIFICATION",
    "INVARIANT": "INVARIANTS",
    "INVARIANTS": "INVARIANTS",
    "PROPERTY": "PROPERTIES",
    "PROPERTIES": "PROPERTIES",
    "SYMMETRY": "SYMMETRY",
    "CONSTANT": "CONSTANTS",
    "CONSTANTS": "CONSTANTS",
}


def spec_folder() -> Path:
    """Return where the specifications are installed."""
    return Path(next(iter(quorate_spec.__path__)))


@dataclass(frozen=True, slots=True)
class Extra:
    """One more invariant, defined in TLA+: so that a checker can be seen to find what isn't so."""

    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class Model:
    """MCRaft within bounds."""

    bounds: SpecBounds
    extra: Extra | None = None

    @property
    def invariants(self) -> tuple[str, ...]:
        """The names of the invariants that a checker judges, in the order of the cfg."""
        own = () if self.extra is None else (self.extra.name,)
        return (*sections()["INVARIANTS"], *own)

    def cfg(self, *, properties: bool = True, symmetry: bool = True) -> str:
        """Return the cfg; without `properties` and `symmetry` for checkers that don't have them, or not rightly."""
        asked = sections()
        lines = [f"SPECIFICATION {asked['SPECIFICATION'][0]}", "CONSTANTS"]
        lines += [f"    {name} = {value}" for name, value in self.bounds.constants().items()]
        if self.bounds.symmetry and symmetry:
            lines.append(f"SYMMETRY {asked['SYMMETRY'][0]}")
        lines += ["INVARIANTS", *(f"    {name}" for name in self.invariants)]
        if properties and asked["PROPERTIES"]:
            lines += ["PROPERTIES", *(f"    {name}" for name in asked["PROPERTIES"])]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path) -> None:
        """Write the modules and the cfg into `folder`."""
        for source in FOLDERS:
            for module in (spec_folder() / source).glob("*.tla"):
                shutil.copy(module, folder)
        (folder / f"{MODULE}.tla").write_text(self._main(), encoding="utf-8")
        (folder / f"{MODULE}.cfg").write_text(self.cfg(), encoding="utf-8")

    def flat(self) -> str:
        """Return the main module with those of ours that it extends put in front, for checkers that read one file."""
        text = self._main()
        match = _EXTENDS.search(text)
        assert match is not None
        parts, standard = [], []
        for name in re.split(r",\s*", match.group(1).strip()):
            module = spec_folder() / "raft" / f"{name}.tla"
            if not module.exists():
                standard.append(name)
                continue
            body = _FOOTER.sub("", _HEADER.sub("", module.read_text(encoding="utf-8"), count=1))
            below = _EXTENDS.search(body)
            assert below is not None
            standard += re.split(r",\s*", below.group(1).strip())
            parts.append(body[: below.start()] + body[below.end() :])
        extends = f"EXTENDS {', '.join(dict.fromkeys(standard))}\n"
        return text[: match.start()] + extends + "".join(parts) + text[match.end() :]

    def _main(self) -> str:
        text = (spec_folder() / "raft" / f"{MODULE}.tla").read_text(encoding="utf-8")
        if self.extra is None:
            return text
        ours = f"\n{self.extra.name} == {self.extra.definition}\n"
        return _FOOTER.sub(lambda footer: ours + footer.group(), text)


def sections() -> dict[str, tuple[str, ...]]:
    """Return what MCRaft.cfg says, word by word, under each of its keywords."""
    text = (spec_folder() / "raft" / f"{MODULE}.cfg").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {keyword: [] for keyword in _KEYWORDS.values()}
    current: list[str] = []
    for word in re.sub(r"\\\*.*", "", text).split():
        if word in _KEYWORDS:
            current = found[_KEYWORDS[word]]
        else:
            current.append(word)
    return {keyword: tuple(words) for keyword, words in found.items()}
