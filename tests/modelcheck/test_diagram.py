"""The sequence diagram shows what happened: who sent what to whom, what became of it, and what each step changed."""

import io
import json
import re
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from rich.console import Console

from engine_agreement import by_reference
from nightly import EXAMPLES
from quorate.raft import AppendEntries, AppendEntriesReply, Configuration, Entry, Message, RequestVoteReply
from quorate_check.core import behaviour, reference
from quorate_check.core.invariants import Invariant, Over
from quorate_check.core.path import MoveKind, Path, Step
from quorate_check.core.system import Deliver, Network, NetworkKind, Outcome, Spontaneous, System
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.pictures import LABELS, brief
from quorate_check.raft.spec import SpecBounds
from quorate_check.raft.traitor.bounds import TraitorBounds
from quorate_check.raft.traitor.subject import Traitor
from quorate_check.tell.described import Box, Described, Label, described
from quorate_check.tell.diagram import ASCII, UNICODE, boxes_text, diagram_lines, ending_lines, fits, glyphs_for, legend
from quorate_check.tell.page import data, page
from quorate_check.tell.path_text import path_as_dict
from quorate_check.tell.report import print_path
from quorate_check.tell.story import Fate, Story, story
from quorate_check.tell.wrapping import HARD_BLANK, wrap
from random_systems import often, systems


@dataclass(frozen=True, slots=True)
class Token:
    """Goes from node to node."""

    source: int
    dest: int


def passing(local: int, event: object) -> tuple[Outcome, ...]:
    """A node counts tokens; "go" sends one from the first node to each other."""
    match event:
        case Deliver(Token()):
            return (Outcome(local + 1),)
        case "crash":
            return (Outcome(0),)
        case _:
            return (Outcome(local, (Token(0, 1), Token(0, 2))),)


PASSING = System(
    name="passing",
    initial=(0, 0, 0),
    step=passing,
    network=Network(NetworkKind.UNORDERED, 4, drops=1, duplicates=1),
    source=lambda m: m.source,
    destination=lambda m: m.dest,
    spontaneous=(Spontaneous("go", "goes"), Spontaneous("crash", "crashes", fault=True)),
    budgets={"goes": 1, "crashes": 1},
    described=Described(
        event=lambda e: f"a token for {e.dest}" if isinstance(e, Token) else str(e),
        brief=lambda e: "token" if isinstance(e, Token) else str(e),
        marks=lambda _before, after: (f"has {after}",),
        boxes=lambda n: tuple(Box(f"b{i}", settled=i == 0) for i in range(n)),
    ),
)
GO, CRASH = (MoveKind.SPONTANEOUS, 0, "go"), (MoveKind.SPONTANEOUS, 1, "crash")


def walked(system: System, *wanted: tuple[MoveKind, int | None, object]) -> Path:
    """A path of these moves, made by the system itself."""
    now, steps = behaviour.start(system), list[Step]()
    for kind, node, event in wanted:
        found = next(
            Step(m, after)
            for m, _, after in behaviour.moves(system, now)
            if (m.kind, m.node, m.event) == (kind, node, event)
        )
        steps.append(found)
        assert found.after is not None
        now = found.after
    return Path(now if not steps else behaviour.start(system), tuple(steps), "")


def drawn(told: Story, width: int = 80) -> list[str]:
    """The diagram, line by line."""
    return list(diagram_lines(told, width))


