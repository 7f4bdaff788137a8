"""Changes of view: a member leaves a view at its own timeout, or after f + 1 others, of whom one is honest."""

from dataclasses import replace

from quorate.bft import leading
from quorate.bft.messages import Certificate, Decide, Timeout, view_of
from quorate.bft.output import Output
from quorate.bft.state import State
from quorate.bft.statements import Phase, Statement, canonical


def on_view_timeout(state: State) -> Output:
    """Leave the view, send timeouts to all members, and enter the next view."""
    return enter(state, state.view + 1)


def on_timeout(state: State, message: Timeout) -> Output:
    """Record which view a member has left, and follow f + 1 members, of whom one must be honest."""
    if message.index < state.index:
        decision = state.decisions.at(message.index)
        # Older decisions are on the disk; the driver sends them to members that are so far behind.
        return Output(state, send=() if decision is None else (Decide(state.id, message.source, decision),))
    if message.index > state.index or message.view <= _last_of(state, message.source):
        return Output(state)
    others = tuple(t for t in state.timeouts if t.source != message.source)
    state = replace(state, timeouts=tuple(sorted((*others, message), key=lambda t: t.source)))
    left = sorted((t.view for t in state.timeouts), reverse=True)
    faults = state.config.faults
    # f + 1 members have left a view as late as this one, so an honest one has.
    followed = enter(state, left[faults] + 1 if len(left) > faults else 0)
    return followed.then(leading.on_timeout(followed.state, message))


def enter(state: State, view: int) -> Output:
    """Enter `view` if it is later; the timeouts tell the next leader the lock of this member."""
    if view <= state.view:
        return Output(state)
    state = replace(state, view=view, waited=False, proposal=None, votes=())
    send = tuple(_timeout(state, member) for member in state.config.members)
    return Output(state, send=send, reset_timer=True, start_wait=state.leads).then(leading.propose(state))


def begin_next(state: State, decision: Certificate) -> Output:
    """Enter the first view of the next index."""
    state = State(
        config=state.config,
        id=state.id,
        decisions=state.decisions.append(decision),
        known=tuple(digest for digest in state.known if digest != decision.digest),
    )
    return Output(state, reset_timer=True).then(leading.propose(state))


def _timeout(state: State, dest: int) -> Timeout:
    left, digest = state.view - 1, b"" if state.lock is None else state.lock.digest
    statement = Statement(Phase.TIMEOUT, state.index, left, digest, view_of(state.lock))
    signature = state.config.signer.sign(canonical(state.config.cluster, state.id, statement))
    return Timeout(state.id, dest, state.index, left, state.lock, signature)


def _last_of(state: State, source: int) -> int:
    return max((t.view for t in state.timeouts if t.source == source), default=0)
