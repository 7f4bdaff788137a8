"""Small systems with promises of liveness, each written in Python and, independently, in TLA+ (`liveness_texts`).

Each has several nodes, messages in flight, or budgets; beside each is its known answer.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from quorate_check import (
    AlwaysEventually,
    Condition,
    Defer,
    Deliver,
    Eventually,
    EventuallyAlways,
    Fairness,
    LeadsTo,
    Network,
    NetworkKind,
    Outcome,
    Spontaneous,
    Strength,
    System,
    fair_deliveries,
    fair_event,
)
from quorate_check.core.liveness import Liveness
from quorate_check.core.path import MoveKind
from quorate_check.core.verdict import Exploration

STRONG = Strength.STRONG


class Answer(Enum):
    """Whether a promise is kept; CUT: it is broken by no behaviour within the bounds, but some lead beyond them."""

    HOLDS = "holds"
    VIOLATED = "violated"
    CUT = "holds unless cut off"

    @staticmethod
    def of(exploration: Exploration) -> "Answer":
        """Return the answer of one of our searches."""
        if exploration.path is not None:
            return Answer.VIOLATED
        return Answer.CUT if exploration.cut_states else Answer.HOLDS


@dataclass(frozen=True)
class Twin:
    """A system with one promise, and the same in TLA+: the module `text`, with `fairness` and `promise` in its terms.

    A text with the variable `beyond` goes to one state in which it is true where bounds end a behaviour.
    """

    name: str
    system: System
    text: str
    fairness: str
    promise: str
    answer: Answer
    constants: Mapping[str, str] = field(default_factory=dict)
    has_bounds: bool = False


@dataclass(frozen=True)
class Letter:
    """A message, which tells only its kind."""

    kind: str
    source: int
    destination: int


Step = Iterator[Outcome | Defer]
Holds = Callable[[tuple[Any, ...]], bool]


def nodes(holds: Holds) -> Condition:
    """Return a condition on the local states."""
    return Condition(lambda local: local, holds)


def phase_of_node_1(phase: str) -> Condition:
    """Return the condition that node 1 is in a phase."""
    return nodes(lambda locals_: locals_[1].phase == phase)


def eventually(holds: Holds) -> Liveness:
    """Return the promise that this is true some day."""
    return Eventually("Promise", "", nodes(holds))


def system(step: Callable[[Any, Any], Step], initial: tuple[Any, ...], network: Network, *events: str) -> System:
    """Return a system that may end anywhere."""
    return System("twin", initial, step, network, spontaneous=tuple(map(Spontaneous, events)), done=lambda _: True)


def unordered(capacity: int, drops: int | None = 0) -> Network:
    """Return a network whose messages arrive in any order."""
    return Network(NetworkKind.UNORDERED, capacity, drops)


def kinds(*names: str) -> Callable[[Letter], str | None]:
    """Return a function that gives each of these kinds of letters a class, and others none."""
    return lambda letter: letter.kind if letter.kind in names else None


def losses(most: int | None) -> dict[str, str]:
    """Return the constants of texts in which so many messages may be lost."""
    return {"CountsLosses": "FALSE" if most is None else "TRUE", "MostLosses": str(most or 0)}


# Resend.tla


def resend(local: str, event: object) -> Step:
    """A client asks until it knows the answer."""
    match event:
        case "ask" if local == "asks":
            yield Outcome(local, (Letter("question", 0, 1),))
        case Deliver(Letter("question")):
            yield Outcome(local, (Letter("answer", 1, 0),))
        case Deliver(Letter("answer")):
            yield Outcome("knows")


def resending(name: str, drops: int | None, demands: tuple[Fairness, ...], fairness: str, answer: Answer) -> Twin:
    """Return a twin in which the client promises to know the answer."""
    ours = replace(
        system(resend, ("asks", "serves"), unordered(2, drops), "ask"),
        liveness=(eventually(lambda locals_: locals_[0] == "knows"),),
        fairness=demands,
    )
    return Twin(name, ours, "Resend", fairness, '<>(client = "knows")', answer, losses(drops))


ASK = fair_event("ask")
WEAK_ARRIVALS = "WF_vars(TakeQuestion) /\\ WF_vars(TakeAnswer)"
RESEND = [
    resending(
        "weak fairness is no help against a network that loses whatever is sent",
        None,
        (ASK, fair_deliveries()),
        f"WF_vars(Ask) /\\ {WEAK_ARRIVALS}",
        Answer.VIOLATED,
    ),
    resending(
        "strong fairness on each link is",
        None,
        (ASK, fair_deliveries(lambda letter: (letter.source, letter.destination), strength=STRONG)),
        "WF_vars(Ask) /\\ SF_vars(TakeQuestion) /\\ SF_vars(TakeAnswer)",
        Answer.HOLDS,
    ),
    resending(
        "but not on one of two",
        None,
        (ASK, fair_deliveries(kinds("question"), strength=STRONG), fair_deliveries(kinds("answer"))),
        "WF_vars(Ask) /\\ SF_vars(TakeQuestion) /\\ WF_vars(TakeAnswer)",
        Answer.VIOLATED,
    ),
    resending(
        "a network that loses two messages is survived",
        2,
        (ASK, fair_deliveries()),
        f"WF_vars(Ask) /\\ {WEAK_ARRIVALS}",
        Answer.HOLDS,
    ),
    resending("if somebody asks again", 2, (fair_deliveries(),), WEAK_ARRIVALS, Answer.VIOLATED),
]

# Noise.tla


def noise(local: str, event: object) -> Step:
    """One word, and noise on the same link."""
    match event:
        case "speak" if local == "quiet":
            yield Outcome("spoke", (Letter("word", 0, 1),))
        case "hum" if local in {"quiet", "spoke"}:
            yield Outcome(local, (Letter("noise", 0, 1),))
        case Deliver(Letter("word")):
            yield Outcome("heard")


HEARD = LeadsTo(
    "Promise", "", nodes(lambda locals_: locals_[0] == "spoke"), nodes(lambda locals_: locals_[1] == "heard")
)
IN_FLIGHT = Condition(lambda _: 0, lambda _, shown: "word" in shown, message_view=lambda letter: letter.kind)


def noisy(
    name: str, demands: tuple[Fairness, ...], fairness: str, answer: Answer, promise: tuple[Liveness, str] | None = None
) -> Twin:
    """Return a twin that promises that what was spoken is heard, or another promise."""
    liveness, text = promise or (HEARD, '(speaker = "spoke") ~> (listener = "heard")')
    ours = system(noise, ("quiet", "waits"), unordered(2), "speak", "hum")
    return Twin(name, replace(ours, liveness=(liveness,), fairness=demands), "Noise", fairness, text, answer)


NOISE = [
    noisy(
        "each message is fair by itself",
        (fair_deliveries(),),
        'WF_vars(Deliver("word")) /\\ WF_vars(Deliver("noise"))',
        Answer.HOLDS,
    ),
    noisy(
        "a link is fair that delivers noise alone",
        (fair_deliveries(lambda letter: letter.destination),),
        "WF_vars(Arrive)",
        Answer.VIOLATED,
    ),
    noisy(
        "even strongly fair",
        (fair_deliveries(lambda letter: letter.destination, strength=STRONG),),
        "SF_vars(Arrive)",
        Answer.VIOLATED,
    ),
    noisy("fairness of words is enough", (fair_deliveries(kinds("word")),), 'WF_vars(Deliver("word"))', Answer.HOLDS),
    noisy(
        "a message in flight is seen before it arrives",
        (fair_event("speak"), fair_deliveries()),
        'WF_vars(Speak) /\\ WF_vars(Deliver("word")) /\\ WF_vars(Deliver("noise"))',
        Answer.HOLDS,
        (Eventually("Promise", "", IN_FLIGHT), '<>("word" \\in flight)'),
    ),
    noisy(
        "and not again and again",
        (fair_event("speak"), fair_deliveries()),
        'WF_vars(Speak) /\\ WF_vars(Deliver("word")) /\\ WF_vars(Deliver("noise"))',
        Answer.VIOLATED,
        (AlwaysEventually("Promise", "", IN_FLIGHT), '[]<>("word" \\in flight)'),
    ),
]

# Door.tla


def door(local: str, event: object) -> Step:
    """A knock waits while the door is shut."""
    match event:
        case "knock" if local == "away":
            yield Outcome("knocked", (Letter("knock", 0, 1),))
        case "open" if local == "shut":
            yield Outcome("open")
        case "shut" if local == "open":
            yield Outcome("shut")
        case Deliver() if local == "shut":
            yield Defer()
        case Deliver():
            yield Outcome("entered")


ENTERS = LeadsTo(
    "Promise", "", nodes(lambda locals_: locals_[0] == "knocked"), nodes(lambda locals_: locals_[1] == "entered")
)


def knocking(name: str, demands: tuple[Fairness, ...], fairness: str, answer: Answer) -> Twin:
    """Return a twin that promises that who knocks enters."""
    ours = system(door, ("away", "shut"), unordered(1), "knock", "open", "shut")
    promise = '(visitor = "knocked") ~> (door = "entered")'
    return Twin(name, replace(ours, liveness=(ENTERS,), fairness=demands), "Door", fairness, promise, answer)


DOOR = [
    knocking(
        "a message that is deferred again and again may never arrive",
        (fair_event("open"), fair_deliveries()),
        "WF_vars(Open) /\\ WF_vars(Enter)",
        Answer.VIOLATED,
    ),
    knocking(
        "unless it is strongly fair",
        (fair_event("open"), fair_deliveries(strength=STRONG)),
        "WF_vars(Open) /\\ SF_vars(Enter)",
        Answer.HOLDS,
    ),
    knocking("and the door is opened", (fair_deliveries(strength=STRONG),), "SF_vars(Enter)", Answer.VIOLATED),
]

# Queue.tla


def queue(local: object, event: object) -> Step:
    """Two messages; a receiver that is asleep defers the first."""
    match event:
        case "send" if local in {0, 1}:
            yield Outcome(1 if local == 0 else 2, (Letter("second" if local else "first", 0, 1),))
        case "wake" if local == "asleep":
            yield Outcome("awake")
        case Deliver(Letter("first")) if local == "asleep":
            yield Defer()
        case Deliver(Letter("first")) if local == "awake":
            yield Outcome("first")
        case Deliver(Letter("second")):
            yield Outcome("second")


def queued(name: str, kind: NetworkKind, demands: tuple[Fairness, ...], fairness: str, answer: Answer) -> Twin:
    """Return a twin that promises that the second message arrives; it is sent, and deliveries are fair."""
    ours = replace(
        system(queue, (0, "asleep"), Network(kind, 2), "send", "wake"),
        liveness=(eventually(lambda locals_: locals_[1] == "second"),),
        fairness=(fair_event("send"), fair_deliveries(), *demands),
    )
    fairness = f'WF_vars(Send) /\\ WF_vars(Take("first")) /\\ WF_vars(Take("second")){fairness}'
    ordered = {"Ordered": "TRUE" if kind is NetworkKind.ORDERED else "FALSE"}
    return Twin(name, ours, "Queue", fairness, '<>(receiver = "second")', answer, ordered)


QUEUE = [
    queued("in a queue the second waits for the first", NetworkKind.ORDERED, (), "", Answer.VIOLATED),
    queued("elsewhere it doesn't", NetworkKind.UNORDERED, (), "", Answer.HOLDS),
    queued(
        "nor if the first is taken some day",
        NetworkKind.ORDERED,
        (fair_event("wake"),),
        " /\\ WF_vars(Wake)",
        Answer.HOLDS,
    ),
]

# Alternating.tla


def alternating(local: tuple[str, int], event: object) -> Step:
    """The alternating bit protocol."""
    role, bit = local
    match event:
        case "send" if role == "sender":
            yield Outcome(local, (Letter(str(bit), 0, 1),))
        case Deliver(Letter(kind)) if role == "sender":
            yield Outcome((role, 1 - bit if kind == str(bit) else bit))
        case Deliver(Letter(kind)):
            yield Outcome((role, 1 - bit if kind == str(bit) else bit), (Letter(kind, 1, 0),))


def bits(
    name: str, demands: tuple[Fairness, ...], fairness: str, answer: Answer, *, duplicates: int = 0, capacity: int = 3
) -> Twin:
    """Return a twin that promises that the sender goes on; it sends again and again, and the network loses."""
    ours = replace(
        system(
            alternating,
            (("sender", 0), ("receiver", 0)),
            Network(NetworkKind.ORDERED, capacity, drops=None, duplicates=duplicates),
            "send",
        ),
        liveness=(AlwaysEventually("Promise", "", nodes(lambda locals_: locals_[0] == ("sender", 1))),),
        fairness=(fair_event("send"), *demands),
    )
    constants = {"Capacity": str(capacity), "MostRepeats": str(duplicates)}
    promise = "[]<>(~beyond /\\ sender = 1)"
    text = f"WF_vars(Send){fairness}"
    return Twin(name, ours, "Alternating", text, promise, answer, constants, has_bounds=True)


LINKS = fair_deliveries(lambda letter: letter.source, strength=STRONG)
ALTERNATING = [
    bits(
        "the sender goes on if no link loses everything",
        (LINKS,),
        " /\\ SF_vars(TakeAnyData) /\\ SF_vars(TakeAnyAck)",
        Answer.CUT,
    ),
    bits(
        "or repeats a message",
        (LINKS,),
        " /\\ SF_vars(TakeAnyData) /\\ SF_vars(TakeAnyAck)",
        Answer.CUT,
        duplicates=1,
        capacity=2,
    ),
    bits(
        "not if acknowledgements are only weakly fair",
        (
            fair_deliveries(lambda letter: letter.source or None),
            fair_deliveries(lambda letter: None if letter.source else "data", strength=STRONG),
        ),
        " /\\ SF_vars(TakeAnyData) /\\ WF_vars(TakeAnyAck)",
        Answer.VIOLATED,
    ),
]

# Clocks.tla


def clock(local: int, event: object) -> Step:
    """A clock counts to two."""
    if event == "tick" and local < 2:
        yield Outcome(local + 1)


def clocks(name: str, ticks: int, demands: tuple[Fairness, ...], fairness: str, answer: Answer) -> Twin:
    """Return a twin that promises that two clocks count to two with so many ticks."""
    ours = replace(
        system(clock, (0, 0), unordered(1)),
        spontaneous=(Spontaneous("tick", budget="ticks"),),
        budgets={"ticks": ticks},
        liveness=(eventually(lambda times: times == (2, 2)),),
        fairness=demands,
    )
    promise, constants = "<>(~beyond /\\ time = <<2, 2>>)", {"MostTicks": str(ticks)}
    return Twin(name, ours, "Clocks", fairness, promise, answer, constants, has_bounds=True)


TICKS = (fair_event("tick"),)
FAIR_TICKS = "WF_vars(Tick(1)) /\\ WF_vars(Tick(2))"
CLOCKS = [
    clocks("a budget ends what is fair", 3, TICKS, FAIR_TICKS, Answer.CUT),
    clocks("a budget that is large enough doesn't", 4, TICKS, FAIR_TICKS, Answer.HOLDS),
    clocks("it ends nothing that may stop anyway", 3, (), "TRUE", Answer.VIOLATED),
]

# Sharing.tla


@dataclass(frozen=True)
class Sharer:
    """Rests, asks or works; it may owe the other the token."""

    me: int
    token: bool
    phase: str = "rests"
    owes: bool = False


def share(*, repaired: bool) -> Callable[[Sharer, object], Step]:
    """Who has the token may work, and if the rule is repaired, only who doesn't owe it."""

    def step(local: Sharer, event: object) -> Step:
        rests, other = local.phase == "rests", 1 - local.me
        match event:
            case "ask" if rests and not local.token:
                yield Outcome(replace(local, phase="asks"), (Letter("may I?", local.me, other),))
            case "work" if rests and local.token and not (repaired and local.owes):
                yield Outcome(replace(local, phase="works"))
            case "end" if local.phase == "works":
                yield Outcome(replace(local, phase="rests"))
            case "hand on" if rests and local.owes:
                yield Outcome(Sharer(local.me, token=False), (Letter("token", local.me, other),))
            case Deliver(Letter("may I?")):
                yield Outcome(replace(local, owes=True))
            case Deliver(Letter("token")):
                yield Outcome(replace(local, token=True, phase="works"))

    return step


