"""What symmetry reduction takes for granted is tried: that nothing declared of a system tells one node from another.

The search stores one state of each orbit, so a promise that is broken in another one only, or a boundary that runs
through an orbit, would go unseen. So each local state, message, step and tuple of views that the search meets is run
and judged under every renaming of the nodes, too, and what comes out differently is refused with an example. By
induction over the steps of a path, what an unreduced search would meet are renamings of these, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import factorial, prod
from typing import Any, NamedTuple

import numpy as np

from quorate_check.core.invariants import Invariant, StepInvariant, StepWitness, Witness
from quorate_check.core.system import Outcome, System, UnusableSystemError
from quorate_check.core.values import same

MOST_PERMUTATIONS = 720
Permutation = tuple[int, ...]
Step = tuple[Any, Any, Outcome]  # the state before, the event, what came of it
StepProperty = StepInvariant | StepWitness
Property = Invariant | Witness | StepProperty


class Trial:
    """Refuses whatever of `system` isn't the same under the permutations `group`, the identity first.

    `products[q][p]` is the permutation that renames by p and then by q, and `inverse[p]` undoes p.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self.groups = system.symmetry.interchangeable(len(system.initial)) if system.symmetry else ()
        if (count := prod(factorial(len(group)) for group in self.groups)) > MOST_PERMUTATIONS:
            raise UnusableSystemError(
                f"{system.name}: symmetry is reduced for at most {MOST_PERMUTATIONS} permutations, those of six nodes, "
                f"and here are {count:,}: name smaller groups, or check without symmetry"
            )
        self.group = system.symmetry.permutations(len(system.initial)) if system.symmetry else ()
        self.inverse = [tuple(p.index(i) for i in range(len(system.initial))) for p in self.group]
        place = {p: i for i, p in enumerate(self.group)}
        self.products = [[place[tuple(q[i] for i in p)] for p in self.group] for q in self.group]
        self._generators = [i for i, p in enumerate(self.group) if i and p in set(self._swaps_and_cycles())]
        self.step_properties: tuple[tuple[StepProperty, Callable[..., bool]], ...] = tuple(
            (p, p.holds if isinstance(p, StepInvariant) else p.is_seen)
            for p in (*system.invariants, *system.witnesses)
            if isinstance(p, StepInvariant | StepWitness)
        )

    def _swaps_and_cycles(self) -> Iterator[Permutation]:
        """Yield permutations that make all others, so that what they rename rightly is renamed rightly."""
        for group in self.groups:
            for image in ((*group[1::-1], *group[2:]), (*group[1:], *group[:1])):
                becomes = dict(zip(group, image, strict=True))
                yield tuple(becomes.get(i, i) for i in self.group[0])

    def images(self, value: Any, rename: Callable[[Any, Permutation], Any]) -> list[Any]:  # noqa: ANN401 - the subject's own
        """Return what `value` is called under each permutation; to rename twice must be to rename once."""
        images = [rename(value, p) for p in self.group]
        if not same(images[0], value):
            raise UnusableSystemError(f"{self.system.name}: renaming by the identity changes {value!r}")
        for q in self._generators:
            for p, image in enumerate(images[1:], start=1):  # the identity is the value itself, renamed above
                twice, once = rename(image, self.group[q]), images[self.products[q][p]]
                if not same(twice, once):
                    self._refuse(
                        f"the renaming of {value!r}",
                        f"by {self.group[p]} and then by {self.group[q]} it makes {twice!r}, but at once {once!r}",
                    )
        return images

    def truth(self, name: str, images: Sequence[Any], answers: Sequence[int]) -> None:
        """Refuse the function `name`, whose answers are these, if it tells a local state from its renamings."""
        for image, its in zip(images, answers, strict=True):
            if its != answers[0]:
                yes, no = (image, images[0]) if its else (images[0], image)
                self._refuse(name, f"it is true of {yes!r} and not of {no!r}")

    def ends(self, images: Sequence[Any], ends: Sequence[tuple[int, int]]) -> None:
        """Refuse messages whose sender and receiver, `ends`, aren't renamed as the messages are."""
        for p, image, actual in zip(self.group, images, ends, strict=True):
            for name, node, its in zip(("source", "destination"), ends[0], actual, strict=True):
                if its != p[node]:
                    self._refuse(
                        name,
                        f"it is {node} of {images[0]!r}, so it should be {p[node]} of {image!r}, but it is {its}",
                        p,
                    )

    def verdicts(self, step: Step) -> list[bool]:
        """Return what each property of steps says of `step`."""
        before, event, (after, messages) = step[0], step[1], (step[2].local, step[2].messages)
        return [bool(judge(before, event, after, messages)) for _, judge in self.step_properties]

    def step(self, step: Step, verdicts: list[bool], image: Step, q: int) -> None:
        """Refuse a property of steps that tells `step`, of which it says `verdicts`, from its `image` under q."""
        if (there := self.verdicts(image)) != verdicts:
            (prop, _), one = next(
                (prop, one)
                for prop, one, other in zip(self.step_properties, verdicts, there, strict=True)
                if one != other
            )
            (yes, no) = (step, image) if one else (image, step)
            self._differs(prop, _step(yes), _step(no), self.group[q])

    def views(self, props: Sequence[Invariant | Witness], images: Iterator[tuple[int, tuple[Any, ...]]]) -> None:
        """Refuse a property that tells a tuple of views, the first of `images`, from a renamed one."""
        _, plain = next(images)
        expected = [_verdict(prop, plain) for prop in props]
        for q, views in images:
            for prop, before in zip(props, expected, strict=True):
                if _verdict(prop, views) != before:
                    yes, no = (plain, views) if before else (views, plain)
                    self._differs(prop, repr(yes), repr(no), self.group[q])

    def _differs(self, prop: Property, yes: str, no: str, p: Permutation) -> None:
        kind, says = ("invariant", "holds") if isinstance(prop, Invariant | StepInvariant) else ("witness", "is seen")
        self._refuse(f"{kind} {prop.name}", f"it {says} of {yes}, and not of {no}", p)

    def _refuse(self, what: str, example: str, p: Permutation | None = None) -> None:
        by = "" if p is None else f", though they differ in nodes' names only, by {p}"
        raise UnusableSystemError(
            f"{self.system.name}: nodes aren't interchangeable: {what} isn't symmetric: {example}{by}; "
            "check without symmetry"
        )


