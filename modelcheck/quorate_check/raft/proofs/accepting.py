"""The check that an action of the model allows a step of the specification: guard and updates hold for its tables."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from quorate_check.proofs.logic.evaluating import Tables
from quorate_check.proofs.logic.formulas import And
from quorate_check.raft.proofs.actions import ACTIONS, Action
from quorate_check.raft.proofs.model import EVALUATION, FIXED, GHOSTS, NOTHING, VOCABULARY
from quorate_check.raft.proofs.record import (
    FUNCTIONS,
    UNSEEN,
    Domain,
    Past,
    holders_of,
    latest_change,
    log_rows,
    reported_rows,
    tables_of,
    values_in,
)
from quorate_spec.raft.messages import (
    AppendEntries,
    AppendEntriesReply,
    InstallSnapshot,
    InstallSnapshotReply,
    Message,
    RequestVote,
)
from quorate_spec.raft.state import Server, config, has, on_disk, term_at

OWN: Final = tuple(n for n in VOCABULARY.relations if n not in FIXED | GHOSTS.keys())
NOTHING_CHANGES: Final = "nothing"
Arguments = dict[str, Any]


@dataclass(frozen=True)
class CompiledAction:
    """An action compiled into Python functions."""

    action: Action

    @cached_property
    def guard(self) -> Callable[..., bool]:
        """The function from tables and arguments to whether the guard holds."""
        return EVALUATION.judge(And(self.action.guards), self.action.sorts)

    @cached_property
    def effects(self) -> dict[str, Callable[..., Any]]:
        """The new value of each table that it changes; of a function, its value at an argument."""
        functions: dict[str, Callable[..., Any]] = {}
        for name, update in self.action.changes.items():
            if update.becomes is not None:
                functions[name] = EVALUATION.rows_of(update.places, name, update.becomes, self.action.sorts)
            elif update.value is not None:
                functions[name] = EVALUATION.value_of(update.places, update.value, self.action.sorts)
        return functions

    def accepts(self, before: Tables, after: Tables, arguments: Arguments) -> bool:
        """Whether the guard holds for these arguments in `before`, and the updates lead to `after`."""
        values = [arguments[name] for name in self.action.parameters]
        if not self.guard(before, *values):
            return False
        for name in (*OWN, *FUNCTIONS):
            effect = self.effects.get(name)
            if effect is None:
                expected = before[name]
            elif name in FUNCTIONS:
                expected = {term: effect(before, *values, term) for term in before["term"]}
            else:
                expected = effect(before, *values)
            if expected != after[name]:
                return False
        return True


MOVES: Final = {action.name: CompiledAction(action) for action in ACTIONS}


@dataclass(frozen=True, slots=True)
class SpecStep:
    """One step of the specification at one server, with the past before and after; `reason` comes with the message."""

    before: Server
    past: Past
    after: Server
    past_after: Past
    received: Message | None
    reason: int


def covering_actions(name: str, moves: Mapping[str, CompiledAction]) -> tuple[str, ...]:
    """Return the actions that cover an action of the specification of this name."""
    return tuple(move.action.name for move in moves.values() if name in move.action.covers)


def accepting_action(
    step: SpecStep, name: str, domain: Domain, moves: Mapping[str, CompiledAction] = MOVES
) -> str | None:
    """Return the action that allows a step, among those that cover `name`; None if none does."""
    promises = {} if step.received is None else reported_rows(step.received, step.reason)
    # A new entry may bring a value that the state before doesn't have.
    values = {*values_in(step.before, step.past), *values_in(step.after, step.past_after)}
    before = domain.tables([tables_of(step.before, step.past), promises], values)
    after = domain.tables([tables_of(step.after, step.past_after), promises], values)
    for action in covering_actions(name, moves):
        for arguments in candidate_arguments(action, step):
            if moves[action].accepts(before, after, arguments):
                return action
    unchanged = all(before[table] == after[table] for table in (*OWN, *FUNCTIONS))
    return NOTHING_CHANGES if unchanged else None


def candidate_arguments(action: str, step: SpecStep) -> Iterator[Arguments]:  # noqa: C901 - a case for each action
    """Yield candidate arguments of an action for a step; each is checked, so a wrong one does no harm."""
    before, after, m = step.before, step.after, step.received
    n, t = before.id, before.current_term
    i, s, v = list(log_rows(before.log))[-1]
    p, g = latest_change(before, before.log)
    _, f, w = list(log_rows(before.log))[p]
    base: Arguments = {"n": n, "t": t, "i": i, "s": s, "v": v, "a": len(before.applied), "p": p, "f": f, "w": w, "g": g}
    match action:
        case "timeout" | "enter_term":
            yield base | {"u": after.current_term}
        case "vote" if isinstance(m, RequestVote):
            yield base | {"c": m.source, "j": m.last_log_index, "r": m.last_log_term}
        case "hear_vote" if m is not None:
            yield base | {"m": m.source}
        case "become_leader":
            others = sorted(before.votes_granted - {n})
            yield base | {"q": before.votes_granted, "k": others[0] if others else n}
        case "client_request":
            yield base | {"e": i + 1, "v": list(log_rows(after.log))[-1][2]}
        case "change" | "leave_early":
            yield base | _configuring(step, p)
        case "append_keep" | "append_replace" if isinstance(m, AppendEntries | InstallSnapshot):
            yield from _appending(base, step, m)
        case "hear_ack" if isinstance(m, AppendEntriesReply | InstallSnapshotReply):
            yield base | {"m": m.source, "e": m.match_index}
        case "count":
            yield base | _counting(step)
        case "lose":
            i, s, v = list(log_rows(on_disk(before).log))[-1]
            yield base | {"u": on_disk(before).current_term, "i": i, "s": s, "v": v}
        case _:
            yield base


def _configuring(step: SpecStep, p: int) -> Arguments:
    e, _, v = list(log_rows(step.after.log))[-1]
    reasons = step.past.commitments
    return {"e": e, "v": v, "h": config(step.after), "b": reasons[p - 1] if 0 < p <= len(reasons) else 0}


def _counting(step: SpecStep) -> Arguments:
    e, log = step.after.commit_index, step.before.log
    value = list(log_rows(log))[e][2] if e <= len(log) else NOTHING
    return {"e": e, "q": holders_of(step.before, e), "v": value, "d": len(step.past.commitments)}


def _appending(base: Arguments, step: SpecStep, m: AppendEntries | InstallSnapshot) -> Iterator[Arguments]:
    sent = m.entries if isinstance(m, AppendEntries) else m.snapshot
    p = m.prev_log_index if isinstance(m, AppendEntries) else 0
    r = m.prev_log_term if isinstance(m, AppendEntries) else 0
    e, log = p + len(sent), step.before.log
    if not has(log, p, r):
        return
    w: Hashable = UNSEEN if p else NOTHING
    new = list(log_rows(sent))[1:]
    h, l = (new[-1][1], new[-1][2]) if new else (r, w)  # noqa: E741 - the action's name for it
    commit = m.leader_commit if isinstance(m, AppendEntries) else e
    v = list(log_rows(log))[p][2]
    # Unless the step raises the commit index, nothing becomes known.
    raises = step.after.commit_index > step.before.commit_index
    d = len(step.past.commitments) if raises else step.after.commit_index
    values = base | {"p": p, "r": r, "v": v, "w": w, "e": e, "h": h, "l": l, "c": commit, "b": step.reason, "d": d}
    missing = [(p + k, s, z) for k, s, z in new if p + k > len(log) or term_at(log, p + k) != s]
    k, s, z = missing[0] if missing else (p, r, w)
    yield values | {"k": k, "s": s, "z": z}
