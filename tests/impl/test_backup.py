"""Backups as files, as they are handed out, and as the beginning of a cluster."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from quorate.backup.export import ExportError, Exports
from quorate.backup.file import Backup, BackupError, Label, Target, parts_of, read
from quorate.backup.restoring import INDEX_GAP, restore
from quorate.backup.stopped import backup_of
from quorate.cli.app import main
from quorate.membership import register_file
from quorate.membership.claim import Claim
from quorate.membership.folders import DATABASE, make_folders
from quorate.membership.register import Refused, Register, form, hear
from quorate.raft import Config, Configuration, restart
from quorate.raft.log import Log
from quorate.raft.messages import Entry
from quorate.raft.output import Durable, Persist
from quorate.raft.state import Role, State
from quorate.raft_server.storage import SqliteStorage
from quorate.runtime.outcomes import Done, NotDone, Outcome
from quorate.store import backups, operations
from quorate.store.answers import Caller
from quorate.store.clock import Clock
from quorate.store.machine import KeyValueMachine
from quorate.store.operations import OpenSession
from quorate.store.queries import Get
from quorate.store.replies import Failure, SimpleString, decode
from quorate.store.writes import Set


def state_with(key: bytes, value: bytes) -> bytes:
    """The state of a store with one key."""
    machine = KeyValueMachine(Clock())
    machine.apply(1, machine.stamped(operations.encode(Set(key, value))))
    return machine.capture()()


LABEL = Label("shop", "ab" * 16, (1, 2, 3), 7, 3, "2030-01-01T00:00:00+00:00", whole=True)
BACKUP = Backup(LABEL, state_with(b"paid", b"100"))


def written(path: Path, backup: Backup = BACKUP) -> Path:
    """A file with this backup."""
    with Target(path, overwrite=False) as target:
        for part in parts_of(backup):
            target.add(part)
        assert target.finish() == backup.label
    return path


def test_a_backup_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Label and state; for its owner alone, because it has everybody's data."""
    path = written(tmp_path / "b")
    assert read(path) == BACKUP
    assert path.stat().st_mode & 0o077 == 0
    assert [each.name for each in tmp_path.iterdir()] == ["b"]


