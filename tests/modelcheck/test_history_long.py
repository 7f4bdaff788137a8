"""Histories of thousands of operations on one key, by clients that keep it busy: good ones, and with one lie in them.

Nothing here is timed. What makes a search fast is that it hardly ever turns back, and that can be counted.
"""

import random
from dataclasses import replace

import pytest

from history_making import (
    DONE,
    PLAIN,
    Asked,
    Load,
    assert_explains,
    busy,
    told,
)
from nightly import all_by_day_but
from quorate_check.core.verdict import Verdict
from quorate_check.history.budget import Budget
from quorate_check.history.check import HistoryResult, check
from quorate_check.history.operations import History, Operation
from quorate_check.history.parts import split
from quorate_check.history.problem import problem
from quorate_check.history.search import search

COUNTER, LOG, EXCHANGE = ("get", "incr"), ("get", "append"), ("get", "set", "getset")
LOADS = {
    "a register": Load(5_000, 10),
    "a register, more clients": Load(5_000, 20),
    "a register, few values": Load(5_000, 10, values=5),
    "a register, few values, more clients": Load(3_000, 20, values=5),
    "a register, many unknown": Load(5_000, 10, unknown=0.05),
    "a counter": Load(5_000, 20, COUNTER),
    "a counter, many unknown": Load(5_000, 20, COUNTER, unknown=0.05),
    "a log": Load(3_000, 20, LOG),
    "a log, some unknown": Load(3_000, 10, LOG, unknown=0.02),
    "exchanges": Load(5_000, 10, EXCHANGE, unknown=0.02),
    "several keys": Load(8_000, 20, PLAIN, keys="abcde", unknown=0.02),
}


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_a_long_history_of_a_map_that_keeps_its_word_holds(load: Load) -> None:
    """The search finds an order, and needs few configurations more than there are operations."""
    operations = busy(load)
    judgement = check(History(operations))
    assert judgement.verdict is Verdict.HOLDS
    for judged in judgement.parts:
        assert_explains(judged.order)
    ordered = sum(each.returned is not None for judged in judgement.parts for each in judged.order)
    assert ordered == sum(each.outcome is DONE for each in operations)
    assert sum(judged.configurations for judged in judgement.parts) < 4 * load.operations


SPARSE = {
    "a register": Load(5_000, 10),
    "a register, more clients": Load(5_000, 20),
    "a register, some unknown": Load(5_000, 10, unknown=0.02),
    "exchanges": Load(3_000, 10, EXCHANGE),
}


LONG = ("a register, more clients", "a register, some unknown")


@pytest.mark.parametrize("name", all_by_day_but(SPARSE, *LONG))
def test_a_stale_read_breaks_a_long_history_where_it_returns(name: str) -> None:
    """It was told of a write that another one had overwritten before the read was asked for."""
    operations = busy(SPARSE[name])
    read = _late_read(operations)
    lie = replace(read, reply=_overwritten_before(operations, read))
    _assert_breaks_at(check(History(_with(operations, lie))), lie)


# The longer a log, the longer each of its states.
LIED = {**SPARSE, "a counter": LOADS["a counter"], "a log": Load(1_000, 20, LOG)}


@pytest.mark.parametrize("name", all_by_day_but(LIED, *LONG))
def test_a_value_that_was_never_written_breaks_a_long_history_where_it_is_read(name: str) -> None:
    """No order can explain it, and all that came before can be explained."""
    operations = busy(LIED[name])
    lie = replace(_late_read(operations), reply="-7")
    _assert_breaks_at(check(History(_with(operations, lie))), lie)


@pytest.mark.parametrize("clients", [5, 20])
def test_a_retry_that_counts_twice_breaks_a_long_history(clients: int) -> None:
    """Some answer soon after is one more than all that were ever asked for."""
    chance = random.Random(clients)
    asked, at = list[Asked](), 0.0
    for number in range(3_000):
        at += chance.random()
        name = chance.choice(COUNTER)
        asked.append(Asked(number % clients, name, ("x",), at, at + chance.random(), at + 3, DONE, takes_effect=True))
    again = next(each for each in asked[2_500:] if each.name == "incr")
    retried = told([*asked, replace(again, effect=again.effect + 1.5)])
    first, *copies = (each for each in retried if each.invoked == again.invoked)
    assert len(copies) == 1  # the client was told of the first one only
    heard = tuple(each for each in retried if each is not copies[0])
    judgement = check(History(heard))
    assert judgement.verdict is Verdict.VIOLATED
    assert judgement.first_break is not None
    assert first.invoked <= judgement.first_break.broken.operation.invoked < first.invoked + 20
    assert check(History(told(asked))).verdict is Verdict.HOLDS


