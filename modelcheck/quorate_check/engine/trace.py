"""From a packed state back to a path on the real code.

The arena remembers each state's parent, not the move between them, and under symmetry reduction it holds one
representative of each orbit. So the path is walked again with concrete states: from each, the reference's own `moves`
(the real step function, no tables) offers successors, and one that is the next representative up to renaming is taken.
What is reported has therefore happened on the real code, in that order.
Storing each edge's permutation would cost memory for every state, and prove less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from quorate_check.core import behaviour
from quorate_check.core.behaviour import Edge
from quorate_check.core.networks import Set, as_set
from quorate_check.core.path import GlobalState, Path, Step
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.engine.layout import Layout
from quorate_check.engine.networks import kind_of
from quorate_check.engine.shard import Shard
from quorate_check.engine.tables import Tables


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A broken promise: by the state with this index (across shards), or by a step that it enables."""

    state: int
    name: str
    is_step: bool
    detail: str = ""


def pack(tables: Tables, layout: Layout, state: GlobalState) -> list[int]:
    """Return the words of `state`, whose parts must have ids."""
    flight = kind_of(tables.system).row([tables.message_id(m) for m in state.flight], tables.link)
    slots = flight + [0] * (tables.system.network.capacity - len(flight))
    values = [*map(tables.local_id, state.nodes), state.current, *slots, *state.used]
    words = [0] * layout.words
    for f, value in enumerate(values):
        words[layout.word[f]] |= value << int(layout.shift[f])
    return words


def unpack(tables: Tables, layout: Layout, words: list[int]) -> GlobalState:
    """Return the state that `words` hold: the inverse of `pack`."""
    fields = [
        (words[w] >> s) & m
        for w, s, m in zip(layout.word.tolist(), layout.shift.tolist(), layout.mask.tolist(), strict=True)
    ]
    n = len(tables.initial)
    first_budget = n + 1 + tables.system.network.capacity
    flight = tuple(tables.messages[m] for m in fields[n + 1 : first_budget] if m)
    return GlobalState(
        tuple(tables.locals[i] for i in fields[:n]),
        as_set(flight) if isinstance(behaviour.kind(tables.system), Set) else flight,
        fields[n],
        tuple(fields[first_budget:]),
    )


def chain(tables: Tables, layout: Layout, shards: list[Shard], state: int) -> list[GlobalState]:
    """Return the stored states from the initial one to `state`."""
    states = []
    while True:
        index, shard = divmod(state, len(shards))
        (words,) = shards[shard].arena.block(index, index + 1).tolist()
        states.append(unpack(tables, layout, words))
        parent = int(shards[shard].parents[index])
        if parent == state:
            return states[::-1]
        state = parent


def renamings(system: System, state: GlobalState) -> list[GlobalState]:
    """Return what `state` is called under each permutation of the nodes that the system allows."""
    symmetry = system.symmetry
    if symmetry is None:
        return [state]
    images = []
    n = len(system.initial)
    for p in symmetry.permutations(n):
        nodes = [symmetry.local(state.nodes[p.index(i)], p) for i in range(n)]
        flight = [symmetry.message(m, p) for m in state.flight]
        images.append(behaviour.send(system, replace(state, nodes=tuple(nodes), flight=()), tuple(flight)))
    return images


Settle = Callable[[GlobalState], tuple[list[Step], GlobalState]]  # steps that a search makes at once, and their end


def as_it_is(state: GlobalState) -> tuple[list[Step], GlobalState]:
    """Return `state`: nothing happens by itself."""
    return [], state


def walk(system: System, states: list[GlobalState], settle: Settle = as_it_is) -> tuple[Step, ...]:
    """Return concrete steps from the first of `states` through a renaming of each of the others."""
    now, steps = states[0], list[Step]()
    for target in states[1:]:
        images = {behaviour.identity(system, image) for image in renamings(system, target)}
        offers = []
        for move, _, after in behaviour.attempts(system, now):
            if after is not None:
                more, end = settle(after)
                if behaviour.identity(system, end) in images:
                    offers.append(([Step(move, after), *more], end))
        if not offers:
            raise not_believed(system, "a step that the system's own code doesn't take")
        part, now = min(offers, key=lambda offer: repr(offer[0][0].move))
        steps += part
    return tuple(steps)


def concrete_path(tables: Tables, states: list[GlobalState], finding: Finding, settle: Settle = as_it_is) -> Path:
    """Return the path through the stored `states` to `finding`, replayed on the real code.

    Its last state or step breaks the promise.
    """
    system = tables.system
    first = behaviour.start(system)
    begins = {behaviour.identity(system, image) for image in renamings(system, states[0])}
    assert behaviour.identity(system, first) in begins, "the engine's path begins elsewhere"
    return conclude(system, first, walk(system, [first, *states[1:]], settle), finding)


def conclude(system: System, initial: GlobalState, steps: tuple[Step, ...], finding: Finding) -> Path:
    """Return the path through `steps` to `finding`, having seen it broken by the system's own code."""
    last = steps[-1].after if steps else initial
    assert last is not None
    return breaking_path(system, initial, steps, behaviour.moves(system, last) if finding.is_step else None)


def breaking_path(system: System, initial: GlobalState, steps: tuple[Step, ...], moves: Iterator[Edge] | None) -> Path:
    """Return the path through `steps` to a state that breaks a promise, or on by the first of `moves` that breaks one.

    Raises what `not_believed` returns if none does.
    """
    last = steps[-1].after if steps else initial
    assert last is not None
    if moves is None:
        name = behaviour.broken_at_end(system, last)
        if name is None:
            raise not_believed(system, "a violation that the state doesn't show")
        return Path(initial, steps, name)
    try:
        for move, outcome, after in moves:
            if (name := behaviour.broken_by_move(system, last, move, outcome)) is not None:
                return Path(initial, (*steps, Step(move, after)), name)
    except behaviour.StepRaisedError as raised:
        return Path(initial, (*steps, Step(raised.move, None)), behaviour.RAISED, str(raised))
    raise not_believed(system, "a broken step that the state doesn't enable")


def not_believed(system: System, what: str) -> Exception:
    """Return what to raise when the real code doesn't show what the search found: it is wrong, or the symmetry is."""
    if system.symmetry is None:
        return AssertionError(f"the engine found {what}")
    return UnusableSystemError(
        f"{system.name}: the search found {what}: a step, an invariant or a renaming treats nodes differently; "
        "check without symmetry"
    )
