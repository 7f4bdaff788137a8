"""What can go wrong on the outside of the core; its own bugs are assertions, and not here."""

from quorate.raft.messages import NodeId


class RaftError(Exception):
    """The core refused an event, and its state is what it was before."""


class RemoteError(RaftError):
    """A message that no correct peer sends: drop it, tell an operator, keep serving.

    `field` is the message's field that gave it away, `why` one clause; `str(error)` has both.
    """

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class LocalError(RaftError):
    """A call that the program around the core should not have made."""


class NotLeader(LocalError):  # noqa: N818  # says what is the case, as StopIteration does
    """Only a leader takes proposals; `leader_id` is whom to ask instead, or None if nobody is known."""

    def __init__(self, leader_id: NodeId | None) -> None:
        where = "no leader is known" if leader_id is None else f"the leader is node {leader_id}"
        super().__init__(f"not the leader: {where}")
        self.leader_id = leader_id
