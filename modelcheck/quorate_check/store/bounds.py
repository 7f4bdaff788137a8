"""The bounds within which the store is explored, and the system they make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from quorate.raft import Durable, ElectionTimeout, Entry, HeartbeatTimeout, Log
from quorate.runtime.outcomes import Done
from quorate.store.expiring import When
from quorate.store.operations import Command, OpenSession, encode, entry
from quorate.store.writes import Set
from quorate_check.core.invariants import Invariant, Over, StepWitness, Witness
from quorate_check.core.system import (
    Deliver,
    Network,
    NetworkKind,
    Outcome,
    Spontaneous,
    Symmetry,
    System,
    UnusableSystemError,
)
from quorate_check.core.verdict import counted
from quorate_check.raft.bounds import LATE_DISK, UNLIMITED, Bound, explored_config, plain, refuse_out_of_range
from quorate_check.raft.subject import CheckQuorum, Compact, Durability, Restart
from quorate_check.raft.symmetry import rename_ends, rename_roles, renamed_id, renamed_optional
from quorate_check.store.clients import (
    KEY,
    QUERIES,
    Begin,
    ClientAdapter,
    Clients,
    ConnectionEnd,
    HistoryRecord,
    Scripts,
    history_of,
    is_linearizable,
    parse_scripts,
)
from quorate_check.store.messages import Answer, PassedBack
from quorate_check.store.server import Apply, LeaderLost, PeerLost, ServerAdapter, Tick, TimeUp, booted
from quorate_check.store.state import Arrival, StoreServer
from quorate_check.store.turn import Setting
from quorate_check.store.words import described, why

FIRST_TERM = 1  # in which the sessions were opened
DEADLINE_MS = 1
BUDGETS = ("restarts", "snapshots")
LEAST = {
    "max_term": FIRST_TERM + 1,
    "max_log": 0,
    "reads": 0,
    "restarts": 0,
    "snapshots": 0,
    "forwards": 0,
    "connections": 1,
}
DEFAULT_CLIENTS = "incr get"


@dataclass(frozen=True, slots=True)
class StoreBounds:
    """The bounds of an exploration of the store.

    `clients` are the operations of each client, which does them in this order (clients.py). `max_term` is the last
    term, counted from that of the set-up; `max_log` is the number of entries in the longest log after the set-up, or
    one more for a leader's no-op; `reads` is the number of rounds of reads in a term. With `expiry` the key has a value
    and a deadline, which clocks may pass. With `forwards` each request is sent to one server, with a deadline; a server
    that doesn't lead passes on up to so many requests. Only then may writes have no `sessions`, and may a client use
    several `connections` for one request, each after the one before has ended, and do connections of servers end.
    Raises UnusableSystemError if a bound is out of its range.
    """

    servers: int = 3
    max_term: int = 3
    max_log: int = 3
    reads: int = 1
    restarts: int | None = 0
    snapshots: int | None = 0
    clients: str = DEFAULT_CLIENTS
    expiry: bool = False
    late_apply: bool = False
    forwards: int = 0
    sessions: bool = True
    connections: int = 1
    pre_vote: bool = False
    no_op: bool = True
    check_quorum: bool = False
    storage: Durability = Durability.SYNC
    symmetry: bool = True

    def __post_init__(self) -> None:
        """Raise UnusableSystemError if a bound is out of its range."""
        refuse_out_of_range(self, LEAST, BUDGETS)
        if not self.forwards and (self.connections > 1 or not self.sessions):
            option = "--no-sessions" if not self.sessions else f"--connections {self.connections}"
            raise UnusableSystemError(f"{option}: without --forwards a client repeats its requests at all servers")
        parse_scripts(self.clients)

    def as_dict(self) -> dict[str, Bound]:
        """Return the bounds as plain values, for reports."""
        return {name: plain(value) for name, value in asdict(self).items()}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> StoreBounds:
        """Return the bounds whose `as_dict` is `values`."""
        storage = Durability(values["storage"])
        limits: dict[str, Any] = {name: None if value == UNLIMITED else value for name, value in values.items()}
        return StoreBounds(**{**limits, "storage": storage})

    @property
    def claim(self) -> str:
        """The sizes, faults and budgets that the search covers, in words."""
        clients = "; ".join(f"client {n} does {script}" for n, script in enumerate(self.clients.split(";"), start=1))
        parts = [
            counted(self.servers, "server"),
            counted(self.max_term - FIRST_TERM, "further term"),
            f"logs of {self.max_log} after the set-up",
            f"{counted(self.reads, 'round')} of reads in a term",
            " ".join(clients.split()),
            "any number of messages in flight, lost, repeated and reordered, those of clients too",
        ]
        for name, noun in (("restarts", "restart"), ("snapshots", "snapshot")):
            if (limit := getattr(self, name)) != 0:
                parts.append(f"any number of {noun}s" if limit is None else counted(limit, noun))
        if self.expiry:
            parts.append("clocks that pass the deadline of the key at different times")
        if self.storage is Durability.ASYNC:
            parts.append(LATE_DISK)
        if self.late_apply:
            parts.append("entries that are applied late")
        if self.forwards:
            passed = f"a server that doesn't lead passes on up to {self.forwards}"
            parts.append(f"requests {'in' if self.sessions else 'without'} sessions, each to any one server; {passed}")
        if self.connections > 1:
            parts.append(f"connections that end; a client uses up to {self.connections} for a request")
        return ", ".join(parts)

    def system(self) -> System:
        """Return the store within these bounds, which promises that every history is linearizable."""
        scripts = parse_scripts(self.clients)
        members = tuple(range(1, self.servers + 1))
        config = explored_config(members, self)
        log, sessions = _set_up(len(scripts) if self.sessions else 0, expiry=self.expiry)
        node = self.servers + 1
        asks_one = self.forwards > 0
        asking = ClientAdapter(scripts, members, node, self.sessions, asks_one, self.connections)
        setting = Setting(
            scripts=scripts,
            sessions=sessions,
            last_index=log.last_index + self.max_log,
            rounds=self.reads,
            late_apply=self.late_apply,
            late_disk=self.storage is Durability.ASYNC,
            forwards=self.forwards,
            clients=node,
        )
        serving = ServerAdapter(setting, self.max_term, last_ms=DEADLINE_MS if self.expiry else 0)
        durable = Durable(FIRST_TERM, None, log)

        def step(local: StoreServer | Clients, event: object) -> tuple[Outcome, ...]:
            return asking.step(local, event) if isinstance(local, Clients) else serving.step(local, event)

        return System(
            name="store",
            initial=(*(booted(config, member, durable) for member in members), asking.initial()),
            step=step,
            network=Network(NetworkKind.ANY),
            source=lambda message: message.source - 1,
            destination=lambda message: message.dest - 1,
            spontaneous=tuple(self._events(len(scripts))),
            budgets={name: limit for name in BUDGETS if (limit := getattr(self, name))},
            beyond=partial(_is_beyond, setting.last_index),
            invariants=(_linearizable(scripts, expiry=self.expiry),),
            witnesses=(*_witnesses(scripts, self.max_term), *self._step_witnesses()),
            symmetry=Symmetry(rename_local, rename_message, (tuple(range(self.servers)),)) if self.symmetry else None,
            described=described(scripts),
        )

    def _step_witnesses(self) -> Iterator[StepWitness]:
        if self.forwards:
            yield StepWitness("a client gets the reply to what was passed on", _passes_back)
        if self.connections > 1:
            is_repeated = self.sessions or any(
                name in QUERIES for script in parse_scripts(self.clients) for name in script
            )
            why_none = None if is_repeated else "no request is repeated: needs --sessions or a get"
            yield StepWitness("a client gets a reply on a later connection", _answers_later, why_none)
        if self.check_quorum:
            why_none = None if self.servers > 1 else "a single server is a quorum: needs --servers 2 or more"
            yield StepWitness("a leader that nobody answers steps down", _gives_up_office, why_none)
        if self.storage is Durability.ASYNC and self.restarts != 0:
            yield StepWitness("a restart loses unsynced data", _loses_unsynced)

    def _events(self, clients: int) -> Iterator[Spontaneous]:
        yield from (Spontaneous(Begin(client)) for client in range(clients))
        yield Spontaneous(ElectionTimeout())
        yield Spontaneous(HeartbeatTimeout())
        for event, name in ((Restart(), "restarts"), (Compact(), "snapshots")):
            if (limit := getattr(self, name)) != 0:
                yield Spontaneous(event, None if limit is None else name, fault=isinstance(event, Restart))
        if self.late_apply:
            yield Spontaneous(Apply())
        if self.check_quorum:
            yield from (Spontaneous(CheckQuorum(each)) for each in (False, True))
        if self.expiry:
            yield Spontaneous(Tick())
        if self.forwards:
            yield from (Spontaneous(TimeUp(client)) for client in range(clients))
            yield Spontaneous(LeaderLost())
        if self.connections > 1:
            yield from (Spontaneous(ConnectionEnd(client)) for client in range(clients))
            yield Spontaneous(PeerLost())


def _set_up(clients: int, *, expiry: bool) -> tuple[Log, tuple[int, ...]]:
    """Return the entries with which every log begins, and the number of each client's session."""
    commands: list[Command] = [OpenSession()] * clients
    if expiry:
        commands.append(Set(KEY.encode(), b"0", when=When(DEADLINE_MS, absolute=True)))
    stamped = (entry(0, encode(command)) for command in commands)
    return Log().append(tuple(Entry(FIRST_TERM, command) for command in stamped)), tuple(range(1, clients + 1))


