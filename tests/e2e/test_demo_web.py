"""`quorate demo --web`: what a reader sees and does in a real browser, while real nodes run."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from browser import Scheme, accessibility_findings, open_tab
from patience import PATIENCE_S
from real_cluster import QUORATE, free_ports_in_a_row

PORTS = 10


@dataclass
class Demo:
    """A demo that runs, at `address`."""

    process: subprocess.Popen[str]
    address: str
    pids: list[int]


@contextmanager
def demo_with_page(*options: str) -> Iterator[Demo]:
    """A demo with a page, ended afterwards."""
    command = [QUORATE, "demo", "--web", "--no-open", "--port", str(free_ports_in_a_row(PORTS)), *options]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            text = ""
            for line in process.stdout:
                text += line
                if "Ctrl-C ends all" in line:
                    break
            address = re.search(r"The page is at (\S+)", text)
            assert address is not None, text
            yield Demo(process, address[1], [int(pid) for pid in re.findall(r"(\d+) is node", text)])
        finally:
            process.terminate()
            assert process.stdout is not None
            process.stdout.read()


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """One demo for all tests: each leaves all its nodes running."""
    with demo_with_page() as running:
        yield running


def leader_of(page: Page) -> int:
    """Wait until a node leads, and return its number."""
    summary = page.locator("#summary")
    expect(summary).to_have_text(re.compile(r"Node \d+ leads"))
    match = re.search(r"Node (\d+) leads", summary.inner_text())
    assert match is not None
    return int(match[1])


def test_the_leader_is_killed_by_a_click_and_another_leads(demo: Demo) -> None:
    """It is shown as dead, and follows when it is started again."""
    with open_tab() as tab:
        page = tab.page
        page.goto(demo.address)
        leader = leader_of(page)
        page.get_by_role("button", name=f"Kill -9 node {leader}").click()
        expect(page.locator("#note")).to_have_text(f"node {leader} is killed with -9")
        title = page.locator(f"#nodes > li[data-key='{leader}'] h3")
        expect(title).to_have_text(f"Node {leader}: dead: SIGKILL")
        expect(page.locator("#summary")).not_to_have_text(re.compile(rf"Node {leader} leads|No node"))
        assert leader_of(page) != leader
        page.get_by_role("button", name=f"Start again node {leader}").click()
        expect(title).to_have_text(re.compile(rf"Node {leader}: follower, follows \d"))
        assert tab.errors == []
        assert all(url.startswith(demo.address) for url in tab.requests)


def test_what_is_written_is_committed_everywhere_and_each_step_explained(demo: Demo) -> None:
    """By the keyboard alone: the entry is in all logs, and the specification's actions stand beside the steps."""
    with open_tab() as tab:
        page = tab.page
        page.goto(demo.address)
        leader_of(page)
        page.get_by_role("button", name="Clients write and read").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#clients")).to_have_attribute("aria-pressed", "false")
        page.get_by_label("Key").focus()
        page.keyboard.press("Control+A")
        page.keyboard.type("colour")
        page.keyboard.press("Tab")
        page.keyboard.type("blue")
        page.keyboard.press("Enter")
        expect(page.locator("#note")).to_have_text("SET colour blue is acknowledged")
        expect(page.locator("#nodes .log li.committed", has_text="Set colour blue")).to_have_count(3)
        expect(
            page.locator("#steps tr:not(.routine) td.good", has_text="HandleAppendEntries §5.3").first
        ).to_be_visible()
        expect(page.locator("#verdict")).to_have_text(re.compile(r"[\d,]+ steps judged so far, and each is explained"))
        page.locator("#clients").press("Enter")
        expect(page.locator("#history-verdict")).to_have_text(re.compile("holds: one order explains the replies"))
        assert tab.errors == []


def test_a_node_is_paused_and_cut_off_and_goes_on(demo: Demo) -> None:
    """While it is paused nothing changes on it; a leader without wires is replaced."""
    with open_tab() as tab:
        page = tab.page
        page.goto(demo.address)
        leader = leader_of(page)
        title = page.locator(f"#nodes > li[data-key='{leader}'] h3")
        page.get_by_role("button", name=f"Pause node {leader}").click()
        expect(title).to_have_text(re.compile(f"Node {leader}: paused"))
        expect(page.locator("#summary")).not_to_have_text(re.compile(rf"Node {leader} leads|No node"))
        page.get_by_role("button", name=f"Resume node {leader}").click()
        expect(title).to_have_text(re.compile(rf"Node {leader}: follower, follows \d"))
        leader = leader_of(page)
        page.get_by_role("button", name=f"Cut off node {leader}").click()
        expect(page.locator("#picture .wire.cut")).to_have_count(2)
        expect(page.locator("#summary")).not_to_have_text(re.compile(rf"Node {leader} leads|No node"))
        page.get_by_role("button", name=f"Mend wires node {leader}").click()
        expect(page.locator("#picture .wire.cut")).to_have_count(0)
        title = page.locator(f"#nodes > li[data-key='{leader}'] h3")
        expect(title).to_have_text(re.compile(rf"Node {leader}: follower, follows \d"))
        assert tab.errors == []


