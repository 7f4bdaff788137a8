"""The tie between proof and exploration: each explored state fulfils each conjunct, and an action allows each step.

The search is that of the specification in Python, or of the code, with a record beside each server of what it once did.
A message carries one thing more: in which term the entry was counted that it says is committed. Three checks together
make that each run that is explored is a run of the model:

- each step of a server is one that an action of the model allows, if what the received message says is true;
- whoever sends a message has made true what it says (and that it stays true is proved);
- each state fulfils each conjunct.

A step of the code is first explained by steps of the specification, through conformance/mapping.py, as `model-check
conform` does it; each of these is then judged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from quorate_check import engine
from quorate_check.core.invariants import Invariant, Over, StepInvariant, Witness
from quorate_check.core.system import Defer, Deliver, Outcome, Symmetry, System
from quorate_check.engine import Limits
from quorate_check.proofs.logic.formulas import symbols
from quorate_check.proofs.obligation import ProofOutcome, Tie
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.conformance.explain import LocalStep, shortest_way
from quorate_check.raft.conformance.mapping import map_message, map_server
from quorate_check.raft.conformance.steps import local_step
from quorate_check.raft.proofs.accepting import MOVES, CompiledAction, Taken, accepted
from quorate_check.raft.proofs.invariant import INVARIANT, Conjunct
from quorate_check.raft.proofs.model import DEFINITIONS, EVALUATION, formula
from quorate_check.raft.proofs.record import Domain, Past, after_step, renamed, tables_of, vouched
from quorate_check.raft.spec import SpecBounds
from quorate_check.tell.described import Described, described
from quorate_check.tell.path_text import path_lines
from quorate_spec.raft import actions
from quorate_spec.raft.messages import AppendEntries, InstallSnapshot, Message
from quorate_spec.raft.state import Server

NEEDS: Final = {"hopeless": ("left", "acked")}
REFUSED: Final = "no action of the model allows this step, or a message says what isn't so"
WITNESSES: Final = (
    Witness("an entry is applied", lambda each: bool(each.server.applied), lambda views: bool(views[0])),
    Witness("a term counts", lambda each: any(led.counted for led in each.past.led), lambda views: bool(views[0])),
    Witness(
        "two terms have leaders",
        lambda each: each.server.led,
        lambda views: len(frozenset().union(*views)) > 1,
        Over.ALL,
    ),
)


@dataclass(frozen=True, slots=True)
class Remembered:
    """An explored server, the specification's server for it, its past, and the first `fault` of its steps, if any."""

    local: Any
    server: Server
    past: Past = field(default=Past())
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Carried:
    """A message, and the term in which the entries that it calls committed were counted."""

    message: Any
    reason: int = 0


@dataclass(frozen=True)
class Following:
    """Follows a search in the model; `explains` gives the steps of the specification that make up a step."""

    domain: Domain
    to_server: Callable[[Any], Server]
    to_message: Callable[[Any], Message]
    explains: Callable[[Any, Any, Any, tuple[Any, ...]], Sequence[tuple[str, Server, frozenset[Message]]]]
    moves: dict[str, CompiledAction] = field(default_factory=lambda: dict(MOVES))
    checked: dict[Taken, str] = field(default_factory=dict)

    def follow(self, before: Remembered, event: Any, outcome: Outcome) -> Outcome:  # noqa: ANN401 - the subject's own
        """Return the outcome of a step with the past after it."""
        carried = event.message if isinstance(event, Deliver) else None
        plain = Deliver(carried.message) if carried is not None else event
        received = None if carried is None else self.to_message(carried.message)
        reason = 0 if carried is None else carried.reason
        server, past, fault = before.server, before.past, ""
        chain = self.explains(before.local, plain, outcome.local, outcome.messages)
        if not chain:
            fault = "the specification doesn't explain this step"
        for name, after, sent in chain:
            following = after_step(past, server, after, sent, reason)
            fault = fault or self.judged(Taken(server, past, after, following, received, reason), name, sent)
            server, past = after, following
        messages = tuple(self.carry(m, carried, past) for m in outcome.messages)
        return Outcome(Remembered(outcome.local, self.to_server(outcome.local), past, fault), messages)

    def carry(self, m: Any, carried: Carried | None, past: Past) -> Carried:  # noqa: ANN401
        """Return a message with its term; one that stays in flight is returned as it came."""
        if carried is not None and m == carried.message:
            return carried
        message = self.to_message(m)
        commit = message.leader_commit if isinstance(message, AppendEntries) else 0
        commit = len(message.snapshot) if isinstance(message, InstallSnapshot) else commit
        return Carried(m, past.reason(commit))

    def judged(self, step: Taken, name: str, sent: frozenset[Message]) -> str:
        """Return the fault of a step of the specification, empty if an action allows it."""
        if step not in self.checked:
            taken = accepted(step, name, self.domain, self.moves)
            self.checked[step] = "" if taken is not None else f"no action of the model allows {name} here"
        if self.checked[step]:
            return self.checked[step]
        true = self.domain.tables([tables_of(step.after, step.past_after)])
        for m in sorted(sent, key=repr):
            commit = m.leader_commit if isinstance(m, AppendEntries) else 0
            reason = step.past_after.reason(len(m.snapshot) if isinstance(m, InstallSnapshot) else commit)
            if not all(
                _is_so(table, row, true, step.after) for table, rows in vouched(m, reason).items() for row in rows
            ):
                return f"{name} sends {m}, which isn't so"
        return ""


