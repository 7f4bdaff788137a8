"""Systems that can be checked: nodes that step on events, a network for their messages, and bounds.

A node is a function `step(local state, event) -> outcomes`. Several outcomes mean that the node may do any of them. No
outcome of a spontaneous event means that the event is not enabled in that local state; no outcome of a message means
that the message is consumed and changes nothing. A node that leaves a message in flight answers `Defer`. A global state
consists of the nodes' local states, the messages in flight and the used part of each budget.

This file defines the parts of a system, `behaviour.py` its moves. Nothing here or in the engine knows any protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import chain, permutations, product
from operator import attrgetter
from types import NoneType
from typing import Any

from quorate_check.core.invariants import Invariant, StepInvariant, StepWitness, Witness
from quorate_check.core.liveness import (
    USUAL,
    AlwaysEventually,
    Eventually,
    EventuallyAlways,
    Fairness,
    LeadsTo,
    Liveness,
)
from quorate_check.core.unusable import FUNCTION, Kinds, refuse_mistyped, repr_line, type_advice
from quorate_check.core.unusable import UnusableSystemError as UnusableSystemError  # noqa: PLC0414 - known by this module

Local = Hashable
Message = Hashable


@dataclass(frozen=True, slots=True)
class Deliver:
    """The event that a message arrives."""

    message: Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """One possible result of a step: the next local state and the messages sent."""

    local: Any
    messages: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Defer:
    """The answer of a node that leaves a message in flight, at the head of its link if the network is ordered.

    As the answer to a spontaneous event it means, like no answer, that the event is not enabled.
    """


@dataclass(frozen=True, slots=True)
class Spontaneous:
    """An event that needs no message, tried at every node; each occurrence uses one unit of `budget`, if named.

    `fault` marks a failure, such as a crash, which is not a part of the protocol.
    """

    event: Hashable
    budget: str | None = None
    fault: bool = False

    def __post_init__(self) -> None:
        """Refuse what isn't of its type."""
        refuse_mistyped(self, {"budget": (str, NoneType), "fault": (bool,)})


class NetworkKind(Enum):
    """The kinds of networks.

    UNORDERED: a set of distinct messages in flight; any of them may arrive next, however late. ORDERED: one first-in
    first-out queue per ordered pair of nodes. ANY: every message may arrive at any time after it was sent, any number
    of times, or never. For properties of nodes that is an unordered network without a capacity that may lose, repeat
    and delay messages. LOCKSTEP: rounds. All messages of a round arrive, in a fixed order (by sender, then receiver,
    then age), before the messages sent meanwhile form the next round. Spontaneous events happen between rounds.
    """

    UNORDERED = "unordered"
    ORDERED = "ordered"
    LOCKSTEP = "lockstep"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Network:
    """A network of `kind` that holds at most `capacity` messages; a step that would exceed it is beyond the bounds.

    A network of kind ANY has none of these bounds: it may lose and repeat any message.

    `drops` and `duplicates` are budgets: how many messages of a path may be lost, or arrive and stay in flight; None
    sets no limit (and costs no counter in the state).
    `round_end` (lockstep only) is an event that every node receives, in order, after the messages of a round, so that
    a node can act on silence.
    `at_once`: spontaneous events wait until no message is in flight, for systems in which delays make no difference.
    Messages arrive in any order; a message that its receiver defers for ever ends the path.
    """

    kind: NetworkKind
    capacity: int = 0
    drops: int | None = 0
    duplicates: int | None = 0
    round_end: Hashable | None = None
    at_once: bool = False

    def __post_init__(self) -> None:
        """Refuse mistyped fields; the system refuses meaningless combinations."""
        optional = (int, NoneType)
        refuse_mistyped(
            self,
            {
                "kind": (NetworkKind,),
                "capacity": (int,),
                "drops": optional,
                "duplicates": optional,
                "at_once": (bool,),
            },
        )

    def fault(self, *, judges_ends: bool = False, judges_states: bool = False) -> str | None:
        """Return what is wrong with the network, None if nothing is; its system may judge ends, or all of a state."""
        if self.kind is not NetworkKind.ANY:
            return None if self.capacity >= 1 else "the network's capacity must be at least 1"
        if judges_ends:
            return "done: a network that may lose every message has no deadlock of its own; give another network"
        if judges_states:
            return "a network that may lose all has no liveness, and no set of messages in flight; give another network"
        if self == Network(NetworkKind.ANY):
            return None
        return (
            "a network of kind ANY holds any number of messages, lost and repeated as well: give nothing but the kind"
        )