def test_what_is_written_on_slow_disks_is_acknowledged(demo: Demo) -> None:
    """A slow disk is said beside the node, until it is restored."""
    with open_tab() as tab:
        page = tab.page
        page.goto(demo.address)
        leader_of(page)
        for number in (1, 2, 3):
            page.get_by_role("button", name=f"Slow disk node {number}").click()
        expect(page.locator("#nodes .indexes", has_text="slow disk")).to_have_count(3)
        page.get_by_label("Value").fill("slow")
        page.get_by_role("button", name="Write", exact=True).click()
        expect(page.locator("#note")).to_have_text(re.compile(r"SET \w+ slow is acknowledged"))
        for number in (1, 2, 3):
            page.get_by_role("button", name=f"Restore disk node {number}").click()
        expect(page.locator("#nodes .indexes", has_text="slow disk")).to_have_count(0)
        expect(page.locator("#verdict")).to_have_class("good")
        assert tab.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_read_the_page(demo: Demo, width: int, scheme: Scheme) -> None:
    """Nothing that axe finds, and nothing beyond the edge of the screen, on a wide one and a narrow one."""
    with open_tab(width=width, scheme=scheme) as tab:
        page = tab.page
        page.goto(demo.address)
        leader_of(page)
        expect(page.locator("#steps tbody tr td.good").first).to_be_attached()
        assert accessibility_findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.errors == []


def test_lists_of_the_page_have_an_end(demo: Demo) -> None:
    """However much happens, so many steps and operations are shown."""
    with open_tab() as tab:
        page = tab.page
        page.goto(demo.address)
        leader_of(page)
        expect(page.locator("body")).to_have_attribute("data-rows", "150")
        assert page.locator("#steps tbody tr").count() == 150
        assert page.locator("#operations tbody tr").count() <= 8


def test_a_bft_cluster_is_judged_and_its_messages_are_shown_as_they_pass() -> None:
    """By name and place, and as points that fly; nodes and keys stay readable for everybody."""
    with demo_with_page("--protocol", "bft") as demo, open_tab(width=390) as tab:
        page = tab.page
        page.goto(demo.address)
        leader_of(page)
        votes = page.locator("#messages td", has_text="Vote (commit)")
        expect(votes.first).to_be_visible()
        for name in ("Propose", "Vote (prepare)", "Decide"):
            expect(page.locator("#messages td", has_text=name).first).to_be_visible()
        assert page.locator("#messages tbody tr").count() <= 100
        expect(page.locator("#steps td", has_text="HandlePrepared Voting ✓").first).to_be_visible()
        expect(page.locator("#verdict")).to_have_class("good")
        assert tab.errors == []
        assert accessibility_findings(page) == []


def test_a_node_joins_while_the_first_is_cut_off_and_another_while_it_is_paused() -> None:
    """The new node asks the leader; who can't answer takes nobody's time."""
    with demo_with_page() as demo, open_tab() as tab:
        page = tab.page
        page.goto(demo.address)
        leader_of(page)
        page.get_by_role("button", name="Cut off node 1").click()
        expect(page.locator("#summary")).not_to_have_text(re.compile("Node 1 leads|No node"))
        page.get_by_role("button", name="Add a node").click()
        expect(page.locator("#note")).to_have_text(re.compile("node 4 is a voter"))
        for other in (2, 3):
            page.get_by_role("button", name=re.compile(f"Mend 1 . {other}")).click()
        expect(page.locator("#nodes > li[data-key='1'] h3")).to_have_text(re.compile("follower, follows"))
        page.get_by_role("button", name="Pause node 1").click()
        expect(page.locator("#nodes > li[data-key='1'] h3")).to_have_text(re.compile("paused"))
        page.get_by_role("button", name="Remove node 4").click()
        expect(page.locator("#note")).to_have_text("node 4 is removed")
        page.get_by_role("button", name="Add a node").click()
        expect(page.locator("#note")).to_have_text(re.compile("node 5 is a voter"))
        assert tab.errors == []


def test_a_node_joins_and_is_removed_and_ctrl_c_ends_all() -> None:
    """By two buttons; nothing is left running."""
    with demo_with_page() as demo:
        with open_tab() as tab:
            page = tab.page
            page.goto(demo.address)
            leader_of(page)
            page.get_by_role("button", name="Add a node").click()
            expect(page.locator("#note")).to_have_text(re.compile("node 4 is a voter"))
            expect(page.locator("#nodes > li")).to_have_count(4)
            expect(page.locator("#nodes > li[data-key='4'] h3")).to_have_text(re.compile("follower, follows"))
            expect(page.locator("#wires button")).to_have_count(6)
            page.get_by_role("button", name="Cut off node 4").click()
            expect(page.locator("#nodes > li[data-key='4'] h3")).not_to_have_text(re.compile("follows"))
            page.get_by_role("button", name="Mend wires node 4").click()
            expect(page.locator("#nodes > li[data-key='4'] h3")).to_have_text(re.compile("follower, follows"))
            page.get_by_role("button", name="Remove node 4").click()
            expect(page.locator("#note")).to_have_text("node 4 is removed")
            expect(page.locator("#nodes > li")).to_have_count(3)
            expect(page.locator("#verdict")).to_have_class("good")
            assert tab.errors == []
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(PATIENCE_S) == 0
        for pid in demo.pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
