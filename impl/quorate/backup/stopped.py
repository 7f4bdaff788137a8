"""A backup from the data folders of stopped nodes.

The disk of one member doesn't show what is committed: it may lack acknowledged entries, and have others. A majority
decides as in an election: the most up-to-date log among a majority has all committed entries, and a leader with that
log would commit the rest. So the state after that log is one that the cluster could have reached, and has every
acknowledged write. Members that would refuse each other are not counted together.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

from quorate.backup.file import Backup, BackupError, Label
from quorate.membership import register_file
from quorate.membership.claim import Claim
from quorate.membership.folders import DATABASE
from quorate.membership.register import PeerRecord, Refused, Register, hear, show_members
from quorate.raft.configuration import Configuration, NodeId
from quorate.raft.log import Log
from quorate.raft.output import Durable
from quorate.raft_server.storage import SqliteStorage
from quorate.runtime.interfaces import UnknownCommandError
from quorate.runtime.paths import is_there
from quorate.runtime.storage_errors import StorageError
from quorate.store.clock import Clock
from quorate.store.machine import KeyValueMachine

_ENTRIES_BETWEEN_REPORTS = 10_000


@dataclass(frozen=True, slots=True)
class _Member:
    folder: Path
    register: Register
    durable: Durable

    @property
    def votes(self) -> bool:
        """Whether the member may vote; a replaced storage must catch up first (quorate.membership.restraint)."""
        return not self.register.after_term or self.durable.log.last_term > self.register.after_term

    @property
    def configuration(self) -> Configuration:
        """The configuration of its log; that of the founders if there is none."""
        return self.durable.log.configuration or Configuration(self.register.members)


def backup_of(folders: Sequence[Path], *, partial: bool, report: Callable[[int, int], None]) -> Backup:
    """The state of these members; raises BackupError if they are too few, unless `partial`, or of different clusters.

    `report` is called now and then with the number of entries that have been applied, and with that of all entries.
    """
    try:
        members = [_open(folder) for folder in folders]
    except (StorageError, OSError) as error:
        raise BackupError(str(error)) from error
    _check(members)
    best, is_whole = _best(members)
    configuration = best.configuration
    if not is_whole and not partial:
        voters = [member.register.node_id for member in members if member.votes]
        raise BackupError(
            f"the folders of {show_members(tuple(sorted(voters)))} of the nodes {show_members(configuration.voters)} "
            "don't tell what was acknowledged: give those of a majority, each by --data, or accept by --partial that "
            "acknowledged writes may be missing"
        )
    data = _state(best, report)
    log, register = best.durable.log, best.register
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    place = log.last_index, log.last_term
    label = Label(register.name, register.cluster_id.hex(), configuration.voters, *place, made_at, whole=is_whole)
    return Backup(label, data)


def _best(members: Sequence[_Member]) -> tuple[_Member, bool]:
    """The member with the best log, and whether it has all that was acknowledged.

    It has if it could be elected by those members that may vote, in the configuration of its own log.
    """

    def length(member: _Member) -> tuple[int, int]:
        return member.durable.log.last_term, member.durable.log.last_index

    voters = [member for member in members if member.votes]
    if voters:
        best = max(voters, key=length)
        if best.configuration.is_quorum({voter.register.node_id for voter in voters}):
            return best, True
    return max(members, key=length), False


def _open(folder: Path) -> _Member:
    database = folder / DATABASE
    at = register_file.path_of(database)
    register = register_file.read(at)
    if register is None or not is_there(database):
        missing = at if register is None else database
        raise StorageError(f"{missing} is missing: give the data folder of a node that has served under Raft")
    with closing(SqliteStorage.open(database, register.node_id, register.members)) as storage:
        if storage.incarnation != register.incarnation:
            raise StorageError(f"{database} isn't the database that {at.name} beside it is of: give a folder as it was")
        return _Member(folder, register, storage.load())


def _check(members: Sequence[_Member]) -> None:
    """Raise BackupError unless these are different members of one cluster that accept each other."""
    folders: dict[NodeId, Path] = {}
    for member in members:
        me = member.register
        if me.node_id in folders:
            raise BackupError(
                f"{folders[me.node_id]} and {member.folder} are both of node {me.node_id}: give one of them"
            )
        folders[me.node_id] = member.folder
        if not me.joined:
            raise BackupError(f"{member.folder} is of a node that has not taken part in a cluster yet: leave it out")
    for one, other in permutations(members, 2):
        verdict = hear(one.register, other.register.node_id, _claim(other, one), {}).verdict
        if isinstance(verdict, Refused):
            raise BackupError(f"{one.folder} and {other.folder} don't belong together: {verdict.why}")


def _claim(member: _Member, to: _Member) -> Claim:
    """The claim of a member if it were started now, as if its last known start were its latest."""
    register, durable = member.register, member.durable
    nonce = to.register.peers.get(register.node_id, PeerRecord(b"")).nonce
    position = durable.current_term, durable.log.last_index, durable.log.last_term
    return register.claim(to.register.node_id, nonce, position)


def _state(member: _Member, report: Callable[[int, int], None]) -> bytes:
    log = member.durable.log
    machine = KeyValueMachine(Clock())
    try:
        if log.snapshot is not None:
            machine.restore(log.snapshot.data)
        _apply(machine, log, report)
    except (UnknownCommandError, ValueError) as error:
        raise BackupError(f"{member.folder} holds what this version of Quorate can't read: {error}") from error
    return machine.capture()()


def _apply(machine: KeyValueMachine, log: Log, report: Callable[[int, int], None]) -> None:
    entries = log.slice(log.first_index, log.last_index)
    for number, entry in enumerate(entries):
        if number % _ENTRIES_BETWEEN_REPORTS == 0:
            report(number, len(entries))
        if entry.command is not None:
            machine.apply(log.first_index + number, entry.command)