def test_messages_are_arrows_from_their_sender_to_their_receiver_and_say_what_became_of_them() -> None:
    """Delivered, delivered as a copy, lost, and in flight when the path ends; boxes, marks, failures."""
    told = story(
        PASSING,
        walked(
            PASSING,
            GO,
            (MoveKind.DUPLICATE, 1, Token(0, 1)),
            CRASH,
            (MoveKind.DROP, None, Token(0, 2)),
        ),
    )
    assert drawn(told, 62) == [
        "   n0                 n1                 n2",
        "1  ● go               │                  │",
        "2  │ token (a copy    │                  │",
        "   │ stays)           │                  │",
        "   │─────────────────▶│                  │",
        "   │                  │ has 1, ▐b0▌      │",
        "3  │                  ✖ crash            │",
        "   │                  │ has 0, holds     │",
        "   │                  │ nothing          │",
        "4  │─ token [1] ──────┼─────────────────✗│",
        "   │                  │                  │",
        "   │╌ token [1] ╌╌╌╌╌▷│                  │",
    ]
    assert [s.arrow.fate if s.arrow else None for s in told.scenes] == [None, Fate.COPIED, None, Fate.LOST]
    assert [arrow.fate for arrow in told.pending] == [Fate.IN_FLIGHT]
    assert legend(told) == "✖ a failure, ─✗ lost, ╌▷ in flight when it ends, ▐settled▌, [n] sent in step n"


def test_labels_that_occur_are_explained_and_no_others() -> None:
    """Below the picture and on the page; of a cut story only those of the part that is shown."""
    words = described(PASSING)
    labels = (
        Label(r"^token", "token: who has it goes on"),
        Label(r"^has \d", "has n: holds n boxes"),
        Label("^x", "x: no"),
    )
    explained = replace(PASSING, described=replace(words, labels=labels))
    told = story(explained, walked(explained, GO, (MoveKind.DUPLICATE, 1, Token(0, 1)), CRASH))
    assert told.meanings == ("token: who has it goes on", "has n: holds n boxes")
    assert legend(told).endswith("[n] sent in step n; token: who has it goes on; has n: holds n boxes")
    assert '<p id="labels">token: who has it goes on; has n: holds n boxes.</p>' in page(told, "a path")
    begin = replace(told, scenes=(), pending=())
    assert begin.meanings == ()
    assert 'id="labels"' not in page(begin, "nothing happens")


MESSAGES = {
    AppendEntriesReply(2, 1, 1, success=True, match_index=1): ["t1", "holds n"],
    AppendEntriesReply(2, 1, 2, success=False, prev_log_index=1): ["t1", "differs at n"],
    AppendEntries(1, 2, 1, 0, 0, (Entry(1, b"1"),), 0): ["t1", "t1 x1"],
    AppendEntries(1, 2, 1, 1, 1, (), 1): ["t1", "after n", "commit n"],
    AppendEntries(1, 2, 1, 0, 0, (Entry(1, None, Configuration((1, 3), (1, 2))),), 0): ["t1", "{a→b}"],
    RequestVoteReply(2, 1, 1, vote_granted=True): ["t1"],
}


@pytest.mark.parametrize("message", MESSAGES, ids=brief)
def test_what_is_special_in_a_label_of_raft_is_explained(message: Message) -> None:
    """Each label that a message of the core has is found by the pattern of its explanation."""
    found = [label.meaning.partition(":")[0] for label in LABELS if re.search(label.pattern, brief(message))]
    assert found == MESSAGES[message]


def test_of_a_very_long_path_the_end_is_drawn_and_the_rest_is_counted() -> None:
    """A walk of hundreds of steps mustn't scroll everything else away."""
    counter = replace(
        PASSING,
        initial=(0,),
        step=lambda n, _event: (Outcome(n + 1),),
        spontaneous=(Spontaneous("go"),),
        invariants=(Invariant("Few", "at most 99", lambda n: n, lambda v: v[0] < 100, Over.EACH),),
    )
    path = reference.explore(counter).path
    assert path is not None
    console = Console(file=io.StringIO(), width=80, highlight=False, markup=False)
    print_path(console, counter, path, hint=False)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert any(line.startswith("60 steps are left out here") for line in lines)
    numbers = [int(line.split()[0]) for line in lines if line.split()[1:2] == ["●"]]
    assert numbers == list(range(61, 101))


