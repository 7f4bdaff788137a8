"""A counterexample in words: the members, the quorums, and the votes and decisions of each member."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import z3

from quorate_check.proofs.logic.worlds import World

VOTES: Final = {"first": "first vote", "second": "second vote"}


class NamedWorld(World):
    """A model of the Byzantine core's sentences, in which everything has a name."""

    def name(self, thing: z3.ExprRef) -> str:
        """Return the name of an element."""
        element = self.value(thing)
        if self.language.universe is not None:
            return str(element)
        sort = str(element.sort())
        number = next((k for k, t in enumerate(self.things[sort], start=1) if t.eq(element)), 0)
        return f"s{number}" if sort == "node" else f"{sort} {number}"

    def named_rows(self, relation: str) -> Iterator[tuple[str, ...]]:
        """Yield the rows of a table, by name."""
        for row in self.rows(relation):
            yield tuple(map(self.name, row))


def picture(world: NamedWorld) -> list[str]:
    """Return the state in words: the members, the quorums, and the votes and decisions of each member."""
    honest = {name for (name,) in world.named_rows("honest")}
    nodes = [world.name(node) for node in world.things["node"]]
    quorums: dict[str, list[str]] = {}
    for node, quorum in world.named_rows("member"):
        quorums.setdefault(quorum, []).append(node)
    traitors = ", ".join(node for node in nodes if node not in honest)
    lines = [f"members {', '.join(nodes)}; traitors: {traitors or 'none'}"]
    if world.language.universe is None:
        lines += [f"{quorum}: {', '.join(members)}" for quorum, members in sorted(quorums.items())]
    for node in (n for n in nodes if n in honest):
        history = [
            f"{vote_text} in {v} to {d}"
            for vote, vote_text in VOTES.items()
            for n, v, d in world.named_rows(vote)
            if n == node
        ]
        history += [f"has decided {d} of {v}" for n, v, d in world.named_rows("decided") if n == node]
        views_left = [v.removeprefix("view ") for n, v in world.named_rows("left") if n == node]
        views_locked = [v.removeprefix("view ") for n, v in world.named_rows("locked") if n == node]
        history += [f"has left view {', '.join(views_left)}"] if views_left else []
        history += [f"locked in view {views_locked[-1]}"] if views_locked else []
        lines.append(f"{node}: {'; '.join(history) or 'has done nothing'}")
    return lines
