"""The search for an order against the definition: both on histories small enough to try every order."""

import random
from collections import Counter
from dataclasses import replace

from hypothesis import event, given

from history_making import assert_explains, can_be_ordered, crowded_history, crowded_map, small_histories
from nightly import EXAMPLES, examples
from quorate_check.core.verdict import Verdict
from quorate_check.history.check import check
from quorate_check.history.operations import History, Operation, OperationOutcome
from quorate_check.history.parts import place, split
from quorate_check.history.problem import problem
from quorate_check.history.search import search

often = examples(200)


@often
@given(small_histories())
def test_an_order_is_found_exactly_when_there_is_one(operations: tuple[Operation, ...]) -> None:
    """Whatever the rules and the lookahead leave out, and every order that is found is one."""
    expected = can_be_ordered(operations)
    event("can be ordered" if expected else "can't be ordered")
    assert _is_ordered(operations) == expected


def test_an_order_is_found_exactly_when_there_is_one_in_a_crowd() -> None:
    """Of thousands of histories in which much happens at the same time, and many of which can't be ordered."""
    seen = Counter[bool]()
    for seed in range(EXAMPLES * 10 or 5_000):
        operations = crowded_history(random.Random(seed))
        expected = can_be_ordered(operations)
        seen[expected] += 1
        assert _is_ordered(operations) == expected, f"crowded_history(random.Random({seed}))"
    assert min(seen[True], seen[False]) > sum(seen.values()) // 10


def test_an_order_is_found_exactly_when_there_is_one_of_operations_on_the_whole_map() -> None:
    """DBSIZE and KEYS see all keys at one moment, which may begin with values."""
    seen = Counter[bool]()
    for seed in range(EXAMPLES * 10 or 2_000):
        chance = random.Random(seed)
        operations = crowded_map(chance)
        initial = chance.choice([{}, {"x": "1"}, {"z": "a", "w": "b"}])
        expected = can_be_ordered(operations, initial)
        seen[expected] += 1
        judgement = check(History(operations, initial=initial))
        verdict = Verdict.HOLDS if expected else Verdict.VIOLATED
        done = any(each.outcome is OperationOutcome.DONE for each in operations)
        assert judgement.verdict is (verdict if done else Verdict.UNKNOWN), f"seed {seed}"
        for part in judgement.parts:
            assert_explains(part.order, initial)
    assert min(seen[True], seen[False]) > sum(seen.values()) // 10


def _is_ordered(operations: tuple[Operation, ...]) -> bool:
    complete = True
    for part in split(History(operations)):
        result = search(problem(part), lambda _: None)
        assert result.stopped is None
        assert_explains(result.order)
        if result.complete:
            assert {each for each in part.operations if each.returned is not None} <= set(result.order)
        complete &= result.complete
    return complete


@often
@given(small_histories())
def test_the_break_is_the_first_return_that_cannot_be_explained(operations: tuple[Operation, ...]) -> None:
    """All that came before it can be ordered; with it, nothing can."""
    judgement = check(History(operations))
    first = judgement.first_break
    assert (first is not None) == (judgement.verdict is Verdict.VIOLATED)
    if first is None:
        return
    assert first.exact
    assert can_be_ordered(_up_to(operations, first.position - 1))
    assert not can_be_ordered(_up_to(operations, first.position))
    assert_explains(first.order)


@often
@given(small_histories())
def test_what_the_keys_can_have_been_before_a_break_is_told_exactly(operations: tuple[Operation, ...]) -> None:
    """A value is named if and only if a `get` that came after all of that could have returned it."""
    first = check(History(operations)).first_break
    if first is None:
        return
    broken = first.broken.operation
    before = [each for each in _up_to(operations, first.position - 1) if each.line != broken.line]
    values = {word for each in operations for word in each.arguments[1:]} | {None, *map(str, range(-9, 10))}
    for key, possible in first.possible.items():
        for value in values | set(possible):
            get = replace(broken, name="get", arguments=(key,), reply=value, invoked=99, returned=99)
            assert can_be_ordered([*before, get]) == (value in possible)


def _up_to(operations: tuple[Operation, ...], position: int) -> tuple[Operation, ...]:
    """The events up to this one, of all histories that begin with them: who hasn't returned may be told anything."""
    cut = []
    for each in place(History(operations)).plain:
        operation = each.operation
        if each.invoked <= position:
            pending = each.returned is None or each.returned > position
            cut.append(replace(operation, outcome=OperationOutcome.UNKNOWN) if pending else operation)
    return tuple(cut)
