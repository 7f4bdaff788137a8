"""A run of the generals as a picture: a column for each general, an arrow for each message to a loyal one.

The states of loyal generals are those of the real code, which is run again here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from quorate.generals import COMMANDER, General, Message
from quorate.generals.words import tell
from quorate_check.core.path import MoveKind
from quorate_check.generals.rounds import Arrival, Game
from quorate_check.generals.subject import Example, game
from quorate_check.tell.described import Label
from quorate_check.tell.path_text import Breakage
from quorate_check.tell.story import Arrow, Column, Fate, Scene, Story

NOTE = "Messages to traitors aren't shown: apart from signatures, a traitor's messages don't depend on them."
LABELS = (
    Label("^INIT ", "INIT: the commander's order"),
    Label("^ECHO ", "ECHO: the order that the sender was given"),
    Label("^READY ", "READY: enough have echoed the order, or are ready themselves"),
    Label(", arrives as ", "arrives as: changed on its way"),
)


def story_of_run(example: Example, sentence: str, decisions: str) -> Story:
    """Return the story of the example; it ends with the decisions and the `sentence` that they contradict."""
    rules, run = example.instance.rules, _Run(example, game(example.instance, example.setup))
    begin = run.columns()
    scenes = tuple(run.scenes())
    return Story(
        subject=f"{rules.protocol.value}, {rules.n} generals",
        names=tuple(f"general {i}" for i in range(rules.n)),
        nodes=rules.n,
        begin=begin,
        scenes=scenes,
        pending=(),
        broken=example.broken,
        breakage=Breakage(sentence, (), decisions),
        note=NOTE if run.liars else "",
        labels=LABELS,
    )


@dataclass(slots=True)
class _Run:
    """The state of a run: the loyal generals, and the messages that each has received."""

    example: Example
    game: Game
    nodes: dict[int, General] = field(default_factory=dict)
    received: dict[int, list[str]] = field(default_factory=dict)
    number: int = 0

    def __post_init__(self) -> None:
        self.nodes = dict(self.game.start)

    @property
    def liars(self) -> frozenset[int]:
        """The traitors: the generals that the run doesn't step."""
        return frozenset(range(self.example.instance.rules.n)) - self.nodes.keys()

    def scenes(self) -> Iterator[Scene]:
        """Yield the scenes of each round: its start, its arrivals, and at last the decisions."""
        for number, arrivals in enumerate(self.example.record.rounds, start=1):
            for i in self.nodes:
                self._end_round(i)
            yield self._scene(MoveKind.ROUND, None, f"round {number}")
            for dest, row in zip(self.nodes, arrivals, strict=True):
                for arrival in row:
                    yield from self._arrival(dest, arrival)
        for i in self.nodes:
            self._end_round(i)
            yield self._scene(MoveKind.ROUND_END, i, f"decides {self._decisions()[i]}")

    def columns(self) -> tuple[Column, ...]:
        """Return the column of each general."""
        decisions = self._decisions()
        return tuple(self._column(i, decisions) for i in range(self.example.instance.rules.n))

    def _end_round(self, i: int) -> None:
        self.nodes[i], _ = self.game.end_round(self.nodes[i])

    def _arrival(self, dest: int, arrival: Arrival) -> Iterator[Scene]:
        """Yield the scene of one message; none for a traitor's silence."""
        slot, delivery = arrival
        sent: Message | None = slot.sent
        message = delivery if sent is None else sent
        if message is None:
            return  # a traitor's silence
        words = tell(message)
        if delivery is not None:
            self.nodes[dest] = self.game.receive(self.nodes[dest], delivery)
            self.received.setdefault(dest, []).append(f"{message.source} “{tell(delivery)}”")
            words += "" if delivery == message else f", arrives as {tell(delivery)}"
        fate = Fate.LOST if delivery is None else Fate.DELIVERED
        arrow = Arrow(message.source, dest, words, f"general {message.source} tells {dest} “{words}”", fate)
        kind = MoveKind.DROP if delivery is None else MoveKind.DELIVER
        yield self._scene(kind, dest, words, arrow, fault=delivery != message)

    def _scene(
        self, kind: MoveKind, node: int | None, label: str, arrow: Arrow | None = None, *, fault: bool = False
    ) -> Scene:
        self.number += 1
        text = label if node is None else f"general {node} {label}"
        if arrow is not None:
            text = arrow.text if arrow.fate is Fate.DELIVERED else f"{arrow.text}, which is {arrow.fate.value}"
        return Scene(self.number, kind, node, text, "", label, arrow, fault, (), (), (), self.columns())

    def _decisions(self) -> Mapping[int, str]:
        return {i: "nothing" if node.decision is None else node.decision.name for i, node in self.nodes.items()}

    def _column(self, i: int, decisions: Mapping[int, str]) -> Column:
        setup, commander = self.example.setup, self.example.instance.has_commander
        if i in self.liars:
            return Column("traitor", (), (("tells", "whatever he likes"),))
        order = setup.orders[i].name
        role = f"{'traitor, says' if i in setup.traitors else 'wants'} {order}"
        if commander:
            role = f"commander, orders {order}" if i == COMMANDER else "lieutenant"
        facts = (("heard", "; ".join(self.received.get(i, ())) or "nothing"), ("decided", decisions[i]))
        return Column(role, (), facts)
