"""The bounds of a check of the Byzantine core, and the system within them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from quorate.bft import ViewTimeout
from quorate_check.bft.liveness import liveness_invariant
from quorate_check.bft.properties import invariants, witnesses
from quorate_check.bft.subject import Restart, TraitorCertificate, TraitorProposal, Traitors
from quorate_check.bft.words import LABELS, badge, brief, column, describe_change, describe_event, facts, marks
from quorate_check.core.system import Network, NetworkKind, Spontaneous, System, UnusableSystemError
from quorate_check.tell.described import Described


@dataclass(frozen=True, slots=True)
class BftBounds:
    """The number of members, of traitors among them, and of views.

    Without `lock` voters ignore the lock rule. Without `decisions` no voter receives a decision: voters continue to
    vote, the decisions that the votes allow are still judged, and there are fewer states. With `goes_on` every state
    must lead to a decision in a later view, whichever honest member leads it.
    """

    servers: int = 4
    traitors: int = 1
    max_view: int = 3
    lock: bool = True
    decisions: bool = True
    goes_on: bool = False

    def __post_init__(self) -> None:
        """Raise UnusableSystemError unless there are an honest member, a traitor and a view."""
        if self.servers < 1 or not 0 < self.traitors < self.servers:
            raise UnusableSystemError(f"{self.traitors} traitors of {self.servers} servers leave nothing to check")
        if self.max_view < 1:
            raise UnusableSystemError("the least number of views is 1")

    def as_dict(self) -> dict[str, int | bool]:
        """Return the bounds by name, for a report."""
        return asdict(self)

    def system(self) -> System:
        """Return the system within these bounds."""
        subject = Traitors(self.servers, self.traitors, self.max_view, lock=self.lock, decisions=self.decisions)
        return System(
            name="bft",
            initial=subject.initial(),
            step=subject.step,
            network=Network(NetworkKind.UNORDERED, capacity=1, at_once=True),
            source=subject.source,
            destination=subject.destination,
            spontaneous=tuple(map(Spontaneous, (ViewTimeout(), Restart(), TraitorProposal(), TraitorCertificate()))),
            invariants=invariants(subject) + ((liveness_invariant(self.max_view),) if self.goes_on else ()),
            witnesses=witnesses(decisions=self.decisions, max_view=self.max_view),
            described=Described(
                describe_event,
                describe_change,
                brief=brief,
                marks=marks,
                name=column,
                badge=badge,
                facts=facts,
                labels=LABELS,
                outsiders=("the traitors",),
                origin=lambda event: 0 if isinstance(event, TraitorProposal | TraitorCertificate) else None,
            ),
        )
