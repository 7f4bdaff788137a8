"""The explorer in a real browser: whoever has a mouse, or only keys, walks to a state, finds one, and shares it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser import Scheme, accessibility_findings, open_tab
from explored import UP_TO_C, UP_TO_D, UP_TO_LEADER_IN_D, boxes, explored, step, walk
from mutants_support import mutated
from pages import BLOCK

ARTEFACTS = Path(__file__).resolve().parents[2] / ".model-check" / "screenshots"
TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"


@pytest.fixture(scope="module")
def raft() -> Iterator[str]:
    """The address of a page about Raft, whose paths are short enough for Figure 8."""
    with explored("raft") as address:
        yield address


def test_figure_8_is_reached_by_clicks_and_shared_by_its_link(raft: str) -> None:
    """§5.4.2: an entry of term 1 on a majority isn't committed, and is replaced; a reload and another tab agree."""
    with open_tab() as tab:
        page = tab.page
        page.goto(raft)
        walk(page, UP_TO_C)
        assert boxes(page) == [["t1 x1"], ["t1 x1"], ["t2 x3"]]
        assert page.locator(".node .box.settled").count() == 0
        expect(page.locator("#promises li", has_text="LeaderCompleteness")).to_contain_text(
            "needs a committed entry: none yet; a leader: 2"
        )
        walk(page, UP_TO_D, start=len(UP_TO_C))
        assert boxes(page) == [["t1 x1"], ["t2 x3"], ["t2 x3"]]
        expect(page.locator("#conclusion")).to_have_text("Witness: a conflicting suffix is truncated.")
        link, seen = page.url, page.locator("main").inner_text()
        page.reload()
        expect(page.locator("#words li")).to_have_count(len(UP_TO_C) + len(UP_TO_D))
        assert page.locator("main").inner_text() == seen
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=ARTEFACTS / "explorer-figure-8.png", full_page=True)
        assert tab.errors == []
        assert [url for url in tab.requests if not url.startswith(raft)] == []
    with open_tab() as tab:
        tab.page.goto(link)
        expect(tab.page.locator("#words li")).to_have_count(len(UP_TO_C) + len(UP_TO_D))
        assert tab.page.locator("main").inner_text() == seen


def press(page: Page, *keys: str) -> None:
    """Press keys, one after the other."""
    for key in keys:
        page.keyboard.press(key)


def test_keys_alone_walk_undo_branch_and_bookmark(raft: str) -> None:
    """Arrows choose a step and Enter takes it, a digit takes one at once, u goes back, b remembers."""
    with open_tab() as tab:
        page = tab.page
        page.goto(raft)
        expect(step(page, "s1", "election timeout")).to_be_visible()
        press(page, "ArrowDown", "Enter")
        expect(page.locator("#headline")).to_contain_text("Step 1: s1: election timeout: term 0 → 1")
        press(page, "ArrowDown", "ArrowDown", "ArrowUp")
        expect(page.locator("#steps a.step").first).to_be_focused()
        press(page, "b", "u")
        expect(page.locator("#headline")).to_have_text("The initial state.")
        expect(page.locator(".taken")).to_have_count(1)
        press(page, "3")
        expect(page.locator("#headline")).to_contain_text("s2: election timeout")
        mark = page.locator("#marks a")
        expect(mark).to_have_text("after 1 step: s1: election timeout")
        for _ in range(200):
            if mark.evaluate("each => each === document.activeElement"):
                break
            press(page, "Tab")
        press(page, "Enter")
        expect(page.locator("#headline")).to_contain_text("s1: election timeout")
        assert tab.errors == []


def test_faults_are_made_by_hand_and_a_cut_withholds_messages(raft: str) -> None:
    """A message is lost or stays as a copy, a node crashes, a cut offers no message across it until it heals."""
    with open_tab() as tab:
        page = tab.page
        page.goto(raft)
        walk(page, [("s1", "election timeout")])
        expect(page.locator("#flight .message")).to_have_count(2)
        page.get_by_role("link", name="RequestVote t1 from s1 is lost").first.click()
        expect(page.locator("#flight .message")).to_have_count(1)
        expect(page.locator("#budgets")).to_contain_text("drops: 1 of 3")
        page.get_by_role("link", name="RequestVote t1 from s1 arrives, a copy stays").click()
        expect(page.locator("#flight .message")).to_have_count(2)
        expect(step(page, "s3", "RequestVote t1 from s1 arrives")).to_be_visible()
        page.locator("#cut-box summary").click()
        page.get_by_label("s1 is cut off").check()
        expect(step(page, "s3", "RequestVote t1 from s1 arrives")).to_have_count(0)
        expect(page.locator("#flight .withheld")).to_have_count(2)
        expect(page.locator("#withheld")).to_contain_text("behind the cut")
        page.get_by_label("s1 is cut off").uncheck()
        expect(step(page, "s3", "RequestVote t1 from s1 arrives")).to_be_visible()
        walk(page, [("s1", "crash and restart")], start=3)
        expect(page.locator(".node").first).to_contain_text("follower t1")
        page.locator("#flight .message").first.click()
        expect(page.locator("#words li")).to_have_count(5)
        assert tab.errors == []


