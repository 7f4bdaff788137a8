"""Lemmas: consequences of an action's guard, each proved before the proofs that use it.

A lemma's proof assumes the guard, some conjuncts, and lemmas that come before it. For the numbers that it calls least,
and in a proof by induction, it assumes that terms and indexes are natural numbers: of those with a property there is a
least one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Least:
    """The number `name` of a sort: the least that has the property `text`, if any has."""

    name: str
    sort: str
    text: str


@dataclass(frozen=True, slots=True)
class Lemma:
    """A consequence of an action's guard for all values of the variables in `about`, which have these sorts.

    It follows from `conjuncts`, earlier `lemmas` and the `least` numbers, maybe by induction over the term `induction`.
    """

    conjuncts: str
    lemmas: tuple[str, ...] = ()
    about: Mapping[str, str] = field(default_factory=dict)
    least: tuple[Least, ...] = ()
    induction: str = ""


QUORUMS_MEET: Final = "decides(r, d) & adjacent(g, d) -> exists m. member(m, r) & voted(m, t, n)"
HAS_COUNTED: Final = (
    "decides(r, d) & adjacent(g, d) & (forall m. member(m, r) -> acked(m, u, j)) & offered(u, j, u, z) & u < t -> "
    "lacked(u, j) | exists y. entry(n, j, u, y)"
)
LATEST_HERE: Final = "offered(s, j, r, z) & changes(z) & j <= i -> j <= p"
NEXT_IS_ADJACENT: Final = (
    "i < x & offered(s, x, r, z) & changes(z) & (forall j, y, u. i < j & j < x & offered(s, j, y, u) -> !changes(u)) "
    "-> adjacent(g, configuration(z))"
)
NEXT_IS_LAST: Final = (
    "i < x & offered(s, x, r, z) & changes(z) & (forall j, y, u. i < j & j < x & offered(s, j, y, u) -> !changes(u)) & "
    "adjacent(g, configuration(z)) & started(s) -> change(s) <= x"
)
ALL_COUNTED: Final = "started(s) -> counted(s) <= i"
OWN_LEADER: Final = "started(s) -> adjacent(g, latest(s))"
LATEST_THERE: Final = (
    "started(u) & s < u & offered(u, start(u), s, y) & offered(s, j, r, z) & changes(z) & j <= start(u) -> j <= base(u)"
)
OTHER_IS_ADJACENT: Final = (
    "started(u) & s < u & offered(u, start(u), s, y) & start(u) < x & offered(s, x, r, z) & changes(z) & (forall j, b, "
    "c. start(u) < j & j < x & offered(s, j, b, c) -> !changes(c)) -> adjacent(electorate(u), configuration(z))"
)
OTHER_IS_LAST: Final = (
    "started(u) & s < u & offered(u, start(u), s, y) & start(u) < x & offered(s, x, r, z) & changes(z) & (forall j, b, "
    "c. start(u) < j & j < x & offered(s, j, b, c) -> !changes(c)) & started(s) -> change(s) <= x"
)
SAME_LAST: Final = "started(u) & s < u & offered(u, start(u), s, z) -> adjacent(g, electorate(u))"
ELECTED: Final = (
    "started(u) & s < u & offered(u, start(u), r, z) & (r <= s | started(r) & counted(r) = zero & adjacent(g, "
    "electorate(r)) & adjacent(g, latest(r))) -> adjacent(g, electorate(u))"
)
LEFT_IS_THERE: Final = (
    "early(u) & s < u & u < t & leaves(electorate(u), d) & (forall a. started(a) & s < a & a < u -> counted(a) = zero) "
    "& base(u) <= counted(r) & r < u & offered(u, base(u), y, z) -> base(u) <= i & entry(n, base(u), y, z)"
)
NEXT_IS_FINAL: Final = (
    "early(u) & s < u & u < t & leaves(electorate(u), d) & (forall a. started(a) & s < a & a < u -> counted(a) = zero) "
    "& base(u) < x & x <= i & offered(s, x, r, z) & changes(z) & (forall j, b, c. base(u) < j & j < x & offered(s, j, "
    "b, c) -> !changes(c)) -> configuration(z) = d"
)
REPLACED_HERE: Final = "offered(s, x, r, z) & changes(z) & x < p -> exists a. a <= s & x <= counted(a)"
IS_THERE_TOO: Final = (
    "a <= s & x <= counted(a) & s < u & started(u) & zero < x & offered(s, x, r, z) -> offered(u, x, r, z)"
)
FINAL_IS_LAST: Final = (
    "early(u) & s < u & u < t & leaves(electorate(u), d) & (forall a. started(a) & s < a & a < u -> counted(a) = zero) "
    "& base(u) < x & x <= i & offered(s, x, r, z) & changes(z) & (forall j, b, c. base(u) < j & j < x & offered(s, j, "
    "b, c) -> !changes(c)) -> p <= x"
)
LEFT_IS_ADJACENT: Final = (
    "early(u) & s < u & u < t & leaves(electorate(u), d) & (forall a. started(a) & s < a & a < u -> counted(a) = zero) "
    "-> adjacent(g, d)"
)
NOTHING_COUNTED: Final = (
    "started(u) & s < u & u < t & adjacent(g, electorate(u)) & (forall d. early(u) & leaves(electorate(u), d) -> "
    "adjacent(g, d)) -> counted(u) = zero"
)
BETWEEN: Final = "started(u) & s < u & u < t -> counted(u) = zero & adjacent(g, electorate(u)) & adjacent(g, latest(u))"
HAS_ALL: Final = "started(u) & u < t & offered(u, j, u, z) & j <= counted(u) -> exists y. entry(n, j, u, y)"
LATER: Final = "started(u) & t <= u & offered(u, start(u), r, z) & r < t -> adjacent(g, electorate(u))"
EARLIER: Final = "started(u) & u < t & s <= u -> adjacent(g, latest(u))"
NOT_STARTED: Final = "!started(t)"
LEAST_LATER: Final = (
    "started(x) & t < x -> exists u. started(u) & t < u & (forall r, z. offered(u, start(u), r, z) -> r <= t)"
)
ITS_CONFIGURATION: Final = "p = change(t) & g = latest(t)"
LATER_IN_IT: Final = "started(u) & t < u & offered(u, start(u), s, z) & s <= t -> electorate(u) = g"
LEAVES_ITS_BASE: Final = "p = base(t) & !early(t) & p <= counted(b) & b < t & zero < p & offered(b, p, f, w)"
LATER_HAS_IT: Final = "started(u) & t < u -> offered(u, p, f, w) & p <= base(u)"
COUNTED_LATER: Final = "started(u) & offered(u, start(u), s, z) & s <= t & t < a & a < u -> counted(a) = zero"
COUNTED_EARLIER: Final = "started(u) & t < u & a < t & x <= counted(a) & p < x & offered(u, x, r, y) -> !changes(y)"
LATER_REPLACED: Final = (
    "started(u) & t < u & offered(u, start(u), s, z) & s <= t & p < x & x < base(u) & offered(u, x, r, y) -> "
    "!changes(y)"
)
LATER_MEETS_FINAL: Final = "started(u) & t < u & offered(u, start(u), s, z) & s <= t -> adjacent(electorate(u), h)"
NEXT_CHANGE: Final = Least(
    "next_change",
    "index",
    "i < next_change & exists y, x. offered(s, next_change, y, x) & changes(x)",
)
OTHER_CHANGE: Final = Least(
    "other_change",
    "index",
    "start(u) < other_change & exists y, x. offered(s, other_change, y, x) & changes(x)",
)
NEXT_LEFT: Final = Least(
    "next_left",
    "index",
    "base(u) < next_left & next_left <= i & exists y, x. offered(s, next_left, y, x) & changes(x)",
)
NEXT_LEADER: Final = Least(
    "least_later",
    "term",
    "started(least_later) & t < least_later",
)

LEMMAS: Final[Mapping[str, Mapping[str, Lemma]]] = {
    "become_leader": {
        QUORUMS_MEET: Lemma(
            "CandidateStood CountsVoters",
            about={"r": "quorum", "d": "config"},
        ),
        HAS_COUNTED: Lemma(
            "CandidateInItsTerm VotesForTheComplete",
            (QUORUMS_MEET,),
            about={"r": "quorum", "d": "config", "u": "term", "j": "index", "z": "value"},
        ),
        LATEST_HERE: Lemma(
            "LogsAreLikeTheirLeaders",
        ),
        NEXT_IS_ADJACENT: Lemma(
            "LogEndsThere LogsAreLikeTheirLeaders NeighboursAreAdjacent",
            (LATEST_HERE,),
            about={"x": "index", "r": "term", "z": "value"},
        ),
        NEXT_IS_LAST: Lemma(
            "LogEndsThere LogsAreLikeTheirLeaders OwnAfterStart ReplacedIsCounted CountedIsNotLacked "
            "CandidateLogIsOlder",
            (HAS_COUNTED,),
            about={"x": "index", "r": "term", "z": "value"},
        ),
        ALL_COUNTED: Lemma(
            "LogEndsThere LogsAreLikeTheirLeaders ChangeIsThere ChangeIsLatest CountedIsNotLacked CountedIsHeld "
            "CountedIsItsOwn HoldersDecide CountersAreNeighbours CandidateLogIsOlder",
            (HAS_COUNTED, LATEST_HERE, NEXT_IS_ADJACENT, NEXT_IS_LAST),
            least=(NEXT_CHANGE,),
        ),
        OWN_LEADER: Lemma(
            "LogEndsThere LogsAreLikeTheirLeaders ChangeIsThere ChangeIsLatest",
            (LATEST_HERE, NEXT_IS_ADJACENT, NEXT_IS_LAST),
            least=(NEXT_CHANGE,),
        ),
        LATEST_THERE: Lemma(
            "OffersAreLikeTheirLeaders BaseIsLatest",
            about={"u": "term", "y": "value", "j": "index", "r": "term", "z": "value"},
        ),
        OTHER_IS_ADJACENT: Lemma(
            "OffersAreLikeTheirLeaders BaseIsLatest BaseIsThere NeighboursAreAdjacent",
            (LATEST_THERE,),
            about={"u": "term", "y": "value", "x": "index", "r": "term", "z": "value"},
        ),
        OTHER_IS_LAST: Lemma(
            "OffersAreLikeTheirLeaders OwnAfterStart ReplacedIsCounted CountedIsNotLacked LaterLeadersHaveIt",
            about={"u": "term", "y": "value", "x": "index", "r": "term", "z": "value"},
        ),
        SAME_LAST: Lemma(
            "LogEndsThere LogsAreLikeTheirLeaders OwnAfterStart ChangeIsThere ChangeIsLatest OffersAreLikeTheirLeaders "
            "NoOfferBeforeStart LogsStartAlike EntriesAreOfStarted FirstIsNotLed BaseIsThere BaseIsLatest",
            (LATEST_HERE, NEXT_IS_ADJACENT, NEXT_IS_LAST, LATEST_THERE, OTHER_IS_ADJACENT, OTHER_IS_LAST),
            about={"u": "term", "z": "value"},
            least=(NEXT_CHANGE, OTHER_CHANGE),
        ),
        ELECTED: Lemma(
            "LogEndsThere LogsAreLikeTheirLeaders OffersAreLikeTheirLeaders OffersNoNewer OwnAfterStart ChangeIsThere "
            "ChangeIsLatest BaseIsThere BaseIsLatest EntriesAreOfStarted ReplacedIsCounted CountedIsItsOwn "
            "CountedIsNotLacked LaterLeadersHaveIt LaterElectorates LaterElectoratesMeet CountsBeforeChanges",
            (SAME_LAST, LATEST_HERE),
            about={"u": "term", "r": "term", "z": "value"},
        ),
        LEFT_IS_THERE: Lemma(
            "BaseIsThere BaseIsLatest LogsStartAlike HoldersDecide EarlyIsCommitted LogsAreLikeTheirLeaders "
            "CountedIsItsOwn OffersAreLikeTheirLeaders OffersNoNewer CountedStays EntriesAreOfStarted FirstIsNotLed",
            (ALL_COUNTED,),
            about={"u": "term", "r": "term", "d": "config", "y": "term", "z": "value"},
        ),
        NEXT_IS_FINAL: Lemma(
            "BaseIsThere BaseIsLatest EarlyIsCommitted LogsAreLikeTheirLeaders LogEndsThere JointThenFinal",
            (LEFT_IS_THERE,),
            about={"u": "term", "d": "config", "x": "index", "r": "term", "z": "value"},
        ),
        REPLACED_HERE: Lemma(
            "LogEndsThere LogsAreLikeTheirLeaders EntriesAreOfStarted ReplacedIsCommitted ChangeIsLatest "
            "NoOfferBeforeStart FirstIsNotLed",
            about={"x": "index", "r": "term", "z": "value"},
        ),
        IS_THERE_TOO: Lemma(
            "CountedStays HoldersDecide NoOfferBeforeStart",
            about={"a": "term", "u": "term", "x": "index", "r": "term", "z": "value"},
        ),
        FINAL_IS_LAST: Lemma(
            "BaseIsLatest EarlyIsCommitted OwnAfterStart OffersNoNewer",
            (REPLACED_HERE, IS_THERE_TOO),
            about={"u": "term", "d": "config", "x": "index", "r": "term", "z": "value"},
        ),
        LEFT_IS_ADJACENT: Lemma(
            "BaseIsThere BaseIsLatest EarlyIsCommitted LogEndsThere LogsAreLikeTheirLeaders OneEntry",
            (LEFT_IS_THERE, NEXT_IS_FINAL, FINAL_IS_LAST),
            about={"u": "term", "d": "config"},
            least=(NEXT_LEFT,),
        ),
        NOTHING_COUNTED: Lemma(
            "ElectorateCounted CountedIsNotLacked LogEndsThere LogsAreLikeTheirLeaders OffersNoNewer EarlyIsCommitted",
            (HAS_COUNTED,),
            about={"u": "term"},
        ),
        BETWEEN: Lemma(
            "StartIsThere OwnAfterStart OffersNoNewer OffersAreOfStarted CountsBeforeChanges BaseIsLatest "
            "ChangeIsLatest BaseIsThere ChangeIsThere",
            (ELECTED, NOTHING_COUNTED, LEFT_IS_ADJACENT),
            about={"u": "term"},
            induction="u",
        ),
        HAS_ALL: Lemma(
            "LogsAreLikeTheirLeaders OffersAreLikeTheirLeaders OffersNoNewer LogsStartAlike EntriesAreOfStarted "
            "LaterLeadersHaveIt CountedIsNotLacked CandidateInItsTerm",
            (ALL_COUNTED, BETWEEN),
            about={"u": "term", "j": "index", "z": "value"},
        ),
        LATER: Lemma(
            "OffersAreOfStarted CandidateLogIsOlder",
            (ELECTED, BETWEEN),
            about={"u": "term", "r": "term", "z": "value"},
        ),
        EARLIER: Lemma(
            "",
            (OWN_LEADER, BETWEEN),
            about={"u": "term"},
        ),
        NOT_STARTED: Lemma(
            "VotesOnce VotersElected StartedIsLed CandidateHasNotLed VotersDecide StartIsThere OwnAfterStart "
            "OffersNoNewer",
            (QUORUMS_MEET, LATER),
        ),
        LEAST_LATER: Lemma(
            "OwnAfterStart OffersNoNewer OffersAreOfStarted",
            least=(NEXT_LEADER,),
        ),
    },
    "count": {
        ITS_CONFIGURATION: Lemma(
            "LeadsItsTerm LedIsStarted LeaderOffersItsLog ChangeIsThere ChangeIsLatest",
        ),
    },
    "change": {
        ITS_CONFIGURATION: Lemma(
            "LeadsItsTerm LedIsStarted LeaderOffersItsLog ChangeIsThere ChangeIsLatest",
        ),
        LATER_IN_IT: Lemma(
            "LeadsItsTerm LedIsStarted LaterLeadersHaveIt CountedIsNotLacked CountedIsItsOwn OwnAfterStart "
            "OffersAreLikeTheirLeaders OffersNoNewer BaseIsThere BaseIsLatest ChangeIsThere ChangeIsLatest "
            "LeaderOffersItsLog",
            (ITS_CONFIGURATION,),
            about={"u": "term", "s": "term", "z": "value"},
        ),
    },
    "leave_early": {
        ITS_CONFIGURATION: Lemma(
            "LeadsItsTerm LedIsStarted LeaderOffersItsLog ChangeIsThere ChangeIsLatest",
        ),
        LEAVES_ITS_BASE: Lemma(
            "LeadsItsTerm LedIsStarted CountsBeforeChanges KnownStays LogsStartAlike",
            (ITS_CONFIGURATION,),
        ),
        LATER_HAS_IT: Lemma(
            "CountedStays OwnAfterStart OffersNoNewer BaseIsLatest HoldersDecide",
            (LEAVES_ITS_BASE,),
            about={"u": "term"},
        ),
        COUNTED_LATER: Lemma(
            "CountedStays CountedIsItsOwn OwnAfterStart OffersAreLikeTheirLeaders OffersNoNewer",
            about={"u": "term", "s": "term", "z": "value", "a": "term"},
        ),
        COUNTED_EARLIER: Lemma(
            "CountedStays ChangeIsLatest LeadsItsTerm LedIsStarted",
            (ITS_CONFIGURATION,),
            about={"u": "term", "a": "term", "x": "index", "r": "term", "y": "value"},
        ),
        LATER_REPLACED: Lemma(
            "ReplacedIsCommitted ChangeIsThere",
            (COUNTED_LATER, COUNTED_EARLIER),
            about={"u": "term", "s": "term", "z": "value", "x": "index", "r": "term", "y": "value"},
        ),
        LATER_MEETS_FINAL: Lemma(
            "BaseIsThere BaseIsLatest JointThenFinal",
            (LATER_HAS_IT, LATER_REPLACED),
            about={"u": "term", "s": "term", "z": "value"},
        ),
    },
}
# The lemmas that all proofs about an action use, and those that single ones use.
GENERAL: Final[Mapping[str, tuple[str, ...]]] = {"become_leader": (NOT_STARTED,)}
USES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "become_leader": {
        "LaterElectorates": (LATER, EARLIER),
        "LackedByOne": (LEAST_LATER,),
        "ReplacedIsCommitted": (REPLACED_HERE,),
        "LaterElectoratesMeet": (LATER, BETWEEN),
        "CountedIsNotLacked": (HAS_ALL,),
    },
    "count": {
        "ElectorateCounted": (ITS_CONFIGURATION,),
        "HoldersDecide": (ITS_CONFIGURATION,),
        "CountersAreNeighbours": (ITS_CONFIGURATION,),
        "CountedIsNotLacked": (ITS_CONFIGURATION,),
    },
    "change": {
        "NeighboursAreAdjacent": (ITS_CONFIGURATION,),
        "ReplacedIsCounted": (ITS_CONFIGURATION,),
        "HoldersDecide": (ITS_CONFIGURATION,),
        "CountersAreNeighbours": (ITS_CONFIGURATION,),
        "LaterElectorates": (LATER_IN_IT,),
        "JointThenFinal": (ITS_CONFIGURATION,),
        "ReplacedIsCommitted": (ITS_CONFIGURATION,),
    },
    "leave_early": {
        "NeighboursAreAdjacent": (ITS_CONFIGURATION,),
        "ReplacedIsCounted": (ITS_CONFIGURATION, LEAVES_ITS_BASE),
        "JointThenFinal": (ITS_CONFIGURATION,),
        "ReplacedIsCommitted": (ITS_CONFIGURATION, LEAVES_ITS_BASE),
        "EarlyIsCommitted": (ITS_CONFIGURATION, LEAVES_ITS_BASE),
        "CountsBeforeChanges": (ITS_CONFIGURATION, LEAVES_ITS_BASE),
        "LaterElectorates": (LATER_MEETS_FINAL,),
    },
}
