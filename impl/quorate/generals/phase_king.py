"""Phase king (Berman, Garay, Perry 1989), in phases of two rounds: f + 1 phases give agreement if n > 4f.

In each phase all generals send their preferences to all, and then the king of the phase sends the majority that it
found to all. A general with a majority that f traitors can't have produced keeps it; all others obey the king. Of
f + 1 kings one is loyal.
"""

from dataclasses import dataclass, replace

from quorate.generals.basics import Event, GeneralId, Order, Receive, majority
from quorate.generals.messages import KingsOrder, Message, Preference


@dataclass(frozen=True, slots=True)
class Subject:
    """A general of phase king; general k is the king of phase k, from 0 on.

    `round` is the current round; 0 before the start. `heard` has the preferences of this phase by general, None for
    silence; `clear` is whether the last majority is so large that the king's order isn't needed.
    """

    id: GeneralId
    n: int
    f: int
    phases: int
    preference: Order
    round: int = 0
    heard: tuple[Order | None, ...] = ()
    kings_order: Order | None = None
    clear: bool = False
    decision: Order | None = None

    @property
    def phase(self) -> int:
        """The current phase."""
        return (self.round - 1) // 2


def step(general: Subject, event: Event) -> tuple[Subject, tuple[Message, ...]]:
    """Return the general after `event` and the messages it sends."""
    if general.decision is not None:
        return general, ()
    if isinstance(event, Receive):
        return _hear(general, event.message), ()
    if general.round == 0:
        return _begin_phase(general)
    return _count(general) if general.round % 2 else _end_phase(general)


def _hear(general: Subject, message: object) -> Subject:
    match message:
        case Preference(source, _, phase, order) if general.round % 2 and phase == general.phase:
            if 0 <= source < general.n and general.heard[source] is None:
                return replace(general, heard=(*general.heard[:source], order, *general.heard[source + 1 :]))
        case KingsOrder(source, _, phase, order) if not general.round % 2 and phase == general.phase == source:
            if general.kings_order is None:
                return replace(general, kings_order=order)
        case _:
            pass
    return general


def _begin_phase(general: Subject) -> tuple[Subject, tuple[Message, ...]]:
    heard = tuple(general.preference if i == general.id else None for i in range(general.n))
    general = replace(general, round=general.round + 1, heard=heard, kings_order=None, clear=False)
    sent = (Preference(general.id, i, general.phase, general.preference) for i in range(general.n) if i != general.id)
    return general, tuple(sent)


def _count(general: Subject) -> tuple[Subject, tuple[Message, ...]]:
    """End the first round of a phase: the majority becomes the general's preference; the king sends it to all."""
    heard = [Order.RETREAT if order is None else order for order in general.heard]
    winner = majority(heard)
    clear = 2 * heard.count(winner) > general.n + 2 * general.f
    phase, is_king = general.phase, general.phase == general.id
    general = replace(
        general,
        round=general.round + 1,
        heard=(),
        preference=winner,
        clear=clear,
        kings_order=winner if is_king else None,
    )
    others = [i for i in range(general.n) if i != general.id] if is_king else []
    return general, tuple(KingsOrder(general.id, i, phase, winner) for i in others)


def _end_phase(general: Subject) -> tuple[Subject, tuple[Message, ...]]:
    king = Order.RETREAT if general.kings_order is None else general.kings_order
    general = replace(general, preference=general.preference if general.clear else king, kings_order=None, clear=False)
    if general.phase + 1 < general.phases:
        return _begin_phase(general)
    return replace(general, round=general.round + 1, decision=general.preference), ()