def sharing(name: str, strength: Strength, answer: Answer, *, repaired: bool = False) -> Twin:
    """Return a twin that promises that node 1 works after it asks; it is fair to hand the token on."""
    initial = (Sharer(0, token=True), Sharer(1, token=False))
    ours = replace(
        system(share(repaired=repaired), initial, unordered(4), "ask", "work", "end", "hand on"),
        liveness=(LeadsTo("Promise", "", phase_of_node_1("asks"), phase_of_node_1("works")),),
        fairness=(fair_deliveries(), fair_event("end"), fair_event("hand on", strength=strength)),
    )
    handing_on = f"{'SF' if strength is STRONG else 'WF'}_vars(HandOn(i))"
    fairness = f"FairArrivals /\\ \\A i \\in Nodes : WF_vars(End(i)) /\\ {handing_on}"
    promise, constants = '(phase[1] = "asks") ~> (phase[1] = "works")', {"Repaired": str(repaired).upper()}
    return Twin(name, ours, "Sharing", fairness, promise, answer, constants)


SHARING = [
    sharing("who works again and again never hands the token on", Strength.WEAK, Answer.VIOLATED),
    sharing("unless that is strongly fair", STRONG, Answer.HOLDS),
    sharing("or who owes the token doesn't work", Strength.WEAK, Answer.HOLDS, repaired=True),
]