def test_filters_leave_steps_out(raft: str) -> None:
    """By words, by action, and those that change nothing."""
    with open_tab() as tab:
        page = tab.page
        page.goto(raft)
        expect(page.locator("#steps a.step")).to_have_count(6)
        page.locator("#filter").fill("timeout")
        expect(page.locator("#steps a.step")).to_have_count(3)
        expect(page.locator("#withheld")).to_have_text("3 steps hidden by filters.")
        page.locator("#filter").fill("")
        page.get_by_label("hide steps that change nothing").check()
        expect(page.locator("#steps a.step")).to_have_count(6)
        page.locator("#actions-box summary").click()
        page.get_by_label("Timeout, RequestVote").uncheck()
        expect(page.locator("#steps a.step")).to_have_count(3)
        assert tab.errors == []


def test_a_search_from_here_finds_the_bug_of_figure_8(tmp_path: Path) -> None:
    """With the bug that counts an entry of an older term (C1), four steps after (c); the page goes there."""
    with explored("raft", roots=[mutated(tmp_path, "C1")]) as address, open_tab() as tab:
        page = tab.page
        page.goto(address)
        walk(page, UP_TO_C)
        expect(page.locator(".node .box.settled")).to_have_count(1)
        page.locator("#target").select_option("LeaderCompleteness")
        page.locator("#depth").fill("5")
        page.get_by_role("button", name="Search").click()
        page.locator("#found").click(timeout=300_000)
        expect(page.locator("#broken")).to_contain_text("LeaderCompleteness is broken")
        expect(page.locator("#search-line")).to_contain_text(f"{len(UP_TO_LEADER_IN_D)} steps from here")
        expect(page.locator("#promises li", has_text="LeaderCompleteness")).to_contain_text("broken")
        expect(page.locator("#marks")).to_contain_text("found: LeaderCompleteness")
        with page.expect_download() as download:
            page.get_by_role("link", name="Save as test").click()
        text = Path(download.value.path()).read_text(encoding="utf-8")
        assert "def test_leader_completeness_holds_on_this_path()" in text
        assert tab.errors == []


def test_a_system_of_ones_own_is_explored(tmp_path: Path) -> None:
    """Two-phase commit of the tutorial: a search finds how it breaks, and the saved path breaks it again."""
    for kind, text in BLOCK.findall(TUTORIAL.read_text(encoding="utf-8")):
        name = text.partition("\n")[0].removeprefix("# ")
        if kind == "python" and not (tmp_path / name).exists():
            (tmp_path / name).write_text(text, encoding="utf-8")
    with explored("test_two_phase:system", folder=tmp_path) as address, open_tab() as tab:
        page = tab.page
        page.goto(address)
        walk(page, [("n0", "begin"), ("n1", "prepare from n0 arrives")])
        page.get_by_role("button", name="Search").click()
        page.locator("#found").click(timeout=300_000)
        expect(page.locator("#broken")).to_contain_text("Atomic is broken: nobody aborts what somebody else commits")
        with page.expect_download() as download:
            page.get_by_role("link", name="Save path").click()
        saved = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
        assert (saved["subject"], saved["broken"], len(saved["steps"])) == ("test_two_phase:system", "Atomic", 7)
        assert tab.errors == []


SWING = """
from quorate_check import Condition, Eventually, Network, NetworkKind, Outcome, Spontaneous, System, fair_event

AWAY = {("swing", "inside"): "at the door", ("swing", "at the door"): "inside", ("out", "at the door"): "outside"}
system = System(
    name="door",
    initial=("inside",),
    step=lambda where, event: [Outcome(AWAY[event, where])] if (event, where) in AWAY else [],
    network=Network(NetworkKind.UNORDERED, 1),
    spontaneous=(Spontaneous("swing"), Spontaneous("out")),
    done=lambda where: where == "outside",
    liveness=(Eventually("Out", "somebody gets out", Condition(lambda where: where, lambda all: "outside" in all)),),
    fairness=(fair_event("swing"), fair_event("out")),
)
"""


