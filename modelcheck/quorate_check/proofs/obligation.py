"""Obligations: questions to z3, and their outcomes in words.

z3 is a solver: for sentences of first-order logic it finds a *model*, which is a world in which all of them are true,
or answers that there is none (`unsat`), or that it doesn't know. To prove a claim, z3 gets the assumptions and the
claim's opposite. Without a model the claim is proved, for any number of servers, terms and steps. A model is a
counterexample, and is printed in words. Without an answer within the limit the claim is unknown, which is never a pass.

    Obligation   a claim and sentences that must have no model; those of a negative control must have one
    Tie          a check without z3's search that the model describes the protocol that is explored
    ProofSubject the obligations and ties of one protocol: what `model-check prove` prints under one heading

`model-check prove` calls each package's `subject() -> ProofSubject`. It solves in other processes, each of which builds
the subject again and selects an obligation by its name: names are unique within a subject, and only names and outcomes
are pickled. Building a subject is cheap, because an obligation's sentences are made only when it is discharged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import z3

from quorate_check.core.verdict import Verdict
from quorate_check.proofs.effort import units

SHARES: Final = (1 / 8, 1 / 8, 1 / 4, 1 / 2)
Sentences: TypeAlias = Mapping[str, z3.BoolRef]
"""The sentences of a question to z3, by their text in words; one is the opposite of the claim."""


def show(model: z3.ModelRef) -> str:
    """Return a counterexample as z3 prints it, for subjects without words of their own."""
    return "\n".join(f"{d.name()} = {model[d]}" for d in sorted(model.decls(), key=lambda d: str(d.name())))


@dataclass(frozen=True, slots=True)
class Obligation:
    """A claim in one sentence, and the sentences that have a model if it is false.

    `group` is the heading under which it is printed: "at first", an action's name, "controls". A claim that is
    `expected` to be VIOLATED is a negative control: a proof of it would show that the assumptions contradict each
    other. `core` asks z3 which sentences suffice for the proof, which takes longer.
    """

    name: str
    group: str
    claim: str
    sentences: Callable[[], Sentences]
    expected: Verdict = Verdict.HOLDS
    counterexample: Callable[[z3.ModelRef], str] = show
    core: bool = False


@dataclass(frozen=True, slots=True)
class ProofOutcome:
    """The result of an obligation or a tie.

    `text` is the counterexample, the reason for an unknown verdict, or the counts of a tie; `core` has the sentences
    that suffice for the proof, if the obligation asks for them.
    """

    verdict: Verdict
    seconds: float
    text: str = ""
    core: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tie:
    """A check that the model describes the protocol that is explored; `run` takes the limit in seconds of CPU time."""

    name: str
    claim: str
    run: Callable[[float], ProofOutcome]
    expected: Verdict = Verdict.HOLDS


@dataclass(frozen=True, slots=True)
class ProofSubject:
    """The obligations and ties of one protocol; `quick` names those that the default check runs."""

    name: str
    title: str
    obligations: tuple[Obligation, ...]
    ties: tuple[Tie, ...] = ()
    quick: frozenset[str] = frozenset()

    @property
    def everything(self) -> tuple[Obligation | Tie, ...]:
        """All obligations and ties."""
        return (*self.obligations, *self.ties)

    def __post_init__(self) -> None:
        names = [each.name for each in self.everything]
        repeated = sorted({name for name in names if names.count(name) > 1})
        assert not repeated, f"{self.name}: names that aren't unique: {repeated}"
        assert self.quick <= set(names), f"{self.name}: quick names nothing: {sorted(self.quick - set(names))}"


def discharge(obligation: Obligation, limit: float) -> ProofOutcome:
    """Ask z3 for at most `limit` seconds of an idle core: HOLDS without a counterexample, UNKNOWN without an answer.

    z3's search order depends on a random seed, and with some seeds an easy question takes long. So the limit is divided
    among several attempts with different seeds.
    """
    start = time.perf_counter()
    for seed, share in enumerate(SHARES):
        outcome = _solve(obligation, limit * share, seed)
        if outcome.verdict is not Verdict.UNKNOWN:
            break
    return replace(outcome, seconds=time.perf_counter() - start)


def _solve(obligation: Obligation, limit: float, seed: int) -> ProofOutcome:
    solver = z3.Solver()
    solver.set("rlimit", units(limit))
    solver.set("random_seed", seed)
    if obligation.expected is Verdict.VIOLATED:
        solver.set("phase_selection", 0)  # prefer false, so that the counterexample is short
    words: dict[str, str] = {}
    for number, (claim, sentence) in enumerate(obligation.sentences().items()):
        if obligation.core:
            words[f"sentence {number}"] = claim
            solver.assert_and_track(sentence, f"sentence {number}")
        else:
            solver.add(sentence)
    if obligation.core:
        solver.set("core.minimize", True)  # noqa: FBT003 - z3's options have no names
    answer = solver.check()
    if answer == z3.unsat:
        core = tuple(words[str(tracked)] for tracked in solver.unsat_core()) if obligation.core else ()
        return ProofOutcome(Verdict.HOLDS, 0.0, core=core)
    if answer == z3.sat:
        return ProofOutcome(Verdict.VIOLATED, 0.0, obligation.counterexample(solver.model()))
    return ProofOutcome(Verdict.UNKNOWN, 0.0, f"z3 doesn't know: {solver.reason_unknown()}")
