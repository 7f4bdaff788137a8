"""The tie between proof and exploration: each explored state satisfies each conjunct, and an action allows each step.

The search is that of the specification in Python, or of the code, with a record of each server's past. A message has
one further field: the term whose leader counted the entries that the message calls committed. Three checks together
show that each explored run is a run of the model:

- an action of the model allows each step of a server, if the facts that the received message reports are true;
- the facts that a message reports are true when it is sent (and a proof shows that they stay true);
- each state satisfies each conjunct.

A step of the code is first explained by steps of the specification, through conformance/mapping.py, as in `model-check
conform`; each of these is then judged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from quorate_check import engine
from quorate_check.core.invariants import Invariant, StepInvariant, Witness
from quorate_check.core.system import Defer, Deliver, NetworkKind, Outcome, Symmetry, System
from quorate_check.engine import Limits
from quorate_check.proofs.logic.formulas import symbols
from quorate_check.proofs.obligation import ProofOutcome, Tie
from quorate_check.raft.bounds import SERVED, RaftBounds
from quorate_check.raft.conformance.explain import LocalStep, shortest_way
from quorate_check.raft.conformance.mapping import map_message, map_server
from quorate_check.raft.conformance.steps import local_step
from quorate_check.raft.memberships import Members, first_members
from quorate_check.raft.proofs.accepting import MOVES, CompiledAction, SpecStep, accepting_action
from quorate_check.raft.proofs.conjunct import Conjunct
from quorate_check.raft.proofs.invariant import INVARIANT
from quorate_check.raft.proofs.model import EVALUATION, FIXED, GHOSTS, formula
from quorate_check.raft.proofs.record import (
    Domain,
    Past,
    after_step,
    rename_past,
    reported_rows,
    tables_of,
)
from quorate_check.raft.proofs.witnesses import (
    CHANGE_WITNESSES,
    COMMITMENT_WITNESSES,
    COUNT_WITNESSES,
    EARLY_WITNESSES,
    STALL_WITNESSES,
    WITNESSES,
)
from quorate_check.raft.spec import SpecBounds
from quorate_check.raft.subject import Confirmation
from quorate_check.tell.described import Described, described
from quorate_check.tell.path_text import path_lines
from quorate_spec.raft import actions
from quorate_spec.raft.messages import AppendEntries, Config, InstallSnapshot, Message
from quorate_spec.raft.state import Server

NEEDS: Final = {name: tuple(symbols(formula(text))) for name, (_, text) in GHOSTS.items()}
REFUSED: Final = "no action of the model allows this step, or a message reports a fact that isn't true"


@dataclass(frozen=True, slots=True)
class ServerWithPast:
    """An explored server, the specification's server for it, its past, and the first `fault` of its steps, if any."""

    local: Any
    server: Server
    past: Past = field(default=Past())
    fault: str = ""


@dataclass(frozen=True, slots=True)
class MessageWithReason:
    """A message, and the term whose leader counted the entries that the message calls committed."""

    message: Any
    reason: int = 0