def test_a_search_from_here_finds_a_loop_and_the_page_walks_it(tmp_path: Path) -> None:
    """Whoever swings for ever never gets out: from the end of the loop to its beginning, around, and into a test."""
    (tmp_path / "door.py").write_text(SWING, encoding="utf-8")
    with explored("door:system", folder=tmp_path) as address, open_tab() as tab:
        page = tab.page
        page.goto(address)
        walk(page, [("n0", "swing")])
        page.get_by_role("button", name="Search").click()
        page.locator("#found").click(timeout=300_000)
        expect(page.locator("#search-line")).to_contain_text("Out: 0 steps from here to a loop of 2 steps")
        expect(page.locator("#broken")).to_have_text("Out is broken: somebody gets out")
        expect(page.locator("#conclusion .reason")).to_contain_text("steps 2 to 3 repeat for ever; that is fair:")
        expect(page.locator("#promises li", has_text="Out")).to_contain_text("if steps 2 to 3 repeat for ever")
        expect(page.locator("#diagram")).to_contain_text("from here on for ever")
        assert page.locator("#words li").all_text_contents()[1].startswith("from here on for ever: n0: swing")
        assert accessibility_findings(page) == []
        with page.expect_download() as download:
            page.get_by_role("link", name="Save as test").click()
        assert '"loop": 1' in Path(download.value.path()).read_text(encoding="utf-8")
        page.get_by_role("link", name="Where the loop begins").click()
        expect(page.locator("#words li")).to_have_count(1)
        expect(page.locator("#broken")).to_have_count(0)
        assert (
            page.locator("#marks a").all_text_contents()[1].startswith("the loop begins here: Out: 0 steps from here")
        )
        walk(page, [("n0", "swing"), ("n0", "swing")], start=1)
        expect(page.locator("#broken")).to_have_text("Out is broken: somebody gets out")
        assert tab.errors == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark"), (390, "light")])
def test_everybody_can_read_it(raft: str, width: int, scheme: Scheme) -> None:
    """On a screen and on a telephone, light and dark, axe finds nothing; nothing is wider than the window."""
    with open_tab(width, 844, scheme) as tab:
        page = tab.page
        page.goto(raft)
        walk(page, UP_TO_C[:4])
        page.locator("#actions-box summary").click()
        page.locator("#cut-box summary").click()
        page.locator("#mark").click()
        page.locator("#radius").fill("1")
        page.locator("#draw").click()
        expect(page.locator("#graph a.state.now")).to_have_count(1)
        assert accessibility_findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=ARTEFACTS / f"explorer-{width}-{scheme}.png", full_page=True)
        assert tab.errors == []


def test_the_graph_leads_to_the_states_that_it_shows(raft: str) -> None:
    """A click on one goes there, and the graph follows."""
    with open_tab() as tab:
        page = tab.page
        page.goto(raft)
        page.locator("#radius").fill("1")
        page.locator("#draw").click()
        expect(page.locator("#graph a.state")).to_have_count(4)
        page.locator("#graph a.state", has_text="s2 candidate t1").click()
        expect(page.locator("#headline")).to_contain_text("Step 1: s2: election timeout")
        expect(page.locator("#graph a.state.now")).to_contain_text("s2 candidate t1")
        assert tab.errors == []


def test_a_long_name_and_many_facts_stay_within_a_narrow_window() -> None:
    """The generals: a system that has a name of several words, and nodes without logs."""
    with explored("three-generals") as address, open_tab(390) as tab:
        page = tab.page
        page.goto(address)
        expect(page.locator("#subject")).to_have_text("Explorer: OM among 3 generals, in lockstep")
        for summary in page.locator(".node summary").all():
            summary.click()
        expect(page.locator(".node").first).to_contain_text("commander, orders ATTACK")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_link_that_fits_no_longer_is_refused_in_one_line(raft: str) -> None:
    """One that was changed, or belongs to something else."""
    with open_tab() as tab:
        page = tab.page
        page.goto(f"{raft}#0.1-00000000")
        expect(page.locator("#error")).to_have_text(
            "this link belongs to another system, to other bounds or to earlier code: its steps are others now"
        )
        expect(page.locator("#headline")).to_have_text("This link leads nowhere: Start shows the initial state.")
        page.goto(f"{raft}#")
        expect(page.locator("#headline")).to_have_text("The initial state.")
        expect(page.locator("#error")).to_be_hidden()
