"""The bounds of an exploration of the Raft core in a cluster with one traitor, and the system within them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from quorate.quorum import majority
from quorate.raft import Config, Message
from quorate_check.core.invariants import Invariant, StepInvariant, Witness
from quorate_check.core.system import Deliver, Symmetry, System, UnusableSystemError
from quorate_check.raft.bounds import DESCRIBED, RaftBounds
from quorate_check.raft.disks import disk_of
from quorate_check.raft.pictures import brief
from quorate_check.raft.properties import applied_entries, terms_led
from quorate_check.raft.rules import rules
from quorate_check.raft.subject import Adapter, CheckerEvent, CoreNode
from quorate_check.raft.traitor.subject import (
    ACKS,
    FORGES,
    VOTES,
    Ack,
    Candidacy,
    Forgery,
    Lie,
    Traitor,
    TraitorAdapter,
    TraitorVote,
    lies,
    renamings,
    vote_budget,
)
from quorate_check.raft.words import describe_event, describe_message
from quorate_check.tell.described import Rule

SUBJECT = "raft-traitor"
MOST_SERVERS = 7  # the traitor's two commands need digits, too


@dataclass(frozen=True, slots=True)
class TraitorBounds:
    """A cluster whose last server is a `traitor`; `quorum` of its servers elect and commit, None is a majority.

    `promise` names the only invariant of Raft to judge; None judges all that a traitor doesn't break by itself. Raises
    UnusableSystemError if a bound is out of its range.
    """

    cluster: RaftBounds
    traitor: Traitor
    quorum: int | None = None
    promise: str | None = None

    def __post_init__(self) -> None:
        """Raise UnusableSystemError if a bound is out of its range."""
        servers = self.cluster.servers
        if not 2 <= servers <= MOST_SERVERS:
            raise UnusableSystemError(f"--servers {servers}: with a traitor a cluster has between 2 and {MOST_SERVERS}")
        least = majority(servers)
        if self.quorum is not None and not least <= self.quorum <= servers:
            raise UnusableSystemError(
                f"--quorum {self.quorum}: must be between {least}, a majority, and {servers}, all servers"
            )
        names = [invariant.name for invariant in self.cluster.system().invariants]
        if self.promise is not None and self.promise not in names:
            raise UnusableSystemError(f"--promise {self.promise}: give one of {', '.join(names)}")
        for name, unused in (("pre_vote", False), ("snapshots", 0), ("reads", 0)):
            if getattr(self.cluster, name) != unused:
                flag = name.replace("_", "-")
                raise UnusableSystemError(f"--{flag}: the traitor doesn't know how to lie about it; leave it out")

    @property
    def claim(self) -> str | None:
        """The sizes, faults and budgets that a search of any network covers, in words; None for a bounded network."""
        return None if self.cluster.claim is None else f"{self.cluster.claim}; the last server is a traitor"

    @property
    def quorum_size(self) -> int:
        """The number of servers that elect and commit."""
        return majority(self.cluster.servers) if self.quorum is None else self.quorum

    def as_dict(self) -> dict[str, int | str | bool]:
        """Return the bounds as plain values, for reports."""
        values: dict[str, int | str | bool] = {"traitor": self.traitor.value}
        if self.quorum is not None:
            values["quorum"] = self.quorum
        if self.promise is not None:
            values["promise"] = self.promise
        return {**values, **self.cluster.as_dict()}

    @staticmethod
    def from_dict(values: dict[str, int | str | bool]) -> TraitorBounds:
        """Return the bounds whose `as_dict` is `values`."""
        cluster = {k: v for k, v in values.items() if k not in {"traitor", "quorum", "promise"}}
        quorum, promise = values.get("quorum"), values.get("promise")
        return TraitorBounds(RaftBounds.from_dict(cluster), Traitor(values["traitor"]), quorum, promise)  # type: ignore[arg-type]

    def system(self) -> System:
        """Return the system of the honest servers, with the traitor's lies as spontaneous events."""
        cluster, number = self.cluster, self.cluster.servers
        config = Config(tuple(range(1, number + 1)), no_op=cluster.no_op, quorum=self.quorum)
        adapter = TraitorAdapter(
            Adapter(number, config, disk_of(cluster.storage, cluster.network), cluster.max_term, cluster.max_log)
        )
        ordinary = cluster.system()
        messages = tuple(lies(self.traitor, number, cluster.max_term, cluster.max_log))
        terms = range(1, cluster.max_term + 1)
        votes = {vote_budget(t): 1 for t in terms} if self.traitor is Traitor.ACK else {}
        return replace(
            ordinary,
            name=SUBJECT,
            initial=adapter.initial(),
            step=adapter.step,
            spontaneous=(*ordinary.spontaneous, *messages),
            budgets={**ordinary.budgets, **votes},
            invariants=self._promises(ordinary.invariants),
            witnesses=tuple(self._witnesses()),
            symmetry=Symmetry(*renamings(number)) if cluster.symmetry else None,
            described=replace(
                DESCRIBED,
                event=partial(describe_event_with_lies, number),
                brief=partial(brief_event, number),
                rules=partial(rules_beside_traitor, number),
                outsiders=(f"s{number}, the traitor",),
                origin=lambda event: 0 if isinstance(event, Lie) else None,
            ),
        )

    def _witnesses(self) -> Iterator[Witness]:
        alone = self.quorum_size == self.cluster.servers
        needs_traitor = f"{self.traitor.value}: nothing is decided without the traitor"
        entries = self.cluster.max_log and (self.cluster.proposals != 0 or self.cluster.no_op)
        no_leader = needs_traitor if alone and self.traitor not in VOTES else None
        no_commit = needs_traitor if alone and self.traitor not in ACKS else None if entries else "no entries"
        yield Witness("a leader is elected", terms_led, lambda views: bool(views[0]), impossible=no_leader)
        yield Witness(
            "an entry is applied", applied_entries, lambda views: bool(views[0]), impossible=no_leader or no_commit
        )

    def _promises(self, ordinary: tuple[Invariant | StepInvariant, ...]) -> tuple[Invariant | StepInvariant, ...]:
        if self.promise is not None:
            return tuple(i for i in ordinary if i.name == self.promise)
        # A forger may send different entries of one term and index, so two logs may differ there without further harm.
        exempt = {"LogMatching"} if self.traitor in FORGES else set()
        return tuple(i for i in ordinary if i.name not in exempt)


def brief_event(traitor: int, event: Message | CheckerEvent | Lie) -> str:
    """Return a short label for an event; a lie is shown as the message that its receiver gets."""
    return brief(event.message_to(0, traitor) if isinstance(event, Lie) else event)


def rules_beside_traitor(
    traitor: int, before: CoreNode, event: CheckerEvent | Lie, after: CoreNode, sent: tuple[Message, ...]
) -> tuple[Rule, ...]:
    """Return the rules of an honest server's step; not judged, because lies may lead to steps without a rule."""
    honest_event = Deliver(event.message_to(before.state.id, traitor)) if isinstance(event, Lie) else event
    return rules(before, honest_event, after, sent, is_judged=False)


def describe_event_with_lies(traitor: int, event: Message | CheckerEvent | Lie) -> str:
    """Return one phrase for an event; a lie is shown as the message that its receiver gets."""
    if not isinstance(event, Lie):
        return describe_event(event)
    message = describe_message(event.message_to(0, traitor))
    match event:
        case TraitorVote():
            return f"the traitor s{traitor} votes for it: {message}"
        case Ack():
            return f"the traitor s{traitor} lies: {message}"
        case Candidacy() | Forgery():
            return f"the traitor s{traitor} sends {message}"
