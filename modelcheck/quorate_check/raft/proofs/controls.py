"""Negative controls: protocols that are wrong, and invariants that lack a sentence. Each must make a proof fail.

z3 then finds a *counterexample to induction*: a state that satisfies the assumptions of the proof, and a step after
which the conjunct is false. The state need not be reachable, and other conjuncts may be false in it; it shows the
purpose of the missing rule or sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import z3

from quorate_check.core.verdict import Verdict
from quorate_check.proofs.obligation import Obligation, Sentences
from quorate_check.raft.proofs.actions import (
    APPEND_REPLACE,
    BECOME_LEADER,
    CLIENT_REQUEST,
    COUNT,
    LOSE,
    TIMEOUT,
    VOTE,
    Action,
)
from quorate_check.raft.proofs.counterexample import counterexample_text
from quorate_check.raft.proofs.invariant import INVARIANT
from quorate_check.raft.proofs.language import LANGUAGE
from quorate_check.raft.proofs.model import AXIOMS, INTERSECT, formula
from quorate_check.raft.proofs.proving import BY_NAME, Assumptions, consecution, consequence, reasons

SMALL: Final = {"node": 3, "term": 3, "index": 2, "quorum": 2, "value": 2}
# With these a counterexample resembles a state of Raft: a server has one term and one log, and a role in its term.
TIDY: Final = (
    "OneCurrentTerm",
    "LeftIsOlder",
    "VotesOnce",
    "VotesInItsTerm",
    "CandidateInItsTerm",
    "CandidateStood",
    "LeadersVoted",
    "LeadsItsTerm",
    "LedIsStarted",
    "LogsStartAlike",
    "LogEndsOnce",
    "LogEndsThere",
    "OneEntry",
    "OffersOnce",
    "OffersNoNewer",
    "OffersWithinReach",
    "EntriesAreOfStarted",
    "DiskEntriesAreOfStarted",
    "DisksAreLikeTheirLeaders",
    "AcksInItsTerm",
    "KnownIsDurable",
)
# True in Raft, but not among the conjuncts, because they would violate the order of the sorts (model.py).
READABLE: Final = (
    "exists t. current(n, t)",
    "exists i. last(n, i)",
    "matched(n, m, i) -> i != zero & (exists t. leads(n, t))",
    "granted(n, m) -> (exists t. candidate(n, t))",
    "ballot(n, c) & ballot(n, d) -> c = d",
    "disk_ballot(n, c) & disk_ballot(n, d) -> c = d & stalled(n)",
    "disk_entry(n, i, s, v) -> stalled(n)",
    "disk_knows(n, i, t) -> stalled(n)",
)
ANY_QUORUMS: Final = {name: text for name, text in AXIOMS.items() if text != INTERSECT}


@dataclass(frozen=True, slots=True)
class Control:
    """The mistake, the false claim that it doesn't matter, the action that breaks a conjunct, and what is assumed."""

    name: str
    claim: str
    action: Action
    breaks: str
    without: str | None = None
    axioms: bool = True

    def sentences(self) -> Sentences:
        """Return the sentences of a small state and a step that breaks the conjunct."""
        axioms = AXIOMS if self.axioms else ANY_QUORUMS
        conjuncts = dict.fromkeys((self.breaks, *reasons(self.action.name, BY_NAME[self.breaks]), *TIDY))
        names = tuple(name for name in conjuncts if name != self.without)
        assumptions = Assumptions(axioms, names)
        return dict(consecution(self.action, BY_NAME[self.breaks], assumptions, lemmas=False)) | small_state()


def small_state() -> dict[str, z3.BoolRef]:
    """Return bounds on each sort, large enough for a violation and small enough to read, and facts about servers."""
    sizes = {f"at most {most} of sort {name}": LANGUAGE.at_most(name, most) for name, most in SMALL.items()}
    return sizes | {text: LANGUAGE.closed(formula(text)) for text in READABLE}


def without_guard(action: Action, text: str) -> Action:
    """Return the action with one condition left out."""
    assert text in action.guard
    return replace(action, guard=tuple(g for g in action.guard if g != text))


def before_durable(action: Action, table: str) -> Action:
    """Return the action with facts for others in a table although its disk stalls."""
    condition = " & !stalled(n)"
    assert condition in action.updates[table]
    return replace(action, updates={**action.updates, table: action.updates[table].replace(condition, "")})


