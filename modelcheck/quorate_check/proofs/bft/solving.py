"""The same sentences for z3, and z3's worlds in the words of the protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise, product
from typing import Final, TypeAlias

import z3

from quorate_check.proofs.bft.model import VOCABULARY
from quorate_check.proofs.raft.logic import (
    And,
    AtMost,
    Atom,
    Equal,
    Formula,
    Iff,
    Not,
    Or,
    Quantified,
    Sorts,
    Term,
    Var,
    free,
    parse,
)
from quorate_check.proofs.raft.rewriting import sorts_of

Environment: TypeAlias = Mapping[str, z3.ExprRef]
Said: TypeAlias = z3.BoolRef | bool


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that is small enough to be shown: so many members, the last of them traitors."""

    members: int
    traitors: int
    quorum: int
    views: int = 3
    values: int = 2


class Language:
    """z3's sorts and relations: of any number of things, or of those of a cluster."""

    def __init__(self, cluster: Cluster | None) -> None:
        self.cluster = cluster
        self.domain: dict[str, list[z3.ExprRef]] = {}
        if cluster is None:
            self.sorts = {name: z3.DeclareSort(name) for name in VOCABULARY.sorts}
        else:
            made = {name: z3.EnumSort(f"{name} of {cluster}", names) for name, names in names_in(cluster).items()}
            self.sorts = {name: sort for name, (sort, _) in made.items()}
            self.domain = {name: things for name, (_, things) in made.items()}
        self.relations = {
            name: z3.Function(name, *(self.sorts[place] for place in places), z3.BoolSort())
            for name, places in VOCABULARY.relations.items()
        }
        view = self.sorts["view"]
        self.at_most = z3.Function("at most", view, view, z3.BoolSort())
        self.known = {} if cluster is None else self._known(cluster)
        self.places = {thing.get_id(): k for things in self.domain.values() for k, thing in enumerate(things)}

    def _known(self, cluster: Cluster) -> dict[z3.FuncDeclRef, frozenset[tuple[int, ...]]]:
        """Return the relations that are always the same, with the places of what they hold of."""
        members = ((i, k) for k, quorum in enumerate(quorums_in(cluster)) for i in quorum)
        return {
            self.relations["honest"]: frozenset((i,) for i in range(cluster.members - cluster.traitors)),
            self.relations["member"]: frozenset(members),
            self.at_most: frozenset((i, k) for i in range(cluster.views) for k in range(i, cluster.views)),
        }

    def given(self, intersection: str) -> dict[str, z3.BoolRef]:
        """Return what is known of views and quorums: in a cluster all that there is to know."""
        if self.cluster is not None:
            return {"the cluster is as it is": z3.And(*self._facts())}
        a, b, c = z3.Consts("a b c", self.sorts["view"])
        most = self.at_most
        order = (
            z3.ForAll([a, b, c], z3.Implies(z3.And(most(a, b), most(b, c)), most(a, c))),
            z3.ForAll([a, b], z3.Implies(z3.And(most(a, b), most(b, a)), a == b)),
            z3.ForAll([a, b], z3.Or(most(a, b), most(b, a))),
        )
        said = self.closed(parse(intersection, VOCABULARY))
        return {"views have an order": z3.And(*order), "two quorums have a member in common": said}

    def _facts(self) -> Iterator[z3.BoolRef]:
        """Yield, of each thing, what is known; and that a member's view is a number, and that of its lock."""
        for relation, rows in self.known.items():
            things = [self.domain[str(sort)] for sort in self._sorts_of(relation)]
            for row in product(*map(enumerate, things)):
                yield relation(*(thing for _, thing in row)) == (tuple(place for place, _ in row) in rows)
        for one, other in pairwise(self.domain["view"]):
            for node, reached in product(self.domain["node"], ("left", "locked")):
                yield z3.Implies(self.relations[reached](node, other), self.relations[reached](node, one))

    def _sorts_of(self, relation: z3.FuncDeclRef) -> tuple[str, ...]:
        return ("view", "view") if relation is self.at_most else VOCABULARY.relations[relation.name()]

    def constants(self, sorts: Sorts) -> dict[str, z3.ExprRef]:
        """Return z3's constants of these names."""
        return {name: z3.Const(name, self.sorts[sort]) for name, sort in sorts.items()}

    def closed(self, formula: Formula) -> z3.BoolRef:
        """Return `formula` for all values of its free variables."""
        names = free(formula)
        return self.opened(Quantified(True, names, formula) if names else formula, {})  # noqa: FBT003 - "for all"

    def opened(self, formula: Formula, given: Sorts) -> z3.BoolRef:
        """Return `formula` with its free variables as constants."""
        sorts = sorts_of(formula, VOCABULARY, given)
        return self.translate(formula, sorts, self.constants({name: sorts[name] for name in free(formula)}))

    def translate(self, formula: Formula, sorts: Sorts, environment: Environment) -> z3.BoolRef:
        """Return `formula` for z3, with the variables of `environment` as there."""
        said = self._said(formula, sorts, environment)
        return z3.BoolVal(said) if isinstance(said, bool) else said

    def _said(self, formula: Formula, sorts: Sorts, environment: Environment) -> Said:  # noqa: PLR0911 - by kind
        """Return `formula` for z3, or whether it is true, if that is known."""

        def inside(part: Formula) -> Said:
            return self._said(part, sorts, environment)

        match formula:
            case Atom(name, args):
                return self._holds(self.relations[name], *(value(arg, environment) for arg in args))
            case Equal(one, other):
                left, right = value(one, environment), value(other, environment)
                known = {left.get_id(), right.get_id()} <= self.places.keys()
                return left.eq(right) if known else left == right
            case AtMost(one, other):
                return self._holds(self.at_most, value(one, environment), value(other, environment))
            case Not(part):
                return negated(inside(part))
            case And(parts):
                return both(map(inside, parts))
            case Or(parts):
                return negated(both(negated(inside(part)) for part in parts))
            case Iff(one, other):
                return self.translate(one, sorts, environment) == self.translate(other, sorts, environment)
            case Quantified():
                return self._quantified(formula, sorts, environment)

    def _holds(self, relation: z3.FuncDeclRef, *row: z3.ExprRef) -> Said:
        """Return that a relation holds, or whether it does: in a cluster, what no step changes is known."""
        if relation in self.known and all(thing.get_id() in self.places for thing in row):
            return tuple(self.places[thing.get_id()] for thing in row) in self.known[relation]
        return relation(*row)

    def _quantified(self, formula: Quantified, sorts: Sorts, environment: Environment) -> Said:
        """Return a "for all" or "there is"; in a cluster, each thing that is meant by name."""
        if self.cluster is None:
            bound = self.constants({name: sorts[name] for name in formula.variables})
            quantifier = z3.ForAll if formula.every else z3.Exists
            return quantifier(list(bound.values()), self.translate(formula.body, sorts, {**environment, **bound}))
        choices = product(*(self.domain[sorts[name]] for name in formula.variables))
        meant = (dict(zip(formula.variables, choice, strict=True)) for choice in choices)
        each = (self._said(formula.body, sorts, {**environment, **m}) for m in meant)
        return both(each) if formula.every else negated(both(map(negated, each)))


