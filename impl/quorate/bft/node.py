"""The dispatcher of events; every rule is in the module of its topic.

The rules are those of HotStuff-2 and Jolteon, with one instance of the protocol for each index of the log.
"""

from typing import assert_never

from quorate.bft import leading, views, voting
from quorate.bft.errors import LocalError
from quorate.bft.events import Event, Receive, Submit, ViewTimeout, WaitOver
from quorate.bft.messages import Decide, Message, NodeId, Prepared, Propose, Timeout, Vote
from quorate.bft.output import Durable, Output, settle
from quorate.bft.state import Config, State
from quorate.bft.statements import DIGEST_BYTES
from quorate.bft.validation import check_message


def restart(config: Config, node_id: NodeId, durable: Durable) -> State:
    """The state of member `node_id` after a start or restart with this disk; `Durable()` is an empty disk.

    Raises LocalError if `node_id` is not a member.
    """
    if node_id not in config.members:
        raise LocalError(f"node {node_id} is not among the members {config.members}")
    return State(
        config=config,
        id=node_id,
        decisions=durable.decisions,
        view=durable.view,
        accepted=durable.accepted,
        lock=durable.lock,
        committed_view=durable.committed_view,
        proposed_view=durable.proposed_view,
    )


def step(state: State, event: Event) -> Output:
    """The new state after `event`, and what the driver must do (see Output).

    An event that has no effect in this state returns the same state and nothing to do. Raises RemoteError for a message
    that no correct member sends, LocalError for a call that no correct driver makes; then nothing has happened.
    """
    return settle(state, _handle(state, event))


def _handle(state: State, event: Event) -> Output:
    match event:
        case Receive(message):
            check_message(state.config, message)
            return _receive(state, message)
        case ViewTimeout():
            return views.on_view_timeout(state)
        case WaitOver():
            return leading.on_wait_over(state)
        case Submit(digest):
            if len(digest) != DIGEST_BYTES:
                raise LocalError(f"digest: {DIGEST_BYTES} bytes are needed, not {len(digest)}")
            return leading.on_submit(state, digest)
        case _:
            assert_never(event)


def _receive(state: State, message: Message) -> Output:
    match message:
        case Propose():
            return voting.on_propose(state, message)
        case Vote():
            return leading.on_vote(state, message)
        case Prepared():
            return voting.on_prepared(state, message)
        case Decide():
            return voting.on_decide(state, message)
        case Timeout():
            return views.on_timeout(state, message)
        case _:
            assert_never(message)
