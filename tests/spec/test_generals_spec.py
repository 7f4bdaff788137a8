"""The generals' two texts have the same definitions and the same states, and break the same promises."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

import quorate_spec
from patience import PROGRAM_S
from quorate.generals import Protocol, Rules
from quorate_check.generals.subject import IC1, IC2, Instance, enumerate_runs
from quorate_check.outside.judgement import NotRunError
from quorate_check.outside.tlc import Tools, find
from quorate_spec.generals import generals
from quorate_spec.generals.generals import World, decide, ic1, ic2, init, speak

TEXTS = Path(quorate_spec.__file__).parent / "generals"


@dataclass(frozen=True, slots=True)
class Bounds:
    """An instance of the specification."""

    n: int
    f: int
    m: int
    signed: bool

    def __str__(self) -> str:
        """A name for a test."""
        return f"{'SM' if self.signed else 'OM'}({self.m}), n={self.n}, f={self.f}"


ORAL = [Bounds(3, 1, 0, signed=False), Bounds(3, 1, 1, signed=False), Bounds(4, 1, 1, signed=False)]
SIGNED = [Bounds(3, 1, 1, signed=True), Bounds(4, 2, 1, signed=True), Bounds(4, 2, 2, signed=True)]


def states(b: Bounds) -> set[World]:
    """All states of the Python text."""
    found = frontier = set(init(b.n, b.f, b.m, is_signed=b.signed))
    while frontier:
        frontier = {after for w in frontier for action in (speak, decide) for after in action(w)} - found
        found = found | frontier
    return found


def tools() -> Tools:
    """TLC, or a reason to skip."""
    try:
        return find()
    except NotRunError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("bounds", [*ORAL, *SIGNED], ids=str)
def test_tlc_finds_what_python_finds(bounds: Bounds, tmp_path: Path) -> None:
    """The same number of states, or a promise broken that Python sees broken, too."""
    found = states(bounds)
    wrong = {name for name, holds in (("IC1", ic1), ("IC2", ic2)) if not all(map(holds, found))}
    tlc = tools()
    (tmp_path / "Generals.tla").write_text((TEXTS / "Generals.tla").read_text(encoding="utf-8"), encoding="utf-8")
    constants = {"N": bounds.n, "F": bounds.f, "M": bounds.m, "IsSigned": str(bounds.signed).upper()}
    lines = ["INIT Init", "NEXT Next", "CONSTANTS", *(f"    {k} = {v}" for k, v in constants.items())]
    (tmp_path / "X.cfg").write_text("\n".join([*lines, "INVARIANTS", "    IC1", "    IC2", ""]), encoding="utf-8")
    command = [*tlc.tlc(tmp_path), "-deadlock", "-workers", "1", "-config", "X.cfg", "Generals.tla"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PROGRAM_S, check=False)
    broken = set(re.findall(r"Invariant (\w+) is violated", done.stdout))
    if wrong:
        assert broken
        assert broken <= wrong
    else:
        assert f"{len(found)} distinct states found, 0" in done.stdout, done.stdout


@pytest.mark.parametrize("bounds", [*ORAL, *SIGNED], ids=str)
def test_the_generals_that_run_break_what_the_specification_breaks(bounds: Bounds) -> None:
    """In as many of its runs; of signed messages the specification relays more, which changes no verdict."""
    found = states(bounds)
    ends = [w for w in found if any(w.decision)]
    protocol = Protocol.SIGNED if bounds.signed else Protocol.ORAL
    runs = enumerate_runs(Instance(Rules(protocol, bounds.n, bounds.f, bounds.m)))
    wrong = sum(not ic1(w) for w in ends), sum(not ic2(w) for w in ends)
    violations = runs.violations(IC1), runs.violations(IC2)
    if bounds.signed:
        assert tuple(map(bool, wrong)) == tuple(map(bool, violations))
    else:
        assert wrong == violations
        assert len(ends) == runs.loyal_commander.runs + runs.traitor_commander.runs


def test_the_configuration_has_the_states_that_it_says() -> None:
    """Generals.cfg."""
    text = (TEXTS / "Generals.cfg").read_text(encoding="utf-8")
    assert f"{len(states(ORAL[-1]))} states" in text


def test_the_two_texts_define_the_same_in_the_same_order() -> None:
    """Python's names are those of TLA+, in its own spelling."""
    tla = re.findall(r"^(\w+)(?:\([^)]*\))? ==", (TEXTS / "Generals.tla").read_text(encoding="utf-8"), re.MULTILINE)
    names = [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in tla]
    python = re.findall(r"^def (\w+)", Path(generals.__file__).read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name in names if name in python] == python
    assert set(names) - set(python) == {
        "vars",
        "general",
        "lieutenant",
        "order",
        "loyal",
        "last",
        "front",
        "on",
        "next",
        "spec",
    }