def negated(said: Said) -> Said:
    """The opposite."""
    if isinstance(said, bool):
        return not said
    return said.arg(0) if z3.is_not(said) else z3.Not(said)


def both(said: Iterable[Said]) -> Said:
    """All of them; nothing more is looked at once one is false."""
    unknown = []
    for each in said:
        if each is False:
            return False
        if each is not True:
            unknown.append(each)
    return z3.And(*unknown) if unknown else True


@cache
def language(cluster: Cluster | None = None) -> Language:
    """Return the one language of a cluster, or that of any: z3 knows a sort by its name."""
    return Language(cluster)


def value(term: Term, environment: Environment) -> z3.ExprRef:
    """Return a term for z3."""
    assert isinstance(term, Var), "there are neither functions nor constants in this vocabulary"
    return environment[term.name]


def names_in(cluster: Cluster) -> dict[str, list[str]]:
    """Return what the things of a cluster are called, by sort."""
    return {
        "view": [f"view {k + 1}" for k in range(cluster.views)],
        "value": [chr(ord("A") + k) for k in range(cluster.values)],
        "quorum": ["+".join(f"s{i + 1}" for i in q) for q in quorums_in(cluster)],
        "node": [f"s{i + 1}" for i in range(cluster.members)],
    }


def quorums_in(cluster: Cluster) -> list[tuple[int, ...]]:
    """Return the smallest quorums of a cluster, by the numbers of their members."""
    return list(combinations(range(cluster.members), cluster.quorum))


