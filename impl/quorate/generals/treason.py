"""All messages of traitors that a loyal general accepts.

The possible messages to one general in one round are divided into slots, each of which is filled in one of several
ways. Where silence means RETREAT, a slot of an unsigned message is ATTACK or RETREAT. A signed message is either sent
or not. It can be made exactly if every loyal signer in it has signed the part before its own signature: then a traitor
has that part, because loyal generals send to all generals that haven't signed.
"""

from collections.abc import Set as AbstractSet
from itertools import permutations
from typing import TypeAlias, assert_never

from quorate.generals.basics import COMMANDER, GeneralId, Order
from quorate.generals.messages import Echo, Init, KingsOrder, Message, Oral, Path, Preference, Ready, Signed, Vote
from quorate.generals.node import Protocol, Rules
from quorate.generals.signatures import statement

Slot: TypeAlias = tuple[Message | None, ...]
Chain: TypeAlias = tuple[Order, Path]  # an order and its signers


def slots(
    rules: Rules,
    traitors: AbstractSet[GeneralId],
    number: int,
    dest: GeneralId,
    signed: AbstractSet[Chain] = frozenset(),
    *,
    forge: bool = False,
) -> list[Slot]:
    """Return the slots of `traitors` for `dest` in round `number`, counted from 1, in a fixed order.

    `signed` has the chains whose last signer is loyal and has signed; with `forge` any signature can be forged. The
    rounds of Bracha's broadcast are those that it has if all messages take equally long; traitors send messages in
    three of them.
    """
    match rules.protocol:
        case Protocol.VOTE:
            return [(Vote(t, dest, Order.ATTACK), Vote(t, dest, Order.RETREAT)) for t in sorted(traitors)]
        case Protocol.ORAL:
            return [_tell(dest, path) for path in _paths(rules, traitors, number, dest)]
        case Protocol.SIGNED:
            chains = [(order, path) for path in _paths(rules, traitors, number, dest) for order in Order]
            possible = (c for c in chains if forge or _can_be_made(c, traitors, signed))
            return [(None, _signed_message(rules, dest, chain)) for chain in possible]
        case Protocol.PHASE_KING:
            return _to_subject(traitors, number, dest)
        case Protocol.BRACHA:
            return _broadcast(traitors, number, dest)
        case _:
            assert_never(rules.protocol)


def _paths(rules: Rules, traitors: AbstractSet[GeneralId], length: int, dest: GeneralId) -> list[Path]:
    """Return the paths from the commander to `dest` whose last general is a traitor."""
    if dest == COMMANDER:
        return []
    others = [i for i in range(rules.n) if i not in {COMMANDER, dest}]
    result = ((COMMANDER, *rest) for rest in permutations(others, length - 1))
    return [path for path in result if path[-1] in traitors]


def _tell(dest: GeneralId, path: Path) -> Slot:
    return Oral(path[-1], dest, path, Order.ATTACK), Oral(path[-1], dest, path, Order.RETREAT)


def _to_subject(traitors: AbstractSet[GeneralId], number: int, dest: GeneralId) -> list[Slot]:
    phase, is_second = divmod(number - 1, 2)
    if not is_second:
        return [
            (Preference(t, dest, phase, Order.ATTACK), Preference(t, dest, phase, Order.RETREAT))
            for t in sorted(traitors)
        ]
    if phase not in traitors:
        return []
    return [(KingsOrder(phase, dest, phase, Order.ATTACK), KingsOrder(phase, dest, phase, Order.RETREAT))]


def _broadcast(traitors: AbstractSet[GeneralId], number: int, dest: GeneralId) -> list[Slot]:
    if number > 3:
        return []
    words = (Init, Echo, Ready)[number - 1]
    speakers = traitors & {COMMANDER} if words is Init else traitors
    return [(None, *(words(t, dest, order) for order in Order)) for t in sorted(speakers)]


def _can_be_made(chain: Chain, traitors: AbstractSet[GeneralId], signed: AbstractSet[Chain]) -> bool:
    order, path = chain
    return all(path[i] in traitors or (order, path[: i + 1]) in signed for i in range(len(path)))


def _signed_message(rules: Rules, dest: GeneralId, chain: Chain) -> Signed:
    """Return the message with the signatures of all its signers."""
    order, path = chain
    signatures = (rules.signatures.sign(path[i], statement(order, path[: i + 1])) for i in range(len(path)))
    return Signed(path[-1], dest, order, path, tuple(signatures))
