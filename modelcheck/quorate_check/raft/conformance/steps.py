"""A step of the code in the specification's terms."""

from __future__ import annotations

from quorate.raft import Message, StepDown
from quorate_check.core.system import Deliver
from quorate_check.raft.conformance.explain import Cause, LocalStep
from quorate_check.raft.conformance.mapping import map_message, map_server
from quorate_check.raft.subject import CheckerEvent, CheckQuorum, Compact, Confirmation, CoreNode, Restart

CAUSES: dict[type, Cause] = {
    Deliver: Cause.MESSAGE,
    Restart: Cause.CRASH,
    StepDown: Cause.STEP_DOWN,
    CheckQuorum: Cause.STEP_DOWN,
    Compact: Cause.SNAPSHOT,
}


def local_step(
    before: CoreNode, event: CheckerEvent, after: CoreNode, sent: tuple[Message | Confirmation, ...]
) -> LocalStep:
    """Return a step of the code in the specification's terms, which has no messages from a server to itself.

    There are two: the disk's confirmation of a write, and the vote of a voter that is alone.
    """
    received, cause = None, CAUSES.get(type(event), Cause.ITS_OWN)
    match event:
        case Deliver(message) if message.source == message.dest:
            cause = Cause.ITS_OWN
        case Deliver(message):
            received = map_message(message)
        case _:
            pass
    messages = frozenset(map_message(m) for m in sent if not isinstance(m, Confirmation) and m.source != m.dest)
    return LocalStep(map_server(before), received, map_server(after), messages, cause)
