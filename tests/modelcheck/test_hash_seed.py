"""What a search finds depends neither on Python's hash seed nor on the number of workers."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from engine_agreement import explore
from patience import PROGRAM_S
from quorate_check.core.invariants import Invariant, StepInvariant
from quorate_check.core.system import Deliver, Network, NetworkKind, Outcome, Spontaneous, System
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.properties import terms_led
from quorate_check.raft.subject import Durability

SEEDS = ("0", "1", "4242")
WORKERS = (1, 2)

Words = tuple[str, frozenset[str]]  # a node's name, and the words it has heard


def gossip(local: Words, event: object) -> tuple[Outcome, ...]:
    """Tell the words that one has heard, each to everyone; strings in sets are what hash seeds shuffle."""
    name, heard = local
    if isinstance(event, Deliver):
        return (Outcome((name, heard | {event.message[2]})),)
    others = sorted({"ann", "bob", "cid"} - {name})
    return (Outcome(local, tuple((name, other, word) for other in others for word in sorted(heard | {name}))),)


NAMES = ("ann", "bob", "cid")
GOSSIP = System(
    name="gossip",
    initial=tuple((name, frozenset[str]()) for name in NAMES),
    step=gossip,
    network=Network(NetworkKind.UNORDERED, 4),
    source=lambda message: NAMES.index(message[0]),
    destination=lambda message: NAMES.index(message[1]),
    spontaneous=(Spontaneous("talk", "talks"),),
    budgets={"talks": 3},
)
RAFT = RaftBounds(servers=2, in_flight=2, proposals=1, max_log=1, drops=1, restarts=1)
NO_LEADER = Invariant("NoLeader", "", terms_led, lambda views: not any(views))
HEAR_NOTHING = StepInvariant("HearNothing", "", lambda _before, _event, after, _sent: not after[1])

SYSTEMS = {
    "gossip": GOSSIP,
    "gossip, broken": replace(GOSSIP, invariants=(HEAR_NOTHING,)),
    "raft": RAFT.system(),
    "raft, ordered and without symmetry": replace(RAFT, symmetry=False, network=NetworkKind.ORDERED).system(),
    "raft, async": replace(RAFT, storage=Durability.ASYNC, max_term=1, in_flight=1).system(),
    "raft, broken": replace(RAFT.system(), invariants=(NO_LEADER,)),
}


def findings(name: str, workers: int) -> dict[str, Any]:
    """What a search finds, as JSON."""
    found = explore(SYSTEMS[name], workers=workers, depth=30)
    told: dict[str, Any] = {"verdict": found.verdict.value, "witnesses": [(w.name, w.depth) for w in found.witnesses]}
    if found.path is None:
        return {
            **told,
            "levels": list(found.levels),
            "transitions": found.transitions,
            "over_capacity": found.over_capacity,
            "orbit_sum": found.orbit_sum,
        }
    moves = [(m.kind.value, m.node, repr(m.event), m.choice) for m in (step.move for step in found.path.steps)]
    return {"verdict": told["verdict"], "length": len(moves), f"moves with {workers} workers": moves}


@cache
def under(seed: str) -> dict[str, dict[str, Any]]:
    """What all searches find in a process with this hash seed."""
    script = (
        "import json, test_hash_seed as t; "
        "print(json.dumps({n: {w: t.findings(n, w) for w in t.WORKERS} for n in t.SYSTEMS}))"
    )
    here = os.path.dirname(__file__)  # noqa: PTH120 - joined with other paths as text
    paths = os.pathsep.join([here, *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=PROGRAM_S, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", SYSTEMS)
def test_counts_and_paths_are_the_same_under_every_hash_seed(name: str) -> None:
    """Levels, transitions, orbits, witnesses, and move by move the counterexample."""
    first, *others = (under(seed)[name] for seed in SEEDS)
    assert others == [first] * len(others)


@pytest.mark.parametrize("name", SYSTEMS)
def test_results_are_the_same_for_any_number_of_workers(name: str) -> None:
    """Counts, and which of all shortest counterexamples is told."""
    one, two = (under("0")[name][str(workers)] for workers in WORKERS)
    assert [*one.values()] == [*two.values()]
