"""Misuse of the checker by a system's own functions: found where it happens, reported in one line.

A search relies on step functions that return outcomes, on states that are values, and on messages that go to nodes.
`Guard` wraps the functions of a system, checks this at each call, and raises the first fault. An exception of the step
function is a finding about the protocol, not a fault: of that, `Guard` only finds the line.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from functools import partial, update_wrapper
from pathlib import Path as File
from typing import Any, NoReturn, TypeVar

from quorate_check.core.behaviour import RAISED, event_of
from quorate_check.core.invariants import Invariant, StepInvariant, StepWitness, View, Witness
from quorate_check.core.path import Path
from quorate_check.core.system import Defer, Outcome, Symmetry, System, UnusableSystemError
from quorate_check.core.unusable import UnreliableStepError, kind_of, repr_line, text_of
from quorate_check.core.values import Key, Numbers, key
from quorate_check.tell.described import Box, Described, Rule, described

T = TypeVar("T")
D = TypeVar("D", Symmetry, Described)
NOT_VALUES: dict[type, str] = {list: "tuple", set: "frozenset", dict: "tuple of pairs"}
# The type that each function of a Described returns and, if that is a tuple, the type of its elements.
RETURN_KINDS: dict[str, tuple[type, type]] = {
    **dict.fromkeys(("event", "change", "brief", "badge", "name"), (str, str)),
    "marks": (tuple, str),
    "boxes": (tuple, Box),
    "facts": (tuple, tuple),
    "rules": (tuple, Rule),
}
FROZEN = "make it a @dataclass(frozen=True)"


class Guard:
    """Checks each call of `system`'s functions; `fault` is the first misuse."""

    def __init__(self, system: System) -> None:
        self._system, self._step = system, system.step
        self._values = Numbers()
        self._faults: list[UnusableSystemError] = []
        for local in system.initial:
            self._value(local, "the initial state")
        for event in (*(s.event for s in system.spontaneous), system.network.round_end):
            self._value(event, f"the event {repr_line(event)}")
        views: dict[int, View] = {}  # properties that share a view go on sharing it; what is only equal is another

        def view(original: View) -> View:
            return views.setdefault(id(original), self._view(original))

        self.system = replace(
            system,
            step=update_wrapper(partial(self.step), system.step, (), ()),  # which says what it wraps
            source=lambda message: self._end(system.source, message, "source"),
            destination=lambda message: self._end(system.destination, message, "destination"),
            beyond=self._guard_truth(system.beyond, "beyond"),
            done=None if system.done is None else self._guard_truth(system.done, "done"),
            invariants=tuple(self._invariant(i, view) for i in system.invariants),
            witnesses=tuple(self._witness(w, view) for w in system.witnesses),
            symmetry=None if system.symmetry is None else self._symmetry(system.symmetry),
            described=self._described(described(system)),
        )

    @property
    def fault(self) -> str | None:
        """The first misuse by what a search had to do; None if there is none."""
        return next((str(error) for error in self._faults if not error.withdrawn), None)

    def with_place(self, path: Path | None) -> Path | None:
        """Return `path`; if the step function raised at its end, with the line in its detail."""
        if path is None or (place := self.raised_at(path)) is None:
            return path
        return replace(path, detail=f"{path.detail} at {place}")

    def raised_at(self, path: Path) -> str | None:
        """Return the line at which the step function raises at the end of a path, None if it doesn't."""
        if path.broken != RAISED:
            return None
        move, before = path.steps[-1].move, path.steps[-2].after if len(path.steps) > 1 else path.initial
        assert move.node is not None, "what raises is a node's step"
        assert before is not None, "only the last step leads nowhere"
        try:
            tuple(self._step(before.nodes[move.node], event_of(move)))
        except Exception as error:  # noqa: BLE001 - whatever a subject raises is a finding about it
            return _place(self._step, error)
        return None

    @contextmanager
    def enforcement(self) -> Iterator[None]:
        """Raise the first fault at the end of a search, whatever else the search made of it."""
        try:
            yield
        finally:
            if self.fault is not None:
                raise UnusableSystemError(self.fault) from None

    def step(self, local: Any, event: Any) -> tuple[Outcome | Defer, ...]:  # noqa: ANN401 - the subject's own
        """Return the outcomes of the system's own step function; refuse other results, and a changed `local`."""
        before = self._key(local, "the state before")
        outcomes = self._outcomes(local, event)
        if self._key(local, "the state before") != before:
            fault = f"step changed the state it was given, on {event!r}: {FROZEN} and return a new one"
            self._refuse(fault, UnreliableStepError)
        return outcomes

    def _outcomes(self, local: object, event: object) -> tuple[Outcome | Defer, ...]:
        try:
            answer: Any = self._step(local, event)
            outcomes = tuple(answer) if isinstance(answer, Iterable) else None
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - no answer, and nothing that a server would catch
            action = "ended the program" if isinstance(error, SystemExit) else f"raised {text_of(error)}"
            self._refuse(f"step {action} at {_place(self._step, error)}, given {event!r} in {local!r}: mend it")
        case = f"for {event!r} in {local!r}"
        if outcomes is None:
            hint = "return (it,)" if isinstance(answer, Outcome) else "return () where nothing happens"
            self._refuse(f"step returned {kind_of(answer)} {case}: give a tuple of Outcome; {hint}")
        for outcome in outcomes:
            if isinstance(outcome, Defer):
                continue
            if not isinstance(outcome, Outcome):
                self._refuse(f"step returned a tuple with {kind_of(outcome)} in it {case}: put an Outcome there")
            self._value(outcome.local, f"the state after {event!r}")
            if not isinstance(outcome.messages, tuple):
                self._refuse(f"an Outcome's messages are {kind_of(outcome.messages)} {case}: give a tuple, as in (it,)")
            for message in outcome.messages:
                self._value(message, f"a message sent on {event!r}")
                self._system_end(message)
        return outcomes

    def _system_end(self, message: object) -> None:
        self._end(self._system.source, message, "source")
        self._end(self._system.destination, message, "destination")

    def _end(self, end: Callable[[Any], int], message: object, name: str) -> int:
        nodes = len(self._system.initial)
        try:
            node: object = end(message)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a subject raises
            self._refuse(f"the {name} of {message!r} can't be determined ({text_of(error)}): give System({name}=...)")
        if not isinstance(node, int) or isinstance(node, bool) or not 0 <= node < nodes:
            self._refuse(f"the {name} of {message!r} is {node!r}: there are {nodes} nodes, from 0 to {nodes - 1}")
        return node

    def _value(self, value: Any, subject: str) -> None:  # noqa: ANN401 - the subject's own
        """Refuse what isn't a value: what can't be hashed, compared or shown, or equals only itself."""
        try:
            hash(value)
        except TypeError:
            self._refuse(f"{subject} can't be hashed: {_unhashable(value)}")
        except Exception as error:  # noqa: BLE001 - whatever a subject raises
            self._refuse(f"{subject} can't be hashed: {kind_of(value)} raised {text_of(error)}")
        try:
            if self._values.get(value) is not None:
                return
        except TypeError as error:
            self._refuse(f"{subject} holds what is no value: {error}")
        except Exception as error:  # noqa: BLE001 - whatever a subject raises
            self._refuse(f"{subject} can't be compared with another value: an __eq__ raised {text_of(error)}")
        self._key(value, subject)
        try:
            repr(value)  # paths are printed and saved by it
        except Exception as error:  # noqa: BLE001 - whatever a subject raises
            self._refuse(f"{subject} can't be shown: the __repr__ of a {type(value).__name__} raised {text_of(error)}")
        if (part := _without_equality(value)) is not None:
            self._refuse(f"{subject} holds a {type(part).__name__}, which equals only itself: {FROZEN}")
        self._values.add(value)

    def _key(self, value: object, subject: str) -> Key:
        try:
            return key(value)
        except TypeError as error:
            self._refuse(f"{subject} holds what is no value: {error}")

    def _guard_exceptions(self, function: Callable[..., T], subject: str) -> Callable[..., T]:
        def wrapper(*arguments: object) -> T:
            try:
                return function(*arguments)
            except (UnusableSystemError, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a subject raises
                place = _place(function, error)
                self._refuse(
                    f"{subject} raised {text_of(error)} at {place}, given {', '.join(map(repr, arguments))}: mend it"
                )

        return wrapper

    def _guard_all_exceptions(self, functions: D, subject: str) -> D:
        """Return `functions` with each one wrapped so that its exception is refused."""
        wrappers: dict[str, Any] = {
            name: self._guard_exceptions(function, f"{subject}.{name}")
            for name, function in ((f.name, getattr(functions, f.name)) for f in fields(functions))
            if callable(function)
        }
        return replace(functions, **wrappers)

    def _described(self, original: Described) -> Described:
        guarded = self._guard_all_exceptions(original, "Described")
        functions = {name: getattr(guarded, name) for name in RETURN_KINDS}
        wrappers: dict[str, Any] = {
            name: self._guard_kinds(RETURN_KINDS[name], function, f"Described.{name}")
            for name, function in functions.items()
            if function is not None
        }
        return replace(guarded, **wrappers, origin=self._origin(original))

    def _origin(self, described: Described) -> Callable[[Any], int | None]:
        origin, outsiders = self._guard_exceptions(described.origin, "Described.origin"), len(described.outsiders)

        def wrapper(event: object) -> int | None:
            outsider: object = origin(event)
            if outsider is not None and not (type(outsider) is int and 0 <= outsider < outsiders):
                self._refuse(
                    f"Described.origin returned {outsider!r}, given {event!r}: there are {outsiders} outsiders"
                )
            return outsider

        return wrapper

    def _symmetry(self, symmetry: Symmetry) -> Symmetry:
        guarded = self._guard_all_exceptions(symmetry, "Symmetry")

        def guard_image(function: Callable[..., Any], subject: str) -> Callable[..., Any]:
            def wrapper(*arguments: object) -> object:
                image = function(*arguments)
                self._value(image, f"what Symmetry.{subject} returned, given {arguments[0]!r},")
                return image

            return wrapper

        return replace(
            symmetry, local=guard_image(guarded.local, "local"), message=guard_image(guarded.message, "message")
        )

    def _guard_truth(self, function: Callable[..., bool], subject: str) -> Callable[..., bool]:
        """Return `function`, refusing what is neither True nor False: a forgotten return is no verdict."""
        guarded = self._guard_exceptions(function, subject)

        def wrapper(*arguments: object) -> bool:
            answer: object = guarded(*arguments)
            if not isinstance(answer, bool) and type(answer).__module__ != "numpy":
                text = ", ".join(map(repr, arguments))
                self._refuse(f"{subject} returned {kind_of(answer)}, given {text}: return True or False")
            return bool(answer)

        return wrapper

    def _guard_kinds(self, kinds: tuple[type, type], function: Callable[..., T], subject: str) -> Callable[..., T]:
        """Return `function`, refusing what isn't of the first of `kinds` or, in a tuple, of the second."""
        kind, part_kind = kinds

        def wrapper(*arguments: object) -> T:
            value = function(*arguments)
            if not isinstance(value, kind):
                text = ", ".join(map(repr, arguments))
                self._refuse(f"{subject} returned {kind_of(value)}, given {text}: return a {kind.__name__}")
            for part in value if isinstance(value, tuple) else ():
                if not isinstance(part, part_kind):
                    self._refuse(
                        f"{subject} returned a tuple with {kind_of(part)} in it: put a {part_kind.__name__} there"
                    )
            return value

        return wrapper

    def _view(self, view: Callable[[Any], Hashable]) -> Callable[[Any], Hashable]:
        def wrapper(local: object) -> Hashable:
            image = self._guard_exceptions(view, "a property's view")(local)
            self._value(image, f"what a property's view shows of {local!r}")
            return image

        return wrapper

    def _invariant(self, invariant: Invariant | StepInvariant, view: Callable[[Any], Any]) -> Invariant | StepInvariant:
        judge = self._guard_truth(invariant.holds, f"invariant {invariant.name}")
        if isinstance(invariant, StepInvariant):
            return replace(invariant, holds=judge, why=self._why(invariant.why, invariant.name))
        message_view = None if invariant.message_view is None else self._view(invariant.message_view)
        return replace(
            invariant,
            view=view(invariant.view),
            holds=judge,
            why=self._why(invariant.why, invariant.name),
            message_view=message_view,
        )

    def _why(self, why: Callable[..., str] | None, promise: str) -> Callable[..., str] | None:
        name = f"why of {promise}"
        return None if why is None else self._guard_kinds((str, str), self._guard_exceptions(why, name), name)

    def _witness(self, witness: Witness | StepWitness, view: Callable[[Any], Any]) -> Witness | StepWitness:
        judge = self._guard_truth(witness.is_seen, f"witness {witness.name}")
        if isinstance(witness, StepWitness):
            return replace(witness, is_seen=judge)
        return replace(witness, view=view(witness.view), is_seen=judge)

    def _refuse(self, fault: str, kind: type[UnusableSystemError] = UnusableSystemError) -> NoReturn:
        faults = [error for error in self._faults if not error.withdrawn]
        self._faults = [*faults, kind(" ".join(f"{self._system.name}: {fault}".split()))]
        raise self._faults[-1]


def _place(function: Callable[..., object], error: BaseException) -> str:
    """Return the line that an exception comes from: in the file of `function`, if it passed there."""
    plain = inspect.unwrap(getattr(function, "func", function))
    callee = plain if hasattr(plain, "__code__") else getattr(type(plain), "__call__", None)  # noqa: B004 - its code
    code = getattr(callee, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own_frames = [f for f in frames if code is not None and f.filename == code.co_filename]
    frame = (own_frames or frames)[-1]
    return f"{File(frame.filename).name}:{frame.lineno}"


def _unhashable(value: Any) -> str:  # noqa: ANN401 - the subject's own
    """Return which part of `value` can't be hashed, and what to use instead, in words."""
    if is_dataclass(value) and not isinstance(value, type):
        if type(value).__hash__ is None:
            return f"{type(value).__name__} is mutable; {FROZEN}"
        parts = [(f"its field {f.name}", getattr(value, f.name)) for f in fields(value)]
    else:
        parts = [(f"{part!r} in it", part) for part in value] if isinstance(value, tuple) else []
    for name, part in parts:
        try:
            hash(part)
        except TypeError:
            replacement = NOT_VALUES.get(type(part))
            return f"{name} is {kind_of(part)}; use a {replacement}" if replacement else f"{name}: {_unhashable(part)}"
    replacement = NOT_VALUES.get(type(value))
    return f"{value!r} is {kind_of(value)}; use a {replacement or 'value that has a hash'}"


def _without_equality(value: Any) -> object | None:  # noqa: ANN401 - the subject's own
    """Return the first part of `value` that compares by identity, None if there is none."""
    kind: Any = type(value)
    if kind.__eq__ is object.__eq__ and kind.__module__ != "builtins" and not isinstance(value, type):
        by_design = hasattr(kind, "__members__") or callable(value)  # enum members; functions
        return None if by_design else value
    if is_dataclass(value) and not isinstance(value, type):
        parts: Iterable[Any] = (getattr(value, f.name) for f in fields(value))
    else:
        parts = value if isinstance(value, tuple | frozenset) else ()
    return next((culprit for part in parts if (culprit := _without_equality(part)) is not None), None)
