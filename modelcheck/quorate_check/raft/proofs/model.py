"""Raft in first-order logic: its sorts and symbols, and the meaning of each in the specification.

An *SMT encoding* is a set of sentences that a solver, z3, assumes, with a sentence of which it decides whether it can
be false. Our sentences are about elements of five *sorts*, any number of each, and about *relations*: tables with any
number of rows. A state of Raft is the contents of these tables. `actions.py` states which tables an action changes and
how; `invariant.py` lists sentences about tables (*conjuncts*). If all of them are true in the initial state, and no
action makes one false where all are true, then they are true after any number of steps, for any number of servers,
terms and entries.

| sort   | meaning                                                                                          |
| ------ | ------------------------------------------------------------------------------------------------ |
| node   | a server                                                                                         |
| term   | a term; ordered, with a first one, `zero_term`                                                   |
| index  | a place in a log; ordered, with a first one, `zero`, which is before all entries                 |
| value  | what a client wants, a no-op, or a configuration; `nothing` is what stands at index `zero`        |
| quorum | a set of servers that may decide                                                                 |
| config | a configuration: the members, and which quorums decide                                            |

| relation or function | true if (or value), in the terms of spec/quorate_spec/raft |
| --- | --- |
| `current(n, t)` | n.current_term = t |
| `stalled(n)` | n.disk isn't None |
| `left(n, t)` | on_disk(n).current_term > t: also after a crash n is in a later term |
| `ballot(n, c)` | n.voted_for = c |
| `disk_ballot(n, c)` | n.disk.voted_for = c |
| `voted(n, t, c)` | n's disk had a vote for c in t, now or ever: a RequestVoteReply(t, granted) to c may come |
| `candidate(n, t)` | n.role is CANDIDATE, in t |
| `stood(n, t, i, s)` | n's disk knew it as a candidate in t, whose log ended at i with term s, as in its RequestVotes |
| `granted(n, m)` | n.role is CANDIDATE, and m is in n.votes_granted; itself only if its disk has its vote |
| `led(n, t)` | t is in n.led |
| `leads(n, t)` | n.role is LEADER, in t |
| `started(t)` | t is in some n.led |
| `leader(t)` | the server that has led t |
| `voters(t)` | a quorum of servers that voted for it |
| `entry(n, i, s, v)` | n.log has an entry at i, of term s and value v; at `zero` each has (`zero_term`, `nothing`) |
| `last(n, i)` | len(n.log) = i |
| `disk_entry(n, i, s, v)` | the same as `entry` of n.disk.log; no row unless `stalled(n)` |
| `offered(t, i, s, v)` | the log of t's leader, now or when it last led in t, has such an entry, which it may send |
| `reach(t)` | the length of that log |
| `acked(n, t, i)` | n acknowledged in t the log of t's leader up to i or further, or led t and counted itself |
| `matched(n, m, i)` | n.role is LEADER, i > 0 and n.match_index[m] >= i |
| `counted(t)` | the index up to which the leader of t has committed by counting; `zero` if none |
| `holders(t)` | the quorum that it counted at that index |
| `applied(n, i, s, v, t)` | n.applied[i] is (s, v): committed when the leader of t counted it or something behind it |
| `knows(n, i, t)` | n so learnt that index i is committed, and no crash has lost the step |
| `disk_knows(n, i, t)` | the same, before its disk stalled; no row unless `stalled(n)` |
| `decides(q, c)` | q contains a quorum of c: quorums of `adjacent` configurations have a member in common |
| `meets(p, q)` | p and q have a member in common |
| `adjacent(c, d)` | every quorum of c has a server in common with every quorum of d |
| `leaves(c, d)` | c is joint, and d is the single configuration that ends the joint phase |
| `belongs(n, c)` | n is a member of c |
| `changes(v)` | v is a configuration, which begins with an entry of this value |
| `configuration(v)` | that configuration; that of `nothing` is the one of an empty log |
| `start(t)` | the length of the log with which t's leader was elected |
| `base(t)` | the index of the latest configuration in that log |
| `electorate(t)` | that configuration: a quorum of it voted for the leader |
| `change(t)` | the index of the latest configuration in the log of t's leader |
| `latest(t)` | that configuration |
| `counters(t)` | the configuration of which `holders(t)` is a quorum |
| `early(t)` | t's leader ended a joint phase before it had committed an entry of its term |
| `lacked(t, i)` | t has started, and the leader of some later term has no entry of term t at i |
| `lacked_by(t, i, u)` | u is such a term, recorded when its leader, or that of t, was elected |

A disk has what the memory has, until it stalls. Then it keeps what it had, until a crash makes that the memory.
Messages that report `voted`, `stood` or `acked` wait for the disk, so these relations contain only what a disk had; and
a leader counts itself only for entries that its own disk has.

A sent message may arrive at any time, any number of times, or never; so the model has no set of messages. The facts
that a message reports stay true of its sender (`voted`, `stood`, `offered`, `acked` and `counted` only grow, which is
proved as well), and an action that receives a message depends on these facts instead.

Safety doesn't depend on the variables that this model lacks: pre-votes (which are optional), next_index (a leader may
send any part of its log), commit_index (a server applies the entries that it knows to be committed, and learns them
again after a restart), snapshot_index (a log is the same whether its beginning is compacted or not) and rounds of reads
(which change nothing else; nothing is proved of reads either).

The only assumptions about configurations are the axioms below; proofs/quorums.py proves them for majorities: of
configurations that differ by one voter, and of joint ones. Which members a change is to is the operator's choice.

The sorts are *stratified*, but for the sentences in UNSTRATIFIED: wherever a sentence says "for each x there is a y",
the sort of y comes later than that of x in the order term, quorum | index, node, value, config. Then finitely many
instances suffice, and z3 always decides. With the others it may give no answer; the answers that it gives are right.

`lacked` and `lacked_by` are records that no guard reads: actions.py adds to them when a leader is elected. `GHOSTS`
has what they contain in an explored state: a tie evaluates the sentences with the largest tables that `lacked_by` can
be, and so checks that some record makes them true.
"""

