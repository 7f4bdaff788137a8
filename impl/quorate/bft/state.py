"""The state of a member as one value.

The log is decided index by index, each by an instance of the protocol of its own, whose views count from 1. All fields
but `decisions` and `known` are about the current instance, and start afresh with the next.
"""

from dataclasses import dataclass, field

from quorate.bft.decisions import Decisions
from quorate.bft.messages import Certificate, NodeId, Propose, Timeout, Vote
from quorate.bft.signatures import Signer, Verifier
from quorate.quorum import byzantine_faults, byzantine_quorum


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of a member: the cluster's name, its members in order, and the keys.

    Raises ValueError, which names the invalid field.
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
        """The number of votes that make a certificate."""
        return byzantine_quorum(len(self.members))

    @property
    def faults(self) -> int:
        """The largest number of traitors that the cluster tolerates."""
        return byzantine_faults(len(self.members))

    def leader(self, index: int, view: int) -> NodeId:
        """The leader of `view` of `index`: all members in turn."""
        return self.members[(index + view - 2) % len(self.members)]


@dataclass(frozen=True, slots=True)
class State:
    """The state of one member between two events; `restart` makes the first state, `step` every later one."""

    config: Config = field(hash=False)
    id: NodeId

    # Persistent: on disk before another member relies on it, for a member that forgets acts like a traitor.
    decisions: Decisions = Decisions()  # noqa: RUF009  # a value, as immutable as the 1 below
    view: int = 1
    accepted: Propose | None = None  # the last proposal that this member gave its first vote
    lock: Certificate | None = None
    committed_view: int = 0  # the last view in which this member gave its second vote
    proposed_view: int = 0  # the last view in which it proposed

    # Volatile: digests of clients' requests, in the order of arrival; the latest timeout of each member.
    known: tuple[bytes, ...] = ()
    timeouts: tuple[Timeout, ...] = ()

    # Volatile, of the leader of the view.
    waited: bool = False
    proposal: Propose | None = None
    votes: tuple[Vote, ...] = ()

    @property
    def index(self) -> int:
        """The index of the log that is being decided."""
        return len(self.decisions) + 1

    @property
    def leader_id(self) -> NodeId:
        """The leader of the view."""
        return self.config.leader(self.index, self.view)

    @property
    def leads(self) -> bool:
        """Whether this member is the leader of the view."""
        return self.leader_id == self.id