@pytest.mark.parametrize("width", [40, 60, 80, 110, 200])
def test_a_diagram_fits_the_width_and_loses_nothing(width: int) -> None:
    """Whatever doesn't fit beside its arrow is wrapped above it."""
    leads = Invariant("NobodyLeads", "ever", lambda s: s.record.terms_led, lambda v: not v[0], Over.EACH)
    system = replace(RaftBounds().system(), invariants=(leads,))
    path = reference.explore(system).path
    assert path is not None
    told = story(system, path)
    lines = drawn(told, width)
    assert max(map(len, lines)) <= width
    for scene in told.scenes:
        assert any(line.lstrip().startswith(f"{scene.number} ") for line in lines)
    words = " ".join(" ".join(lines).replace("│", " ").split())
    for said in ("election timeout", "RequestVote t1", "vote granted,", "term 1, candidate", "leader"):
        assert said in words


def test_long_names_are_wrapped_and_stay_apart() -> None:
    """Each in its own column, whole."""
    names = tuple(f"votes of view number {n} of the members" for n in (1, 2, 3))
    picture = replace(story(PASSING, Path(behaviour.start(PASSING), (), "")), names=names)
    lines = list(diagram_lines(picture, 60))
    begins = [lines[0].index("votes"), *(m.start() for m in re.finditer("votes", lines[0]))][1:]
    assert len(begins) == 3
    for name, first, last in zip(names, begins, (*begins[1:], None), strict=True):
        cells = [line[first:last] for line in lines]
        assert " ".join(" ".join(cells).split()).startswith(name)
        assert all(cell.endswith(" ") for cell in cells if last is not None)


def test_a_console_that_is_too_narrow_for_columns_gets_the_steps_in_words() -> None:
    """And so does whoever asks for details, after the diagram."""
    path = walked(PASSING, GO, (MoveKind.DELIVER, 2, Token(0, 2)))
    assert not fits(story(PASSING, path), 30)
    for width, detail, picture, words in ((30, False, False, True), (80, False, True, False), (80, True, True, True)):
        console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
        print_path(console, PASSING, path, hint=False, detail=detail)
        assert isinstance(console.file, io.StringIO)
        text = console.file.getvalue()
        assert ("● go" in text, "2. n2 receives a token for 2" in text) == (picture, words)


def test_a_path_that_was_not_chosen_says_so() -> None:
    """Where the most readable path would have been too much work, nobody should take this one for it."""
    path = replace(walked(PASSING, GO), note="This is one of the shortest paths, as it was found.")
    console = Console(file=io.StringIO(), width=80, highlight=False, markup=False)
    print_path(console, PASSING, path, hint=False)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().endswith("\nThis is one of the shortest paths, as it was found.\n")
    assert path_as_dict(PASSING, path)["note"] == path.note


@pytest.mark.parametrize(
    ("encoding", "glyphs"), [("utf-8", UNICODE), ("ascii", ASCII), ("latin-1", ASCII), (None, ASCII)]
)
def test_what_the_terminal_cannot_show_is_drawn_with_what_it_can(encoding: str | None, glyphs: object) -> None:
    """Line by line the same picture."""
    assert glyphs_for(encoding) is glyphs
    told = story(PASSING, walked(PASSING, GO, (MoveKind.DELIVER, 2, Token(0, 2)), CRASH))
    plain = list(diagram_lines(told, 80, ASCII))
    assert all(line.isascii() for line in (*plain, *ending_lines(told, 80, ASCII), legend(told, ASCII)))
    assert [len(line) for line in plain] == [len(line) for line in drawn(told)]


def test_a_message_tells_when_it_was_sent_unless_that_was_just_before() -> None:
    """Late messages are what counterexamples are about."""
    told = story(PASSING, walked(PASSING, GO, (MoveKind.DELIVER, 1, Token(0, 1)), (MoveKind.DELIVER, 2, Token(0, 2))))
    assert [scene.arrow.sending_step for scene in told.scenes if scene.arrow] == [1, 1]
    text = "\n".join(drawn(told))
    assert "2  │─ token ─" in text
    assert "3  │─ token [1] ─" in text


