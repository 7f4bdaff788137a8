"""Changes of members as a server handles them: who asked for one is answered when its last entry is committed."""

from dataclasses import dataclass, field

from impl_cluster import leader
from quorate.membership.changes import Change, Decision
from quorate.raft import (
    AppendEntriesReply,
    ChangeMembers,
    Config,
    Event,
    Persisted,
    Receive,
    State,
    step,
)
from quorate.raft_server.changes import Changes
from quorate.runtime.outcomes import Outcome
from quorate.runtime.requests import Proposals, Request


@dataclass
class Leader:
    """A leader of two voters and two learners, and the requests that it puts off."""

    state: State = field(default_factory=lambda: leader(config=Config((1, 2), (3, 4), no_op=True)))
    delayed: list[tuple[Request, str]] = field(default_factory=list)
    proposals: Proposals = field(default_factory=Proposals)

    def __post_init__(self) -> None:
        self.changes = Changes(
            self, self.proposals, self.take, lambda request, why: self.delayed.append((request, why))
        )
        self.acknowledge()

    def follow(self, state: State) -> None:
        """Nobody has to be connected."""

    def decide(self, state: State, payload: bytes) -> Decision:
        """The change to the voters in the payload."""
        del state
        return Change(ChangeMembers(tuple(payload), ()), payload)

    def take(self, event: Event) -> None:
        """As the driver does."""
        self.state = step(self.state, event).state
        self.changes.follow(self.state)

    def acknowledge(self) -> None:
        """All have the whole log."""
        last, term = self.state.log.last_index, self.state.current_term
        self.take(Persisted(term, last))
        for peer in self.state.peers:
            self.take(Receive(AppendEntriesReply(peer, 1, term, success=True, match_index=last)))


def test_a_second_change_does_not_take_the_answer_of_a_joint_one() -> None:
    """It is put off, and the first is answered by its last entry."""
    outcomes: list[Outcome] = []
    here = Leader()
    first, second = (
        Request(write=True, payload=voters, done=outcomes.append, arrived=0.0, deadline=1.0)
        for voters in (bytes((1, 3)), bytes((1, 4)))
    )
    here.changes.request(here.state, first)
    assert here.state.configuration.is_joint
    here.changes.request(here.state, second)
    assert [request for request, _ in here.delayed] == [second]
    here.acknowledge()
    assert not here.state.configuration.is_joint
    proposed = here.proposals.take(here.state.log.configuration_index)
    assert proposed is not None
    assert (proposed.request, proposed.reply, outcomes) == (first, first.payload, [])
