"""`quorate serve` on a disk that a page can slow down: `python -m quorate.cli.demo_web.slow_disk FILE serve ...`.

While FILE is there, each durable write takes DELAY_MS longer, in the thread that writes.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Final

from quorate.cli.app import main as quorate
from quorate.node.metrics import Metrics
from quorate.runtime.paths import is_there

DELAY_MS: Final = 300


def slowed(record: Callable[[Metrics, float], None], file: Path) -> Callable[[Metrics, float], None]:
    """Return a `record` of the seconds of a write that lets the write take longer while `file` is there."""

    def later(metrics: Metrics, seconds: float) -> None:
        delay_s = DELAY_MS / 1_000 if is_there(file) else 0.0
        sleep(delay_s)
        record(metrics, seconds + delay_s)

    return later


def main(file: str, *arguments: str) -> int:
    """Run the command with these arguments, and return its exit status."""
    # A write counts as durable when its time has been recorded.
    Metrics.fsync = slowed(Metrics.fsync, Path(file))  # type: ignore[method-assign, assignment] # of this process alone
    return quorate(arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
