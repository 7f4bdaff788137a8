"""The z3 language of Raft's sorts and relations."""

from typing import Final

from quorate_check.proofs.logic.solving import Language
from quorate_check.raft.proofs.model import VOCABULARY

LANGUAGE: Final = Language(VOCABULARY)
