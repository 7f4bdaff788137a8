"""What no correct peer sends and no correct driver asks is refused, by name; nothing else happens."""

import pickle
from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impl_cluster import after, entries_of, leader, log_of, receive, server
from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    Config,
    Configuration,
    ConfirmLeadership,
    Entry,
    InstallSnapshot,
    InstallSnapshotReply,
    LeadershipConfirmed,
    LocalError,
    Message,
    PreVote,
    PreVoteReply,
    Propose,
    ReadRequest,
    Receive,
    RemoteError,
    RequestVote,
    RequestVoteReply,
    Snapshot,
    State,
    TimeoutNow,
    step,
)

STATE = server(term=3, log=log_of(1, 2))
LEADER = after(
    leader(term=3, log=log_of(1, 3)), AppendEntriesReply(2, 1, 3, success=True, match_index=2), ReadRequest()
)
SNAPSHOT = Snapshot(1, 1, b"")

GOOD: list[Message] = [
    PreVote(2, 1, 4, 2, 2),
    PreVoteReply(2, 1, 3, vote_granted=False),
    RequestVote(2, 1, 4, 2, 2),
    RequestVoteReply(2, 1, 3, vote_granted=True),
    AppendEntries(2, 1, 4, 2, 2, entries_of(3, 4), 9),
    AppendEntriesReply(2, 1, 3, success=False, prev_log_index=2, conflict_term=1, conflict_index=1),
    InstallSnapshot(2, 1, 4, SNAPSHOT),
    InstallSnapshotReply(2, 1, 3, match_index=2),
    ConfirmLeadership(2, 1, 4, 1),
    LeadershipConfirmed(2, 1, 3, 1),
    TimeoutNow(2, 1, 4),
]

BAD_ENVELOPE: list[tuple[str, object]] = [
    ("source", 1),
    ("source", -1),
    ("source", "2"),
    ("source", True),
    ("dest", 2),
    ("dest", None),
    ("dest", True),
    ("term", -1),
    ("term", "3"),
    ("term", 3.0),
    ("term", True),
    ("term", None),
]

BAD_FIELD: list[tuple[int, str, object]] = [
    (0, "last_log_index", -1),
    (0, "last_log_term", 4),
    (1, "vote_granted", 1),
    (2, "term", 0),
    (2, "last_log_index", None),
    (2, "last_log_term", "2"),
    (2, "last_log_term", 0),
    (2, "last_log_term", 4),
    (3, "vote_granted", "yes"),
    (3, "term", 0),
    (4, "prev_log_index", -1),
    (4, "prev_log_term", 0),
    (4, "prev_log_term", False),
    (4, "leader_commit", -1),
    (4, "leader_commit", None),
    (4, "entries", list(entries_of(3))),
    (4, "entries", None),
    (4, "entries", (b"x",)),
    (4, "entries", (Entry(0, b""),)),
    (4, "entries", (Entry(-1, b""),)),
    (4, "entries", (Entry(term=True, command=b""),)),
    (4, "entries", (Entry(3, "x"),)),  # type: ignore[arg-type]  # that is the point
    (4, "entries", entries_of(1)),
    (4, "entries", entries_of(4, 3)),
    (4, "entries", entries_of(5)),
    (5, "success", None),
    (5, "match_index", -1),
    (5, "match_index", 3),
    (5, "prev_log_index", "2"),
    (5, "conflict_term", -1),
    (5, "conflict_index", -1),
    (5, "conflict_index", 3),
    (6, "snapshot", None),
    (7, "match_index", 3),
    (7, "match_index", 1.0),
    (8, "round", 0),
    (8, "round", -1),
    (8, "round", True),
    (9, "round", 0),
    (9, "round", 2),
    (9, "round", None),
]


def check_refused(state: State, message: Message, field: str) -> None:
    """The error is a RemoteError, and names the field first."""
    with pytest.raises(RemoteError) as refused:
        step(state, Receive(message))
    assert refused.value.field == field
    assert str(refused.value).startswith(f"{field}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("message", GOOD, ids=lambda m: type(m).__name__)
def test_the_good_messages_are_good(message: Message) -> None:
    """Otherwise the refusals below would prove nothing."""
    receive(STATE, message)
    receive(LEADER, message)


@pytest.mark.parametrize(("field", "value"), BAD_ENVELOPE)
@pytest.mark.parametrize("message", GOOD, ids=lambda m: type(m).__name__)
def test_every_message_is_from_another_node_to_this_node_in_a_term(message: Message, field: str, value: object) -> None:
    """Misdirected or malformed messages are refused, whatever their kind; a voter that is alone hears itself."""
    if (type(message), field, value) == (RequestVoteReply, "source", STATE.id):
        return
    check_refused(STATE, replace(message, **{field: value}), field)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(("which", "field", "value"), BAD_FIELD)
def test_a_field_that_no_correct_peer_sends_is_named(which: int, field: str, value: object) -> None:
    """Wrong types, negative numbers, and numbers that contradict each other or the leader's own log."""
    check_refused(LEADER, replace(GOOD[which], **{field: value}), field)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    ("field", "snapshot"),
    [
        ("last_included_index", Snapshot(0, 0, b"")),
        ("last_included_index", Snapshot(-1, 1, b"")),
        ("last_included_term", Snapshot(1, 0, b"")),
        ("last_included_term", Snapshot(1, 5, b"")),
        ("data", Snapshot(1, 1, "text")),  # type: ignore[arg-type]  # that is the point
    ],
)
def test_a_snapshot_that_cannot_be_is_refused(field: str, snapshot: Snapshot) -> None:
    """There is none of nothing, and none from the future."""
    check_refused(STATE, InstallSnapshot(2, 1, 4, snapshot), field)