def _is_beyond(last_index: int, local: StoreServer | Clients) -> bool:
    return isinstance(local, StoreServer) and local.core.log.last_index > last_index


def _record(local: StoreServer | Clients) -> HistoryRecord:
    return local.record if isinstance(local, Clients) else ()


def _linearizable(scripts: Scripts, *, expiry: bool) -> Invariant:
    def holds(views: tuple[HistoryRecord, ...]) -> bool:
        return is_linearizable(history_of(scripts, views[0], expires=expiry))

    return Invariant(
        "Linearizable",
        "Each operation seems to happen at one moment between its invocation and its reply.",
        _record,
        holds,
        Over.EACH,
        partial(why, scripts),
    )


def _witnesses(scripts: Scripts, max_term: int) -> Iterator[Witness]:
    lengths = tuple(map(len, scripts))
    yield Witness(
        "every client has all its replies",
        lambda local: local.positions if isinstance(local, Clients) else None,
        lambda views: views[0] == lengths,
    )
    yield Witness(
        "a leader of the last term commits",
        lambda local: _last_commit(local) if isinstance(local, StoreServer) else 0,
        lambda views: views[0] == max_term,
    )


def _passes_back(_before: object, event: object, _after: object, messages: tuple[object, ...]) -> bool:
    match event:
        case Deliver(PassedBack(outcome=Done())):
            return any(isinstance(message, Answer) for message in messages)
        case _:
            return False


