"""Histories with known verdicts: small ones on which every order is tried, long ones of a map that keeps its word."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from quorate_check.history.model import agrees, apply, keys_of
from quorate_check.history.operations import History, Operation, OperationOutcome, Reply, Value
from quorate_check.history.parts import Interval

DONE, APPLIED, NOT_DONE, UNKNOWN = OperationOutcome


def done(line: int, times: tuple[int, int], name: str, *words: str, reply: object) -> Operation:
    """An operation of a client of its own that was done between two times."""
    return Operation(line, f"c{line}", name, words, *times, reply, DONE)  # type: ignore[arg-type]


def applied(line: int, times: tuple[int, int], name: str, *words: str) -> Operation:
    """An operation that was done between two times, and whose reply nobody kept."""
    return Operation(line, f"c{line}", name, words, *times, None, APPLIED)


def unknown(line: int, invoked: int, name: str, *words: str) -> Operation:
    """An operation of which nothing was ever heard."""
    return Operation(line, f"c{line}", name, words, invoked, None, None, UNKNOWN)


def history(*operations: Operation) -> History:
    """These operations."""
    return History(operations)


def can_be_ordered(operations: Sequence[Operation], initial: Mapping[str, str] | None = None) -> bool:
    """The definition, by trying: some order of all that was done and any that may have been explains each reply."""
    matter = [each for each in operations if each.outcome is not NOT_DONE]
    failed: set[tuple[frozenset[int], tuple[tuple[str, Value], ...]]] = set()

    def goes_on(ordered: frozenset[int], state: dict[str, Value]) -> bool:
        left = [number for number in range(len(matter)) if number not in ordered]
        if all(matter[number].outcome is UNKNOWN for number in left):
            return True
        place = ordered, tuple(sorted(state.items()))
        if place in failed:
            return False
        for number in left:
            operation = matter[number]
            first = all(other == number or not _precedes(matter[other], operation) for other in left)
            after = _applied(operation, state) if first else None
            if after is not None and goes_on(ordered | {number}, after):
                return True
        failed.add(place)
        return False

    return goes_on(frozenset(), dict(initial or {}))


def _precedes(one: Operation, other: Operation) -> bool:
    return one.outcome in {DONE, APPLIED} and one.returned is not None and one.returned < other.invoked


def _applied(operation: Operation, state: dict[str, Value]) -> dict[str, Value] | None:
    """The state afterwards, None if the reply would have been another."""
    reply, after = replied(operation.name, operation.arguments, state)
    if isinstance(operation.reply, tuple) and operation.name == "keys":
        operation = replace(operation, reply=tuple(sorted(operation.reply, key=str)))
    return {**state, **after} if agrees(operation, reply) else None


def replied(name: str, words: tuple[str, ...], state: Mapping[str, Value]) -> tuple[Reply, dict[str, Value]]:
    """What a map in this state replies, and the values of the keys that it touches afterwards."""
    there = sorted(key for key, value in state.items() if value is not None)
    if name == "dbsize" and not words:
        return len(there), {}
    if name == "keys" and words and words[0].endswith("*"):
        return tuple(key for key in there if key.startswith(words[0][:-1])), {}
    keys = keys_of(name, words)
    reply, values = apply(name, words, tuple(state.get(key) for key in keys))
    return reply, dict(zip(keys, values, strict=True))


def assert_explains(order: Sequence[Interval], initial: Mapping[str, str] | None = None) -> None:
    """An order respects real time, and every reply in it is the one that the map gives."""
    latest, state = -1, dict[str, Value](initial or {})
    assert len({id(each) for each in order}) == len(order)
    for each in order:
        assert each.returned is None or each.returned > latest, "it returned before another was invoked that is first"
        latest = max(latest, each.invoked)
        after = _applied(each.operation, state)
        assert after is not None, f"another reply: {each.operation}"
        state = after


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks for, when, and when the map does it if it does."""

    client: int
    name: str
    words: tuple[str, ...]
    invoked: float
    effect: float
    returned: float
    outcome: OperationOutcome
    takes_effect: bool


