"""Errors that the program around the core, or a peer, causes; bugs of the core itself are assertions."""

from quorate.raft.configuration import NodeId


class RaftError(Exception):
    """The core refused an event; its state is unchanged."""


class RemoteError(RaftError):
    """A message that no correct peer sends: drop it, log it, and keep serving.

    `field` is the invalid field of the message, `why` one clause; `str(error)` has both.
    """

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class LocalError(RaftError):
    """A call that the program around the core should not have made."""


class NotLeader(LocalError):  # noqa: N818  # names a condition, as StopIteration does
    """Only a leader accepts proposals; `leader_id` is the known leader, or None."""

    def __init__(self, leader_id: NodeId | None) -> None:
        where = "no leader is known" if leader_id is None else f"the leader is node {leader_id}"
        super().__init__(f"not the leader: {where}")
        self.leader_id = leader_id


class ChangeRefused(LocalError):  # noqa: N818  # names what happened, as NotLeader does
    """A leader can't make this change of the members now, or not at all; `str(error)` is the reason.

    `soon` says that the same change may be possible soon, without anybody's doing.
    """

    def __init__(self, why: str, *, soon: bool = False) -> None:
        super().__init__(why)
        self.soon = soon


class TransferRefused(LocalError):  # noqa: N818  # names what happened, as NotLeader does
    """A leader can't transfer its leadership to this server now, or not at all; `str(error)` is the reason."""


class TransferUnderWay(LocalError):  # noqa: N818  # names a condition, as NotLeader does
    """A leader that transfers its leadership accepts no proposals; the next leader will, or this one again soon."""
