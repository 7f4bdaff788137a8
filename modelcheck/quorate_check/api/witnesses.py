"""The shortest path to a witness: the counterexample to the invariant that the witness is never seen."""

from __future__ import annotations

from dataclasses import replace

from quorate_check.core.invariants import Invariant, StepInvariant, StepWitness, Witness
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.core.verdict import Exploration, WitnessResult


def search_for_witness(system: System, name: str) -> System:
    """Return `system` with one promise, that the witness `name` is never seen, in place of its own.

    Raises UnusableSystemError if there is no such witness, or if the bounds exclude it.
    """
    witness = next((w for w in system.witnesses if w.name == name), None)
    if witness is None:
        names = ", ".join(repr(w.name) for w in system.witnesses) or "none"
        raise UnusableSystemError(f"--witness {name}: {system.name} has no such witness; there are: {names}")
    if witness.impossible is not None:
        raise UnusableSystemError(f"--witness {name}: impossible within these bounds: {witness.impossible}")
    return replace(system, invariants=(_never(witness),), witnesses=(), liveness=(), done=None)


def _never(witness: Witness | StepWitness) -> Invariant | StepInvariant:
    if isinstance(witness, Witness):
        is_seen = witness.is_seen
        return Invariant(witness.name, "", witness.view, lambda views: not is_seen(views), witness.over)
    return StepInvariant(witness.name, "", lambda *step: not witness.is_seen(*step))


def witness_result(exploration: Exploration) -> Exploration:
    """Return the result for a system of `search_for_witness`: its path leads to the witness, and violates nothing."""
    (name,), path, depth = exploration.invariants, exploration.path, None
    if path is not None and path.broken == name:
        path, depth = replace(path, reached=True), len(path.steps)
    return replace(exploration, path=path, invariants=(), witnesses=(WitnessResult(name, depth),))
