"""A cluster of fixed size for counterexamples: its elements have names, and its members and quorums are known."""

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
    """Return the only language of a cluster, or of any number of members: z3 knows sorts by their names."""
    return Language(VOCABULARY, None if cluster is None else cluster.universe)


def given(logic: Language) -> dict[str, z3.BoolRef]:
    """Return the assumptions about views and quorums; in a cluster they are all known facts."""
    if logic.universe is not None:
        return {"the cluster is as it is": z3.And(*logic.facts(), *_views_are_numbers(logic))}
    return {
        "views have an order": z3.And(*logic.orders()),
        "two quorums have an honest member in common": logic.closed(formula(HONEST_INTERSECTION)),
    }


def _views_are_numbers(logic: Language) -> Iterator[z3.BoolRef]:
    """Yield that a member has left, or is locked in, all views before one that it has left, or is locked in."""
    for one, other in pairwise(logic.things["view"]):
        for node, table in product(logic.things["node"], ("left", "locked")):
            yield z3.Implies(logic.symbols[table](node, other), logic.symbols[table](node, one))