@dataclass(frozen=True)
class Follower:
    """The judge of a search's steps by the model; `explains` returns the steps of the specification in a step."""

    domain: Domain
    to_server: Callable[[Any], Server]
    to_message: Callable[[Any], Message | None]  # None: it is from a disk
    explains: Callable[[Any, Any, Any, tuple[Any, ...]], Sequence[tuple[str, Server, frozenset[Message]]]]
    witnesses: tuple[Witness, ...] = WITNESSES
    moves: dict[str, CompiledAction] = field(default_factory=lambda: dict(MOVES))
    checked: dict[SpecStep, str] = field(default_factory=dict)

    def follow(self, before: ServerWithPast, event: Any, outcome: Outcome) -> Outcome:  # noqa: ANN401 - the subject's own
        """Return the outcome of a step with the past after it, and the fault of the step if it has one."""
        arrival = event.message if isinstance(event, Deliver) else None
        plain = Deliver(arrival.message) if arrival is not None else event
        received = None if arrival is None else self.to_message(arrival.message)
        reason = 0 if arrival is None else arrival.reason
        server, past, fault = before.server, before.past, ""
        chain = self.explains(before.local, plain, outcome.local, outcome.messages)
        if not chain:
            fault = "the specification doesn't explain this step"
            past = after_step(past, server, self.to_server(outcome.local), frozenset(), reason)
        for name, after, sent in chain:
            next_past = after_step(past, server, after, sent, reason)
            fault = fault or self.fault_of(SpecStep(server, past, after, next_past, received, reason), name, sent)
            server, past = after, next_past
        messages = tuple(self.carry(m, arrival, past) for m in outcome.messages)
        return Outcome(ServerWithPast(outcome.local, self.to_server(outcome.local), past, fault), messages)

    def carry(self, m: Any, arrival: MessageWithReason | None, past: Past) -> MessageWithReason:  # noqa: ANN401
        """Return a message with its reason; a received message that stays in flight keeps its own."""
        if arrival is not None and m == arrival.message:
            return arrival
        message = self.to_message(m)
        commit = message.leader_commit if isinstance(message, AppendEntries) else 0
        commit = len(message.snapshot) if isinstance(message, InstallSnapshot) else commit
        return MessageWithReason(m, past.reason(commit))

    def fault_of(self, step: SpecStep, name: str, sent: frozenset[Message]) -> str:
        """Return the fault of a step of the specification, empty if an action allows it."""
        if step not in self.checked:
            action = accepting_action(step, name, self.domain, self.moves)
            self.checked[step] = "" if action is not None else f"no action of the model allows {name} here"
        if self.checked[step]:
            return self.checked[step]
        true = self.domain.tables([tables_of(step.after, step.past_after)])
        for m in sorted(sent, key=repr):
            commit = m.leader_commit if isinstance(m, AppendEntries) else 0
            reason = step.past_after.reason(len(m.snapshot) if isinstance(m, InstallSnapshot) else commit)
            if not all(
                _is_true(table, row, true, step.after)
                for table, rows in reported_rows(m, reason).items()
                for row in rows
            ):
                return f"{name} sends {m}, which reports a fact that isn't true"
        return ""


def _is_true(table: str, row: tuple[Hashable, ...], true: dict[str, Any], sender: Server) -> bool:
    """Whether a row that a message reports is true of its sender; rows of `counted` are judged by the conjuncts."""
    if table == "counted":
        return bool(row[0] <= sender.current_term)  # type: ignore[operator]
    if table == "offered" and row[3] == "unseen":
        return any(offer[:3] == row[:3] for offer in true[table])
    return row in true[table]


def view_through(names: tuple[str, ...]) -> Callable[[ServerWithPast], Hashable]:
    """Return the view of a server that has the rows of the tables `names`."""

    def view(local: ServerWithPast) -> Hashable:
        tables = tables_of(local.server, local.past)
        return tuple(tables[name] for name in names)

    return view


def conjunct_invariants(domain: Domain, conjuncts: Sequence[Conjunct], counted: list[int]) -> Iterator[Invariant]:
    """Yield each conjunct as an invariant of the search, judged once for each tuple of the rows that it depends on."""
    views: dict[tuple[str, ...], Callable[[ServerWithPast], Hashable]] = {}
    ghosts = {name: EVALUATION.rows_of(places, name, formula(text), {}) for name, (places, text) in GHOSTS.items()}
    for conjunct in conjuncts:
        tables_read = {n for s in symbols(conjunct.formula) for n in NEEDS.get(s, (s,))} - FIXED - {"configuration"}
        names = tuple(sorted(tables_read))
        recorded = tuple(ghosts.keys() & symbols(conjunct.formula))
        true = EVALUATION.judge(conjunct.formula)

        def holds(
            tuples: tuple[Any, ...],
            names: tuple[str, ...] = names,
            true: Callable[..., bool] = true,
            recorded: tuple[str, ...] = recorded,
        ) -> bool:
            counted[0] += 1
            tables = domain.tables([dict(zip(names, each, strict=True)) for each in tuples])
            tables |= {name: ghosts[name](tables) for name in recorded}
            return true(tables)

        view = views.setdefault(names, view_through(names))
        yield Invariant(conjunct.name, conjunct.claim, view, holds)


