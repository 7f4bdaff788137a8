"""A storage that took the place of a lost one: nothing acknowledged is lost, and no term has two leaders.

Real cores in random worlds with delays, losses, crashes, and disks that are wiped and replaced as `quorate replace`
does it: each other member notes it, steps down and forgets what the old storage has sent; then the new one begins in a
term after all of theirs, restrained.
"""

from dataclasses import dataclass, field
from random import Random

import pytest

from impl_cluster import FIVE, THREE, Node
from quorate.disk import add
from quorate.membership.restraint import restrained
from quorate.raft import (
    Config,
    Durable,
    ElectionTimeout,
    Entry,
    HeartbeatTimeout,
    Message,
    Propose,
    RaftError,
    Receive,
    Role,
    StepDown,
    step,
)

MOVES = 1500


class BrokenPromiseError(AssertionError):
    """What must not happen did."""


@dataclass
class Member(Node):
    """A node whose storage may have taken the place of a lost one."""

    after_term: int = 0

    def handle(self, event: object) -> tuple[Message, ...]:
        """What leaves at once, if it may."""
        output = restrained(self.state, step(self.state, event), self.after_term)  # type: ignore[arg-type]
        self.state = output.state
        self.applied += list(enumerate(output.apply, start=output.first_apply_index))
        self.queue, leaving = add(self.queue, output.persist, output.send_now, output.send_when_durable)
        return leaving


@dataclass
class World:
    """Members, what is on its way between them, and what was promised: committed entries, and who led which term."""

    config: Config
    rng: Random
    careful: bool = True
    network: list[Message] = field(default_factory=list)
    committed: dict[int, Entry] = field(default_factory=dict)
    leaders: dict[int, int] = field(default_factory=dict)
    replacements: int = 0

    def __post_init__(self) -> None:
        self.members = {number: Member(self.config, number) for number in self.config.members}

    def run(self) -> None:
        """Random moves."""
        moves = (
            [self.deliver] * 60 + [self.flush] * 30 + [self.propose] * 6 + [self.heartbeat] * 4 + [self.time_out] * 3
        )
        for number in range(MOVES):
            self.rng.choice([*moves, self.crash])()
            if number % 300 == 299:
                self.wipe()
            self.judge()

    def anybody(self) -> Member:
        """Somebody."""
        return self.members[self.rng.choice(self.config.members)]

    def deliver(self) -> None:
        """Some message arrives, or gets lost."""
        if self.network:
            message = self.network.pop(self.rng.randrange(min(8, len(self.network))))
            if self.rng.random() < 0.95:
                self.network += self.members[message.dest].handle(Receive(message))

    def flush(self) -> None:
        """Some write is done."""
        member = self.anybody()
        if member.queue:
            self.network += member.flush()

    def propose(self) -> None:
        """A leader appends."""
        member = self.anybody()
        if member.state.role is Role.LEADER:
            self.network += member.handle(Propose((b"%d" % self.rng.getrandbits(30),)))

    def heartbeat(self) -> None:
        """A leader repeats itself."""
        self.network += self.anybody().handle(HeartbeatTimeout())

    def time_out(self) -> None:
        """Somebody stands."""
        self.network += self.anybody().handle(ElectionTimeout())

    def crash(self) -> None:
        """Somebody loses what was not written."""
        self.anybody().crash()

    def wipe(self) -> None:
        """Somebody's disk is lost, and replaced."""
        lost = self.anybody()
        others = [member for member in self.members.values() if member is not lost]
        self.replacements += 1
        new = Member(self.config, lost.id)
        if self.careful:
            for member in others:
                self.network = [m for m in self.network if (m.source, m.dest) != (lost.id, member.id)]
                self.network += member.handle(StepDown())
            new.after_term = max(member.state.current_term for member in others)
            new.durable = Durable(new.after_term + 1)
            new.crash()
        self.network = [m for m in self.network if lost.id not in {m.source, m.dest}] if self.careful else self.network
        self.members[lost.id] = new

    def judge(self) -> None:
        """Nothing that was committed changes, and a term has one leader, over all storages that a member has had."""
        for member in self.members.values():
            state = member.state
            if state.role is Role.LEADER:
                if self.leaders.setdefault(state.current_term, member.id) != member.id:
                    raise BrokenPromiseError("two leaders of one term")
                for index, entry in self.committed.items():
                    if entry.term < state.current_term and state.log.slice(index, index) != (entry,):
                        raise BrokenPromiseError("a leader lacks a committed entry")
            for index in range(1, state.commit_index + 1):
                (entry,) = state.log.slice(index, index)
                if self.committed.setdefault(index, entry) != entry:
                    raise BrokenPromiseError("two entries were committed at one index")


@pytest.mark.parametrize("config", [THREE, FIVE], ids=["three", "five"])
def test_a_replaced_storage_loses_nothing(config: Config) -> None:
    """However often one is lost, and whatever is on its way."""
    committed = voting = 0
    for seed in range(100):
        world = World(Config(config.members, no_op=True), Random(seed))
        world.run()
        committed += len(world.committed)
        voting += sum(0 < m.after_term < m.state.log.last_term for m in world.members.values())
    assert committed > 50
    assert voting > 5  # new storages that had caught up


def test_without_the_rules_something_is_lost() -> None:
    """Otherwise the test above would show nothing."""
    broken = 0
    for seed in range(60):
        try:
            World(Config(THREE.members, no_op=True), Random(seed), careful=False).run()
        except BrokenPromiseError:
            broken += 1
        except RaftError:  # the core itself refuses to replace what is committed
            broken += 1
    assert broken
