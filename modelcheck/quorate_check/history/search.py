"""The search for an order: Wing and Gong's, with Lowe's memory of where it has been, and with fewer places to go.

A configuration is the set of operations that are ordered so far, and the state after them. From it, an operation can
come next if it was invoked before any other unordered one returned. No configuration is entered twice (Lowe, Testing
for linearizability, 2017). Four rules leave out configurations without which an order is found just as well:

1. An operation that only looks comes as soon as it can and its reply fits. It changes nothing, so that whatever
   order puts it later is as good with it here.
2. A blind write overwrites what it covers: a blind write that could come directly before it, on no other keys, can
   have done so, unseen. So it counts as ordered, and is `free`: it may yet come later instead, as long as nothing is
   ordered that was invoked after it returned.
3. A blind write, or a possible operation, comes not directly before a blind write that covers it and could have come
   in its place: by rule 2, the second one in its place leaves no less to do and no more.
4. Of possible operations that do the same, the one invoked first comes first: they can change places in an order.

Together they are sound. Suppose an order can be completed from an entered configuration; take one with the fewest moves
to go, then the fewest operations that are ordered and not free, then the lowest numbers of possible operations. Its
next move leads to an entered configuration with fewer to go, unless rule 3 or 4 forbids it. But then by rule 3 the
configuration before has a completion with as many moves and fewer operations ordered, and by rule 4 this one has
a completion with lower numbers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from quorate_check.history.lookahead import NEVER, Ordered
from quorate_check.history.parts import Placed
from quorate_check.history.problem import MISMATCH, Problem

ASK_EVERY = 256  # configurations between two questions whether to stop
ENOUGH = "as many configurations as it was allowed"

Stop: TypeAlias = Callable[["Found"], str | None]
"""Of what a search has found so far: why it should stop, or None."""


@dataclass(frozen=True, slots=True)
class Link:
    """The last move of an order, and all before it: what came unseen before it, it, and what could look at once.

    Numbers from 0 are definite operations, -1 - i is the possible operation i; None is the beginning.
    """

    before: Link | None
    unseen: Sequence[int]
    move: int | None
    looks: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Move:
    """A move, when it was invoked, and the keys of what it wrote if it needn't have been ordered before a cover."""

    link: Link
    invoked: int
    unseen: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is ordered, what can come next, and how it came to this.

    All definite operations below `low` are ordered, and bit i of `done` says whether `low + i` is; `free` are those of
    them that may yet come later; `used` are the possible ones. `deadline` is the first return of an unordered one.
    `nexts` are definite operations and the states after them. If nobody looked yet at what the last move wrote,
    `unseen` are its keys, and `since` was the deadline before it; else `unseen` is 0.
    """

    low: int
    done: int
    free: int
    used: int
    state: int
    deadline: int
    nexts: Sequence[tuple[int, int]]
    unseen: int
    since: int
    link: Link


@dataclass(slots=True)
class Found:
    """What a search found: an order of everything, or that there is none, or neither since it was `stopped`.

    `order` is the longest that was found. Each prefix of the history that ends before the event at `reach` can be
    ordered, and `states` are those in which such orders end. `in_vain` is the last return of an operation for which
    a configuration was given up.
    """

    complete: bool = False
    stopped: str | None = None
    order: tuple[Placed, ...] = ()
    reach: int = -1
    in_vain: int = -1
    states: set[int] = field(default_factory=set)
    configurations: int = 0


def search(problem: Problem, stop: Stop, most: int | None = None) -> Found:
    """Look for an order of all definite and any possible operations of `problem`, depth first.

    It stops for ENOUGH after about `most` configurations.
    """
    run = _Search(problem)
    found = run.found
    stack = run.first()
    while stack and not found.complete:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
            continue
        stack.append(run.moves(child))
        if not found.configurations % ASK_EVERY:
            found.stopped = ENOUGH if most is not None and found.configurations >= most else stop(found)
            if found.stopped is not None:
                break
    found.order = run.longest_order()
    return found


class _Search:
    """What one search knows. What its inner loops use of the problem is spread out here, for speed."""

    def __init__(self, problem: Problem) -> None:
        definite, self._possible = problem.definite, problem.possible
        self._definite, self._earlier, self._transitions = definite, problem.earlier, problem.transitions
        self._invoked, self._returned, self._kinds = definite.invoked, definite.returned, definite.kinds
        self._looks, self._blind, self._keys = definite.looks, definite.blind, definite.keys
        self._lookahead, self._seen = problem.lookahead, problem.seen
        self._entered: set[tuple[int, int, int, int, int]] = set()
        self._longest, self._most = Link(None, (), None, ()), -1
        self.found = Found()

    def first(self) -> list[Iterator[Configuration]]:
        """Return the moves from the configuration in which nothing is ordered."""
        first = self._enter(None, 0, 0, 0, 0, _Move(Link(None, (), None, ()), -1, 0))
        return [] if first is None else [self.moves(first)]

    def moves(self, at: Configuration) -> Iterator[Configuration]:
        """Yield the configurations one move from `at` that weren't entered before: definite operations first."""
        for number, state in at.nexts:
            bit, keys, invoked = 1 << (number - at.low), self._keys[number], self._invoked[number]
            done, free, unseen = at.done, at.free, list[int]()
            if self._blind[number]:
                if not self._seen[number] and self._returned[number] > at.deadline:
                    continue  # rule 5
                if _rule_3_forbids(at, keys, invoked):
                    continue
                done, free = self._unhide(at, number) if free & bit else (done, free)
                unseen, covered = self._covered(at, keys, number, self._returned[number])
                done, free = done | covered, (free | covered) & ~bit
            move = _Move(Link(at.link, unseen, number, ()), invoked, keys if self._blind[number] else 0)
            if (child := self._enter(at, done | bit, free, at.used, state, move)) is not None:
                yield child
        yield from self._possible_moves(at)

    def _possible_moves(self, at: Configuration) -> Iterator[Configuration]:
        possible = self._possible
        rest = (1 << bisect_left(possible.invoked, at.deadline)) - 1 & ~at.used
        while rest:
            number = (rest & -rest).bit_length() - 1
            rest &= rest - 1
            keys, blind, invoked = possible.keys[number], possible.blind[number], possible.invoked[number]
            earlier = self._earlier[number]
            if earlier >= 0 and not at.used >> earlier & 1:  # rule 4
                continue
            if blind and _rule_3_forbids(at, keys, invoked):
                continue
            state = self._transitions.after(possible.kinds[number], at.state)
            if state == at.state and not blind:
                continue  # it would do nothing
            unseen, covered = self._covered(at, keys, None, NEVER) if blind else ([], 0)
            move = _Move(Link(at.link, unseen, -1 - number, ()), invoked, keys)
            child = self._enter(at, at.done | covered, at.free | covered, at.used | 1 << number, state, move)
            if child is not None:
                yield child

    def _covered(self, at: Configuration, keys: int, by: int | None, returned: int) -> tuple[list[int], int]:
        """Return, as numbers and as bits, the blind writes that one on `keys` covers which returned then (rule 2)."""
        numbers = [
            number
            for number, _ in at.nexts
            if self._blind[number]
            and number != by
            and not self._keys[number] & ~keys
            and not at.done >> (number - at.low) & 1
            and self._invoked[number] < returned
        ]
        return numbers, sum(1 << (number - at.low) for number in numbers)

    def _unhide(self, at: Configuration, moved: int) -> tuple[int, int]:
        """Return `done` and `free` when `moved` comes now: what was invoked after it returned didn't come before."""
        late, rest = 0, at.free
        while rest:
            bit = rest & -rest
            rest ^= bit
            if self._invoked[at.low + bit.bit_length() - 1] > self._returned[moved]:
                late |= bit
        return at.done & ~late, at.free & ~late

    def _enter(  # noqa: PLR0917  # what makes a configuration, and how it came about
        self, at: Configuration | None, done: int, free: int, used: int, state: int, move: _Move
    ) -> Configuration | None:
        """Return the configuration after a move from `at`, None if it was entered before; `done` counts from there."""
        low, since = (at.low, at.deadline) if at is not None else (0, 0)
        if at is not None and state != at.state:
            values = self._transitions.states
            late = self._lookahead.in_vain(values[at.state], values[state], Ordered(low, done, free, used))
            if late >= 0:
                self.found.in_vain = max(self.found.in_vain, late)
                return None
        done, free, deadline, nexts, looked = self._look(low, done, free, state, move.invoked)
        ordered = done & ~free
        shift = (~ordered & (ordered + 1)).bit_length() - 1  # the ones it ends in
        low, done, free = low + shift, done >> shift, free >> shift
        place = (low, done, free, used, state)
        if place in self._entered:
            return None
        self._entered.add(place)
        unseen = move.unseen
        if looked or (unseen and any(self._blind[n] and self._invoked[n] >= since for n, _ in nexts)):
            unseen = 0
        link = replace(move.link, looks=looked) if looked else move.link
        self._note(low + done.bit_count(), deadline, state, link)
        nexts.sort(key=lambda following: self._returned[following[0]])  # who returns first can wait least
        return Configuration(*place, deadline, nexts, unseen, since, link)

    def _look(
        self, low: int, done: int, free: int, state: int, newest: int
    ) -> tuple[int, int, int, list[tuple[int, int]], list[int]]:
        """Apply rule 1, and return `done`, `free`, the deadline, what can come next, and what looked.

        What is free stays so if it returned after `newest`, the invocation of the last move.
        """
        invoked, returned, kinds, looks, seen = self._invoked, self._returned, self._kinds, self._looks, self._seen
        after, count = self._transitions.after, len(self._invoked)
        deadline, first_free, rest = NEVER, NEVER, ~done | free
        nexts, looked = list[tuple[int, int]](), list[int]()
        while (number := low + (bit := rest & -rest).bit_length() - 1) < count and invoked[number] < deadline:
            rest ^= bit
            following = after(kinds[number], state)
            if free & bit:
                if not seen[number]:
                    free ^= bit if invoked[number] < first_free else 0
                    continue
                if returned[number] < newest:
                    free ^= bit
                    continue
                first_free = min(first_free, returned[number])
            elif looks[number] and following == state and invoked[number] < first_free:
                done |= bit
                looked.append(number)
                continue
            elif returned[number] < deadline:
                deadline = returned[number]
            if following != MISMATCH:
                nexts.append((number, following))
        return done, free, deadline, nexts, looked

    def _note(self, ordered: int, deadline: int, state: int, link: Link) -> None:
        """Keep what a search tells of its farthest configurations."""
        found = self.found
        found.configurations += 1
        found.complete = deadline == NEVER
        if ordered > self._most or found.complete:
            self._most, self._longest = ordered, link
        if deadline > found.reach:
            found.reach, found.states = deadline, {state}
        elif deadline == found.reach:
            found.states.add(state)

    def longest_order(self) -> tuple[Placed, ...]:
        """Return the longest order that was found, with what came unseen put where it may have come."""
        links = []
        link: Link | None = self._longest
        while link is not None:
            links.append(link)
            link = link.before
        order: dict[int, None] = {}
        hidden = set[int]()
        for link in reversed(links):
            if link.move in hidden:
                late = {n for n in hidden if self._invoked[n] > self._returned[link.move]} | {link.move}
                hidden -= late
                for number in late:
                    del order[number]
            hidden.update(link.unseen)
            order |= dict.fromkeys(link.unseen)
            order |= {} if link.move is None else {link.move: None}
            order |= dict.fromkeys(link.looks)
        return tuple(self._placed(number) for number in order)

    def _placed(self, move: int) -> Placed:
        return self._definite.placed[move] if move >= 0 else self._possible.placed[-1 - move]


def _rule_3_forbids(at: Configuration, keys: int, invoked: int) -> bool:
    """Whether a blind write would cover the last move, unseen, and could have come in its place."""
    return at.unseen != 0 and not at.unseen & ~keys and invoked < at.since
