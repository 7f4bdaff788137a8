"""Raft after its faults: the core, and a clock that says what is assumed of time.

Consensus can't be reached in all behaviours of a network without clocks (Fischer, Lynch, Paterson 1985), so whoever
says that Raft elects a leader assumes something of time. Here it is written down as a node of the system, the clock:

1. Messages are faster than timeouts: nothing happens by itself until every message has arrived (`Network.at_once`).
2. Leaders send heartbeats more often than election timeouts pass: each period of the clock begins with one of every
   leader (`Beat`).
3. Election timeouts are random: of one server after another the timeout passes first, alone, and that of each server
   again and again (`Expiry`, strongly fair). It is ignored by a server that a leader has reached in this period.

Faults have budgets, so they stop. Nothing else is bounded, for each fault costs one term at most: that is a promise,
too, and a cluster in which servers depose each other for ever breaks it, though none of its states comes twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, get_args

from quorate import raft as code
from quorate_check.core.invariants import Condition, Invariant, Over
from quorate_check.core.liveness import EventuallyAlways, Fairness, Strength, fair_deliveries, fair_event
from quorate_check.core.path import Move
from quorate_check.core.system import (
    Deliver,
    Network,
    NetworkKind,
    Outcome,
    Spontaneous,
    System,
    UnusableSystemError,
    nowhere,
)
from quorate_check.raft import pictures
from quorate_check.raft.bounds import Bound, explored_config, refuse_out_of_range
from quorate_check.raft.disks import Immediate
from quorate_check.raft.memberships import changes_of
from quorate_check.raft.subject import ClientRequest, CoreNode, Restart
from quorate_check.raft.words import describe_change, describe_event
from quorate_check.tell import phrases
from quorate_check.tell.described import Box, Described

NAME = "raft-timely"


@dataclass(frozen=True, slots=True)
class Beat:
    """A period begins: a leader sends heartbeats."""

    source: int
    dest: int


@dataclass(frozen=True, slots=True)
class Expiry:
    """The election timeout of server `first` has passed; all others begin to wait anew for word of a leader."""

    source: int
    dest: int
    first: int


@dataclass(frozen=True, slots=True)
class Break:
    """Links of the server break for ever."""

    source: int
    dest: int


@dataclass(frozen=True, slots=True)
class LinksBreak:
    """The event at the clock that links break for ever."""


@dataclass(frozen=True, slots=True)
class Begins:
    """The event at the clock that a period begins."""

    def __str__(self) -> str:
        """Return the event in words."""
        return "a period"


@dataclass(frozen=True, slots=True)
class First:
    """The event at the clock that the election timeout of `server` passes before all others."""

    server: int

    def __str__(self) -> str:
        """Return the event in words."""
        return f"the first timeout of s{self.server}"


BEGINS = Begins()


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock, and the links: whether a period begins next, or a timeout passes; whether links are broken."""

    begins: bool = True
    has_broken: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """A server; whether its election timer was reset in this period; whether its links are broken."""

    state: code.State
    rests: bool = False
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class TimelyBounds:
    """How often what may happen, and what faults have left when the behaviour begins.

    `cut` names links by their ends, as "12,34", which break together, for ever, at any time or never. `begin` says of
    each server its term and
    the terms of its log's entries, as "3:,1:11,1:1". `changes` are as in RaftBounds; a leader makes one at most.
    """

    servers: int = 3
    proposals: int = 1
    restarts: int = 0
    drops: int = 0
    cut: str = ""
    begin: str = ""
    changes: str = ""
    pre_vote: bool = True
    no_op: bool = True
    check_quorum: bool = True

    def __post_init__(self) -> None:
        """Raise UnusableSystemError if a bound is out of its range."""
        refuse_out_of_range(self, {"proposals": 0, "restarts": 0, "drops": 0}, ())
        if any(not re.fullmatch(r"[1-9][1-9]", link) for link in filter(None, self.cut.split(","))):
            raise UnusableSystemError(f"--cut {self.cut}: give the two servers of each link, as in 12,34")
        self.disks()
        changes_of(self.changes, self.servers)

    def as_dict(self) -> dict[str, Bound]:
        """Return the bounds as plain values, for reports."""
        return {name: value for name, value in asdict(self).items() if value != ""}

    def disks(self) -> tuple[code.Durable, ...]:
        """Return what the disk of each server has at first."""
        if not self.begin:
            return (code.Durable(),) * self.servers
        texts = self.begin.split(",")
        if len(texts) != self.servers or not all(re.fullmatch(r"\d+:[1-9]*", text) for text in texts):
            advice = "give each server's term and the terms of its entries, as in 3:,1:11,1:1"
            raise UnusableSystemError(f"--begin {self.begin}: there are {self.servers} servers; {advice}")
        return tuple(map(_disk, texts))

    @property
    def last_term(self) -> int:
        """The last term that may begin: each fault, and a change that removes its leader, may cost one."""
        faults = self.drops + self.restarts + bool(self.cut) + bool(self.changes)
        return max(disk.current_term for disk in self.disks()) + 1 + faults

    def system(self) -> System:
        """Return Raft and its clock within these bounds."""
        members = tuple(range(1, self.servers + 1))
        config = explored_config(members, self)
        cut = {frozenset(map(int, link)) for link in self.cut.split(",") if link}
        servers = (Server(code.restart(config, me, disk)) for me, disk in zip(members, self.disks(), strict=True))
        targets = changes_of(self.changes, self.servers)

        def step(local: Server | Clock, event: Any) -> Iterator[Outcome]:  # noqa: ANN401 - of two kinds of nodes
            if isinstance(local, Clock):
                yield from _tick(local, event, members)
                return
            for outcome in _serve(local, event):
                broken = cut if local.is_cut else set()
                messages = tuple(m for m in outcome.messages if frozenset({m.source, m.dest}) not in broken)
                yield replace(outcome, messages=messages)

        def few(terms: tuple[int, ...]) -> bool:
            return terms[0] <= self.last_term

        return System(
            name=NAME,
            initial=(*servers, Clock()),
            step=step,
            network=Network(NetworkKind.UNORDERED, 4 * self.servers, drops=self.drops, at_once=True),
            source=lambda m: self.servers if isinstance(m, Beat | Expiry | Break) else m.source - 1,
            destination=lambda m: m.dest - 1,
            spontaneous=(
                Spontaneous(BEGINS),
                *(Spontaneous(First(server)) for server in members),
                Spontaneous(ClientRequest(), "proposals"),
                Spontaneous(Restart(), "restarts", fault=True),
                *((Spontaneous(LinksBreak(), fault=True),) if cut else ()),
                *(Spontaneous(code.ChangeMembers(each.voters, each.learners), "changes") for each in targets),
            ),
            budgets={"proposals": self.proposals, "restarts": self.restarts, "changes": int(bool(targets))},
            done=nowhere,
            invariants=(Invariant("FewTerms", FEW.format(self.last_term), _term, few, Over.EACH),),
            liveness=(LEADER_IN_THE_END, LOG_WITH_CUTS if cut else LOG_IN_THE_END),
            fairness=(
                fair_deliveries(),
                fair_event(BEGINS),
                Fairness("the first timeout of each server", _first, Strength.STRONG),
            ),
            described=DESCRIBED,
        )


