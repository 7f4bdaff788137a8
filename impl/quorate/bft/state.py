"""All that a member knows, as one value.

The log is decided index by index, each by an instance of its own whose views count from 1. Everything but `decisions`
and `known` is about the instance that is under way, and starts afresh with the next.
"""

from dataclasses import dataclass, field

from quorate.bft.decisions import Decisions
from quorate.bft.messages import Certificate, NodeId, Propose, Timeout, Vote
from quorate.bft.signatures import Signer, Verifier
from quorate.quorum import byzantine_faults, byzantine_quorum


@dataclass(frozen=True, slots=True)
class Config:
    """What a member is told before it starts: the cluster's name, its members in order, and the keys.

    ValueError names a bad field.
    """

    cluster: bytes
    members: tuple[NodeId, ...]
    signer: Signer
    verifier: Verifier

    def __post_init__(self) -> None:
        if not self.members or any(type(member) is not int or member < 0 for member in self.members):
            raise ValueError(f"members: at least one non-negative integer is needed, not {self.members!r}")
        if self.members != tuple(sorted(set(self.members))):
            raise ValueError(f"members: a sorted tuple without repetitions is needed, not {self.members!r}")

    @property
    def quorum(self) -> int:
        """How many members certify."""
        return byzantine_quorum(len(self.members))

    @property
    def faults(self) -> int:
        """How many traitors the members can tolerate."""
        return byzantine_faults(len(self.members))

    def leader(self, index: int, view: int) -> NodeId:
        """Who leads `view` of `index`: everybody in turn."""
        return self.members[(index + view - 2) % len(self.members)]


@dataclass(frozen=True, slots=True)
class State:
    """One member, between two events; `restart` makes the first, `step` every later one."""

    config: Config = field(hash=False)
    id: NodeId

    # Persistent: on disk before anybody else can rely on it, for a member that forgets is a traitor.
    decisions: Decisions = Decisions()  # noqa: RUF009  # a value, as immutable as the 1 below
    view: int = 1
    accepted: Propose | None = None  # the last proposal that got the first vote
    lock: Certificate | None = None
    committed_view: int = 0  # the last view that got the second vote
    proposed_view: int = 0  # the last view in which it proposed

    # Volatile: what clients want, in the order in which they asked; one timeout of each member, its latest.
    known: tuple[bytes, ...] = ()
    timeouts: tuple[Timeout, ...] = ()

    # Volatile, of the leader of the view.
    waited: bool = False
    proposal: Propose | None = None
    votes: tuple[Vote, ...] = ()

    @property
    def index(self) -> int:
        """The place in the log that is being decided."""
        return len(self.decisions) + 1

    @property
    def leader_id(self) -> NodeId:
        """Who leads the view."""
        return self.config.leader(self.index, self.view)

    @property
    def leads(self) -> bool:
        """Whether it is this member."""
        return self.leader_id == self.id
