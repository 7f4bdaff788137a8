"""What the Byzantine core promises whatever f traitors do, and what a check of it must have seen."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from quorate.bft import Durable, Phase
from quorate.bft.output import held
from quorate_check.invariants import Invariant, Over, StepInvariant, Witness
from quorate_check.subjects.bft import FORGED, WANTED, CheckerEvent, Local, Message, Restart, Tally, Voter
from quorate_check.subjects.bft_words import name

if TYPE_CHECKING:
    from quorate_check.subjects.bft import Traitors

Certifiable = tuple[frozenset[str], frozenset[str]] | None  # in phase PREPARE, in phase COMMIT; None: a voter


def decided(local: Local) -> bytes | None:
    """View: what a voter has decided."""
    return local.state.decisions[0].digest if isinstance(local, Voter) and local.state.decisions else None


def decided_view(local: Local) -> int:
    """View: the view of the certificate by which a voter decided, 0 if none did."""
    return local.state.decisions[0].view if isinstance(local, Voter) and local.state.decisions else 0


def locked_view(local: Local) -> int:
    """View: the view that an undecided voter is locked on, 0 if none."""
    return local.state.lock.view if isinstance(local, Voter) and local.state.lock is not None else 0


def votes(local: Local) -> frozenset[tuple[int, Phase, bytes]]:
    """View: what honest voters signed in one view."""
    return local.votes if isinstance(local, Tally) else frozenset()


def agreement(views: tuple[bytes | None, ...]) -> bool:
    """No two honest voters decide differently."""
    one, other = views
    return None in views or one == other


def validity(views: tuple[bytes | None, ...]) -> bool:
    """What is decided is what a client asked for."""
    return views[0] in (None, *WANTED)


def one_vote(views: tuple[frozenset[tuple[int, Phase, bytes]], ...]) -> bool:
    """An honest voter signs one digest in a phase of a view."""
    return len({(voter, phase) for voter, phase, _ in views[0]}) == len(views[0])


def lock_safety(views: tuple[Certifiable, ...]) -> bool:
    """Once a digest can be decided in a view, nothing else can be certified in that view or a later one."""
    tallies = [view for view in views if view is not None]
    for number, (_, commits) in enumerate(tallies):
        later = frozenset(chain.from_iterable(prepares | commits for prepares, commits in tallies[number:]))
        if commits and later - commits:
            return False
    return True


def all_is_on_disk(_before: Local, event: CheckerEvent, after: Local, _sent: tuple[Message, ...]) -> bool:
    """What a voter decides by is on its disk before its vote leaves; so to start again changes nothing."""
    if not isinstance(after, Voter):
        return True
    return not isinstance(event, Restart) and Durable(*held(after.state)) == after.disk


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
        Invariant("Agreement", "no two honest voters decide differently", decided, agreement, Over.PAIRS),
        Invariant("Validity", "only what a client asked for is decided", decided, validity, Over.EACH),
        Invariant("OneVote", "an honest voter signs one digest in a phase of a view", votes, one_vote, Over.EACH),
        Invariant("LockSafety", "what can be decided is never contradicted by a certificate", certifiable, lock_safety),
        StepInvariant("AllIsOnDisk", "a voter that starts again is the same", all_is_on_disk),
    )


def witnesses(*, decisions: bool, max_view: int) -> tuple[Witness, ...]:
    """Return what a check must have seen, and what its bounds exclude."""
    hidden = None if decisions else "no voter is shown a decision"
    alone = None if max_view > 1 else "there is one view"
    few = alone or (None if max_view > 2 else "there are two views")
    return (
        Witness("a voter decides in the first view", decided_view, lambda v: v[0] == 1, impossible=hidden),
        Witness("a voter decides in a later view", decided_view, lambda v: v[0] > 1, impossible=hidden or alone),
        Witness(
            "two voters decide in different views",
            decided_view,
            lambda v: v[0] > v[1] > 0,
            Over.PAIRS,
            impossible=hidden or alone,
        ),
        Witness(
            "two voters are locked in different views",
            locked_view,
            lambda v: v[0] > v[1] > 0,
            Over.PAIRS,
            impossible=alone,
        ),
        Witness("a voter decides in the third view", decided_view, lambda v: v[0] == 3, impossible=hidden or few),
        Witness(
            "voters are locked in three different views",
            locked_view,
            lambda v: {1, 2, 3} <= set(v),
            Over.ALL,
            impossible=few,
        ),
    )
