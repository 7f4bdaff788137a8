"""Random systems: their steps, networks and promises are whatever Hypothesis thinks of."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from nightly import examples
from quorate_check.core import behaviour
from quorate_check.core.invariants import Invariant, Over, StepInvariant, StepWitness, Witness
from quorate_check.core.system import Defer, Deliver, Network, NetworkKind, Outcome, Spontaneous, Symmetry, System

often = examples(40)
STATES = 300  # that the reference searches of each system

KINDS = ("k0", "k1")
EVENTS = ("e0", "e1")


@dataclass(frozen=True, slots=True)
class Node:
    """A local state: who it is, a colour, and a node that it remembers."""

    me: int
    colour: int
    friend: int | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A message, which may name a node."""

    source: int
    dest: int
    kind: str
    about: int | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """What an outcome sends: `to` names a group of nodes or is a node; `source` is a node if the sender lies."""

    to: str | int
    kind: str
    names: str = "nobody"
    source: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One outcome of a rule: the next colour (None: as it was), whom to remember, what to send."""

    colour: int | None
    friend: str
    sends: tuple[Send, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a node of this colour (None: any) does on `trigger`, at `node` (None: anywhere).

    No choices: nothing, so that a message is consumed; or it waits, if the rule `defers`.
    """

    trigger: str
    colour: int | None
    node: int | None
    only: str
    choices: tuple[Choice, ...]
    raises: bool = False
    defers: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """A step function: the first rule that matches decides; what none matches is ignored, or waits if `patient`."""

    nodes: int
    rules: tuple[Rule, ...]
    patient: bool = False

    def __call__(self, local: Node, event: Deliver | str) -> tuple[Outcome | Defer, ...]:
        """Return what `local` may do on `event`."""
        letter = event.message if isinstance(event, Deliver) else None
        trigger = letter.kind if letter is not None else event
        for number, rule in enumerate(self.rules):
            if rule.trigger == trigger and rule.colour in {None, local.colour} and rule.node in {None, local.me}:
                if rule.only == "friends" and letter is not None and letter.source != local.friend:
                    continue
                if rule.raises:
                    raise ValueError(f"rule {number}")
                if rule.defers and not rule.choices:
                    return (Defer(),)
                return tuple(self.outcome(choice, local, letter) for choice in rule.choices)
        return (Defer(),) if self.patient else ()

    def outcome(self, choice: Choice, local: Node, letter: Letter | None) -> Outcome:
        """Return the outcome of one choice."""
        known = {
            "nobody": None,
            "me": local.me,
            "friend": local.friend,
            "sender": local.friend if letter is None else letter.source,
            "named": local.friend if letter is None else letter.about,
        }
        colour = local.colour if choice.colour is None else choice.colour
        sent = [
            Letter(local.me if send.source is None else send.source, dest, send.kind, known[send.names])
            for send in choice.sends
            for dest in self.receivers(send, local, known)
        ]
        return Outcome(Node(local.me, colour, known[choice.friend]), tuple(sent))

    def receivers(self, send: Send, local: Node, known: dict[str, int | None]) -> list[int]:
        """Return the nodes that get what is sent."""
        if isinstance(send.to, int):
            return [send.to]
        if send.to == "others":
            return [i for i in range(self.nodes) if i != local.me]
        one = known[send.to]
        return [] if one is None else [one]


PEOPLE = st.sampled_from(["nobody", "me", "friend", "sender", "named"])


@st.composite
def rules(draw: DrawFn, nodes: int, colours: int, triggers: list[str], *, symmetric: bool) -> Rules:
    """A random step function; a symmetric one speaks of nodes only by what they are to each other."""
    node: SearchStrategy[int | None] = st.none() if symmetric else st.none() | st.integers(0, nodes - 1)
    receivers: SearchStrategy[str | int] = st.sampled_from(["others", "sender", "friend", "me"])
    if not symmetric:
        receivers |= st.integers(0, nodes - 1)
    colour = st.none() | st.integers(0, colours - 1)
    sends = st.lists(st.builds(Send, receivers, st.sampled_from(KINDS), PEOPLE, node), max_size=2).map(tuple)
    some = st.lists(st.builds(Choice, colour, PEOPLE, sends), min_size=1, max_size=2).map(tuple)
    choices = st.one_of(some, some, some, st.just(()))
    only = st.sampled_from(["", "", "friends"])
    raises = st.integers(0, 39).map(lambda x: x == 39)
    rule = st.builds(Rule, st.sampled_from(triggers), colour, node, only, choices, raises, st.booleans())
    begin = Rule("e0", 0, None, "", (Choice(draw(colour), draw(PEOPLE), (Send("others", "k0", draw(PEOPLE)),)),))
    return Rules(nodes, (begin, *draw(st.lists(rule, min_size=3, max_size=12))), draw(st.booleans()))