# Commit.tla


@dataclass(frozen=True)
class Voter:
    """The coordinator, node 0, or the participant."""

    me: int
    phase: str = "idle"
    down: bool = False


def commit(*, asks_again: bool) -> Callable[[Voter, object], Step]:
    """Two-phase commit with one participant; a coordinator that comes back may ask again."""

    def step(local: Voter, event: object) -> Step:
        match event:
            case "begin" if local == Voter(0):
                yield Outcome(Voter(0, "waiting"), (Letter("prepare", 0, 1),))
            case "crash" if local.me == 0 and not local.down:
                yield Outcome(replace(local, down=True))
            case "restart" if local.down:
                kind = "prepare" if local.phase == "waiting" and asks_again else None
                kind = "commit" if local.phase == "committed" else kind
                yield Outcome(replace(local, down=False), () if kind is None else (Letter(kind, 0, 1),))
            case Deliver(Letter("prepare")) if local.phase == "idle" or (asks_again and local.phase == "prepared"):
                yield Outcome(replace(local, phase="prepared"), (Letter("yes", 1, 0),))
            case Deliver(Letter("yes")) if not local.down:
                yield Outcome(replace(local, phase="committed"), (Letter("commit", 0, 1),))
            case Deliver(Letter("commit")):
                yield Outcome(replace(local, phase="committed"))

    return step


