"""The tie of the proof to the explored core: every state satisfies the invariant, and every step is an action.

The search is that of `model-check bft`, of the real core among traitors. Each voter has a record of the votes that it
signed and of its view and lock when it decided, because the core then begins the next index.

The core acts on certificates that it receives, the actions on votes. So there are two checks. Each distinct step of a
voter is a step of an action, if the certificates of its lock and its decision after the step are assumed to exist. In
each state, votes certify every lock and every decision.

Both evaluate the sentences that z3 gets, parsed from the same texts, in Python.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any, Final, TypeAlias

from quorate.bft import Certificate, Phase, State, Vote
from quorate_check import engine
from quorate_check.bft.bounds import BftBounds
from quorate_check.bft.proofs.actions import ACTIONS, Action
from quorate_check.bft.proofs.cluster import FiniteCluster
from quorate_check.bft.proofs.invariant import AGREEMENT, INVARIANT
from quorate_check.bft.proofs.model import EVALUATION, INITIAL, certified, formula
from quorate_check.bft.subject import FORGED, WANTED, Tally
from quorate_check.core.invariants import Invariant, StepInvariant
from quorate_check.core.system import Defer, Outcome, System
from quorate_check.engine import Limits
from quorate_check.proofs.logic.evaluating import Row, Tables
from quorate_check.proofs.logic.formulas import Formula, symbols
from quorate_check.proofs.obligation import ProofOutcome, Tie
from quorate_check.tell.described import Described, described
from quorate_check.tell.path_text import path_lines

Signed: TypeAlias = tuple[Phase, int, bytes]
Certified: TypeAlias = tuple[int, bytes] | None
VOTE_TABLES: Final = {Phase.PREPARE: "first", Phase.COMMIT: "second"}
STATE_TABLES: Final = ("left", "first", "second", "locked", "decided")


@dataclass(frozen=True, slots=True)
class RecordedVoter:
    """A voter of the search, the votes that it has signed, and its view and lock when it decided."""

    voter: Any
    signed: frozenset[Signed] = frozenset()
    at_decision: tuple[int, Certified] | None = None


@dataclass(frozen=True, slots=True)
class MemberRows:
    """The rows of the tables about one member: the view of each judgement."""

    id: int
    view: int
    lock: Certified
    signed: frozenset[Signed]
    decision: Certified


def core_state(voter: Any) -> State:  # noqa: ANN401 - a voter is the core, or has it as a field
    """Return the core of a voter."""
    state = getattr(voter, "state", voter)
    assert isinstance(state, State)
    return state


def certificate_key(certificate: Certificate | None) -> Certified:
    """Return the view and digest of a certificate."""
    return None if certificate is None else (certificate.view, certificate.digest)


def member_rows(local: RecordedVoter | Tally) -> MemberRows | None:
    """View: the rows of the tables about a voter; there are none about a tally."""
    if isinstance(local, Tally):
        return None
    state = core_state(local.voter)
    view, lock = (state.view, certificate_key(state.lock)) if local.at_decision is None else local.at_decision
    decision = certificate_key(state.decisions[0]) if state.decisions else None
    return MemberRows(state.id, view, lock, local.signed, decision)


@dataclass(frozen=True)
class Tabulation:
    """The mapping from an explored state to the tables of model.py; `checked` has the number of judgements."""

    bounds: BftBounds
    quorum: int
    checked: list[int] = field(default_factory=lambda: [0])

    @cached_property
    def things(self) -> dict[str, tuple[Any, ...]]:
        """All elements within the bounds, by sort."""
        cluster = FiniteCluster(self.bounds.servers, self.bounds.traitors, self.quorum)
        return {
            "node": tuple(range(self.bounds.servers)),
            "view": tuple(range(1, self.bounds.max_view + 1)),
            "value": (*WANTED, FORGED),
            "quorum": tuple(cluster.quorums),
        }

    @cached_property
    def fixed_tables(self) -> Tables:
        """The elements of each sort, and the tables that no step changes."""
        honest = range(self.bounds.servers - self.bounds.traitors)
        quorums = self.things["quorum"]
        members = frozenset((n, q) for q in quorums for n in q)
        return {**self.things, "honest": frozenset((n,) for n in honest), "member": members}

    def rows(self, member: MemberRows, table: str) -> frozenset[Row]:
        """Return the rows of a table that are about a member, without the member's column."""
        views = self.things["view"]
        match table:
            case "left":
                return frozenset((v,) for v in views if member.view > v)
            case "locked":
                return frozenset((v,) for v in views if member.lock is not None and member.lock[0] >= v)
            case "decided":
                return frozenset(() if member.decision is None else (member.decision,))
            case _:
                return frozenset((v, d) for phase, v, d in member.signed if VOTE_TABLES[phase] == table)

    def tables(self, members: Sequence[MemberRows]) -> Tables:
        """Return all tables with the rows of these members."""
        each = {m.id: tuple(self.rows(m, table) for table in STATE_TABLES) for m in members}
        return self.join(STATE_TABLES, each)

    def join(self, names: Sequence[str], each: Mapping[int, Sequence[frozenset[Row]]]) -> Tables:
        """Return the fixed tables and those of `names`, for each member with its rows in the order of `names`."""
        tables = {
            name: frozenset((node, *row) for node, rows in each.items() for row in rows[place])
            for place, name in enumerate(names)
        }
        return self.fixed_tables | tables

    def state_invariant(self, name: str, claim: str, formula: Formula) -> Invariant:
        """Return the invariant that every state satisfies a sentence.

        The view has only the tables that the sentence names, without the order of members: equal views are judged once.
        """
        judge, verdicts = EVALUATION.judge(formula), dict[tuple[int, ...], bool]()
        names = [table for table in STATE_TABLES if table in symbols(formula)]
        numbers: dict[tuple[frozenset[Row], ...], int] = {}

        def view(local: RecordedVoter | Tally) -> tuple[frozenset[Row], ...] | None:
            member = member_rows(local)
            return None if member is None else tuple(self.rows(member, table) for table in names)

        def holds(views: tuple[tuple[frozenset[Row], ...] | None, ...]) -> bool:
            members = sorted((v for v in views if v is not None), key=lambda v: numbers.setdefault(v, len(numbers)))
            key = tuple(numbers[member] for member in members)
            if key not in verdicts:
                verdicts[key] = judge(self.join(names, dict(enumerate(members))))
                self.checked[0] += 1
            return verdicts[key]

        return Invariant(name, claim, view, holds)

    def certificates(self, phase: Phase) -> Invariant:
        """Return the invariant that votes certify every voter's lock (PREPARE) or decision (COMMIT)."""
        table = VOTE_TABLES[phase]
        judge = EVALUATION.judge(formula(certified(table, "v", "d")), {"v": "view", "d": "value"})

        def view(local: RecordedVoter | Tally) -> tuple[Certified, frozenset[Row]] | None:
            member = member_rows(local)
            if member is None:
                return None
            return member.lock if phase is Phase.PREPARE else member.decision, self.rows(member, table)

        def holds(views: tuple[tuple[Certified, frozenset[Row]] | None, ...]) -> bool:
            self.checked[0] += 1
            members = [v for v in views if v is not None]
            tables = self.join([table], {node: (rows,) for node, (_, rows) in enumerate(members)})
            certificates = {certificate for certificate, _ in members if certificate is not None}
            return all(judge(tables, v, d) for v, d in sorted(certificates))

        what = "is locked on" if phase is Phase.PREPARE else "has decided by"
        return Invariant(
            f"ActedOnIsCertified, {phase.name}", f"all that a member {what} is certified by votes", view, holds
        )

    def steps(self) -> StepInvariant:
        """Return the invariant that every step of a voter is a step of an action."""
        moves = [CompiledAction.compile(action, self.things) for action in ACTIONS]

        def holds(
            before: RecordedVoter | Tally, _event: object, after: RecordedVoter | Tally, _sent: tuple[Any, ...]
        ) -> bool:
            rows_before, rows_after = member_rows(before), member_rows(after)
            if rows_before is None or rows_after is None or rows_before == rows_after:
                return True
            self.checked[0] += 1
            tables, goal = self.tables([rows_before, *self._supporters(rows_after)]), self.tables([rows_after])
            return any(move.explains(rows_before.id, tables, goal) for move in moves)

        return StepInvariant("ExplainedByAnAction", "each step of a voter is what an action makes of him", holds)

    def _supporters(self, voter: MemberRows) -> Iterator[MemberRows]:
        """Yield the other honest members with votes for the voter's lock and decision: with the traitors a quorum."""
        signed = frozenset(
            (phase, *c) for phase, c in ((Phase.PREPARE, voter.lock), (Phase.COMMIT, voter.decision)) if c is not None
        )
        for (member,) in self.fixed_tables["honest"]:
            if member != voter.id:
                yield MemberRows(member, 1, None, signed, None)