def system_with_past(system: System, follower: Follower, conjuncts: Sequence[Conjunct], counted: list[int]) -> System:
    """Return a system whose servers have a past, and whose invariants are the three checks of the tie."""

    def step(local: ServerWithPast, event: Any) -> tuple[Outcome | Defer, ...]:  # noqa: ANN401 - the subject's own
        plain = Deliver(event.message.message) if isinstance(event, Deliver) else event
        outcomes = system.step(local.local, plain)
        return tuple(a if isinstance(a, Defer) else follower.follow(local, event, a) for a in outcomes)

    plain = described(system)
    words = Described(
        lambda event: plain.event(event.message if isinstance(event, MessageWithReason) else event),
        lambda before, after: plain.change(before.local, after.local) + (f"; {after.fault}" if after.fault else ""),
        name=lambda server_with_past: plain.name(server_with_past.local),
    )
    promise = StepInvariant("AllowedByTheModel", REFUSED, lambda _before, _event, after, _sent: not after.fault)
    return replace(
        system,
        initial=tuple(ServerWithPast(local, follower.to_server(local)) for local in system.initial),
        step=step,
        source=lambda arrival: system.source(arrival.message),
        destination=lambda arrival: system.destination(arrival.message),
        beyond=lambda local: system.beyond(local.local),
        invariants=(promise, *conjunct_invariants(follower.domain, conjuncts, counted)),
        witnesses=follower.witnesses,
        symmetry=None if system.symmetry is None else _symmetry(system.symmetry, follower),
        described=words,
    )


def _symmetry(plain: Symmetry, follower: Follower) -> Symmetry:
    """Return the renaming of servers with a past and of messages with a reason."""

    def local(server_with_past: ServerWithPast, p: tuple[int, ...]) -> ServerWithPast:
        inner = plain.local(server_with_past.local, p)
        return replace(
            server_with_past, local=inner, server=follower.to_server(inner), past=rename_past(server_with_past.past, p)
        )

    def message(arrival: MessageWithReason, p: tuple[int, ...]) -> MessageWithReason:
        return replace(arrival, message=plain.message(arrival.message, p))

    return Symmetry(local, message)


def spec_steps(
    before: Server,
    event: Any,  # noqa: ANN401 - the search's own
    after: Server,
    sent: tuple[Message, ...],
) -> list[tuple[str, Server, frozenset[Message]]]:
    """Return the action of a step of the specification: that of the event, or the receiving one with this effect."""
    if not isinstance(event, Deliver):
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in event.action).lstrip("_")
        return [(name, after, frozenset(sent))]
    m = event.message
    for action in actions.RECEIVING:
        for step in action(before, m):
            if step.server == after and (*step.sent, *((m,) if step.stays else ())) == sent:
                return [(action.__name__, after, frozenset(step.sent))]
    return []


def code_steps(
    before: Any,  # noqa: ANN401 - the adapter's, as the next two
    event: Any,  # noqa: ANN401
    after: Any,  # noqa: ANN401
    sent: tuple[Any, ...],
) -> list[tuple[str, Server, frozenset[Message]]]:
    """Return the steps of the specification that explain one of the code, as conformance/explain.py finds them."""
    return chain(local_step(before, event, after, sent))


def chain(step: LocalStep) -> list[tuple[str, Server, frozenset[Message]]]:
    """Return a shortest sequence of actions with the effect of `step`, each with its server and messages."""
    way = shortest_way(step)
    if way == ():
        return [("drop_stale_reply", step.after, frozenset())]
    steps: list[tuple[str, Server, frozenset[Message]]] = []
    sent: frozenset[Message] = frozenset()
    for name, position in way or ():
        steps.append((name, position.server, position.sent - sent))
        sent = position.sent
    return steps


def spec_system(bounds: SpecBounds, witnesses: tuple[Witness, ...] = WITNESSES) -> tuple[System, Follower]:
    """Return the specification's system within bounds, and the follower of its steps; a tie must see all witnesses."""
    max_log = bounds.max_log + (bounds.max_term if bounds.changes else 0)  # each leader may end a joint phase
    domain = Domain(tuple(range(1, bounds.servers + 1)), founders(bounds.founders), bounds.max_term, max_log)
    return bounds.system(), Follower(domain, lambda local: local, lambda m: m, spec_steps, witnesses)


def code_system(bounds: RaftBounds, witnesses: tuple[Witness, ...] = WITNESSES) -> tuple[System, Follower]:
    """Return the code's system within bounds, and the follower of its steps; a tie must see all witnesses."""
    first = founders(first_members(bounds.members, bounds.servers))
    max_log = bounds.max_log + bounds.max_term * (2 if bounds.changes else 1)  # no-ops, and ends of joint phases
    domain = Domain(tuple(range(1, bounds.servers + 1)), first, bounds.max_term, max_log)
    return bounds.system(), Follower(domain, map_server, message_of_code, code_steps, witnesses)


def founders(members: Members) -> Config:
    """Return the configuration of a cluster that these members found."""
    return Config(frozenset(members.voters), frozenset(), frozenset(members.learners))


