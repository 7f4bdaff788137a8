"""Phase king (Berman, Garay, Perry 1989), in phases of two rounds: f + 1 phases give agreement if n > 4f.

In each phase all tell all what they prefer, and then the king of the phase tells all what he found the majority to be.
Who found a majority that no f traitors can have made keeps it; all others obey the king. Of f + 1 kings one is loyal.
"""

from dataclasses import dataclass, replace

from quorate.generals.basics import Event, GeneralId, Order, Receive, majority
from quorate.generals.messages import KingsOrder, Message, Preference


@dataclass(frozen=True, slots=True)
class Subject:
    """A general among kings, of which general k is the one of phase k, k from 0.

    `round` is the one under way; 0 before the start. `heard` are the preferences of this phase by general, None for
    silence; `clear` says whether the last majority needs no king.
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
        """The phase under way."""
        return (self.round - 1) // 2


def step(general: Subject, event: Event) -> tuple[Subject, tuple[Message, ...]]:
    """Return the general after `event` and what he sends."""
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
    """End the first round of a phase: take the majority for one's own preference; the king tells his to all."""
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
