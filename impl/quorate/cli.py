"""The command `quorate`: for now it says what this version has, and that the server isn't part of it yet."""

import argparse
import importlib.metadata
from collections.abc import Sequence

ABOUT = """\
Quorate is a reference implementation of consensus whose running code is model-checked.

This version has the Raft core (the package quorate.raft: one pure step function) and its
checks (the command model-check). The server isn't part of it yet.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer --version and --help; without arguments say the same as --help. Other arguments exit with status 2."""
    parser = argparse.ArgumentParser(
        prog="quorate",
        description=ABOUT,
        epilog="example: model-check raft --servers 3 --drops 1",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"quorate {importlib.metadata.version('quorate')}")
    parser.parse_args(arguments)
    parser.print_help()
    return 0