CONTROLS: Final = (
    Control(
        "quorums that needn't intersect",
        "A new leader is the only one of its term, although two quorums need have nobody in common.",
        BECOME_LEADER,
        "ElectionSafety",
        axioms=False,
    ),
    Control(
        "an older term's entry committed by counting (C1)",
        "The last entry that a leader commits by counting is of its own term, although it may count an older one "
        "(§5.4.2, Figure 8).",
        replace(
            COUNT,
            parameters=(*COUNT.parameters, "o"),
            guard=tuple("entry(n, e, o, v)" if g == "entry(n, e, t, v)" else g for g in COUNT.guard),
        ),
        "CountedIsItsOwn",
    ),
    Control(
        "votes without the up-to-date check (E7)",
        "A server that acknowledged an entry votes later only for candidates with it, unless no quorum can, although "
        "it doesn't compare logs (§5.4.1).",
        without_guard(VOTE, "s < r | s = r & i <= j"),
        "VotesForTheComplete",
    ),
    Control(
        "voting twice (E3)",
        "A server votes for one candidate in a term, although it forgets that it has voted (§5.2).",
        without_guard(VOTE, "forall d. ballot(n, d) -> d = c"),
        "VotesOnce",
    ),
    Control(
        "a vote that is sent before it is on disk (E4)",
        "A server's vote is on its disk until that leaves the term, although it leaves while the disk stalls.",
        before_durable(VOTE, "voted(x, y, z)"),
        "VotesAreDurable",
    ),
    Control(
        "a request for votes that is sent before it is on disk",
        "A candidate's vote for itself is on its disk until that leaves the term, although it asks others while the "
        "disk stalls.",
        before_durable(TIMEOUT, "voted(x, y, z)"),
        "VotesInItsTerm",
    ),
    Control(
        "an acknowledgement that is sent before its entries are on disk (C19)",
        "What a server acknowledged is on its disk while that is in the term, although it acknowledges while the disk "
        "stalls.",
        before_durable(APPEND_REPLACE, "acked(x, y, j)"),
        "AcksAreDurable",
    ),
    Control(
        "a leader that counts itself before its disk has the entry (C18)",
        "What a leader counts of its own is on its disk, although it counts itself while the disk stalls.",
        without_guard(COUNT, "member(n, q) & stalled(n) -> exists w. disk_entry(n, e, t, w)"),
        "AcksAreDurable",
    ),
    Control(
        "without AckedIsKeptOnDisk",
        "After a crash that loses steps a server still has the entries that it acknowledged, without AckedIsKeptOnDisk "
        "among the assumptions.",
        LOSE,
        "AckedIsKept",
        without="AckedIsKeptOnDisk",
    ),
    Control(
        "without VotesInItsTerm",
        "A candidate's vote for itself is its only one in that term, without VotesInItsTerm among the assumptions.",
        TIMEOUT,
        "VotesOnce",
        without="VotesInItsTerm",
    ),
    Control(
        "without VotesForTheComplete",
        "A new leader has every entry that a quorum can have acknowledged, without VotesForTheComplete among the "
        "assumptions.",
        BECOME_LEADER,
        "LaterLeadersHaveIt",
        without="VotesForTheComplete",
    ),
    Control(
        "without LeaderOffersItsLog",
        "A leader's new entry is the only one that its term offers at that index, without LeaderOffersItsLog among "
        "the assumptions.",
        CLIENT_REQUEST,
        "OffersOnce",
        without="LeaderOffersItsLog",
    ),
)


def controls() -> Iterator[Obligation]:
    """Yield the controls as obligations that must be refuted."""
    for control in CONTROLS:
        yield Obligation(
            f"control: {control.name}",
            "controls",
            f"{control.name}: {control.claim}",
            control.sentences,
            expected=Verdict.VIOLATED,
            counterexample=partial(counterexample_text, control.action, control.breaks),
        )
    conjunct = BY_NAME["ElectionSafety"]
    yield Obligation(
        "control: two leaders without intersection",
        "controls",
        "At most one server ever leads a term, although two quorums need have nobody in common.",
        lambda: (
            dict(consequence(conjunct, Assumptions(ANY_QUORUMS, tuple(c.name for c in INVARIANT if not c.follows))))
            | small_state()
        ),
        expected=Verdict.VIOLATED,
        counterexample=partial(counterexample_text, None, "ElectionSafety"),
    )