def _disk(text: str) -> code.Durable:
    term, _, terms = text.partition(":")
    entries = tuple(code.Entry(int(entry), b"x") for entry in terms)
    return code.Durable(int(term), None, code.Log().append(entries))


def _first(move: Move) -> First | None:
    return move.event if isinstance(move.event, First) else None


def _tick(clock: Clock, event: Any, members: tuple[int, ...]) -> Iterator[Outcome]:  # noqa: ANN401 - of the clock
    match event:
        case LinksBreak() if not clock.has_broken:
            yield Outcome(replace(clock, has_broken=True), tuple(Break(0, server) for server in members))
        case Begins() if clock.begins:
            yield Outcome(replace(clock, begins=False), tuple(Beat(0, server) for server in members))
        case First(server) if not clock.begins:
            yield Outcome(replace(clock, begins=True), tuple(Expiry(0, other, server) for other in members))


def _serve(server: Server, event: Any) -> Iterator[Outcome]:  # noqa: ANN401 - of the checker
    state = server.state
    leads = state.role is code.Role.LEADER
    match event:
        case Deliver(Break()):
            yield Outcome(replace(server, is_cut=True))
        case Deliver(Beat()) if leads:
            yield _react(server, code.HeartbeatTimeout())
        case Deliver(Expiry(first=first)):
            awake = replace(server, rests=False)
            expires = first == state.id and not (server.rests and not leads)
            yield _react(awake, code.ElectionTimeout()) if expires else Outcome(awake)
        case Deliver(Beat()):
            pass
        case Deliver(message):
            yield _react(server, code.Receive(message))
        case ClientRequest() if leads:
            yield _react(server, code.Propose((b"x",)))
        case code.ChangeMembers() if leads:
            with suppress(code.ChangeRefused):
                yield _react(server, event)
        case Restart():
            yield Outcome(
                replace(server, state=code.restart(state.config, state.id, CoreNode(state).on_disk), rests=False)
            )


