"""The compiled searches: the real step function runs once per distinct pair, the rest is integers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

from quorate_check.core.system import NetworkKind, System, UnusableSystemError
from quorate_check.core.verdict import Exploration
from quorate_check.engine.limits import Limits, Progress

__all__ = ["Limits", "Progress", "explore"]


def explore(
    system: System,
    limits: Limits | None = None,
    *,
    stop: Callable[[], str | None] = lambda: None,
    report: Callable[[Progress], None] = lambda _: None,
    folder: Path | None = None,
) -> Exploration:
    """Search `system` exhaustively, or as far as `limits` allow.

    `stop` is asked between rounds for a reason to end early; `report` is told how it goes. In `folder` a search leaves
    what it has found, at the end of each level or from time to time, and goes on from there if it was killed.

    Raises UnusableSystemError if the system can't be packed, isn't deterministic, or isn't symmetric although it says
    so, and if the folder is another search's.
    """
    # Each search loads kernels of its own, which take time to load.
    limits = limits or Limits()
    _refuse(system, limits, folder)
    if system.liveness or system.on_messages:
        system = replace(system, symmetry=None)
    if limits.disk is not None:
        from quorate_check.engine.disk import search as disk  # noqa: PLC0415

        return disk.explore(system, limits, stop=stop, report=report)
    if system.network.kind is NetworkKind.ANY:
        return _explore_any(system, limits, stop, report, folder)
    if limits.ray is not None:
        from quorate_check.engine.cluster import search as cluster  # noqa: PLC0415

        return cluster.explore(system, limits, stop=stop, report=report)
    from quorate_check.engine import search  # noqa: PLC0415
    from quorate_check.engine.checkpoint import Checkpoint  # noqa: PLC0415

    if folder is None:
        return search.explore(system, limits, stop=stop, report=report)
    with closing(Checkpoint(folder)) as checkpoint:
        return search.explore(system, limits, stop=stop, report=report, checkpoint=checkpoint)


def _explore_any(
    system: System,
    limits: Limits,
    stop: Callable[[], str | None],
    report: Callable[[Progress], None],
    folder: Path | None,
) -> Exploration:
    """Search a network without bounds, with the real steps run here or by actors of a Ray cluster."""
    from quorate_check.engine.any_network.checkpoint import Checkpoint  # noqa: PLC0415

    with nullcontext() if folder is None else closing(Checkpoint(folder)) as checkpoint:
        if limits.ray is not None:
            from quorate_check.engine.cluster import steps  # noqa: PLC0415

            return steps.explore(system, limits, stop=stop, report=report, checkpoint=checkpoint)
        from quorate_check.engine.any_network import search  # noqa: PLC0415

        return search.explore(system, limits, stop=stop, report=report, checkpoint=checkpoint)


def _refuse(system: System, limits: Limits, folder: Path | None) -> None:
    """Raise UnusableSystemError for a place of states that this search can't have, or can't have with another."""
    any_number = system.network.kind is NetworkKind.ANY
    if (system.liveness or system.on_messages) and (limits.disk is not None or limits.ray is not None):
        raise UnusableSystemError(
            f"{system.name}: liveness and messages in flight are judged on states in memory: leave the disk and Ray out"
        )
    if limits.disk is not None:
        if any_number:
            raise UnusableSystemError("where any number of messages is in flight no state goes to the disk")
        if limits.ray is not None:
            raise UnusableSystemError("a search whose states go to the disk is one process; leave Ray out")
        if folder is not None:
            raise UnusableSystemError("a search whose states go to the disk leaves no checkpoints")
    if limits.ray is not None and folder is not None and not any_number:
        raise UnusableSystemError("a search on Ray leaves no checkpoints")
