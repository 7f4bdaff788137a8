"""Traitors by chance, in armies too large to enumerate: what is claimed to hold does, and what signatures are for."""

from collections.abc import Iterable
from itertools import permutations
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.generals import COMMANDER, General, Message, Order, Protocol, Receive, RoundEnd, Rules, enlist, step
from quorate.generals.ed25519 import SEED_BYTES, Ed25519, keys
from quorate.generals.messages import Echo, Init, Ready, Signed
from quorate.generals.signatures import Signatures, Symbolic, statement
from quorate.generals.signed import SignedGeneral, is_valid
from quorate.generals.traitor import SignatureCollection, Traitor


def real_keys(n: int, holders: Iterable[int]) -> Ed25519:
    """Ed25519 keys of some generals, and the public ones of all."""
    return keys(tuple(bytes([i]) * SEED_BYTES for i in range(n)), holders)


def war(
    rules: Rules, traitors: frozenset[int], orders: list[Order], seed: int, own: dict[int, Signatures] | None = None
) -> dict[int, Order | None]:
    """What the loyal generals decide, and whom chance has say what is in the seed."""
    rng = Random(seed)

    def of(i: int) -> Rules:
        return Rules(rules.protocol, rules.n, rules.f, rules.m, own[i] if own is not None else rules.signatures)

    loyal: dict[int, General] = {i: enlist(of(i), i, orders[i]) for i in range(rules.n) if i not in traitors}
    liars = {i: Traitor(of(i), i, traitors, rng) for i in sorted(traitors)}
    waiting: list[Message] = []
    for number in range(1, rules.rounds + 2):
        sent, waiting = waiting, []
        for i, general in loyal.items():
            loyal[i], said = step(general, RoundEnd())
            sent += said
        if number > rules.rounds:
            break
        for liar in liars.values():
            sent += liar.lie(number)
        for i, liar in liars.items():
            liar.hear(message for message in sent if message.dest == i)
        for message in sorted(sent, key=lambda m: m.source):
            if message.dest in loyal:
                loyal[message.dest], answers = step(loyal[message.dest], Receive(message))
                waiting += answers
    return {i: general.decision for i, general in loyal.items()}


def consistent(decisions: dict[int, Order | None], traitors: frozenset[int], order: Order) -> bool:
    """IC1 and IC2 with a commander."""
    lieutenants = {decision for i, decision in decisions.items() if i != COMMANDER}
    return len(lieutenants) <= 1 and (COMMANDER in traitors or lieutenants <= {order})


