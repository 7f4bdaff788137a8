"""The inductive invariant: sentences that are true at first, and that no action makes false where all are true.

The first four groups are the reasons; what Figure 3 of the paper promises follows and stands among them under its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from quorate_check.proofs.logic.formulas import Formula
from quorate_check.raft.proofs.model import formula


@dataclass(frozen=True)
class Conjunct:
    """One sentence of the invariant, in words and as a formula over all values of its variables."""

    name: str
    claim: str
    text: str
    follows: bool = False  # from the others, in any state; so it needs no induction of its own

    @cached_property
    def formula(self) -> Formula:
        """The text as a formula."""
        return formula(self.text)


ELECTIONS: Final = (
    Conjunct(
        "OneCurrentTerm",
        "A server is in one term.",
        "current(n, t) & current(n, s) -> t = s",
    ),
    Conjunct(
        "LeftIsOlder",
        "A server has left exactly the terms that are older than its own.",
        "current(n, t) -> (left(n, s) <-> s < t)",
    ),
    Conjunct(
        "LeftForGood",
        "Who has left a term has left all that are older.",
        "left(n, t) & s < t -> left(n, s)",
    ),
    Conjunct(
        "VotesOnce",
        "A server votes for one candidate in a term, also after a restart (§5.2).",
        "voted(n, t, c) & voted(n, t, d) -> c = d",
    ),
    Conjunct(
        "VotesInItsTerm",
        "Who voted in a term has entered it.",
        "(voted(n, t, c) -> spent(n, t)) & (spent(n, t) -> current(n, t) | left(n, t))",
    ),
    Conjunct(
        "CandidateInItsTerm",
        "A candidate stands in its current term.",
        "candidate(n, t) -> current(n, t)",
    ),
    Conjunct(
        "CandidateStood",
        "Whom somebody voted for, and who stood in a term, has entered it.",
        "(voted(m, t, n) -> current(n, t) | left(n, t)) & (stood(n, t, i, s) -> current(n, t) | left(n, t))",
    ),
    Conjunct(
        "CountsVoters",
        "Whom a candidate counts has voted for it (§5.2).",
        "candidate(n, t) & granted(n, m) -> voted(m, t, n)",
    ),
    Conjunct(
        "VotersElected",
        "A quorum voted for whoever has led a term (§5.2).",
        "led(n, t) & member(m, voters(t)) -> voted(m, t, n)",
    ),
    Conjunct(
        "VotersOfAStart",
        "If a term has started then a quorum voted in it, and for none who hasn't led it.",
        "started(t) & member(m, voters(t)) -> spent(m, t) & (forall n. voted(m, t, n) -> led(n, t))",
    ),
    Conjunct(
        "StartLeavesBehind",
        "When a term starts, each quorum has a server that has left all older terms.",
        "started(u) & t < u -> (exists m. member(m, q) & left(m, t))",
        follows=True,
    ),
    Conjunct(
        "ElectionSafety",
        "At most one server ever leads a term (Figure 3, §5.2).",
        "led(n, t) & led(m, t) -> n = m",
        follows=True,
    ),
    Conjunct(
        "LedInItsTerm",
        "Who has led a term has entered it.",
        "led(n, t) -> current(n, t) | left(n, t)",
    ),
    Conjunct(
        "LeadsItsTerm",
        "A leader leads its current term, and has led it.",
        "leads(n, t) -> led(n, t) & current(n, t)",
    ),
    Conjunct(
        "LedIsStarted",
        "A term that somebody has led has started.",
        "led(n, t) -> started(t)",
    ),
    Conjunct(
        "CandidateHasNotLed",
        "A candidate hasn't led the term in which it stands.",
        "candidate(n, t) -> !led(n, t)",
    ),
)
LOGS: Final = (
    Conjunct(
        "LogsStartAlike",
        "Before all entries, at index zero, each log has the same, and nothing else has its term.",
        "(entry(n, zero, s, v) <-> s = zero_term & v = nothing)"
        " & (offered(t, zero, s, v) <-> s = zero_term & v = nothing)",
    ),
    Conjunct(
        "LogEndsOnce",
        "A log has one length.",
        "last(n, i) & last(n, j) -> i = j",
    ),
    Conjunct(
        "LogEndsThere",
        "Nothing is in a log beyond its length.",
        "entry(n, i, s, v) & last(n, j) -> i <= j",
    ),
    Conjunct(
        "OneEntry",
        "A log has one entry at an index.",
        "entry(n, i, s, v) & entry(n, i, r, w) -> s = r & v = w",
        follows=True,
    ),
    Conjunct(
        "OffersOnce",
        "A leader offers one entry at an index (§5.3: it never changes or deletes one).",
        "offered(t, i, s, v) & offered(t, i, r, w) -> s = r & v = w",
    ),
    Conjunct(
        "OffersNoNewer",
        "What a leader offers is of its term or of an older one.",
        "offered(t, i, s, v) -> s <= t",
    ),
    Conjunct(
        "OffersWithinReach",
        "Nothing is offered beyond the reach of a term.",
        "offered(t, i, s, v) -> i <= reach(t)",
    ),
    Conjunct(
        "NoOfferBeforeStart",
        "In a term that nobody has led nothing is offered.",
        "!started(t) & offered(t, i, s, v) -> i = zero",
    ),
    Conjunct(
        "EntriesAreOfStarted",
        "An entry is of a term that has started, and that its server has entered.",
        "entry(n, i, s, v) -> (s = zero_term | started(s)) & (current(n, s) | left(n, s))",
    ),
    Conjunct(
        "OffersAreOfStarted",
        "An offered entry is of a term that has started.",
        "offered(t, i, s, v) -> s = zero_term | started(s)",
    ),
    Conjunct(
        "LogsAreLikeTheirLeaders",
        "A log with an entry of some term is, up to there, what the leader of that term offers (§5.3).",
        "entry(n, i, s, v) & j <= i -> (entry(n, j, r, w) <-> offered(s, j, r, w))",
    ),
    Conjunct(
        "OffersAreLikeTheirLeaders",
        "So is what any leader offers.",
        "offered(t, i, s, v) & j <= i -> (offered(t, j, r, w) <-> offered(s, j, r, w))",
    ),
    Conjunct(
        "LeaderOffersItsLog",
        "What a leader offers is its log.",
        "leads(n, t) -> (entry(n, i, s, v) <-> offered(t, i, s, v)) & (last(n, j) -> reach(t) = j)",
    ),
    Conjunct(
        "LogMatching",
        "Logs with an entry of the same term at an index are the same up to there (Figure 3, §5.3).",
        "entry(n, i, s, v) & entry(m, i, s, w) & j <= i -> (entry(n, j, r, z) <-> entry(m, j, r, z))",
        follows=True,
    ),
)
COMPLETENESS: Final = (
    Conjunct(
        "AcksInItsTerm",
        "Who vouched for the log of a term's leader has entered that term, and it has started.",
        "acked(n, t, i) -> (current(n, t) | left(n, t)) & started(t) & i <= reach(t)",
    ),
    Conjunct(
        "AcksAllBefore",
        "Who vouched for an index vouched for all before it.",
        "acked(n, t, i) & j <= i -> acked(n, t, j)",
    ),
    Conjunct(
        "AckedIsThere",
        "While it stays in that term its log is as it said (§5.3).",
        "acked(n, t, i) & !left(n, t) & j <= i -> (entry(n, j, s, v) <-> offered(t, j, s, v))",
    ),
    Conjunct(
        "LeaderHasItsLog",
        "A leader counts itself for all of its log.",
        "leads(n, t) & i <= reach(t) -> acked(n, t, i)",
    ),
    Conjunct(
        "MatchedIsAcked",
        "What a leader takes for acknowledged was.",
        "leads(n, t) & matched(n, m, i) -> acked(m, t, i)",
    ),
    Conjunct(
        "StandsWithItsLog",
        "A candidate's log is the one that it asks for votes with (§5.4.1).",
        "candidate(n, t) & stood(n, t, i, s) -> last(n, i) & (exists v. entry(n, i, s, v))",
    ),
    Conjunct(
        "AckedIsKept",
        "Who acknowledged a leader's own entry keeps it, unless no quorum can have it any more.",
        "acked(n, t, i) & offered(t, i, t, v) -> entry(n, i, t, v) | hopeless(t, i)",
    ),
    Conjunct(
        "VotesForTheComplete",
        "Who acknowledged it votes later only for candidates that have it, unless no quorum can (§5.4.1).",
        "voted(m, u, c) & candidate(c, u) & acked(m, t, i) & offered(t, i, t, v) & t < u"
        " -> entry(c, i, t, v) | hopeless(t, i)",
    ),
    Conjunct(
        "LaterLeadersHaveIt",
        "So the leader of a later term has a leader's own entry, unless no quorum can have acknowledged it (§5.4.3).",
        "started(u) & t < u & offered(t, i, t, v) -> offered(u, i, t, v) | hopeless(t, i)",
    ),
)
COMMITMENT: Final = (
    Conjunct(
        "CountedIsHeld",
        "What a leader committed by counting is acknowledged by a quorum (§5.3).",
        "counted(t) != zero & member(m, holders(t)) -> acked(m, t, counted(t))",
    ),
    Conjunct(
        "CountedIsItsOwn",
        "It is an entry of the leader's own term (§5.4.2).",
        "counted(t) != zero -> exists v. offered(t, counted(t), t, v)",
    ),
    Conjunct(
        "CountedStays",
        "The leader of every later term has all of it.",
        "i <= counted(t) & t < u & started(u) -> (offered(u, i, s, v) <-> offered(t, i, s, v))",
        follows=True,
    ),
    Conjunct(
        "AppliedWasCounted",
        "What a server applies is what the leader of some term that it has entered counted as committed.",
        "applied(n, i, s, v, t) -> i <= counted(t) & offered(t, i, s, v) & (current(n, t) | left(n, t))",
    ),
    Conjunct(
        "AppliedStays",
        "It stays in that server's log for ever.",
        "applied(n, i, s, v, t) -> entry(n, i, s, v)",
    ),
    Conjunct(
        "LeaderCompleteness",
        "A leader has every entry that was committed in its term or before, whoever applied it (Figure 3, §5.4).",
        "leads(n, t) & applied(m, i, s, v, b) & b <= t -> entry(n, i, s, v)",
        follows=True,
    ),
    Conjunct(
        "StateMachineSafety",
        "No two servers ever apply different entries at one index (Figure 3, §5.4.3).",
        "applied(n, i, s, v, t) & applied(m, i, r, w, u) -> s = r & v = w",
        follows=True,
    ),
)
GROUPS: Final[dict[str, tuple[Conjunct, ...]]] = {
    "elections": ELECTIONS,
    "logs": LOGS,
    "completeness": COMPLETENESS,
    "commitment": COMMITMENT,
}
INVARIANT: Final = tuple(conjunct for group in GROUPS.values() for conjunct in group)
