"""The engine's lockstep network and the enumeration run the same generals, and find the same."""

from dataclasses import replace

import pytest

from quorate.generals import Protocol, Rules
from quorate_check import engine
from quorate_check.core import reference
from quorate_check.core.verdict import Verdict
from quorate_check.generals.claims import CLAIMS, STORY, Claim
from quorate_check.generals.lockstep import Lockstep
from quorate_check.generals.rounds import Tally, play
from quorate_check.generals.subject import Instance, Setup, game

INSTANCES = {
    "OM(0), n=3": Instance(Rules(Protocol.ORAL, 3, 1, 0)),
    "OM(1), n=3": Instance(Rules(Protocol.ORAL, 3, 1, 1)),
    "OM(1), n=4": Instance(Rules(Protocol.ORAL, 4, 1, 1)),
    "OM(1), n=4, f=2": Instance(Rules(Protocol.ORAL, 4, 2, 1)),
    "SM(1), n=3": Instance(Rules(Protocol.SIGNED, 3, 1, 1)),
    "SM(1), n=3, forged": Instance(Rules(Protocol.SIGNED, 3, 1, 1), forge=True),
    "SM(1), n=4, f=2": Instance(Rules(Protocol.SIGNED, 4, 2, 1)),
    "vote, n=3, losses": Instance(Rules(Protocol.VOTE, 3, 0, 0), loss=True),
    "vote, n=4, f=1": Instance(Rules(Protocol.VOTE, 4, 1, 0)),
    "phase king, n=3, one phase": Instance(Rules(Protocol.PHASE_KING, 3, 1, 0)),
}
SETUPS = [(name, setup) for name, instance in INSTANCES.items() for setup in instance.setups()]


def told(setup: Setup) -> str:
    """A name for a test."""
    return f"{sorted(setup.traitors)} {''.join(order.name[0] for order in setup.orders)}"


@pytest.mark.parametrize(("name", "setup"), SETUPS, ids=[f"{name} {told(setup)}" for name, setup in SETUPS])
def test_the_engine_agrees_with_the_enumeration(name: str, setup: Setup) -> None:
    """Which decisions the loyal generals can come to, and whether a promise is broken by them."""
    instance, tally = INSTANCES[name], Tally()
    play(game(instance, setup), tally)
    ends = {
        ", ".join(f"{i} {node.decision.name}" for i, node in zip(setup.loyal, nodes, strict=True))
        for nodes in tally.ends
    }
    system = Lockstep(instance, setup).system()
    found = engine.explore(replace(system, invariants=()))
    assert {witness.name for witness in found.witnesses if witness.depth is not None} == ends
    judged = engine.explore(system)
    assert (judged.path.broken if judged.path is not None else None) in (tally.violations or {None})


def test_the_plain_search_agrees_with_the_engine() -> None:
    """The same states level by level, and the same number of moves to a violation, which some setups have."""
    instance, violated = INSTANCES["OM(1), n=3"], 0
    for setup in instance.setups():
        system = Lockstep(instance, setup).system()
        plain, compiled = reference.explore(system), engine.explore(system)
        assert plain.levels == compiled.levels
        assert (plain.path is None) == (compiled.path is None)
        if plain.path is not None and compiled.path is not None:
            assert (plain.path.broken, len(plain.path.steps)) == (compiled.path.broken, len(compiled.path.steps))
            violated += 1
    assert 0 < violated < len(list(instance.setups()))


TERMINATING = [
    claim
    for claim in CLAIMS
    if claim.instance is STORY
    or (
        claim.verdict is Verdict.HOLDS
        and claim.instance.rules.protocol is not Protocol.BRACHA
        and claim.instance.rules.n <= 5
        and not claim.instance.agreed
    )
]


@pytest.mark.parametrize("claim", TERMINATING, ids=lambda claim: claim.sentence)
def test_all_loyal_generals_decide_some_day(claim: Claim) -> None:
    """In every setup of the story, and of the claims that hold; with no fairness rounds needn't end, so nobody must."""
    for setup in claim.instance.setups():
        system = replace(Lockstep(claim.instance, setup).system(), invariants=(), witnesses=())
        found = engine.explore(system)
        assert found.conclusion == "holds, exhaustive within bounds, where every delivery is weakly fair"
    unfair = engine.explore(replace(system, fairness=()))
    assert unfair.path is not None
    assert (unfair.path.broken, len(unfair.path.steps)) == ("Termination", 0)
