"""The small model as a system for the engine, and the text and pictures of its paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import assert_never

from quorate_check.core.invariants import Invariant, Witness
from quorate_check.core.path import GlobalState, Move, MoveKind, Path, Step
from quorate_check.core.system import Network, NetworkKind, Spontaneous, System
from quorate_check.raft.ladder.voting import (
    EVENTS,
    HONEST,
    START,
    TRAITOR,
    Cluster,
    Event,
    HonestServer,
    StepKind,
    Voting,
    VotingRule,
)
from quorate_check.raft.pictures import LABELS
from quorate_check.tell import phrases
from quorate_check.tell.described import Box, Described, Label

NAME = "raft-ladder"
SAFETY = "StateMachineSafety"
SENTENCE = "no two servers apply different values"
SECOND_VOTE = Label("second vote", "second vote: for what a quorum has acknowledged")


@dataclass(frozen=True, slots=True)
class NumberedServer:
    """An honest server of a picture, with its number."""

    number: int
    voter: HonestServer


def voting_system(rules: frozenset[VotingRule], max_term: int, *, named: bool) -> System:
    """Return the honest servers under `rules` as one node, since a step may depend on the signatures of all."""
    return System(
        name=NAME,
        initial=(START,),
        step=Voting(rules, max_term, named).step,
        network=Network(NetworkKind.UNORDERED, 1),
        source=lambda _message: 0,
        destination=lambda _message: 0,
        spontaneous=tuple(map(Spontaneous, EVENTS)),
        invariants=(Invariant(SAFETY, SENTENCE, committed_values, agree),),
        witnesses=tuple(_witnesses(rules, max_term)),
    )


def committed_values(cluster: Cluster) -> frozenset[str]:
    """View: every value that some honest server has applied."""
    return frozenset(voter.committed for voter in cluster if voter.committed is not None)


def agree(views: tuple[frozenset[str], ...]) -> bool:
    """Whether at most one value was applied."""
    return len(views[0]) < 2


def _witnesses(rules: frozenset[VotingRule], max_term: int) -> Iterator[Witness]:
    yield Witness("a value is committed", committed_values, lambda views: bool(views[0]))
    if VotingRule.LOCK in rules:
        too_few_terms = None if max_term > 2 else "two terms only: a lock can be passed by in the third"
        yield Witness(
            "a server that is locked prepares another value later",
            has_changed_lock,
            lambda v: v[0],
            impossible=too_few_terms,
        )


def has_changed_lock(cluster: Cluster) -> bool:
    """View: whether a server has given its second vote to two values."""
    return any(len({entry.value for entry in voter.prepared}) > 1 for voter in cluster)


def story(path: Path) -> Iterator[str]:
    """Yield a line for each step of a path, then the broken promise."""
    clusters: list[Cluster] = [path.initial.nodes[0]]
    for step in path.steps:
        assert step.after is not None, "the model's network holds no messages, so every step leads somewhere"
        clusters.append(step.after.nodes[0])
    for step, (before, after) in zip(path.steps, pairwise(clusters), strict=True):
        event: Event = step.move.event
        yield step_text(event, before[event.server - 1], after[event.server - 1])
    applied = (f"s{n} applied {v.committed}" for n, v in zip(HONEST, clusters[-1], strict=True) if v.committed)
    yield f"{path.broken} is broken: " + ", ".join(applied)


def picture(path: Path) -> tuple[System, Path]:
    """Return a path of the joint node as a path with one node for each honest server."""

    def separate_nodes(cluster: Cluster) -> GlobalState:
        return GlobalState(tuple(map(NumberedServer, HONEST, cluster)), (), 0, ())

    steps = []
    for step in path.steps:
        assert step.after is not None, "the model's network holds no messages, so every step leads somewhere"
        event: Event = step.move.event
        steps.append(Step(Move(MoveKind.SPONTANEOUS, event.server - 1, event), separate_nodes(step.after.nodes[0])))
    system = System(
        name=NAME,
        initial=separate_nodes(path.initial.nodes[0]).nodes,
        step=lambda _server, _event: (),  # the steps are those of the path
        network=Network(NetworkKind.UNORDERED, 1),
        source=lambda _message: 0,
        destination=lambda _message: 0,
        invariants=(Invariant(SAFETY, SENTENCE, lambda server: server.voter.committed, _one_value, why=_values),),
        described=Described(
            event_text,
            lambda before, after: change_text(before.voter, after.voter),
            marks=lambda before, after: (change_text(before.voter, after.voter),),
            badge=lambda server: f"t{server.voter.term}",
            boxes=lambda server: () if server.voter.log is None else (_box(server.voter),),
            facts=lambda server: phrases.facts(server.voter),
            name=lambda server: f"s{server.number}",
            labels=(*LABELS, SECOND_VOTE),
            outsiders=(f"s{TRAITOR}, the traitor",),
            origin=lambda event: 0 if event.kind is StepKind.PROPOSE else None,
        ),
    )
    return system, replace(path, initial=separate_nodes(path.initial.nodes[0]), steps=tuple(steps))


def _box(voter: HonestServer) -> Box:
    assert voter.log is not None, "what a server holds is in its box"
    return Box(f"t{voter.log.term} {voter.log.value}", settled=voter.committed == voter.log.value)


def _one_value(views: tuple[str | None, ...]) -> bool:
    return len(set(views) - {None}) < 2


def _values(names: tuple[str, ...], views: tuple[str | None, ...]) -> str:
    applied = [f"{name} applied {value}" for name, value in zip(names, views, strict=True) if value is not None]
    return ", ".join(applied) + "."


def event_text(event: Event) -> str:
    """Return a phrase for an event."""
    return f"propose {event.value}" if event.kind is StepKind.PROPOSE else event.kind.value


def change_text(before: HonestServer, after: HonestServer) -> str:
    """Return the changes of a step in one line."""
    parts = []
    if before.term != after.term:
        parts.append(f"term {after.term}")
    parts += [f"votes in term {v.term}" for v in after.votes - before.votes if v.log is None]
    parts += [f"shows that it holds {v.log.value}" for v in after.votes - before.votes if v.log is not None]
    parts += [f"acknowledges {e.value}" for e in after.acked - before.acked]
    parts += [f"gives {e.value} its second vote" for e in after.prepared - before.prepared]
    if after.committed != before.committed:
        parts.append(f"applies {after.committed}")
    return ", ".join(parts) or "nothing changes"


def step_text(event: Event, before: HonestServer, after: HonestServer) -> str:
    """Return one step in words."""
    name, applies = (
        f"s{event.server}",
        f"; it applies {after.committed}" if after.committed != before.committed else "",
    )
    match event.kind:
        case StepKind.TIME_OUT:
            return f"{name} gives up on term {before.term} and enters term {after.term}"
        case StepKind.ELECT:
            signed_logs = {vote.log for vote in after.votes - before.votes}
            log_text = "".join(
                f", and shows that it holds {log.value} of term {log.term}" for log in signed_logs if log
            )
            return f"{name} votes for the traitor s{TRAITOR} in term {after.term}{log_text}"
        case StepKind.PROPOSE:
            leader = f"the traitor, leader of term {after.term}"
            return f"{name} takes {event.value} from {leader}, and acknowledges it{applies}"
        case StepKind.PREPARE:
            assert after.log is not None, "only what a server holds is prepared"
            return f"{name} sees a quorum of acknowledgements of {after.log.value}, and gives its second vote{applies}"
        case StepKind.LEARN:
            return f"{name} sees that what it holds is committed{applies}"
        case _:
            assert_never(event.kind)
