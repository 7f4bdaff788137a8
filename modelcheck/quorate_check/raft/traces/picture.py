"""The last steps before a line of traces that breaks a rule, as a story to draw."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from quorate.raft import Message, NodeId, Receive
from quorate_check.conformance.report import NO_RULE
from quorate_check.conformance.sequences import Sequence
from quorate_check.core.path import MoveKind
from quorate_check.raft.bounds import DESCRIBED
from quorate_check.raft.pictures import brief, log_text, marks_of_core
from quorate_check.raft.rules import rule
from quorate_check.raft.subject import CoreNode, Record
from quorate_check.raft.traces.check import TraceCheck
from quorate_check.raft.traces.findings import SENTENCES, TraceFinding
from quorate_check.raft.traces.lines import LineEffects
from quorate_check.raft.traces.server import TracedServer
from quorate_check.raft.traces.window import ServerStep
from quorate_check.raft.words import describe_event
from quorate_check.tell.described import Rule
from quorate_check.tell.path_text import Breakage
from quorate_check.tell.story import Arrow, Column, Fate, Scene, Story
from quorate_check.traces.reading import Place

LINES: Final = 200
STEPS: Final = 60
UNKNOWN: Final = Column("", (), ())  # a server before its first line


@dataclass
class LastLines:
    """The last LINES lines that a check judged, each with the actions that explain its step."""

    steps: int = 0
    _lines: deque[tuple[LineEffects, Sequence | None]] = field(default_factory=deque)
    _servers: dict[NodeId, TracedServer] = field(default_factory=dict)  # before the first of the lines

    def add(self, line: LineEffects, sequence: Sequence | None) -> None:
        """Remember a line, as an observer of a TraceCheck."""
        self.steps += line.step is not None
        self._lines.append((line, sequence))
        if len(self._lines) > LINES:
            oldest, _ = self._lines.popleft()
            self._servers[oldest.server.state.id] = oldest.server

    def story(self, check: TraceCheck, finding: TraceFinding) -> Story:
        """Return the last STEPS steps up to `finding` of `check` as a story."""
        refused = [] if check.refused is None else [check.refused]
        lines = [*self._lines, *((line, None) for line in refused)]
        nodes = sorted({line.server.state.id for line, _ in lines} | set(self._servers))
        steps = [(line, actions) for line, actions in lines if line.step is not None or line in refused][-STEPS:]
        begin = dict.fromkeys(nodes, UNKNOWN) | {node: _column(server) for node, server in self._servers.items()}
        first = steps[0][0] if steps else None  # none where what the traces begin with breaks a rule
        for line, _ in lines:
            if line is first:
                break
            begin[line.server.state.id] = _column(line.server)
        last = self.steps + len(refused)
        numbers = {line.place: last - len(steps) + number for number, (line, _) in enumerate(steps, 1)}
        senders = {message: numbers.get(origin) for line, _ in lines for message, origin in line.departures}
        return Story(
            subject="traces of a cluster",
            names=tuple(f"s{node}" for node in nodes),
            nodes=len(nodes),
            begin=tuple(begin.values()),
            scenes=tuple(_Scenes(nodes, begin, numbers, senders, refused).of(steps)),
            pending=(),
            broken=finding.rule.value,
            breakage=Breakage(SENTENCES[finding.rule], (), f"{finding.place}: {finding.what}"),
            first=last - len(steps) + 1,
            labels=DESCRIBED.labels,
        )


@dataclass
class _Scenes:
    nodes: list[NodeId]
    columns: dict[NodeId, Column]
    numbers: dict[Place, int]
    senders: dict[Message, int | None]
    refused: list[LineEffects]  # these were never judged

    def of(self, steps: list[tuple[LineEffects, Sequence | None]]) -> Iterator[Scene]:
        """Yield a scene for each step, or for the line that is refused."""
        for line, sequence in steps:
            server, step = line.server, line.step
            node = server.state.id
            event = "crash and restart" if line.event is None else _text(line)
            marks = () if step is None else marks_of_core(_core(step.before), _core(step.after))
            self.columns = {**self.columns, node: _column(server)}
            yield Scene(
                number=self.numbers[line.place],
                kind=MoveKind.DELIVER if isinstance(line.event, Receive) else MoveKind.SPONTANEOUS,
                node=self.nodes.index(node),
                text=f"s{node} receives {event}" if isinstance(line.event, Receive) else f"s{node}: {event}",
                change="" if step is None else _change(step, marks),
                label=event,
                arrow=self._arrow(line),
                fault=line.crash is not None,
                marks=marks,
                sent=() if step is None else tuple(f"{brief(m)} to s{m.dest}" for m in step.sent),
                rules=() if line in self.refused else _rules(sequence),
                columns=tuple(self.columns.values()),
            )

    def _arrow(self, line: LineEffects) -> Arrow | None:
        if not isinstance(line.event, Receive) or line.event.message.source not in self.nodes:
            return None
        message = line.event.message
        source, target = self.nodes.index(message.source), self.nodes.index(message.dest)
        return Arrow(source, target, brief(message), _text(line), Fate.DELIVERED, self.senders.get(message))


def _change(step: ServerStep, marks: tuple[str, ...]) -> str:
    old, new = step.before.state.log, step.after.state.log
    log = () if old == new else (f"log {log_text(new)}",)
    return "; ".join((*marks, *log)) or "nothing changes"


def _text(line: LineEffects) -> str:
    assert line.event is not None, "a restart has no event"
    return describe_event(line.event.message if isinstance(line.event, Receive) else line.event)


def _rules(sequence: Sequence | None) -> tuple[Rule, ...]:
    return (NO_RULE,) if sequence is None else tuple(dict.fromkeys(map(rule, sequence)))


def _core(server: TracedServer) -> CoreNode:
    return CoreNode(server.state, server.durable, record=Record(terms_led=server.terms_led))


def _column(server: TracedServer) -> Column:
    node = _core(server)
    return Column(DESCRIBED.badge(node), DESCRIBED.boxes(node), DESCRIBED.facts(node))
