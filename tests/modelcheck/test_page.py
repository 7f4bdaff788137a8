"""The page of a counterexample, looked at in a real browser: it shows each step and every node's state after it."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path as File

import pytest

from browser import Scheme, Tab, open_tab
from quorate_check.core import reference
from quorate_check.core.invariants import Invariant, Over
from quorate_check.core.system import Network, NetworkKind, Outcome, Spontaneous, System
from quorate_check.raft.bounds import RaftBounds
from quorate_check.tell.described import Described
from quorate_check.tell.page import data, page
from quorate_check.tell.story import Story, story
from small_graphs import GRAPHS

ARTEFACTS = File(__file__).resolve().parents[2] / ".model-check" / "screenshots"
WHERE_TO = re.compile(r"https?://(?!www\.w3\.org/2000/svg)")


FIVE = RaftBounds(servers=5, max_term=1, max_log=1, proposals=0, in_flight=6)


def told(bounds: RaftBounds | None = None) -> Story:
    """How a server comes to lead, as a story."""
    leads = Invariant(
        "NobodyLeads", "no server ever leads", lambda s: s.record.terms_led, lambda v: not v[0], Over.EACH
    )
    system = replace((bounds or RaftBounds()).system(), invariants=(leads,))
    path = reference.explore(system).path
    assert path is not None
    return story(system, path)


EVIL = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">&amp;'"


def hostile() -> Story:
    """A story in which every word is an attempt to break out of it."""
    system = System(
        name=EVIL,
        initial=(0,),
        step=lambda local, _event: (Outcome(local + 1),),
        network=Network(NetworkKind.UNORDERED, 1),
        source=lambda _: 0,
        destination=lambda _: 0,
        spontaneous=(Spontaneous("go"),),
        invariants=(Invariant(EVIL, EVIL, lambda n: n, lambda v: v[0] < 2, Over.EACH, lambda _n, _v: EVIL),),
        described=Described(
            event=lambda _: EVIL,
            change=lambda _before, _after: EVIL,
            badge=lambda _: EVIL,
            facts=lambda n: ((EVIL, f"{EVIL}{n}"),),
        ),
    )
    path = reference.explore(system).path
    assert path is not None
    return story(system, path)


def test_the_page_needs_nothing_else() -> None:
    """No address of anything to load stands in it, and its policy allows none."""
    text = page(told(), "a title")
    assert WHERE_TO.search(text) is None
    assert "default-src 'none'" in text
    assert "<link" not in text
    assert " src=" not in text


def test_what_the_script_shows_cannot_end_the_script() -> None:
    """Data is JSON without the characters that HTML gives a meaning."""
    text = data(hostile())
    assert not set("<>&") & set(text)
    assert json.loads(text)["steps"][0]["text"] == f"n0: {EVIL}"


@pytest.fixture(scope="module")
def shown() -> Iterator[Tab]:
    """A page of a browser."""
    with open_tab() as opened:
        yield opened


def write(folder: File, text: str) -> str:
    """Write a page, and return its address."""
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    return file.as_uri()


def test_the_keys_walk_through_the_steps_and_the_state_follows(shown: Tab, tmp_path: File) -> None:
    """Home is how it begins; each step shows its words, its rule and what it changed; it opens at the last one."""
    story_ = told()
    address = write(tmp_path, page(story_, "how a server comes to lead"))
    shown.requests.clear()
    shown.page.goto(address)
    count = len(story_.scenes)
    assert shown.page.evaluate("document.querySelectorAll('svg .scene').length") == count
    arrows = sum(scene.arrow is not None for scene in story_.scenes) + len(story_.pending)
    assert shown.page.evaluate("document.querySelectorAll('svg .arrow').length") == arrows
    assert shown.page.evaluate("document.querySelectorAll('svg .flying').length") == len(story_.pending) > 0
    assert shown.page.evaluate("document.getElementById('number').textContent") == f"step {count} of {count}"
    assert "NobodyLeads is broken" in shown.page.evaluate("document.getElementById('broken').textContent")
    role = "[...document.querySelectorAll('.node')].map((n) => n.querySelector('h2 span').textContent)"
    assert shown.page.evaluate(role) == ["leader t1", "follower t1", "follower t0"]
    shown.page.keyboard.press("ArrowLeft")
    assert shown.page.evaluate(role) == ["candidate t1", "follower t1", "follower t0"]
    changed = "[...document.querySelectorAll('.acts .changed')].map((r) => r.textContent)"
    assert shown.page.evaluate(changed) == ["current_term0 → 1", "voted_fornobody → s1"]
    rules = "[...document.querySelectorAll('#rules li')].map((r) => r.textContent)"
    assert [rule.split(":")[0] for rule in shown.page.evaluate(rules)] == [
        "UpdateTerm §5.1",
        "HandleRequestVote §5.2, §5.4.1",
    ]
    shown.page.keyboard.press("Home")
    assert shown.page.evaluate("document.getElementById('number').textContent") == "the beginning"
    assert shown.page.evaluate("document.querySelectorAll('.later').length") == count
    shown.page.keyboard.press("ArrowRight")
    assert shown.page.evaluate("document.querySelectorAll('.now').length") == 1
    assert shown.page.evaluate("document.getElementById('caption').textContent") == "s1: election timeout"
    shown.page.keyboard.press("End")
    assert shown.page.evaluate("document.body.dataset.step") == str(count)
    assert shown.requests == [address]
    assert shown.errors == []


def test_an_address_opens_a_step_and_the_slider_and_a_click_go_to_one(shown: Tab, tmp_path: File) -> None:
    """Three ways to the same view."""
    address = write(tmp_path, page(told(), "how a server comes to lead"))
    step = "document.body.dataset.step"
    shown.page.goto("about:blank")
    shown.page.goto(f"{address}#step=2")
    assert shown.page.evaluate(step) == "2"
    shown.page.evaluate("document.querySelector('.scene[data-step=\"3\"]').dispatchEvent(new MouseEvent('click'))")
    assert shown.page.evaluate(step) == "3"
    shown.page.evaluate("const s = document.getElementById('slider'); s.value = 1; s.dispatchEvent(new Event('input'))")
    assert shown.page.evaluate(step) == "1"


def test_five_nodes_have_room_beside_their_states(shown: Tab, tmp_path: File) -> None:
    """On a screen of 1,280 pixels: no column is cut off, and the states stand at the right of the diagram."""
    shown.page.goto(write(tmp_path, page(told(FIVE), "how one of five comes to lead")))
    diagram = "document.getElementById('diagram')"
    assert shown.page.evaluate("innerWidth") == 1280
    assert shown.page.evaluate("document.querySelectorAll('#names text').length") == 5
    assert shown.page.evaluate(f"{diagram}.scrollWidth <= {diagram}.clientWidth")
    beside = "document.getElementById('states').getBoundingClientRect()"
    assert shown.page.evaluate(f"{beside}.left >= {diagram}.getBoundingClientRect().right")
    assert shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_in_flight_is_shown_at_every_step(shown: Tab, tmp_path: File) -> None:
    """From the beginning to the end, with where it goes and when it was sent."""
    story_ = told()
    shown.page.goto(write(tmp_path, page(story_, "how a server comes to lead")))
    flight = "[...document.querySelectorAll('#flight li')].map((line) => line.textContent)"
    shown.page.keyboard.press("Home")
    assert shown.page.evaluate(flight) == []
    for scene in story_.scenes:
        shown.page.keyboard.press("ArrowRight")
        lines = shown.page.evaluate(flight)
        assert len(lines) == len(scene.flight)
        assert all(line.startswith(f"{arrow.label}: s") for line, arrow in zip(lines, scene.flight, strict=True))
    assert story_.scenes[-1].flight == story_.pending
    shown.page.keyboard.press("Home")
    shown.page.keyboard.press("ArrowRight")
    assert shown.page.evaluate(flight) == [f"RequestVote t1: s1 → s{peer}, sent in step 1" for peer in (2, 3)]


def test_who_has_nothing_to_say_of_a_broken_promise_is_left_out_of_the_header() -> None:
    """Of five nodes of which two disagree, these two; if nobody has anything to say, all."""

    def header(*views: object) -> list[str]:
        system = System(
            name="agreement",
            initial=views,
            step=lambda _local, _event: (),
            network=Network(NetworkKind.UNORDERED, 1),
            invariants=(Invariant("Agree", "all agree", lambda view: view, lambda _: False, Over.ALL),),
        )
        path = reference.explore(system).path
        assert path is not None
        return re.findall(r"<p>(n\d: .*?)</p>", page(story(system, path), "a title"))

    assert header(None, 1, None, 2, frozenset()) == ["n1: 1", "n3: 2"]
    assert header(None, None) == ["n0: None", "n1: None"]


def test_what_is_said_across_the_columns_is_not_cut_off(shown: Tab, tmp_path: File) -> None:
    """Where there is one node, whose drawing is narrower than what repeats for ever, it takes several lines."""
    door = next(graph for graph in GRAPHS if graph.name.startswith("weak fairness lets a door")).system()
    path = reference.explore(door).path
    assert path is not None
    shown.page.goto(write(tmp_path, page(story(door, path), "a door")))
    texts = shown.page.locator("svg[role=img] text").all_text_contents()
    assert "from here on for ever" in texts
    assert "steps 1 to 2 repeat for ever" in " ".join(texts)
    drawing = shown.page.evaluate("document.querySelector('svg[role=img]').getBoundingClientRect().right")
    ends = shown.page.evaluate(
        "[...document.querySelectorAll('svg[role=img] text')].map((text) => text.getBoundingClientRect().right)"
    )
    assert max(ends) <= drawing


def test_words_of_a_subject_stay_words(shown: Tab, tmp_path: File) -> None:
    """Names, events, values and promises may contain anything."""
    shown.page.goto(write(tmp_path, page(hostile(), EVIL)))
    for key in ("Home", "ArrowRight", "End"):
        shown.page.keyboard.press(key)
    assert shown.page.evaluate("document.title") == EVIL
    assert shown.page.evaluate("document.images.length") == 0
    assert shown.page.evaluate("document.scripts.length") == 2
    assert shown.page.evaluate("document.getElementById('change').textContent") == EVIL


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_page_is_readable_in_light_and_in_dark(shown: Tab, tmp_path: File, scheme: Scheme, *, dark: bool) -> None:
    """The background follows the reader's preference, text stands out from it, and a screenshot is kept to look at."""
    shown.page.emulate_media(color_scheme=scheme)
    shown.page.goto(write(tmp_path, page(told(RaftBounds(drops=1)), f"how a server comes to lead, {scheme}")))
    colours = [
        shown.page.evaluate(f"getComputedStyle(document.body).{name}").removeprefix("rgb(").removesuffix(")").split(",")
        for name in ("backgroundColor", "color")
    ]
    page_, text = (brightness(tuple(map(int, colour))) for colour in colours)
    assert (page_ < 0.5) is dark
    assert abs(page_ - text) > 0.7
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    picture = shown.page.screenshot(path=ARTEFACTS / f"page-{scheme}.png")
    pixels = list(rows(picture))
    assert len(set(pixels)) > 20, "something is drawn"
    assert (brightness(tuple(pixels[-1][:3])) < 0.5) is dark


