"""Whose storage is whose: the rules of `quorate.membership.register`, played out by members that meet in any order."""

from dataclasses import dataclass, field, replace
from itertools import permutations, product
from random import Random

import pytest

from quorate.membership.introductions import Introductions
from quorate.membership.register import Acknowledged, Refused, Register, Waiting, form

MEMBERS = (1, 2, 3)


@dataclass
class Machine:
    """One member's machine: what is on its disk, and what its server knows, which survives nothing."""

    number: int
    members: tuple[int, ...] = MEMBERS
    disk: Register | None = None
    position: tuple[int, int, int] = (0, 0, 0)
    acknowledgements: dict[int, Acknowledged] = field(default_factory=dict)
    steps_down: int = 0
    dropped: list[int] = field(default_factory=list)
    made: int = 0

    def start(self, **changes: object) -> "Machine":
        """A start of its storage, which is made if there is none."""
        if self.disk is None:
            self.made += 1
            self.disk = Register("test", self.number, self.members, b"%d.%d" % (self.number, self.made))
        self.disk = replace(self.disk, starts=self.disk.starts + 1, **changes)  # type: ignore[arg-type]
        nonce = b"%d %d" % (self.made, self.disk.starts)
        self.acknowledgements = {}
        self.speaks = Introductions(self.disk, nonce, self.save, self)
        self.speaks.connect(lambda: None, lambda peer, _: self.dropped.append(peer))
        return self

    def save(self, register: Register) -> None:
        """As a disk does."""
        self.disk = register

    def acknowledged(self, peer: int) -> Acknowledged:
        """What its server has counted."""
        return self.acknowledgements.get(peer, Acknowledged())

    def step_down(self) -> None:
        """Count it."""
        self.steps_down += 1

    @property
    def joined(self) -> bool:
        """Whether it takes part."""
        return self.speaks.register.joined


def meet(dialling: Machine, accepting: Machine) -> tuple[object, object]:
    """One connection: what the one who dials, and the one who accepts, make of the other."""
    told = accepting.speaks.hear(dialling.number, dialling.speaks.claim(accepting.number))
    return dialling.speaks.hear(accepting.number, accepting.speaks.claim(dialling.number)), told


def meet_all(machines: list[Machine], rounds: int = 4) -> None:
    """Everybody meets everybody, as often as it takes."""
    for _ in range(rounds):
        for one, other in permutations(machines, 2):
            meet(one, other)


def formed() -> list[Machine]:
    """Three members that take part."""
    machines = [Machine(number).start() for number in MEMBERS]
    meet_all(machines)
    assert all(machine.joined for machine in machines)
    return machines


def refusal(verdict: object) -> str:
    """The line of a refusal."""
    assert isinstance(verdict, Refused), verdict
    return verdict.why


@pytest.mark.parametrize("order", [*permutations(MEMBERS)])
def test_members_that_all_meet_form_one_cluster(order: tuple[int, ...]) -> None:
    """In whatever order they start, and however late the last one is; then all links may be used."""
    machines: list[Machine] = []
    for number in order:
        assert not any(machine.joined for machine in machines)
        machines.append(Machine(number).start())
        meet_all(machines)
    assert all(machine.joined for machine in machines)
    assert len({machine.speaks.register.cluster_id for machine in machines}) == 1
    assert meet(machines[0], machines[1]) == (None, None)


def test_a_member_takes_part_only_when_all_others_have_it_on_their_disks() -> None:
    """Otherwise another storage could be taken for its own later, by somebody who never knew."""
    one, two, three = (Machine(number).start() for number in MEMBERS)
    for _ in range(4):
        meet(one, two)
        meet(two, three)
    assert two.speaks.register.cluster_id  # it has heard both
    assert not one.joined  # but one and three know nothing of each other
    for _ in range(4):
        for pair in ((one, two), (one, three), (two, three)):
            meet(*pair)
            if one.joined:
                assert two.disk is not None
                assert three.disk is not None
                assert two.disk.peers[1].incarnation == three.disk.peers[1].incarnation
    assert one.joined


