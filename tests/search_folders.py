"""What the tests of searches that go on from a folder have in common, whatever the kind of search."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace

from patience import PROGRAM_S
from quorate_check.core.invariants import Invariant, Over
from quorate_check.core.system import System


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Return when `condition` holds; fail if the process ends before, or nothing happens for too long."""
    until = time.monotonic() + PROGRAM_S
    while not condition():
        assert process.poll() is None, process.communicate(timeout=PROGRAM_S)
        assert time.monotonic() < until, "the search takes too long"
        time.sleep(0.01)


def with_other_code(system: System) -> System:
    """A system of Raft whose step function does something else, though all its declarations are the same."""

    def step(local: object, event: object) -> object:
        return [o for o in system.step(local, event) if len(o.messages) < 2]  # type: ignore[union-attr]

    return replace(system, step=step)  # type: ignore[arg-type]


def with_a_sharper_promise(system: System) -> System:
    """A system of Raft that promises also that "nobody is in term 1", which its first steps break."""
    name, over = "nobody is in term 1", Over.EACH
    term = Invariant(name, name, lambda s: s.state.current_term, lambda terms: 1 not in terms, over)
    return replace(system, invariants=(*system.invariants, term))
