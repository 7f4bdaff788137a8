"""The command `quorate`."""

from quorate.cli.app import main

__all__ = ["main"]