def test_a_disk_that_is_wiped_while_the_cluster_forms_never_takes_part_beside_its_former_self() -> None:
    """Whenever it happens, and whoever hears of whom meanwhile, and of whom not."""
    before_and_after = [0, 0]
    for when, seed in product(range(0, 24, 2), range(10)):
        machines, rng = [Machine(number).start() for number in MEMBERS], Random(f"{when} {seed}")
        took_part: dict[int, set[bytes]] = {number: set() for number in MEMBERS}
        for number in range(40):
            if number == when:
                before_and_after[0] += machines[2].joined
                machines[2].disk = None
                machines[2].start()
            hearing, saying = rng.sample(machines, 2)
            hearing.speaks.hear(saying.number, saying.speaks.claim(hearing.number))
            for machine in machines:
                if machine.joined:
                    took_part[machine.number].add(machine.speaks.register.incarnation)
        assert all(len(incarnations) <= 1 for incarnations in took_part.values()), (when, seed)
        before_and_after[1] += machines[2].joined
    assert all(before_and_after), "some took part before their disks were wiped, and some after"


def test_a_wiped_member_is_refused_by_all_and_knows_why() -> None:
    """It would vote twice, and forget what it has acknowledged."""
    one, two, _ = formed()
    two.disk = None
    two.start()
    at_two, at_one = meet(two, one)
    assert "remembers another storage of this node" in refusal(at_two)
    assert "isn't the one that it had" in refusal(at_one)
    assert not two.joined
    assert "remembers another storage" in two.speaks.notices["notice1"]


def test_a_folder_of_another_cluster_is_refused_by_both() -> None:
    """However alike the clusters are."""
    mine, other = formed(), formed()
    other[1].disk = replace(other[1].speaks.register, incarnation=b"else", cluster_id=b"another cluster!")
    at_two, at_one = meet(other[1].start(), mine[0])
    assert "an earlier cluster" in refusal(at_one)
    assert "an earlier cluster" in refusal(at_two)


def test_members_with_different_lists_of_members_refuse_each_other() -> None:
    """Each list has its own majorities."""
    one, *_ = formed()
    five = Machine(4, members=(1, 2, 3, 4, 5)).start()
    at_five, at_one = meet(five, one)
    assert "give all nodes the same list" in refusal(at_five)
    assert "1, 2, 3, 4, 5" in refusal(at_one)


def test_an_older_copy_is_told_by_its_count_of_starts() -> None:
    """Also over restarts of who remembers."""
    one, two, three = formed()
    copy = two.disk
    for _ in range(2):
        meet(two.start(), one.start())
    two.disk = copy
    assert "an older copy (start" in refusal(meet(two.start(), one)[1])
    assert "refuses this node" in refusal(meet(two, one)[0])
    assert meet(three, one) == (None, None)


def test_a_copy_that_is_started_as_often_as_the_storage_is_another() -> None:
    """Each start has a nonce of its own, so that two of one count aren't one."""
    one, two, _ = formed()
    copy = two.disk
    assert meet(two.start(), one) == (None, None)
    two.disk, two.made = copy, two.made + 1
    assert "an older copy (start 2 after start 2" in refusal(meet(two.start(), one)[1])


def test_an_older_copy_is_told_by_what_it_has_acknowledged() -> None:
    """A leader that is told of a log shorter than what the same follower acknowledged says so, over restarts too."""
    one, two, _ = formed()
    one.acknowledgements[2] = Acknowledged(term=3, match_index=10, match_term=3, index=10)
    one.speaks.lost(2)
    two.position = (3, 9, 3)
    assert "a log up to 9, which had been acknowledged up to 10" in refusal(meet(two.start(), one.start())[1])
    two.position = (2, 10, 2)
    assert "term 2 after term 3" in refusal(meet(two.start(), one)[1])
    two.position = (3, 10, 3)
    assert meet(two.start(), one) == (None, None)


def older_copy() -> tuple[Machine, Machine, Machine]:
    """Three members, of which the second lacks what it acknowledged to the first, who alone knows that."""
    one, two, three = formed()
    one.acknowledgements[2] = Acknowledged(term=3, match_index=10, match_term=3, index=10)
    two.position = (3, 9, 3)
    two.start()
    assert meet(two, three) == meet(three, two) == (None, None)
    return one, two, three


def test_an_older_copy_takes_part_with_nobody_once_one_member_has_said_what_it_lacks() -> None:
    """Else it and one that knows less than that would be a majority, and acknowledged entries be lost."""
    one, two, three = older_copy()
    meet(two, one)
    assert (two.steps_down, two.dropped) == (1, [3])
    for dialling, accepting in ((two, three), (three, two)):
        told = [*meet(dialling, accepting)]
        assert all(isinstance(verdict, Waiting) for verdict in told)
    assert two.speaks.notices["standing"] == "waits"
    assert "an older copy (a log up to 9" in two.speaks.notices["notice1"]
    assert meet(one, three) == (None, None)
    assert (one.steps_down, three.steps_down) == (0, 0)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_member_that_is_refused_no_more_takes_part_again(*, restarts: bool) -> None:
    """With its latest folder; who refused it says so no more as soon as it has heard what is there now."""
    one, two, three = older_copy()
    meet(two, one)
    if restarts:
        two.start()
    two.position = (3, 10, 3)
    for _ in range(2):
        meet(one, two)
    assert meet(one, two) == meet(two, one) == meet(two, three) == meet(three, two) == (None, None)
    assert two.speaks.notices["standing"] == "serves"