def told(asked: Sequence[Asked], initial: Mapping[str, str] | None = None) -> tuple[Operation, ...]:
    """What clients are told by a map that does their operations at the time of their effects."""
    state, operations = dict[str, Value](initial or {}), list[Operation]()
    for line, each in enumerate(sorted(asked, key=lambda each: each.effect), start=1):
        reply = None
        if each.takes_effect:
            reply, after = replied(each.name, each.words, state)
            state |= after
        reply = reply if each.outcome is DONE else None
        operations.append(
            Operation(line, f"c{each.client}", each.name, each.words, each.invoked, each.returned, reply, each.outcome)
        )
    return tuple(operations)


@st.composite
def small_histories(draw: DrawFn) -> tuple[Operation, ...]:
    """Up to ten operations, told by a map, with at most one reply then taken from elsewhere."""
    keys = draw(st.sampled_from(["x", "xy"]))
    values = "1abc"[: draw(st.integers(1, 4))]
    names = draw(st.sampled_from([PLAIN, MIXED]))
    crowd = draw(st.sampled_from([3, 8, 20]))  # the fewer times, the more overlap
    operations = list(told(draw(st.lists(_asked(keys, values, names, crowd), min_size=1, max_size=10))))
    which = [number for number, each in enumerate(operations) if each.outcome is DONE]
    if which and draw(st.booleans()):
        number = draw(st.sampled_from(which))
        replies: list[object] = [each.reply for each in operations if each.name == operations[number].name]
        reply = draw(st.sampled_from([*replies, *values, None]))
        if isinstance(operations[number].reply, int):
            reply = draw(st.integers(0, 3))
        operations[number] = replace(operations[number], reply=reply)
    return tuple(operations)


def crowded_history(chance: random.Random) -> tuple[Operation, ...]:
    """Up to twelve operations on one or two keys, much at the same time, with at most one reply that is another's."""
    names, crowd = chance.choice([PLAIN, PLAIN, WRITES, MIXED]), chance.choice([4, 8, 16])
    return _crowd(chance, names, crowd)


def crowded_map(chance: random.Random) -> tuple[Operation, ...]:
    """The same, with operations that look at the whole map, on up to three keys."""
    return _crowd(chance, WHOLE, chance.choice([6, 12, 24]), ("x", "xy", "z"))


