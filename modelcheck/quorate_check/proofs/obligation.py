"""Obligations: questions to z3, and their outcomes in words.

z3 is a solver: given sentences of first-order logic it finds a *model*, which is a world in which all of them are true,
or says that there is none (`unsat`), or that it doesn't know. To prove a claim, we give it what may be assumed and the
claim's opposite. No model: nothing can refute the claim, however many servers, terms or steps there are. A model: it is
a counterexample, and is printed in words. No answer within the limit: unknown, which is never a pass.

    Obligation   a claim and the sentences of which no world may be a model; or, for a negative control, one must be
    Tie          a check without z3's search: that what is proved is about the protocol that is explored
    Subject      the obligations and ties of one protocol: what `model-check prove` prints under one heading

`model-check prove` asks each package for its `subject() -> Subject`. It solves in other processes, each of which builds
the subject again and picks an obligation by its name: names are unique within a subject, and nothing is pickled but
names and outcomes. Building a subject is cheap, and making an obligation's sentences waits until it is discharged.
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
"""What z3 is to find a world for: each sentence with its words, the opposite of the claim among them."""


def show(model: z3.ModelRef) -> str:
    """Return a counterexample as z3 prints it; a subject that can say it better does."""
    return "\n".join(f"{d.name()} = {model[d]}" for d in sorted(model.decls(), key=lambda d: str(d.name())))


@dataclass(frozen=True, slots=True)
class Obligation:
    """A claim in one sentence, and what z3 is asked to find if it is false.

    `group` is the heading that it is printed under: "initiation", an action's name, "controls". A claim that is
    `expected` to be VIOLATED is a negative control: a proof of it would mean that we can prove anything. `core` asks
    which of the sentences are enough for the proof; that takes longer.
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

    `text` is the counterexample, the reason for not knowing, or the counts of a tie; `core` names the sentences that
    are enough, if the obligation asks.
    """

    verdict: Verdict
    seconds: float
    text: str = ""
    core: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tie:
    """A check that the model is of the protocol that is explored; `run` is given the seconds of processor time."""

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
    """Ask z3 for what takes `limit` seconds on an idle core: HOLDS without a counterexample, UNKNOWN without an answer.

    What z3 looks at first is a matter of chance, and now and then it loses its way in what usually takes no time. So it
    begins again, with other choices, before all that it may do is done.
    """
    began = time.perf_counter()
    for seed, share in enumerate(SHARES):
        outcome = _ask(obligation, limit * share, seed)
        if outcome.verdict is not Verdict.UNKNOWN:
            break
    return replace(outcome, seconds=time.perf_counter() - began)


def _ask(obligation: Obligation, limit: float, seed: int) -> ProofOutcome:
    solver = z3.Solver()
    solver.set("rlimit", units(limit))
    solver.set("random_seed", seed)
    if obligation.expected is Verdict.VIOLATED:
        solver.set("phase_selection", 0)  # what may be false is, so that the counterexample is short
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
