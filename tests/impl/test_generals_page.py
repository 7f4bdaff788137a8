"""`quorate generals --web`: the page runs the real protocols, with a traitor who says what the reader wants."""

import re
import signal
import subprocess
from collections.abc import Iterator
from itertools import product

import pytest
from playwright.sync_api import expect
from starlette.testclient import TestClient

from browser import Scheme, accessibility_findings, open_tab
from patience import PATIENCE_S
from quorate.cli.generals_web.battle import Battle
from quorate.cli.generals_web.page import page
from quorate.generals import Order, Protocol
from real_cluster import QUORATE


def violations(protocol: Protocol, n: int, traitor: int, order: Order, lies: dict[str, int]) -> list[str]:
    """What is violated in a battle."""
    result: list[str] = Battle(protocol, n, traitor, order, lies).fight()["violations"]
    return result


def lies_of(protocol: Protocol, n: int, traitor: int) -> Iterator[dict[str, int]]:
    """Everything that the traitor can say: each choice of each of his messages."""
    rounds = Battle(protocol, n, traitor, Order.ATTACK).fight()["rounds"]
    slots = {each["key"]: each["choices"] for messages in rounds for each in messages if "key" in each}
    for choices in product(*(range(count) for count in slots.values())):
        yield dict(zip(slots, choices, strict=True))


def test_the_army_of_the_story_splits_in_254_of_256_ways() -> None:
    """As the story says."""
    splits = [bool(violations(Protocol.VOTE, 9, 8, Order.ATTACK, lies)) for lies in lies_of(Protocol.VOTE, 9, 8)]
    assert (len(splits), sum(splits)) == (256, 254)


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize(("protocol", "n"), [(Protocol.ORAL, 4), (Protocol.SIGNED, 3)])
def test_protocols_hold_whatever_the_traitor_says(protocol: Protocol, n: int, order: Order) -> None:
    """With enough generals, whoever of them he is."""
    for traitor in range(n):
        for lies in lies_of(protocol, n, traitor):
            assert violations(protocol, n, traitor, order, lies) == [], (traitor, lies)


def test_three_generals_with_oral_messages_do_not_agree() -> None:
    """A traitor of three has something to say that breaks a condition."""
    assert any(violations(Protocol.ORAL, 3, 2, Order.ATTACK, lies) for lies in lies_of(Protocol.ORAL, 3, 2))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "protocol=vote",
        "protocol=bracha&n=4&traitor=0",
        "protocol=om&n=99&traitor=0",
        "protocol=om&n=3&traitor=2&lies=1",
    ],
)
def test_what_is_no_battle_is_refused(query: str) -> None:
    """In one line, not with a traceback."""
    local = page()
    with TestClient(local.application, base_url="http://127.0.0.1") as client:
        answer = client.get(f"/{local.token}/battle?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("no battle: ")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The page, served by the command."""
    command = [QUORATE, "generals", "--web", "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            match = re.search(r"The page is at (\S+)", process.stdout.readline())
            assert match is not None
            yield match[1]
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def test_a_reader_changes_what_the_traitor_says(address: str) -> None:
    """By the keyboard: if he tells everybody the same, the army doesn't split."""
    with open_tab() as tab:
        tab.page.goto(address)
        verdict = tab.page.locator("#verdict")
        expect(verdict).to_have_text("IC1 is broken: the army splits.")
        expect(tab.page.locator("#messages tbody tr button").first).to_be_in_viewport()
        for dest in range(4, 8):
            button = tab.page.locator(f"#messages button[data-lie='1/{dest}/0']")
            expect(button).to_have_text("I say RETREAT")
            button.focus()
            tab.page.keyboard.press("Enter")
            expect(button).to_have_text("I say ATTACK")
            expect(button).to_be_focused()
        expect(verdict).to_have_text("All loyal generals do the same.")
        tab.page.get_by_role("button", name="Four, oral messages").click()
        tab.page.get_by_role("button", name="Round 2").click()
        expect(tab.page.locator("#messages button", has_text="0 says").first).to_be_visible()
        assert tab.errors == []
        assert all(url.startswith(address) for url in tab.requests)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_everybody_can_read_the_page(address: str, width: int, scheme: Scheme) -> None:
    """Nothing that axe finds, and nothing beyond the edge, in any of the battles."""
    with open_tab(width=width, scheme=scheme) as tab:
        tab.page.goto(address)
        for button in tab.page.locator("#battles button").all():
            button.click()
            expect(button).to_have_attribute("aria-pressed", "true")
            assert accessibility_findings(tab.page) == []
            assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.errors == []