from __future__ import annotations

from typing import Final

from quorate_check.proofs.logic.evaluating import Evaluation
from quorate_check.proofs.logic.formulas import Formula, Vocabulary, parse

STRATA: Final = ("term", "index", "quorum", "node", "value", "config")

VOCABULARY: Final = Vocabulary(
    sorts=STRATA,
    ordered=("term", "index"),
    relations={
        "member": ("node", "quorum"),
        "meets": ("quorum", "quorum"),
        "decides": ("quorum", "config"),
        "belongs": ("node", "config"),
        "adjacent": ("config", "config"),
        "leaves": ("config", "config"),
        "changes": ("value",),
        "current": ("node", "term"),
        "stalled": ("node",),
        "left": ("node", "term"),
        "ballot": ("node", "node"),
        "disk_ballot": ("node", "node"),
        "voted": ("node", "term", "node"),
        "candidate": ("node", "term"),
        "stood": ("node", "term", "index", "term"),
        "granted": ("node", "node"),
        "led": ("node", "term"),
        "leads": ("node", "term"),
        "started": ("term",),
        "entry": ("node", "index", "term", "value"),
        "last": ("node", "index"),
        "disk_entry": ("node", "index", "term", "value"),
        "offered": ("term", "index", "term", "value"),
        "acked": ("node", "term", "index"),
        "matched": ("node", "node", "index"),
        "applied": ("node", "index", "term", "value", "term"),
        "knows": ("node", "index", "term"),
        "disk_knows": ("node", "index", "term"),
        "early": ("term",),
        "lacked": ("term", "index"),
        "lacked_by": ("term", "index", "term"),
    },
    functions={
        "leader": ("term", "node"),
        "voters": ("term", "quorum"),
        "holders": ("term", "quorum"),
        "reach": ("term", "index"),
        "counted": ("term", "index"),
        "start": ("term", "index"),
        "base": ("term", "index"),
        "electorate": ("term", "config"),
        "change": ("term", "index"),
        "latest": ("term", "config"),
        "counters": ("term", "config"),
        "configuration": ("value", "config"),
    },
    constants={"zero_term": "term", "zero": "index", "nothing": "value"},
)

