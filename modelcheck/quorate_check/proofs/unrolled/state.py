"""The variables of Raft.tla at some moment, as unknowns of z3: small numbers, since everything is bounded.

What isn't there is 0: a position beyond a log's end, a vote that wasn't given, a field that a message of its kind
lacks, a message where none is in flight. So two states are the same exactly if their numbers are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Final, TypeAlias

import z3

from quorate_check.subjects.raft_spec import SpecBounds

BITS: Final = 4  # numbers below 8, as z3 compares them with their sign
LARGEST: Final = 7
Number: TypeAlias = z3.BitVecRef


class Role(IntEnum):
    """The roles of Raft.tla without pre-votes."""

    FOLLOWER = 0
    CANDIDATE = 1
    LEADER = 2


class Kind(IntEnum):
    """The messages of Raft.tla without pre-votes and snapshots, and none."""

    NONE = 0
    REQUEST_VOTE = 1
    REQUEST_VOTE_REPLY = 2
    APPEND_ENTRIES = 3
    APPEND_ENTRIES_REPLY = 4


@dataclass(frozen=True, slots=True)
class Server:
    """A server: `log` has an entry's term by position; `known` entries of it are `applied`, at terms `by`.

    `granted` has a bit for each server, `led` one for each term.
    """

    term: Number
    vote: Number
    role: Number
    length: Number
    log: tuple[Number, ...]
    commit: Number
    granted: tuple[Number, ...]
    next: tuple[Number, ...]
    match: tuple[Number, ...]
    led: tuple[Number, ...]
    known: Number
    applied: tuple[Number, ...]
    by: tuple[Number, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """The message in flight. `index` and `index_term` are a log's last position or the one before the entries.

    `entries` is how many there are, `entry` the term of the only one; `yes` is a vote or a success.
    """

    kind: Number
    source: Number
    dest: Number
    term: Number
    index: Number
    index_term: Number
    entries: Number
    entry: Number
    commit: Number
    yes: Number
    match: Number


def number(value: int) -> Number:
    """Return a number that is known."""
    return z3.BitVecVal(value, BITS)


def numbers(record: Server | Message) -> Iterator[tuple[str, Number]]:
    """Yield every number of a record with its name."""
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, tuple):
            yield from ((f"{field.name}[{k}]", part) for k, part in enumerate(value, start=1))
        else:
            yield field.name, value


def choose(condition: z3.BoolRef, one: tuple[Number, ...], other: tuple[Number, ...]) -> tuple[Number, ...]:
    """Return the numbers of `one` where the condition is true, else those of `other`."""
    return tuple(z3.If(condition, a, b) for a, b in zip(one, other, strict=True))


def at(values: tuple[Number, ...], index: Number) -> Number:
    """Return the value at a position that counts from 1; 0 at any other."""
    found = number(0)
    for k, value in enumerate(values, start=1):
        found = z3.If(index == k, value, found)
    return found


def put(values: tuple[Number, ...], index: Number, value: Number) -> tuple[Number, ...]:
    """Return the values with another at a position."""
    return tuple(z3.If(index == k, value, old) for k, old in enumerate(values, start=1))


def least(one: Number, other: Number) -> Number:
    """Return the smaller number."""
    return z3.If(one <= other, one, other)


def most(one: Number, other: Number) -> Number:
    """Return the larger number."""
    return z3.If(one >= other, one, other)


@dataclass(frozen=True, slots=True)
class State:
    """All servers, and what is in flight."""

    servers: tuple[Server, ...]
    message: Message


def unknown(bounds: SpecBounds, moment: int) -> State:
    """Return a state of which nothing is known, at a moment."""

    def one(name: str) -> Number:
        return z3.BitVec(f"{name} at {moment}", BITS)

    def server(i: int) -> Server:
        sizes = {"log": bounds.max_log, "applied": bounds.max_log, "by": bounds.max_log, "led": bounds.max_term}
        sizes |= dict.fromkeys(("granted", "next", "match"), bounds.servers)
        values = {}
        for field in fields(Server):
            name = f"{field.name} of s{i}"
            size = sizes.get(field.name)
            values[field.name] = one(name) if size is None else tuple(one(f"{name}[{k}]") for k in range(1, size + 1))
        return Server(**values)

    servers = tuple(server(i) for i in range(1, bounds.servers + 1))
    return State(servers, Message(**{field.name: one(f"{field.name} in flight") for field in fields(Message)}))


def initially(state: State) -> z3.BoolRef:
    """Return that nothing has happened yet."""
    sentences = [value == 0 for _, value in numbers(state.message)]
    for server in state.servers:
        sentences += [value == int(name.startswith("next")) for name, value in numbers(server)]
    return z3.And(*sentences)


def same(one: Server | Message, other: Server | Message) -> z3.BoolRef:
    """Return that two records are the same."""
    return z3.And(*(a == b for (_, a), (_, b) in zip(numbers(one), numbers(other), strict=True)))
