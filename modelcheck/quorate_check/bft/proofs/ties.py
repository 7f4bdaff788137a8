"""What is proved is about the core that is explored: every state fulfils the invariant, every step is an action.

The search is that of `model-check bft`, of the real core among traitors. Beside each voter goes a record of what he has
signed, and of where he was when he decided, for the core then begins the next index.

The core acts on certificates that it is shown, the actions on votes that were given. So it takes two checks. Of each
distinct step of a voter: it is what an action makes of him, if what he is locked on or has decided by afterwards was
certified. Of each state: all that he is locked on or has decided by is certified by votes that were given.

Both evaluate the sentences that z3 is given, read from the same texts, in Python.
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
class Recorded:
    """A voter of the search, the votes that he has signed, and his view and lock when he decided."""

    voter: Any
    signed: frozenset[Signed] = frozenset()
    ended: tuple[int, Certified] | None = None


@dataclass(frozen=True, slots=True)
class MemberRows:
    """The rows of the tables about one member: the view of each judgement."""

    id: int
    view: int
    lock: Certified
    signed: frozenset[Signed]
    decision: Certified


def core_of(voter: Any) -> State:  # noqa: ANN401 - a voter is the core, or has it beside his disk
    """Return the core of a voter."""
    state = getattr(voter, "state", voter)
    assert isinstance(state, State)
    return state


def shown(certificate: Certificate | None) -> Certified:
    """Return the view and digest of a certificate."""
    return None if certificate is None else (certificate.view, certificate.digest)


def member_of(local: Recorded | Tally) -> MemberRows | None:
    """View: the rows of the tables about a voter; there are none about a tally."""
    if isinstance(local, Tally):
        return None
    state = core_of(local.voter)
    view, lock = (state.view, shown(state.lock)) if local.ended is None else local.ended
    decision = shown(state.decisions[0]) if state.decisions else None
    return MemberRows(state.id, view, lock, local.signed, decision)


@dataclass(frozen=True)
class Tabulation:
    """From a state that is explored to the tables of model.py."""

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
    def known(self) -> Tables:
        """All things by sort, and the tables that no step changes."""
        honest = range(self.bounds.servers - self.bounds.traitors)
        quorums = self.things["quorum"]
        members = frozenset((n, q) for q in quorums for n in q)
        return {**self.things, "honest": frozenset((n,) for n in honest), "member": members}

    def rows(self, member: MemberRows, table: str) -> frozenset[Row]:
        """Return the rows of a table that are about a member, without it."""
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
        """Return the tables of all these members."""
        each = {m.id: tuple(self.rows(m, table) for table in STATE_TABLES) for m in members}
        return self.joined(STATE_TABLES, each)

    def joined(self, names: Sequence[str], each: Mapping[int, Sequence[frozenset[Row]]]) -> Tables:
        """Return the tables of these names, from each member's rows of each."""
        made = {
            name: frozenset((node, *row) for node, rows in each.items() for row in rows[place])
            for place, name in enumerate(names)
        }
        return self.known | made

    def judging(self, name: str, claim: str, formula: Formula) -> Invariant:
        """Return that every state fulfils a sentence.

        The view has only the tables that the sentence names, without the order of members: equal views are judged once.
        """
        judge, judged = EVALUATION.judge(formula), dict[tuple[int, ...], bool]()
        names = [table for table in STATE_TABLES if table in symbols(formula)]
        numbers: dict[tuple[frozenset[Row], ...], int] = {}

        def view(local: Recorded | Tally) -> tuple[frozenset[Row], ...] | None:
            member = member_of(local)
            return None if member is None else tuple(self.rows(member, table) for table in names)

        def holds(views: tuple[tuple[frozenset[Row], ...] | None, ...]) -> bool:
            members = sorted((v for v in views if v is not None), key=lambda v: numbers.setdefault(v, len(numbers)))
            key = tuple(numbers[member] for member in members)
            if key not in judged:
                judged[key] = judge(self.joined(names, dict(enumerate(members))))
                self.checked[0] += 1
            return judged[key]

        return Invariant(name, claim, view, holds)

    def certificates(self, phase: Phase) -> Invariant:
        """Return that every certificate of a phase that a voter has acted on is one in the model's sense."""
        table = VOTE_TABLES[phase]
        judge = EVALUATION.judge(formula(certified(table, "v", "d")), {"v": "view", "d": "value"})

        def view(local: Recorded | Tally) -> tuple[Certified, frozenset[Row]] | None:
            member = member_of(local)
            if member is None:
                return None
            return member.lock if phase is Phase.PREPARE else member.decision, self.rows(member, table)

        def holds(views: tuple[tuple[Certified, frozenset[Row]] | None, ...]) -> bool:
            self.checked[0] += 1
            members = [v for v in views if v is not None]
            tables = self.joined([table], {node: (rows,) for node, (_, rows) in enumerate(members)})
            acted = {certificate for certificate, _ in members if certificate is not None}
            return all(judge(tables, v, d) for v, d in sorted(acted))

        what = "is locked on" if phase is Phase.PREPARE else "has decided by"
        return Invariant(
            f"ActedOnIsCertified, {phase.name}", f"all that a member {what} is certified by votes", view, holds
        )

    def steps(self) -> StepInvariant:
        """Return that every step of a voter is one that an action allows."""
        moves = [CompiledAction.of(action, self.things) for action in ACTIONS]

        def holds(before: Recorded | Tally, _event: object, after: Recorded | Tally, _sent: tuple[Any, ...]) -> bool:
            one, other = member_of(before), member_of(after)
            if one is None or other is None or one == other:
                return True
            self.checked[0] += 1
            tables, wanted = self.tables([one, *self._supporters(other)]), self.tables([other])
            return any(move.explains(one.id, tables, wanted) for move in moves)

        return StepInvariant("ExplainedByAnAction", "each step of a voter is what an action makes of him", holds)

    def _supporters(self, voter: MemberRows) -> Iterator[MemberRows]:
        """Yield the other honest members, who have voted for what the voter acts on: a quorum with the traitors."""
        signed = frozenset(
            (phase, *c) for phase, c in ((Phase.PREPARE, voter.lock), (Phase.COMMIT, voter.decision)) if c is not None
        )
        for (other,) in self.known["honest"]:
            if other != voter.id:
                yield MemberRows(other, 1, None, signed, None)