NOTHING: Final = "nothing"
EVALUATION: Final = Evaluation(VOCABULARY, {"zero_term": 0, "zero": 0, "nothing": NOTHING})

INTERSECT: Final = "meets(p, q) -> exists n. member(n, p) & member(n, q)"
AXIOMS: Final[dict[str, str]] = {
    "zero_term is the first term": "zero_term <= t",
    "zero is the first index": "zero <= i",
    "any two quorums of adjacent configurations meet": "decides(p, c) & decides(q, d) & adjacent(c, d) -> meets(p, q)",
    "two quorums that meet have a member in common": INTERSECT,
    "a configuration is adjacent to itself": "adjacent(c, c)",
    "adjacency has no direction": "adjacent(c, d) -> adjacent(d, c)",
    "before all entries stands a configuration": "changes(nothing)",
    "that isn't joint": "!leaves(configuration(nothing), d)",
    "a joint phase ends with one configuration": "leaves(c, d) & leaves(c, e) -> d = e",
    "which isn't joint": "leaves(c, d) -> !leaves(d, e)",
    "and which is adjacent to the joint one": "leaves(c, d) -> adjacent(c, d)",
    "each quorum of the joint one has one of its own": "leaves(c, d) & decides(q, c) -> decides(q, d)",
}
UNSTRATIFIED: Final = frozenset(
    {
        "StartIsThere",
        "BaseIsThere",
        "ChangeIsThere",
        "NeighboursAreAdjacent",
        "JointThenFinal",
        "ReplacedIsCounted",
        "ReplacedIsCommitted",
        "ElectorateCounted",
        "EarlyIsCommitted",
        "CountersAreNeighbours",
        "LackedByOne",
    }
)
FIXED: Final = frozenset({"leaves", "meets", "member", "decides", "belongs", "adjacent", "changes"})
GHOSTS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "lacked": (("t", "i"), "started(t) & exists u. started(u) & t < u & forall v. !offered(u, i, t, v)"),
    "lacked_by": (
        ("t", "i", "u"),
        (
            "started(t) & started(u) & t < u & (forall v. !offered(u, i, t, v))"
            " & (forall s, w. offered(u, start(u), s, w) -> s <= t)"
            " & (forall m, v. member(m, voters(u)) & offered(t, i, t, v) -> !acked(m, t, i))"
        ),
    ),
}
INITIAL: Final[dict[str, str]] = {
    "current": "current(n, t) <-> t = zero_term",
    "stalled": "!stalled(n)",
    "left": "!left(n, t)",
    "ballot": "!ballot(n, c)",
    "disk_ballot": "!disk_ballot(n, c)",
    "voted": "!voted(n, t, c)",
    "candidate": "!candidate(n, t)",
    "stood": "!stood(n, t, i, s)",
    "granted": "!granted(n, m)",
    "led": "!led(n, t)",
    "leads": "!leads(n, t)",
    "started": "!started(t)",
    "entry": "entry(n, i, s, v) <-> i = zero & s = zero_term & v = nothing",
    "last": "last(n, i) <-> i = zero",
    "disk_entry": "!disk_entry(n, i, s, v)",
    "offered": "offered(t, i, s, v) <-> i = zero & s = zero_term & v = nothing",
    "reach": "reach(t) = zero",
    "acked": "!acked(n, t, i)",
    "matched": "!matched(n, m, i)",
    "counted": "counted(t) = zero",
    "applied": "!applied(n, i, s, v, t)",
    "early": "!early(t)",
    "lacked": "!lacked(t, i)",
    "lacked_by": "!lacked_by(t, i, u)",
    "knows": "!knows(n, i, t)",
    "disk_knows": "!disk_knows(n, i, t)",
}


VOUCHED: Final[dict[str, str]] = {
    "a vote": "voted(n, t, c)",
    "a candidature": "stood(n, t, i, s)",
    "a start": "started(t)",
    "an offer": "offered(t, i, s, v)",
    "an acknowledgement": "acked(n, t, i)",
    "a commitment": "i <= counted(t)",
}


def formula(text: str) -> Formula:
    """Return a sentence about the tables above."""
    return parse(text, VOCABULARY)
