"""A process that has loaded the compiled search but not `quorate`, and forks a child for each mutant of it.

`python -m quorate_check.mutants.nursery` reads one question a line, as JSON, and answers each with a line. A child
imports `quorate` from the question's folder, so that a mutant costs no compilation and can't affect the next one. A
child that is killed for the processor time that it takes, or that dies, is reported in the answer's `raised`.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any

from quorate_check.core.system import Deliver, Network, NetworkKind, Spontaneous, System
from quorate_check.core.system import Outcome as Step
from quorate_check.engine import explore

OVERTIME_S = 20  # a search looks at the clock between rounds; after this a step that never ends is killed
WAIT = 20  # seconds that a child may take for each second of processor time that it may take


def warm_up() -> None:
    """Load the compiled searches, so that children don't have to."""
    for network in (Network(NetworkKind.UNORDERED, 2, 0, 0), Network(NetworkKind.ANY)):
        system = System(
            name="warm-up",
            initial=(0, 0),
            step=lambda local, event: (
                (Step(1, ()),) if isinstance(event, Deliver) else (Step(local, ("ping",)),) if local == 0 else ()
            ),
            network=network,
            source=lambda _: 0,
            destination=lambda _: 1,
            spontaneous=(Spontaneous("go"),),
        )
        explore(system)


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Return a child's answer to `question`, or what ended it if it took too long or died."""
    read_end, write_end = os.pipe()
    if (child := os.fork()) == 0:
        status = 1
        try:
            os.close(read_end)
            most = int(question["seconds"]) + OVERTIME_S
            resource.setrlimit(resource.RLIMIT_CPU, (most, most))
            with os.fdopen(write_end, "w") as pipe:
                json.dump(_judge(question), pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    output, start_time = b"", time.monotonic()
    most_time = WAIT * (question["seconds"] + OVERTIME_S)
    while (time_left := most_time - (time.monotonic() - start_time)) > 0:
        ready, _, _ = select.select([read_end], [], [], time_left)
        if ready and not (chunk := os.read(read_end, 1 << 16)):
            break
        output += chunk if ready else b""
    else:
        os.kill(child, signal.SIGKILL)
    os.close(read_end)
    _, status = os.waitpid(child, 0)
    if status == 0:
        result: dict[str, Any] = json.loads(output)
        return result
    is_endless = os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGKILL, signal.SIGXCPU}
    return {"answers": [], "raised": "a step that doesn't end" if is_endless else f"the interpreter died ({status})"}


def _judge(question: dict[str, Any]) -> dict[str, Any]:
    sys.path.insert(0, question["folder"])
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the child ends
    try:
        from quorate_check.mutants import judging  # noqa: PLC0415 - imports `quorate`, of this child only

        return judging.tell(question) if "script" in question else judging.judge(question)
    except Exception as error:  # noqa: BLE001 - a mutant may raise anything, on import, too
        return {"answers": [], "raised": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Answer questions until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process decides when to end
    warm_up()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
