"""Requests about the members: the leader decides them, and their clients wait until a change is complete."""

from collections.abc import Callable
from typing import Final, Protocol

from quorate import raft
from quorate.membership.changes import Answer, Change, Decision, Later, refusal
from quorate.raft import Event, Role, State
from quorate.runtime.outcomes import Done
from quorate.runtime.requests import Proposals, Request, RequestPhase

_FIXED: Final = "the members of this cluster can't change"


class Membership(Protocol):
    """What a server needs of the membership of its cluster (quorate.membership.serving)."""

    def follow(self, state: State) -> None:
        """Note that another configuration is in force, or that the one in force is committed now."""
        ...

    def decide(self, state: State, payload: bytes) -> Decision:
        """The decision of the leader in `state` about a request."""
        ...


class FixedMembership:
    """The membership of a server whose cluster has no directory."""

    def follow(self, state: State) -> None:
        """Do nothing: all peers are known."""

    def decide(self, state: State, payload: bytes) -> Decision:  # noqa: ARG002  # none is read
        """Refuse every request."""
        return Answer(refusal(_FIXED))


class Changes:
    """The change of members that this leader has begun for a client, if any, until its last entry is in the log."""

    def __init__(
        self,
        membership: Membership,
        proposals: Proposals,
        step: Callable[[Event], None],
        later: Callable[[Request, str], None],
    ) -> None:
        """Begin without a change; `step` takes an event, and `later` a request that can't be decided yet."""
        self._membership = membership
        self._proposals = proposals
        self._step = step
        self._later = later
        self._joint: tuple[Request, bytes] | None = None
        self._transfer: tuple[Request, raft.NodeId] | None = None
        self._place: tuple[raft.Configuration, bool] | None = None

    def request(self, state: State, request: Request) -> None:
        """Decide a request as the leader in `state`."""
        decision = self._membership.decide(state, request.payload)
        match decision:
            case Answer(reply):
                request.finish(Done(reply))
            case Later(why):
                self._later(request, why)
            case Change(raft.TransferLeadership() as event):
                self._begin_transfer(request, event)
            case Change(event, reply):
                before, self._joint = self._joint, (request, reply)
                request.phase = RequestPhase.PROPOSED
                try:
                    self._step(event)
                except raft.ChangeRefused as error:
                    self._joint = before
                    if error.soon:
                        self._later(request, str(error))
                    else:
                        request.finish(Done(refusal(str(error))))

    def _begin_transfer(self, request: Request, event: raft.TransferLeadership) -> None:
        try:
            self._step(event)
        except raft.TransferRefused as error:
            request.finish(Done(refusal(str(error))))
        else:
            self._transfer = request, event.target
            request.phase = RequestPhase.PROPOSED

    def _follow_transfer(self, state: State) -> None:
        if self._transfer is None or state.transfer_target is not None:
            return
        request, target = self._transfer
        self._transfer = None
        if state.role is Role.LEADER:
            why = f"node {target} didn't take over within an election timeout: it may be slow, cut off or about to stop"
            request.finish(Done(refusal(why)))
        else:
            request.finish(Done(b"{}"))

    def follow(self, state: State) -> bool:
        """Follow the state of the core after each step; whether another configuration is in force, or committed now."""
        self._follow_transfer(state)
        log, before = state.log, self._place
        place = state.configuration, log.configuration_index <= state.commit_index
        if before is not None and place[0] is before[0] and place[1] is before[1]:
            return False
        self._place = place
        self._membership.follow(state)
        if self._joint is None:
            return True
        request, reply = self._joint
        if state.role is not Role.LEADER:
            self._joint = None
            request.give_up("the leader changed")
        elif not state.configuration.is_joint:
            self._joint = None
            self._proposals.add(log.configuration_index, state.current_term, [request], reply)
        return True
