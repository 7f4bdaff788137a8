"""A saved path outlives the process and is walked on the code as it is now."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from quorate_check.api.registry import system_of
from quorate_check.core import reference
from quorate_check.core.behaviour import RAISED
from quorate_check.core.path import MoveKind
from quorate_check.core.system import Outcome, System, UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.spec import SpecBounds
from quorate_check.tell.saved import SavedPath, SavedStep, load, parse, replay
from raft_promises import NOBODY_LEADS

BOUNDS = RaftBounds(servers=2, max_term=1, drops=1)


def breakable() -> System:
    """The Raft core, and a promise that it breaks."""
    return replace(BOUNDS.system(), invariants=(NOBODY_LEADS,))


@pytest.fixture(scope="module")
def saved() -> SavedPath:
    """The path on which it breaks it: an election timeout, a vote asked for and given."""
    path = reference.explore(breakable()).path
    assert path is not None
    return SavedPath.of("raft", BOUNDS.as_dict(), path)


def test_a_saved_path_is_read_as_it_was_written(saved: SavedPath) -> None:
    """And its bounds make the same system."""
    assert parse(saved.text()) == saved
    assert system_of(saved).initial == BOUNDS.system().initial


def test_a_promise_that_is_still_broken_is_found_broken(saved: SavedPath) -> None:
    """On the real code, after the same steps."""
    result = replay(saved, breakable())
    assert result.verdict is Verdict.VIOLATED
    assert result.path is not None
    assert (result.path.broken, len(result.path.steps)) == ("NobodyLeads", 3)
    assert "still broken" in result.conclusion


def test_a_path_that_breaks_nothing_any_more_holds(saved: SavedPath) -> None:
    """The code was corrected: here, the promise is gone."""
    result = replay(saved, BOUNDS.system())
    assert result.verdict is Verdict.HOLDS
    assert len(result.steps) == 3


def test_another_promise_that_breaks_on_the_way_is_reported_as_another(saved: SavedPath) -> None:
    """Sooner than the saved one, too."""
    other = replace(NOBODY_LEADS, name="NobodyVotes", holds=lambda v: v[0] == 0, view=lambda s: s.state.current_term)
    result = replay(saved, replace(BOUNDS.system(), invariants=(other,)))
    assert result.conclusion == "violated: NobodyVotes is broken, not NobodyLeads, after 1 of 3 saved steps"


def test_a_step_that_is_not_possible_any_more_is_named(saved: SavedPath) -> None:
    """The code changed: it says something else now, or refuses to."""
    changed = replace(saved.steps[1], event="RequestVote(source=1, dest=2, term=7)")
    result = replay(replace(saved, steps=(saved.steps[0], changed, saved.steps[2])), breakable())
    assert result.verdict is Verdict.UNKNOWN
    assert len(result.steps) == 1
    assert result.conclusion.startswith("unknown: step 2 of 3 isn't possible any more: deliver RequestVote(")


def test_a_node_that_does_not_exist_is_a_step_that_is_not_possible(saved: SavedPath) -> None:
    """Bounds may have been edited."""
    result = replay(replace(saved, steps=(SavedStep(MoveKind.SPONTANEOUS, 7, "ElectionTimeout()", 0),)), breakable())
    assert result.obstacle == "there is no node 7"


def test_code_that_raises_now_breaks_the_promise_to_raise_nothing(saved: SavedPath) -> None:
    """Whatever was saved."""

    def broken_step(_local: object, _event: object) -> tuple[Outcome, ...]:
        raise ZeroDivisionError("now")

    result = replay(saved, replace(breakable(), step=broken_step))
    assert result.path is not None
    assert (result.path.broken, result.path.detail) == (RAISED, "ZeroDivisionError: now")


def test_a_step_that_now_sends_too_much_is_a_step_that_is_not_possible(saved: SavedPath) -> None:
    """The path would leave the bounds."""

    def chatty(local: object, event: object) -> tuple[Outcome, ...]:
        (first, *_) = BOUNDS.system().step(local, event)
        more = tuple(replace(m, term=m.term + i) for m in first.messages for i in range(9))
        return (Outcome(first.local, more),)

    result = replay(saved, replace(breakable(), step=chatty))
    assert result.conclusion.startswith("unknown: step 1 of 3")


def _edited(edit: Callable[[dict], object]) -> Callable[[SavedPath], str]:  # type: ignore[type-arg]
    def text(saved: SavedPath) -> str:
        values = json.loads(saved.text())
        edit(values)
        return json.dumps(values)

    return text


@pytest.mark.parametrize(
    "text",
    [
        lambda _: "",
        lambda _: "not json",
        lambda _: "[" * 100_000,
        lambda _: "[]",
        lambda _: "{}",
        lambda _: '{"format": "quorate path 0"}',
        lambda saved: saved.text()[:-20],
        _edited(lambda v: v.pop("steps")),
        _edited(lambda v: v.update(steps=3)),
        _edited(lambda v: v["steps"].append("move")),
        _edited(lambda v: v["steps"][0].update(kind="teleport")),
        _edited(lambda v: v["steps"][0].update(node="one")),
        _edited(lambda v: v["steps"][0].update(choice=True)),
        _edited(lambda v: v.update(bounds=[])),
        _edited(lambda v: v.update(subject="paxos")),
        _edited(lambda v: v.update(bounds={})),
        _edited(lambda v: v["bounds"].update(servers="three")),
        _edited(lambda v: v["bounds"].update(servers=2.5)),
        _edited(lambda v: v["bounds"].update(servers=0)),
        _edited(lambda v: v["bounds"].update(network="pigeons")),
        _edited(lambda v: v["bounds"].update(moons=1)),
    ],
)
def test_a_file_that_is_no_saved_path_is_refused_in_words(text: Callable[[SavedPath], str], saved: SavedPath) -> None:
    """Never with a traceback: files come from elsewhere."""
    with pytest.raises(UnusableSystemError, match=r"\w"):
        system_of(parse(text(saved)))


@pytest.mark.parametrize("contents", [None, b"\xff\xfe\x00", b"{}"])
def test_an_unreadable_file_is_named(contents: bytes | None, tmp_path: Path) -> None:
    """There may be several."""
    file = tmp_path / "path.json"
    if contents is not None:
        file.write_bytes(contents)
    with pytest.raises(UnusableSystemError, match=str(file)):
        load(str(file))


@pytest.mark.parametrize(
    ("subject", "bounds"),
    [
        ("raft", RaftBounds(servers=1).as_dict()),
        ("raft-conformance", RaftBounds(servers=1).as_dict()),
        ("raft-spec", SpecBounds(servers=1).as_dict()),
    ],
)
def test_what_can_be_saved_can_be_replayed(subject: str, bounds: dict[str, int | str | bool]) -> None:
    """Each subject is built again from its own bounds, under the name that paths are saved with."""
    assert system_of(SavedPath(subject, bounds, "anything", ())).name == subject