def _is_so(table: str, row: tuple[Hashable, ...], true: dict[str, Any], sender: Server) -> bool:
    """Whether a row that a message vouches for is there; what another leader counted is judged by the conjuncts."""
    if table == "counted":
        return bool(row[0] <= sender.current_term)  # type: ignore[operator]
    if table == "offered" and row[3] == "unseen":
        return any(known[:3] == row[:3] for known in true[table])
    return row in true[table]


def view_of(names: tuple[str, ...]) -> Callable[[Remembered], Hashable]:
    """Return the view of a server through some tables."""

    def view(local: Remembered) -> Hashable:
        tables = tables_of(local.server, local.past)
        return tuple(tables[name] for name in names)

    return view


def judging(domain: Domain, conjuncts: Sequence[Conjunct], counted: list[int]) -> Iterator[Invariant]:
    """Yield each conjunct as an invariant of the search, judged once for each distinct tuple of what it speaks of."""
    views: dict[tuple[str, ...], Callable[[Remembered], Hashable]] = {}
    places, text = DEFINITIONS["hopeless"]
    meant = EVALUATION.rows_of(places, "hopeless", formula(text), {})
    for conjunct in conjuncts:
        spoken = {n for s in symbols(conjunct.formula) for n in NEEDS.get(s, (s,))} - {"member"}
        names = tuple(sorted(spoken))
        hopeless = "hopeless" in symbols(conjunct.formula)
        true = EVALUATION.judge(conjunct.formula)

        def holds(
            tuples: tuple[Any, ...],
            names: tuple[str, ...] = names,
            true: Callable[..., bool] = true,
            hopeless: bool = hopeless,  # noqa: FBT001 - bound here, not given
        ) -> bool:
            counted[0] += 1
            tables = domain.tables([dict(zip(names, each, strict=True)) for each in tuples])
            if hopeless:
                tables["hopeless"] = meant(tables)
            return true(tables)

        view = views.setdefault(names, view_of(names))
        yield Invariant(conjunct.name, conjunct.claim, view, holds)


def followed(system: System, following: Following, conjuncts: Sequence[Conjunct], counted: list[int]) -> System:
    """Return a system with the past beside each server, that promises to be followed by the model."""

    def step(local: Remembered, event: Any) -> tuple[Outcome | Defer, ...]:  # noqa: ANN401 - the subject's own
        plain = Deliver(event.message.message) if isinstance(event, Deliver) else event
        answers = system.step(local.local, plain)
        return tuple(a if isinstance(a, Defer) else following.follow(local, event, a) for a in answers)

    plain = described(system)
    words = Described(
        lambda event: plain.event(event.message if isinstance(event, Carried) else event),
        lambda before, after: plain.change(before.local, after.local) + (f"; {after.fault}" if after.fault else ""),
        name=lambda remembered: plain.name(remembered.local),
    )
    promise = StepInvariant("AllowedByTheModel", REFUSED, lambda _before, _event, after, _sent: not after.fault)
    return replace(
        system,
        initial=tuple(Remembered(local, following.to_server(local)) for local in system.initial),
        step=step,
        source=lambda carried: system.source(carried.message),
        destination=lambda carried: system.destination(carried.message),
        beyond=lambda local: system.beyond(local.local),
        invariants=(promise, *judging(following.domain, conjuncts, counted)),
        witnesses=WITNESSES,
        symmetry=None if system.symmetry is None else _symmetry(system.symmetry, following),
        described=words,
    )