def brightness(colour: tuple[int, ...]) -> float:
    """How bright a colour is, from 0 to 1."""
    red, green, blue = colour
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255


def rows(png: bytes) -> Iterator[bytes]:
    """The rows of a picture with 8 bits a channel, first filter byte undone as far as a plain row needs it."""
    at, parts, header = 8, b"", (0, 0, 0, 0)
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            header = struct.unpack(">IIBB", body[:10])
        if kind == b"IDAT":
            parts += body
        at += size + 12
    width, height, depth, colour = header
    assert (depth, colour in {2, 6}) == (8, True)
    channels = 3 if colour == 2 else 4
    raw, stride, above = zlib.decompress(parts), width * channels + 1, bytes(width * channels)
    for y in range(height):
        above = unfiltered(raw[y * stride], raw[y * stride + 1 : (y + 1) * stride], above, channels)
        yield above


def unfiltered(kind: int, line: bytes, above: bytes, channels: int) -> bytes:
    """A row of a PNG as it was before it was filtered (PNG specification, §9)."""
    made = bytearray(line)
    for i, value in enumerate(line):
        left = made[i - channels] if i >= channels else 0
        corner = above[i - channels] if i >= channels else 0
        up = above[i]
        guess = {0: 0, 1: left, 2: up, 3: (left + up) // 2}.get(kind)
        if guess is None:
            estimate = left + up - corner
            guess = min((left, up, corner), key=lambda v: abs(estimate - v))
        made[i] = (value + guess) & 255
    return bytes(made)
