"""What is true of every state whatever the rules are wrong about, so that z3 needn't find it out again at each length.

Nothing of this is believed: `proved` asks z3 if it is true at first and stays true with every step, by the very rules
that are unrolled, and the search uses it only then.
"""

from __future__ import annotations

from collections.abc import Iterator

import z3

from quorate_check.proofs.unrolled.rules import Bug
from quorate_check.proofs.unrolled.state import BITS, Kind, Message, Number, Role, Server, State, at, initially, unknown
from quorate_check.proofs.unrolled.steps import Step, transition
from quorate_check.subjects.raft_spec import SpecBounds


def facts(bounds: SpecBounds, state: State) -> z3.BoolRef:
    """Return that the numbers of a state are within bounds and go together."""
    found = list(_flying(bounds, state))
    for me, server in enumerate(state.servers, start=1):
        found += [*_within(bounds, server), *_role(me, server)]
    return z3.And(*found)


def _between(value: Number, least: int, most: int) -> z3.BoolRef:
    return z3.And(value >= least, value <= most)


def _within(bounds: SpecBounds, s: Server) -> Iterator[z3.BoolRef]:
    yield _between(s.term, 0, bounds.max_term)
    yield _between(s.vote, 0, bounds.servers)
    yield _between(s.length, 0, bounds.max_log)
    yield z3.And(s.commit >= 0, s.commit <= s.length, s.commit <= s.known, s.known <= bounds.max_log)
    for k, (entry, applied, by) in enumerate(zip(s.log, s.applied, s.by, strict=True), start=1):
        yield z3.And(entry >= 0, entry <= s.term, (entry > 0) == (s.length >= k))
        yield z3.And(applied >= 0, applied <= by, by <= s.term, (applied > 0) == (s.known >= k))
    for bit in (*s.granted, *s.led):
        yield _between(bit, 0, 1)
    for term, bit in enumerate(s.led, start=1):
        yield z3.Implies(bit == 1, s.term >= term)


def _role(me: int, s: Server) -> Iterator[z3.BoolRef]:
    yield _between(s.role, Role.FOLLOWER, Role.LEADER)
    yield z3.Implies(s.role != Role.CANDIDATE, z3.And(*(bit == 0 for bit in s.granted)))
    yield z3.Implies(s.role == Role.CANDIDATE, z3.And(s.granted[me - 1] == 1, s.vote == me, s.term >= 1))
    yield z3.Implies(s.role == Role.LEADER, z3.And(at(s.led, s.term) == 1, s.term >= 1))
    beginning = z3.And(*(n == 1 for n in s.next), *(m == 0 for m in s.match))
    yield z3.Implies(s.role != Role.LEADER, beginning)
    for entries, first, match in ((len(s.log), n, m) for n, m in zip(s.next, s.match, strict=True)):
        yield z3.And(_between(first, 1, entries + 1), _between(match, 0, entries))


def _flying(bounds: SpecBounds, state: State) -> Iterator[z3.BoolRef]:
    m: Message = state.message
    yield _between(m.kind, Kind.NONE, Kind.APPEND_ENTRIES_REPLY)
    used = {
        Kind.NONE: set[str](),
        Kind.REQUEST_VOTE: {"index", "index_term"},
        Kind.REQUEST_VOTE_REPLY: {"yes"},
        Kind.APPEND_ENTRIES: {"index", "index_term", "entries", "entry", "commit"},
        Kind.APPEND_ENTRIES_REPLY: {"yes", "match", "index"},
    }
    for kind, names in used.items():
        shared = {"kind"} if kind is Kind.NONE else {"kind", "source", "dest", "term"}
        rest = [getattr(m, name) == 0 for name in Message.__slots__ if name not in names | shared]
        yield z3.Implies(m.kind == kind, z3.And(*rest))
    flies = z3.And(_between(m.source, 1, bounds.servers), _between(m.dest, 1, bounds.servers), m.source != m.dest)
    sender = [z3.Implies(m.source == i, m.term <= s.term) for i, s in enumerate(state.servers, start=1)]
    yield z3.Implies(m.kind != Kind.NONE, z3.And(flies, m.term >= 1, *sender))
    for value, largest in ((m.entries, 1), (m.yes, 1), (m.index, bounds.max_log), (m.match, bounds.max_log)):
        yield _between(value, 0, largest)
    yield z3.And(m.index + m.entries <= bounds.max_log, m.commit >= 0, m.commit <= bounds.max_log)
    for term in (m.index_term, m.entry):
        yield z3.And(term >= 0, term <= m.term)
    yield z3.And((m.index_term > 0) == z3.And(m.index > 0, m.kind != Kind.APPEND_ENTRIES_REPLY))
    yield (m.entry > 0) == (m.entries > 0)


def proved(bug: Bug) -> bool:
    """Whether the facts are true at first and stay true with every step."""
    before, after = unknown(bug.bounds, 0), unknown(bug.bounds, 1)
    step = Step(*(z3.BitVec(f"{name} of the step", BITS) for name in Step.__slots__))
    here, there = facts(bug.bounds, before), facts(bug.bounds, after)
    for opposite in (
        (initially(before), z3.Not(here)),
        (here, transition(bug.bounds, bug.rules, before, step, after), z3.Not(there)),
    ):
        solver = z3.SolverFor("QF_FD")
        solver.add(*opposite)
        if solver.check() != z3.unsat:
            return False
    return True
