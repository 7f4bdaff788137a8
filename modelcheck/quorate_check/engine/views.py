"""Properties judged by view: the kernel reports each distinct tuple of views once, Python judges it once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from quorate_check.core.behaviour import tuples
from quorate_check.core.invariants import Invariant, Over, View, Witness
from quorate_check.core.system import System
from quorate_check.core.values import Numbers
from quorate_check.engine import kernel
from quorate_check.engine.layout import Ints
from quorate_check.engine.symmetry import Trial

MOST_KEYS = 1 << 24  # tuples of views for which there is a table of all
RECENT_TUPLES = 1 << 14  # of local states; their views needn't be looked up again
OVERS = {Over.EACH: kernel.EACH, Over.PAIRS: kernel.PAIRS, Over.ALL: kernel.ALL}


@dataclass(slots=True)
class Group:
    """The properties that look through one view over the same tuples; `ids` numbers the view's values.

    What the kernel is given of a local state is the number of what it shows under every renaming of the nodes: local
    states that look alike may look different when they are renamed. `shows` has for each such number the view's value
    under each permutation, by its id; without symmetry there is one.
    """

    view: View
    over: Over
    invariants: list[Invariant] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    ids: Numbers = field(default_factory=Numbers)
    numbers: dict[tuple[int, ...], int] = field(default_factory=dict)
    shows: list[tuple[int, ...]] = field(default_factory=list)
    judged_keys: set[tuple[int, ...]] = field(default_factory=set)
    breaches: dict[tuple[int, ...], bool] = field(default_factory=dict)

    def number(self, *looks: int) -> int:
        """Return the number of a local state that shows the values with the ids `looks`, by permutation."""
        number = self.numbers.setdefault(looks, len(self.shows))
        if number == len(self.shows):
            self.shows.append(looks)
        return number

    def look(self, local: object) -> int:
        """Return the id of what `local` shows through this view."""
        return self.ids.of(self.view(local))

    def views(self, ids: tuple[int, ...]) -> tuple[Any, ...]:
        """Return the values with these ids."""
        return tuple(self.ids.values[v] for v in ids)

    def breaks(self, key: tuple[int, ...]) -> bool:
        """Whether what nodes with these numbers show breaks an invariant."""
        if key not in self.breaches:
            views = self.views(tuple(self.shows[v][0] for v in key))
            self.breaches[key] = not all(invariant.holds(views) for invariant in self.invariants)
        return self.breaches[key]


def _one(view: View) -> tuple[int, int]:
    """Return which function a view is, of which object if it is a method."""
    return id(getattr(view, "__func__", view)), id(getattr(view, "__self__", None))


class Judge:
    """Judges tuples of views, each once; remembers which witnesses were seen."""

    def __init__(self, system: System) -> None:
        self.trial = Trial(system)
        # Views that are equal need not show the same, unless they are one function.
        groups: dict[tuple[tuple[int, int], Over], Group] = {}
        for prop in (*system.invariants, *system.witnesses):
            if isinstance(prop, Invariant) and prop.message_view is not None:
                continue  # `conditions.py` judges it
            if isinstance(prop, Invariant):
                groups.setdefault((_one(prop.view), prop.over), Group(prop.view, prop.over)).invariants.append(prop)
            elif isinstance(prop, Witness):
                groups.setdefault((_one(prop.view), prop.over), Group(prop.view, prop.over)).witnesses.append(prop)
        self.groups = tuple(groups.values())
        self.nodes = len(system.initial)
        self.overs = np.array([OVERS[g.over] for g in self.groups], np.int64)
        self.key_words = (self.nodes + 1) // 2 if any(g.over is Over.ALL for g in self.groups) else 1
        self.per_state = sum({Over.PAIRS: self.nodes}.get(g.over, 1) for g in self.groups)
        self.witness_depth: dict[str, int] = {}

    def begin_again(self) -> None:
        """Judge for a search that begins again: what was seen counts from there."""
        self.witness_depth.clear()
        for group in self.groups:
            group.judged_keys.clear()

    def judge(self, fresh: Ints, depth: int) -> Iterator[tuple[int, str]]:
        """Judge rows as `kernel.note_views` writes them; yield (state, name) for each invariant that one violates."""
        for row in fresh.tolist():
            group = self.groups[row[0]]
            key = self._views(group.over, row[2:])
            if key in group.judged_keys:
                continue
            group.judged_keys.add(key)
            for numbers in permutations(key) if group.over is Over.PAIRS else (key,):
                self._try_renamed(group, numbers)
                ordered = group.views(tuple(group.shows[v][0] for v in numbers))
                for invariant in group.invariants:
                    if not invariant.holds(ordered):
                        yield row[1], invariant.name
                for witness in group.witnesses:
                    if witness.name not in self.witness_depth and witness.is_seen(ordered):
                        self.witness_depth[witness.name] = depth

    def _try_renamed(self, group: Group, numbers: tuple[int, ...]) -> None:
        """Refuse a property that judges what these nodes show otherwise under another renaming."""
        images = dict[tuple[int, ...], int]()
        for q, inverse in enumerate(self.trial.inverse):
            places = (numbers[i] for i in inverse) if group.over is Over.ALL else numbers
            images.setdefault(tuple(group.shows[v][q] for v in places), q)
        if len(images) > 1:
            waiting = [w for w in group.witnesses if w.name not in self.witness_depth]
            renamings = ((q, group.views(ids)) for ids, q in images.items())
            self.trial.views((*group.invariants, *waiting), renamings)

    def _views(self, over: Over, words: list[int]) -> tuple[int, ...]:
        low = (1 << 31) - 1
        halves = [half for w in words for half in (w & low, w >> 31)]
        return tuple(h - 1 for h in halves[: {Over.EACH: 1, Over.PAIRS: 2, Over.ALL: self.nodes}[over]])


def suspects(judge: Judge, nodes: Ints, view_of: np.ndarray[Any, Any]) -> npt.NDArray[np.bool_]:
    """Return which of some states, given by the ids of their nodes, show a tuple of views that breaks an invariant."""
    bad = np.zeros(len(nodes), np.bool_)
    for number, group in enumerate(judge.groups):
        if not group.invariants:
            continue
        views = view_of[number][nodes].astype(np.int64)
        for choice in tuples(list(range(judge.nodes)), group.over):
            bad |= _breaking(group, views[:, choice])
    return bad


def _breaking(group: Group, views: Ints) -> npt.NDArray[np.bool_]:
    """Return which of some tuples of views, given by their ids, break an invariant; equal ones are judged once."""
    kinds, size = len(group.shows), views.shape[1]
    if kinds**size > MOST_KEYS:
        distinct, place = np.unique(views, axis=0, return_inverse=True)
        return np.array([group.breaks(tuple(row)) for row in distinct.tolist()], np.bool_)[place.reshape(-1)]
    keys: Ints = views @ (kinds ** np.arange(size, dtype=np.int64))  # without sorting, for there may be millions
    breaches = np.zeros(kinds**size, np.bool_)
    breaches[keys] = True
    for key in np.flatnonzero(breaches).tolist():
        breaches[key] = group.breaks(tuple(key // kinds**i % kinds for i in range(size)))
    result: npt.NDArray[np.bool_] = breaches[keys]
    return result


def recent_tuples(nodes: int) -> Ints:
    """Return slots for tuples of local states that have just been met, two ids to a word, as of `kernel.Views`."""
    return np.zeros((RECENT_TUPLES, (nodes + 1) // 2), np.int64)


class SeenViews:
    """The tuples of views that one worker has come across, as exact sets of keys that stay at most half full."""

    def __init__(self, judge: Judge) -> None:
        self.per_state, self.overs = judge.per_state, judge.overs
        self.recent = recent_tuples(judge.nodes)
        self.keys = np.zeros((len(judge.groups), 1 << 12, judge.key_words), np.int64)
        self.counts = np.zeros(len(judge.groups), np.int64)

    def arrays(self, view_of: npt.NDArray[np.int32]) -> kernel.Views:
        """Return what kernels are given, with the view ids of local states by group and local id."""
        return kernel.Views(view_of, self.overs, self.keys, self.counts, self.recent)

    def limit(self, states: int) -> int:
        """Return how many keys a set may hold so that the views of `states` more fit."""
        return self.keys.shape[1] // 2 - states * self.per_state

    def make_room(self, states: int) -> None:
        """Make the sets large enough for the views of `states` more."""
        slots = self.keys.shape[1]
        while slots // 2 - states * self.per_state < int(self.counts.max(initial=0)):
            slots *= 2
        if slots > self.keys.shape[1]:
            groups, _, key_words = self.keys.shape
            larger = np.zeros((groups, slots, key_words), np.int64)
            kernel.copy_keys(self.keys, larger, groups, key_words)
            self.keys = larger