def test_what_a_traitor_says_comes_from_a_column_of_its_own() -> None:
    """It has no node, and its lies are arrows like any other."""
    system = TraitorBounds(RaftBounds(max_term=1, max_log=0, proposals=0), Traitor.VOTE).system()
    path = reference.explore(replace(system, symmetry=None)).path
    assert path is not None
    told = story(system, path)
    assert told.names == ("s1", "s2", "s3, the traitor")
    assert told.nodes == 2
    assert 2 in {scene.arrow.source for scene in told.scenes if scene.arrow}
    assert told.breakage.why == "s1 and s2 both led term 1."


@settings(often, max_examples=EXAMPLES or 40, suppress_health_check=[HealthCheck.filter_too_much])
@given(systems(), st.integers(12, 40))
def test_whatever_happens_in_any_system_can_be_drawn(system: System, column: int) -> None:
    """Every network, rounds, losses, copies, exceptions: each step has its number, each message that moves an arrow."""
    path, _ = by_reference(system, at_most=200)
    assume(path.path is not None)
    assert path.path is not None
    told = story(system, path.path)
    width = column * len(told.names) + 6
    assert fits(told, width)
    for glyphs in (UNICODE, ASCII):
        lines = list(diagram_lines(told, width, glyphs))
        assert max(map(len, lines)) <= width
        numbers = [line.split()[0] for line in lines if line[:1] != " " or line.split()[:1][0].isdigit()]
        assert [n for n in numbers if n.isdigit()] == [str(scene.number) for scene in told.scenes]
    moved = {MoveKind.DELIVER, MoveKind.DUPLICATE, MoveKind.DROP}
    assert [scene.kind in moved for scene in told.scenes] == [scene.arrow is not None for scene in told.scenes]
    drawn_page = page(told, "any system")
    assert drawn_page.count('class="scene"') == len(told.scenes)
    assert len(json.loads(data(told))["steps"]) == len(told.scenes)


def test_many_boxes_show_their_end() -> None:
    """A log of a thousand entries must not fill the screen."""
    system = replace(PASSING, initial=(9, 0, 0))
    (ending,) = ending_lines(story(system, Path(behaviour.start(system), (), "")), 80)
    assert ending == "n0  (5 before) ▕b5▏▕b6▏▕b7▏▕b8▏"


def test_boxes_and_entries_are_not_broken_across_lines() -> None:
    """A line ends between two boxes, before a bracket, or where there is nothing else to do."""
    boxes = boxes_text((Box("t1 no-op", settled=True), Box("t1 21 bytes")), UNICODE)
    lines = [line.replace(HARD_BLANK, " ") for line in wrap(f"commit 1, {boxes}", 22)]
    assert lines == ["commit 1, ▐t1 no-op▌", "▕t1 21 bytes▏"]
    assert wrap("has\n s2", 22) == ["has s2"]
    assert wrap("x" * 30, 12) == ["x" * 12, "x" * 12, "x" * 6]


def test_a_path_of_the_specification_names_its_actions() -> None:
    """An action of its own by its name, a message by the action that receives it in this way."""
    leads = Invariant("NobodyLeads", "ever", lambda s: s.led, lambda v: not v[0], Over.EACH)
    path = reference.explore(replace(SpecBounds(symmetry=False).system(), invariants=(leads,))).path
    assert path is not None
    told = story(SpecBounds(symmetry=False).system(), path)
    actions = [rule.name for scene in told.scenes for rule in scene.rules]
    assert actions == [
        "Timeout",
        "RequestVote",
        "UpdateTerm",
        "HandleRequestVote",
        "HandleRequestVoteReply",
        "BecomeLeader",
    ]
    text = "\n".join(drawn(told))
    assert all(said in text for said in ("term 1, candidate", "─ RequestVote t1 ─", "votes for s1", "vote granted, t1"))
