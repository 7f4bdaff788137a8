"""The rules by which a check of the traces of BFT members judges, and the finding that one is broken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from quorate_check.bft.conformance.explain import LocalStep
from quorate_check.conformance.sequences import CONFORMS
from quorate_check.traces.reading import Place


class TraceRule(Enum):
    """A rule of the check; a step is judged by them in this order."""

    REPLAYED = "ReplaysTheCore"
    RESTARTED = "RestartsFromItsDisk"
    SENT = "ReceivesWhatWasSigned"
    EXPLAINED = CONFORMS
    SIGNED_ONCE = "SignsOnce"
    AGREEMENT = "Agreement"


SENTENCES: Final = {
    TraceRule.REPLAYED: "the core, given the recorded events, does and signs what is recorded",
    TraceRule.RESTARTED: "a restart finds all confirmed writes, and perhaps the next ones",
    TraceRule.SENT: "what is received with a member's signature had left that member, after its write",
    TraceRule.EXPLAINED: "every step is a sequence of steps of the specification",
    TraceRule.SIGNED_ONCE: "a member signs one proposal and one vote of each phase in a view",
    TraceRule.AGREEMENT: "no two members decide differently at an index",
}


@dataclass(frozen=True, slots=True)
class TraceFinding:
    """The line at which a rule is broken, and how; `step` is the step that nothing explains, if the rule is EXPLAINED.

    The indices in `step` are counted from `first_index`.
    """

    rule: TraceRule
    place: Place
    what: str
    step: LocalStep | None = None
    first_index: int = 1


def short(digest: bytes) -> str:
    """Return the beginning of a digest, as text."""
    return digest.hex()[:8] or "nothing"


class RuleViolationError(Exception):
    """A rule is broken: `finding` says which one, where and how."""

    def __init__(
        self, rule: TraceRule, place: Place, what: str, step: LocalStep | None = None, first_index: int = 1
    ) -> None:
        super().__init__(f"{place}: {rule.value}: {what}")
        self.finding = TraceFinding(rule, place, what, step, first_index)
