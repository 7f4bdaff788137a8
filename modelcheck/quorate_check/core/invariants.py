"""Invariants, which a system promises, and witnesses, which a check must see to mean anything.

Most properties look at a small part of a node's local state: its log, or the terms it has led. That part is the
property's *view*. Each distinct tuple of views is judged once, not each global state, so a property may be written for
clarity instead of speed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum
from types import NoneType
from typing import Any

from quorate_check.core.path import GlobalState, RoundEnd
from quorate_check.core.unusable import FUNCTION, OPTIONAL_FUNCTION, Kinds, UnusableSystemError, refuse_mistyped

View = Callable[[Any], Hashable]
Judge = Callable[[tuple[Any, ...]], bool]


TEXT: Kinds = (str,)
OPTIONAL_TEXT: Kinds = (str, NoneType)


class Over(Enum):
    """Which tuples of views a property judges: each node's own, every ordered pair of nodes', or all nodes' at once."""

    EACH = "each node"
    PAIRS = "every pair of nodes"
    ALL = "all nodes"


@dataclass(frozen=True, slots=True)
class Condition:
    """`holds(views)` is true of a global state; `views` are those of all nodes, in their order.

    With `message_view` it is `holds(views, messages)`: `messages` is the frozenset of what the messages in flight show.
    A message that shows None is left out.
    """

    view: View
    holds: Callable[..., bool]
    message_view: View | None = None

    def __post_init__(self) -> None:
        """Refuse what isn't of its type."""
        refuse_mistyped(self, {"view": FUNCTION, "holds": FUNCTION, "message_view": OPTIONAL_FUNCTION})

    def is_true(self, state: GlobalState) -> bool:
        """Whether the condition holds in `state`."""
        return self.of_views(tuple(map(self.view, state.nodes)), self.messages(state.flight))

    def messages(self, flight: tuple[Any, ...]) -> frozenset[Hashable] | None:
        """Return what the messages in flight show; None if the condition doesn't look at them."""
        if (view := self.message_view) is None:
            return None
        return frozenset(view(message) for message in flight if not isinstance(message, RoundEnd)) - {None}

    def of_views(self, views: tuple[Any, ...], messages: frozenset[Hashable] | None) -> bool:
        """Whether the condition holds, given what it looks at."""
        return bool(self.holds(views) if messages is None else self.holds(views, messages))


@dataclass(frozen=True, slots=True)
class Invariant:
    """`holds(views)` is true in every reachable state, for every tuple of views that `over` names.

    `view` must depend on the local state alone and return a hashable value; `holds` must depend on the views alone.
    Under symmetry reduction `holds` must give the same answer when nodes are renamed. `why(names, views)` explains the
    contradiction between views for which it doesn't hold; `names` are those of their nodes. With `message_view` it is
    over all nodes and the messages in flight, as a `Condition` is, and `why` has no say.
    """

    name: str
    sentence: str
    view: View
    holds: Callable[..., bool]
    over: Over = Over.ALL
    why: Callable[[tuple[str, ...], tuple[Any, ...]], str] | None = None
    message_view: View | None = None

    def __post_init__(self) -> None:
        """Refuse what isn't of its type."""
        functions = {"view": FUNCTION, "holds": FUNCTION, "why": OPTIONAL_FUNCTION, "message_view": OPTIONAL_FUNCTION}
        refuse_mistyped(self, {"name": TEXT, "sentence": TEXT, **functions, "over": (Over,)})
        if self.message_view is not None and self.over is not Over.ALL:
            raise UnusableSystemError(f"Invariant {self.name}: with message_view it is over all nodes: give no `over`")

    @property
    def condition(self) -> Condition:
        """The invariant as a condition on global states."""
        return Condition(self.view, self.holds, self.message_view)


@dataclass(frozen=True, slots=True)
class StepInvariant:
    """`holds(before, event, after, messages)` is true of every local step that a reachable state enables.

    `why(name, before, event, after, messages)` explains what is wrong in a step for which it is false; `name` is the
    node's.
    """

    name: str
    sentence: str
    holds: Callable[[Any, Any, Any, tuple[Any, ...]], bool]
    why: Callable[[str, Any, Any, Any, tuple[Any, ...]], str] | None = None

    def __post_init__(self) -> None:
        """Refuse what isn't of its type."""
        refuse_mistyped(self, {"name": TEXT, "sentence": TEXT, "holds": FUNCTION, "why": OPTIONAL_FUNCTION})


@dataclass(frozen=True, slots=True)
class Witness:
    """`is_seen(views)` becomes true in some reachable state; a check that never sees it may have checked nothing.

    `impossible` says why the bounds exclude the witness, if they do; then it isn't counted as missed.
    """

    name: str
    view: View
    is_seen: Judge
    over: Over = Over.EACH
    impossible: str | None = None

    def __post_init__(self) -> None:
        """Refuse what isn't of its type."""
        functions = {"view": FUNCTION, "is_seen": FUNCTION}
        refuse_mistyped(self, {"name": TEXT, **functions, "over": (Over,), "impossible": OPTIONAL_TEXT})


@dataclass(frozen=True, slots=True)
class StepWitness:
    """`is_seen(before, event, after, messages)` becomes true of some local step; otherwise as `Witness`."""

    name: str
    is_seen: Callable[[Any, Any, Any, tuple[Any, ...]], bool]
    impossible: str | None = None

    def __post_init__(self) -> None:
        """Refuse what isn't of its type."""
        refuse_mistyped(self, {"name": TEXT, "is_seen": FUNCTION, "impossible": OPTIONAL_TEXT})
