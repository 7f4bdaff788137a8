"""A leader hands over: it takes no proposals, brings a voter up to date, and asks it to stand for election at once.

(§3.10 of Ongaro's dissertation.) When the target has the leader's whole log, the leader sends it a TimeoutNow, and
another with every heartbeat, since messages get lost. The target stands without a pre-vote, which others, who still
know a leader, would refuse; for the same reason its requests for votes say that the leader asked for them
(check_quorum.py). They depose the leader. If that hasn't happened when the leader's next election timeout has passed,
the leader gives up, and serves again.

- No promise depends on any of this: a server may stand at any time, and wins only with the votes of a quorum.
- During a transfer the leader appends nothing, so a target that has its whole log keeps it whole. Therefore the members
  can't be changed meanwhile, and no transfer begins before the latest configuration is complete: else the leader would
  have to append the end of a joint phase, or the target might lose its vote.
- Reads go on: a quorum confirms each round of them after it began, and no clock is involved (reads.py). A leader that
  has been deposed, also by its target, gets no such quorum.
- A TimeoutNow counts in its own term only, and only for a voter that follows its sender. One that comes late must not
  depose a later leader in the name of an earlier one.
"""

from dataclasses import replace

from quorate.raft.configuration import NodeId
from quorate.raft.errors import NotLeader, TransferRefused
from quorate.raft.events import TransferLeadership
from quorate.raft.messages import TimeoutNow
from quorate.raft.output import Output
from quorate.raft.state import Role, State


def on_transfer_leadership(state: State, event: TransferLeadership) -> Output:
    """A leader begins a transfer; raises NotLeader, or TransferRefused with the reason."""
    if state.role is not Role.LEADER:
        raise NotLeader(state.leader_id)
    _refuse_target(state, event.target)
    if state.transfer_target is not None:
        raise TransferRefused(under_way(state.transfer_target))
    if state.log.configuration_index > state.commit_index:
        raise TransferRefused("a change of the members is under way: try again soon")
    state = replace(state, transfer_target=event.target)
    return Output(state, send_now=requests(state))


def requests(state: State) -> tuple[TimeoutNow, ...]:
    """The leader's request to the target of its transfer, if there is one and it has the leader's whole log."""
    target = state.transfer_target
    if target is None or state.match_index_of(target) < state.log.last_index:
        return ()
    return (TimeoutNow(state.id, target, state.current_term),)


def give_up(state: State) -> State:
    """The leader's state without a transfer: it serves again."""
    return state if state.transfer_target is None else replace(state, transfer_target=None)


def heeds(state: State, message: TimeoutNow) -> bool:
    """Whether a server in the term of `message` stands: it is a voter, and follows the sender."""
    return state.leader_id == message.source and state.configuration.is_voter(state.id)


def under_way(target: NodeId) -> str:
    """The reason for which a leader that transfers its leadership refuses what changes its log."""
    return f"a transfer of leadership to node {target} is under way"


def _refuse_target(state: State, target: NodeId) -> None:
    if target == state.id:
        raise TransferRefused(f"node {target} leads already")
    if not state.configuration.is_voter(target):
        kind = "a learner, not a voter" if target in state.configuration.learners else "no member"
        raise TransferRefused(f"node {target} is {kind}")
