"""OM(m), oral messages (Lamport, Shostak, Pease 1982, §3): interactive consistency if n >= 3m + 1, with m traitors.

The recursion of the paper is unrolled: in round r generals relay the orders that they received along paths of r - 1
generals, and after round m + 1 each takes majorities, from the longest paths to the shortest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from quorate.generals.basics import COMMANDER, Event, GeneralId, Order, Receive, majority
from quorate.generals.messages import Oral, Path


@dataclass(frozen=True, slots=True)
class OralGeneral:
    """A general of OM(m); `order` is the commander's own. `heard` has paths with their orders, in order of arrival.

    `round` is the current round; 0 before the start.
    """

    id: GeneralId
    n: int
    m: int
    order: Order | None = None
    round: int = 0
    heard: tuple[tuple[Path, Order], ...] = ()
    decision: Order | None = None


def step(general: OralGeneral, event: Event) -> tuple[OralGeneral, tuple[Oral, ...]]:
    """Return the general after `event` and the messages it sends."""
    if general.decision is not None:
        return general, ()
    if isinstance(event, Receive):
        return _hear(general, event.message), ()
    if general.id == COMMANDER:
        # OM(m) (1): the commander sends his value to every lieutenant.
        assert general.order is not None, "a commander has an order"
        return replace(general, round=1, decision=general.order), _tell(general, (), general.order)
    return _end_round(general)


def _hear(general: OralGeneral, message: object) -> OralGeneral:
    if not isinstance(message, Oral) or not _is_expected(general, message):
        return general
    return replace(general, heard=(*general.heard, (message.path, message.order)))


def _is_expected(general: OralGeneral, message: Oral) -> bool:
    """Whether the path is new, of this round's length, of distinct generals, and ends with the sender."""
    path = message.path
    return (
        len(path) == general.round
        and path[0] == COMMANDER
        and path[-1] == message.source
        and len({*path, general.id}) == len(path) + 1
        and all(0 <= i < general.n for i in path)
        and all(path != earlier_path for earlier_path, _ in general.heard)
    )


def _end_round(general: OralGeneral) -> tuple[OralGeneral, tuple[Oral, ...]]:
    heard = dict(general.heard)
    if general.round <= general.m:
        # OM(m) (2): a lieutenant acts as the commander of OM(m-1), with the order that it received, or RETREAT.
        sent = (_tell(general, p, heard.get(p, Order.RETREAT)) for p in paths(general, general.round))
        return replace(general, round=general.round + 1), tuple(m for messages in sent for m in messages)
    decision = value(general, heard, (COMMANDER,))
    return replace(general, round=general.round + 1, heard=(), decision=decision), ()


def paths(general: OralGeneral, length: int) -> list[Path]:
    """Return the paths of `length` generals that end at this one, in a fixed order; none before the start."""
    result: list[Path] = [(COMMANDER,)] if length else []
    for _ in range(length - 1):
        result = [(*p, i) for p in result for i in range(general.n) if i not in p and i != general.id]
    return result


def value(general: OralGeneral, heard: Mapping[Path, Order], path: Path) -> Order:
    """Return the order of the last general of `path`, by majority of the others' reports about it: OM(m) (3)."""
    direct = heard.get(path, Order.RETREAT)
    if len(path) > general.m:
        return direct
    others = (i for i in range(general.n) if i not in path and i != general.id)
    return majority((direct, *(value(general, heard, (*path, i)) for i in others)))


def _tell(general: OralGeneral, path: Path, order: Order) -> tuple[Oral, ...]:
    longer = (*path, general.id)
    return tuple(Oral(general.id, i, longer, order) for i in range(general.n) if i not in longer)
