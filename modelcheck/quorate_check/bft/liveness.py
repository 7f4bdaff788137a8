"""Liveness: voters decide in a view with an honest leader, in which every message arrives and traitors are silent.

It is judged in every state that traitors can bring about: from there the real core runs with members leading in turn.
"""

from __future__ import annotations

from dataclasses import replace

from quorate.bft import Config, Message, Receive, State, SymbolicSigner, SymbolicVerifier, ViewTimeout, WaitOver, step
from quorate_check.bft.subject import Local, Voter
from quorate_check.core.invariants import Invariant


def liveness_invariant(max_view: int) -> Invariant:
    """Return liveness as an invariant, for voters in views up to `max_view`.

    A voter takes only its lock and its decision into a later view, so states that agree in both are judged once.
    """

    def start_state(local: Local) -> State | None:
        if not isinstance(local, Voter) or local.state.decisions:
            return local.state if isinstance(local, Voter) else None
        return replace(local.state, view=max_view, accepted=None, committed_view=0)

    def holds(views: tuple[State | None, ...]) -> bool:
        return decides(views, max_view)

    sentence = "from every state, all decide in a later view with an honest leader, if everything arrives"
    return Invariant("GoesOn", sentence, start_state, holds)


def decides(views: tuple[State | None, ...], max_view: int) -> bool:
    """Whether all voters among `views` decide alike in a view later than `max_view`, for each honest leader of it."""
    voters = {state.id: state for state in views if state is not None}
    members = next(iter(voters.values())).config.members
    states = {i: replace(s, config=ordinary(members, i)) for i, s in voters.items()}
    for view in range(max_view + 1, max_view + 1 + len(members)):
        if states[0].config.leader(1, view) not in states:
            continue
        results = run_view(states, view)
        decisions = {state.decisions[0].digest if state.decisions else None for state in results.values()}
        if None in decisions or len(decisions) > 1:
            return False
    return True


def ordinary(members: tuple[int, ...], member: int) -> Config:
    """Return a member's configuration in which members lead in turn."""
    return Config(b"checked", members, SymbolicSigner(member), SymbolicVerifier())


def run_view(
    states: dict[int, State], view: int, lies: tuple[Message, ...] = (), *, wait: bool = True
) -> dict[int, State]:
    """Bring all voters to `view` and deliver all messages, `lies` first; return the voters by id.

    The leader's wait (Δ) ends when all messages have arrived; without `wait` it ends at once.
    """
    states, flight = dict(states), list(lies)

    def process(member: int, event: ViewTimeout | WaitOver | Receive) -> None:
        output = step(states[member], event)
        states[member] = output.state
        flight.extend(message for message in output.send if message.dest in states)

    def deliver() -> None:
        while flight:
            message = flight.pop(0)
            process(message.dest, Receive(message))

    for member in sorted(states):
        while not states[member].decisions and states[member].view < view:
            process(member, ViewTimeout())
    leader = states[min(states)].config.leader(1, view)
    if wait:
        deliver()
    if not states[leader].decisions:
        process(leader, WaitOver())
    deliver()
    return states
