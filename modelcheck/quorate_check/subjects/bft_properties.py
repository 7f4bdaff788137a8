"""What the Byzantine core promises whatever f traitors do, and what a check of it must have seen."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from quorate.bft import Phase, State
from quorate_check.invariants import Invariant, Over, Witness
from quorate_check.subjects.bft import FORGED, WANTED, Local, Tally

if TYPE_CHECKING:
    from quorate_check.subjects.bft import Traitors

Certifiable = tuple[frozenset[bytes], frozenset[bytes]] | None  # in phase PREPARE, in phase COMMIT; None: a voter


def decided(local: Local) -> bytes | None:
    """View: what a voter has decided."""
    return local.decisions[0].digest if isinstance(local, State) and local.decisions else None


def decided_view(local: Local) -> int:
    """View: the view of the certificate by which a voter decided, 0 if none did."""
    return local.decisions[0].view if isinstance(local, State) and local.decisions else 0


def locked_view(local: Local) -> int:
    """View: the view that an undecided voter is locked on, 0 if none."""
    return local.lock.view if isinstance(local, State) and local.lock is not None else 0


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


def letter(digest: bytes | None) -> str:
    """Return the letter that a digest is made of."""
    return "nothing" if digest is None else digest[:1].decode()


def differ(names: tuple[str, ...], views: tuple[bytes | None, ...]) -> str:
    """Say what two voters decided."""
    return f"{names[0]} decided {letter(views[0])} and {names[1]} decided {letter(views[1])}."


def invented(names: tuple[str, ...], views: tuple[bytes | None, ...]) -> str:
    """Say what a voter decided that nobody had asked for."""
    return f"{names[0]} decided {letter(views[0])}, and clients asked for {' and '.join(map(letter, WANTED))}."


def contradicted(_names: tuple[str, ...], views: tuple[Certifiable, ...]) -> str:
    """Say what can be decided in a view, and what else can be certified in it or later."""
    tallies = [view for view in views if view is not None]
    for number, (_, commits) in enumerate(tallies):
        for later, (prepares, others) in enumerate(tallies[number:], start=number):
            if commits and (else_ := (prepares | others) - commits):
                decided, certified = min(map(letter, commits)), min(map(letter, else_))
                return f"{decided} can be decided in view {number + 1}, and {certified} certified in view {later + 1}."
    raise AssertionError("nothing is contradicted")


def invariants(subject: Traitors) -> tuple[Invariant, ...]:
    """Return the promises, for the traitors of `subject`."""

    def certifiable(local: Local) -> Certifiable:
        if isinstance(local, State):
            return None
        prepares, commits = (
            frozenset(digest for digest in (*WANTED, FORGED) if subject.can_certify(local, phase, digest))
            for phase in (Phase.PREPARE, Phase.COMMIT)
        )
        return prepares, commits

    return (
        Invariant("Agreement", "no two honest voters decide differently", decided, agreement, Over.PAIRS, differ),
        Invariant("Validity", "only what a client asked for is decided", decided, validity, Over.EACH, invented),
        Invariant("OneVote", "an honest voter signs one digest in a phase of a view", votes, one_vote, Over.EACH),
        Invariant(
            "LockSafety",
            "what can be decided is never contradicted by a certificate",
            certifiable,
            lock_safety,
            why=contradicted,
        ),
    )


def agreement_of_certificates(views: tuple[Certifiable, ...]) -> bool:
    """All decisions that could be shown to a voter, of whatever view, are for one digest."""
    return len(frozenset(chain.from_iterable(view[1] for view in views if view is not None))) <= 1


def witnesses(*, decisions: bool, max_view: int) -> tuple[Witness, ...]:
    """Return what a check must have seen, and what its bounds exclude."""
    hidden = None if decisions else "no voter is shown a decision"
    alone = None if max_view > 1 else "there is one view"
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
    )
