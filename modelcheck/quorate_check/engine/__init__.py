"""The compiled searches: the real step function runs once per distinct pair, the rest is integers."""

from __future__ import annotations

from collections.abc import Callable

from quorate_check.core.system import NetworkKind, System
from quorate_check.core.verdict import Exploration
from quorate_check.engine.limits import Limits, Progress

__all__ = ["Limits", "Progress", "explore"]


def explore(
    system: System,
    limits: Limits | None = None,
    *,
    stop: Callable[[], str | None] = lambda: None,
    report: Callable[[Progress], None] = lambda _: None,
) -> Exploration:
    """Search `system` exhaustively, or as far as `limits` allow.

    `stop` is asked between rounds for a reason to end early; `report` is told how it goes. Raises UnusableSystemError
    if the system can't be packed, isn't deterministic, or isn't symmetric although it says so.
    """
    # Each search loads kernels of its own, which take time to load.
    if system.network.kind is NetworkKind.ANY:
        from quorate_check.engine.kept import search as kept  # noqa: PLC0415

        return kept.explore(system, limits, stop=stop, report=report)
    from quorate_check.engine import search  # noqa: PLC0415

    return search.explore(system, limits, stop=stop, report=report)