def message_of_code(m: Any) -> Message | None:  # noqa: ANN401 - the adapter's
    """Return the specification's message for one of the code; None for a disk's, which it hasn't."""
    return None if isinstance(m, Confirmation) else map_message(m)


def search(system: System, follower: Follower, limit: float, conjuncts: Sequence[Conjunct] = INVARIANT) -> ProofOutcome:
    """Explore the system and return the outcome of the tie."""
    start, cpu_start, counted = time.perf_counter(), time.process_time(), [0]
    followed = system_with_past(system, follower, conjuncts, counted)

    def stop() -> str | None:
        return f"no end within {limit:.0f} s of processor time" if time.process_time() - cpu_start > limit else None

    exploration = engine.explore(followed, Limits(None, 1, None), stop=stop)
    if exploration.path is not None:
        text = "\n".join((f"violated: {exploration.path.broken}", *path_lines(followed, exploration.path)))
    else:
        text = (
            f"{exploration.states:,} states, {counted[0]:,} evaluations of conjuncts, "
            f"{len(follower.checked):,} distinct steps of the specification; {exploration.conclusion}"
        )
    return ProofOutcome(exploration.verdict, time.perf_counter() - start, text)


STALLS: Final = "disks that stall"
STALLS_OF_THREE: Final = "disks of three servers that stall, in one term"
LEARNER: Final = "a learner that becomes a voter, in one term"
JOINT: Final = "a server that takes another's place in a joint change"
INHERITED: Final = f"{JOINT}, whoever ends it"
SPEC_BOUNDS: Final = {
    "three servers": SpecBounds(in_flight=1),
    "snapshots, restarts and reads": SpecBounds(
        servers=2, in_flight=1, max_log=2, restarts=True, snapshots=True, max_rounds=1
    ),
    STALLS: SpecBounds(servers=2, any_network=True, restarts=True, stalls=True, snapshots=True),
    STALLS_OF_THREE: SpecBounds(any_network=True, max_term=1, restarts=True, stalls=True),
    LEARNER: SpecBounds(any_network=True, max_term=1, max_log=2, members="12+3", changes="123", symmetry=False),
    INHERITED: SpecBounds(servers=2, any_network=True, max_log=3, members="1+2", changes="2", symmetry=False),
}
CODE_BOUNDS: Final = {
    "three servers": RaftBounds(in_flight=3, max_log=1, proposals=1),
    "snapshots, restarts and reads": RaftBounds(
        servers=2, in_flight=2, proposals=2, restarts=1, step_downs=1, snapshots=1, reads=1
    ),
    STALLS: replace(SERVED, servers=2, snapshots=1),
    STALLS_OF_THREE: replace(SERVED, max_term=1),
    JOINT: RaftBounds(
        servers=2,
        max_log=4,
        proposals=0,
        members="1+2",
        changes="2",
        no_op=True,
        network=NetworkKind.ANY,
        symmetry=False,
    ),
}
WITNESSES_WITHIN: Final = {
    STALLS: (*WITNESSES, *STALL_WITNESSES),
    STALLS_OF_THREE: (*COMMITMENT_WITNESSES, *STALL_WITNESSES, *COUNT_WITNESSES),
    LEARNER: (*COMMITMENT_WITNESSES, *CHANGE_WITNESSES),
    JOINT: (*WITNESSES, *CHANGE_WITNESSES),
    INHERITED: (*WITNESSES, *CHANGE_WITNESSES, *EARLY_WITNESSES),
}


def ties() -> Iterator[Tie]:
    """Yield the ties, each to one search."""
    for name, bounds in SPEC_BOUNDS.items():
        claim = "Each state of the specification fulfils each conjunct, and each step is one that an action allows"
        yield Tie(
            f"specification, {name}",
            f"{claim}: {name}.",
            partial(_search_within, spec_system, bounds, WITNESSES_WITHIN.get(name, WITNESSES)),
        )
    for name, code_bounds in CODE_BOUNDS.items():
        claim = "So does each state, and is each step, of the code, mapped to the specification"
        yield Tie(
            f"code, {name}",
            f"{claim}: {name}.",
            partial(_search_within, code_system, code_bounds, WITNESSES_WITHIN.get(name, WITNESSES)),
        )


def _search_within(
    make: Callable[[Any, tuple[Witness, ...]], tuple[System, Follower]],
    bounds: SpecBounds | RaftBounds,
    witnesses: tuple[Witness, ...],
    limit: float,
) -> ProofOutcome:
    return search(*make(bounds, witnesses), limit)
