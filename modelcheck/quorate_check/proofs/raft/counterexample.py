"""A counterexample to induction, as tables: the state, a row for each thing that is true; the step; what is then false.

z3's things have no names. Terms and indexes are numbered by their order, servers are called s1, s2, ..., quorums are
written as the sets of their members, and values as letters.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

import z3

from quorate_check.proofs.raft.actions import Action
from quorate_check.proofs.raft.invariant import INVARIANT
from quorate_check.proofs.raft.logic import Atom, Var
from quorate_check.proofs.raft.model import VOCABULARY
from quorate_check.proofs.raft.proving import apart, changes
from quorate_check.proofs.raft.rewriting import afterwards, sorts_of
from quorate_check.proofs.raft.solving import constant, sort, symbol, translate

UNSAID: Final = {"member", "hopeless_after", "started", "spent", "left"}
LETTERS: Final = "xyzuvw"


class World:
    """A finite model: what there is, by sort, and what z3's things are called."""

    def __init__(self, model: z3.ModelRef) -> None:
        self.model = model
        self.things = {name: self._of(name) for name in VOCABULARY.sorts}
        self.names = {str(thing): said for name in VOCABULARY.sorts for thing, said in self._named(name)}

    def _of(self, name: str) -> list[z3.ExprRef]:
        found = self.model.get_universe(sort(name)) or [self.model.eval(z3.Const("one", sort(name)), True)]  # noqa: FBT003
        if name not in VOCABULARY.ordered:
            return sorted(found, key=str)
        before = symbol(f"at_most_{name}")
        return sorted(found, key=lambda thing: sum(self.true(before(other, thing)) for other in found))

    def _named(self, name: str) -> Iterator[tuple[z3.ExprRef, str]]:
        nothing = str(self.value(constant("nothing", "value")))
        for number, thing in enumerate(self.things[name]):
            match name:
                case "node":
                    yield thing, f"s{number + 1}"
                case "value":
                    yield thing, "-" if str(thing) == nothing else LETTERS[number % len(LETTERS)]
                case "quorum":
                    inside = [i for i, n in enumerate(self.things["node"], 1) if self.true(symbol("member")(n, thing))]
                    yield thing, "{" + ", ".join(f"s{i}" for i in inside) + "}"
                case _:
                    yield thing, str(number)

    def true(self, sentence: z3.BoolRef) -> bool:
        """Whether z3 takes a sentence without quantifiers for true."""
        return bool(z3.is_true(self.model.eval(sentence, True)))  # noqa: FBT003 - what the model leaves open too

    def value(self, term: z3.ExprRef) -> z3.ExprRef:
        """Return the thing that a term is."""
        return self.model.eval(term, True)  # noqa: FBT003

    def name(self, term: z3.ExprRef) -> str:
        """Return what the thing is called that a term is."""
        return self.names.get(str(self.value(term)), str(term))

    def rows(self, relation: str) -> list[tuple[z3.ExprRef, ...]]:
        """Return the rows of a table."""
        places = product(*(self.things[s] for s in VOCABULARY.relations[relation]))
        return [row for row in places if self.true(symbol(relation)(*row))]

    def table(self, rows: list[tuple[z3.ExprRef, ...]]) -> str:
        """Return rows as text."""
        return " ".join("(" + ", ".join(map(self.name, row)) + ")" for row in rows)


def told(action: Action | None, breaks: str, model: z3.ModelRef) -> str:
    """Return a counterexample in words: `action` leads from a state that is as it should to one without `breaks`."""
    world = World(model)
    conjunct = next(c for c in INVARIANT if c.name == breaks)
    lines = ["before:", *(f"  {line}" for line in _state(world))]
    if action is not None:
        given = ", ".join(f"{p} = {world.name(constant(p, s))}" for p, s in action.sorts.items())
        lines += [f"step: {action.name}({given})", *(f"  {line}" for line in _changed(world, action))]
    lines.append(f"then {breaks} is false: {conjunct.claim}")
    return "\n".join(lines)


def _state(world: World) -> Iterator[str]:
    """Yield a line for each table of each server, then those of terms; empty ones are left out."""
    owned = [name for name, places in VOCABULARY.relations.items() if places[0] == "node" and name not in UNSAID]
    for node in world.things["node"]:
        for name in owned:
            rows = [row[1:] for row in world.rows(name) if str(row[0]) == str(node)]
            if rows:
                yield f"{world.name(node)}  {name:<10} {world.table(rows)}"
    for name in ("started", "offered", "hopeless"):
        if rows := world.rows(name):
            yield f"    {name:<10} {world.table(rows)}"
    for name in VOCABULARY.functions:
        values = (f"{world.name(t)}: {world.name(symbol(name)(t))}" for t in world.things["term"])
        yield f"    {name:<10} {', '.join(values)}"


def _changed(world: World, action: Action) -> Iterator[str]:
    """Yield the rows that a step adds and removes."""
    parameters = {name: constant(name, s) for name, s in action.sorts.items()}
    for name, update in changes(action)[0].items():
        if update.becomes is None:
            continue
        head = apart(Atom(name, tuple(map(Var, update.places))))
        after = afterwards(head, {name: update})
        sorts = sorts_of(after, VOCABULARY, dict(action.sorts))
        places = [f"_{place}" for place in update.places]
        known = dict(zip(places, VOCABULARY.relations[name], strict=True))
        if name in UNSAID or name == "hopeless":
            continue
        for row in product(*(world.things[s] for s in VOCABULARY.relations[name])):
            environment = {**parameters, **dict(zip(places, row, strict=True))}
            now = world.true(translate(after, {**known, **sorts}, environment))
            if now != world.true(symbol(name)(*row)):
                yield f"{'+' if now else '-'} {name}{world.table([row])}"