@dataclass(frozen=True, slots=True)
class Symmetry:
    """Renaming nodes changes nothing: each permutation gives the same steps, verdicts and boundary.

    `groups` says which nodes are interchangeable, as ((0, 1), (2, 3, 4)) where two proposers and three acceptors are,
    each among themselves; None: all are. A group of numbers from the number of nodes on is one of values, which `local`
    and `message` rename as well: ((0, 1, 2), (3, 4)) has two values beside three nodes. Events aren't renamed, so a
    node that chooses a value answers one event with an Outcome for each. A permutation `p` renames i to p[i].
    `local(state, p)` and `message(message, p)` return the renamed value. The compiled search tests the declaration, and
    refuses a system that distinguishes interchangeable nodes or values. Only the initial state may distinguish them, as
    where one node is the coordinator: states are then counted for every choice.
    """

    local: Callable[[Any, tuple[int, ...]], Any]
    message: Callable[[Any, tuple[int, ...]], Any]
    groups: tuple[tuple[int, ...], ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what isn't of its type."""
        refuse_mistyped(self, {"local": FUNCTION, "message": FUNCTION, "groups": (tuple, NoneType)})

    def faults(self, nodes: int, kind: NetworkKind) -> Iterator[str]:
        """Yield what is wrong with the groups of a system of so many nodes and such a network."""
        if kind is NetworkKind.LOCKSTEP:
            yield "a lockstep network delivers in a fixed order of nodes, so nodes aren't interchangeable"
        names, groups = list[Any](), tuple[Any, ...](self.groups or ())
        for group in groups:
            if not isinstance(group, tuple) or not all(type(i) is int and i >= 0 for i in group):
                yield f"symmetry has the group {repr_line(group)}; give a tuple of numbers, as in ((0, 1, 2),)"
                return
            if len({i < nodes for i in group}) > 1:
                yield f"symmetry has the group {group} of nodes and values; there are {nodes} nodes, from 0"
            names += group
        yield from (f"symmetry names {i} twice" for i in names if names.count(i) > 1)

    def interchangeable(self, nodes: int) -> tuple[tuple[int, ...], ...]:
        """Return the groups of a system of so many nodes, those of nodes first."""
        groups = (tuple(range(nodes)),) if self.groups is None else self.groups
        return tuple(sorted(filter(None, groups), key=lambda group: group[0] >= nodes))

    def permutations(self, nodes: int) -> tuple[tuple[int, ...], ...]:
        """Return all permutations that change nothing, the identity first; the renaming of nodes varies last."""
        groups = self.interchangeable(nodes)
        names = max([nodes - 1, *chain(*groups)]) + 1
        results = []
        for images in product(*map(permutations, groups)):
            image_of = dict(zip(chain(*groups), chain(*images), strict=True))
            results.append(tuple(image_of.get(i, i) for i in range(names)))
        return tuple(results)


def nowhere(_local: object) -> bool:
    """Return False, whatever the local state."""
    return False


@dataclass(frozen=True, slots=True)
class System:
    """A protocol within bounds, ready to be explored.

    `source` and `destination` give the node index of a message's sender and receiver, from 0; messages with attributes
    of these names need no others. `budgets` limits how often the spontaneous events that name a budget may happen on
    one path. `flight` are messages that are in flight at the beginning. `beyond` is the boundary: a global state with
    a node beyond it is judged and counted, but not expanded. With `done`, a state in which nothing can happen any more
    is a violation unless every node is done (`behaviour.is_deadlock`). `liveness` is judged in behaviours that meet the
    demands of `fairness`; without any, a system may stop at any time. `described` has descriptions for paths
    (`tell/described.py`); no search uses it.
    """

    name: str
    initial: tuple[Any, ...]
    step: Callable[[Any, Any], Iterable[Outcome | Defer]]
    network: Network
    source: Callable[[Any], int] = attrgetter("source")
    destination: Callable[[Any], int] = attrgetter("destination")
    spontaneous: tuple[Spontaneous, ...] = ()
    budgets: Mapping[str, int] = field(default_factory=dict)
    flight: tuple[Any, ...] = ()
    beyond: Callable[[Any], bool] = nowhere
    done: Callable[[Any], bool] | None = None
    invariants: tuple[Invariant | StepInvariant, ...] = ()
    witnesses: tuple[Witness | StepWitness, ...] = ()
    liveness: tuple[Liveness, ...] = ()
    fairness: tuple[Fairness, ...] = USUAL
    symmetry: Symmetry | None = None
    described: object = None

    def __post_init__(self) -> None:
        """Refuse an invalid system."""
        refuse_mistyped(self, {"name": (str,)})
        for fault in chain(self._misshapen(), self._faults(), self._faults_of_flight()):
            raise UnusableSystemError(f"{self.name}: {fault}")

    def _misshapen(self) -> Iterator[str]:
        """Yield the faults that a type checker would find, for users without one."""
        kinds: dict[str, tuple[type, ...]] = {
            "initial": (object,),
            "flight": (object,),
            "spontaneous": (Spontaneous,),
            "invariants": (Invariant, StepInvariant),
            "witnesses": (Witness, StepWitness),
            "liveness": (Eventually, AlwaysEventually, EventuallyAlways, LeadsTo),
            "fairness": (Fairness,),
        }
        for name, kind in kinds.items():
            value: object = getattr(self, name)
            if not isinstance(value, tuple):
                yield f"{name} is {repr_line(value)}; give a tuple, as in {name}=(it,)"
            elif others := [item for item in value if not isinstance(item, kind)]:
                yield f"{name} holds {repr_line(others[0])}; put {' or '.join(k.__name__ for k in kind)} there"
        field_kinds: dict[str, Kinds] = {
            "network": (Network,),
            "symmetry": (Symmetry, NoneType),
            "done": (*FUNCTION, NoneType),
            "budgets": (Mapping,),
            **dict.fromkeys(("step", "source", "destination", "beyond"), FUNCTION),
        }
        for name, expected in field_kinds.items():
            if (advice := type_advice(getattr(self, name), expected)) is not None:
                yield f"{name} is {repr_line(getattr(self, name))}; give {advice}"
        for name in self.budgets:
            if (advice := type_advice(name, (str,))) is not None:
                yield f"budgets names a budget by {repr_line(name)}; give {advice}"

    def _faults(self) -> Iterator[str]:
        lockstep = self.network.kind is NetworkKind.LOCKSTEP
        names = [p.name for p in (*self.invariants, *self.witnesses, *self.liveness)]
        if not self.initial:
            yield "a system needs at least one node"
        if fault := self.network.fault(
            judges_ends=self.done is not None, judges_states=bool(self.liveness or self.on_messages)
        ):
            yield fault
        if reserved := {"drops", "duplicates"} & set(self.budgets):
            yield f"{min(reserved)!r} is a budget of the network; rename yours"
        for name in (n for n, b in self.budgets.items() if type(b) is not int):
            yield f"budget {name!r} is {self.budgets[name]!r}; give a number, or name no budget where there is no limit"
        for name, limit in ((n, b) for n, b in self.limits().items() if b is not None and b < 0):
            yield f"budget {name!r} is {limit}; it can't be negative"
        for spontaneous in (s for s in self.spontaneous if s.budget not in {None, *self.budgets}):
            yield f"{spontaneous.event!r} names budget {spontaneous.budget!r}, which has no limit"
        if not lockstep and self.network.round_end is not None:
            yield "only a lockstep network has rounds, and so a round_end"
        if self.symmetry is not None:
            yield from self.symmetry.faults(len(self.initial), self.network.kind)
        if len(set(names)) != len(names):
            yield "two invariants, witnesses or promises of liveness share a name"

    def _faults_of_flight(self) -> Iterator[str]:
        if self.flight and (self.network.kind is NetworkKind.ANY or self.symmetry is not None):
            yield "flight: no search begins with messages under symmetry, or where any number of them may be in flight"
        elif self.flight and len(self.flight) > self.network.capacity:
            yield f"flight has {len(self.flight)} messages, more than the network's capacity"

    @property
    def on_messages(self) -> tuple[Invariant, ...]:
        """The invariants that look at messages in flight."""
        invariants = (i for i in self.invariants if isinstance(i, Invariant))
        return tuple(i for i in invariants if i.message_view is not None)

    def as_checked(self) -> System:
        """Return the system with `done` nowhere unless it says so, and with no symmetry that it can't have.

        A network of kind ANY has no deadlock of its own. Where liveness or messages are judged, states aren't renamed.
        """
        done = nowhere if self.done is None and self.network.kind is not NetworkKind.ANY else self.done
        symmetry = None if self.liveness or self.on_messages else self.symmetry
        return self if (done, symmetry) == (self.done, self.symmetry) else replace(self, done=done, symmetry=symmetry)

    def limits(self) -> dict[str, int | None]:
        """Return every budget of the system by name, the network's drops and duplicates among them; None: no limit."""
        return {**self.budgets, "drops": self.network.drops, "duplicates": self.network.duplicates}
