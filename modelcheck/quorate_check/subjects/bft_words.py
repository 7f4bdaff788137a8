"""A path of the Byzantine core in words."""

from __future__ import annotations

from quorate.bft import Certificate, Decide, Phase, Prepared, Propose, State, ViewTimeout
from quorate_check.report import counted
from quorate_check.subjects.bft import Certified, CheckerEvent, Fresh, Justified, Local, Message, Signed, Tally

PHASES = {Phase.PREPARE: "first", Phase.COMMIT: "second"}


def describe_event(event: Message | CheckerEvent) -> str:  # noqa: PLR0911 - one case for each
    """Return one phrase for a message or a spontaneous event."""
    match event:
        case ViewTimeout():
            return "the view times out"
        case Fresh(digest):
            return f"the traitors propose {name(digest)} to it"
        case Justified(voter, view, digest):
            return f"the traitors propose {name(digest)} to s{voter + 1} in view {view}, by this view's certificate"
        case Certified(voter, phase, digest):
            return f"the traitors certify {name(digest)} by {PHASES[phase]} votes, for s{voter + 1}"
        case Signed(vote):
            return f"the {PHASES[vote.phase]} vote of s{vote.source + 1} for {name(vote.digest)} in view {vote.view}"
        case Propose():
            why = "" if event.justify is None else f", by the certificate of view {event.justify.view}"
            return f"Propose({name(event.digest)} in view {event.view}{why})"
        case Prepared(certificate=certificate) | Decide(certificate=certificate):
            return f"{type(event).__name__}({certified(certificate)})"
        case _:
            return repr(event)


def brief(event: Message | CheckerEvent) -> str:
    """Return the same in as few words as go beside an arrow."""
    match event:
        case ViewTimeout():
            return "times out"
        case Fresh(digest):
            return f"propose {name(digest)}"
        case Justified(_, view, digest):
            return f"propose {name(digest)} by view {view}"
        case Certified(_, phase, digest):
            return f"certify {name(digest)} by {PHASES[phase]} votes"
        case Signed(vote):
            return f"{PHASES[vote.phase]} vote: {name(vote.digest)}"
        case _:
            return describe_event(event)


def marks(before: Local, after: Local) -> tuple[str, ...]:
    """Return what a step changed, in a few words each."""
    if isinstance(before, Tally) and isinstance(after, Tally):
        return (counted(len(after.votes), "vote"),)
    assert isinstance(before, State), "a tally stays a tally"
    assert isinstance(after, State), "a voter stays a voter"
    if after.decisions:
        return (f"decides {name(after.decisions[0].digest)}",)
    said = [f"view {after.view}"] if before.view != after.view else []
    if before.lock != after.lock and after.lock is not None:
        said.append(f"locked on {certified(after.lock)}")
    return tuple(said)


def column(local: Local) -> str:
    """Return what a node is called, if it isn't a voter."""
    return f"votes of view {local.view}" if isinstance(local, Tally) else ""


def badge(local: Local) -> str:
    """Return a voter's view and lock, and how many votes a tally has."""
    if isinstance(local, Tally):
        return counted(len(local.votes), "vote") if local.votes else ""
    if local.decisions:
        return f"decided {name(local.decisions[0].digest)}"
    return f"view {local.view}" + ("" if local.lock is None else f", locked on {certified(local.lock)}")


def facts(local: Local) -> tuple[tuple[str, str], ...]:
    """Return what a voter has decided, signed and locked, or what a tally holds."""
    if isinstance(local, Tally):
        order = sorted(local.votes, key=lambda vote: (vote[1].value, vote[0]))
        return tuple((f"s{voter + 1}", f"{PHASES[phase]} vote: {name(digest)}") for voter, phase, digest in order)
    return (
        ("view", str(local.view)),
        ("accepted", "nothing" if local.accepted is None else name(local.accepted.digest)),
        ("lock", "none" if local.lock is None else certified(local.lock)),
        ("committed_view", str(local.committed_view)),
        ("decided", ", ".join(name(decision.digest) for decision in local.decisions) or "nothing"),
    )


def describe_change(before: Local, after: Local) -> str:
    """Return what a step changed in a node, in one line."""
    match before, after:
        case (Tally(), Tally()):
            new = len(after.votes) - len(before.votes)
            return f"the traitors have {len(after.votes)} votes of view {after.view}" if new else ""
        case (State(), State()):
            return _change(before, after)
        case _:
            raise AssertionError("a voter stays a voter, and a tally a tally")


def _change(before: State, after: State) -> str:
    if after.decisions:
        return f"decides {name(after.decisions[0].digest)}"
    said = []
    if before.view != after.view:
        said.append(f"view {before.view} → {after.view}")
    if after.accepted not in (None, before.accepted):
        said.append(f"gives its first vote to {name(after.accepted.digest)}")
    if before.lock != after.lock and after.lock is not None:
        said.append(f"locked on {certified(after.lock)}")
    if before.committed_view != after.committed_view:
        said.append("gives it its second vote")
    return "; ".join(said) or "nothing changes"


def certified(certificate: Certificate) -> str:
    """Return what a certificate is for."""
    return f"{name(certificate.digest)} of view {certificate.view}"


def name(digest: bytes) -> str:
    """Return the letter that a digest is made of."""
    return digest[:1].decode()
