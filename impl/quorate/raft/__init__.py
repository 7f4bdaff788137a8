"""Raft, as one pure function: `step(state, event) -> Output`.

Start with `node.py`, the dispatcher, and `output.py`, the contract between the core and the world around it.
"""

from quorate.raft.configuration import Configuration, NodeId
from quorate.raft.errors import (
    ChangeRefused,
    LocalError,
    NotLeader,
    RaftError,
    RemoteError,
    TransferRefused,
    TransferUnderWay,
)
from quorate.raft.events import (
    ChangeMembers,
    ElectionTimeout,
    Event,
    Hear,
    HeartbeatTimeout,
    Persisted,
    Propose,
    ReadRequest,
    Receive,
    SnapshotTaken,
    StepDown,
    TransferLeadership,
)
from quorate.raft.log import Log
from quorate.raft.messages import (
    AppendEntries,
    AppendEntriesReply,
    ConfirmLeadership,
    Entry,
    InstallSnapshot,
    InstallSnapshotReply,
    LeadershipConfirmed,
    Message,
    PreVote,
    PreVoteReply,
    RequestVote,
    RequestVoteReply,
    Snapshot,
    TimeoutNow,
)
from quorate.raft.node import restart, step
from quorate.raft.output import ConfirmedReads, Durable, Output, Persist
from quorate.raft.state import Config, ReadRound, Role, State

__all__ = [
    "AppendEntries",
    "AppendEntriesReply",
    "ChangeMembers",
    "ChangeRefused",
    "Config",
    "Configuration",
    "ConfirmLeadership",
    "ConfirmedReads",
    "Durable",
    "ElectionTimeout",
    "Entry",
    "Event",
    "Hear",
    "HeartbeatTimeout",
    "InstallSnapshot",
    "InstallSnapshotReply",
    "LeadershipConfirmed",
    "LocalError",
    "Log",
    "Message",
    "NodeId",
    "NotLeader",
    "Output",
    "Persist",
    "Persisted",
    "PreVote",
    "PreVoteReply",
    "Propose",
    "RaftError",
    "ReadRequest",
    "ReadRound",
    "Receive",
    "RemoteError",
    "RequestVote",
    "RequestVoteReply",
    "Role",
    "Snapshot",
    "SnapshotTaken",
    "State",
    "StepDown",
    "TimeoutNow",
    "TransferLeadership",
    "TransferRefused",
    "TransferUnderWay",
    "restart",
    "step",
]
