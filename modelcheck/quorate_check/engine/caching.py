"""Compiling functions, and keeping what was compiled for the next run where something may be written."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal

from numba import njit

_not_kept: list[str] = []  # names of functions


def compiled(
    inline: Literal["never", "always"] = "never",
) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for the search; it is kept beside its file, in the user's home or in $NUMBA_CACHE_DIR.

    On an installation that can't be written to, for a user without a home, it is compiled in each run instead.
    """

    def decorate(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - what Numba makes of it
        try:
            return njit(cache=True, nogil=True, inline=inline)(function)
        except RuntimeError:  # Numba's "no locator available"
            _not_kept.append(function.__name__)
            return njit(nogil=True, inline=inline)(function)

    return decorate


def compiling() -> str:
    """What to say while the search is compiled: how often that happens, and what would make it once."""
    if not _not_kept:
        return "compiling the search (first run only)"
    named = " " if "NUMBA_CACHE_DIR" not in os.environ else " other "
    return f"compiling the search (in every run, until NUMBA_CACHE_DIR names a{named}folder that can be written to)"