@dataclass(frozen=True)
class CompiledAction:
    """An action, with all values of its parameters except the first, the member."""

    guard: Callable[..., bool]
    becomes: dict[str, Callable[..., set[Row]]]
    choices: tuple[tuple[Any, ...], ...]

    @staticmethod
    def of(action: Action, things: Mapping[str, tuple[Any, ...]]) -> CompiledAction:
        """Return the action among these things."""
        assert action.parameters[0] == "n"
        becomes = {}
        for table, update in action.changes.items():
            assert update.becomes is not None
            becomes[table] = EVALUATION.rows_of(update.places, table, update.becomes, action.sorts)
        choices = product(*(things[action.sorts[name]] for name in action.parameters[1:]))
        return CompiledAction(EVALUATION.judge(action.condition, action.sorts), becomes, tuple(choices))

    def explains(self, node: int, tables: Tables, wanted: Tables) -> bool:
        """Whether the action, taken by `node`, leads from `tables` to what is `wanted` of that node."""
        return any(
            self.guard(tables, node, *choice) and self._leads(tables, wanted, (node, *choice))
            for choice in self.choices
        )

    def _leads(self, tables: Tables, wanted: Tables, parameters: tuple[Any, ...]) -> bool:
        for table in STATE_TABLES:
            becomes = self.becomes.get(table)
            after = tables[table] if becomes is None else becomes(tables, *parameters)
            if {row for row in after if row[0] == parameters[0]} != wanted[table]:
                return False
        return True


