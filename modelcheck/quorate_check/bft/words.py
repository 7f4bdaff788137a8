"""The text of events and changes on a path of the Byzantine core."""

from __future__ import annotations

from typing import assert_never

from quorate import bft as core
from quorate.bft import Certificate, Phase, State, ViewTimeout
from quorate_check.bft.subject import (
    Certifiable,
    Certified,
    CheckerEvent,
    Local,
    Message,
    Restart,
    Signed,
    Tally,
    TraitorCertificate,
    TraitorProposal,
    Voter,
)
from quorate_check.core.verdict import counted
from quorate_check.tell.described import Label

PHASES = {Phase.PREPARE: "first", Phase.COMMIT: "second"}
LABELS = (
    Label("^first vote", "first vote: for a proposal"),
    Label("^second vote", "second vote: for what a quorum gave first votes"),
    Label("certificate", "certificate: the signed votes of a quorum"),
    Label("locked on", "locked on A: votes for nothing else unless shown a certificate of a later view"),
    Label("^votes of view", "votes of view n: those of honest servers that the traitors have"),
)


def describe_event(event: Message | CheckerEvent) -> str:  # noqa: PLR0911 - one case for each
    """Return one phrase for a message or a spontaneous event."""
    match event:
        case ViewTimeout():
            return "the view times out"
        case Restart():
            return "it starts again"
        case TraitorProposal():
            return "the traitors propose something to it"
        case TraitorCertificate():
            return "the traitors show it a certificate"
        case Signed(vote):
            return f"the {PHASES[vote.phase]} vote of {server(vote.source)} for {name(vote.digest)} in view {vote.view}"
        case Certifiable(_, what):
            return f"notice that traitors can certify {certified(what)} by {PHASES[what.phase]} votes"
        case _:
            return repr(event)


def brief(event: Message | CheckerEvent) -> str:
    """Return a short label for an event."""
    match event:
        case ViewTimeout():
            return "times out"
        case TraitorProposal():
            return "propose something"
        case TraitorCertificate():
            return "show a certificate"
        case Certifiable(_, what):
            return f"{PHASES[what.phase]} certificate: {name(what.digest)}"
        case Signed(vote):
            return f"{PHASES[vote.phase]} vote: {name(vote.digest)}"
        case _:
            return describe_event(event)


def marks(before: Local, after: Local) -> tuple[str, ...]:
    """Return a short text for each change of a step."""
    if isinstance(before, Tally) and isinstance(after, Tally):
        return (counted(len(after.votes), "vote"),)
    assert isinstance(before, Voter), "a tally stays a tally"
    assert isinstance(after, Voter), "a voter stays a voter"
    old, new = before.state, after.state
    if new.decisions:
        return (f"decides {name(new.decisions[0].digest)}",)
    parts = [f"view {new.view}"] if old.view != new.view else []
    if old.lock != new.lock and new.lock is not None:
        parts.append(f"locked on {certified(new.lock)}")
    if new.accepted is not None and new.accepted != old.accepted:
        parts.append(f"votes for {name(new.accepted.digest)}")
    return tuple(parts)


def column(local: Local) -> str:
    """Return the name of a node: s1, s2 and so on for voters, the view for a tally."""
    return f"votes of view {local.view}" if isinstance(local, Tally) else server(local.state.id)


def server(member: int) -> str:
    """Return the name of a member: s1 for member 0, and so on."""
    return f"s{member + 1}"


def message_text(message: core.Message) -> str:
    """Return a message of the core with its sender, and the signers of each certificate in it."""
    sender = server(message.source)
    match message:
        case core.Vote():
            return f"the {PHASES[message.phase]} vote of {sender} for {name(message.digest)} in view {message.view}"
        case core.Propose():
            reason = "" if message.justify is None else f", justified by {_signed_text(message.justify)}"
            return f"the proposal of {sender}: {name(message.digest)} in view {message.view}{reason}"
        case core.Prepared() | core.Decide():
            return f"{type(message).__name__} from {sender}: {_signed_text(message.certificate)}"
        case core.Timeout():
            high = "" if message.high is None else f", after {_signed_text(message.high)}"
            return f"the timeout of {sender} in view {message.view}{high}"
        case _:
            assert_never(message)


def _signed_text(certificate: Certificate) -> str:
    signers = ", ".join(server(signer) for signer, _ in certificate.signatures) or "nobody"
    return f"{certified(certificate)}, {PHASES[certificate.phase]} votes, signed by {signers}"


def badge(local: Local) -> str:
    """Return a voter's view and lock or its decision, and for a tally the number of votes."""
    if isinstance(local, Tally):
        return counted(len(local.votes), "vote") if local.votes else ""
    state = local.state
    if state.decisions:
        return f"decided {name(state.decisions[0].digest)}"
    return f"view {state.view}" + ("" if state.lock is None else f", locked on {certified(state.lock)}")


def facts(local: Local) -> tuple[tuple[str, str], ...]:
    """Return a voter's state by field, or a tally's votes by voter."""
    if isinstance(local, Tally):
        order = sorted(local.votes, key=lambda vote: (vote[1].value, vote[0]))
        return tuple((server(voter), f"{PHASES[phase]} vote: {name(digest)}") for voter, phase, digest in order)
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
    """Return the changes of a step in one line."""
    match before, after:
        case (Tally(), Tally()):
            new = len(after.votes) - len(before.votes)
            return f"the traitors have {len(after.votes)} votes of view {after.view}" if new else ""
        case (Voter(), Voter()):
            default = "can be shown it" if after.certified - before.certified else "nothing changes"
            return _change(before.state, after.state) or default
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
    """Return the digest and view of a certificate in words."""
    return f"{name(certificate.digest)} of view {certificate.view}"


def name(digest: bytes) -> str:
    """Return the letter that a digest repeats."""
    return digest[:1].decode()
