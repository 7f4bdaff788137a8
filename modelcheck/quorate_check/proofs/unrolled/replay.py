"""What z3 found, taken step by step by the broken Python specification: nothing is believed that it doesn't do too."""

from __future__ import annotations

from dataclasses import replace

import z3

from quorate_check.behaviour import broken, moves, start
from quorate_check.path import GlobalState, Path, Step
from quorate_check.proofs.unrolled.search import Found
from quorate_check.proofs.unrolled.state import Kind, Message, Number, Role, Server, State, numbers
from quorate_check.subjects.raft_spec import VALUE, SpecBounds
from quorate_check.system import System
from quorate_spec.raft import messages
from quorate_spec.raft import state as spec

ROLES = {Role.FOLLOWER: spec.Role.FOLLOWER, Role.CANDIDATE: spec.Role.CANDIDATE, Role.LEADER: spec.Role.LEADER}


class UnreplayableError(AssertionError):
    """The formula allows a step that the specification doesn't: one of the two is wrong about Raft."""


class _Read:
    """Reads a state of z3's as the specification writes it."""

    def __init__(self, model: z3.ModelRef) -> None:
        self.model = model

    def number(self, value: Number) -> int:
        """Return a number's value."""
        found: int = self.model.eval(value, model_completion=True).as_long()
        return found

    def numbers(self, values: tuple[Number, ...]) -> tuple[int, ...]:
        return tuple(map(self.number, values))

    def state(self, state: State) -> GlobalState:
        everybody = tuple(range(1, len(state.servers) + 1))
        servers = tuple(self.server(i, everybody, s) for i, s in enumerate(state.servers, start=1))
        message = self.message(state.message)
        return GlobalState(servers, () if message is None else (message,), 0, (0, 0))

    def server(self, i: int, members: tuple[int, ...], s: Server) -> spec.Server:
        length, known = self.number(s.length), self.number(s.known)
        applied = zip(self.numbers(s.applied)[:known], self.numbers(s.by)[:known], strict=True)
        return spec.Server(
            id=i,
            members=members,
            current_term=self.number(s.term),
            voted_for=self.number(s.vote) or None,
            log=self.entries(self.numbers(s.log)[:length]),
            snapshot_index=0,
            role=ROLES[Role(self.number(s.role))],
            commit_index=self.number(s.commit),
            votes_granted=_bits(self.numbers(s.granted)),
            next_index=self.numbers(s.next),
            match_index=self.numbers(s.match),
            led=_bits(self.numbers(s.led)),
            applied=tuple(spec.Applied(term, VALUE, by) for term, by in applied),
        )

    def entries(self, terms: tuple[int, ...]) -> tuple[messages.Entry, ...]:
        return tuple(messages.Entry(term, VALUE) for term in terms)

    def message(self, m: Message) -> messages.Message | None:
        kind, count = Kind(self.number(m.kind)), self.number(m.entries)
        source, dest, term, index = map(self.number, (m.source, m.dest, m.term, m.index))
        yes = self.number(m.yes) == 1
        match kind:
            case Kind.NONE:
                return None
            case Kind.REQUEST_VOTE:
                return messages.RequestVote(source, dest, term, index, self.number(m.index_term))
            case Kind.REQUEST_VOTE_REPLY:
                return messages.RequestVoteReply(source, dest, term, yes)
            case Kind.APPEND_ENTRIES:
                entries = self.entries((self.number(m.entry),) * count)
                before, commit = self.number(m.index_term), self.number(m.commit)
                return messages.AppendEntries(source, dest, term, index, before, entries, commit)
            case Kind.APPEND_ENTRIES_REPLY:
                return messages.AppendEntriesReply(source, dest, term, yes, self.number(m.match), index)


def _bits(values: tuple[int, ...]) -> frozenset[int]:
    return frozenset(k for k, value in enumerate(values, start=1) if value)


def read_state(model: z3.ModelRef, state: State) -> GlobalState:
    """Return a state of z3's as the specification writes it."""
    return _Read(model).state(state)


def written(bounds: SpecBounds, unknowns: State, state: GlobalState) -> z3.BoolRef:
    """Return that the unknowns are a state of the specification's, with at most one message in flight."""
    pairs: list[tuple[Server | Message, dict[str, int]]] = [
        (one, _server_numbers(bounds, server)) for one, server in zip(unknowns.servers, state.nodes, strict=True)
    ]
    pairs.append((unknowns.message, _message_numbers(next(iter(state.flight), None))))
    return z3.And(*(value == given.get(name, 0) for record, given in pairs for name, value in numbers(record)))


def _server_numbers(bounds: SpecBounds, s: spec.Server) -> dict[str, int]:
    everybody, terms = s.members, range(1, bounds.max_term + 1)
    several = {
        "log": [entry.term for entry in s.log],
        "granted": [int(j in s.votes_granted) for j in everybody],
        "next": s.next_index,
        "match": s.match_index,
        "led": [int(term in s.led) for term in terms],
        "applied": [entry.term for entry in s.applied],
        "by": [entry.by for entry in s.applied],
    }
    role = next(number for number, role in ROLES.items() if role is s.role)
    one = {
        "term": s.current_term,
        "vote": s.voted_for or 0,
        "role": int(role),
        "length": len(s.log),
        "commit": s.commit_index,
        "known": len(s.applied),
    }
    return one | {f"{name}[{k}]": v for name, values in several.items() for k, v in enumerate(values, start=1)}


def _message_numbers(m: messages.Message | None) -> dict[str, int]:
    if m is None:
        return {}
    shared = {"source": m.source, "dest": m.dest, "term": m.term}
    match m:
        case messages.RequestVote():
            own = {"kind": Kind.REQUEST_VOTE, "index": m.last_log_index, "index_term": m.last_log_term}
        case messages.RequestVoteReply():
            own = {"kind": Kind.REQUEST_VOTE_REPLY, "yes": int(m.vote_granted)}
        case messages.AppendEntries():
            before = {"index": m.prev_log_index, "index_term": m.prev_log_term, "commit": m.leader_commit}
            entry = m.entries[0].term if m.entries else 0
            own = {"kind": Kind.APPEND_ENTRIES, **before, "entries": len(m.entries), "entry": entry}
        case messages.AppendEntriesReply():
            own = {"kind": Kind.APPEND_ENTRIES_REPLY, "yes": int(m.success)}
            own |= {"match": m.match_index, "index": m.prev_log_index}
        case _:
            raise AssertionError(f"{m} isn't encoded")
    return shared | {name: int(value) for name, value in own.items()}


def replay(system: System, found: Found) -> Path:
    """Return what z3 found as a path of `system`, which must break its promise; UnreplayableError if it is none."""
    assert found.model is not None
    read = _Read(found.model)
    states = [read.state(state) for state in found.states]
    at = start(system)
    if replace(states[0], used=at.used) != at:
        raise UnreplayableError(f"it doesn't begin as it must: {states[0]}")
    steps = []
    for k, state in enumerate(states[1:], start=1):
        after = replace(state, used=at.used)
        move = next((move for move, _, reached in moves(system, at) if reached == after), None)
        if move is None:
            raise UnreplayableError(f"step {k} isn't one: from {at} to {after}")
        steps.append(Step(move, after))
        at = after
    if (name := broken(system, at)) is None:
        raise UnreplayableError(f"nothing is broken at the end: {at}")
    return Path(start(system), tuple(steps), name)
