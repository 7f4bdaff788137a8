"""The checker: explores real step functions exhaustively within bounds.

What somebody needs to check a protocol of their own can be imported from here; nothing of it is loaded before that.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quorate_check.api.checking import NotAsPromisedError, check
    from quorate_check.core.invariants import Condition, Invariant, Over, StepInvariant, StepWitness, Witness
    from quorate_check.core.liveness import (
        AlwaysEventually,
        Eventually,
        EventuallyAlways,
        Fairness,
        LeadsTo,
        Strength,
        fair_deliveries,
        fair_event,
    )
    from quorate_check.core.path import GlobalState, Move, MoveKind, Path, Step
    from quorate_check.core.system import (
        Defer,
        Deliver,
        Network,
        NetworkKind,
        Outcome,
        Spontaneous,
        Symmetry,
        System,
        UnusableSystemError,
    )
    from quorate_check.core.verdict import CutOff, Exploration, LivenessResult, Verdict, WitnessResult
    from quorate_check.tell.described import Box, Described, Label, Need, Rule

__all__ = [
    "AlwaysEventually",
    "Box",
    "Condition",
    "CutOff",
    "Defer",
    "Deliver",
    "Described",
    "Eventually",
    "EventuallyAlways",
    "Exploration",
    "Fairness",
    "GlobalState",
    "Invariant",
    "Label",
    "LeadsTo",
    "LivenessResult",
    "Move",
    "MoveKind",
    "Need",
    "Network",
    "NetworkKind",
    "NotAsPromisedError",
    "Outcome",
    "Over",
    "Path",
    "Rule",
    "Spontaneous",
    "Step",
    "StepInvariant",
    "StepWitness",
    "Strength",
    "Symmetry",
    "System",
    "UnusableSystemError",
    "Verdict",
    "Witness",
    "WitnessResult",
    "check",
    "fair_deliveries",
    "fair_event",
]
_HOMES = {
    "api.checking": {"NotAsPromisedError", "check"},
    "core.invariants": {"Condition", "Invariant", "Over", "StepInvariant", "StepWitness", "Witness"},
    "core.liveness": {
        *("AlwaysEventually", "Eventually", "EventuallyAlways", "LeadsTo"),
        *("Fairness", "Strength", "fair_deliveries", "fair_event"),
    },
    "core.path": {"GlobalState", "Move", "MoveKind", "Path", "Step"},
    "core.verdict": {"CutOff", "Exploration", "LivenessResult", "Verdict", "WitnessResult"},
    "tell.described": {"Box", "Described", "Label", "Need", "Rule"},
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((module for module, names in _HOMES.items() if name in names), "core.system")
    return getattr(import_module(f"{__name__}.{home}"), name)
