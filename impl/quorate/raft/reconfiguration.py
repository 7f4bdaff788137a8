"""Changes of the configuration: one at a time, directly for one voter, jointly for more (§6).

(Chapter 4 of the dissertation, which wins where it differs from the paper.) A configuration is in force on a server as
soon as its log has the entry, so the entry itself commits by the new rules.

- A leader begins a change only if its latest configuration is committed and not joint, and an entry of its own term is
  committed. Without the last condition, two leaders could change one voter each, to configurations whose majorities
  don't intersect (erratum of 2015).
- If at most one voter comes or goes, every majority of the old voters intersects every majority of the new ones, so
  they may replace them directly. All other changes go through a joint configuration. When it is committed, the leader
  that knows this appends the final one, be it the leader that began the change or a later one.
- Who becomes a voter was a learner before, and has caught up: it has all that the leader had at the beginning of the
  present election timeout, so the cluster will not wait long for it. (§4.2.1 counts rounds of replication, of which the
  last has to be shorter than an election timeout; here the rounds are as long as election timeouts.)
- A leader that is no voter any more goes on until the change is committed, and doesn't count itself (§4.2.2). Then it
  tells its followers so, and steps down.
"""

from dataclasses import replace

from quorate.raft import replication, roles, transfer
from quorate.raft.configuration import Configuration
from quorate.raft.errors import ChangeRefused, NotLeader
from quorate.raft.events import ChangeMembers
from quorate.raft.messages import Entry
from quorate.raft.output import Output
from quorate.raft.state import Role, State


def on_change_members(state: State, event: ChangeMembers) -> Output:
    """A leader begins a change; raises NotLeader, or ChangeRefused with the reason."""
    if state.role is not Role.LEADER:
        raise NotLeader(state.leader_id)
    old = state.configuration
    try:
        new = Configuration(event.voters, learners=event.learners, contacts=event.contacts)
    except ValueError as error:
        raise ChangeRefused(str(error)) from None
    _refuse_early(state)
    _refuse_unprepared(state, new)
    if len(set(old.voters) ^ set(new.voters)) > 1:
        new = replace(new, outgoing=old.voters)
    return _append(Output(state), new)


def finish(output: Output) -> Output:
    """The output of any step, with what a leader does when its latest configuration is committed.

    It ends the joint phase, or steps down if it is no voter.
    """
    state = output.state
    if state.role is not Role.LEADER or state.log.configuration_index > state.commit_index:
        return output
    configuration = state.configuration
    if configuration.is_joint:
        return _append(output, replace(configuration, outgoing=()))
    if not configuration.is_voter(state.id):
        farewell = replication.messages_to(state, state.peers)
        follower = roles.become_follower(state, state.current_term, leader_id=None)
        return replace(output, state=follower, send_now=output.send_now + farewell, reset_election_timer=True)
    return output


def begin_round(state: State) -> State:
    """The leader's state at the beginning of an election timeout: learners have caught up if they get this far."""
    return replace(state, caught_up_index=state.log.last_index) if state.configuration.learners else state


def _refuse_early(state: State) -> None:
    index = state.log.configuration_index
    if state.transfer_target is not None:
        raise ChangeRefused(transfer.under_way(state.transfer_target), soon=True)
    if state.config.quorum is not None:
        raise ChangeRefused("the quorum has a fixed size, so the members can't change")
    if state.configuration.is_joint or index > state.commit_index:
        raise ChangeRefused(f"a change is under way: the one at index {index} isn't complete", soon=True)
    if state.log.term_at(state.commit_index) != state.current_term:
        raise ChangeRefused("the leader has committed nothing in its term yet: try again soon", soon=True)


def _refuse_unprepared(state: State, new: Configuration) -> None:
    old = state.configuration
    if new == old:
        raise ChangeRefused("these are the present members")
    if not new.voters:
        raise ChangeRefused("a cluster needs at least one voter")
    for member in new.voters:
        if member in old.voters:
            continue
        if member not in old.learners:
            raise ChangeRefused(f"node {member} must be a learner before it becomes a voter")
        if (index := state.match_index_of(member)) < state.caught_up_index:
            raise ChangeRefused(f"node {member} lags behind: it has {index} of {state.log.last_index} entries")


def _append(output: Output, configuration: Configuration) -> Output:
    """The output with an entry for `configuration`; who stays keeps its progress, who is new has none."""
    state = output.state
    old, last = state.configuration.members, state.log.last_index
    state = replace(
        state,
        log=state.log.append((Entry(state.current_term, None, configuration),)),
        next_index=tuple(state.next_index_of(m) if m in old else last + 1 for m in configuration.members),
        match_index=tuple(state.match_index_of(m) if m in old else 0 for m in configuration.members),
        caught_up_index=last + 1 if configuration.learners else 0,
    )
    idle = tuple(peer for peer in state.peers if state.next_index_of(peer) > last)
    return replace(output, state=state, send_now=output.send_now + replication.messages_to(state, idle))
