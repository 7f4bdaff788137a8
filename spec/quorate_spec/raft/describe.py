"""The two texts of an action or of an invariant, as they stand in Raft.tla and in Python."""

from __future__ import annotations

from typing import Final

from quorate_spec.texts import Texts, UnknownNameError

__all__ = ["TEXTS", "UnknownNameError", "action_names", "describe", "invariant_names", "python_names"]

TEXTS: Final = Texts(
    package="quorate_spec.raft",
    module="Raft.tla",
    actions_begin="(* Elections",
    actions_end="(* All that may happen *)",
    invariants_begin="(* What Raft promises",
    types="# state.py and messages.py declare these types, and mypy checks them.",
)

action_names = TEXTS.action_names
invariant_names = TEXTS.invariant_names
python_names = TEXTS.python_names
describe = TEXTS.describe
