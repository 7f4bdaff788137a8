"""Run one scenario again: `.venv/bin/python tests/simulation/replay.py '{"seed": 1}' [FOLDER]`.

The folder gets what `model-check history` and `model-check trace` read (traces only if the scenario is `traced`).
Prints what was counted and exits with 0, or what was broken and exits with 1. The same scenario always does the same.
"""

import json
import logging
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from simulation.judge import judge  # noqa: E402  # found only now
from simulation.loop import SimulationError  # noqa: E402
from simulation.scenario import Scenario  # noqa: E402


def main(arguments: list[str]) -> int:
    """Replay the scenario that is the first argument; keep its history and its traces in the second."""
    logging.disable()
    try:
        scenario = Scenario.from_json("".join(arguments[:1]))
        keep = Path(arguments[1]) if arguments[1:] else None
        if keep is not None:
            keep.mkdir()
        run = judge(scenario, keep=keep)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"give a scenario as JSON, such as '{{\"seed\": 1}}', and perhaps a new folder: {error}\n")
        return 2
    except SimulationError as broken:
        sys.stdout.write(f"{broken}\n")
        return 1
    sys.stdout.write(json.dumps({"digest": run.digest, **dict(sorted(run.counts.items()))}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
