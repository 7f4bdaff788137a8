"""The state space of any network, as far as a search has come: the kernel's arrays, and what Python judges of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from quorate_check.core.invariants import Over
from quorate_check.core.system import System
from quorate_check.engine.any_network import kernel
from quorate_check.engine.any_network.kernel import Scratch, Shape
from quorate_check.engine.any_network.memory import Wiring, empty_store, widen_store
from quorate_check.engine.any_network.shared import SharedTables, Team
from quorate_check.engine.any_network.useless import Useless, empty_arrays
from quorate_check.engine.layout import Ints
from quorate_check.engine.limits import Progress
from quorate_check.engine.trace import Finding
from quorate_check.engine.views import Judge

CHUNK = 1 << 13  # states between two looks at the clock
NOTHING = np.empty(0, np.int64)


@dataclass(slots=True)
class Frontier:
    """What is to be expanded: `todo` from `at` on, what was put back, and the states from `first_new` on."""

    first_new: int
    todo: Ints
    at: int
    retries: Ints

    @property
    def waiting(self) -> int:
        """How many states of this round are left, and how many were put back."""
        return len(self.todo) - self.at + len(self.retries)

    def next_round(self, states: int) -> int:
        """Go on to what was put back and to new states; return how many are new."""
        new = np.arange(self.first_new, states, dtype=np.int64)
        self.todo, self.at, self.first_new, self.retries = np.concatenate([self.retries, new]), 0, states, NOTHING
        return len(new)


class StateSpace:
    """The states, steps and findings of a search, as far as it has come."""

    def __init__(self, system: System, *, reduced: bool = False, team: Team | None = None) -> None:
        self.system = system
        self.judge = Judge(system)
        self.tables = SharedTables(system, self.judge, team)
        self.wiring = Wiring(system, self.tables)
        self.wiring.place_messages()
        self.shape = self.wiring.shape()
        self.store = empty_store(self.shape)
        self.scratch = scratch(self.shape)
        self.useless = Useless(self.tables, self.wiring) if reduced else None
        self._no_useless = empty_arrays(1, 0, 2, 1)  # is known of messages, where none is left out
        self.findings: list[Finding] = []
        self.judged_tuples = 0  # tuples
        self.levels: list[
            int
        ] = []  # how many states were new, by the steps from the first but for those that only send
        self.frontier = Frontier(0, NOTHING, 0, NOTHING)
        self.waiting = 0  # states that the end of the search kept from being expanded
        self.start_time = time.perf_counter()

    def begin_again(self) -> None:
        """Forget all states, but not what was learnt of steps and messages on the way."""
        assert self.useless is not None
        self.useless.begin_again()
        self.store = empty_store(self.shape)
        self.judged_tuples = 0
        self.levels.clear()
        self.frontier = Frontier(0, NOTHING, 0, NOTHING)

    @property
    def useless_arrays(self) -> kernel.Useless:
        """What the kernel reads of useless messages."""
        return self._no_useless if self.useless is None else self.useless.arrays

    @property
    def bytes(self) -> int:
        """How much memory the arrays of states and of useless messages take."""
        return sum(array.nbytes for array in (*self.store, *self.useless_arrays))

    @property
    def counts(self) -> Ints:
        """What `kernel` counts."""
        counts: Ints = self.store.counts
        return counts

    @property
    def states(self) -> int:
        """How many states were kept, those included that another covers by now."""
        return int(self.counts[kernel.STATES])

    @property
    def tuples(self) -> int:
        """How many tuples of local states were reached; of tuples that are renamings of each other, one counts."""
        return int(self.counts[kernel.TUPLES])

    def nodes_of(self, state: int) -> list[int]:
        """Return the ids of the local states of a state."""
        nodes: list[int] = self.store.tuple_nodes[self.store.state_tuple[state]].tolist()
        return nodes

    def messages_of(self, state: int) -> set[int]:
        """Return the ids of the messages that a state holds as sent."""
        words = self.store.set_bits[self.store.state_sets[state]].ravel().tolist()
        places = (
            w * kernel.BITS + bit for w, bits in enumerate(words) for bit in range(kernel.BITS) if bits >> bit & 1
        )
        return {int(self.wiring.message_at[at]) for at in places}

    @property
    def stored(self) -> Mapping[str, int] | None:
        """Figures of who runs steps on other machines; None if nobody does."""
        return None if self.tables.team is None else self.tables.team.figures()

    def report(self, report: Callable[[Progress], None]) -> None:
        """Tell `report` where the search stands."""
        maxima, transitions = int(self.counts[kernel.MAXIMA]), int(self.counts[kernel.TRANSITIONS])
        seconds = time.perf_counter() - self.start_time
        report(
            Progress(len(self.levels), maxima, transitions, self.tables.step_executions, seconds, stored=self.stored)
        )

    def beyond(self) -> int:
        """Return how many kept states the state constraint kept from being expanded."""
        outside = self.tables.beyond[self.store.tuple_nodes[: self.tuples]].any(axis=1)
        there = self.store.state_covered[: self.states] == 0
        return int((there & outside[self.store.state_tuple[: self.states]]).sum())

    def enter(self) -> bool:
        """Insert the initial state, closed; return whether that was possible."""
        s, n = self.scratch, self.shape.nodes
        s.now[:] = 0
        s.todo[:] = 0
        s.after[:n] = self.tables.initial
        steps = self.wiring.steps()
        if not kernel.close(self.shape, steps, self.store, 0, s.after, s.now, s.todo, n):
            return False
        if not kernel.leave_out(self.shape, steps, self.useless_arrays, s.after, s.now):
            return False
        self.intern()
        return bool(kernel.insert(self.shape, steps, self.store, s, 0, kernel.NONE))

    def intern(self) -> None:
        """Put the numbers of the sets of messages in scratch.now in scratch.sets."""
        width = self.shape.nodes * self.shape.words
        for j in range(self.shape.nodes):
            self.scratch.sets[j] = kernel.intern(self.shape, self.store, j, self.scratch.now, j * width)

    def expand(self) -> None:
        """Expand some states; put back those that couldn't be expanded whole, for lack of steps or of room."""
        f, steps = self.frontier, self.wiring.steps()
        end = min(len(f.todo), f.at + CHUNK)
        f.at = int(kernel.search(self.shape, steps, self.useless_arrays, self.store, self.scratch, f.todo, f.at, end))
        count = int(self.counts[kernel.RETRIES])
        self.counts[kernel.RETRIES] = 0
        f.retries = np.concatenate([f.retries, self.store.retries[:count].astype(np.int64)])

    def run_steps(self) -> None:
        """Run the real step function for what the kernel asked for, and say which messages are useless."""
        rows = self.store.missing[: self.counts[kernel.MISSING]].copy()
        self.counts[kernel.MISSING] = 0
        if len(rows):
            for state, name, detail in self.tables.execute(rows):
                self.findings.append(Finding(state, name, is_step=True, detail=detail))
            self.place_messages()
            kernel.learn_all(self.wiring.steps(), rows)
        if self.useless is not None:
            self.useless.decide(self.place_messages)

    def place_messages(self) -> None:
        """Give every new message its bit, and the sets that are there room for it."""
        old = self.wiring.words
        if self.wiring.place_messages():
            self.store = widen_store(self.wiring.shape(), self.store, old)
            self.scratch = scratch(self.wiring.shape())
            if self.useless is not None:
                self.useless.widen(old)
        self.shape = self.wiring.shape()

    def look(self, end: int | None = None) -> None:
        """Judge the tuples of local states that are new, or those of them before `end`."""
        end = self.tuples if end is None else end
        nodes = self.store.tuple_nodes[self.judged_tuples : end]
        if not len(nodes):
            return
        for row in self._rows(nodes):
            for tuple_number, name in self.judge.judge(row, len(self.levels)):
                state = int(self.store.members[self.store.tuple_members[tuple_number, 0], kernel.STATE])
                self.findings.append(Finding(state, name, is_step=False))
        self.judged_tuples = end

    def _rows(self, nodes: Ints) -> Iterator[Ints]:
        """Yield the distinct tuples of views that new tuples show, as `Judge.judge` reads them."""
        first = self.judged_tuples
        for number, group in enumerate(self.judge.groups):
            views = self.tables.view_of[number][nodes].astype(np.int64) + 1
            for choice in choices(group.over, self.shape.nodes):
                distinct, where = np.unique(views[:, choice], axis=0, return_index=True)
                row = np.zeros((len(distinct), 2 + self.judge.key_words), np.int64)
                row[:, 0], row[:, 1] = number, where + first
                for place in range(len(choice)):
                    row[:, 2 + place // 2] |= distinct[:, place] << (31 * (place % 2))
                yield row


def choices(over: Over, nodes: int) -> list[list[int]]:
    """Return which nodes' views are judged together; of a pair one order stands for both."""
    match over:
        case Over.EACH:
            return [[i] for i in range(nodes)]
        case Over.PAIRS:
            return [[i, j] for i in range(nodes) for j in range(i + 1, nodes)]
        case Over.ALL:
            return [list(range(nodes))]


def scratch(shape: Shape) -> Scratch:
    """Return room for the kernel to work in."""
    n, bits = shape.nodes, shape.nodes**2 * shape.words

    def ints(size: int) -> Ints:
        return np.zeros(size, np.int64)

    return Scratch(
        local=ints(n),
        after=ints(n),
        sets=ints(n),
        least=ints(n),
        renamed=ints(n),
        least_sets=ints(n),
        renamed_sets=ints(n),
        ties=ints(max(1, shape.permutations)),
        sent=ints(bits),
        now=ints(bits),
        todo=ints(bits),
        row=ints(n * shape.words),
    )
