"""The actions of servers as changes of tables: each has parameters, a guard and updates.

`covers` names the actions of spec/quorate_spec/raft/actions.py that an action represents. It may allow more steps than
those do, never fewer, so that its proofs hold for them. It leaves tables that it doesn't name unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from quorate_check.proofs.logic.formulas import (
    And,
    Formula,
    Sorts,
)
from quorate_check.proofs.logic.rewriting import Update, sorts_of, update_of
from quorate_check.raft.proofs.model import VOCABULARY, formula


@dataclass(frozen=True)
class Action:
    """`guard` lists conditions; `updates` maps `relation(places)` to the condition of a row after the step.

    An update of a function, `function(argument)`, maps to its value where the argument is the parameter of that name.
    """

    name: str
    claim: str
    source: str
    covers: tuple[str, ...]
    parameters: tuple[str, ...]
    guard: tuple[str, ...]
    updates: dict[str, str] = field(hash=False)

    @cached_property
    def guards(self) -> tuple[Formula, ...]:
        """The guard as formulas."""
        return tuple(map(formula, self.guard))

    @cached_property
    def changes(self) -> dict[str, Update]:
        """The updates as formulas."""
        return dict(update_of(head, body, VOCABULARY) for head, body in self.updates.items())

    @cached_property
    def sorts(self) -> Sorts:
        """The sorts of the parameters."""
        sorts = sorts_of(And(self.guards), VOCABULARY)
        for name, update in self.changes.items():
            if update.becomes is not None:
                places = dict(zip(update.places, VOCABULARY.relations[name], strict=True))
                parameters = {k: v for k, v in sorts.items() if k in self.parameters}
                sorts |= sorts_of(update.becomes, VOCABULARY, parameters | places)
        return {name: sorts[name] for name in self.parameters}


NO_CANDIDATE: Final = {
    "candidate(x, y)": "candidate(x, y) & x != n",
    "granted(x, y)": "granted(x, y) & x != n",
}
FOLLOWER_TABLES: Final = {
    **NO_CANDIDATE,
    "leads(x, y)": "leads(x, y) & x != n",
    "matched(x, y, j)": "matched(x, y, j) & x != n",
}
NEW_TERM: Final = {
    "current(x, y)": "x != n & current(x, y) | x = n & y = u",
    "left(x, y)": "left(x, y) | x = n & y < u & !stalled(n)",
}
# `a` and `d`, parameters of the actions that commit, are the indexes up to which the server had applied entries, and up
# to which it still knows that it had.
ACKNOWLEDGEMENT: Final = {
    **NO_CANDIDATE,
    "acked(x, y, j)": "acked(x, y, j) | x = n & y = t & j <= e & !stalled(n)",
    "knows(x, j, y)": "knows(x, j, y) | x = n & y = b & d < j & j <= c & j <= e",
}
OFFER: Final = (
    "current(n, t)",
    "!leads(n, t)",
    "started(t)",
    # The logs agree at p, where the new entries begin: they have an entry of the same term there (§5.3).
    "entry(n, p, r, v)",
    "offered(t, p, r, w)",
    "p <= e",
    # The last entry that is sent, or the one at p if none is.
    "offered(t, e, h, l)",
    # The leader's commit index was counted in its term or in an older one.
    "c <= counted(b)",
    "b <= t",
)

TIMEOUT: Final = Action(
    "timeout",
    "A server becomes a candidate in a newer term, and votes for itself; it asks nobody while its disk stalls.",
    "§5.2",
    ("timeout", "handle_timeout_now"),
    ("n", "t", "u", "i", "s", "v"),
    ("current(n, t)", "t < u", "!leads(n, t)", "last(n, i)", "entry(n, i, s, v)"),
    {
        **NEW_TERM,
        "ballot(x, y)": "x != n & ballot(x, y) | x = n & y = n",
        "voted(x, y, z)": "voted(x, y, z) | x = n & y = u & z = n & !stalled(n)",
        "candidate(x, y)": "x != n & candidate(x, y) | x = n & y = u",
        "granted(x, y)": "x != n & granted(x, y) | x = n & y = n & !stalled(n)",
        "stood(x, y, j, z)": "stood(x, y, j, z) | x = n & y = u & j = i & z = s & !stalled(n)",
    },
)
VOTE: Final = Action(
    "vote",
    "A server votes, once in a term, and only for a log at least as complete as its own; nobody hears of it while its "
    "disk stalls.",
    "§5.2, §5.4.1",
    ("handle_request_vote",),
    ("n", "t", "c", "j", "r", "i", "s", "v"),
    (
        "current(n, t)",
        "stood(c, t, j, r)",
        "forall d. ballot(n, d) -> d = c",
        "last(n, i)",
        "entry(n, i, s, v)",
        "s < r | s = r & i <= j",
    ),
    {
        "ballot(x, y)": "ballot(x, y) | x = n & y = c",
        "voted(x, y, z)": "voted(x, y, z) | x = n & y = t & z = c & !stalled(n)",
    },
)
HEAR_VOTE: Final = Action(
    "hear_vote",
    "A candidate counts a voter.",
    "§5.2",
    ("handle_request_vote_reply",),
    ("n", "t", "m"),
    ("candidate(n, t)", "voted(m, t, n)"),
    {"granted(x, y)": "granted(x, y) | x = n & y = m"},
)
# `p` is the index of the latest configuration in the log of `n`; `g` is that configuration.
LATEST: Final = (
    "entry(n, p, f, w)",
    "changes(w)",
    "configuration(w) = g",
    "forall x, y, z. p < x & entry(n, x, y, z) -> !changes(z)",
)
BECOME_LEADER: Final = Action(
    "become_leader",
    "A candidate that a quorum voted for becomes leader; from then on it offers its log.",
    "§5.2",
    ("become_leader",),
    ("n", "t", "i", "s", "v", "q", "k", "p", "f", "w", "g"),
    (
        "candidate(n, t)",
        "last(n, i)",
        "entry(n, i, s, v)",
        *LATEST,
        "decides(q, g)",
        "forall m. member(m, q) -> m = n | granted(n, m)",
        # Another server's vote, or its own on its disk.
        "granted(n, k)",
    ),
    {
        **NO_CANDIDATE,
        "leads(x, y)": "leads(x, y) | x = n & y = t",
        "led(x, y)": "led(x, y) | x = n & y = t",
        "started(y)": "started(y) | y = t",
        "leader(t)": "n",
        "voters(t)": "q",
        "offered(y, j, r, z)": "y != t & offered(y, j, r, z) | y = t & entry(n, j, r, z)",
        "reach(t)": "i",
        "start(t)": "i",
        "base(t)": "p",
        "electorate(t)": "g",
        "change(t)": "p",
        "latest(t)": "g",
        "matched(x, y, j)": "matched(x, y, j) & x != n",
        "lacked(y, j)": "lacked(y, j) | started(y) & y < t & (forall z. !entry(n, j, y, z))"
        " | y = t & (exists x. started(x) & t < x)",
        "lacked_by(y, j, x)": "lacked_by(y, j, x)"
        " | x = t & started(y) & y < t & !lacked(y, j) & (forall z. !entry(n, j, y, z))"
        " | y = t & started(x) & t < x & (forall r, z. offered(x, start(x), r, z) -> r <= t)",
    },
)
CLIENT_REQUEST: Final = Action(
    "client_request",
    "A leader appends an entry of its term to its log, and so offers it.",
    "§5.3",
    ("client_request",),
    ("n", "t", "i", "e", "v"),
    ("leads(n, t)", "last(n, i)", "i < e", "forall j. j <= i | e <= j", "!changes(v)"),
    {
        "entry(x, j, r, z)": "entry(x, j, r, z) | x = n & j = e & r = t & z = v",
        "last(x, j)": "x != n & last(x, j) | x = n & j = e",
        "offered(y, j, r, z)": "offered(y, j, r, z) | y = t & j = e & r = t & z = v",
        "reach(t)": "e",
    },
)
CONFIGURE: Final = (
    "leads(n, t)",
    "last(n, i)",
    "i < e",
    "forall j. j <= i | e <= j",
    *LATEST,
    "changes(v)",
    "v != nothing",
    "configuration(v) = h",
)
CONFIGURED: Final = {
    "entry(x, j, r, z)": "entry(x, j, r, z) | x = n & j = e & r = t & z = v",
    "last(x, j)": "x != n & last(x, j) | x = n & j = e",
    "offered(y, j, r, z)": "offered(y, j, r, z) | y = t & j = e & r = t & z = v",
    "reach(t)": "e",
    "change(t)": "e",
    "latest(t)": "h",
    "matched(x, y, j)": "matched(x, y, j) & (x != n | belongs(y, g) & belongs(y, h))",
}
CHANGE: Final = Action(
    "change",
    "A leader whose configuration is committed, and that has committed an entry of its term, appends an adjacent one.",
    "§6",
    ("change_members", "leave_joint"),
    ("n", "t", "i", "e", "v", "p", "f", "w", "g", "h"),
    (
        *CONFIGURE,
        "p <= counted(t)",
        "counted(t) != zero",
        "adjacent(g, h)",
        "forall d. leaves(g, d) -> d = h",
    ),
    CONFIGURED,
)
LEAVE_EARLY: Final = Action(
    "leave_early",
    "A leader that has committed nothing in its term ends a joint phase that it knows to be committed.",
    "§6",
    ("leave_joint",),
    ("n", "t", "i", "e", "v", "p", "f", "w", "g", "h", "b"),
    (*CONFIGURE, "counted(t) = zero", "knows(n, p, b)", "leaves(g, h)"),
    CONFIGURED | {"early(y)": "early(y) | y = t"},
)
APPEND_KEEP: Final = Action(
    "append_keep",
    "A server that has all entries that a leader sends keeps its log, acknowledges it up to there, and applies the "
    "entries that it knows to be committed.",
    "§5.3, §7",
    ("handle_append_entries", "handle_install_snapshot"),
    ("n", "t", "p", "r", "v", "w", "e", "h", "l", "c", "b", "a", "d"),
    (
        *OFFER,
        "forall j, s. p < j & j <= e & (exists z. offered(t, j, s, z)) -> exists y. entry(n, j, s, y)",
    ),
    {
        **ACKNOWLEDGEMENT,
        "applied(x, j, s, z, y)": "applied(x, j, s, z, y)"
        " | x = n & y = b & a < j & j <= c & j <= e & entry(n, j, s, z)",
    },
)
APPEND_REPLACE: Final = Action(
    "append_replace",
    "A server that lacks an entry that a leader sends replaces its log from there on, acknowledges it, and applies the "
    "entries that it knows to be committed.",
    "§5.3, §7",
    ("handle_append_entries", "handle_install_snapshot"),
    ("n", "t", "p", "r", "v", "w", "e", "h", "l", "c", "b", "a", "d", "k", "s", "z"),
    (
        *OFFER,
        "offered(t, k, s, z)",
        "p < k",
        "k <= e",
        "forall y. !entry(n, k, s, y)",
    ),
    {
        **ACKNOWLEDGEMENT,
        "entry(x, j, f, g)": "x != n & entry(x, j, f, g)"
        " | x = n & j <= p & entry(n, j, f, g) | x = n & p < j & j <= e & offered(t, j, f, g)",
        "last(x, j)": "x != n & last(x, j) | x = n & j = e",
        "applied(x, j, f, g, y)": "applied(x, j, f, g, y) | x = n & y = b & a < j & j <= c & j <= e"
        " & (j <= p & entry(n, j, f, g) | p < j & offered(t, j, f, g))",
    },
)
HEAR_ACK: Final = Action(
    "hear_ack",
    "A leader learns that a server has its log up to an index.",
    "§5.3",
    ("handle_append_entries_reply", "handle_install_snapshot_reply"),
    ("n", "t", "m", "e"),
    ("leads(n, t)", "acked(m, t, e)"),
    {"matched(x, y, j)": "matched(x, y, j) | x = n & y = m & zero < j & j <= e"},
)
COUNT: Final = Action(
    "count",
    "A leader knows that a quorum has an entry of its own term on disk: it is committed, with all before.",
    "§5.3, §5.4.2",
    ("advance_commit_index",),
    ("n", "t", "e", "q", "v", "p", "f", "w", "g", "a", "d"),
    (
        "leads(n, t)",
        *LATEST,
        "decides(q, g)",
        "counted(t) < e",
        "entry(n, e, t, v)",
        "forall m. member(m, q) -> m = n | matched(n, m, e)",
        "member(n, q) & stalled(n) -> exists z. disk_entry(n, e, t, z)",
    ),
    {
        "acked(x, y, j)": "acked(x, y, j) | x = n & y = t & j <= e & member(n, q)",
        "knows(x, j, y)": "knows(x, j, y) | x = n & y = t & d < j & j <= e",
        "counted(t)": "e",
        "holders(t)": "q",
        "counters(t)": "g",
        "applied(x, j, s, z, y)": "applied(x, j, s, z, y) | x = n & y = t & a < j & j <= e & entry(n, j, s, z)",
    },
)
ENTER_TERM: Final = Action(
    "enter_term",
    "A server sees a newer term, and enters it as a follower.",
    "§5.1",
    ("update_term",),
    ("n", "t", "u"),
    ("current(n, t)", "t < u"),
    {**NEW_TERM, **FOLLOWER_TABLES, "ballot(x, y)": "ballot(x, y) & x != n"},
)
FORGET: Final = Action(
    "forget",
    "A server becomes a follower, or restarts and loses no write, and forgets its voters and the progress of others.",
    "§5.5, §5.2",
    ("restart", "step_down", "handle_append_entries", "become_pre_candidate"),
    ("n", "t"),
    ("current(n, t)",),
    FOLLOWER_TABLES,
)
STALL: Final = Action(
    "stall",
    "From now on nothing reaches a server's disk.",
    "§5.5",
    ("stall_disk",),
    ("n", "t"),
    ("current(n, t)", "!stalled(n)"),
    {
        "stalled(x)": "stalled(x) | x = n",
        "disk_ballot(x, y)": "x != n & disk_ballot(x, y) | x = n & ballot(n, y)",
        "disk_entry(x, j, s, z)": "x != n & disk_entry(x, j, s, z) | x = n & entry(n, j, s, z)",
        "disk_knows(x, j, y)": "x != n & disk_knows(x, j, y) | x = n & knows(n, j, y)",
    },
)
LOSE: Final = Action(
    "lose",
    "A server restarts with what its disk had when it stalled: in the first term that it hasn't left there.",
    "§5.5",
    ("restart",),
    ("n", "u", "i", "s", "v"),
    (
        "stalled(n)",
        "forall y. left(n, y) <-> y < u",
        # The last entry on the disk.
        "disk_entry(n, i, s, v)",
        "forall j, r, z. disk_entry(n, j, r, z) -> j <= i",
    ),
    {
        **FOLLOWER_TABLES,
        "stalled(x)": "stalled(x) & x != n",
        "current(x, y)": "x != n & current(x, y) | x = n & y = u",
        "ballot(x, y)": "x != n & ballot(x, y) | x = n & disk_ballot(n, y)",
        "entry(x, j, r, z)": "x != n & entry(x, j, r, z) | x = n & disk_entry(n, j, r, z)",
        "last(x, j)": "x != n & last(x, j) | x = n & j = i",
        "disk_ballot(x, y)": "disk_ballot(x, y) & x != n",
        "disk_entry(x, j, r, z)": "disk_entry(x, j, r, z) & x != n",
        "disk_knows(x, j, y)": "disk_knows(x, j, y) & x != n",
        "knows(x, j, y)": "x != n & knows(x, j, y) | x = n & disk_knows(n, j, y)",
    },
)

ACTIONS: Final = (
    TIMEOUT,
    VOTE,
    HEAR_VOTE,
    BECOME_LEADER,
    CLIENT_REQUEST,
    CHANGE,
    LEAVE_EARLY,
    APPEND_KEEP,
    APPEND_REPLACE,
    HEAR_ACK,
    COUNT,
    ENTER_TERM,
    FORGET,
    STALL,
    LOSE,
)
