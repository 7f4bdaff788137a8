"""A script is a path in words: its lines name the moves of a system, and its own promise is judged alone."""

from dataclasses import replace
from typing import Any

import pytest

from mutants_support import MUTANTS, ROOT
from quorate_check.cli import main
from quorate_check.core.system import UnusableSystemError
from quorate_check.mutants.corpus import bugs, complaint_about_story
from quorate_check.raft.bounds import RaftBounds
from quorate_check.tell.diagram import diagram_lines
from quorate_check.tell.script import Script, parse, perform
from quorate_check.tell.story import story, with_words

ELECTION = """
subject = "raft"
breaks = "ElectionSafety"
bounds = { servers = 2 }

[[part]]
words = "S1 stands."
steps = '''
s1: election timeout
s1 → s2: RequestVote t1
'''

[[part]]
words = "It has both votes."
steps = '''
s2 → s1: vote granted, t1
'''
"""
SYSTEM = RaftBounds(servers=2, in_flight=9).system()


def test_a_script_takes_its_steps_and_says_what_happens_between_them() -> None:
    """The words stand before the first step of their part, and nothing is in flight after the last."""
    script = parse(ELECTION)
    performance = perform(script, SYSTEM)
    assert (performance.obstacle, performance.path.broken) == (None, "")
    drawing = [line.rstrip() for line in diagram_lines(with_words(story(SYSTEM, performance.path), script.words), 80)]
    assert drawing[2:6] == ["", "   S1 stands.", "", "1  ● election timeout                │"]
    assert drawing[-5:] == [
        "",
        "   It has both votes.",
        "",
        "3  │◀───────────── vote granted, t1 ─│",
        "   │ leader                          │",
    ]


def test_a_script_stops_at_a_step_that_the_code_does_not_take() -> None:
    """And says which; the steps before it are its path."""
    script = parse(ELECTION.replace("vote granted", "vote refused"))
    performance = perform(script, SYSTEM)
    assert performance.obstacle == "step 3 (s2 → s1: vote refused, t1)"
    assert len(performance.path.steps) == 2


def test_a_script_stops_where_its_promise_breaks_and_not_where_another_does() -> None:
    """Its words may be about a promise that breaks later."""
    never = replace(SYSTEM.invariants[0], name="NobodyStands", holds=lambda _views: False)
    system = replace(SYSTEM, invariants=(*SYSTEM.invariants, never))
    script = parse(ELECTION)
    assert len(perform(script, system).path.steps) == 3
    (step, *others) = perform(replace(script, breaks="NobodyStands"), system).path.steps
    assert (step.move.node, others) == (0, [])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("breaks", "broken"), "a damaged script: KeyError 'breaks'"),
        (("[[part]]", "[part]"), "a damaged script: TOMLDecodeError"),
        (("steps", "moves"), "a damaged script: KeyError 'steps'"),
    ],
)
def test_what_is_no_script_is_refused(change: tuple[str, str], complaint: str) -> None:
    """In one line."""
    with pytest.raises(UnusableSystemError, match=complaint):
        parse(ELECTION.replace(*change))


def test_a_script_of_an_unknown_promise_or_an_ambiguous_step_is_refused() -> None:
    """A typing error must not look like a promise that holds."""
    with pytest.raises(UnusableSystemError, match="raft has no promise Election"):
        perform(replace(parse(ELECTION), breaks="Election"), SYSTEM)
    twice = replace(SYSTEM, spontaneous=(SYSTEM.spontaneous[0], *SYSTEM.spontaneous))
    with pytest.raises(UnusableSystemError, match=r"step 1 fits 2 moves: s1: election timeout"):
        perform(parse(ELECTION), twice)


UNCHANGED = {"obstacle": "step 2 (s1: go)", "raised": None}
TOLD: dict[str, Any] = {"broken": "X", "obstacle": None, "raised": None, "unchanged": UNCHANGED}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({}, None),
        ({"broken": "", "obstacle": "step 2 (s1: go)"}, "step 2 (s1: go) isn't possible"),
        ({"broken": ""}, "no promise breaks"),
        ({"raised": "ValueError"}, "could not be told: ValueError"),
        ({"unchanged": {"obstacle": None, "raised": None}}, "the core without the bug takes every step"),
        ({"unchanged": {"obstacle": None, "raised": "ImportError"}}, "could not be told: ImportError"),
    ],
)
def test_a_story_must_break_its_promise_with_the_bug_and_only_with_it(
    changes: dict[str, Any], complaint: str | None
) -> None:
    """Else `model-check mutants --story` fails."""
    assert complaint_about_story({**TOLD, **changes}) == complaint


def test_every_story_is_of_a_bug_and_a_page_shows_it() -> None:
    """The pages are run, so a story that is shown is true (tests/test_pages.py)."""
    names = {bug.story: bug.id for bug in bugs(MUTANTS)}
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md"))
    for file in (MUTANTS / "stories").iterdir():
        assert isinstance(parse(file.read_text(encoding="utf-8")), Script)
        assert f"$ model-check mutants --story {names[file]}\n" in pages


@pytest.mark.parametrize("arguments", [["--story", "E7"], ["--story", "M1", "--quick"]])
def test_a_story_that_is_not_there_or_not_alone_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """In a line, which names those that there are."""
    assert main(["mutants", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1
