"""The bounds of the check that all members decide in good views, and the system within them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from quorate.bft import Decide, Prepared, Propose, Timeout, ViewTimeout, Vote, WaitOver
from quorate_check.bft import words
from quorate_check.bft.good_views import (
    AnyEvent,
    AnyMessage,
    Clock,
    Elapsed,
    GoodViews,
    Local,
    TimePasses,
    TraitorTimeout,
    TraitorVote,
)
from quorate_check.bft.subject import WANTED, TraitorCertificate, TraitorProposal, Voter
from quorate_check.core.invariants import Condition
from quorate_check.core.liveness import Eventually, fair_deliveries, fair_event
from quorate_check.core.system import Network, NetworkKind, Spontaneous, System, UnusableSystemError
from quorate_check.tell.described import Described

CAPACITY = 15  # more than are ever in flight, so that nothing is cut off


@dataclass(frozen=True, slots=True)
class GoodViewsBounds:
    """The number of bad views, of digests that clients request and the traitor proposes, and of the traitor's lies.

    `lies` limits its timeouts and votes in the first good view, `early` the voters that leave a bad view alone.
    """

    bad_views: int = 1
    digests: int = 1
    lies: int = 1
    early: int = 1

    def __post_init__(self) -> None:
        """Raise UnusableSystemError if a number is out of its range."""
        if self.bad_views < 1 or not 0 < self.digests <= len(WANTED):
            raise UnusableSystemError(f"{self}: at least one bad view, and one or two digests")

    def as_dict(self) -> dict[str, int]:
        """Return the bounds by name, for a report."""
        return asdict(self)

    def system(self) -> System:
        """Return the system within these bounds."""
        subject = GoodViews(self.bad_views, self.digests)
        return System(
            name="bft-liveness",
            initial=subject.initial_with_clock(),
            step=subject.step,
            network=Network(NetworkKind.UNORDERED, CAPACITY, at_once=True),
            source=subject.source,
            destination=subject.destination,
            spontaneous=(
                *map(Spontaneous, (WaitOver(), TraitorProposal(), TraitorCertificate(), TimePasses())),
                Spontaneous(ViewTimeout(), budget="early"),
                *(Spontaneous(lie, budget="lies", fault=True) for lie in (TraitorTimeout(), TraitorVote())),
            ),
            budgets={"lies": self.lies, "early": self.early},
            liveness=(Eventually("Decides", "all honest members decide", Condition(_is_done, all)),),
            fairness=(fair_deliveries(), replace(fair_event(TimePasses()), name="the clock")),
            described=Described(
                _event,
                _change,
                brief=_brief,
                marks=lambda before, after: () if isinstance(before, Clock) else words.marks(before, after),
                name=lambda local: "clock" if isinstance(local, Clock) else words.column(local),
                badge=lambda local: "" if isinstance(local, Clock) else words.badge(local),
                facts=lambda local: () if isinstance(local, Clock) else words.facts(local),
                labels=words.LABELS,
            ),
        )


def _is_done(local: Local) -> bool:
    """View: whether a voter has decided; true of all other nodes."""
    return not isinstance(local, Voter) or bool(local.state.decisions)


def _event(event: AnyMessage | AnyEvent) -> str:  # noqa: PLR0911 - one case for each
    match event:
        case TimePasses():
            return "time passes"
        case WaitOver():
            return "its wait is over"
        case Elapsed(_, view, what):
            return f"the wait in view {view} is over" if isinstance(what, WaitOver) else f"view {view} is over"
        case TraitorTimeout():
            return "the traitor sends it a timeout without a certificate"
        case TraitorVote():
            return "the traitor sends it a vote"
        case Propose() | Vote() | Prepared() | Decide() | Timeout():
            return words.message_text(event)
        case _:
            return words.describe_event(event)


def _brief(event: AnyMessage | AnyEvent) -> str:  # noqa: PLR0911 - one case for each
    match event:
        case Propose(digest=digest):
            return f"proposal: {words.name(digest)}"
        case Vote(phase=phase, digest=digest):
            return f"{words.PHASES[phase]} vote: {words.name(digest)}"
        case Prepared(certificate=certificate) | Decide(certificate=certificate):
            return f"{words.PHASES[certificate.phase]} certificate: {words.name(certificate.digest)}"
        case Timeout(view=view):
            return f"timeout of view {view}"
        case TraitorTimeout() | TraitorVote():
            return "lies" if isinstance(event, TraitorVote) else "hides what it knows"
        case TimePasses() | WaitOver() | Elapsed():
            return _event(event)
        case _:
            return words.brief(event)


def _change(before: Local, after: Local) -> str:
    return "" if isinstance(before, Clock) or isinstance(after, Clock) else words.describe_change(before, after)