def committing(name: str, answer: Answer, *, restarts: bool, asks_again: bool = False, crashes: int | None = 2) -> Twin:
    """Return a twin that promises that a participant that is prepared commits."""
    ours = replace(
        system(commit(asks_again=asks_again), (Voter(0), Voter(1)), unordered(4), "begin", "restart"),
        liveness=(LeadsTo("Promise", "", phase_of_node_1("prepared"), phase_of_node_1("committed")),),
        fairness=(fair_deliveries(), *([fair_event("restart")] if restarts else [])),
    )
    budget = None if crashes is None else "crashes"
    ours = replace(
        ours,
        spontaneous=(*ours.spontaneous, Spontaneous("crash", budget, fault=True)),
        budgets={} if crashes is None else {"crashes": crashes},
    )
    constants = {
        "AsksAgain": str(asks_again).upper(),
        "CountsCrashes": str(crashes is not None).upper(),
        "MostCrashes": str(crashes or 0),
    }
    fairness = "FairArrivals" + (" /\\ WF_vars(Restart)" if restarts else "")
    promise = '(participant = "prepared") ~> (participant = "committed")'
    return Twin(name, ours, "Commit", fairness, promise, answer, constants)


COMMIT = [
    committing("who is prepared waits for a coordinator that is down", Answer.VIOLATED, restarts=False),
    committing("and for one that has lost the vote", Answer.VIOLATED, restarts=True),
    committing("but not for one that asks again", Answer.HOLDS, restarts=True, asks_again=True),
    committing("unless it crashes again and again", Answer.VIOLATED, restarts=True, asks_again=True, crashes=None),
]

