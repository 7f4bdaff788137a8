"""MCRaft.tla within given bounds, as files that a checker reads: the modules and a cfg."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import quorate_spec
from quorate.runtime.paths import is_there
from quorate_check.raft.spec import SpecBounds
from quorate_spec.raft.invariants import INVARIANTS

MODULE = "MCRaft"
FOLDERS = ("raft", "consensus")
_HEADER = re.compile(r"^-{4,} MODULE \w+ -{4,}\n", re.MULTILINE)
_FOOTER = re.compile(r"^={4,}\s*\Z", re.MULTILINE)
_EXTENDS = re.compile(r"^EXTENDS ([\w, ]+)\n", re.MULTILINE)


def spec_folder() -> Path:
    """Return the folder in which the specifications are installed."""
    return Path(next(iter(quorate_spec.__path__)))


@dataclass(frozen=True, slots=True)
class Extra:
    """One more invariant, defined in TLA+; a false one shows that a checker finds violations."""

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
        return (*own, "TypeOK", *INVARIANTS)

    def cfg(self) -> str:
        """Return the cfg for TLC."""
        own = "" if self.extra is None else f"INVARIANT {self.extra.name}\n"
        return own + self.bounds.cfg()

    def plain_cfg(self) -> str:
        """Return the cfg without symmetry and action properties, for checkers that lack them or get them wrong."""
        assert not self.bounds.symmetry, "what isn't reduced there mustn't be reduced here"
        return self.cfg().partition("PROPERTIES")[0]

    def write(self, folder: Path) -> None:
        """Write the modules and the cfg into `folder`."""
        for source in FOLDERS:
            for module in (spec_folder() / source).glob("*.tla"):
                shutil.copy(module, folder)
        (folder / f"{MODULE}.tla").write_text(self._main(), encoding="utf-8")
        (folder / f"{MODULE}.cfg").write_text(self.cfg(), encoding="utf-8")

    def flat(self) -> str:
        """Return one module with those of ours that it extends merged into it, for checkers that read one file."""
        text = self._main()
        match = _EXTENDS.search(text)
        assert match is not None
        parts, standard = [], []
        for name in re.split(r",\s*", match.group(1).strip()):
            module = spec_folder() / "raft" / f"{name}.tla"
            if not is_there(module):
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
