"""The two texts of the specification say the same things in the same order, and say what they mean by them."""

import ast
import re
from pathlib import Path

import pytest

import quorate_spec
from quorate_check.raft.spec import SpecBounds
from quorate_spec.raft import actions, invariants
from quorate_spec.raft.describe import UnknownNameError, action_names, describe, invariant_names, python_names

SPEC = Path(quorate_spec.__file__).parent
README = SPEC.parent / "README.md"
HELPERS = {"MayBeActive", "Intersecting", "Same", "AllSame", "Pairs", "Copies"}  # of invariants.py


def constants(cfg: Path) -> dict[str, str]:
    """What a configuration file sets."""
    return dict(re.findall(r"^    (\w+) = (.+)$", cfg.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_actions_have_the_same_names_in_the_same_order() -> None:
    """Whoever knows one text finds everything in the other."""
    assert action_names() == python_names()
    assert len(action_names()) == 38


def test_the_invariants_have_the_same_names_in_the_same_order() -> None:
    """TypeOK is in Python what mypy checks."""
    assert tuple(n for n in invariant_names() if n != "TypeOK") == tuple(
        n for n in python_names("invariants") if n not in HELPERS
    )
    assert set(invariants.INVARIANTS) | set(invariants.STEP_INVARIANTS) == set(invariant_names()) - {"TypeOK"}


def test_the_helpers_have_the_same_names_in_the_same_order() -> None:
    """What the actions share is found as easily."""
    text = (SPEC / "raft" / "Raft.tla").read_text(encoding="utf-8")
    tla = [name.lower() for name in re.findall(r"^(\w+)\([^)]*\) ==", text[: text.index("(* Elections")], re.MULTILINE)]
    python = [name.lower() for name in python_names("state") if name.lower() in tla]
    assert python == [name for name in tla if name in python]
    assert set(tla) - set(python) == {"min", "max", "send", "answer"}  # Python's own; Step.sent; Step.stays


@pytest.mark.parametrize("name", [*action_names(), *invariant_names()])
def test_every_definition_begins_with_one_plain_sentence(name: str) -> None:
    """The sentence stands before the formula, and in the docstring."""
    tla, python = describe(name)
    assert tla.startswith("\\* ")
    assert f"\n{name}" in tla
    assert '"""' in python or name == "TypeOK"


@pytest.mark.parametrize("name", action_names())
def test_every_action_begins_with_its_guard(name: str) -> None:
    """In Python the guard is the first statement, and nothing happens outside of it."""
    [function] = ast.parse(describe(name)[1]).body
    assert isinstance(function, ast.FunctionDef)
    if name != "Restart":  # which is always possible
        assert [type(statement) for statement in function.body[1:]] == [ast.If]
        assert all(not s.orelse for s in function.body[1:] if isinstance(s, ast.If))


def test_receiving_lists_the_actions_that_take_a_message() -> None:
    """A handler that is written but not listed would never be tried."""
    text = (SPEC / "raft" / "Raft.tla").read_text(encoding="utf-8")
    listed = re.findall(r"^    \\/ (\w+)\(i, m\)$", text, re.MULTILINE)
    names = ["".join(part.capitalize() for part in action.__name__.split("_")) for action in actions.RECEIVING]
    assert sorted(names) == sorted([*listed, "UpdateTerm"])
    assert names == [n for n in action_names() if n in names]


def test_an_action_is_described_however_it_is_written() -> None:
    """Either text's spelling will do, and capitals don't matter."""
    tla, python = describe("HandleAppendEntries")
    assert "\nHandleAppendEntries(i, m) ==" in tla
    assert "def handle_append_entries(" in python
    assert describe("handle_append_entries") == describe("handleappendentries") == (tla, python)


def test_an_unknown_action_is_refused_with_those_that_there_are() -> None:
    """The answer to a wrong name is the list of right ones."""
    with pytest.raises(UnknownNameError, match=r"'Elect' is neither .* Timeout, .* ElectionSafety"):
        describe("Elect")


def test_the_configurations_are_the_bounds_they_seem() -> None:
    """MCRaft.cfg is what SpecBounds() is, and each configuration sets all constants."""
    assert constants(SPEC / "raft" / "MCRaft.cfg") == SpecBounds().constants()
    assert constants(SPEC / "raft" / "MCRaftSmall.cfg") == SpecBounds(servers=2).constants()
    assert set(constants(SPEC / "raft" / "RaftRefinesConsensus.cfg")) == set(SpecBounds().constants())


def test_the_reading_guide_speaks_of_every_invariant() -> None:
    """What is checked is explained."""
    text = README.read_text(encoding="utf-8")
    assert [name for name in invariant_names() if name != "TypeOK" and f"`{name}`" not in text] == []


def test_every_configuration_checks_every_invariant() -> None:
    """An invariant that no configuration names is checked by nobody."""
    for name in ("MCRaft.cfg", "MCRaftSmall.cfg"):
        named = re.findall(r"^    (\w+)$", (SPEC / "raft" / name).read_text(encoding="utf-8"), re.MULTILINE)
        assert {*named, "LeaderAppendOnly"} == set(invariant_names())
