"""All that a simulated run depends on: who takes part, what goes wrong and when, and a seed for the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import msgspec
from hypothesis import strategies as st


class Kind(Enum):
    """What goes wrong, at `target` if it concerns one node, `for_ms` long; `amount` has its own meaning for each."""

    CRASH = "crash"  # after `amount` more points (simulation.loop); starts again `for_ms` later
    POWER_CUT = "power cut"  # the same for all nodes at once
    STOP = "stop"  # is told to end; starts again `for_ms` later
    PAUSE = "pause"
    ISOLATE = "isolate"  # neither hears nor is heard
    DEAFEN = "deafen"  # does not hear
    MUTE = "mute"  # is not heard
    CUT = "cut"  # is not heard by node number `amount`
    SPLIT = "split"  # the members whose bits `amount` has, from the others
    LOSE = "lose"  # `amount` percent of all messages
    REPEAT = "repeat"  # the same of Raft's own
    DELAY = "delay"  # all messages take `amount` times as long
    LATE = "late"  # the same, but only what `target` hears
    SLOW_DISK = "slow disk"  # `amount` times as slow
    FULL_DISK = "full disk"
    BREAK_DISK = "break disk"  # its next write fails; starts again `for_ms` later
    WIPE = "wipe"  # ends, and its disk is lost; is replaced `for_ms` later, or when all others are there


LEADER = 0  # as a target: whoever leads then
MOST_NODES = 5
SLOWEST_DELAY_MS = 3_000
LONGEST_FAULT_MS = 1_500


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong; see Kind."""

    kind: Kind
    at_ms: int
    for_ms: int = 500
    target: int = LEADER
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run is a function of this.

    There are `plain` clients, which ask once and note what they are told; `readers`, the same, which never write and so
    aren't held up where nothing can be written; and `exact` ones, whose writes are repeated in sessions. They and the
    faults go on for `lasts_ms`. A node compacts its log when `snapshot_bytes` were applied.

    An operator changes the members up to `changes` times.

    If it is `traced`, the nodes write traces, and these are judged, too. `lying_disks` acknowledge before they write.
    """

    seed: int
    size: int = 3
    lasts_ms: int = 3_000
    faults: tuple[Fault, ...] = ()
    plain: int = 3
    readers: int = 1
    exact: int = 2
    snapshot_bytes: int = 2_000
    traced: bool = False
    lying_disks: bool = False
    changes: int = 0

    @property
    def members(self) -> tuple[int, ...]:
        """The nodes, counted from 1."""
        return tuple(range(1, self.size + 1))

    def as_json(self) -> str:
        """Return this in one line, without what is as usual."""
        usual = msgspec.to_builtins(Scenario(self.seed))
        mine = msgspec.to_builtins(self)
        return msgspec.json.encode({k: v for k, v in mine.items() if k == "seed" or v != usual[k]}).decode()

    @staticmethod
    def from_json(text: str) -> "Scenario":
        """Return what `as_json` said; msgspec.ValidationError if it is none."""
        return msgspec.json.decode(text, type=Scenario)


_AMOUNTS = {
    Kind.CRASH: st.integers(0, 200),
    Kind.POWER_CUT: st.integers(0, 60),
    Kind.CUT: st.integers(1, MOST_NODES),
    Kind.SPLIT: st.integers(1, 2**MOST_NODES - 2),
    Kind.LOSE: st.integers(5, 60),
    Kind.REPEAT: st.integers(5, 60),
    Kind.DELAY: st.integers(5, 200),
    Kind.LATE: st.integers(5, 500),
    Kind.SLOW_DISK: st.integers(5, 100),
}
_NOTHING_TO_CHOOSE = st.just(0)


@st.composite
def faults(draw: st.DrawFn, kinds: Sequence[Kind], lasts_ms: int) -> Fault:
    """Anything of these kinds that can go wrong in the first `lasts_ms`."""
    kind = draw(st.sampled_from(kinds))
    return Fault(
        kind,
        at_ms=draw(st.integers(0, lasts_ms)),
        for_ms=draw(st.integers(0, LONGEST_FAULT_MS)),
        target=draw(st.integers(LEADER, MOST_NODES)),
        amount=draw(_AMOUNTS.get(kind, _NOTHING_TO_CHOOSE)),
    )


@st.composite
def scenarios(draw: st.DrawFn, kinds: Sequence[Kind], always: Kind, most_changes: int = 0) -> Scenario:
    """Any cluster, and what can go wrong with it of these kinds; one of the kind `always` certainly does.

    Its members change between once and `most_changes` times, if that isn't 0.
    """
    lasts_ms = draw(st.sampled_from([1_000, 2_000, 4_000]))
    return Scenario(
        seed=draw(st.integers(0, 2**32 - 1)),
        size=draw(st.sampled_from([3, 5, 1])),
        lasts_ms=lasts_ms,
        faults=(draw(faults([always], lasts_ms)), *draw(st.lists(faults(kinds, lasts_ms), max_size=11))),
        plain=draw(st.integers(1, 4)),
        readers=draw(st.integers(0, 2)),
        exact=draw(st.integers(0, 3)),
        snapshot_bytes=draw(st.sampled_from([1_000_000, 4_000, 1_000])),
        # To write and judge traces takes longer than all the rest.
        # A disk that is lost is no step of the specification.
        traced=Kind.WIPE not in kinds and draw(st.sampled_from([False, False, False, True])),
        changes=draw(st.integers(1, most_changes)) if most_changes else 0,
    )
