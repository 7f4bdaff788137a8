"""The rules by which a check of traces judges, and the finding that one is broken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from quorate_check.conformance.sequences import CONFORMS
from quorate_check.raft.conformance.explain import LocalStep
from quorate_check.traces.reading import Place


class TraceRule(Enum):
    """A rule of the check; a line is judged by them in this order."""

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
    TraceRule.SENT: "a received message was sent, and left no earlier than its writes allow",
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
    """The line at which a rule is broken, and how.

    If the rule is EXPLAINED, `step` is the unexplained step in its window, and `window` says which indices of the logs
    the indices in `step` stand for; it is empty if they are the same.
    """

    rule: TraceRule
    place: Place
    what: str
    step: LocalStep | None = None
    window: str = ""


class RuleViolationError(Exception):
    """A rule is broken: `finding` says which one, where and how."""

    def __init__(
        self, rule: TraceRule, place: Place, what: str, step: LocalStep | None = None, window: str = ""
    ) -> None:
        super().__init__(f"{place}: {rule.value}: {what}")
        self.finding = TraceFinding(rule, place, what, step, window)
