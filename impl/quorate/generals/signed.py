"""SM(m), signed messages (Lamport, Shostak, Pease 1982, §4): interactive consistency with m traitors, if n >= m + 2."""

from dataclasses import dataclass, replace

from quorate.generals.basics import COMMANDER, Event, GeneralId, Order, Receive
from quorate.generals.messages import Signed
from quorate.generals.signatures import Signatures, statement


@dataclass(frozen=True, slots=True)
class SignedGeneral:
    """A general of SM(m); `order` is the commander's own.

    `orders` is the paper's V: the orders with valid signatures, in order of arrival; `fresh` has the messages to relay
    at the end of the round. `round` is the current round; 0 before the start.
    """

    id: GeneralId
    n: int
    m: int
    signatures: Signatures
    order: Order | None = None
    round: int = 0
    orders: tuple[Order, ...] = ()
    fresh: tuple[Signed, ...] = ()
    decision: Order | None = None


def step(general: SignedGeneral, event: Event) -> tuple[SignedGeneral, tuple[Signed, ...]]:
    """Return the general after `event` and the messages it sends."""
    if general.decision is not None:
        return general, ()
    if isinstance(event, Receive):
        return _hear(general, event.message), ()
    if general.id == COMMANDER:
        # SM(m) (1): the commander signs and sends his value to every lieutenant.
        assert general.order is not None, "a commander has an order"
        return replace(general, round=1, decision=general.order), _relay(general, general.order, (), ())
    return _end_round(general)


def _hear(general: SignedGeneral, message: object) -> SignedGeneral:
    if not isinstance(message, Signed) or message.order in general.orders or not is_valid(general, message):
        return general
    # SM(m) (2.B): a message is relayed if fewer than m lieutenants have signed it.
    fresh = (*general.fresh, message) if len(message.signers) <= general.m else general.fresh
    return replace(general, orders=(*general.orders, message.order), fresh=fresh)


def is_valid(general: SignedGeneral, message: Signed) -> bool:
    """Whether the message is valid in this round: as many distinct signers as rounds, the sender last, all genuine."""
    signers, signatures = message.signers, message.signatures
    return (
        len(signers) == len(signatures) == general.round
        and signers[0] == COMMANDER
        and signers[-1] == message.source
        and len({*signers, general.id}) == len(signers) + 1
        and all(0 <= i < general.n for i in signers)
        and all(
            general.signatures.verify(signer, statement(message.order, signers[: k + 1]), signatures[k])
            for k, signer in enumerate(signers)
        )
    )


def _end_round(general: SignedGeneral) -> tuple[SignedGeneral, tuple[Signed, ...]]:
    if general.round <= general.m:
        sent = (_relay(general, m.order, m.signers, m.signatures) for m in general.fresh)
        return replace(general, round=general.round + 1, fresh=()), tuple(m for messages in sent for m in messages)
    # SM(m) (3): choice(V) is the only order in V, otherwise RETREAT.
    decision = general.orders[0] if len(general.orders) == 1 else Order.RETREAT
    return replace(general, round=general.round + 1, orders=(), decision=decision), ()


def _relay(
    general: SignedGeneral, order: Order, signers: tuple[GeneralId, ...], signatures: tuple[bytes, ...]
) -> tuple[Signed, ...]:
    """Return messages with the order and one more signature, to all generals that haven't signed it."""
    signers = (*signers, general.id)
    signatures = (*signatures, general.signatures.sign(general.id, statement(order, signers)))
    return tuple(Signed(general.id, i, order, signers, signatures) for i in range(general.n) if i not in signers)
