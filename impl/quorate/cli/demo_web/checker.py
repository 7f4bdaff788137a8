"""The checker `model-check`, which judges the demo as a process of its own: this package doesn't import it."""

import asyncio
import json
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from quorate.cli.children import wait_or_kill

LONGEST_LINE: Final = 1 << 20  # bytes
STOP_PATIENCE_S: Final = 5.0
MISSING: Final = "the command model-check is not installed beside quorate, so nothing is judged"


def command() -> str | None:
    """Return the path of `model-check`, that of this installation if there is one; None if there is none."""
    return shutil.which("model-check", path=Path(sys.executable).parent) or shutil.which("model-check")


async def start(arguments: Sequence[str]) -> asyncio.subprocess.Process:
    """Start `model-check` in a session of its own; its output is a pipe. Raises FileNotFoundError if it is missing."""
    if (path := command()) is None:
        raise FileNotFoundError(MISSING)
    return await asyncio.create_subprocess_exec(
        *(path, *arguments), stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, limit=LONGEST_LINE, start_new_session=True
    )


async def stop(process: asyncio.subprocess.Process) -> None:
    """End a process of the checker."""
    with suppress(ProcessLookupError):
        process.terminate()
    await wait_or_kill(process, STOP_PATIENCE_S)


def decode(line: bytes) -> dict[str, Any] | None:
    """Return the object in a line of the checker's output, None if there is none."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
