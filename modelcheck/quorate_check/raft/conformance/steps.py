"""A step of the code in the specification's terms."""

from __future__ import annotations

from quorate.raft import Message, StepDown
from quorate_check.core.system import Deliver
from quorate_check.raft.conformance.explain import Cause, LocalStep
from quorate_check.raft.conformance.mapping import map_message, map_server
from quorate_check.raft.subject import CheckerEvent, Compact, CoreNode, Restart

CAUSES: dict[type, Cause] = {
    Deliver: Cause.MESSAGE,
    Restart: Cause.CRASH,
    StepDown: Cause.STEP_DOWN,
    Compact: Cause.SNAPSHOT,
}


def local_step(before: CoreNode, event: CheckerEvent, after: CoreNode, sent: tuple[Message, ...]) -> LocalStep:
    """Return a step of the code in the specification's terms."""
    received = map_message(event.message) if isinstance(event, Deliver) else None
    cause = CAUSES.get(type(event), Cause.ITS_OWN)
    return LocalStep(map_server(before), received, map_server(after), frozenset(map(map_message, sent)), cause)