@st.composite
def armies(draw: st.DrawFn, least: int, most: int, times: int = 1) -> tuple[int, frozenset[int], Order, int]:
    """How many generals there are, more than so many times those who lie, who lies, what is ordered, and chance."""
    n = draw(st.integers(least, most))
    count = draw(st.integers(1, (n - 1) // times))
    traitors = frozenset(draw(st.permutations(range(n)))[:count])
    return n, traitors, draw(st.sampled_from(Order)), draw(st.integers(0, 2**32))


@given(armies(4, 8, 3))
@settings(max_examples=150, deadline=None)
def test_oral_messages_survive_fewer_traitors_than_a_third(army: tuple[int, frozenset[int], Order, int]) -> None:
    """OM(f) with n > 3f."""
    n, traitors, order, seed = army
    f = len(traitors)
    assert consistent(war(Rules(Protocol.ORAL, n, f, f), traitors, [order] * n, seed), traitors, order)


@given(armies(3, 6))
@settings(max_examples=150, deadline=None)
def test_signed_messages_survive_any_number_of_traitors(army: tuple[int, frozenset[int], Order, int]) -> None:
    """SM(f), with f traitors of any n."""
    n, traitors, order, seed = army
    f = len(traitors)
    assert consistent(war(Rules(Protocol.SIGNED, n, f, f), traitors, [order] * n, seed), traitors, order)


@given(armies(4, 9, 3))
@settings(max_examples=150, deadline=None)
def test_broadcast_survives_fewer_traitors_than_a_third(army: tuple[int, frozenset[int], Order, int]) -> None:
    """Bracha with n > 3f, when all has arrived."""
    n, traitors, order, seed = army
    f = len(traitors)
    assert consistent(war(Rules(Protocol.BRACHA, n, f, 0), traitors, [order] * n, seed), traitors, order)


@given(armies(5, 10, 4), st.integers(0, 2**10))
@settings(max_examples=150, deadline=None)
def test_kings_survive_fewer_traitors_than_a_quarter(army: tuple[int, frozenset[int], Order, int], wishes: int) -> None:
    """Phase king with n > 4f and f + 1 phases; opinions differ, or all loyal ones are the same."""
    n, traitors, order, seed = army
    f = len(traitors)
    orders = [order if wishes >> i & 1 or wishes % 3 == 0 else order.other for i in range(n)]
    decisions = set(war(Rules(Protocol.PHASE_KING, n, f, f), traitors, orders, seed).values())
    loyal = {orders[i] for i in range(n) if i not in traitors}
    assert len(decisions) == 1
    assert len(loyal) == 2 or decisions == loyal


@given(armies(3, 5))
@settings(max_examples=40, deadline=None)
def test_real_signatures_lead_where_symbolic_ones_do(army: tuple[int, frozenset[int], Order, int]) -> None:
    """Each general has his own Ed25519 key only, traitors each other's; all decisions are those of the model."""
    n, traitors, order, seed = army
    f = len(traitors)
    rules = Rules(Protocol.SIGNED, n, f, f)
    own: dict[int, Signatures] = {i: real_keys(n, traitors if i in traitors else {i}) for i in range(n)}
    orders = [order] * n
    assert war(rules, traitors, orders, seed, own) == war(rules, traitors, orders, seed)


def test_real_verification_accepts_exactly_what_the_symbolic_model_allows() -> None:
    """Of all chains of five generals, with 3 and 4 traitors who heard some of what 0, 1 and 2 signed."""
    n, traitors = 5, frozenset({3, 4})
    everybody, theirs = real_keys(n, range(n)), real_keys(n, traitors)
    heard = {(Order.ATTACK, (0,)), (Order.RETREAT, (0, 4, 1)), (Order.ATTACK, (0, 2)), (Order.ATTACK, (0, 2, 1))}
    collected = SignatureCollection(theirs)
    for order, chain in sorted(heard):
        said = [statement(order, chain[: k + 1]) for k in range(len(chain))]
        # The last signature only: what comes before it was heard or it wasn't.
        blank = [b""] * (len(chain) - 1)
        collected.keep(Signed(chain[-1], 3, order, chain, (*blank, everybody.sign(chain[-1], said[-1]))))
    allowed, accepted = set(), set()
    for length in range(1, n):
        for chain in permutations(range(n), length):
            for order in Order:
                prefixes = [(order, chain[: k + 1]) for k in range(length)]
                if chain[0] == COMMANDER and all(p[1][-1] in traitors or p in heard for p in prefixes):
                    allowed.add((order, chain))
                signatures = []
                for prefix in prefixes:
                    try:
                        signatures.append(collected.sign(prefix[1][-1], statement(*prefix)))
                    except KeyError:
                        # What he can't make he may take from elsewhere: some signature of the right general.
                        signatures.append(everybody.sign(prefix[1][-1], statement(order.other, prefix[1])))
                for dest in set(range(1, n)) - set(chain):
                    general = SignedGeneral(dest, n, n - 2, everybody, round=length)
                    if is_valid(general, Signed(chain[-1], dest, order, chain, tuple(signatures))):
                        accepted.add((order, chain))
    assert accepted == allowed
    assert len(allowed) > 10


@given(armies(4, 7, 3), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_broadcast_needs_no_rounds(army: tuple[int, frozenset[int], Order, int], rng: Random) -> None:
    """Messages arrive in any order, traitors speak at any time, and when nothing is left promises are kept."""
    n, traitors, order, _ = army
    f = len(traitors)
    rules = Rules(Protocol.BRACHA, n, f, 0, Symbolic())
    loyal: dict[int, General] = {i: enlist(rules, i, order) for i in range(n) if i not in traitors}
    flight: list[Message] = [
        words(t, dest, rng.choice(list(Order)))
        for t in sorted(traitors)
        for dest in loyal
        for words in ((Init, Echo, Ready) if t == COMMANDER else (Echo, Ready))
        if rng.random() < 0.8
    ]
    for i, general in loyal.items():
        loyal[i], said = step(general, RoundEnd())
        flight += said
    while flight:
        message = flight.pop(rng.randrange(len(flight)))
        if message.dest in loyal:
            loyal[message.dest], said = step(loyal[message.dest], Receive(message))
            flight += said
    assert consistent({i: general.decision for i, general in loyal.items()}, traitors, order)


@given(st.binary(min_size=SEED_BYTES, max_size=SEED_BYTES), st.binary(max_size=64), st.binary(max_size=70))
def test_signatures_are_those_of_another_implementation(seed: bytes, said: bytes, rubbish: bytes) -> None:
    """PyNaCl and cryptography give one signature for one seed, and nothing else is one."""
    ours = keys((seed,), [0])
    signature = ours.sign(0, said)
    assert signature == Ed25519PrivateKey.from_private_bytes(seed).sign(said)
    assert ours.verify(0, said, signature)
    assert not ours.verify(0, said + b"!", signature)
    assert not ours.verify(1, said, signature)
    assert rubbish == signature or not ours.verify(0, said, rubbish)