def colour_of(local: Node) -> int:
    """View: the colour."""
    return local.colour


def whole(local: Node) -> Node:
    """View: everything."""
    return local


def friend_of(local: Node) -> int | None:
    """View: the friend, a name by itself."""
    return local.friend


Judge = Callable[[tuple[Any, ...]], bool]


def not_among(forbidden: frozenset[tuple[int, ...]]) -> Judge:
    """Return a judge of tuples of colours that accepts all but those `forbidden`."""
    return lambda colours: colours not in forbidden


def fewer_than(limit: int, colour: int) -> Judge:
    """Return a judge that accepts fewer than `limit` nodes of one colour, whichever these are."""
    return lambda colours: colours.count(colour) < limit


@dataclass(frozen=True, slots=True)
class Unfriendly:
    """Judges pairs by name, though no name is special: no node of one colour has a friend of the other.

    If `mutual`, only friends of each other count.
    """

    one: int
    other: int
    mutual: bool

    def __call__(self, views: tuple[Node, ...]) -> bool:
        """Whether the first isn't such a friend of the second."""
        one, other = views
        mutual = other.friend == one.me or not self.mutual
        return not (one.friend == other.me and mutual and (one.colour, other.colour) == (self.one, self.other))


def unpopular(limit: int) -> Judge:
    """Return a judge that accepts friends of whom none is the friend of so many."""
    return lambda friends: all(friends.count(friend) < limit for friend in friends if friend is not None)


@dataclass(frozen=True, slots=True)
class Unseen:
    """Judges steps: none from this colour on this event to that colour with so many messages."""

    before: int
    event: str
    after: int
    messages: int

    def __call__(self, before: Node, event: Deliver | str, after: Node, messages: tuple[Letter, ...]) -> bool:
        """Whether the step is another one."""
        trigger = event.message.kind if isinstance(event, Deliver) else event
        seen = Unseen(before.colour, trigger, after.colour, len(messages))
        return seen != self


@st.composite
def judges(draw: DrawFn, over: Over, nodes: int, colours: int) -> Judge:
    """A random judge of colours; over ALL it only counts them, which renaming doesn't change."""
    if over is Over.ALL:
        return fewer_than(draw(st.integers(1, nodes)), draw(st.integers(0, colours - 1)))
    size = 1 if over is Over.EACH else 2
    return not_among(draw(st.frozensets(st.tuples(*[st.integers(0, colours - 1)] * size), min_size=1, max_size=3)))


Promise = Invariant | StepInvariant


@st.composite
def promises(draw: DrawFn, first: tuple[Node, ...], colours: int, triggers: list[str]) -> tuple[Promise, ...]:
    """Random invariants of every kind."""
    nodes = len(first)
    colour = st.integers(0, colours - 1)
    found: list[Promise] = []
    for number in range(draw(st.integers(0, 4))):
        over = draw(st.sampled_from([*Over, None]))
        if over is None:
            unseen = st.builds(Unseen, colour, st.sampled_from(triggers), colour, st.integers(0, 3))
            found.append(StepInvariant(f"p{number}", "", draw(unseen)))
        elif over in {Over.PAIRS, Over.ALL} and draw(st.booleans()):
            popular = 2 if over is Over.PAIRS else draw(st.integers(2, nodes))
            found.append(Invariant(f"p{number}", "", friend_of, unpopular(popular), over))
        elif over is Over.PAIRS and draw(st.booleans()):
            unfriendly = draw(st.builds(Unfriendly, colour, colour, st.booleans()))
            found.append(Invariant(f"p{number}", "", whole, unfriendly, over))
        else:
            found.append(Invariant(f"p{number}", "", colour_of, draw(judges(over, nodes, colours)), over))
    # What is broken before anything happens shows little: keep it only now and then.
    kept = draw(st.integers(0, 19)) == 19
    return tuple(p for p in found if kept or not isinstance(p, Invariant) or holds_at_first(p, first))


