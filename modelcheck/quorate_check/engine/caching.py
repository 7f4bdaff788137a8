"""Compiling functions, and keeping what was compiled for the next run where something may be written."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal

from numba import njit

_uncached: list[str] = []  # names of functions


def compiled(
    inline: Literal["never", "always"] = "never",
    *,
    counted: bool = True,
) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for the search; it is kept beside its file, in the user's home or in $NUMBA_CACHE_DIR.

    References to arrays are `counted`. What makes no array needs none of that, and what takes many spends half of its
    time on it.

    On an installation that can't be written to, for a user without a home, it is compiled in each run instead.
    """
    options: dict[str, Any] = {"inline": inline, "_nrt": counted}  # Numba's stubs don't know the second

    def decorate(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - what Numba makes of it
        try:
            return njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # Numba's "no locator available"
            _uncached.append(function.__name__)
            return njit(nogil=True, **options)(function)

    return decorate


def compiling() -> str:
    """What to say while the search is compiled: how often that happens, and what would make it once."""
    if not _uncached:
        return "compiling the search (first run only)"
    other = " " if "NUMBA_CACHE_DIR" not in os.environ else " other "
    return f"compiling the search (in every run, until NUMBA_CACHE_DIR names a{other}folder that can be written to)"
