"""The search for an order: Wing and Gong's, with Lowe's memoization, and with rules that leave configurations out.

A configuration is the set of operations that are ordered so far, and the state after them. From it, an operation can
come next if it was invoked before any other unordered one returned. No configuration is entered twice (Lowe, Testing
for linearizability, 2017). Five rules leave out configurations that no order needs:

1. An operation that only reads comes as soon as it can and its reply fits. It changes nothing, so any order that has it
   later remains an order with it here.
2. A blind write covers another one that could come directly before it and writes no other keys: that one may have come
   there, hidden. So it counts as ordered, and is `free`: it may still come later instead, as long as no operation is
   ordered that was invoked after it returned.
3. No blind write and no possible operation comes directly before a blind write that covers it and could have come in
   its place: by rule 2, the second one in its place leaves the same operations to be ordered.
4. Of possible operations of one kind the one invoked first comes first: they can be exchanged in an order.
5. A blind write whose effect no reply can show comes as late as possible: only when no other unordered operation
   returns before it.

Together they are sound. Suppose an order can be completed from an entered configuration. Put each write of rule 5 as
late as it may come, which changes no reply. Of these completions take one with the fewest moves, then the fewest
operations that are ordered and not free, then the lowest numbers of possible operations. Its next move leads to an
entered configuration with fewer moves to go, unless rule 3 or 4 forbids it. But then by rule 3 the configuration before
has a completion with as many moves and fewer operations ordered, and by rule 4 this one has a completion with lower
numbers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from quorate_check.history.lookahead import NEVER, Ordered
from quorate_check.history.parts import Interval
from quorate_check.history.problem import MISMATCH, Problem

STOP_INTERVAL = 256  # configurations between two calls of `stop`
ENOUGH = "the limit of configurations was reached"

Stop: TypeAlias = Callable[["SearchResult"], str | None]
"""Returns why a search with this result so far should stop, or None."""


@dataclass(frozen=True, slots=True)
class Link:
    """The last move of an order, linked to the one before; `hidden` came just before it, `reads` just after it.

    Numbers from 0 are definite operations, -1 - i is the possible operation i; None is the beginning.
    """

    before: Link | None
    hidden: Sequence[int]
    move: int | None
    reads: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Move:
    """A move, when it was invoked, and the keys that it wrote, as bits, if a blind write can cover it; else 0."""

    link: Link
    invoked: int
    unread: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """The operations that are ordered, the state after them, and the moves that are possible and that led here.

    All definite operations below `low` are ordered, and bit i of `done` says whether `low + i` is. `free` are those of
    them that may still come later, `used` the possible operations that are ordered. `deadline` is the first return of
    an unordered operation. `successors` are the definite operations that can come next, with the states after them.
    `unread` are the keys, as bits, that the last move wrote and no operation has read, and `since` is the deadline
    before that move.
    """

    low: int
    done: int
    free: int
    used: int
    state: int
    deadline: int
    successors: Sequence[tuple[int, int]]
    unread: int
    since: int
    link: Link


@dataclass(slots=True)
class SearchResult:
    """The result of a search: `complete` if it found an order, `stopped` with the reason if it ended undecided.

    `order` is the longest order found. Each prefix of the history that ends before the event at `reach` can be ordered,
    and `states` are the states after such orders. `dead_end` is the last return of an operation that made the lookahead
    give up a configuration, -1 if there was none.
    """

    complete: bool = False
    stopped: str | None = None
    order: tuple[Interval, ...] = ()
    reach: int = -1
    dead_end: int = -1
    states: set[int] = field(default_factory=set)
    configurations: int = 0


def search(problem: Problem, stop: Stop, most: int | None = None) -> SearchResult:
    """Search for an order of all definite and any possible operations of `problem`, depth first.

    After about `most` configurations it stops, with the reason ENOUGH.
    """
    run = _Search(problem)
    result = run.result
    stack = run.first()
    while stack and not result.complete:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
            continue
        stack.append(run.moves(child))
        if not result.configurations % STOP_INTERVAL:
            result.stopped = ENOUGH if most is not None and result.configurations >= most else stop(result)
            if result.stopped is not None:
                break
    result.order = run.longest_order()
    return result


class _Search:
    """The state of one search; attributes of the problem that the inner loops use are copied here, for speed."""

    def __init__(self, problem: Problem) -> None:
        definite, self._possible = problem.definite, problem.possible
        self._definite, self._earlier, self._transitions = definite, problem.earlier, problem.transitions
        self._invoked, self._returned, self._kinds = definite.invoked, definite.returned, definite.kinds
        self._reads, self._blind, self._keys = definite.reads, definite.blind, definite.keys
        self._lookahead, self._visible = problem.lookahead, problem.visible
        self._entered: set[tuple[int, int, int, int, int]] = set()
        self._longest, self._most = Link(None, (), None, ()), -1
        self.result = SearchResult()

    def first(self) -> list[Iterator[Configuration]]:
        """Return the moves from the configuration in which nothing is ordered."""
        first = self._enter(None, 0, 0, 0, 0, _Move(Link(None, (), None, ()), -1, 0))
        return [] if first is None else [self.moves(first)]

    def moves(self, at: Configuration) -> Iterator[Configuration]:
        """Yield the configurations one move from `at` that weren't entered before, by definite operations first."""
        for number, state in at.successors:
            bit, keys, invoked = 1 << (number - at.low), self._keys[number], self._invoked[number]
            done, free, hidden = at.done, at.free, list[int]()
            if self._blind[number]:
                if not self._visible[number] and self._returned[number] > at.deadline:
                    continue  # rule 5
                if _rule_3_forbids(at, keys, invoked):
                    continue
                done, free = self._unhide(at, number) if free & bit else (done, free)
                hidden, covered = self._covered(at, keys, number, self._returned[number])
                done, free = done | covered, (free | covered) & ~bit
            move = _Move(Link(at.link, hidden, number, ()), invoked, keys if self._blind[number] else 0)
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
                continue  # an order without it is as good
            hidden, covered = self._covered(at, keys, None, NEVER) if blind else ([], 0)
            move = _Move(Link(at.link, hidden, -1 - number, ()), invoked, keys)
            child = self._enter(at, at.done | covered, at.free | covered, at.used | 1 << number, state, move)
            if child is not None:
                yield child

    def _covered(self, at: Configuration, keys: int, by: int | None, returned: int) -> tuple[list[int], int]:
        """Return, as numbers and as bits, what a blind write to `keys` covers that returned at `returned` (rule 2)."""
        numbers = [
            number
            for number, _ in at.successors
            if self._blind[number]
            and number != by
            and not self._keys[number] & ~keys
            and not at.done >> (number - at.low) & 1
            and self._invoked[number] < returned
        ]
        return numbers, sum(1 << (number - at.low) for number in numbers)

    def _unhide(self, at: Configuration, moved: int) -> tuple[int, int]:
        """Return `done` and `free` without what `moved`, which comes now, shows not to have been hidden.

        Those are the free operations that were invoked after `moved` returned.
        """
        later, rest = 0, at.free
        while rest:
            bit = rest & -rest
            rest ^= bit
            if self._invoked[at.low + bit.bit_length() - 1] > self._returned[moved]:
                later |= bit
        return at.done & ~later, at.free & ~later

    def _enter(  # noqa: PLR0917  # a configuration's fields, and the move
        self, at: Configuration | None, done: int, free: int, used: int, state: int, move: _Move
    ) -> Configuration | None:
        """Return the configuration after a move from `at`, None if it was entered before; `done` counts from at.low."""
        low, since = (at.low, at.deadline) if at is not None else (0, 0)
        if at is not None and state != at.state:
            values = self._transitions.states
            later = self._lookahead.dead_end(values[at.state], values[state], Ordered(low, done, free, used))
            if later >= 0:
                self.result.dead_end = max(self.result.dead_end, later)
                return None
        done, free, deadline, successors, reads = self._read_at_once(low, done, free, state, move.invoked)
        ordered = done & ~free
        shift = (~ordered & (ordered + 1)).bit_length() - 1  # the number of its lowest bits that are all 1
        low, done, free = low + shift, done >> shift, free >> shift
        place = (low, done, free, used, state)
        if place in self._entered:
            return None
        self._entered.add(place)
        unread = move.unread
        if reads or (unread and any(self._blind[n] and self._invoked[n] >= since for n, _ in successors)):
            unread = 0
        link = replace(move.link, reads=reads) if reads else move.link
        self._record(low + done.bit_count(), deadline, state, link)
        successors.sort(key=lambda each: self._returned[each[0]])  # the earliest return leaves the least choice
        return Configuration(*place, deadline, successors, unread, since, link)

    def _read_at_once(
        self, low: int, done: int, free: int, state: int, newest: int
    ) -> tuple[int, int, int, list[tuple[int, int]], list[int]]:
        """Apply rule 1; return `done`, `free`, the deadline, the successors, and the reads that it ordered.

        A free operation stays free if it returned after `newest`, the invocation of the last move.
        """
        invoked, returned, kinds, only_reads = self._invoked, self._returned, self._kinds, self._reads
        visible = self._visible
        after, count = self._transitions.after, len(self._invoked)
        deadline, first_free, rest = NEVER, NEVER, ~done | free
        successors, reads = list[tuple[int, int]](), list[int]()
        while (number := low + (bit := rest & -rest).bit_length() - 1) < count and invoked[number] < deadline:
            rest ^= bit
            following = after(kinds[number], state)
            if free & bit:
                if not visible[number]:
                    free ^= bit if invoked[number] < first_free else 0
                    continue
                if returned[number] < newest:
                    free ^= bit
                    continue
                first_free = min(first_free, returned[number])
            elif only_reads[number] and following == state and invoked[number] < first_free:
                done |= bit
                reads.append(number)
                continue
            elif returned[number] < deadline:
                deadline = returned[number]
            if following != MISMATCH:
                successors.append((number, following))
        return done, free, deadline, successors, reads

    def _record(self, ordered: int, deadline: int, state: int, link: Link) -> None:
        """Count a configuration, and record the longest order, the farthest event and the states there."""
        result = self.result
        result.configurations += 1
        result.complete = deadline == NEVER
        if ordered > self._most or result.complete:
            self._most, self._longest = ordered, link
        if deadline > result.reach:
            result.reach, result.states = deadline, {state}
        elif deadline == result.reach:
            result.states.add(state)

    def longest_order(self) -> tuple[Interval, ...]:
        """Return the longest order found, with the hidden operations where they may have come."""
        links = []
        link: Link | None = self._longest
        while link is not None:
            links.append(link)
            link = link.before
        order: dict[int, None] = {}
        hidden = set[int]()
        for link in reversed(links):
            if link.move in hidden:
                later = {n for n in hidden if self._invoked[n] > self._returned[link.move]} | {link.move}
                hidden -= later
                for number in later:
                    del order[number]
            hidden.update(link.hidden)
            order |= dict.fromkeys(link.hidden)
            order |= {} if link.move is None else {link.move: None}
            order |= dict.fromkeys(link.reads)
        return tuple(self._interval(number) for number in order)

    def _interval(self, move: int) -> Interval:
        return self._definite.intervals[move] if move >= 0 else self._possible.intervals[-1 - move]


def _rule_3_forbids(at: Configuration, keys: int, invoked: int) -> bool:
    """Whether a blind write would cover the last move, which nothing has read, and could have come in its place."""
    return at.unread != 0 and not at.unread & ~keys and invoked < at.since
