"""The last steps before a step of BFT members that breaks a rule, as a story to draw."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from quorate.bft import Certificate, Decide, Message, NodeId, Prepared, Propose, Receive, State, Submit, Timeout, Vote
from quorate_check.bft.rules import rule
from quorate_check.bft.traces.check import TraceCheck
from quorate_check.bft.traces.findings import SENTENCES, TraceFinding, short
from quorate_check.bft.traces.replay import MemberStep
from quorate_check.bft.words import LABELS, PHASES
from quorate_check.conformance.report import NO_RULE
from quorate_check.conformance.sequences import Sequence
from quorate_check.core.path import MoveKind
from quorate_check.tell.path_text import Breakage
from quorate_check.tell.story import Arrow, Column, Fate, Scene, Story

STEPS: Final = 60
UNKNOWN: Final = Column("", (), ())  # a member before its first step
EVENTS: Final = {
    "ViewTimeout": "the view times out",
    "WaitOver": "it has waited long enough",
    "NoneType": "crash and restart",
}


@dataclass
class LastSteps:
    """The last STEPS steps that a check judged, each with the actions that explain it."""

    count: int = 0
    _steps: deque[tuple[MemberStep, Sequence]] = field(default_factory=lambda: deque(maxlen=STEPS))

    def add(self, step: MemberStep, sequence: Sequence) -> None:
        """Remember a step, as an observer of a TraceCheck."""
        self.count += 1
        self._steps.append((step, sequence))

    def story(self, check: TraceCheck, finding: TraceFinding) -> Story:
        """Return the last steps up to `finding` of `check` as a story."""
        steps: list[tuple[MemberStep, Sequence | None]] = list(self._steps)
        count, refused = self.count, check.refused
        # A step that breaks a promise was explained before it was compared with others, and is the last here.
        is_judged = bool(steps) and steps[-1][0] is refused
        if refused is not None and refused.before is not None and not is_judged:
            steps.append((refused, None))
            count += 1
        nodes = sorted(member.file.node for member in check.members)
        columns = dict.fromkeys(nodes, UNKNOWN)
        for step, _ in reversed(steps):
            assert step.before is not None, "a step has a state before it"
            columns[step.after.id] = _column(step.before)
        first = count - len(steps) + 1
        senders = {
            replace(message, dest=0): number for number, (step, _) in enumerate(steps, first) for message in step.sent
        }
        return Story(
            subject="traces of a cluster",
            names=tuple(f"s{node}" for node in nodes),
            nodes=len(nodes),
            begin=tuple(columns.values()),
            scenes=tuple(_scenes(steps, first, columns, senders)),
            pending=(),
            broken=finding.rule.value,
            breakage=Breakage(SENTENCES[finding.rule], (), f"{finding.place}: {finding.what}"),
            first=first,
            labels=LABELS,
        )


def _scenes(
    steps: list[tuple[MemberStep, Sequence | None]],
    first: int,
    columns: dict[NodeId, Column],
    senders: dict[Message, int],
) -> Iterator[Scene]:
    """Yield a scene for each step; `senders` has the numbers of the steps that sent messages."""
    nodes = list(columns)
    for number, (step, sequence) in enumerate(steps, first):
        node, message = step.after.id, step.event.message if isinstance(step.event, Receive) else None
        columns = {**columns, node: _column(step.after)}
        assert step.before is not None, "a step has a state before it"
        marks = _marks(step.before, step.after)
        yield Scene(
            number=number,
            kind=MoveKind.SPONTANEOUS if message is None else MoveKind.DELIVER,
            node=nodes.index(node),
            text=f"s{node}: {_event(step)}" if message is None else f"s{node} receives {_brief(message)}",
            change="; ".join(marks) or "nothing changes",
            label=_event(step),
            arrow=_arrow(message, node, nodes, senders),
            fault=step.event is None,
            marks=marks,
            sent=tuple(f"{_brief(each)} to s{each.dest}" for each in step.sent),
            rules=(NO_RULE,) if sequence is None else tuple(dict.fromkeys(map(rule, sequence))),
            columns=tuple(columns.values()),
        )


def _arrow(message: Message | None, node: NodeId, nodes: list[NodeId], senders: dict[Message, int]) -> Arrow | None:
    if message is None or message.source not in nodes:
        return None
    text = _brief(message)
    sender = senders.get(replace(message, dest=0))
    return Arrow(nodes.index(message.source), nodes.index(node), text, text, Fate.DELIVERED, sender)


def _event(step: MemberStep) -> str:
    match step.event:
        case Receive(message):
            return _brief(message)
        case Submit(digest):
            return f"a client wants {short(digest)}"
        case _:
            return EVENTS[type(step.event).__name__]


def _brief(message: Message) -> str:
    match message:
        case Propose():
            text = f"proposal: {short(message.digest)}"
        case Vote():
            text = f"{PHASES[message.phase]} vote: {short(message.digest)}"
        case Prepared(certificate=certificate) | Decide(certificate=certificate):
            return f"{PHASES[certificate.phase]} certificate: {_certified(certificate)}, i{certificate.index}"
        case Timeout():
            text = "timeout"
    return f"{text}, i{message.index} v{message.view}"


def _certified(certificate: Certificate) -> str:
    return f"{short(certificate.digest)} v{certificate.view}"


def _marks(before: State, after: State) -> tuple[str, ...]:
    """Return a short text for each change of a step."""
    if after.index > before.index:
        return tuple(
            f"decides {short(decision.digest)} at index {index}"
            for index in range(before.index, after.index)
            if (decision := after.decisions.at(index)) is not None
        )
    marks = [f"view {after.view}"] if after.view != before.view else []
    if after.lock not in {None, before.lock} and after.lock is not None:
        marks.append(f"locked on {_certified(after.lock)}")
    if after.accepted is not None and after.accepted != before.accepted:
        marks.append(f"votes for {short(after.accepted.digest)}")
    return tuple(marks)


def _column(state: State) -> Column:
    facts = (
        ("index", str(state.index)),
        ("view", str(state.view)),
        ("accepted", "nothing" if state.accepted is None else short(state.accepted.digest)),
        ("lock", "none" if state.lock is None else _certified(state.lock)),
        ("committed_view", str(state.committed_view)),
        ("proposed_view", str(state.proposed_view)),
        ("known", str(len(state.known))),
        ("votes", str(len(state.votes))),
    )
    badge = f"i{state.index} v{state.view}" + (", leads" if state.leads else "")
    return Column(badge, (), facts)
