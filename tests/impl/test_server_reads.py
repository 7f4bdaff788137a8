"""The server's part in a read: which reads a confirmed round is for, and when they may be answered."""

from impl_cluster import THREE, after, leader, log_of
from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    Config,
    Entry,
    Event,
    LeadershipConfirmed,
    Persisted,
    Propose,
    ReadRequest,
    Receive,
    State,
    step,
)
from quorate.raft_server.reads import PendingReads


class Leader:
    """A core and its pending reads, driven as a server drives them."""

    def __init__(self, state: State) -> None:
        """No reads have arrived."""
        self.state, self.reads = state, PendingReads[str]()

    def happen(self, *events: Event) -> None:
        """Take steps."""
        for event in events:
            output = step(self.state, event)
            self.reads.follow(self.state.reads, output)
            self.state = output.state

    def ask(self, *reads: str, again: bool = False) -> bool:
        """Take reads, and begin a round if one is needed; return whether it is."""
        self.reads.arrived += reads
        needed = self.reads.need_round(self.state, again=again)
        if needed:
            self.happen(ReadRequest())
        return needed

    def confirm(self, number: int, peer: int = 2) -> None:
        """A peer confirms a round of this term."""
        self.happen(Receive(LeadershipConfirmed(peer, 1, self.state.current_term, number)))

    def answer(self, applied_index: int | None = None) -> list[str]:
        """Take the reads that may be answered when so much is applied, or all that is committed."""
        return self.reads.take_answerable(self.state.commit_index if applied_index is None else applied_index)


def settled_leader(config: Config = THREE) -> Leader:
    """Server 1, leader of term 2, with an entry of its own term committed."""
    state = leader(2, log_of(1, 2), config)
    return Leader(after(state, AppendEntriesReply(2, 1, 2, success=True, match_index=2)))


def test_a_read_waits_for_a_quorum() -> None:
    """And is answered once."""
    server = settled_leader()
    assert not server.ask()
    assert server.ask("r")
    assert server.answer() == []
    server.confirm(1)
    assert server.answer() == ["r"]
    assert server.answer() == []


def test_a_read_waits_until_its_leader_may_ask() -> None:
    """The core would do nothing: its commit index may be too old."""
    server = Leader(leader(2, log_of(1, 2)))
    assert not server.ask("r")
    assert not server.ask(again=True)
    server.happen(Receive(AppendEntriesReply(2, 1, 2, success=True, match_index=2)))
    assert server.ask()


def test_a_read_that_arrives_during_a_round_waits_for_the_next() -> None:
    """The answers under way were perhaps given before it arrived."""
    server = settled_leader()
    assert server.ask("first")
    assert not server.ask("second")
    server.confirm(1)
    assert server.answer() == ["first"]
    assert server.ask()
    server.confirm(1, peer=3)
    assert server.answer() == []
    server.confirm(2, peer=3)
    assert server.answer() == ["second"]


def test_a_round_whose_answers_were_lost_is_asked_again() -> None:
    """What was asked and what has arrived go together, under a new number."""
    server = settled_leader()
    server.ask("first")
    assert not server.ask()
    assert server.ask("second", again=True)
    server.confirm(1)
    assert server.answer() == []
    server.confirm(2)
    assert server.answer() == ["first", "second"]
    assert not server.ask(again=True)


def test_a_round_is_asked_again_for_either_kind_of_read_alone() -> None:
    """Those of the round under way, and those that have come since."""
    asking, arrived = settled_leader(), settled_leader()
    asking.ask("r")
    assert asking.ask(again=True)
    assert arrived.ask("r", again=True)


def test_a_read_waits_for_the_state_machine() -> None:
    """What was committed when its round began has to be applied first (§6.4, step 4); later rounds don't hold it up."""
    server = settled_leader()
    server.ask("first")
    server.confirm(1)
    assert server.answer(1) == []
    server.happen(Propose((b"x",)), Persisted(2, 3), Receive(AppendEntriesReply(2, 1, 2, success=True, match_index=3)))
    server.ask("second")
    server.confirm(2)
    assert server.answer(2) == ["first"]
    assert server.answer(3) == ["second"]


def test_who_has_stopped_leading_gives_all_reads_back() -> None:
    """Confirmed or not: another server may answer them."""
    server = settled_leader()
    server.ask("first")
    server.confirm(1)
    server.ask("second")
    server.ask("third")
    server.happen(Receive(AppendEntries(2, 1, 3, 2, 2, (Entry(3, b""),), 2)))
    assert not server.ask(again=True)
    assert server.reads.take_all() == ["first", "second", "third"]
    assert server.reads.take_all() == []
    assert server.answer() == []


def test_a_cluster_of_one_confirms_itself() -> None:
    """It is its own quorum, and no message comes that could say so."""
    server = Leader(after(leader(1, config=Config(members=(1,), no_op=True)), Persisted(1, 1)))
    assert server.ask("r")
    assert server.answer() == ["r"]
