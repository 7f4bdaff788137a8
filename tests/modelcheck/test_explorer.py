"""What the explorer's page asks its server: places, the links to them, promises, graphs, files."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path as File
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from quorate.web.serving import LocalPage
from quorate_check import (
    Box,
    Condition,
    Described,
    Eventually,
    Invariant,
    Need,
    Network,
    NetworkKind,
    Outcome,
    Spontaneous,
    System,
)
from quorate_check.api.registry import system_of
from quorate_check.api.regression import regression_test
from quorate_check.api.witnesses import search_for_witness
from quorate_check.cli.explore import GENERALS, OTHERS, RAFT, WALKED, system_named
from quorate_check.core import behaviour
from quorate_check.core.system import Deliver, UnusableSystemError
from quorate_check.core.values import same
from quorate_check.core.verdict import Verdict
from quorate_check.raft.bounds import RaftBounds
from quorate_check.tell.explorer.application import ASSETS, Explorer, Subject
from quorate_check.tell.explorer.places import LONGEST_PATH, Places
from quorate_check.tell.saved import parse, replay
from raft_promises import NOBODY_LEADS
from random_systems import often, systems
from small_graphs import GRAPHS

Json = dict[str, Any]


class Page:
    """The requests of a page about a system."""

    def __init__(self, system: System, name: str = "it", bounds: Json | None = None) -> None:
        self.explorer = Explorer(Subject(system, name, bounds or {}, regression_test, search_for_witness))
        page = LocalPage(self.explorer.routes, ASSETS)
        self.client = TestClient(page.application, base_url=f"http://127.0.0.1/{page.token}/")

    def text(self, name: str, **parameters: str) -> str:
        """Return the text of an answer."""
        answer = self.client.get(f"api/{name}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.text

    def ask(self, name: str, **parameters: str) -> Json:
        """Return an answer."""
        answer = self.client.get(f"api/{name}", params=parameters)
        assert answer.status_code == 200, answer.text
        result: Json = answer.json()
        return result

    def refusal(self, name: str, **parameters: str) -> str:
        """Return the line by which a request is refused."""
        answer = self.client.get(f"api/{name}", params=parameters)
        assert answer.status_code == 422
        (line,) = answer.json()["error"].splitlines()
        return str(line)

    def take(self, *labels: str) -> Json:
        """Return the place after the steps whose texts are these."""
        place = self.ask("place", link="")
        for text in labels:
            step = next(each for each in place["steps"] if each["text"] == text)
            place = self.ask("place", link=step["link"])
        return place


@dataclass(frozen=True)
class Light:
    """A lamp that goes from green over yellow to red, and what it says of that."""

    colour: str = "green"


CODE = re.compile(r"\w\(|None|Order\.")  # what a Python value has, and no fact in words
NEXT = {"green": "yellow", "yellow": "red"}


@dataclass(frozen=True)
class Word:
    """What a lamp says to the other."""

    source: int
    destination: int
    colour: str


def lamp(light: Light, event: object) -> tuple[Outcome, ...]:
    """A lamp changes and says so; one that hears of red turns black, and one that is broken raises."""
    match event:
        case "change" if light.colour in NEXT:
            colour = NEXT[light.colour]
            return (Outcome(Light(colour), (Word(0, 1, colour),)),)
        case "break" if light.colour == "red":
            raise ValueError("no bulb")
        case Deliver(Word(colour="red")):
            return (Outcome(Light("black")), Outcome(Light("off")))
        case _:
            return ()


LAMPS = System(
    name="lamps",
    initial=(Light(), Light()),
    step=lamp,
    network=Network(NetworkKind.UNORDERED, 2, drops=1, duplicates=1),
    spontaneous=(Spontaneous("change"), Spontaneous("break", "breaks", fault=True)),
    budgets={"breaks": 1},
    invariants=(
        Invariant("NeverBlack", "no lamp is black", lambda light: light.colour, lambda views: "black" not in views),
        Invariant("Equal", "nothing", lambda light: light.colour == "black", lambda _views: True),
    ),
    described=Described(
        badge=lambda light: light.colour,
        boxes=lambda light: (Box(light.colour),),
        needs=(Need("NeverBlack", "two red lamps", lambda lights: sum(each.colour == "red" for each in lights), 2),),
    ),
)


def test_a_place_shows_nodes_messages_steps_and_budgets() -> None:
    """Everything that the page draws, after one step."""
    place = Page(LAMPS).take("n0: change")
    assert [(n["name"], n["badge"], n["boxes"], n["acts"]) for n in place["nodes"]] == [
        ("n0", "yellow", [{"text": "yellow", "settled": False}], True),
        ("n1", "green", [{"text": "green", "settled": False}], False),
    ]
    assert place["nodes"][0]["facts"] == [{"name": "colour", "value": "'yellow'", "old": "'green'"}]
    (message,) = place["flight"]
    assert (message["source"], message["target"], message["sent"]) == (0, 1, 1)
    assert [(step["kind"], step["node"], step["fault"], step["message"], step["idle"]) for step in place["steps"]] == [
        ("deliver", 1, False, 0, False),
        ("duplicate", 1, True, 0, False),
        ("drop", None, True, 0, False),
        ("spontaneous", 0, False, None, False),
        ("spontaneous", 1, False, None, False),
    ]
    assert place["budgets"] == [
        {"name": "breaks", "used": 0, "limit": 1},
        {"name": "drops", "used": 0, "limit": 1},
        {"name": "duplicates", "used": 0, "limit": 1},
    ]
    assert [step["text"] for step in place["path"]] == ["n0: change"]
    assert place["diagram"]["drawing"].startswith("<svg")


@often
@given(systems(), st.data())
def test_every_step_leads_where_the_semantics_says(system: System, data: st.DataObject) -> None:
    """On random systems and walks; a link leads back to its place, in another process too."""
    places = Places(system)
    place = places.start
    for _ in range(4):
        is_end = place.step is not None and place.step.after is None
        expected = [] if is_end else list(behaviour.attempts(system, place.state))
        assert len(place.edges) == len(expected)
        if not expected:
            break
        choice = data.draw(st.integers(0, len(place.edges) - 1))
        after = expected[choice][2]
        place = places.end_of([*(each.choice for each in place.chain[1:]), choice])
        assert same(place.state.nodes, (after or place.chain[-2].state).nodes)
        again = Places(system).at(place.link)
        assert behaviour.identity(system, again.state) == behaviour.identity(system, place.state)
        assert again.link == place.link


def test_links_that_fit_no_longer_are_refused_in_one_line() -> None:
    """Changed, of other code, longer than a path, or nothing of the kind."""
    page = Page(LAMPS)
    link = page.take("n0: change", "n0: change")["link"]
    choices, _, digest = link.partition("-")
    other_code = Page(replace(LAMPS, step=lambda light, event: lamp(light, event)[::-1], name="lights"))
    assert "belongs to another system" in other_code.refusal("place", link=link)
    assert "belongs to another system" in page.refusal("place", link=f"{choices}-{digest[::-1]}")
    assert page.refusal("place", link=f"{choices}.99-{digest}").startswith("step 3 of this link isn't possible")
    assert page.refusal("place", link=f"{'0.' * LONGEST_PATH}0-{digest}").startswith("a path here has at most")
    assert page.refusal("place", link="../etc") == "the link '../etc' names no path"


def test_a_promise_is_broken_true_or_has_nothing_to_judge() -> None:
    """And says what it still needs, of whatever it looks at."""
    page = Page(LAMPS)

    def truths(*labels: str) -> list[tuple[str, str]]:
        return [(each["truth"], each["detail"]) for each in page.take(*labels)["promises"]]

    beginning = ("nothing to judge yet", "what it looks at is as it was at the beginning")
    assert truths() == [("nothing to judge yet", "needs two red lamps: none yet"), beginning]
    red = ("n0: change", "n0: change")
    assert truths(*red)[0] == ("nothing to judge yet", "needs two red lamps: 1 so far")
    assert truths(*red, "n1: change")[0][0] == "nothing to judge yet"
    black = next(step for step in page.take(*red)["steps"] if step["breaks"])
    place = page.ask("place", link=black["link"])
    assert (black["breaks"], black["change"]) == ("NeverBlack", "colour: 'green' → 'black'")
    assert place["promises"][0]["truth"] == "broken"
    assert place["conclusion"] == "NeverBlack is broken: no lamp is black"
    assert place["promises"][1]["detail"] == "looks at False, True"


def test_a_step_that_raises_or_has_no_room_ends_its_path() -> None:
    """Both are shown, with what the step would do; nothing follows them."""
    page = Page(replace(LAMPS, network=Network(NetworkKind.UNORDERED, 1)))
    full = page.take("n0: change")
    step = next(each for each in full["steps"] if each["text"] == "n0: change")
    assert not step["leads"]
    assert "more messages in flight than the bounds allow" in step["change"]
    end = page.ask("place", link=step["link"])
    assert (end["steps"], end["conclusion"]) == ([], "")
    assert end["notes"] == ["The path ends here: its last step leads to no state."]
    raising = Page(LAMPS).take("n0: change", "n0: change", "n0: break")
    assert raising["conclusion"] == "the step function raises nothing is broken: it raised ValueError: no bulb"
    assert raising["steps"] == []


def test_a_saved_path_is_replayed_and_becomes_a_test() -> None:
    """To a broken promise, to a new witness, or to neither; only of the last no test can be made."""
    bounds = RaftBounds(servers=2, max_term=1, max_log=1, proposals=1, symmetry=False)
    page = Page(bounds.system(), "raft", bounds.as_dict())
    timeout = page.take("s1: election timeout")
    saved = parse(page.text("path.json", link=timeout["link"]))
    assert replay(saved, system_of(saved)).conclusion == "holds on this path: its step is possible"
    assert not timeout["testable"]
    assert "needs a broken promise" in page.refusal("test.py", link=timeout["link"])
    leader = page.take(
        "s1: election timeout",
        "s2 receives RequestVote(term 1, last entry 0:t0) from s1",
        "s1 receives RequestVoteReply(term 1, granted) from s2",
    )
    assert leader["witnesses"] == ["a leader is elected"]
    saved = parse(page.text("path.json", link=leader["link"]))
    assert replay(saved, system_of(saved)).conclusion == "reached: a leader is elected, after 3 of 3 saved steps"
    assert "def test_a_leader_is_elected_is_reached_on_this_path()" in page.text("test.py", link=leader["link"])
    broken = Page(replace(bounds.system(), invariants=(NOBODY_LEADS,)), "raft", bounds.as_dict())
    link = leader["link"].partition("-")[0]
    place = broken.explorer.places.end_of([int(each) for each in link.split(".")])
    assert parse(broken.text("path.json", link=place.link)).broken == NOBODY_LEADS.name


def test_a_path_that_breaks_a_promise_by_going_on_for_ever_says_so() -> None:
    """By a loop, or because nothing more has to happen; where the code raises that breaks a promise of safety."""
    never = Eventually("Never", "it is never so", Condition(lambda _: 0, lambda _: False))
    stops = Page(replace(LAMPS, liveness=(never,), fairness=(), invariants=()))
    end = stops.take("n0: change")
    assert (end["conclusion"], end["loop"], end["testable"]) == ("Never is broken: it is never so", None, True)
    assert end["reasons"] == ["after 1 step nothing more has to happen"]
    assert stops.take("n0: change", "n0: change")["conclusion"] == ""
    door = Page(next(graph for graph in GRAPHS if graph.name.startswith("weak fairness lets a door")).system())
    assert (door.take("n0: swing")["conclusion"], door.take("n0: swing")["loop"]) == ("", None)
    back = door.take("n0: swing", "n0: swing")
    assert (back["loop"], back["testable"]) == ({"number": 1, "link": ""}, True)
    assert back["reasons"][0].startswith("steps 1 to 2 repeat for ever; that is fair: n0: swing, in step 1")
    assert "from here on for ever" in back["diagram"]["drawing"]


def test_states_around_a_place_are_merged_by_a_view() -> None:
    """By colours there are fewer groups than states; each link leads to a state of its group, at its distance."""
    page = Page(LAMPS)
    whole = page.ask("graph", link="", view="whole states", radius="2")
    merged = page.ask("graph", link="", view="what nodes are", radius="2")
    assert len(whole["nodes"]) > len(merged["nodes"])
    assert sum(node["states"] for node in merged["nodes"]) == len(whole["nodes"])
    assert [node["label"] for node in merged["nodes"][:3]] == [
        ["n0 green", "n1 green"],
        ["n0 yellow", "n1 green"],
        ["n0 green", "n1 yellow"],
    ]
    for node in merged["nodes"]:
        place = page.ask("place", link=node["link"])
        assert [f"{each['name']} {each['badge']}" for each in place["nodes"]] == node["label"]
        assert place["length"] == node["distance"]
    assert {(edge["source"], edge["target"]) for edge in merged["edges"]} >= {(0, 1), (0, 2)}
    assert page.ask("graph", link="", view="what NeverBlack looks at", radius="1")["nodes"][0]["label"] == [
        "n0 'green'",
        "n1 'green'",
    ]
    assert page.refusal("graph", link="", view="whole states", radius="7").startswith("a neighbourhood has a radius")
    assert page.refusal("graph", link="", view="nothing", radius="1") == "there is no view 'nothing' of states"
    assert page.refusal("graph", link="", view="nothing", radius="-1") == "the radius '-1' is no number"


def test_a_large_neighbourhood_says_that_states_are_left_out() -> None:
    """It never grows beyond what can be drawn."""
    page = Page(WALKED.system())
    graph = page.ask("graph", link="", view="states of nodes", radius="4")
    assert graph["left_out"]
    assert len(graph["nodes"]) == 40


@pytest.mark.parametrize("name", [RAFT, *OTHERS, *GENERALS])
def test_every_subject_is_explored(name: str) -> None:
    """Some steps into each, whose facts are words, and back from the file that the page saves."""
    system, subject, bounds = system_named(name, WALKED)
    page = Page(replace(system, symmetry=None), subject, bounds)
    place = page.ask("place", link="")
    for _ in range(5):
        steps = [step for step in place["steps"] if step["leads"] and not step["idle"]]
        place = page.ask("place", link=steps[len(steps) // 2]["link"])
        for node in place["nodes"]:
            assert [fact for fact in node["facts"] if CODE.search(fact["value"])] == [], node["name"]
        for promise in place["promises"]:
            assert not promise["sentence"].endswith(".")
            assert "…" not in promise["detail"]
    assert place["length"] == 5
    saved = parse(page.text("path.json", link=place["link"]))
    assert replay(saved, system_of(saved)).verdict is Verdict.HOLDS


def test_a_page_hears_of_its_own_search_only() -> None:
    """At most one runs; the search of another page ends it, and isn't reported or stopped in its place."""
    page = Page(LAMPS)
    assert page.refusal("search", number="1") == "no search was begun"
    first, second = (page.client.post("api/search/start", params={"link": ""}).json()["number"] for _ in range(2))
    ended = "another page of this explorer began a search, which ended the one of this page"
    assert page.refusal("search", number=str(first)) == ended
    assert page.client.post("api/search/stop", params={"number": str(first)}).json() == {"error": ended}
    report = page.ask("search", number=str(second))
    while report["running"]:
        report = page.ask("search", number=str(second))
    assert "stopped" not in report["line"]


