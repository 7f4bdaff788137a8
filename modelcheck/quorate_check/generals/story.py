"""A run of the generals as a story: its messages and decisions."""

from __future__ import annotations

from collections.abc import Iterator

from quorate.generals import COMMANDER, Message, Order
from quorate.generals.words import tell
from quorate_check.generals.lockstep import SENTENCES
from quorate_check.generals.pictures import story_of_run
from quorate_check.generals.result import BrokenRun
from quorate_check.generals.rounds import Arrival
from quorate_check.generals.subject import IC1, IC2, Example


def story(example: Example) -> BrokenRun:
    """Return the example line by line."""
    picture = story_of_run(example, SENTENCES[example.broken], _decisions(example))
    return BrokenRun(example.broken, tuple(_lines(example)), picture)


def _lines(example: Example) -> Iterator[str]:
    yield _cast(example)
    for number, arrivals in enumerate(example.record.rounds, start=1):
        everything = [arrival for node in arrivals for arrival in node]
        yield f"Round {number}: " + ("; ".join(_round(example, everything)) or "nobody says anything") + "."
    yield _decisions(example) + "."
    yield _moral(example)


def _decisions(example: Example) -> str:
    decisions = [(i, node.decision) for i, node in example.record.end if i in example.setup.loyal]
    return "; ".join(_group([(f"{{}} {'{verb}'} {_name(d)}", i) for i, d in decisions]))


def _cast(example: Example) -> str:
    setup, instance = example.setup, example.instance
    liars = sorted(setup.traitors)
    liars_text = f"{_names(liars)} {'is a traitor' if len(liars) == 1 else 'are traitors'}. " if liars else ""
    if instance.has_commander:
        if COMMANDER in setup.traitors:
            return liars_text + "The commander is general 0."
        return liars_text + f"The commander, general 0, orders {setup.orders[COMMANDER].name}."
    wishes = [(f"{{}} {'{want}'} {setup.orders[i].name}", i) for i in setup.loyal]
    return liars_text + "; ".join(_group(wishes)) + "."


def _round(example: Example, everything: list[Arrival]) -> list[str]:
    """Return the messages of a round, grouped by sender, words and fate."""
    listeners: dict[tuple[int, str, str], list[int]] = {}
    for slot, delivery in everything:
        message: Message | None = slot.sent if slot.sent is not None else delivery
        if message is None:
            continue
        fate = "" if slot.sent is None or delivery == slot.sent else _fate(delivery)
        listeners.setdefault((message.source, tell(message), fate), []).append(message.dest)
    return [
        f"{_title(example, source)} tells {_names(sorted(dests))} “{words}”{fate}"
        for (source, words, fate), dests in sorted(listeners.items())
    ]


def _fate(delivery: Message | None) -> str:
    return ", which is lost" if delivery is None else f", which arrives as “{tell(delivery)}”"


def _title(example: Example, i: int) -> str:
    return f"traitor {i}" if i in example.setup.traitors and not example.instance.agreed else str(i)


def _moral(example: Example) -> str:
    commander = example.instance.has_commander
    match example.broken:
        case name if name == IC1:
            who = "loyal lieutenants" if commander else "loyal generals"
            return f"IC1 is broken: the {who} don't do the same."
        case name if name == IC2 and commander:
            return "IC2 is broken: the commander is loyal, and not every loyal lieutenant obeys him."
        case _:
            return "IC2 is broken: all loyal generals were of one mind, and don't do what they wanted."


def _group(clauses: list[tuple[str, int]]) -> list[str]:
    """Return one clause for each group of generals that do the same."""
    groups: dict[str, list[int]] = {}
    for words, i in clauses:
        groups.setdefault(words, []).append(i)
    return [
        words.format(
            _names(ids), verb="decides" if len(ids) == 1 else "decide", want="wants" if len(ids) == 1 else "want"
        )
        for words, ids in groups.items()
    ]


def _names(ids: list[int]) -> str:
    return str(ids[0]) if len(ids) == 1 else f"{', '.join(map(str, ids[:-1]))} and {ids[-1]}"


def _name(decision: Order | None) -> str:
    return "nothing" if decision is None else decision.name
