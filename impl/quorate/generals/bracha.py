"""Reliable broadcast (Bracha 1987): if one loyal general delivers an order, all do; without rounds, if n > 3f.

If the commander is a traitor, perhaps no order is ever delivered.
"""

from dataclasses import dataclass, replace

from quorate.generals.basics import COMMANDER, Event, GeneralId, Order, Receive
from quorate.generals.messages import Echo, Init, Message, Ready

Heard = tuple[Order | None, ...]


@dataclass(frozen=True, slots=True)
class Broadcaster:
    """A general of the broadcast; `order` is the commander's own.

    `echo` and `ready` are the orders in the messages that the general has sent, `echoes` and `readies` those in the
    first messages from each general, itself included; `decision` is the delivered order.
    """

    id: GeneralId
    n: int
    f: int
    echoes: Heard
    readies: Heard
    order: Order | None = None
    echo: Order | None = None
    ready: Order | None = None
    decision: Order | None = None


def broadcaster(general: GeneralId, n: int, f: int, order: Order | None = None) -> Broadcaster:
    """Return a general in its initial state."""
    return Broadcaster(general, n, f, (None,) * n, (None,) * n, order)


def step(general: Broadcaster, event: Event) -> tuple[Broadcaster, tuple[Message, ...]]:
    """Return the general after `event` and the messages it sends; the commander begins at the first RoundEnd."""
    sent: tuple[Message, ...] = ()
    if not isinstance(event, Receive):
        if general.id != COMMANDER or general.order is None or general.echo is not None:
            return general, ()
        sent = tuple(Init(general.id, i, general.order) for i in _others(general))
        general, more = _say_echo(general, general.order)
        return _progress(general, (*sent, *more))
    match event.message:
        case Init(source, _, order) if source == COMMANDER and general.echo is None:
            general, sent = _say_echo(general, order)
        case Echo(source, _, order) if 0 <= source < general.n and general.echoes[source] is None:
            general = replace(general, echoes=_noted(general.echoes, source, order))
        case Ready(source, _, order) if 0 <= source < general.n and general.readies[source] is None:
            general = replace(general, readies=_noted(general.readies, source, order))
        case _:
            return general, ()
    return _progress(general, sent)


def _progress(general: Broadcaster, sent: tuple[Message, ...]) -> tuple[Broadcaster, tuple[Message, ...]]:
    """Send READY, and deliver, as soon as enough messages have arrived."""
    n, f = general.n, general.f
    for order in Order:
        if general.ready is None and (2 * general.echoes.count(order) > n + f or general.readies.count(order) > f):
            general = replace(general, ready=order, readies=_noted(general.readies, general.id, order))
            sent = (*sent, *(Ready(general.id, i, order) for i in _others(general)))
    for order in Order:
        if general.decision is None and general.readies.count(order) > 2 * f:
            general = replace(general, decision=order)
    return general, sent


def _say_echo(general: Broadcaster, order: Order) -> tuple[Broadcaster, tuple[Message, ...]]:
    general = replace(general, echo=order, echoes=_noted(general.echoes, general.id, order))
    return general, tuple(Echo(general.id, i, order) for i in _others(general))


def _others(general: Broadcaster) -> list[GeneralId]:
    return [i for i in range(general.n) if i != general.id]


def _noted(heard: Heard, source: GeneralId, order: Order) -> Heard:
    return (*heard[:source], order, *heard[source + 1 :])
