"""The part of the inductive invariant about configurations in logs (§6)."""

from __future__ import annotations

from typing import Final

from quorate_check.raft.proofs.conjunct import Conjunct

CONFIGURATIONS: Final = (
    Conjunct(
        "FirstIsNotLed",
        "No server is a candidate in the first term, and it hasn't started.",
        "!candidate(n, zero_term) & !started(zero_term)",
    ),
    Conjunct(
        "CandidateLogIsOlder",
        "A candidate's entries are of older terms than its own.",
        "candidate(n, t) & entry(n, i, s, v) -> s < t",
    ),
    Conjunct(
        "VotersDecide",
        "The voters of a leader are a quorum of the configuration under which it was elected.",
        "started(t) -> decides(voters(t), electorate(t))",
    ),
    Conjunct(
        "OwnAfterStart",
        "A leader's own entries come after those with which it was elected.",
        "started(t) & offered(t, i, s, v) -> (s = t <-> start(t) < i)",
    ),
    Conjunct(
        "StartIsThere",
        "A leader offers the last entry of the log with which it was elected.",
        "started(t) -> exists s, v. offered(t, start(t), s, v)",
    ),
    Conjunct(
        "BaseIsThere",
        "The configuration under which a leader was elected, its electorate, is in the log with which it was elected.",
        "started(t) -> base(t) <= start(t) & exists s, v. offered(t, base(t), s, v)",
    ),
    Conjunct(
        "BaseIsLatest",
        "A leader's electorate is the latest configuration in the log with which it was elected (§6).",
        "started(t) & offered(t, i, s, v) -> (i = base(t) -> changes(v) & configuration(v) = electorate(t))"
        " & (base(t) < i & i <= start(t) -> !changes(v))",
    ),
    Conjunct(
        "ChangeIsThere",
        "A leader's configuration is in its log.",
        "started(t) -> base(t) <= change(t) & change(t) <= reach(t) & exists s, v. offered(t, change(t), s, v)",
    ),
    Conjunct(
        "ChangeIsLatest",
        "A leader's configuration is the latest in its log (§6).",
        "started(t) & offered(t, i, s, v) -> (i = change(t) -> changes(v) & configuration(v) = latest(t))"
        " & (change(t) < i -> !changes(v))",
    ),
    Conjunct(
        "NeighboursAreAdjacent",
        "A configuration in a log is adjacent to the one before.",
        "offered(t, j, r, w) & changes(w) & offered(t, k, s, z) & changes(z) & j < k"
        " -> adjacent(configuration(w), configuration(z))"
        " | exists x, y, v. j < x & x < k & offered(t, x, y, v) & changes(v)",
    ),
    Conjunct(
        "ReplacedIsCounted",
        "A leader replaces a configuration of its own term only when a quorum of it has acknowledged it.",
        "started(t) & offered(t, k, t, z) & changes(z) & k < change(t)"
        " -> k <= counted(t) & exists q. decides(q, configuration(z)) & forall m. member(m, q) -> acked(m, t, k)",
    ),
    Conjunct(
        "JointThenFinal",
        "After a joint configuration comes the one to which it is left.",
        "offered(t, j, r, w) & changes(w) & offered(t, k, s, z) & changes(z) & j < k & leaves(configuration(w), d)"
        " -> d = configuration(z) | exists x, y, v. j < x & x < k & offered(t, x, y, v) & changes(v)",
    ),
    Conjunct(
        "ReplacedIsCommitted",
        "A configuration that isn't the latest of a log has been committed.",
        "started(t) & offered(t, k, s, z) & changes(z) & k < change(t)"
        " -> exists u. u <= t & k <= counted(u) & (k < base(t) -> u < t)",
    ),
    Conjunct(
        "ElectorateCounted",
        "A leader's first commitment was by its electorate, or by the single configuration to which it left that.",
        "started(t) & counted(t) != zero -> exists q, x, v. offered(t, x, t, v) & x <= counted(t)"
        " & (decides(q, electorate(t)) | early(t) & exists d. leaves(electorate(t), d) & decides(q, d))"
        " & forall m. member(m, q) -> acked(m, t, x)",
    ),
    Conjunct(
        "CountsBeforeChanges",
        "Before a leader has committed an entry of its term, it begins no change; it may end a joint phase.",
        "started(t) & counted(t) = zero -> change(t) = base(t) & !early(t) | early(t) & "
        "leaves(electorate(t), latest(t))",
    ),
    Conjunct(
        "EarlyIsCommitted",
        "A leader ends a joint phase only when the joint configuration is committed.",
        "early(t) -> started(t) & (exists u. u < t & base(t) <= counted(u)) & exists d. leaves(electorate(t), d)",
    ),
    Conjunct(
        "HoldersDecide",
        "The servers that a leader counted are a quorum of the latest configuration that its log had then.",
        "counted(t) != zero -> started(t) & decides(holders(t), counters(t)) & adjacent(counters(t), latest(t))"
        " & (change(t) <= counted(t) -> counters(t) = latest(t))",
    ),
    Conjunct(
        "CountersAreNeighbours",
        "The configuration by which a leader counted is its latest, or a neighbour of the one before.",
        "counted(t) != zero & offered(t, j, r, w) & changes(w) & j < change(t)"
        " -> adjacent(counters(t), configuration(w))"
        " | exists x, y, v. j < x & x < change(t) & offered(t, x, y, v) & changes(v)",
    ),
    Conjunct(
        "LaterElectorates",
        "The electorate of a later leader is adjacent to a leader's configuration, unless its log has an "
        "entry of a term in between.",
        "started(t) & started(u) & t < u & offered(u, start(u), s, v) & s <= t -> adjacent(electorate(u), latest(t))",
    ),
    Conjunct(
        "LaterElectoratesMeet",
        "The electorates of two leaders are adjacent, unless the later one's log has an entry of the earlier "
        "one's term or of one in between.",
        "started(t) & started(u) & t < u & offered(u, start(u), s, v) & s < t"
        " -> adjacent(electorate(u), electorate(t))",
    ),
)