def _react(server: Server, event: code.Event) -> Outcome:
    output = code.step(server.state, event)
    (outcome,) = Immediate().store(CoreNode(server.state), output)
    rests = server.rests or output.reset_election_timer
    return Outcome(replace(server, state=outcome.local.state, rests=rests), outcome.messages)


def _term(local: Server | Clock) -> int:
    return local.state.current_term if isinstance(local, Server) else 0


def _leads(local: Server | Clock) -> bool:
    return isinstance(local, Server) and local.state.role is code.Role.LEADER


@dataclass(frozen=True, slots=True)
class LogEnd:
    """How far a server's log reaches and is applied, and of whom its cluster consists if it leads."""

    me: int
    last_index: int
    last_term: int
    last_applied: int
    members: tuple[int, ...]


def _log(local: Server | Clock) -> LogEnd | None:
    if isinstance(local, Clock):
        return None
    state = local.state
    members = state.configuration.members if state.role is code.Role.LEADER else ()
    return LogEnd(state.id, state.log.last_index, state.log.last_term, state.last_applied, tuple(sorted(members)))


def _leaders_log(ends: tuple[LogEnd | None, ...], *, everywhere: bool) -> bool:
    """Whether a leader has applied its whole log, and if `everywhere` all members of its cluster have the same."""
    servers = {end.me: end for end in ends if end is not None}
    return any(
        all(
            (servers[me].last_index, servers[me].last_term, servers[me].last_applied)
            == (leader.last_index, leader.last_term, leader.last_index)
            for me in (leader.members if everywhere else (leader.me,))
        )
        for leader in servers.values()
        if leader.members
    )


FEW = "no server enters a term after {}, for each fault costs one term at most"
LEADER_IN_THE_END = EventuallyAlways("LeaderInTheEnd", "from some time on there is a leader", Condition(_leads, any))
LOG_IN_THE_END = EventuallyAlways(
    "LogInTheEnd",
    "from some time on all members have their leader's log, and have applied all of it",
    Condition(_log, partial(_leaders_log, everywhere=True)),
)
LOG_WITH_CUTS = EventuallyAlways(
    "LogInTheEnd",
    "from some time on there is a leader that has applied its whole log",
    Condition(_log, partial(_leaders_log, everywhere=False)),
)


def _event_text(event: Any) -> str:  # noqa: ANN401 - of the clock or the core
    match event:
        case Begins():
            return "a period begins"
        case LinksBreak() | Break():
            return "links break for ever"
        case Beat():
            return "a period begins: leaders send heartbeats"
        case First(server):
            return f"the timeout of s{server} is first"
        case Expiry(first=first):
            return f"the timeout of s{first} has passed"
        case _:
            return describe_event(event)


def _change_text(before: Any, after: Any) -> str:  # noqa: ANN401 - of either kind of node
    if not isinstance(before, Server):
        return phrases.change(before, after)
    return describe_change(CoreNode(before.state), CoreNode(after.state))


def _badge(local: Server | Clock) -> str:
    return "" if isinstance(local, Clock) else pictures.badge(pictures.core_picture(CoreNode(local.state)))


def _boxes(local: Server | Clock) -> tuple[Box, ...]:
    return () if isinstance(local, Clock) else pictures.boxes(pictures.core_picture(CoreNode(local.state)))


def _facts(local: Server | Clock) -> tuple[tuple[str, str], ...]:
    if isinstance(local, Clock):
        return phrases.facts(local)
    others = tuple(fact for fact in phrases.facts(local) if fact[0] != "state")
    return (*pictures.facts(CoreNode(local.state)), *others)


DESCRIBED = Described(
    _event_text,
    _change_text,
    brief=lambda event: pictures.brief(event) if isinstance(event, get_args(code.Message)) else _event_text(event),
    badge=_badge,
    boxes=_boxes,
    facts=_facts,
    name=lambda local: "clock" if isinstance(local, Clock) else f"s{local.state.id}",
    labels=pictures.LABELS,
)
