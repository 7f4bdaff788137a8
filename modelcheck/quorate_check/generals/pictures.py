"""A run of the generals as a picture: a column for each general, an arrow for each word that reaches a loyal one.

What a loyal general makes of it is what the code that runs makes of it: he is stepped again here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from quorate.generals import COMMANDER, General, Message
from quorate.generals.words import tell
from quorate_check.core.path import MoveKind
from quorate_check.generals.rounds import Arrival, Game
from quorate_check.generals.subject import Example, game
from quorate_check.tell.path_text import Breakage
from quorate_check.tell.story import Arrow, Column, Fate, Scene, Story

NOTE = "What is told to traitors isn't shown: what they say doesn't depend on it, but for signatures."


def drawn(example: Example, sentence: str, decisions: str) -> Story:
    """Return the example as it is drawn, ending with who decided what and the `sentence` that this contradicts."""
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
    )


@dataclass(slots=True)
class _Run:
    """Where the run stands: the loyal generals, and what each has heard."""

    example: Example
    game: Game
    nodes: dict[int, General] = field(default_factory=dict)
    heard: dict[int, list[str]] = field(default_factory=dict)
    number: int = 0

    def __post_init__(self) -> None:
        self.nodes = dict(self.game.start)

    @property
    def liars(self) -> frozenset[int]:
        """Those who say what they like."""
        return frozenset(range(self.example.instance.rules.n)) - self.nodes.keys()

    def scenes(self) -> Iterator[Scene]:
        """Yield each round: its beginning, what arrives, and in the end what everybody decides."""
        for number, arrivals in enumerate(self.example.record.rounds, start=1):
            for i in self.nodes:
                self._end_round(i)
            yield self._scene(MoveKind.ROUND, None, f"round {number}")
            for dest, arrived in zip(self.nodes, arrivals, strict=True):
                for arrival in arrived:
                    yield from self._arrival(dest, arrival)
        for i in self.nodes:
            self._end_round(i)
            yield self._scene(MoveKind.ROUND_END, i, f"decides {self._decisions()[i]}")

    def columns(self) -> tuple[Column, ...]:
        """Return how all generals stand."""
        decisions = self._decisions()
        return tuple(self._column(i, decisions) for i in range(self.example.instance.rules.n))

    def _end_round(self, i: int) -> None:
        self.nodes[i], _ = self.game.end_round(self.nodes[i])

    def _arrival(self, dest: int, arrival: Arrival) -> Iterator[Scene]:
        """Yield what became of one message, if there is one."""
        slot, arrived = arrival
        sent: Message | None = slot.sent
        message = arrived if sent is None else sent
        if message is None:
            return  # a traitor's silence
        words = tell(message)
        if arrived is not None:
            self.nodes[dest] = self.game.receive(self.nodes[dest], arrived)
            self.heard.setdefault(dest, []).append(f"{message.source} “{tell(arrived)}”")
            words += "" if arrived == message else f", arrives as {tell(arrived)}"
        fate = Fate.LOST if arrived is None else Fate.DELIVERED
        arrow = Arrow(message.source, dest, words, f"general {message.source} tells {dest} “{words}”", fate)
        kind = MoveKind.DROP if arrived is None else MoveKind.DELIVER
        yield self._scene(kind, dest, words, arrow, fault=arrived != message)

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
        facts = (("heard", "; ".join(self.heard.get(i, ())) or "nothing"), ("decided", decisions[i]))
        return Column(role, (), facts)
