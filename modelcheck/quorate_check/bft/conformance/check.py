"""Conformance of the Byzantine core as a step invariant: the engine runs every distinct step once, and explains it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from quorate.bft import Receive, Submit, ViewTimeout, WaitOver
from quorate_check.bft.conformance.explain import Cause, LocalStep, explain
from quorate_check.bft.conformance.mapping import map_message, map_sent, map_server
from quorate_check.bft.conformance.nearest import nearest
from quorate_check.bft.member import Member, MemberBounds, MemberEvent
from quorate_check.conformance.nearest import Nearest
from quorate_check.conformance.runs import NamedBounds, names_of_actions, promise
from quorate_check.conformance.sequences import Explanations
from quorate_check.core.system import Outcome, System
from quorate_spec.bft import actions

SUBJECT = "bft-conformance"
CAUSES: dict[type, Cause] = {
    Receive: Cause.MESSAGE,
    ViewTimeout: Cause.PATIENCE,
    WaitOver: Cause.WAIT,
    Submit: Cause.CLIENT,
}


DEFAULT_RUNS = (
    NamedBounds("a voter, and what nobody may send", MemberBounds(member=3, max_view=3, hostile=True)),
    NamedBounds("a leader who counts votes", MemberBounds(digests=1, wanted=1, votes=True, hostile=True)),
    NamedBounds("a leader who hears of locks", MemberBounds(member=1, max_view=2, digests=1, timeouts=True)),
    NamedBounds("a follower from view to view", MemberBounds(member=3, max_view=3, digests=1, wanted=1, timeouts=True)),
    NamedBounds(
        "index after index",
        MemberBounds(servers=2, member=0, max_index=2, max_view=2, digests=1, wanted=1, timeouts=True),
    ),
    NamedBounds("alone", MemberBounds(servers=1, max_view=2, digests=1, wanted=1, timeouts=True, votes=True)),
)


def local_step(bounds: MemberBounds, before: Member, event: MemberEvent) -> LocalStep:
    """Return a step of the code in the specification's terms."""
    after, sent = bounds.sends(before, event)
    received = map_message(before.state.config, event.message) if isinstance(event, Receive) else None
    cause = CAUSES.get(type(event), Cause.CRASH)
    return LocalStep(map_server(before.state), received, map_server(after.state), map_sent(before.state, sent), cause)


def action_functions() -> tuple[str, ...]:
    """Return the names of the specification's actions in Python, in their order there."""
    return names_of_actions(actions)


class Conformance(Explanations[LocalStep]):
    """The explanations of the core's steps by Bft.tla, each distinct step explained once."""

    subject = "the Byzantine core conforms to its specification"

    def __init__(self) -> None:
        super().__init__(explain)

    def unused(self, bounds: tuple[MemberBounds, ...]) -> dict[str, str | None]:
        """Return the actions that explain no step, each with the reason if `bounds` exclude it, else with None."""
        excluded = {
            "hear_timeout": any(b.timeouts for b in bounds) or "nobody's timeouts arrive",
            "follow_timeouts": any(b.timeouts for b in bounds) or "nobody's timeouts arrive",
            "show_decision": any(b.timeouts and b.max_index > 1 for b in bounds) or "one index, or no timeouts",
            "handle_vote": any(b.votes for b in bounds) or "nobody's votes arrive",
            "certify": any(b.votes for b in bounds) or "nobody's votes arrive",
        }
        return self.unused_among(action_functions(), excluded)

    def system(self, bounds: MemberBounds) -> System:
        """Return the member within `bounds` as a system whose only invariant is conformance."""

        def holds(before: Member, event: MemberEvent, _after: Member, _sent: tuple[()]) -> bool:
            return self.judge(local_step(bounds, before, event))

        return replace(bounds.system(), name=SUBJECT, invariants=(promise(holds),))


def nearest_step(bounds: MemberBounds) -> Callable[[Member, MemberEvent, Outcome], Nearest]:
    """Return the function that maps a step of the code within `bounds` to what the specification has nearest to it."""
    return lambda before, event, _outcome: nearest(local_step(bounds, before, event))
