"""Negative controls: protocols that are wrong, and invariants that lack a sentence. Each must make a proof fail.

z3 then finds a *counterexample to induction*: a state that satisfies the assumptions of the proof, and a step after
which the conjunct is false. The state need not be reachable, and other conjuncts may be false in it; it shows the
purpose of the missing rule or sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import z3

from quorate_check.core.verdict import Verdict
from quorate_check.proofs.obligation import Obligation, Sentences
from quorate_check.raft.proofs.actions import (
    APPEND_REPLACE,
    BECOME_LEADER,
    CHANGE,
    CLIENT_REQUEST,
    COUNT,
    LATEST,
    LEAVE_EARLY,
    LOSE,
    TIMEOUT,
    VOTE,
    Action,
)
from quorate_check.raft.proofs.conjunct import Conjunct
from quorate_check.raft.proofs.counterexample import counterexample_text
from quorate_check.raft.proofs.language import LANGUAGE
from quorate_check.raft.proofs.lemmas import LEMMAS, USES
from quorate_check.raft.proofs.model import AXIOMS, INTERSECT, formula
from quorate_check.raft.proofs.proving import BY_NAME, FOLLOWS, Assumptions, consecution, consequence, reasons

SMALL: Final = {"node": 3, "term": 3, "index": 2, "quorum": 2, "value": 2, "config": 1}
TWO_CHANGES: Final = {"index": 3, "quorum": 3, "value": 3, "config": 3}
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
    sizes: Mapping[str, int] = field(default_factory=dict)
    fact: str = ""  # true of the step, and otherwise a lemma

    def sentences(self) -> Sentences:
        """Return the sentences of a small state and a step that breaks the conjunct."""
        axioms = AXIOMS if self.axioms else ANY_QUORUMS
        conjuncts = dict.fromkeys((self.breaks, *needed(self.action.name, BY_NAME[self.breaks]), *TIDY))
        names = tuple(name for name in conjuncts if name != self.without)
        assumptions = Assumptions(axioms, names)
        step = dict(consecution(self.action, BY_NAME[self.breaks], assumptions, lemmas=False))
        if self.fact:
            step[self.fact] = LANGUAGE.closed(formula(self.fact), self.action.sorts)
        return step | small_state(self.sizes)


def needed(action: str, conjunct: Conjunct) -> Iterator[str]:
    """Yield the conjuncts that suffice for the proof that an action leaves a conjunct true, and for its lemmas."""
    yield from reasons(action, conjunct)
    texts = [*USES.get(action, {}).get(conjunct.name, ())]
    while texts:
        lemma = LEMMAS[action][texts.pop()]
        yield from lemma.conjuncts.split()
        texts += lemma.lemmas


def small_state(sizes: Mapping[str, int]) -> dict[str, z3.BoolRef]:
    """Return bounds on each sort, large enough for a violation and small enough to read, and facts about servers."""
    most_of = {**SMALL, **sizes}
    sizes = {f"at most {most} of sort {name}": LANGUAGE.at_most(name, most) for name, most in most_of.items()}
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
        without_guard(COUNT, "member(n, q) & stalled(n) -> exists z. disk_entry(n, e, t, z)"),
        "AcksAreDurable",
    ),
    Control(
        "a change before the leader's term has committed an entry (M1)",
        "The electorate of a later leader is adjacent to a leader's configuration, although a leader begins a change "
        "as soon as its latest configuration is committed (erratum of 2015).",
        replace(
            CHANGE,
            parameters=(*CHANGE.parameters, "b"),
            guard=tuple(
                "knows(n, p, b)" if g == "p <= counted(t)" else g for g in CHANGE.guard if g != "counted(t) != zero"
            ),
        ),
        "LaterElectorates",
        sizes=TWO_CHANGES,
    ),
    Control(
        "a candidate that doesn't count by its latest configuration (M2)",
        "A leader's electorate is the latest configuration in the log with which it was elected, although it counts by "
        "an older one (§6).",
        without_guard(BECOME_LEADER, LATEST[-1]),
        "BaseIsLatest",
        sizes=TWO_CHANGES,
    ),
    Control(
        "a joint phase that ends before its configuration is committed (M5)",
        "A leader ends a joint phase only when the joint configuration is committed, although it ends it at once (§6).",
        replace(without_guard(LEAVE_EARLY, "knows(n, p, b)"), parameters=LEAVE_EARLY.parameters[:-1]),
        "EarlyIsCommitted",
        sizes=TWO_CHANGES,
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
        "No voter of a leader that lacks an entry has acknowledged it, without VotesForTheComplete among the "
        "assumptions.",
        BECOME_LEADER,
        "LackedIsNotAcked",
        without="VotesForTheComplete",
        fact="!started(t)",
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
    assumptions = Assumptions(ANY_QUORUMS, tuple(dict.fromkeys((*reasons(FOLLOWS, conjunct), *TIDY))))
    yield Obligation(
        "control: two leaders without intersection",
        "controls",
        "At most one server ever leads a term, although two quorums need have nobody in common.",
        lambda: dict(consequence(conjunct, assumptions)) | small_state({}),
        expected=Verdict.VIOLATED,
        counterexample=partial(counterexample_text, None, "ElectionSafety"),
    )
