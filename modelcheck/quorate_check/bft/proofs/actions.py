"""The actions of honest members as changes of tables: each has parameters, a guard and updates.

An action here may allow more than the code does, never less, so that its proofs hold for the code. A proposal must
satisfy only the conditions that protect decisions: no client needs to want it, and any member may send it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from quorate_check.bft.proofs.model import VOCABULARY, certified, formula
from quorate_check.proofs.logic.formulas import And, Formula, Sorts
from quorate_check.proofs.logic.rewriting import Update, sorts_of, update_of

LOCK_RULE: Final = "the lock rule"


@dataclass(frozen=True)
class Action:
    """`guard` maps reasons to conditions; `updates` maps `relation(places)` to the condition of a row after the step.

    `text` is the step in words, with the parameters' names in braces.
    """

    name: str
    claim: str
    text: str
    parameters: tuple[str, ...]
    guard: Mapping[str, str] = field(hash=False)
    updates: Mapping[str, str] = field(hash=False)

    @property
    def condition(self) -> Formula:
        """The guard as a formula."""
        return And(tuple(map(formula, self.guard.values())))

    @property
    def changes(self) -> dict[str, Update]:
        """The updates as formulas."""
        return dict(update_of(head, body, VOCABULARY) for head, body in self.updates.items())

    @property
    def sorts(self) -> Sorts:
        """The sorts of the parameters."""
        becomes = (update.becomes for update in self.changes.values())
        sorts = sorts_of(And((self.condition, *(b for b in becomes if b is not None))), VOCABULARY)
        return {name: sorts[name] for name in self.parameters}

    def without(self, rule: str) -> Action:
        """Return the action without one of its conditions."""
        return replace(self, guard={why: text for why, text in self.guard.items() if why != rule})


IN_ITS_VIEW: Final = {
    "it is honest": "honest(n)",
    "the view is its own": "!left(n, v) & (forall u. u < v -> left(n, u))",
    "it votes once": "forall e. !first(n, v, e)",
}

ENTER: Final = Action(
    "enter",
    "A member enters a view: its patience is over, or it follows others.",
    "{n} enters {v}",
    ("n", "v"),
    {"it is honest": "honest(n)", "the view isn't behind it": "!left(n, v)"},
    {"left(x, y)": "left(x, y) | x = n & y < v"},
)
FIRST_VOTE_FRESH: Final = Action(
    "first vote, fresh",
    "A member that isn't locked gives its first vote to a proposal that nothing certifies.",
    "{n} gives its first vote in {v} to {d}, which nothing certifies",
    ("n", "v", "d"),
    {**IN_ITS_VIEW, LOCK_RULE: "forall u. !locked(n, u)"},
    {"first(x, y, z)": "first(x, y, z) | x = n & y = v & z = d"},
)
FIRST_VOTE_JUSTIFIED: Final = Action(
    "first vote, justified",
    "A member gives its first vote to what an earlier view certified, unless it is locked in a view after that.",
    "{n} gives its first vote in {v} to {d}, which {j} certified",
    ("n", "v", "d", "j"),
    {
        **IN_ITS_VIEW,
        "it is certified": certified("first", "j", "d"),
        "by an earlier view": "j < v",
        LOCK_RULE: "forall u. locked(n, u) -> u <= j",
    },
    {
        "first(x, y, z)": "first(x, y, z) | x = n & y = v & z = d",
        "locked(x, y)": "locked(x, y) | x = n & y <= j",
    },
)
SECOND_VOTE: Final = Action(
    "second vote",
    "A member gives its second vote to what its view, or one that it enters, has certified; it is locked on that.",
    "{n} gives its second vote in {v} to {d}",
    ("n", "v", "d"),
    {
        "it is honest": "honest(n)",
        "the view isn't behind it": "!left(n, v)",
        "it is certified": certified("first", "v", "d"),
        "it votes once": "forall e. !second(n, v, e)",
    },
    {
        "left(x, y)": "left(x, y) | x = n & y < v",
        "second(x, y, z)": "second(x, y, z) | x = n & y = v & z = d",
        "locked(x, y)": "x != n & locked(x, y) | x = n & y <= v",
    },
)
DECIDE: Final = Action(
    "decide",
    "A member decides what second votes certify.",
    "{n} decides {d}, by a certificate of {v}",
    ("n", "v", "d"),
    {"it is honest": "honest(n)", "it is certified": certified("second", "v", "d")},
    {"decided(x, y, z)": "decided(x, y, z) | x = n & y = v & z = d"},
)

ACTIONS: Final = (ENTER, FIRST_VOTE_FRESH, FIRST_VOTE_JUSTIFIED, SECOND_VOTE, DECIDE)
