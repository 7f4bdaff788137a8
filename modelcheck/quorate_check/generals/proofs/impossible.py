"""All decision rules at once: three generals have none that works, and four have only one.

A lieutenant decides by a rule, a function of the orders that he has received. The rules are required to keep IC1 and
IC2 with any one traitor, and z3 is asked for such functions. They are *uninterpreted*: z3 may choose any table for
them, so "there are none" is a statement about all rules.

After one round a lieutenant has received the commander's order; after two, also every other lieutenant's report of the
order. A traitor's statements are variables, and the requirement is made for all their values.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import permutations, product
from typing import Final

import z3

from quorate.generals import COMMANDER, Order, Protocol, Receive, RoundEnd, Rules, enlist, step
from quorate.generals.messages import Oral
from quorate_check.core.verdict import Verdict
from quorate_check.proofs.obligation import Obligation, ProofOutcome, ProofSubject, Sentences, Tie

NAMES: Final = {Order.RETREAT: "retreat", Order.ATTACK: "attack"}
TWO_ROUNDS: Final = 2
FORCED: Final = "Each of the 24 decisions is forced: three lieutenants, each told one of eight things."


@cache
def _orders() -> tuple[z3.SortRef, dict[Order, z3.ExprRef]]:
    sort, (retreat, attack) = z3.EnumSort("Order", [NAMES[Order.RETREAT], NAMES[Order.ATTACK]])
    return sort, {Order.RETREAT: retreat, Order.ATTACK: attack}


def rule(lieutenant: int, n: int, rounds: int) -> z3.FuncDeclRef:
    """The rule of one lieutenant: a function of the commander's order and of the others' reports, in their order."""
    sort, _ = _orders()
    words = 1 if rounds < TWO_ROUNDS else n - 1
    return z3.Function(f"decision of lieutenant {lieutenant}", *[sort] * (words + 1))


def words(name: str, n: int) -> dict[int, z3.ExprRef]:
    """Variables for the reports, by lieutenant."""
    sort, _ = _orders()
    return {i: z3.Const(f"{name}{i}", sort) for i in range(1, n)}


def decision(lieutenant: int, n: int, rounds: int, ordered: z3.ExprRef, words: dict[int, z3.ExprRef]) -> z3.ExprRef:
    """The decision of a lieutenant with the order `ordered`, to whom the others report `words`."""
    others = [words[i] for i in range(1, n) if i != lieutenant]
    return rule(lieutenant, n, rounds)(ordered, *(others if rounds == TWO_ROUNDS else ()))


def obeys(lieutenant: int, traitor: int, n: int, rounds: int) -> z3.BoolRef:
    """IC2: the commander is loyal, another lieutenant lies as he likes, and this one obeys the order."""
    sort, _ = _orders()
    order, lie = z3.Const("order", sort), z3.Const("lie", sort)
    words = {i: lie if i == traitor else order for i in range(1, n)}
    return z3.ForAll([order, lie], decision(lieutenant, n, rounds, order, words) == order)


def agree(first: int, second: int, n: int, rounds: int) -> z3.BoolRef:
    """IC1: the commander is the traitor and orders everybody what he likes; all pass it on, and two decide alike."""
    orders = words("order", n)
    decisions = [decision(i, n, rounds, orders[i], orders) for i in (first, second)]
    return z3.ForAll(list(orders.values()), decisions[0] == decisions[1])


def demands(n: int, rounds: int) -> dict[str, z3.BoolRef]:
    """The demands on the rules of `n` generals with one traitor, each with its sentence."""
    lieutenants = range(1, n)
    obeying = {
        f"lieutenant {i} obeys a loyal commander although lieutenant {j} lies": obeys(i, j, n, rounds)
        for i, j in permutations(lieutenants, 2)
    }
    agreeing = {
        f"lieutenants {i} and {j} decide alike if the commander is the traitor": agree(i, j, n, rounds)
        for i in lieutenants
        for j in lieutenants
        if i < j
    }
    return obeying | agreeing


def oral_majority(reports: Sequence[z3.ExprRef]) -> z3.ExprRef:
    """OM(1)'s rule for four: the majority of the three words."""
    first, second, third = reports
    return z3.If(z3.Or(first == second, first == third), first, second)


def some_other_rule() -> Sentences:
    """There are rules for four generals of which one isn't OM(1)'s."""
    sort, _ = _orders()
    reports = [z3.Const(f"heard{k}", sort) for k in range(3)]
    differ = [rule(i, 4, TWO_ROUNDS)(*reports) != oral_majority(reports) for i in (1, 2, 3)]
    return demands(4, TWO_ROUNDS) | {"some lieutenant once decides against what two of three say": z3.Or(*differ)}


