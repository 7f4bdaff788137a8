"""Look for a seed with which a scenario breaks a promise; which code runs is for PYTHONPATH to say.

The argument is JSON: `scenario`, whose seed is the first that is tried; how many `seeds` to try; and the names of the
checks that count, `only`, or null for all. What is printed is JSON, too: `seeds` that were tried, and of the last one,
if it broke something, the `check` and what it says.
"""

import json
import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from simulation.checks import BrokenPromiseError  # noqa: E402  # found only now
from simulation.judge import judge  # noqa: E402
from simulation.scenario import Scenario  # noqa: E402


def hunt(question: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a question as above; other errors than broken promises are raised."""
    first = Scenario.from_json(json.dumps(question["scenario"]))
    only = None if question["only"] is None else frozenset(question["only"])
    for tried in range(question["seeds"]):
        try:
            judge(replace(first, seed=first.seed + tried), only)
        except BrokenPromiseError as broken:
            return {"seeds": tried + 1, "check": broken.check, "says": str(broken)}
    return {"seeds": question["seeds"], "check": None, "says": None}


if __name__ == "__main__":
    logging.disable()
    sys.stdout.write(json.dumps(hunt(json.loads(sys.argv[1]))))