def test_four_generals_agree_and_three_do_not() -> None:
    """Lockstep: a round begins, all its messages arrive, and the traitor's lies are choices among steps."""
    for name, promise in (("generals", ""), ("three-generals", "IC2")):
        system, *_ = system_named(name, WALKED)
        places = Places(system)
        assert {name for name in _ends(places) if name} == {promise} - {""}


def _ends(places: Places) -> set[str]:
    """Return the promises that some place breaks."""
    broken, known, waiting = set[str](), set[Any](), [places.start]
    while waiting:
        place = waiting.pop()
        broken.add(place.broken)
        choices = [each.choice for each in place.chain[1:]]
        for number, (_, _, after) in enumerate(place.edges):
            if after is not None and (name := behaviour.identity(places.system, after)) not in known:
                known.add(name)
                waiting.append(places.end_of([*choices, number]))
    return broken


def test_nothing_else_is_answered() -> None:
    """Nothing without the token, for another host, or outside of the page's own files."""
    page = Page(LAMPS)
    assert page.client.get("").headers["content-security-policy"].startswith("default-src 'self'")
    for file in File(ASSETS).iterdir():
        assert page.client.get(f"assets/{file.name}").status_code == 200
        assert "http" not in file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert page.client.get("http://127.0.0.1/api/subject").status_code == 404
    assert page.client.get("api/subject", headers={"host": "evil.example"}).status_code == 400
    with pytest.raises(UnusableSystemError):
        Places(LAMPS).at("0")