@dataclass(frozen=True, slots=True)
class World:
    """A model that z3 found, with names for what is in it."""

    language: Language
    model: z3.ModelRef

    def things(self, sort: str) -> list[z3.ExprRef]:
        """Everything of a sort: views in their order."""
        if self.language.cluster is not None:
            return self.language.domain[sort]
        found = list(self.model.get_universe(self.language.sorts[sort]) or [])
        if sort != "view":
            return sorted(found, key=str)
        return sorted(found, key=lambda one: sum(self.true(self.language.at_most(other, one)) for other in found))

    def true(self, sentence: z3.BoolRef) -> bool:
        """Whether a sentence is true in it."""
        return bool(z3.is_true(self.model.eval(sentence, model_completion=True)))

    def name(self, thing: z3.ExprRef) -> str:
        """What a thing is called."""
        found = self.model.eval(thing, model_completion=True)
        if self.language.cluster is not None:
            return str(found)
        sort = str(found.sort())
        number = next((k for k, t in enumerate(self.things(sort), start=1) if t.eq(found)), 0)
        return f"s{number}" if sort == "node" else f"{sort} {number}"

    def rows(self, relation: str) -> Iterator[tuple[str, ...]]:
        """Yield the rows of a table."""
        for row in product(*(self.things(sort) for sort in VOCABULARY.relations[relation])):
            if self.true(self.language.relations[relation](*row)):
                yield tuple(map(self.name, row))


VOTES: Final = {"first": "first vote", "second": "second vote"}


def picture(world: World) -> list[str]:
    """Return the state in words: who is there, who is in which quorum, and what each member has done."""
    honest = {name for (name,) in world.rows("honest")}
    nodes = [world.name(node) for node in world.things("node")]
    quorums: dict[str, list[str]] = {}
    for node, quorum in world.rows("member"):
        quorums.setdefault(quorum, []).append(node)
    traitors = ", ".join(node for node in nodes if node not in honest)
    lines = [f"members {', '.join(nodes)}; traitors: {traitors or 'none'}"]
    if world.language.cluster is None:
        lines += [f"{quorum}: {', '.join(members)}" for quorum, members in sorted(quorums.items())]
    for node in (n for n in nodes if n in honest):
        done = [f"{said} in {v} to {d}" for vote, said in VOTES.items() for n, v, d in world.rows(vote) if n == node]
        done += [f"has decided {d} of {v}" for n, v, d in world.rows("decided") if n == node]
        left = [v.removeprefix("view ") for n, v in world.rows("left") if n == node]
        locked = [v.removeprefix("view ") for n, v in world.rows("locked") if n == node]
        done += [f"has left view {', '.join(left)}"] if left else []
        done += [f"locked in view {locked[-1]}"] if locked else []
        lines.append(f"{node}: {'; '.join(done) or 'has done nothing'}")
    return lines