def _answers_later(before: object, event: object, after: object, _messages: tuple[object, ...]) -> bool:
    match event:
        case Deliver(Answer(request=request)):
            return request.connection > 0 and after != before
        case _:
            return False


def _gives_up_office(before: object, event: object, after: object, _messages: tuple[object, ...]) -> bool:
    return isinstance(event, CheckQuorum) and after != before


def _loses_unsynced(before: object, event: object, after: object, _messages: tuple[object, ...]) -> bool:
    if not (isinstance(event, Restart) and isinstance(before, StoreServer) and isinstance(after, StoreServer)):
        return False
    return after.node.on_disk != before.node.in_memory


def _last_commit(server: StoreServer) -> int:
    """Return the term of the last entry that a server knows to be committed."""
    return server.core.log.term_at(server.core.commit_index) or 0


def rename_local(local: StoreServer | Clients, p: tuple[int, ...]) -> StoreServer | Clients:
    """Return a local state after every server i, counted from 0, is renamed to p[i]; commands name no server."""
    if isinstance(local, Clients):
        return local

    def renamed(arrivals: tuple[Arrival, ...]) -> tuple[Arrival, ...]:
        return tuple(sorted(replace(each, peer=renamed_id(each.peer, p)) for each in arrivals))

    def renamed_alone(arrival: Arrival) -> Arrival:
        return renamed((arrival,))[0]

    return replace(
        local,
        core=rename_roles(local.core, p),
        proposals=tuple(replace(each, arrival=renamed_alone(each.arrival)) for each in local.proposals),
        next_reads=renamed(local.next_reads),
        round_reads=renamed(local.round_reads),
        confirmed_reads=tuple((index, renamed(reads)) for index, reads in local.confirmed_reads),
        unrouted=renamed(local.unrouted),
        durable=None
        if local.durable is None
        else replace(local.durable, voted_for=renamed_optional(local.durable.voted_for, p)),
        passed=tuple(
            replace(each, arrival=renamed_alone(each.arrival), leader=renamed_id(each.leader, p))
            for each in local.passed
        ),
        arrivals=renamed(local.arrivals),
    )


def rename_message(message: Any, p: tuple[int, ...]) -> Any:  # noqa: ANN401 - of the core, or of clients
    """Return a message with its servers renamed; the clients' node keeps its number."""
    return rename_ends(message, p)
