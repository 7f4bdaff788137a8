"""A counterexample to induction as text: the tables of the state, the step, its changes, and the conjunct then false.

z3's elements have no names. Terms and indexes are numbered by their order, servers are called s1, s2, ..., quorums are
written as the sets of their members, and values as letters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final

import z3

from quorate_check.proofs.logic.formulas import Atom, Var
from quorate_check.proofs.logic.rewriting import afterwards, sorts_of
from quorate_check.proofs.logic.worlds import World
from quorate_check.raft.proofs.actions import Action
from quorate_check.raft.proofs.invariant import INVARIANT
from quorate_check.raft.proofs.language import LANGUAGE
from quorate_check.raft.proofs.model import VOCABULARY
from quorate_check.raft.proofs.proving import renamed_apart

UNPRINTED: Final = {"member", "meets", "belongs", "started", "left"}
LETTERS: Final = "xyzuvw"


class NamedWorld(World):
    """A model of Raft's sentences, in which everything has a name."""

    def __init__(self, model: z3.ModelRef) -> None:
        super().__init__(LANGUAGE, model)
        self.names = {str(thing): name for sort in VOCABULARY.sorts for thing, name in self._names_of_sort(sort)}

    def _names_of_sort(self, sort: str) -> Iterator[tuple[z3.ExprRef, str]]:
        nothing = str(self.value(LANGUAGE.constant("nothing", "value")))
        for number, thing in enumerate(self.things[sort]):
            match sort:
                case "node":
                    yield thing, f"s{number + 1}"
                case "value":
                    yield thing, "-" if str(thing) == nothing else LETTERS[number % len(LETTERS)]
                case "quorum":
                    member = LANGUAGE.symbols["member"]
                    members = [i for i, node in enumerate(self.things["node"], 1) if self.true(member(node, thing))]
                    yield thing, "{" + ", ".join(f"s{i}" for i in members) + "}"
                case _:
                    yield thing, str(number)

    def name(self, term: z3.ExprRef) -> str:
        """Return the name of the element that a term denotes."""
        return self.names.get(str(self.value(term)), str(term))

    def table(self, rows: Iterable[tuple[z3.ExprRef, ...]]) -> str:
        """Return rows as text."""
        return " ".join("(" + ", ".join(map(self.name, row)) + ")" for row in rows)


def counterexample_text(action: Action | None, breaks: str, model: z3.ModelRef) -> str:
    """Return a counterexample in words: a state, the step by `action`, and the conjunct `breaks` that is then false."""
    world = NamedWorld(model)
    conjunct = next(c for c in INVARIANT if c.name == breaks)
    lines = ["before:", *(f"  {line}" for line in _state(world))]
    if action is not None:
        arguments = ", ".join(f"{p} = {world.name(LANGUAGE.constant(p, s))}" for p, s in action.sorts.items())
        lines += [f"step: {action.name}({arguments})", *(f"  {line}" for line in _row_changes(world, action))]
    lines.append(f"then {breaks} is false: {conjunct.claim}")
    return "\n".join(lines)


def _state(world: NamedWorld) -> Iterator[str]:
    """Yield a line for each table of each server, then those of terms; empty ones are left out."""
    owned = [name for name, places in VOCABULARY.relations.items() if places[0] == "node" and name not in UNPRINTED]
    for node in world.things["node"]:
        for name in owned:
            rows = [row[1:] for row in world.rows(name) if str(row[0]) == str(node)]
            if rows:
                yield f"{world.name(node)}  {name:<11} {world.table(rows) if rows[0] else ''}".rstrip()
    for name in ("started", "offered", "changes", "decides", "adjacent", "leaves", "early", "lacked", "lacked_by"):
        if rows := list(world.rows(name)):
            yield f"    {name:<11} {world.table(rows)}"
    for name in VOCABULARY.functions:
        if name == "configuration":
            continue
        values = (f"{world.name(t)}: {world.name(LANGUAGE.symbols[name](t))}" for t in world.things["term"])
        yield f"    {name:<11} {', '.join(values)}"


def _row_changes(world: NamedWorld, action: Action) -> Iterator[str]:
    """Yield the rows that a step adds and removes."""
    parameters = {name: LANGUAGE.constant(name, s) for name, s in action.sorts.items()}
    for name, update in action.changes.items():
        if update.becomes is None:
            continue
        head = renamed_apart(Atom(name, tuple(map(Var, update.places))))
        after = afterwards(head, {name: update})
        sorts = sorts_of(after, VOCABULARY, dict(action.sorts))
        places = [f"_{place}" for place in update.places]
        place_sorts = dict(zip(places, VOCABULARY.relations[name], strict=True))
        if name in UNPRINTED:
            continue
        for row in product(*(world.things[s] for s in VOCABULARY.relations[name])):
            environment = {**parameters, **dict(zip(places, row, strict=True))}
            is_row_after = world.true(LANGUAGE.translate(after, {**place_sorts, **sorts}, environment))
            if is_row_after != world.true(LANGUAGE.symbols[name](*row)):
                yield f"{'+' if is_row_after else '-'} {name}{world.table([row])}"
