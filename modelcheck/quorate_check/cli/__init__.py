"""The command `model-check`."""

from quorate_check.cli.app import main

__all__ = ["main"]
