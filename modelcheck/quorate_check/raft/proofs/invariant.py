"""The inductive invariant: sentences that are true initially, and that no action makes false where all are true.

The promises of Figure 3 of the paper are among them, under their names; most follow from other conjuncts.
"""

from __future__ import annotations

from typing import Final

from quorate_check.raft.proofs.configurations import CONFIGURATIONS
from quorate_check.raft.proofs.conjunct import Conjunct

ELECTIONS: Final = (
    Conjunct(
        "OneCurrentTerm",
        "A server is in one term.",
        "current(n, t) & current(n, s) -> t = s",
    ),
    Conjunct(
        "LeftIsOlder",
        "A server's disk has left only terms older than the server's own, and all of them unless it is stalled.",
        "current(n, t) -> (left(n, s) -> s < t) & (s < t -> left(n, s) | stalled(n))",
    ),
    Conjunct(
        "LeftForGood",
        "A server that has left a term has left all older ones.",
        "left(n, t) & s < t -> left(n, s)",
    ),
    Conjunct(
        "VotesOnce",
        "A server votes for one candidate in a term, also after a crash (§5.2).",
        "voted(n, t, c) & voted(n, t, d) -> c = d",
    ),
    Conjunct(
        "VotesInItsTerm",
        "The disk of a server that voted in a term has left all older ones.",
        "voted(n, t, c) & s < t -> left(n, s)",
    ),
    Conjunct(
        "VotesAreDurable",
        "A server's vote is in its memory while that is in the term, and on its disk until that leaves the term.",
        "voted(n, t, c) -> (current(n, t) -> ballot(n, c)) & (stalled(n) & !left(n, t) -> disk_ballot(n, c))",
    ),
    Conjunct(
        "CandidateInItsTerm",
        "A candidate is one in its current term.",
        "candidate(n, t) -> current(n, t)",
    ),
    Conjunct(
        "CandidateStood",
        "A server that got a vote in a term, or asked for one, has voted for itself.",
        "(voted(m, t, n) -> voted(n, t, n)) & (stood(n, t, i, s) -> voted(n, t, n))",
    ),
    Conjunct(
        "CountsVoters",
        "A voter that a candidate counts has voted for it (§5.2).",
        "candidate(n, t) & granted(n, m) -> voted(m, t, n)",
    ),
    Conjunct(
        "VotersElected",
        "A quorum voted for a server that has led a term (§5.2).",
        "led(n, t) & member(m, voters(t)) -> voted(m, t, n)",
    ),
    Conjunct(
        "StartedIsLed",
        "If a term has started, then its leader has led it.",
        "started(t) -> led(leader(t), t)",
    ),
    Conjunct(
        "ElectionSafety",
        "At most one server ever leads a term (Figure 3, §5.2).",
        "led(n, t) & led(m, t) -> n = m",
        follows=True,
    ),
    Conjunct(
        "LeadersVoted",
        "A server that has led a term has voted for itself.",
        "led(n, t) -> voted(n, t, n)",
    ),
    Conjunct(
        "LeadsItsTerm",
        "A leader leads its current term, and has led it.",
        "leads(n, t) -> led(n, t) & current(n, t)",
    ),
    Conjunct(
        "LedIsStarted",
        "A term that a server has led has started.",
        "led(n, t) -> started(t)",
    ),
    Conjunct(
        "CandidateHasNotLed",
        "A candidate hasn't led its term.",
        "candidate(n, t) -> !led(n, t)",
    ),
)
LOGS: Final = (
    Conjunct(
        "LogsStartAlike",
        "At index zero, before all entries, each log has the same, and no other entry has its term.",
        "(entry(n, zero, s, v) <-> s = zero_term & v = nothing)"
        " & (stalled(n) -> (disk_entry(n, zero, s, v) <-> s = zero_term & v = nothing))"
        " & (offered(t, zero, s, v) <-> s = zero_term & v = nothing)",
    ),
    Conjunct(
        "LogEndsOnce",
        "A log has one length.",
        "last(n, i) & last(n, j) -> i = j",
    ),
    Conjunct(
        "LogEndsThere",
        "No entry of a log is beyond its length.",
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
        "An offered entry is of the leader's term or of an older one.",
        "offered(t, i, s, v) -> s <= t",
    ),
    Conjunct(
        "OffersWithinReach",
        "No offered entry is beyond the reach of its term.",
        "offered(t, i, s, v) -> i <= reach(t)",
    ),
    Conjunct(
        "NoOfferBeforeStart",
        "No entry is offered in a term that hasn't started.",
        "!started(t) & offered(t, i, s, v) -> i = zero",
    ),
    Conjunct(
        "EntriesAreOfStarted",
        "An entry is of a term that has started, and that its server has entered.",
        "entry(n, i, s, v) -> (s = zero_term | started(s)) & (current(n, t) -> s <= t)",
    ),
    Conjunct(
        "DiskEntriesAreOfStarted",
        "An entry on a stalled disk is of a term that has started, and that the disk has entered.",
        "disk_entry(n, i, s, v) -> (s = zero_term | started(s)) & (t < s -> left(n, t))",
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
        "DisksAreLikeTheirLeaders",
        "A log on a stalled disk with an entry of some term is, up to there, what the leader of that term offers.",
        "disk_entry(n, i, s, v) & j <= i -> (disk_entry(n, j, r, w) <-> offered(s, j, r, w))",
    ),
    Conjunct(
        "OffersAreLikeTheirLeaders",
        "The offers of a leader with an entry of some term are, up to there, the offers of that term's leader.",
        "offered(t, i, s, v) & j <= i -> (offered(t, j, r, w) <-> offered(s, j, r, w))",
    ),
    Conjunct(
        "LeaderOffersItsLog",
        "A leader's offers are its log.",
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
        "The disk of a server that acknowledged in a term has left all older ones, and the term has started.",
        "acked(n, t, i) -> (s < t -> left(n, s)) & started(t) & i <= reach(t)",
    ),
    Conjunct(
        "AcksAllBefore",
        "An acknowledgement of an index is one of all indices before it.",
        "acked(n, t, i) & j <= i -> acked(n, t, j)",
    ),
    Conjunct(
        "AckedIsThere",
        "The log of a server agrees with its acknowledgement while the server stays in that term (§5.3).",
        "acked(n, t, i) & current(n, t) & j <= i -> (entry(n, j, s, v) <-> offered(t, j, s, v))",
    ),
    Conjunct(
        "AcksAreDurable",
        "What a server acknowledged is on its stalled disk, while that is in the term: no crash loses it (§5.3).",
        "acked(n, t, i) & stalled(n) & !left(n, t) & j <= i -> (disk_entry(n, j, s, v) <-> offered(t, j, s, v))",
    ),
    Conjunct(
        "MatchedIsAcked",
        "An index that a leader counts as acknowledged was acknowledged.",
        "leads(n, t) & matched(n, m, i) -> acked(m, t, i)",
    ),
    Conjunct(
        "StandsWithItsLog",
        "A candidate's log ends as its requests for votes say (§5.4.1).",
        "candidate(n, t) & stood(n, t, i, s) -> last(n, i) & (exists v. entry(n, i, s, v))",
    ),
    Conjunct(
        "AckedIsKept",
        "A server keeps a leader's own entry that it acknowledged, unless no quorum can have acknowledged it.",
        "acked(n, t, i) & offered(t, i, t, v) -> entry(n, i, t, v) | lacked(t, i)",
    ),
    Conjunct(
        "AckedIsKeptOnDisk",
        "A stalled disk keeps a leader's own entry that was acknowledged, unless no quorum can have acknowledged it.",
        "acked(n, t, i) & stalled(n) & offered(t, i, t, v) -> disk_entry(n, i, t, v) | lacked(t, i)",
    ),
    Conjunct(
        "VotesForTheComplete",
        "A server that acknowledged such an entry votes later only for candidates with it, unless no quorum can "
        "(§5.4.1).",
        "voted(m, u, c) & candidate(c, u) & acked(m, t, i) & offered(t, i, t, v) & t < u"
        " -> entry(c, i, t, v) | lacked(t, i)",
    ),
    Conjunct(
        "LaterLeadersHaveIt",
        "The leader of a later term has a leader's own entry, unless it is recorded that some leader lacks "
        "it (§5.4.3).",
        "started(t) & started(u) & t < u -> lacked(t, i) | exists v. offered(u, i, t, v)",
    ),
    Conjunct(
        "LackedByOne",
        "What is recorded as lacking is lacking in some leader's log.",
        "lacked(t, i) -> exists u. lacked_by(t, i, u)",
    ),
    Conjunct(
        "LackedByLater",
        "Only leaders of later terms lack an entry, and their term and the entry's have started.",
        "lacked_by(t, i, u) -> started(t) & started(u) & t < u & !offered(u, i, t, v)",
    ),
    Conjunct(
        "LackedFromBefore",
        "The leader recorded as lacking an entry was elected with a log that ends in the entry's term or an older one.",
        "lacked_by(t, i, u) & offered(u, start(u), s, w) -> s <= t",
    ),
    Conjunct(
        "LackedIsNotAcked",
        "No voter of the leader that is recorded as lacking an entry has acknowledged it.",
        "lacked_by(t, i, u) & member(m, voters(u)) & offered(t, i, t, v) -> !acked(m, t, i)",
    ),
    Conjunct(
        "CountedIsNotLacked",
        "An entry that a leader committed by counting is lacking in no later leader's log.",
        "i <= counted(t) & offered(t, i, t, v) -> !lacked(t, i)",
    ),
)
COMMITMENT: Final = (
    Conjunct(
        "CountedIsHeld",
        "A quorum acknowledged the entries that a leader committed by counting (§5.3).",
        "counted(t) != zero & member(m, holders(t)) -> acked(m, t, counted(t))",
    ),
    Conjunct(
        "CountedIsItsOwn",
        "The last entry that a leader committed by counting is of its own term (§5.4.2).",
        "counted(t) != zero -> exists v. offered(t, counted(t), t, v)",
    ),
    Conjunct(
        "CountedStays",
        "The leader of every later term has all entries that a leader committed by counting.",
        "i <= counted(t) & t < u & started(u) -> (offered(u, i, s, v) <-> offered(t, i, s, v))",
        follows=True,
    ),
    Conjunct(
        "AppliedWasCounted",
        "An entry that a server applied was counted as committed by the leader of some term.",
        "applied(n, i, s, v, t) -> i <= counted(t) & offered(t, i, s, v)",
    ),
    Conjunct(
        "KnownStays",
        "What a server knows to be committed stays in its log, as a leader offered it.",
        "knows(n, i, b) -> i <= counted(b) & (current(n, t) -> b <= t) & (entry(n, i, s, v) <-> offered(b, i, s, v))",
    ),
    Conjunct(
        "KnownIsDurable",
        "What a server knew to be committed when its disk stalled is on the disk.",
        "disk_knows(n, i, b) -> i <= counted(b) & (t < b -> left(n, t))"
        " & (disk_entry(n, i, s, v) <-> offered(b, i, s, v))",
    ),
    Conjunct(
        "AppliedStays",
        "An applied entry stays in the server's log, unless a crash loses the step that applied it.",
        "knows(n, i, b) & applied(n, i, s, v, t) -> entry(n, i, s, v)",
        follows=True,
    ),
    Conjunct(
        "CommittedIsDurable",
        "An entry that a leader committed by counting is, with all before it, on the disks of a quorum for good.",
        "i <= counted(t) & counted(t) != zero & member(m, holders(t))"
        " -> (entry(m, i, s, v) <-> offered(t, i, s, v))"
        " & (stalled(m) -> (disk_entry(m, i, s, v) <-> offered(t, i, s, v)))",
        follows=True,
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
    "configurations": CONFIGURATIONS,
    "completeness": COMPLETENESS,
    "commitment": COMMITMENT,
}
INVARIANT: Final = tuple(conjunct for group in GROUPS.values() for conjunct in group)
