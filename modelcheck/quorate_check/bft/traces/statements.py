"""What the members whose traces are there have signed, as far as it has left them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from quorate.bft import Certificate, Decide, Message, NodeId, Phase, Prepared, Propose, Statement, Timeout, Vote
from quorate_check.bft.traces.findings import RuleViolationError, TraceRule
from quorate_check.traces.reading import Place

Signed = tuple[NodeId, Statement]
Purpose = tuple[NodeId, Phase, int, int]  # the signer, the phase, the index and the view


def signed_in(message: Message) -> Iterator[Signed]:
    """Yield what is signed in a message, each with its signer."""
    match message:
        case Propose(justify=certificate) | Timeout(high=certificate):
            yield message.source, message.statement
        case Vote():
            yield message.source, message.statement
            return
        case Prepared(certificate=certificate) | Decide(certificate=certificate):
            pass
    if certificate is not None:
        yield from _votes(certificate)


def _votes(certificate: Certificate) -> Iterator[Signed]:
    statement = certificate.statement
    yield from ((signer, statement) for signer in certificate.signers)


@dataclass
class Statements:
    """What has left each member; what one began with is unknown, and counts as sent up to the index where it began.

    `beginnings` has the traced members, each with that index. `taken_as_sent` counts what was counted so. Statements of
    indices up to `forgotten` are forgotten, and count as sent as well.
    """

    beginnings: dict[NodeId, int] = field(default_factory=dict)
    taken_as_sent: int = 0
    forgotten: int = 0
    _left: set[Signed] = field(default_factory=set)
    _signed: dict[Purpose, tuple[Statement, Place]] = field(default_factory=dict)

    def awaited(self, message: Message) -> Signed | None:
        """Return what a traced member signed in a message that hasn't left it, None if there is nothing."""
        return next((signed for signed in signed_in(message) if not self._may_be_there(*signed)), None)

    def count(self, message: Message) -> None:
        """Count what a received message has that is only taken as sent."""
        self.taken_as_sent += sum(
            signer in self.beginnings and (signer, statement) not in self._left
            for signer, statement in signed_in(message)
        )

    def sign(self, signer: NodeId, message: Message, place: Place) -> None:
        """Take what a step signs; raise RuleViolationError if it contradicts what the member signed before."""
        if isinstance(message, Prepared | Decide) or message.statement.phase is Phase.TIMEOUT:
            return  # a timeout of one view may be sent again after a restart, with another lock
        statement = message.statement
        purpose = signer, statement.phase, statement.index, statement.view
        before, where = self._signed.setdefault(purpose, (statement, place))
        if before != statement:
            kind = f"another {statement.phase.name} statement"
            what = f"index {statement.index}, view {statement.view}: {kind} than at {where}"
            raise RuleViolationError(TraceRule.SIGNED_ONCE, place, what)

    def leave(self, signer: NodeId, message: Message) -> None:
        """Take what a message of `signer` has signed as available to everybody."""
        self._left.update(signed for signed in signed_in(message) if signed[0] == signer)

    def forget(self, index: int) -> None:
        """Forget all statements up to an index."""
        self.forgotten = index
        self._left = {signed for signed in self._left if signed[1].index > index}
        self._signed = {purpose: signed for purpose, signed in self._signed.items() if purpose[2] > index}

    def _may_be_there(self, signer: NodeId, statement: Statement) -> bool:
        first = self.beginnings.get(signer)
        return first is None or statement.index <= max(first, self.forgotten) or (signer, statement) in self._left
