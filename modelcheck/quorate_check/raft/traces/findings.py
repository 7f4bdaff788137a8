"""The rules that a check of traces judges, and its finding when one is broken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from quorate_check.conformance.sequences import CONFORMS
from quorate_check.raft.conformance.explain import LocalStep
from quorate_check.raft.traces.reading import Place


class TraceRule(Enum):
    """The rules, in the order in which a line is judged by them."""

    SENT = "ReceivesWhatWasSent"
    CONFIRMED = "ConfirmsWhatIsDurable"
    REPLAYED = "ReplaysTheCore"
    RESTARTED = "RestartsFromItsDisk"
    EXPLAINED = CONFORMS
    ELECTION_SAFETY = "ElectionSafety"
    LOG_MATCHING = "LogMatching"
    STATE_MACHINE_SAFETY = "StateMachineSafety"
    LEADER_COMPLETENESS = "LeaderCompleteness"


SENTENCES = {
    TraceRule.SENT: "what is received was sent, and had left no earlier than it may",
    TraceRule.CONFIRMED: "the core is told that a write is durable only when it is",
    TraceRule.REPLAYED: "the core, given the recorded events, does what is recorded",
    TraceRule.RESTARTED: "a restart finds all confirmed writes, and perhaps the next ones",
    TraceRule.EXPLAINED: "every step is a sequence of steps of the specification",
    TraceRule.ELECTION_SAFETY: "at most one server leads a term",
    TraceRule.LOG_MATCHING: "entries of one index and term are equal, and so are those before them",
    TraceRule.STATE_MACHINE_SAFETY: "nobody applies another entry, or gets another state, at an index",
    TraceRule.LEADER_COMPLETENESS: "who is elected holds every entry that was committed in earlier terms",
}


@dataclass(frozen=True, slots=True)
class TraceFinding:
    """The line at which a rule is broken. `step` is the step that isn't explained, in its window, if that is the rule.

    `window` says which indices of the logs the step's own count stands for; empty if they are the same.
    """

    rule: TraceRule
    place: Place
    what: str
    step: LocalStep | None = None
    window: str = ""


class BrokenError(Exception):
    """A rule is broken; the text says how."""

    def __init__(
        self, rule: TraceRule, place: Place, what: str, step: LocalStep | None = None, window: str = ""
    ) -> None:
        super().__init__(f"{place}: {rule.value}: {what}")
        self.finding = TraceFinding(rule, place, what, step, window)
