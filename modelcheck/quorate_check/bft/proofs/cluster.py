"""A cluster of fixed size for counterexamples, whose elements have names and whose members and quorums are fixed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise, product

import z3

from quorate_check.bft.proofs.model import HONEST_INTERSECTION, VOCABULARY, formula
from quorate_check.proofs.logic.solving import Language, Universe


@dataclass(frozen=True, slots=True)
class FiniteCluster:
    """A number of members, of which the last `traitors` are traitors."""

    members: int
    traitors: int
    quorum: int
    views: int = 3
    values: int = 2

    @property
    def quorums(self) -> list[tuple[int, ...]]:
        """The smallest quorums, by the numbers of their members."""
        return list(combinations(range(self.members), self.quorum))

    @property
    def universe(self) -> Universe:
        """All elements of the cluster, with the honest members and the members of each quorum."""
        honest = frozenset((i,) for i in range(self.members - self.traitors))
        member = frozenset((i, k) for k, quorum in enumerate(self.quorums) for i in quorum)
        things = {
            "view": tuple(f"view {k + 1}" for k in range(self.views)),
            "value": tuple(chr(ord("A") + k) for k in range(self.values)),
            "quorum": tuple("+".join(f"s{i + 1}" for i in quorum) for quorum in self.quorums),
            "node": tuple(f"s{i + 1}" for i in range(self.members)),
        }
        return Universe(str(self), things, {"honest": honest, "member": member})


@cache
def language(cluster: FiniteCluster | None = None) -> Language:
    """Return the language of a cluster, or of any number of members for None.

    It is cached because z3 identifies sorts by name: two languages of one cluster would clash.
    """
    return Language(VOCABULARY, None if cluster is None else cluster.universe)


def background(logic: Language) -> dict[str, z3.BoolRef]:
    """Return the assumptions about views and quorums; in a finite cluster they are facts about its elements."""
    if logic.universe is not None:
        return {"the cluster is as it is": z3.And(*logic.facts(), *_views_are_numbers(logic))}
    return {
        "views have an order": z3.And(*logic.orders()),
        "two quorums have an honest member in common": logic.closed(formula(HONEST_INTERSECTION)),
    }


def _views_are_numbers(logic: Language) -> Iterator[z3.BoolRef]:
    """Yield, for each view, member and table, that a row of the next view implies that of the view."""
    for earlier, later in pairwise(logic.things["view"]):
        for node, table in product(logic.things["node"], ("left", "locked")):
            yield z3.Implies(logic.symbols[table](node, later), logic.symbols[table](node, earlier))