def table(model: z3.ModelRef) -> str:
    """Return the rules of four that z3 found, as a table."""
    _, orders = _orders()
    lines = ["ordered, told by the two others: the decisions of lieutenants 1, 2 and 3"]
    for reports in product(Order, repeat=3):
        values = [orders[order] for order in reports]
        decided = [model.eval(rule(i, 4, TWO_ROUNDS)(*values), model_completion=True) for i in (1, 2, 3)]
        lines.append(f"{', '.join(NAMES[o] for o in reports)}: {', '.join(map(str, decided))}")
    return "\n".join(lines)


def _bits() -> Iterator[Obligation]:
    """Yield the proof of each decision."""
    _, orders = _orders()
    for i, reports in product((1, 2, 3), product(Order, repeat=3)):
        values = [orders[order] for order in reports]
        expected = Order(sum(reports) >= len(reports) - 1)

        def sentences(i: int = i, values: list[z3.ExprRef] = values, expected: Order = expected) -> Sentences:
            opposite = rule(i, 4, TWO_ROUNDS)(*values) == orders[expected.other]
            return demands(4, TWO_ROUNDS) | {f"lieutenant {i} decides the opposite": opposite}

        letters = "".join(NAMES[order][0].upper() for order in reports)
        yield Obligation(f"lieutenant {i} told {letters}", f"{i} told {letters}", FORCED, sentences)


def same_as_the_code(_limit: float) -> ProofOutcome:
    """Compare the rule with impl/quorate/generals: OM(1) of four, every word that a lieutenant can receive."""
    start = time.perf_counter()
    _, orders = _orders()
    for lieutenant, reports in product((1, 2, 3), product(Order, repeat=3)):
        proved = z3.simplify(oral_majority([orders[order] for order in reports]))
        actual = _decides(lieutenant, reports)
        if actual is None or not proved.eq(orders[actual]):
            text = f"lieutenant {lieutenant}, told {reports}, decides {actual}, and {proved} by what is proved"
            return ProofOutcome(Verdict.VIOLATED, time.perf_counter() - start, text)
    return ProofOutcome(Verdict.HOLDS, time.perf_counter() - start, "24 decisions of the code")


def _decides(lieutenant: int, reports: tuple[Order, ...]) -> Order | None:
    general = enlist(Rules(Protocol.ORAL, 4, 1, 1), lieutenant, Order.RETREAT)
    others = [i for i in (1, 2, 3) if i != lieutenant]
    general, _ = step(general, RoundEnd())
    general, _ = step(general, Receive(Oral(COMMANDER, lieutenant, (COMMANDER,), reports[0])))
    general, _ = step(general, RoundEnd())
    for second, report in zip(others, reports[1:], strict=True):
        general, _ = step(general, Receive(Oral(second, lieutenant, (COMMANDER, second), report)))
    general, _ = step(general, RoundEnd())
    return general.decision


def subject() -> ProofSubject:
    """The obligations and ties about the generals' rules."""
    third, four = "three generals, one traitor", "four generals, one traitor"
    impossible = (
        Obligation(
            "three, one round",
            third,
            "No rule works that looks at the commander's order alone.",
            lambda: demands(3, 1),
            core=True,
        ),
        Obligation(
            "three, two rounds",
            third,
            "No rule works that looks at what the other lieutenant says, too.",
            lambda: demands(3, TWO_ROUNDS),
            core=True,
        ),
        Obligation("four, one round", four, "One round isn't enough.", lambda: demands(4, 1), core=True),
    )
    unique = Obligation(
        "four, two rounds: majority",
        four,
        "After two rounds the only rule that works is OM(1)'s: what two of the three say.",
        some_other_rule,
    )
    possible = Obligation(
        "four, two rounds: nothing works",
        "controls",
        "No rule works for four generals either, after two rounds.",
        lambda: demands(4, TWO_ROUNDS),
        Verdict.VIOLATED,
        table,
    )
    tie = Tie("the code's decisions", "impl/quorate/generals decides by the rule that is forced.", same_as_the_code)
    quick = frozenset({"three, two rounds", unique.name, possible.name, tie.name})
    return ProofSubject(
        "generals", "The generals, by any rule of decision", (*impossible, unique, possible, *_bits()), (tie,), quick
    )
