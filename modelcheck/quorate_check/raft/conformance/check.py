"""Conformance as a step invariant: the engine runs every distinct local step of the code once, and each is explained.

A step without an explanation is a violation like any other: its path is replayed on the real code and printed, and the
report shows the specification's nearest step.
"""

from __future__ import annotations

from dataclasses import replace

from quorate.raft import Message
from quorate_check.conformance.nearest import Nearest
from quorate_check.conformance.runs import NamedBounds, names_of_actions, promise
from quorate_check.conformance.sequences import Explanations
from quorate_check.core.system import NetworkKind, Outcome, System, UnusableSystemError
from quorate_check.raft.bounds import SERVED, RaftBounds
from quorate_check.raft.conformance.explain import LocalStep, explain
from quorate_check.raft.conformance.nearest import nearest
from quorate_check.raft.conformance.steps import local_step
from quorate_check.raft.subject import CheckerEvent, CoreNode, Durability
from quorate_spec.raft import actions

SUBJECT = "raft-conformance"
PRE_VOTE_ACTIONS = ("become_pre_candidate", "request_pre_vote", "handle_pre_vote_request", "handle_pre_vote_reply")
SNAPSHOT_ACTIONS = ("compact", "install_snapshot", "handle_install_snapshot", "handle_install_snapshot_reply")
READ_ACTIONS = (
    "begin_reads",
    "confirm_leadership",
    "handle_confirm_leadership",
    "handle_leadership_confirmed",
    "end_reads",
)
CHANGE_ACTIONS = ("change_members", "leave_joint")
TRANSFER_ACTIONS = (
    "transfer_leadership",
    "timeout_now",
    "handle_timeout_now",
    "ignore_timeout_now",
    "give_up_transfer",
)

ANY = NetworkKind.ANY
DEFAULT_RUNS = (
    NamedBounds("as it is served", SERVED),
    NamedBounds("as it is served, snapshots", replace(SERVED, max_term=1, snapshots=1)),
    NamedBounds("as it is served, reads", replace(SERVED, max_term=1, reads=2)),
    NamedBounds("as it is served, a transfer", replace(SERVED, storage=Durability.SYNC, restarts=0, transfers=1)),
    NamedBounds("reads in two terms", RaftBounds(network=ANY, max_log=1, reads=2)),
    NamedBounds("elections", RaftBounds(network=ANY, max_log=1, restarts=None, pre_vote=True, check_quorum=True)),
    NamedBounds("snapshots of longer logs", RaftBounds(network=ANY, snapshots=None, no_op=True)),
)


def action_functions() -> tuple[str, ...]:
    """Return the names of the specification's actions in Python, in their order there."""
    return names_of_actions(actions)


class Conformance(Explanations[LocalStep]):
    """The explanations of the core's steps by Raft.tla, each distinct step explained once."""

    subject = "raft conforms to its specification"

    def __init__(self) -> None:
        super().__init__(explain)

    def holds(self, before: CoreNode, event: CheckerEvent, after: CoreNode, sent: tuple[Message, ...]) -> bool:
        """Return whether the specification explains one step of the code."""
        return self.judge(local_step(before, event, after, sent))

    def unused(self, bounds: tuple[RaftBounds, ...]) -> dict[str, str | None]:
        """Return the actions that explain no step, each with the reason if `bounds` exclude it, else with None."""
        pre_vote = any(b.pre_vote for b in bounds) or "no pre-vote: needs --pre-vote"
        snapshots = any(b.snapshots != 0 for b in bounds) or "no snapshots: needs --snapshots 1 or more"
        reads = any(b.reads for b in bounds) or "no reads: needs --reads 1 or more"
        check_quorum = any(b.check_quorum for b in bounds)
        step_down = check_quorum or any(b.step_downs != 0 for b in bounds)
        excluded = {
            "step_down": step_down or "nobody steps down: needs --check-quorum or --step-downs 1",
            "ignore_request_vote": check_quorum or "no request is ignored: needs --check-quorum",
            "restart": any(b.restarts != 0 for b in bounds) or "no restarts: needs --restarts 1 or more",
            "stall_disk": any(b.storage is Durability.ASYNC for b in bounds) or "no disk stalls: needs --storage async",
            "drop_message": "the network's, not a server's",
            **dict.fromkeys(PRE_VOTE_ACTIONS, pre_vote),
            **dict.fromkeys(SNAPSHOT_ACTIONS, snapshots),
            **dict.fromkeys(READ_ACTIONS, reads),
            **dict.fromkeys(CHANGE_ACTIONS, any(b.changes for b in bounds) or "no changes: needs --changes"),
            **dict.fromkeys(
                TRANSFER_ACTIONS, any(b.transfers != 0 for b in bounds) or "no transfers: needs --transfers 1 or more"
            ),
        }
        return self.unused_among(action_functions(), excluded)

    def system(self, bounds: RaftBounds) -> System:
        """Return the core within `bounds` as a system whose only invariant is conformance.

        Raises UnusableSystemError for async storage on other networks. There writes wait in a queue, and only a crash
        decides which are lost; so a state stands for one of the specification for each write that may be the first.
        """
        if bounds.storage is Durability.ASYNC and bounds.network is not ANY:
            raise UnusableSystemError("--storage async: conformance has a disk that stalls, so give --network any, too")
        return replace(bounds.system(), name=SUBJECT, invariants=(promise(self.holds),), witnesses=())

    def extend(self, system: System) -> System:
        """Return `system`, which is the core within some bounds, with conformance as one more invariant."""
        return replace(system, invariants=(*system.invariants, promise(self.holds)))


def nearest_step(before: CoreNode, event: CheckerEvent, outcome: Outcome) -> Nearest:
    """Return what the specification has nearest to a step of the code."""
    return nearest(local_step(before, event, outcome.local, outcome.messages))
