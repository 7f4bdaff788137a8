"""Bounds of a check of the Byzantine core, and the system that they make."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from quorate.bft import Phase, ViewTimeout
from quorate_check.invariants import Invariant
from quorate_check.subjects.bft import FORGED, WANTED, Certified, Fresh, Justified, Traitors
from quorate_check.subjects.bft_liveness import goes_on, voter
from quorate_check.subjects.bft_properties import invariants, witnesses
from quorate_check.subjects.bft_words import badge, brief, column, describe_change, describe_event, facts, marks
from quorate_check.system import Described, Network, NetworkKind, Spontaneous, System, UnusableSystemError

GOES_ON = Invariant(
    "GoesOn", "all decide in the next view with an honest leader, if everything arrives", voter, goes_on
)


@dataclass(frozen=True, slots=True)
class BftBounds:
    """How many members, how many of them traitors, how many views.

    `lock` false takes the lock rule away. `decisions` false shows no voter that anything is decided: he then goes on
    voting, and what he could be shown is still judged, in fewer states. `liveness`
    asks of every state that voters are found in whether they decide in the next good view.
    """

    servers: int = 4
    traitors: int = 1
    max_view: int = 2
    lock: bool = True
    decisions: bool = True
    liveness: bool = False

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if self.servers < 1 or not 0 < self.traitors < self.servers:
            raise UnusableSystemError(f"{self.traitors} traitors of {self.servers} servers leave nothing to check")
        if self.max_view < 1:
            raise UnusableSystemError("the least number of views is 1")

    def as_dict(self) -> dict[str, int | bool]:
        """Return the bounds by name, for a report."""
        return asdict(self)

    def system(self) -> System:
        """Return the system within these bounds."""
        subject = Traitors(self.servers, self.traitors, self.max_view, lock=self.lock)
        digests, views = (*WANTED, FORGED), range(2, self.max_view + 1)
        phases = (Phase.PREPARE, Phase.COMMIT) if self.decisions else (Phase.PREPARE,)
        events = (
            ViewTimeout(),
            *(Fresh(d) for d in digests),
            *(Certified(i, p, d) for i in subject.honest for p in phases for d in digests),
            *(Justified(i, v, d) for i in subject.honest for v in views for d in digests),
        )
        return System(
            name="bft",
            initial=subject.initial(),
            step=subject.step,
            network=Network(NetworkKind.UNORDERED, capacity=1),
            source=subject.source,
            destination=subject.destination,
            spontaneous=tuple(Spontaneous(event) for event in events),
            invariants=invariants(subject) + ((GOES_ON,) if self.liveness else ()),
            witnesses=witnesses(decisions=self.decisions, max_view=self.max_view),
            described=Described(
                describe_event,
                describe_change,
                brief=brief,
                marks=marks,
                name=column,
                badge=badge,
                facts=facts,
                outsiders=("the traitors",),
                origin=lambda event: 0 if isinstance(event, Fresh | Justified | Certified) else None,
            ),
        )