def test_what_is_no_fault_of_a_members_storage_keeps_it_from_nobody_else() -> None:
    """A peer whose own disk is full, or that was told rubbish in the member's name."""

    def full(_: Register) -> None:
        raise OSError(28, "No space left on device")

    one, two, three = formed()
    one.speaks._save = full
    two.start()
    assert "can't be written" in refusal(meet(two, one)[1])
    three.speaks.hear(2, replace(two.speaks.claim(3), term=2**62))
    for other in (one, three):
        meet(two, other)
    assert (two.steps_down, two.dropped) == (0, [])
    assert meet(two, three) == (None, None)


def test_a_process_that_runs_lacks_nothing_whatever_it_is_heard_to_have_said_before() -> None:
    """A hello may be overtaken by an acknowledgement on another connection, and by the commitment of that."""
    one, two, _ = formed()
    early = two.speaks.claim(1)
    one.acknowledgements[2] = Acknowledged(term=3, match_index=10, match_term=3, index=10)
    assert one.speaks.hear(2, early) is None


def test_a_replaced_storage_takes_part_after_all_others_have_noted_it() -> None:
    """They step down and drop what came from the old one, which is refused from then on."""
    one, two, three = formed()
    old = two.disk
    one.position, three.position = (7, 20, 7), (9, 18, 9)
    two.disk = None
    two.start(replaces=True)
    meet(two, one)
    meet(two, one)
    assert (one.steps_down, one.dropped) == (1, [2])
    assert not two.joined
    meet(two, three)
    meet(two, three)
    assert two.joined
    assert two.speaks.register.after_term == 9
    two.start()
    meet_all([one, two, three])
    assert meet(two, one) == meet(two, three) == (None, None)
    two.disk = old
    assert "was replaced by another" in refusal(meet(two.start(), one)[1])


def test_members_that_take_no_part_vouch_for_no_replacement() -> None:
    """Two storages that are lost at once may have held the only copies of what was acknowledged."""
    one, two, three = formed()
    for lost in (two, three):
        lost.disk = None
        lost.start(replaces=True)
    meet_all([one, two, three])
    assert not two.joined
    assert not three.joined
    assert isinstance(meet(two, three)[0], Waiting)


def test_a_storage_that_is_not_in_its_place_yet_vouches_for_no_other() -> None:
    """It knows the former storage of a second member that is lost meanwhile, and none of what that acknowledged."""
    one, two, three = formed()
    two.disk = None
    two.start(replaces=True)
    for _ in range(2):
        meet(two, three)
    three.disk = None
    three.start(replaces=True)
    for _ in range(4):
        meet(three, one)
        _, told = meet(three, two)
    assert isinstance(told, Waiting)
    assert "can't vouch for a replacement" in told.why
    assert not two.joined
    assert not three.joined


def test_a_register_that_cannot_be_written_promises_nothing() -> None:
    """What a peer may rely on is on the disk before it is said."""
    one, two, three = (Machine(number).start() for number in MEMBERS)

    def full(_: Register) -> None:
        raise OSError(28, "No space left on device")

    one.speaks._save = full
    meet_all([one, two, three])
    assert one.speaks.claim(2).remembers == b""
    assert not two.joined
    assert not three.joined


def test_a_member_that_is_alone_needs_nobody() -> None:
    """It is a cluster."""
    assert form(Register("test", 1, (1,), b"x"), {1: b"x"}).joined


def test_a_hello_with_numbers_at_the_edge_is_refused_and_changes_nothing() -> None:
    """Whoever says it later with honest ones is believed."""
    one, two, _ = formed()
    before = one.speaks.register
    for false in ({"term": 2**62}, {"starts": 2**62}):
        verdict = one.speaks.hear(2, replace(two.speaks.claim(1), **false))
        assert "says what no node can have come to" in refusal(verdict)
    assert one.speaks.register == before
    meet(one, two)  # which tells node 2 of the refusal, for the last time
    assert meet(one, two) == (None, None)
