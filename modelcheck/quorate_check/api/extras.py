"""The optional dependency z3: only the proofs need it, neither clusters nor searches do."""

import importlib.util

MISSING = "z3 is missing: pip install 'quorate[proofs]'"


def has_z3() -> bool:
    """Whether z3 is installed."""
    return importlib.util.find_spec("z3") is not None
