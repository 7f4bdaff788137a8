"""All messages of traitors that a loyal general accepts.

What a traitor may tell one general in one round falls into slots, each to be filled in one of several ways. Where
silence means RETREAT, the slots of unsigned messages are ATTACK or RETREAT. A signed message is sent or it isn't, and
can be made exactly if every loyal signer in it did sign what comes before him: then a traitor has seen it, because
loyal generals send to all who haven't signed.
"""

from collections.abc import Set as AbstractSet
from itertools import permutations
from typing import TypeAlias, assert_never

from quorate.generals.basics import COMMANDER, GeneralId, Order
from quorate.generals.messages import Echo, Init, KingsOrder, Message, Oral, Path, Preference, Ready, Signed, Vote
from quorate.generals.node import Protocol, Rules
from quorate.generals.signatures import statement

Slot: TypeAlias = tuple[Message | None, ...]
Chain: TypeAlias = tuple[Order, Path]  # an order, and who signed it


def slots(
    rules: Rules,
    traitors: AbstractSet[GeneralId],
    number: int,
    dest: GeneralId,
    signed: AbstractSet[Chain] = frozenset(),
    *,
    forge: bool = False,
) -> list[Slot]:
    """Return what `traitors` can tell `dest` in round `number`, counted from 1, in a fixed order.

    `signed` are the chains that loyal generals ended with their own signatures; with `forge` anybody can write them.
    Of Bracha's broadcast these are the rounds that it has if all messages take as long; traitors speak in three.
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
    """Return the message as it would be if every signer signed."""
    order, path = chain
    signatures = (rules.signatures.sign(path[i], statement(order, path[: i + 1])) for i in range(len(path)))
    return Signed(path[-1], dest, order, path, tuple(signatures))
