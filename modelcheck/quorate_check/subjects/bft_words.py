"""A path of the Byzantine core in words."""

from __future__ import annotations

from quorate.bft import Certificate, Phase, State, ViewTimeout
from quorate_check.subjects.bft import (
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
    said = []
    if before.view != after.view:
        said.append(f"view {before.view} → {after.view}")
    if after.accepted not in (None, before.accepted):
        said.append(f"gives its first vote to {name(after.accepted.digest)}")
    if before.lock != after.lock and after.lock is not None:
        said.append(f"locked on {certified(after.lock)}")
    if before.committed_view != after.committed_view:
        said.append("gives it its second vote")
    return "; ".join(said)


def certified(certificate: Certificate | Certified) -> str:
    """Return what a certificate is for."""
    return f"{name(certificate.digest)} of view {certificate.view}"


def name(digest: bytes) -> str:
    """Return the letter that a digest is made of."""
    return digest[:1].decode()
