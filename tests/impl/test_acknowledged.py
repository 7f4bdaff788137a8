"""A storage that lost what it acknowledged, though nobody had committed it, is told from one that may lack that.

The cores, the rules and the register's file are the real ones: what a leader has had acknowledged is what its core has
counted, and each start of a member begins with what its disk had at some moment.
"""

from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path
from random import Random

import pytest

from impl_cluster import FIVE, Node
from quorate.membership import register_file
from quorate.membership.introductions import Introductions
from quorate.membership.register import Refused, Register, Verdict
from quorate.membership.starting import Speaker
from quorate.raft import (
    Config,
    Durable,
    ElectionTimeout,
    Event,
    HeartbeatTimeout,
    Message,
    Propose,
    Receive,
    Role,
    Snapshot,
    SnapshotTaken,
    StepDown,
    restart,
)


@dataclass
class Copy:
    """What a folder held at one moment."""

    register: Register
    durable: Durable


@dataclass
class Member(Node):
    """A core with its disk, and a register in a file beside it; each start has a nonce of its own."""

    folder: Path = Path()
    speaks: Introductions = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        members = self.config.members
        self.start(Copy(Register("test", self.id, members, b"storage %d" % self.id), self.durable))

    @property
    def at(self) -> Path:
        """The register's file."""
        return self.folder / f"members-{self.id}.json"

    def copy(self) -> Copy:
        """Its folder as it is now."""
        found = register_file.read(self.at)
        assert found is not None
        return Copy(found, self.durable)

    def start(self, copy: Copy) -> None:
        """End the process that runs, and start one with this folder."""
        self.queue, self.durable = (), copy.durable
        self.state = restart(self.config, self.id, self.durable)
        register = replace(copy.register, starts=copy.register.starts + 1)
        speaker = Speaker()
        speaker.server = self
        nonce = Random(f"{self.id} {register.starts} {id(speaker)}").randbytes(16)
        self.speaks = Introductions(register, nonce, lambda changed: register_file.save(self.at, changed), speaker)
        register_file.save(self.at, register)

    def step_down(self) -> None:
        """As a server does."""
        self.handle(StepDown())


@dataclass
class World:
    """Members that have met; only what a test lets happen does."""

    folder: Path
    config: Config = FIVE
    members: dict[int, Member] = field(init=False)

    def __post_init__(self) -> None:
        self.members = {number: Member(self.config, number, folder=self.folder) for number in self.config.members}
        for _ in range(4):
            for one, other in permutations(self.config.members, 2):
                self.meet(one, other)
        assert all(member.speaks.register.joined for member in self.members.values())

    def meet(self, dialling: int, accepting: int) -> tuple[Verdict, Verdict]:
        """One connection: what the one who dials, and the one who accepts, make of the other."""
        one, other = self.members[dialling], self.members[accepting]
        told = other.speaks.hear(dialling, one.speaks.claim(accepting))
        return one.speaks.hear(accepting, other.speaks.claim(dialling)), told

    def happen(self, number: int, event: Event, among: set[int]) -> None:
        """One event, and whatever follows from it between these members."""
        messages = [*self.members[number].handle(event)]
        while messages or any(self.members[member].queue for member in among):
            for member in among:
                while self.members[member].queue:
                    messages += self.members[member].flush()
            arriving, messages = [m for m in messages if {m.source, m.dest} <= among], []
            for message in arriving:
                messages += self._arrive(message)

    def _arrive(self, message: Message) -> tuple[Message, ...]:
        return self.members[message.dest].handle(Receive(message))

    def lead(self, number: int, among: set[int]) -> None:
        """Have it elected by these."""
        self.happen(number, ElectionTimeout(), among)
        assert self.members[number].state.role is Role.LEADER

    def lose(self, number: int, at: int) -> None:
        """A connection between the two ends."""
        self.members[at].speaks.lost(number)


