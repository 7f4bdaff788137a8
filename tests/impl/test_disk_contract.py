"""The contract between a core and its disk: order of writes, which messages wait for which, what a crash leaves."""

from hypothesis import given
from hypothesis import strategies as st

from quorate.disk import Queue, Write, add, crash, flush

STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.integers(0, 2)), max_size=12)


def asked(
    steps: list[tuple[bool, int, int]],
) -> tuple[Queue[int, tuple[int, int]], list[tuple[int, int]]]:
    """The queue after steps that write or don't, and what left; a message tells its step and its number."""
    queue: Queue[int, tuple[int, int]] = ()
    left: list[tuple[int, int]] = []
    for step, (writes, now, later) in enumerate(steps):
        messages = [(step, number) for number in range(now + later)]
        queue, leaving = add(queue, step if writes else None, tuple(messages[:now]), tuple(messages[now:]))
        left += leaving
    return queue, left


@given(STEPS)
def test_a_message_leaves_with_the_latest_write_up_to_its_step(steps: list[tuple[bool, int, int]]) -> None:
    """Not before it and not after: what a step that writes nothing vouches for are the writes before it."""
    queue, left = asked(steps)
    written: set[int] = set()
    for step, (_, now, _later) in enumerate(steps):
        before = [write.persist for write in queue if write.persist <= step]
        waits = {message for write in queue for message in write.messages if message[0] == step}
        at_once = {message for message in left if message[0] == step}
        assert waits == ({m for m in waits | at_once if m[1] >= now} if before else set())
    while queue:
        (oldest,), rest = flush(queue)
        assert all(oldest.persist <= step for step, _ in oldest.messages)
        assert not rest or all(step < rest[0].persist for step, _ in oldest.messages)
        written.add(oldest.persist)
        left += oldest.messages
        queue = rest
    assert written == {step for step, (writes, *_) in enumerate(steps) if writes}
    assert sorted(left) == [(s, n) for s, (_, now, later) in enumerate(steps) for n in range(now + later)]


@given(STEPS, st.integers(0, 12))
def test_writes_that_are_flushed_together_are_flushed_one_after_the_other(
    steps: list[tuple[bool, int, int]], count: int
) -> None:
    """One transaction of several writes releases what their flushes release, in order."""
    queue, _ = asked(steps)
    together, rest = flush(queue, count)
    one_by_one = queue
    singles: list[Write[int, tuple[int, int]]] = []
    for _ in range(min(count, len(queue))):
        oldest, one_by_one = flush(one_by_one)
        singles += oldest
    assert (list(together), rest) == (singles, one_by_one)


def test_a_crash_keeps_any_number_of_the_oldest_writes() -> None:
    """Each whole, and none without those before it."""
    queue: Queue[str, int] = ()
    for persist in "abc":
        queue, _ = add(queue, persist, (), (1,))
    assert crash("held:", queue, str.__add__) == ("held:", "held:a", "held:ab", "held:abc")