def test_every_flipped_bit_and_every_truncation_is_refused(tmp_path: Path) -> None:
    """Wherever it is; and so is anything that follows the end."""
    path = written(tmp_path / "b")
    whole = path.read_bytes()
    for position in range(len(whole)):
        for bit in (0, 3, 7):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ 1 << bit]) + whole[position + 1 :])
            with pytest.raises(BackupError):
                read(path)
        path.write_bytes(whole[:position])
        with pytest.raises(BackupError):
            read(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(BackupError, match="is damaged"):
        read(path)


def test_a_damaged_backup_is_refused_in_one_line_and_leaves_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a user sees of it."""
    path = written(tmp_path / "b")
    whole = path.read_bytes()
    middle = len(whole) - 40
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    assert main(["restore", str(path), str(tmp_path / "made")]) == 2
    assert capsys.readouterr().err == (
        f"quorate: {path} is damaged (it is not as it was written): use another backup\n"
    )
    assert not (tmp_path / "made").exists()


def test_a_backup_of_another_format_is_refused_by_its_number(tmp_path: Path) -> None:
    """Before anything else of it is believed."""
    path = written(tmp_path / "b")
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 2'))
    with pytest.raises(BackupError, match="has format 2, and this version of Quorate reads format 1"):
        read(path)


def test_a_file_that_is_there_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    """Also if it appears while the backup is being written; nothing is left of the attempt."""
    path = tmp_path / "b"
    with Target(path, overwrite=False) as target:
        path.write_text("precious")
        for part in parts_of(BACKUP):
            target.add(part)
        with pytest.raises(BackupError, match="is there already"):
            target.finish()
    assert path.read_text() == "precious"
    assert [each.name for each in tmp_path.iterdir()] == ["b"]
    with Target(path, overwrite=True) as target:
        for part in parts_of(BACKUP):
            target.add(part)
        target.finish()
    assert read(path) == BACKUP


def test_what_is_cut_off_on_its_way_never_gets_its_name(tmp_path: Path) -> None:
    """It is read from the disk before it is a backup."""
    line, data, _ = parts_of(BACKUP)
    with Target(tmp_path / "b", overwrite=False) as target:
        target.add(line + data)
        with pytest.raises(BackupError, match="is damaged"):
            target.finish()
    assert not list(tmp_path.iterdir())


# A new cluster.


def test_a_restored_cluster_is_another_one_with_the_same_state(tmp_path: Path) -> None:
    """All members hold the state, at an index that the old cluster never comes to; the old are strangers."""
    made, is_whole = restore(written(tmp_path / "b"), tmp_path / "made", None, None)
    assert (sorted(made), is_whole) == ([1, 2, 3], True)
    registers = {}
    for member, folder in made.items():
        register = register_file.read(register_file.path_of(folder / DATABASE))
        assert register is not None
        registers[member] = register
        assert register.joined
        assert register.cluster_id.hex() != LABEL.cluster_id
        with closing(SqliteStorage.open(folder / DATABASE, member, (1, 2, 3))) as storage:
            durable = storage.load()
        assert durable.snapshot is not None
        assert (durable.current_term, durable.log.last_index) == (3, 7 + INDEX_GAP)
        machine = KeyValueMachine(Clock())
        machine.restore(durable.snapshot.data)
        assert decode(machine.query(operations.encode(Get(b"paid")))) == b"100"
    assert len({register.cluster_id for register in registers.values()}) == 1

    twice, _ = restore(tmp_path / "b", tmp_path / "again", None, None)
    stranger = register_file.read(register_file.path_of(twice[2] / DATABASE))
    assert stranger is not None
    claim = Claim(stranger.members, stranger.cluster_id, stranger.incarnation, 1, b"n" * 16, joined=True)
    assert isinstance(hear(registers[1], 2, claim, {}).verdict, Refused)


def test_a_session_of_the_old_cluster_is_nobody_elses_in_the_new_one(tmp_path: Path) -> None:
    """One that was opened after the backup has a number that the new cluster never gives."""
    made, _ = restore(written(tmp_path / "b"), tmp_path / "made", "other", 1)
    with closing(SqliteStorage.open(made[1] / DATABASE, 1, (1,))) as storage:
        log = storage.load().log
    machine = KeyValueMachine(Clock())
    assert decode(machine.apply(log.last_index + 1, machine.stamped(operations.encode(OpenSession())))) == 8 + INDEX_GAP


def test_what_cannot_be_restored_leaves_nothing(tmp_path: Path) -> None:
    """A folder that is there is kept, and others are not made; nor is any of a state that isn't one."""
    path = written(tmp_path / "b")
    (tmp_path / "made" / "node2").mkdir(parents=True)
    with pytest.raises(BackupError, match="node2 is there already"):
        restore(path, tmp_path / "made", None, None)
    assert [each.name for each in (tmp_path / "made").iterdir()] == ["node2"]
    with pytest.raises(BackupError, match="state that this version of Quorate can't read"):
        restore(written(tmp_path / "c", Backup(LABEL, b"rubbish")), tmp_path / "new", None, None)
    often = Backup(replace(LABEL, index=256 * INDEX_GAP), BACKUP.data)
    with pytest.raises(BackupError, match="has been restored too often"):
        restore(written(tmp_path / "d", often), tmp_path / "new", None, None)
    assert not (tmp_path / "new").exists()


# Nodes that are stopped.


def hold(folder: Path, member: int, entries: list[Entry], term: int, members: tuple[int, ...] = (1, 2, 3)) -> None:
    """Put entries into the log of a member's folder."""

    async def write(storage: SqliteStorage) -> None:
        await storage.write([Persist(term, None, 1, tuple(entries))])

    with closing(SqliteStorage.open(folder / DATABASE, member, members)) as storage:
        asyncio.run(write(storage))


def put(key: bytes, term: int) -> Entry:
    """An entry that sets a key."""
    return Entry(term, operations.entry(0, operations.encode(Set(key, b"1"))))


def keys_in(backup: Backup, *keys: bytes) -> list[bytes]:
    """Which of these keys it has."""
    machine = KeyValueMachine(Clock())
    machine.restore(backup.data)
    return [key for key in keys if decode(machine.query(operations.encode(Get(key)))) is not None]


def no_report(_done: int, _all: int) -> None:
    """Nobody looks."""


def test_the_log_that_would_win_an_election_is_taken(tmp_path: Path) -> None:
    """Not the longest one: what a leader of an earlier term appended without a majority isn't there."""
    made = make_folders(tmp_path, "shop", (1, 2, 3))
    hold(made[1], 1, [put(b"a", 1), put(b"lost1", 1), put(b"lost2", 1)], 1)
    hold(made[2], 2, [put(b"a", 1), put(b"b", 2)], 2)
    hold(made[3], 3, [put(b"a", 1)], 2)
    backup = backup_of([made[1], made[2]], partial=False, report=no_report)
    assert keys_in(backup, b"a", b"b", b"lost1", b"lost2") == [b"a", b"b"]
    assert (backup.label.index, backup.label.term, backup.label.whole) == (2, 2, True)
    with pytest.raises(BackupError, match="those of a majority"):
        backup_of([made[1]], partial=False, report=no_report)
    assert not backup_of([made[3]], partial=True, report=no_report).label.whole
    with pytest.raises(BackupError, match="both of node 1"):
        backup_of([made[1], made[1]], partial=False, report=no_report)


def test_a_replaced_storage_that_has_not_caught_up_is_none_of_a_majority(tmp_path: Path) -> None:
    """What the lost one had acknowledged isn't in it."""
    made = make_folders(tmp_path, "shop", (1, 2, 3))
    hold(made[1], 1, [put(b"a", 1)], 1)
    path = register_file.path_of(made[2] / DATABASE)
    register = register_file.read(path)
    assert register is not None
    register_file.save(path, replace(register, after_term=1))
    with pytest.raises(BackupError, match="the folders of 1 of the nodes 1, 2, 3 don't tell"):
        backup_of([made[1], made[2]], partial=False, report=no_report)


def test_members_that_have_changed_are_counted_as_the_best_log_says(tmp_path: Path) -> None:
    """Nodes 3 and 2 were replaced by 4 and 5, one after the other; a majority of the founders is none any more."""
    made = make_folders(tmp_path, "shop", (1, 2, 3))
    first = Entry(1, None, Configuration((1, 2, 4)))
    second = Entry(1, None, Configuration((1, 4, 5)))
    hold(made[1], 1, [put(b"a", 1), first, second, put(b"b", 1)], 1)
    hold(made[2], 2, [put(b"a", 1), first], 1)
    hold(made[3], 3, [put(b"a", 1)], 1)
    with pytest.raises(BackupError, match="the folders of 1, 2, 3 of the nodes 1, 4, 5 don't tell"):
        backup_of([made[1], made[2], made[3]], partial=False, report=no_report)
    with pytest.raises(BackupError, match="the folders of 2, 3 of the nodes 1, 2, 4 don't tell"):
        backup_of([made[2], made[3]], partial=False, report=no_report)
    founder = register_file.read(register_file.path_of(made[1] / DATABASE))
    assert founder is not None
    joined = tmp_path / "joined"
    joined.mkdir()
    with closing(SqliteStorage.open(joined / DATABASE, 4, (), incarnation=b"4" * 16)):
        pass
    register = Register("shop", 4, (), b"4" * 16, cluster_id=founder.cluster_id, joined=True)
    register_file.save(register_file.path_of(joined / DATABASE), register)
    hold(joined, 4, [put(b"a", 1), first, second], 1, members=())
    backup = backup_of([made[1], joined], partial=False, report=no_report)
    assert (backup.label.nodes, backup.label.whole) == ((1, 4, 5), True)
    assert keys_in(backup, b"a", b"b") == [b"a", b"b"]
    file = written(tmp_path / "backup", backup)
    folders, _ = restore(file, tmp_path / "restored", None, None)
    assert set(folders) == {1, 4, 5}
    with closing(SqliteStorage.open(folders[5] / DATABASE, 5, (1, 4, 5))) as storage:
        assert restart(Config((1, 4, 5)), 5, storage.load()).configuration == Configuration((1, 4, 5))


def test_members_of_two_clusters_are_not_counted_together(tmp_path: Path) -> None:
    """Nor is a folder without its register, or another's database."""
    one, other = (make_folders(tmp_path / name, "shop", (1, 2, 3)) for name in ("one", "other"))
    with pytest.raises(BackupError, match=r"don't belong together.*of an earlier cluster"):
        backup_of([one[1], other[2]], partial=False, report=no_report)
    (one[2] / DATABASE).unlink()
    with pytest.raises(BackupError, match="is missing"):
        backup_of([one[1], one[2]], partial=False, report=no_report)
    register_file.path_of(one[3] / DATABASE).unlink()
    with pytest.raises(BackupError, match="is missing"):
        backup_of([one[1], one[3]], partial=False, report=no_report)


# A node that serves.


class Leader:
    """A server that leads, until told otherwise, and answers when told to."""

    def __init__(self) -> None:
        log = Log().append((Entry(1, None), Entry(2, b"")))
        state = restart(Config((1, 2, 3)), 1, Durable(2, None, log))
        self.state: State = replace(state, role=Role.LEADER)
        self.asked: list[Callable[[Outcome], None]] = []

    def submit(self, write: bool, payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        """Keep the question."""
        assert not write
        assert payload == b"probe"
        self.asked.append(done)


def exports_of(leader: Leader) -> Exports:
    """What hands out the state of this server, which has applied two entries."""
    register = form(Register("shop", 1, (1, 2, 3), b"1" * 16), {1: b"1" * 16, 2: b"2" * 16, 3: b"3" * 16})
    data = BACKUP.data
    return Exports(leader, lambda: lambda: data, lambda: 2, lambda: register, b"probe")


async def begun(exports: Exports, leader: Leader, outcome: Outcome) -> tuple[int, int] | ExportError:
    """What a client that begins is told, if the cluster answers so."""
    told: asyncio.Future[tuple[int, int] | ExportError] = asyncio.get_running_loop().create_future()
    exports.begin(told.set_result)
    leader.asked.pop()(outcome)
    async with asyncio.timeout(60):
        return await told


def test_a_backup_is_handed_out_in_pieces_after_a_quorum_has_confirmed_the_leader(tmp_path: Path) -> None:
    """One at a time; its label says where in the log the state is."""

    async def test() -> None:
        leader = Leader()
        exports = exports_of(leader)
        token_and_length = await begun(exports, leader, Done(b""))
        assert isinstance(token_and_length, tuple)
        token, length = token_and_length
        with pytest.raises(ExportError, match=r"^BUSY"):
            exports.begin(lambda _: None)
        taken = b""
        while len(taken) < length:
            taken += exports.piece(token, len(taken))
        path = tmp_path / "b"
        path.write_bytes(taken)
        label = read(path).label
        assert (label.cluster, label.nodes, label.index, label.term, label.whole) == ("shop", (1, 2, 3), 2, 2, True)
        exports.end(token)
        with pytest.raises(ExportError, match="is gone"):
            exports.piece(token, 0)

    asyncio.run(test())


def test_who_leads_no_more_hands_nothing_out() -> None:
    """Its state may be an old one, whatever the answer was; afterwards another backup may be begun."""

    async def test() -> None:
        leader = Leader()
        exports = exports_of(leader)
        refused = await begun(exports, leader, NotDone("nobody leads"))
        assert str(refused) == "CLUSTERDOWN nobody leads; try again"
        told: list[tuple[int, int] | ExportError] = []
        exports.begin(told.append)
        leader.state = replace(leader.state, current_term=3)
        leader.asked.pop()(Done(b""))
        assert str(told.pop()) == "CLUSTERDOWN the leader changed; try again"
        assert isinstance(await begun(exports, leader, Done(b"")), tuple)
        leader.state = replace(leader.state, role=Role.FOLLOWER, leader_id=2)
        with pytest.raises(ExportError):
            exports_of(leader).begin(lambda _: None)

    asyncio.run(test())


def test_a_client_that_leaves_is_waited_for_no_longer_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the memory is free, and somebody else may begin."""

    async def test() -> None:
        monkeypatch.setattr("quorate.backup.export.PATIENCE_S", 0.0)
        leader = Leader()
        exports = exports_of(leader)
        found = await begun(exports, leader, Done(b""))
        assert isinstance(found, tuple)
        async with asyncio.timeout(60):
            while True:
                await asyncio.sleep(0)
                try:
                    exports.piece(*found)
                except ExportError:
                    break
        assert isinstance(await begun(exports, leader, Done(b"")), tuple)

    asyncio.run(test())


def test_a_node_that_hands_out_no_backups_says_why() -> None:
    """Under the BFT protocol; and what is no request about backups is refused, too."""

    async def reply_to(*words: bytes, exports: Exports | None) -> object:
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        offer, caller = SimpleNamespace(exports=exports), Caller(1, None, lambda: "", {}, authenticated=True)
        asked = backups.request_of_backups([b"QUORATE.BACKUP", *words], offer, caller)
        assert asked.submit is not None
        asked.submit(False, b"", told.set_result)  # noqa: FBT003
        async with asyncio.timeout(60):
            outcome = await told
        assert isinstance(outcome, Done)
        return decode(outcome.reply)

    async def test() -> None:
        assert await reply_to(b"BEGIN", exports=None) == Failure(backups.NOT_OFFERED)
        exports = exports_of(Leader())
        for words in ([b"READ"], [b"READ", b"1"], [b"READ", b"x", b"0"], [b"READ", b"-1", b"0"], [b"READ", b"1", b"0"]):
            refused = await reply_to(*words, exports=exports)
            assert isinstance(refused, Failure)
            assert refused.text.startswith("ERR ")
        assert await reply_to(b"END", b"1", exports=exports) == SimpleString("OK")

    asyncio.run(test())
