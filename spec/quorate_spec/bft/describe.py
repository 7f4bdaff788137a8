"""The two texts of an action or of an invariant, as they stand in Bft.tla and in Python."""

from __future__ import annotations

from typing import Final

from quorate_spec.texts import Texts

TEXTS: Final = Texts(
    package="quorate_spec.bft",
    module="Bft.tla",
    actions_begin="(* From view to view *)",
    actions_end="(* All that may happen *)",
    invariants_begin="(* What it promises",
    types="# state.py and messages.py declare these types, and mypy checks them.",
)