# Ring.tla


def elect(local: tuple[int, str], event: object) -> Step:
    """A node of a ring passes on ids higher than its own."""
    me, state = local
    after = (me + 1) % 3
    match event:
        case "start" if state == "idle":
            yield Outcome((me, "started"), (Letter(str(me), me, after),))
        case Deliver(Letter(kind)) if int(kind) > me:
            yield Outcome(local, (Letter(kind, me, after),))
        case Deliver(Letter(kind)) if int(kind) == me:
            yield Outcome((me, "leads"))


RING_SYSTEM = system(elect, tuple((i, "idle") for i in range(3)), unordered(6), "start")
RING = [
    Twin(
        "the highest leads in the end",
        replace(
            RING_SYSTEM,
            liveness=(
                EventuallyAlways(
                    "Promise",
                    "",
                    nodes(lambda locals_: [state == "leads" for _, state in locals_] == [False, False, True]),
                ),
            ),
            fairness=(fair_event("start"), fair_deliveries()),
        ),
        "Ring",
        "FairStarts /\\ FairArrivals(Nodes)",
        '<>[](state[2] = "leads" /\\ state[0] # "leads" /\\ state[1] # "leads")',
        Answer.HOLDS,
    ),
    Twin(
        "not if the ring has a gap",
        replace(
            RING_SYSTEM,
            liveness=(eventually(lambda locals_: (2, "leads") in locals_),),
            fairness=(
                fair_event("start"),
                fair_deliveries(lambda letter: (letter.kind, letter.destination) if letter.destination else None),
            ),
        ),
        "Ring",
        "FairStarts /\\ FairArrivals({1, 2})",
        '<>(state[2] = "leads")',
        Answer.VIOLATED,
    ),
]