def _symmetry(plain: Symmetry, following: Following) -> Symmetry:
    """Return how servers with a past, and messages that carry something, are renamed."""

    def local(remembered: Remembered, p: tuple[int, ...]) -> Remembered:
        inner = plain.local(remembered.local, p)
        return replace(remembered, local=inner, server=following.to_server(inner), past=renamed(remembered.past, p))

    def message(carried: Carried, p: tuple[int, ...]) -> Carried:
        return replace(carried, message=plain.message(carried.message, p))

    return Symmetry(local, message)


def spec_steps(
    before: Server,
    event: Any,  # noqa: ANN401 - the search's own
    after: Server,
    sent: tuple[Message, ...],
) -> list[tuple[str, Server, frozenset[Message]]]:
    """Return the action of the specification that a step of it is: the search says which, but for a message."""
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
    """Return a shortest sequence of actions that does what `step` did, with the server after each and what it sent."""
    way = shortest_way(step)
    if way == ():
        return [("drop_stale_reply", step.after, frozenset())]
    found: list[tuple[str, Server, frozenset[Message]]] = []
    sent: frozenset[Message] = frozenset()
    for name, at in way or ():
        found.append((name, at.server, at.sent - sent))
        sent = at.sent
    return found


def of_spec(bounds: SpecBounds) -> tuple[System, Following]:
    """Return the specification's system within bounds, and what follows it."""
    domain = Domain(tuple(range(1, bounds.servers + 1)), bounds.max_term, bounds.max_log)
    return bounds.system(), Following(domain, lambda local: local, lambda m: m, spec_steps)


def of_code(bounds: RaftBounds) -> tuple[System, Following]:
    """Return the code's system within bounds, and what follows it."""
    domain = Domain(tuple(range(1, bounds.servers + 1)), bounds.max_term, bounds.max_log + bounds.max_term)
    return bounds.system(), Following(domain, map_server, map_message, code_steps)


def search(
    system: System, following: Following, limit: float, conjuncts: Sequence[Conjunct] = INVARIANT
) -> ProofOutcome:
    """Explore the system and return the outcome of the tie."""
    began, busy, counted = time.perf_counter(), time.process_time(), [0]
    judged = followed(system, following, conjuncts, counted)

    def stop() -> str | None:
        return f"no end within {limit:.0f} s of processor time" if time.process_time() - busy > limit else None

    found = engine.explore(judged, Limits(None, 1, None), stop=stop)
    if found.path is not None:
        text = "\n".join((f"violated: {found.path.broken}", *path_lines(judged, found.path)))
    else:
        text = (
            f"{found.states:,} states, {counted[0]:,} evaluations of conjuncts, "
            f"{len(following.checked):,} distinct steps of the specification; {found.conclusion}"
        )
    return ProofOutcome(found.verdict, time.perf_counter() - began, text)


SPEC_BOUNDS: Final = {
    "three servers": SpecBounds(in_flight=1),
    "snapshots and restarts": SpecBounds(servers=2, in_flight=1, max_log=2, restarts=True, snapshots=True),
}
CODE_BOUNDS: Final = {
    "three servers": RaftBounds(in_flight=3, max_log=1, proposals=1),
    "snapshots and restarts": RaftBounds(servers=2, in_flight=2, proposals=2, restarts=1, step_downs=1, snapshots=1),
}


def ties() -> Iterator[Tie]:
    """Yield the ties, each to one search."""
    for name, bounds in SPEC_BOUNDS.items():
        claim = "Each state of the specification fulfils each conjunct, and each step is one that an action allows"
        yield Tie(f"specification, {name}", f"{claim}: {name}.", partial(_of, of_spec, bounds))
    for name, code_bounds in CODE_BOUNDS.items():
        claim = "So does each state, and is each step, of the code, mapped to the specification"
        yield Tie(f"code, {name}", f"{claim}: {name}.", partial(_of, of_code, code_bounds))


def _of(make: Callable[[Any], tuple[System, Following]], bounds: SpecBounds | RaftBounds, limit: float) -> ProofOutcome:
    return search(*make(bounds), limit)