@dataclass(frozen=True)
class CompiledAction:
    """An action, with all values of its parameters except the first, the member."""

    guard: Callable[..., bool]
    becomes: dict[str, Callable[..., set[Row]]]
    choices: tuple[tuple[Any, ...], ...]

    @staticmethod
    def compile(action: Action, things: Mapping[str, tuple[Any, ...]]) -> CompiledAction:
        """Return `action` compiled to Python functions over the elements `things`."""
        assert action.parameters[0] == "n"
        becomes = {}
        for table, update in action.changes.items():
            assert update.becomes is not None
            becomes[table] = EVALUATION.rows_of(update.places, table, update.becomes, action.sorts)
        choices = product(*(things[action.sorts[name]] for name in action.parameters[1:]))
        return CompiledAction(EVALUATION.judge(action.condition, action.sorts), becomes, tuple(choices))

    def explains(self, node: int, tables: Tables, goal: Tables) -> bool:
        """Whether a step of the action at `node` leads from `tables` to the rows of that node in `goal`."""
        return any(
            self.guard(tables, node, *choice) and self._leads(tables, goal, (node, *choice)) for choice in self.choices
        )

    def _leads(self, tables: Tables, goal: Tables, parameters: tuple[Any, ...]) -> bool:
        for table in STATE_TABLES:
            becomes = self.becomes.get(table)
            after = tables[table] if becomes is None else becomes(tables, *parameters)
            if {row for row in after if row[0] == parameters[0]} != goal[table]:
                return False
        return True