# Rounds.tla


def ping(local: object, event: object) -> Step:
    """At the end of each round node 0 pings node 1, which the ping switches on or off."""
    match event:
        case "end" if local == "pings":
            yield Outcome(local, (Letter("ping", 0, 1),))
        case Deliver():
            yield Outcome("off" if local == "on" else "on")


def rounds(name: str, drops: int | None, demands: tuple[Fairness, ...], fairness: str, answer: Answer) -> Twin:
    """Return a twin that promises that node 1 is on again and again."""
    ours = replace(
        system(ping, ("pings", "off"), Network(NetworkKind.LOCKSTEP, 4, drops=drops, round_end="end")),
        liveness=(AlwaysEventually("Promise", "", nodes(lambda locals_: locals_[1] == "on")),),
        fairness=demands,
    )
    return Twin(name, ours, "Rounds", fairness, "[]<>on", answer, losses(drops))


BEGINNINGS = Fairness("the beginning of rounds", lambda move: move.kind.name if move.kind is MoveKind.ROUND else None)
USUAL = (fair_deliveries(),)
ROUNDS = [
    rounds("rounds go on", 0, USUAL, "FairRounds /\\ WF_vars(Ping)", Answer.HOLDS),
    rounds("not if none has to end", 0, (BEGINNINGS,), "WF_vars(Begin)", Answer.VIOLATED),
    rounds("every ping may be lost", None, USUAL, "FairRounds /\\ WF_vars(Ping)", Answer.VIOLATED),
    rounds("but not two", 2, USUAL, "FairRounds /\\ WF_vars(Ping)", Answer.HOLDS),
    rounds(
        "nor all if arrivals are strongly fair",
        None,
        (fair_deliveries(strength=STRONG),),
        "FairRounds /\\ SF_vars(Ping)",
        Answer.HOLDS,
    ),
]

TWINS = [*RESEND, *NOISE, *DOOR, *QUEUE, *ALTERNATING, *CLOCKS, *SHARING, *COMMIT, *RING, *ROUNDS]
