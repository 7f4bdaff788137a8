"""What is only there if it was asked for: z3, which proves. Whoever runs a cluster or a search doesn't need it."""

import importlib.util

MISSING = "z3 is missing: pip install 'quorate[proofs]'"


def has_z3() -> bool:
    """Whether z3 is installed."""
    return importlib.util.find_spec("z3") is not None