def recorded(bounds: BftBounds) -> System:
    """Return the system of `model-check bft`, with a record for each voter."""
    system = bounds.system()

    def step(local: Recorded | Tally, event: object) -> list[Outcome | Defer]:
        if isinstance(local, Tally):
            return list(system.step(local, event))
        answers = system.step(local.voter, event)
        return [a if isinstance(a, Defer) else Outcome(_record(local, a), a.messages) for a in answers]

    def change(before: Recorded | Tally, after: Recorded | Tally) -> str:
        one, other = (each if isinstance(each, Tally) else each.voter for each in (before, after))
        return described(system).change(one, other)

    initial = tuple(local if isinstance(local, Tally) else Recorded(local) for local in system.initial)

    def node_name(local: Recorded | Tally) -> str:
        return described(system).name(local if isinstance(local, Tally) else local.voter)

    words = Described(described(system).event, change, name=node_name)
    return replace(system, initial=initial, step=step, invariants=(), witnesses=(), described=words)


def _record(before: Recorded, outcome: Outcome) -> Recorded:
    was, now = core_of(before.voter), core_of(outcome.local)
    votes = (m.vote for m in outcome.messages if isinstance(getattr(m, "vote", None), Vote))
    signed = before.signed | {(vote.phase, vote.view, vote.digest) for vote in votes}
    decides = now.decisions and not was.decisions
    return Recorded(outcome.local, signed, (was.view, shown(was.lock)) if decides else before.ended)


Judges: TypeAlias = tuple[Invariant | StepInvariant, ...]


def of_states(mapping: Tabulation) -> Judges:
    """Return the tie of states: each fulfils every sentence, and every certificate acted on is made of votes."""
    conjuncts = (mapping.judging(c.name, c.claim, c.formula) for c in (*INVARIANT, AGREEMENT))
    return (*map(mapping.certificates, VOTE_TABLES), *conjuncts)


def of_steps(mapping: Tabulation) -> Judges:
    """Return the tie of steps: an action allows each explored step."""
    return (mapping.steps(),)


def search(bounds: BftBounds, limit: float, judges_of: Callable[[Tabulation], Judges], counted: str) -> ProofOutcome:
    """Explore the system under some judges; `counted` is the noun for the number of judgements."""
    began, busy = time.perf_counter(), time.process_time()
    system = recorded(bounds)
    voters = [local for local in system.initial if isinstance(local, Recorded)]
    mapping = Tabulation(bounds, core_of(voters[0].voter).config.quorum)
    first = mapping.tables([m for m in map(member_of, voters) if m is not None])
    for why, text in INITIAL.items():
        assert EVALUATION.judge(formula(text))(first), f"at first {why}"
    judged = replace(system, invariants=judges_of(mapping))

    def stop() -> str | None:
        return f"no end within {limit:.0f} s of processor time" if time.process_time() - busy > limit else None

    found = engine.explore(judged, Limits(None, 1, None), stop=stop)
    if found.path is not None:
        text = "\n".join(path_lines(judged, found.path))
    else:
        where = f"{bounds.servers} members, {bounds.traitors} a traitor, {bounds.max_view} views"
        text = f"{where}: {found.states:,} states, {mapping.checked[0]:,} {counted}; {found.conclusion}"
    return ProofOutcome(found.verdict, time.perf_counter() - began, text)


def ties() -> tuple[Tie, ...]:
    """Return the two checks, of the search of `model-check bft` in two views: three take minutes."""
    bounds = BftBounds(max_view=2)
    return (
        Tie(
            "explored states",
            "Every explored state of the code fulfils every sentence above, and what it acts on is certified.",
            lambda limit: search(bounds, limit, of_states, "evaluations (one where a sentence sees the same)"),
        ),
        Tie(
            "explored steps",
            "Every explored step of a voter is one that an action above allows.",
            lambda limit: search(bounds, limit, of_steps, "distinct steps of voters"),
        ),
    )