def refusal(verdict: Verdict) -> str:
    """The line of a refusal."""
    assert isinstance(verdict, Refused), verdict
    return verdict.why


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Five members; 1 leads with one committed entry, and 2 alone has acknowledged two more."""
    world = World(tmp_path)
    world.lead(1, {1, 2, 3})
    world.happen(1, Propose((b"a",)), {1, 2, 3})
    return world


def acknowledge_two(world: World) -> Copy:
    """Have 2 acknowledge two entries that nobody else gets; its folder before them."""
    copy = world.members[2].copy()
    world.happen(1, Propose((b"b", b"c")), {1, 2})
    leader = world.members[1].state
    assert (leader.commit_index, leader.match_index_of(2)) == (1, 3)
    return copy


@pytest.mark.parametrize("leader_restarts", [False, True])
def test_a_copy_that_lost_only_what_nobody_committed_is_refused_by_the_leader(
    world: World, *, leader_restarts: bool
) -> None:
    """In the term in which it was acknowledged, by a leader that runs on or was started again; both nodes tell why."""
    copy = acknowledge_two(world)
    world.lose(2, at=1)
    world.members[2].start(copy)
    if leader_restarts:
        world.members[1].start(world.members[1].copy())
    for _ in range(2):  # for as long as it tries
        at_two, at_one = world.meet(2, 1)
        why = refusal(at_one)
        assert "a log up to 1 of term 1, which had been acknowledged up to 3 of term 1" in why
        assert "`quorate replace`" in why
        assert why in world.members[1].speaks.notices.values()
    at_two, _ = world.meet(2, 1)
    assert why in refusal(at_two)
    assert any(why in notice for notice in world.members[2].speaks.notices.values())


def test_a_restart_with_everything_is_accepted(world: World) -> None:
    """However often, and whether anything more was acknowledged since."""
    acknowledge_two(world)
    for _ in range(3):
        world.lose(2, at=1)
        world.members[2].start(world.members[2].copy())
        assert world.meet(2, 1) == world.meet(1, 2) == (None, None)
        world.happen(1, Propose((b"more",)), {1, 2})


def test_a_log_that_a_later_leader_cut_is_accepted(world: World) -> None:
    """Though it is shorter than what was acknowledged, by whoever had it acknowledged then."""
    acknowledge_two(world)
    world.lose(2, at=1)
    world.lead(3, {3, 4, 5})
    world.happen(3, Propose((b"d",)), {2, 3, 4, 5})
    two = world.members[2]
    assert [entry.command for entry in two.durable.log.entries] == [b"a", b"d"]
    two.start(two.copy())
    assert world.meet(2, 1) == (None, None)


def test_what_was_committed_is_missed_in_later_terms_too(world: World) -> None:
    """No leader cuts that."""
    copy = world.members[2].copy()
    world.happen(1, Propose((b"b",)), {1, 2, 3})
    world.lose(2, at=1)
    world.members[2].start(replace(copy, durable=replace(copy.durable, current_term=9)))
    assert "a log up to 1, which had been acknowledged up to 2" in refusal(world.meet(2, 1)[1])


def test_an_entry_of_an_earlier_term_in_the_place_of_what_was_acknowledged_is_missed(world: World) -> None:
    """A log that is long enough may still not be the one that was acknowledged."""
    acknowledge_two(world)
    world.lead(2, {1, 2, 3})
    world.happen(2, Propose((b"d",)), {1, 2})
    three = world.members[3]
    world.happen(2, HeartbeatTimeout(), {2, 3})
    world.lose(3, at=2)
    longer = three.durable.log.truncate_from(4)
    longer = longer.append((replace(longer.slice(3, 3)[0], command=b"other"),))
    three.start(Copy(three.copy().register, replace(three.durable, log=longer)))
    assert "of term 1, which had been acknowledged up to 4 of term 2" in refusal(world.meet(3, 2)[1])


def test_a_process_that_runs_is_believed_though_its_hello_is_overtaken(world: World) -> None:
    """What it acknowledges by one connection may be heard before what it had said on another."""
    early = world.members[2].speaks.claim(1)
    acknowledge_two(world)
    assert world.members[1].speaks.hear(2, early) is None


def test_a_leader_that_has_compacted_what_was_acknowledged_knows_it_by_its_index(world: World) -> None:
    """The term of the entry is gone, and is not needed: it is committed."""
    for event in (Propose((b"b", b"c")), HeartbeatTimeout()):
        world.happen(1, event, {1, 3, 4})
    world.happen(1, SnapshotTaken(Snapshot(2, 1, b"")), {1})
    found = world.members[1].speaks._member.acknowledged(2)
    assert (found.match_index, found.match_term, found.index) == (1, 0, 1)
