"""The promises of the Byzantine core against f traitors, and the witnesses that a check must reach.

A promise about one step is judged once for each distinct step; a promise about several nodes once for each combination
of their views.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from quorate.bft import Certificate, Durable, Phase
from quorate.bft.output import persistent
from quorate_check.bft.subject import FORGED, WANTED, CheckerEvent, Local, Message, Restart, Tally, Voter
from quorate_check.bft.words import name
from quorate_check.core.invariants import Invariant, Over, StepInvariant, StepWitness, Witness

if TYPE_CHECKING:
    from quorate_check.bft.subject import Traitors

Certifiable = tuple[frozenset[str], frozenset[str]] | None  # in phase PREPARE, in phase COMMIT; None: a voter
Sent = tuple[Message, ...]


def decision(local: Local) -> Certificate | None:
    """View: the certificate by which a voter has decided."""
    return local.state.decisions[0] if isinstance(local, Voter) and local.state.decisions else None


def locked_view(local: Local) -> int:
    """View: the view that an undecided voter is locked on, 0 if none."""
    return local.state.lock.view if isinstance(local, Voter) and local.state.lock is not None else 0


def agreement(views: tuple[Certificate | None, ...]) -> bool:
    """No two honest voters decide differently."""
    one, other = views
    return one is None or other is None or one.digest == other.digest


def lock_safety(views: tuple[Certifiable, ...]) -> bool:
    """Once a digest can be decided in a view, no other can be certified in that view or a later one."""
    tallies = [view for view in views if view is not None]
    for number, (_, commits) in enumerate(tallies):
        later = frozenset(chain.from_iterable(prepares | commits for prepares, commits in tallies[number:]))
        if commits and later - commits:
            return False
    return True


def validity(_before: Local, _event: CheckerEvent, after: Local, _sent: Sent) -> bool:
    """A voter decides only a digest that a client requested."""
    certificate = decision(after)
    return certificate is None or certificate.digest in WANTED


def one_vote(_before: Local, _event: CheckerEvent, after: Local, _sent: Sent) -> bool:
    """An honest voter signs one digest in a phase of a view."""
    return not isinstance(after, Tally) or len({(v, phase) for v, phase, _ in after.votes}) == len(after.votes)


def disk_is_complete(_before: Local, event: CheckerEvent, after: Local, _sent: Sent) -> bool:
    """A voter's disk has its whole persistent state after every step, so a restart changes nothing."""
    if not isinstance(after, Voter):
        return True
    return not isinstance(event, Restart) and Durable(*persistent(after.state)) == after.disk


def different_decisions(names: tuple[str, ...], views: tuple[Certificate | None, ...]) -> str:
    """Return the different decisions of two voters."""
    one, other = (name(view.digest) for view in views if view is not None)
    return f"{names[0]} decided {one} and {names[1]} decided {other}."


def contradiction(_names: tuple[str, ...], views: tuple[Certifiable, ...]) -> str:
    """Return the digest that can be decided in a view, and another that can be certified in it or a later one."""
    tallies = [view for view in views if view is not None]
    for number, (_, commits) in enumerate(tallies):
        for later, (prepares, later_commits) in enumerate(tallies[number:], start=number):
            if commits and (conflicting := (prepares | later_commits) - commits):
                decision_text = f"{min(commits)} can be decided in view {number + 1}"
                return f"{decision_text}, and {min(conflicting)} certified in view {later + 1}."
    raise AssertionError("nothing is contradicted")


def invariants(subject: Traitors) -> tuple[Invariant | StepInvariant, ...]:
    """Return the promises, for the traitors of `subject`."""

    def certifiable(local: Local) -> Certifiable:
        if isinstance(local, Voter):
            return None
        prepares, commits = (
            frozenset(name(digest) for digest in (*WANTED, FORGED) if subject.can_certify(local, phase, digest))
            for phase in (Phase.PREPARE, Phase.COMMIT)
        )
        return prepares, commits

    return (
        Invariant(
            "Agreement", "no two honest voters decide differently", decision, agreement, Over.PAIRS, different_decisions
        ),
        StepInvariant("Validity", "only what a client asked for is decided", validity),
        StepInvariant("OneVote", "an honest voter signs one digest in a phase of a view", one_vote),
        Invariant(
            "LockSafety",
            "what can be decided is never contradicted by a certificate",
            certifiable,
            lock_safety,
            why=contradiction,
        ),
        StepInvariant("AllIsOnDisk", "a voter that starts again is the same", disk_is_complete),
    )


def witnesses(*, decisions: bool, max_view: int) -> tuple[Witness | StepWitness, ...]:
    """Return the witnesses of a check, with a reason for each that its bounds exclude."""
    no_decisions = None if decisions else "no voter is shown a decision"
    one_view = None if max_view > 1 else "there is one view"
    few_views = one_view or (None if max_view > 2 else "there are two views")

    def decides(number: str, view: int, impossible: str | None) -> StepWitness:
        def in_view(_before: Local, _event: CheckerEvent, after: Local, _sent: Sent) -> bool:
            certificate = decision(after)
            return certificate is not None and certificate.view == view

        return StepWitness(f"a voter decides in the {number} view", in_view, impossible)

    def locks_in(name: str, count: int, impossible: str | None) -> Witness:
        return Witness(name, locked_view, lambda locks: len({*locks} - {0}) >= count, Over.ALL, impossible=impossible)

    def different_views(views: tuple[Certificate | None, ...]) -> bool:
        one, other = views
        return one is not None and other is not None and one.view > other.view

    return (
        decides("first", 1, no_decisions),
        decides("second", 2, no_decisions or one_view),
        decides("third", 3, no_decisions or few_views),
        Witness(
            "two voters decide in different views",
            decision,
            different_views,
            Over.PAIRS,
            impossible=no_decisions or one_view,
        ),
        locks_in("two voters are locked in different views", 2, one_view),
        locks_in("voters are locked in three different views", 3, few_views),
    )