def recording_system(bounds: BftBounds) -> System:
    """Return the system of `model-check bft`, with a record for each voter."""
    system = bounds.system()

    def step(local: RecordedVoter | Tally, event: object) -> list[Outcome | Defer]:
        if isinstance(local, Tally):
            return list(system.step(local, event))
        outcomes = system.step(local.voter, event)
        return [a if isinstance(a, Defer) else Outcome(_record(local, a), a.messages) for a in outcomes]

    def change(before: RecordedVoter | Tally, after: RecordedVoter | Tally) -> str:
        old, new = (each if isinstance(each, Tally) else each.voter for each in (before, after))
        return described(system).change(old, new)

    initial = tuple(local if isinstance(local, Tally) else RecordedVoter(local) for local in system.initial)

    def node_name(local: RecordedVoter | Tally) -> str:
        return described(system).name(local if isinstance(local, Tally) else local.voter)

    words = Described(described(system).event, change, name=node_name)
    return replace(system, initial=initial, step=step, invariants=(), witnesses=(), described=words)


def _record(before: RecordedVoter, outcome: Outcome) -> RecordedVoter:
    old, new = core_state(before.voter), core_state(outcome.local)
    votes = (m.vote for m in outcome.messages if isinstance(getattr(m, "vote", None), Vote))
    signed = before.signed | {(vote.phase, vote.view, vote.digest) for vote in votes}
    decides = new.decisions and not old.decisions
    return RecordedVoter(
        outcome.local, signed, (old.view, certificate_key(old.lock)) if decides else before.at_decision
    )


Invariants: TypeAlias = tuple[Invariant | StepInvariant, ...]


def state_invariants(mapping: Tabulation) -> Invariants:
    """Return the tie of states: each satisfies every sentence, and votes certify every lock and decision."""
    conjuncts = (mapping.state_invariant(c.name, c.claim, c.formula) for c in (*INVARIANT, AGREEMENT))
    return (*map(mapping.certificates, VOTE_TABLES), *conjuncts)


def step_invariants(mapping: Tabulation) -> Invariants:
    """Return the tie of steps: an action allows each explored step."""
    return (mapping.steps(),)


def search(
    bounds: BftBounds, limit: float, invariants_of: Callable[[Tabulation], Invariants], counted: str
) -> ProofOutcome:
    """Explore the system with some invariants for at most `limit` seconds; `counted` is the noun for judgements."""
    start, cpu_start = time.perf_counter(), time.process_time()
    system = recording_system(bounds)
    voters = [local for local in system.initial if isinstance(local, RecordedVoter)]
    mapping = Tabulation(bounds, core_state(voters[0].voter).config.quorum)
    first = mapping.tables([m for m in map(member_rows, voters) if m is not None])
    for why, text in INITIAL.items():
        assert EVALUATION.judge(formula(text))(first), f"at first {why}"
    model = replace(system, invariants=invariants_of(mapping))

    def stop() -> str | None:
        return f"no end within {limit:.0f} s of processor time" if time.process_time() - cpu_start > limit else None

    exploration = engine.explore(model, Limits(None, 1, None), stop=stop)
    if exploration.path is not None:
        text = "\n".join(path_lines(model, exploration.path))
    else:
        where = f"{bounds.servers} members, {bounds.traitors} a traitor, {bounds.max_view} views"
        text = f"{where}: {exploration.states:,} states, {mapping.checked[0]:,} {counted}; {exploration.conclusion}"
    return ProofOutcome(exploration.verdict, time.perf_counter() - start, text)


def ties() -> tuple[Tie, ...]:
    """Return the two checks, of the search of `model-check bft` in two views: three take minutes."""
    bounds = BftBounds(max_view=2)
    return (
        Tie(
            "explored states",
            "Every explored state of the code fulfils every sentence above, and what it acts on is certified.",
            lambda limit: search(bounds, limit, state_invariants, "evaluations (one where a sentence sees the same)"),
        ),
        Tie(
            "explored steps",
            "Every explored step of a voter is one that an action above allows.",
            lambda limit: search(bounds, limit, step_invariants, "distinct steps of voters"),
        ),
    )