def holds_at_first(promise: Invariant, first: tuple[Node, ...]) -> bool:
    """Whether the initial state keeps `promise`."""
    return all(map(promise.holds, behaviour.tuples([promise.view(node) for node in first], promise.over)))


def as_witness(promise: Promise) -> Witness | StepWitness:
    """Return the witness that sees what breaks `promise`."""
    holds = promise.holds
    if isinstance(promise, StepInvariant):
        return StepWitness(f"not {promise.name}", lambda *step: not holds(*step))
    return Witness(f"not {promise.name}", promise.view, lambda views: not holds(views), promise.over)


def renamed_node(local: Node, p: tuple[int, ...]) -> Node:
    """Rename a local state."""
    return Node(p[local.me], local.colour, None if local.friend is None else p[local.friend])


def renamed_letter(letter: Letter, p: tuple[int, ...]) -> Letter:
    """Rename a message."""
    about = None if letter.about is None else p[letter.about]
    return Letter(p[letter.source], p[letter.dest], letter.kind, about)


@st.composite
def networks(draw: DrawFn, *, symmetric: bool) -> Network:
    """Any network that holds so many messages; a symmetric system has none in lockstep."""
    kinds = [NetworkKind.UNORDERED, NetworkKind.ORDERED, *([] if symmetric else [NetworkKind.LOCKSTEP])]
    kind = draw(st.sampled_from(kinds))
    ends = [None, "end", "e1"] if kind is NetworkKind.LOCKSTEP else [None]
    faults = st.sampled_from([0, 0, 1, 2, None])
    capacity, at_once = draw(st.sampled_from([5, 4, 3, 2, 1])), draw(st.sampled_from([False, False, True]))
    return Network(kind, capacity, draw(faults), draw(faults), draw(st.sampled_from(ends)), at_once)


@st.composite
def systems(draw: DrawFn, *, symmetric: bool = False) -> System:
    """A random system."""
    nodes, colours = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    triggers = [*KINDS, *EVENTS, "end"]
    other = st.just(0) if symmetric else st.sampled_from([0, 0, 1])
    first = tuple(Node(i, draw(other)) for i in range(nodes))
    limit = st.sampled_from([None, 1, 2, 3])
    limits = {event: draw(limit) for event in EVENTS}
    outside = draw(st.sampled_from([None, None, colours - 1]))
    network = draw(networks(symmetric=symmetric))
    done = draw(st.sampled_from([None, None, 0, 1, colours]))
    broken, seen = (draw(promises(first, colours, triggers)) for _ in range(2))
    return System(
        name="random",
        initial=first,
        step=draw(rules(nodes, colours, triggers, symmetric=symmetric)),
        network=network,
        source=lambda letter: letter.source,
        destination=lambda letter: letter.dest,
        spontaneous=tuple(
            Spontaneous(e, None if limits[e] is None else e, fault=draw(st.sampled_from([False, False, True])))
            for e in EVENTS
        ),
        budgets={event: most for event, most in limits.items() if most is not None},
        beyond=lambda local: local.colour == outside,
        done=None if done is None or network.kind is NetworkKind.ANY else lambda local: local.colour == done,
        invariants=broken,
        witnesses=tuple(as_witness(replace(p, name=f"w{i}")) for i, p in enumerate(seen)),
        symmetry=Symmetry(renamed_node, renamed_letter) if symmetric else None,
    )


@st.composite
def groups_of(draw: DrawFn, nodes: int) -> tuple[tuple[int, ...], ...]:
    """Some nodes in groups, in any order; the others are in none."""
    order = draw(st.permutations(range(nodes)))
    ends = sorted(draw(st.lists(st.integers(0, nodes), min_size=2, max_size=3)))
    return tuple(tuple(order[begin:end]) for begin, end in pairwise(ends))