def _crowd(
    chance: random.Random, names: Sequence[str], crowd: int, most_keys: Sequence[str] = ("x", "y")
) -> tuple[Operation, ...]:
    keys, values = chance.choice([("x",), ("x",), most_keys]), "1abcd"[: chance.randint(1, 5)]
    asked = []
    for client in range(chance.randint(2, 12)):
        name, words = ask(chance, chance.choice(names), keys, lambda: chance.choice(values))
        invoked = chance.randrange(crowd)
        returned = invoked + chance.randrange(1 + crowd // 2)
        outcome = chance.choices([DONE, APPLIED, UNKNOWN, NOT_DONE], [16, 3, 4, 2])[0]
        takes_effect = outcome in {DONE, APPLIED} or (outcome is UNKNOWN and chance.random() < 0.5)
        effect = chance.uniform(invoked, returned if outcome in {DONE, APPLIED} else crowd)
        asked.append(Asked(client, name, words, invoked, effect, returned, outcome, takes_effect))
    operations = list(told(asked))
    alike = [each for each in operations if each.outcome is DONE and each.name in OFTEN_ALIKE]
    if len(alike) > 1 and chance.random() < 0.7:
        one, other = chance.sample(alike, 2)
        operations[one.line - 1] = replace(one, reply=other.reply)
    return tuple(operations)


OFTEN_ALIKE = {"get", "incr", "del", "getset", "dbsize", "keys"}
PLAIN = ("get", "set")
WRITES = ("get", "set", "set", "set", "mset", "mget", "set if", "incr")
NUMBERS = ("incr", "incrby", "decrby")
SIBLINGS = ("setnx", "msetnx", "getdel", "getrange", "substr", "type", "unlink", "touch")
MIXED = ("get", "set", "set if", "getset", *NUMBERS, "append", "del", "mget", "mset", "exists", "strlen", *SIBLINGS)
WHOLE = ("get", "set", "del", "incr", "append", "dbsize", "keys")
ALL = tuple(name for name in MIXED if name not in {"mget", "mset", "msetnx"})


@st.composite
def _asked(draw: DrawFn, keys: str, values: str, names: Sequence[str], crowd: int) -> Asked:
    chance = draw(st.randoms(use_true_random=False))
    name, words = ask(chance, draw(st.sampled_from(names)), tuple(keys), lambda: draw(st.sampled_from(values)))
    invoked = draw(st.integers(0, crowd))
    returned = invoked + draw(st.integers(0, 1 + crowd // 3))
    outcome = draw(st.sampled_from([DONE] * 6 + [APPLIED] + [UNKNOWN] * 2 + [NOT_DONE]))
    known = outcome in {DONE, APPLIED}
    takes_effect = known or (outcome is UNKNOWN and draw(st.booleans()))
    effect = draw(st.floats(invoked, returned if known else crowd + 2))
    return Asked(0, name, words, invoked, effect, returned, outcome, takes_effect)


def ask(chance: random.Random, name: str, keys: Sequence[str], value: Callable[[], str]) -> tuple[str, tuple[str, ...]]:
    """Words for an operation of this name, on some of `keys`."""
    key, other = chance.choice(keys), chance.choice(keys)
    match name:
        case "set" | "getset" | "append" | "setnx":
            return name, (key, value())
        case "set if":
            options = [("NX",), ("XX",), ("GET",), ("IFEQ", value()), ("nx", "get"), ("IFEQ", value(), "GET")]
            return "set", (key, value(), *chance.choice(options))
        case "incrby" | "decrby":
            return name, (key, chance.choice(["2", "-1", "0"]))
        case "mget" | "exists" | "del" | "touch" | "unlink":
            return name, (key, other) if name == "mget" or chance.random() < 0.5 else (key,)
        case "mset" | "msetnx":
            return name, (key, value(), other, value())
        case _:
            ends = tuple(chance.choice(["0", "-1", "1", "-3", "9", "x"]) for _ in range(2))
            others = {"dbsize": (), "keys": (chance.choice(["*", f"{key}*"]),)}
            return name, {**others, "getrange": (key, *ends), "substr": (key, *ends)}.get(name, (key,))


@dataclass(frozen=True, slots=True)
class Load:
    """Clients that ask for one thing after the other, with hardly a pause, and keep the map busy all the time."""

    operations: int
    clients: int
    names: Sequence[str] = PLAIN
    keys: str = "x"
    values: int | None = None  # how many there are; None: no two writes write the same
    unknown: float = 0.0  # the share of operations of which nothing is heard
    seed: int = 1


def busy(load: Load) -> tuple[Operation, ...]:
    """What clients under this load are told by a map that keeps its word."""
    return told(tuple(_busy(load)))


def _busy(load: Load) -> Iterator[Asked]:
    chance = random.Random(load.seed)
    ready = [chance.random() for _ in range(load.clients)]
    numbers = iter(range(load.operations * 4))

    def value() -> str:
        return str(next(numbers) if load.values is None else chance.randrange(load.values))

    for _ in range(load.operations):
        client = min(range(load.clients), key=lambda each: ready[each])
        name, words = ask(chance, chance.choice(load.names), load.keys, value)
        invoked = ready[client]
        returned = invoked + chance.expovariate(1.0)
        effect = chance.uniform(invoked, returned)
        outcome = UNKNOWN if chance.random() < load.unknown else DONE
        takes_effect = outcome is DONE or chance.random() < 0.5
        if outcome is UNKNOWN:
            effect += chance.expovariate(1.0)
        ready[client] = returned + chance.expovariate(5.0)
        yield Asked(client, name, words, invoked, effect, returned, outcome, takes_effect)
