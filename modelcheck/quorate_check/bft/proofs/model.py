"""The Byzantine core in first-order logic: its sorts, relations, assumptions and initial state.

`logic/formulas.py` says how sentences are written, `raft/model.py` what a proof by induction is. One index of the
log is decided, by any number of members, in any number of views, on any of any number of values.

| sort   | meaning                                                                                       |
| ------ | --------------------------------------------------------------------------------------------- |
| view   | a view; ordered                                                                               |
| value  | a digest                                                                                      |
| quorum | a set of members that may certify; the only assumption: two have an honest member in common   |
| node   | a member                                                                                      |

| relation           | true if, in the terms of impl/quorate/bft                                         |
| ------------------ | --------------------------------------------------------------------------------- |
| `honest(n)`        | n is no traitor                                                                   |
| `left(n, v)`       | state.view > v                                                                    |
| `first(n, v, d)`   | n has signed a Vote of phase PREPARE for d in v                                   |
| `second(n, v, d)`  | n has signed a Vote of phase COMMIT for d in v                                    |
| `locked(n, v)`     | view_of(state.lock) >= v                                                          |
| `decided(n, v, d)` | state.decisions[0] is a certificate for d of view v                               |

The only assumption about traitors is that they can sign anything. So a certificate exists as soon as all the honest
members of a quorum have voted for it: `certified`. There are no messages: votes aren't withdrawn, and any certificate
that exists, and any proposal, can reach any member at any time.

Wherever a sentence says "for each x there is a y", y's sort comes later than x's in the table above. Then finitely many
instances suffice, and z3 always decides.
"""

from __future__ import annotations

from typing import Final

from quorate_check.proofs.logic.evaluating import Evaluation
from quorate_check.proofs.logic.formulas import Formula, Vocabulary, parse

VOCABULARY: Final = Vocabulary(
    sorts=("view", "value", "quorum", "node"),
    ordered=("view",),
    relations={
        "member": ("node", "quorum"),
        "honest": ("node",),
        "left": ("node", "view"),
        "first": ("node", "view", "value"),
        "second": ("node", "view", "value"),
        "locked": ("node", "view"),
        "decided": ("node", "view", "value"),
    },
    functions={},
    constants={},
)

EVALUATION: Final = Evaluation(VOCABULARY)
HONEST_INTERSECTION: Final = "forall p, q. exists n. member(n, p) & member(n, q) & honest(n)"
INITIAL: Final = {
    "nobody has left a view": "!left(n, v)",
    "nobody has given a first vote": "!first(n, v, d)",
    "nobody has given a second vote": "!second(n, v, d)",
    "nobody is locked": "!locked(n, v)",
    "nobody has decided": "!decided(n, v, d)",
}


def certified(vote: str, view: str, value: str) -> str:
    """Return the sentence that a certificate can be made: the honest members of a quorum have all voted for it."""
    return f"(exists q. forall m. member(m, q) & honest(m) -> {vote}(m, {view}, {value}))"


def hopeless(view: str, value: str) -> str:
    """Return the sentence that no decision can be certified there: each quorum has an honest member past that vote."""
    return f"(forall q. exists m. member(m, q) & honest(m) & left(m, {view}) & !second(m, {view}, {value}))"


def formula(text: str) -> Formula:
    """Return a sentence about the tables above."""
    return parse(text, VOCABULARY)
