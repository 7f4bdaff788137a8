"""What z3 calls the sorts and relations of Raft."""

from typing import Final

from quorate_check.proofs.logic.solving import Language
from quorate_check.raft.proofs.model import VOCABULARY

LANGUAGE: Final = Language(VOCABULARY)