def test_prev_log_cannot_be_newer_than_its_leader() -> None:
    """§5.3: a leader's log has no entry of a later term."""
    check_refused(STATE, AppendEntries(2, 1, 4, 2, 5, (), 0), "prev_log_term")


@pytest.mark.parametrize(
    "rubbish", [None, "AppendEntries", 7, (), Entry(1, b""), object()], ids=lambda r: type(r).__name__
)
def test_what_is_no_message_is_refused(rubbish: object) -> None:
    """Whatever a decoder lets through."""
    check_refused(STATE, rubbish, "message")  # type: ignore[arg-type]  # that is the point


RUBBISH = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 5), st.text(max_size=2), st.binary(max_size=2), st.floats(), st.just(())
)


@given(st.data(), st.sampled_from(GOOD), st.sampled_from([STATE, LEADER]))
def test_rubbish_never_escapes_as_another_error(data: st.DataObject, message: Message, state: State) -> None:
    """With one or two fields replaced by anything, a message is handled or refused, and nothing else."""
    names = data.draw(st.lists(st.sampled_from([field.name for field in fields(message)]), min_size=1, max_size=2))
    broken = replace(message, **{name: data.draw(RUBBISH) for name in names})
    frozen = pickle.dumps(state)
    try:
        receive(state, broken)
    except RemoteError as error:
        assert error.field in {*(field.name for field in fields(message)), "last_included_index"}  # noqa: PT017
    assert pickle.dumps(state) == frozen


@pytest.mark.parametrize("commands", [(), ("text",), (None,)])
def test_a_proposal_is_commands_of_bytes(commands: tuple[bytes, ...]) -> None:
    """Anything else is the driver's mistake."""
    with pytest.raises(LocalError, match="a proposal is one or more commands"):
        step(LEADER, Propose(commands))


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("members", lambda: Config((2, 1))),
        ("members", lambda: Config((1, 1))),
        ("members", lambda: Config((-1, 1))),
        ("learners", lambda: Config((1,), (1,))),
        ("voters", lambda: Configuration((), outgoing=(1,))),
        ("members", lambda: Config((True,))),
        ("members", lambda: Config(("1",))),  # type: ignore[arg-type]  # that is the point
        ("max_entries", lambda: Config((1,), max_entries=0)),
        ("quorum", lambda: Config((1, 2, 3), quorum=1)),
        ("quorum", lambda: Config((1, 2, 3), quorum=4)),
        ("quorum", lambda: Config((1, 2, 3), quorum=2.0)),  # type: ignore[arg-type]  # that is the point
        ("max_entries", lambda: Config((1,), max_entries=True)),
        ("max_bytes", lambda: Config((1,), max_bytes=0)),
        ("max_bytes", lambda: Config((1,), max_bytes=1.5)),  # type: ignore[arg-type]  # that is the point
    ],
)
def test_a_bad_configuration_names_its_field(field: str, make: Callable[[], Config | Configuration]) -> None:
    """ValueError, at construction."""
    with pytest.raises(ValueError, match=f"^{field}: "):
        make()


def test_members_are_a_tuple() -> None:
    """A list could be changed later."""
    with pytest.raises(ValueError, match=r"^voters: a tuple of non-negative integers is needed, not \[1, 2\]$"):
        Configuration([1, 2])  # type: ignore[arg-type]  # that is the point


def test_a_member_may_be_called_0() -> None:
    """It is no name for nobody."""
    assert Config((0, 1)).members == (0, 1)


def test_a_leader_commit_beyond_the_entries_is_good() -> None:
    """§5.3: a leader may have committed more than fits into one message."""
    assert after(STATE, AppendEntries(2, 1, 3, 2, 2, (), 99)).commit_index == 2


def test_a_committed_entry_is_not_replaced_for_anybody() -> None:
    """§5.4: no leader lacks a committed entry, so whoever sends another in its place is none."""
    state = replace(server(term=3, log=log_of(1, 2, 2, 3, 3)), commit_index=5, last_applied=5)
    check_refused(state, AppendEntries(2, 1, 4, 3, 2, (Entry(2, b"z"),), 2), "entries")
