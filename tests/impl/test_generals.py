"""Generals that exchange messages: how many there are, what they mean, and what is not listened to."""

import pytest

from quorate.generals import (
    COMMANDER,
    General,
    Message,
    Order,
    Protocol,
    Receive,
    RoundEnd,
    Rules,
    enlist,
    majority,
    step,
)
from quorate.generals.messages import Oral, Signed
from quorate.generals.signatures import Symbolic, statement

A, R = Order.ATTACK, Order.RETREAT


def play(rules: Rules, orders: list[Order]) -> tuple[list[Order | None], int]:
    """The decisions of generals of whom all are loyal, and the number of messages sent."""
    generals: list[General] = [enlist(rules, i, order) for i, order in enumerate(orders)]
    total = 0
    for _ in range(rules.rounds + 1):
        sent: list[Message] = []
        for i, general in enumerate(generals):
            generals[i], messages = step(general, RoundEnd())
            sent += messages
        while sent:
            total += len(sent)
            replies: list[Message] = []
            for message in sent:
                generals[message.dest], messages = step(generals[message.dest], Receive(message))
                replies += messages
            sent = replies
    return [general.decision for general in generals], total


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize(
    ("rules", "messages"),
    [
        (Rules(Protocol.VOTE, 5, 0, 0), 5 * 4),
        (Rules(Protocol.ORAL, 4, 1, 1), 9),
        (Rules(Protocol.ORAL, 7, 2, 2), 156),
        (Rules(Protocol.SIGNED, 4, 2, 2), 3 + 3 * 2),
        (Rules(Protocol.BRACHA, 4, 1, 0), 3 + 2 * 4 * 3),
        (Rules(Protocol.PHASE_KING, 5, 1, 1), 2 * (5 * 4 + 4)),
    ],
    ids=lambda value: value.protocol.value if isinstance(value, Rules) else "",
)
def test_loyal_generals_obey_with_so_many_messages(rules: Rules, messages: int, order: Order) -> None:
    """With nobody to mislead them all do what was ordered, or what all wanted."""
    decisions, total = play(rules, [order] * rules.n)
    assert decisions == [order] * rules.n
    assert total == messages


def test_a_tie_is_retreat() -> None:
    """More than half must want to attack."""
    assert majority([A, R]) is R
    assert majority([A, A, R]) is A
    assert majority([]) is R


def test_silence_is_retreat() -> None:
    """Whoever hears nothing retreats, though he would rather attack, in each protocol that has rounds."""
    for protocol in (Protocol.VOTE, Protocol.ORAL, Protocol.SIGNED, Protocol.PHASE_KING):
        rules = Rules(protocol, 4, 1, 1)
        general = enlist(rules, 1, A)
        for _ in range(rules.rounds + 1):
            general, _ = step(general, RoundEnd())
        assert general.decision is R


@pytest.mark.parametrize(
    ("number", "path", "source", "is_heard"),
    [
        pytest.param(1, (0,), 0, True, id="the commander"),
        pytest.param(1, (0, 2), 2, False, id="too early"),
        pytest.param(1, (2,), 2, False, id="no commander"),
        pytest.param(1, (), 0, False, id="nobody"),
        pytest.param(2, (0, 2), 2, True, id="a lieutenant"),
        pytest.param(2, (0,), 0, False, id="too late"),
        pytest.param(2, (0, 2), 3, False, id="carried by another"),
        pytest.param(2, (2, 3), 3, False, id="not from the commander"),
        pytest.param(2, (0, 1), 1, False, id="his own"),
        pytest.param(2, (0, 0), 0, False, id="twice"),
        pytest.param(2, (0, 9), 9, False, id="a stranger"),
    ],
)
def test_an_oral_message_that_is_out_of_place_is_not_heard(
    number: int, path: tuple[int, ...], source: int, *, is_heard: bool
) -> None:
    """In round 1 the commander speaks, in round 2 each lieutenant of what he heard; and nobody else."""
    general: General = enlist(Rules(Protocol.ORAL, 4, 1, 1), 1, R)
    for _ in range(number):
        general, _ = step(general, RoundEnd())
    assert (step(general, Receive(Oral(source, 1, path, A))) != (general, ())) == is_heard


def test_a_second_word_on_the_same_path_is_not_heard() -> None:
    """Each sender counts once."""
    general, _ = step(enlist(Rules(Protocol.ORAL, 4, 1, 1), 1, R), RoundEnd())
    general, _ = step(general, Receive(Oral(0, 1, (COMMANDER,), A)))
    assert step(general, Receive(Oral(0, 1, (COMMANDER,), R))) == (general, ())


def test_a_signature_on_another_order_is_not_heard() -> None:
    """A signature is of one order and one chain of signers."""
    keys = Symbolic()
    general, _ = step(enlist(Rules(Protocol.SIGNED, 4, 1, 1, keys), 1, R), RoundEnd())
    wrong = Signed(0, 1, R, (0,), (keys.sign(0, statement(A, (0,))),))
    assert step(general, Receive(wrong)) == (general, ())
    right = Signed(0, 1, A, (0,), wrong.signatures)
    assert step(general, Receive(right))[0] != general


@pytest.mark.parametrize(("n", "f", "m"), [(1, 0, 0), (256, 0, 0), (4, 4, 0), (4, -1, 0), (4, 1, 4), (4, 1, -1)])
def test_rules_that_make_no_sense_are_refused(n: int, f: int, m: int) -> None:
    """Before anything begins."""
    with pytest.raises(ValueError, match=r"generals|traitors|m = "):
        Rules(Protocol.ORAL, n, f, m)