def test_an_acknowledged_update_that_is_lost_breaks_a_long_history() -> None:
    """Two increments were told the same number."""
    operations = busy(LOADS["a counter"])
    first, second = [each for each in operations if each.name == "incr"][2_000:2_002]
    lie = replace(second, reply=first.reply)
    assert check(History(_with(operations, lie))).verdict is Verdict.VIOLATED


def test_a_history_that_is_too_hard_is_unknown_never_good() -> None:
    """Whether the time is over, the memory full, or somebody asked to stop."""
    history = History(busy(LOADS["a register"]))
    budgets = {
        "the limit of 0 s was reached": Budget(seconds=0),
        "the limit of 0 GiB was reached": Budget(bytes=0),
        "interrupted": Budget(interrupted=lambda: "interrupted"),
    }
    for reason, budget in budgets.items():
        judgement = check(history, budget)
        assert judgement.verdict is Verdict.UNKNOWN
        assert [each.stopped for each in judgement.parts] == [reason]


def test_a_break_that_was_not_pinned_down_says_so() -> None:
    """The verdict stands; what is claimed of the prefix before is only what was found out."""
    operations = busy(SPARSE["a register"])
    read = _late_read(operations)
    history = History(_with(operations, replace(read, reply=_overwritten_before(operations, read))))
    asked = 0

    def soon() -> str | None:
        nonlocal asked
        asked += 1
        return "enough" if asked > needed else None

    needed = _questions(history)
    judgement = check(history, Budget(interrupted=soon))
    assert judgement.verdict is Verdict.VIOLATED
    assert judgement.first_break is not None
    assert not judgement.first_break.exact
    assert judgement.first_break.orderable_until < judgement.first_break.position


def test_of_several_parts_the_first_to_break_is_shown() -> None:
    """By the time when it broke, not by key or size."""
    operations = busy(Load(4_000, 10, keys="ab"))
    reads = [each for each in operations if each.name == "get" and each.outcome is DONE]
    early = next(each for each in reads[500:] if each.arguments == ("b",))
    late = next(each for each in reads[1_500:] if each.arguments == ("a",))
    for lies in ((early, late), (late, early)):
        bad = operations
        for each in lies:
            bad = _with(bad, replace(each, reply="never"))
        _assert_breaks_at(check(History(bad)), early)


def _questions(history: History) -> int:
    """How often the search asks whether to stop until it knows that no order exists."""
    count = 0

    def ask(_: int) -> None:
        nonlocal count
        count += 1

    (part,) = split(history)
    assert not search(problem(part), ask).complete
    return count


def _late_read(operations: tuple[Operation, ...]) -> Operation:
    reads = [each for each in operations if each.name == "get" and each.outcome is DONE]
    return reads[len(reads) * 9 // 10]


def _overwritten_before(operations: tuple[Operation, ...], read: Operation) -> str:
    """What a write wrote that was over before another began, which was over before the read; no other wrote this."""
    before = [each for each in operations if _came_before(each, read.invoked) and each.name == "set"]
    last = max(before, key=lambda each: each.invoked)
    return max((each for each in before if _came_before(each, last.invoked)), key=lambda e: e.invoked).arguments[1]


def _came_before(operation: Operation, time: float) -> bool:
    return operation.outcome is DONE and operation.returned is not None and operation.returned < time


def _with(operations: tuple[Operation, ...], lie: Operation) -> tuple[Operation, ...]:
    return tuple(lie if each.line == lie.line else each for each in operations)


def _assert_breaks_at(judgement: HistoryResult, lie: Operation) -> None:
    assert judgement.verdict is Verdict.VIOLATED
    assert judgement.first_break is not None
    assert judgement.first_break.exact
    assert judgement.first_break.broken.operation.line == lie.line
    assert_explains(judgement.first_break.order)
