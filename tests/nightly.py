"""What takes long is tested by night only, and random tests try more then: `make nightly` sets QUORATE_EXAMPLES."""

import os
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings

# How many examples a random test tries by night; 0 by day. QUORATE_EXAMPLES=2000 looks for what fewer don't show.
EXAMPLES = int(os.environ.get("QUORATE_EXAMPLES", "0"))
NIGHTLY = EXAMPLES > 0
by_night = pytest.mark.skipif(not NIGHTLY, reason="takes long; set QUORATE_EXAMPLES")


def all_by_day_but(cases: Iterable[Any], *long: Any) -> list[Any]:  # noqa: ANN401 - cases of any type
    """The cases of a test, of which those that take `long` run by night only."""
    return [pytest.param(case, marks=by_night) if case in long else case for case in cases]


def examples(by_day: int) -> settings:
    """The settings of a random test that tries so many examples by day, the same ones each time."""
    return settings(max_examples=EXAMPLES or by_day, deadline=None, derandomize=not EXAMPLES, database=None)
