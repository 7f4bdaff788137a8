"""What several tests of the checker begin with."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from quorate_check import System
from quorate_check.api.options import Engine
from quorate_check.raft.bounds import RaftBounds
from raft_promises import NOBODY_LEADS


@pytest.fixture(params=["compiled", "reference"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Either search: what is wrong with a system doesn't depend on it."""
    name: Engine = request.param
    return name


@pytest.fixture(autouse=True)
def _no_plain_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command prints on standard error doesn't depend on how busy the machine is."""
    monkeypatch.setattr("quorate_check.cli.progress.PLAIN_INTERVAL_S", 3600.0)


@pytest.fixture
def _broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A promise that the Raft core breaks."""
    real: Callable[[RaftBounds], System] = RaftBounds.system
    monkeypatch.setattr(RaftBounds, "system", lambda bounds: replace(real(bounds), invariants=(NOBODY_LEADS,)))