def _verdict(prop: Property, *arguments: Any) -> bool:  # noqa: ANN401 - the subject's own
    return bool((prop.holds if isinstance(prop, Invariant | StepInvariant) else prop.is_seen)(*arguments))


def _step(step: Step) -> str:
    before, event, outcome = step
    return f"{event!r} in {before!r} leading to {outcome!r}"


class Mates(NamedTuple):
    """Which nodes are interchangeable, and the permutations by the places that they give to nodes; see `Renaming`.

    A permutation is found by the rank, among its mates, of the place of each node: as digits of one number. So many as
    `alike` give all nodes the same places.
    """

    mates: Any
    before: Any
    count: Any
    permutation_of: Any
    alike: int


def mates_of(groups: Iterable[Sequence[int]], permutations: list[list[int]], n: int) -> Mates:
    """Return the mates of `n` nodes, of which these groups are interchangeable by these permutations."""
    in_order = [sorted(group) for group in groups if group[0] < n]
    mates = [next((group for group in in_order if i in group), [i]) for i in range(n)]
    first = dict[int, int]()
    for number, p in enumerate(permutations):
        code = 0
        for i in range(n):
            code = code * len(mates[i]) + mates[i].index(p[i])
        first.setdefault(code, number)
    count = np.array([len(group) for group in mates], np.int64)
    permutation_of = np.zeros(int(count.prod()) if first else 0, np.int64)
    permutation_of[list(first)] = list(first.values())
    return Mates(
        np.array([[j in mates[i] for j in range(n)] for i in range(n)], np.uint8),
        np.array([max((j for j in mates[i] if j < i), default=-1) for i in range(n)], np.int64),
        count,
        permutation_of,
        len(permutations) // max(1, len(first)),
    )
