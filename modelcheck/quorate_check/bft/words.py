"""A path of the Byzantine core in words."""

from __future__ import annotations

from quorate.bft import Certificate, Phase, State, ViewTimeout
from quorate_check.bft.subject import (
    Ask,
    Certifiable,
    Certified,
    CheckerEvent,
    Local,
    Message,
    Restart,
    Show,
    Signed,
    Tally,
    Voter,
)
from quorate_check.core.verdict import counted

PHASES = {Phase.PREPARE: "first", Phase.COMMIT: "second"}


def describe_event(event: Message | CheckerEvent) -> str:  # noqa: PLR0911 - one case for each
    """Return one phrase for a message or a spontaneous event."""
    match event:
        case ViewTimeout():
            return "the view times out"
        case Restart():
            return "it starts again"
        case Ask():
            return "the traitors propose something to it"
        case Show():
            return "the traitors show it a certificate"
        case Signed(vote):
            return f"the {PHASES[vote.phase]} vote of s{vote.source + 1} for {name(vote.digest)} in view {vote.view}"
        case Certifiable(_, what):
            return f"word that traitors can certify {certified(what)} by {PHASES[what.phase]} votes"
        case _:
            return repr(event)


def brief(event: Message | CheckerEvent) -> str:
    """Return the same in as few words as go beside an arrow."""
    match event:
        case ViewTimeout():
            return "times out"
        case Ask():
            return "propose something"
        case Show():
            return "show a certificate"
        case Certifiable(_, what):
            return f"{PHASES[what.phase]} certificate: {name(what.digest)}"
        case Signed(vote):
            return f"{PHASES[vote.phase]} vote: {name(vote.digest)}"
        case _:
            return describe_event(event)


def marks(before: Local, after: Local) -> tuple[str, ...]:
    """Return what a step changed, in a few words each."""
    if isinstance(before, Tally) and isinstance(after, Tally):
        return (counted(len(after.votes), "vote"),)
    assert isinstance(before, Voter), "a tally stays a tally"
    assert isinstance(after, Voter), "a voter stays a voter"
    was, now = before.state, after.state
    if now.decisions:
        return (f"decides {name(now.decisions[0].digest)}",)
    parts = [f"view {now.view}"] if was.view != now.view else []
    if was.lock != now.lock and now.lock is not None:
        parts.append(f"locked on {certified(now.lock)}")
    if now.accepted is not None and now.accepted != was.accepted:
        parts.append(f"votes for {name(now.accepted.digest)}")
    return tuple(parts)


def column(local: Local) -> str:
    """Return what a node is called, if it isn't a voter."""
    return f"votes of view {local.view}" if isinstance(local, Tally) else ""


def badge(local: Local) -> str:
    """Return a voter's view and lock, and how many votes a tally has."""
    if isinstance(local, Tally):
        return counted(len(local.votes), "vote") if local.votes else ""
    state = local.state
    if state.decisions:
        return f"decided {name(state.decisions[0].digest)}"
    return f"view {state.view}" + ("" if state.lock is None else f", locked on {certified(state.lock)}")


def facts(local: Local) -> tuple[tuple[str, str], ...]:
    """Return what a voter has decided, signed and locked, or what a tally holds."""
    if isinstance(local, Tally):
        order = sorted(local.votes, key=lambda vote: (vote[1].value, vote[0]))
        return tuple((f"s{voter + 1}", f"{PHASES[phase]} vote: {name(digest)}") for voter, phase, digest in order)
    state = local.state
    return (
        ("view", str(state.view)),
        ("accepted", "nothing" if state.accepted is None else name(state.accepted.digest)),
        ("lock", "none" if state.lock is None else certified(state.lock)),
        ("committed_view", str(state.committed_view)),
        ("decided", ", ".join(name(decision.digest) for decision in state.decisions) or "nothing"),
        ("can be shown", ", ".join(sorted(certified(what) for what in local.certified)) or "nothing"),
    )


def describe_change(before: Local, after: Local) -> str:
    """Return what a step changed in a node, in one line."""
    match before, after:
        case (Tally(), Tally()):
            new = len(after.votes) - len(before.votes)
            return f"the traitors have {len(after.votes)} votes of view {after.view}" if new else ""
        case (Voter(), Voter()):
            known = "can be shown it" if after.certified - before.certified else "nothing changes"
            return _change(before.state, after.state) or known
        case _:
            raise AssertionError("a voter stays a voter, and a tally a tally")


def _change(before: State, after: State) -> str:
    if after.decisions:
        return f"decides {name(after.decisions[0].digest)}"
    parts = []
    if before.view != after.view:
        parts.append(f"view {before.view} → {after.view}")
    if after.accepted not in (None, before.accepted):
        parts.append(f"gives its first vote to {name(after.accepted.digest)}")
    if before.lock != after.lock and after.lock is not None:
        parts.append(f"locked on {certified(after.lock)}")
    if before.committed_view != after.committed_view:
        parts.append("gives it its second vote")
    return "; ".join(parts)


def certified(certificate: Certificate | Certified) -> str:
    """Return what a certificate is for."""
    return f"{name(certificate.digest)} of view {certificate.view}"


def name(digest: bytes) -> str:
    """Return the letter that a digest is made of."""
    return digest[:1].decode()
