"""Runs of the generals and bad histories as pages: what is drawn is what happened, in a browser that loads nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import Scheme, Tab, open_tab
from quorate.generals import Protocol, Rules
from quorate_check.cli import main
from quorate_check.generals.story import story
from quorate_check.generals.subject import Instance, enumerate_runs
from quorate_check.tell.story import Fate

HISTORIES = Path(__file__).resolve().parent.parent / "histories" / "bad"
BROKEN = [
    Instance(Rules(Protocol.ORAL, 3, 1, 1)),
    Instance(Rules(Protocol.ORAL, 4, 1, 1), loss=True),
    Instance(Rules(Protocol.ORAL, 4, 1, 1), forge=True),
    Instance(Rules(Protocol.SIGNED, 4, 2, 1)),
    Instance(Rules(Protocol.VOTE, 4, 1, 0)),
    Instance(Rules(Protocol.VOTE, 4, 2, 0), agreed=True),
    Instance(Rules(Protocol.PHASE_KING, 4, 1, 1)),
]


def name(instance: Instance) -> str:
    """The instance in a few words."""
    faults = {"loss": instance.loss, "forge": instance.forge, "agreed": instance.agreed}
    return " ".join([instance.rules.protocol.value, *(fault for fault, there in faults.items() if there)])


@pytest.mark.parametrize("instance", BROKEN, ids=name)
def test_what_is_drawn_of_a_run_is_that_run(instance: Instance) -> None:
    """Every word that was sent to a loyal general is an arrow once, and all decide what they decided then."""
    examples = enumerate_runs(instance).examples
    assert examples
    for example in examples:
        picture = story(example).picture
        arrows = [scene.arrow for scene in picture.scenes if scene.arrow is not None]
        slots = [arrival for arrivals in example.record.rounds for node in arrivals for arrival in node]
        assert len(arrows) == sum(slot.sent is not None or arrived is not None for slot, arrived in slots) > 0
        lost = sum(slot.sent is not None and arrived is None for slot, arrived in slots)
        assert sum(arrow.fate is Fate.LOST for arrow in arrows) == lost
        heard = [dict(column.facts).get("heard", "nothing") for column in picture.scenes[-1].columns]
        assert sum(said.count("“") for said in heard) == len(arrows) - lost
        decided = {i: dict(column.facts).get("decided") for i, column in enumerate(picture.scenes[-1].columns)}
        for i, node in example.record.end:
            assert decided[i] == ("nothing" if node.decision is None else node.decision.name)
        assert picture.broken == example.broken


@pytest.fixture(scope="module")
def shown() -> Iterator[Tab]:
    """A page of a browser."""
    with open_tab() as opened:
        yield opened


def test_three_generals_are_walked_through(shown: Tab, tmp_path: Path) -> None:
    """The traitor's word is the second arrow, and after it general 2 has heard two things."""
    file = tmp_path / "page.html"
    asked = ["generals", "--protocol", "om", "--n", "3", "--traitors", "1", "--html", str(file)]
    assert main(asked) == 1
    shown.requests.clear()
    shown.page.goto(f"{file.as_uri()}#step=4")
    assert "IC2 is broken" in shown.page.evaluate("document.getElementById('broken').textContent")
    assert "2 decides RETREAT" in shown.page.evaluate("document.getElementById('broken').textContent")
    assert shown.page.evaluate("document.querySelectorAll('svg .arrow').length") == 2
    assert shown.page.evaluate("document.getElementById('caption').textContent") == "general 1 tells 2 “0 says RETREAT”"
    cards = "[...document.querySelectorAll('.node')].map((n) => n.textContent)"
    commander, traitor, lieutenant = shown.page.evaluate(cards)
    assert commander.startswith("general 0 commander, orders ATTACK")
    assert traitor.startswith("general 1 traitor")
    assert "0 “ATTACK”; 1 “0 says RETREAT”" in lieutenant
    assert lieutenant.endswith("decidednothing")
    shown.page.keyboard.press("End")
    assert shown.page.evaluate(cards)[2].endswith("decidednothing → RETREAT")
    assert (shown.requests, shown.errors) == ([f"{file.as_uri()}#step=4".partition("#")[0]], [])


def test_a_broadcast_has_a_column_for_each_general(shown: Tab, tmp_path: Path) -> None:
    """Without arrows, for nobody says who hears whom."""
    file = tmp_path / "page.html"
    assert main(["generals", "--protocol", "bracha", "--n", "3", "--traitors", "1", "--html", str(file)]) == 1
    shown.page.goto(file.as_uri())
    names = "[...document.querySelectorAll('#names text')].map((n) => n.textContent)"
    assert shown.page.evaluate(names) == ["general 0", "general 1", "general 2"]
    assert shown.page.evaluate("document.querySelectorAll('svg .arrow').length") == 0
    assert "READY RETREAT" in shown.page.evaluate(
        "document.querySelector('svg').parentElement.parentElement.textContent"
    )
    assert "delivers RETREAT" in shown.page.evaluate("document.getElementById('change').textContent")


def test_what_holds_is_not_drawn(tmp_path: Path) -> None:
    """There is nothing to show."""
    file = tmp_path / "page.html"
    assert main(["generals", "--protocol", "om", "--n", "4", "--traitors", "1", "--html", str(file)]) == 0
    assert main(["history", str(HISTORIES.parent / "good" / "lock.ndjson"), "--html", str(file)]) == 0
    assert not file.exists()


@pytest.mark.parametrize(("scheme", "page", "broken"), [("light", 255, 255), ("dark", 21, 92)])
def test_a_bad_history_is_a_page_in_light_and_dark(
    scheme: Scheme, page: int, broken: int, shown: Tab, tmp_path: Path
) -> None:
    """It says what can't be ordered and why, and draws it in colours of its own."""
    file = tmp_path / "page.html"
    assert main(["history", str(HISTORIES / "stale-read.ndjson"), "--html", str(file)]) == 1
    shown.page.emulate_media(color_scheme=scheme)
    shown.requests.clear()
    shown.page.goto(file.as_uri())
    assert shown.page.evaluate("document.title") == "stale-read.ndjson: violated"
    text = shown.page.evaluate("document.body.textContent")
    assert "violated: no order explains the reply of line 3: get x → 1" in text
    assert "After all of them, x can only be: 2." in text
    assert shown.page.evaluate("document.querySelectorAll('svg .bar').length") == 2
    red = "getComputedStyle({}).{}.match(/\\d+/)[0]"
    assert int(shown.page.evaluate(red.format("document.body", "backgroundColor"))) == page
    assert int(shown.page.evaluate(red.format("document.querySelector('svg .broken')", "fill"))) == broken
    assert (shown.requests, shown.errors) == ([file.as_uri()], [])


def test_words_of_a_history_stay_words(shown: Tab, tmp_path: Path) -> None:
    """Keys, values and names of files may contain anything."""
    evil = "<img src=x onerror=document.title='owned'>&amp;"
    text = (HISTORIES / "stale-read.ndjson").read_text(encoding="utf-8").replace('"x"', f'"{evil}"')
    history, file = tmp_path / f"{evil}.ndjson", tmp_path / "page.html"
    history.write_text(text, encoding="utf-8")
    assert main(["history", str(history), "--html", str(file)]) == 1
    shown.page.goto(file.as_uri())
    assert shown.page.evaluate("document.title") == f"{evil}.ndjson: violated"
    assert shown.page.evaluate("document.images.length") == 0
