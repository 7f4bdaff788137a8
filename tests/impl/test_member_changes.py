"""Requests about the members: what the leader decides, and what the directory says of members and storages."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate import raft
from quorate.membership.changes import Answer, Change, Decision, Founders, Later, decide, encode_request, is_request
from quorate.membership.claim import Claim
from quorate.membership.directory import Contact, Directory, directory_of
from quorate.membership.register import PeerRecord, Refused, Register, hear
from quorate.raft import ChangeMembers, Configuration, Entry, Role, State
from quorate.raft.log import Log
from quorate.raft_server import configuration_text

ADDRESSES = {1: ("127.0.0.1", 7101), 2: ("127.0.0.1", 7102), 3: ("127.0.0.1", 7103)}
STORAGES = {1: b"1" * 16, 2: b"2" * 16, 3: b"3" * 16}
NEW, OTHER = b"n" * 16, b"o" * 16
REGISTER = Register(
    "c", 1, (1, 2, 3), STORAGES[1], cluster_id=b"c" * 16, joined=True,
    peers={peer: PeerRecord(STORAGES[peer], remembers=True) for peer in (2, 3)},
)  # fmt: skip
FOUNDERS = Founders(ADDRESSES, REGISTER)


def leader(*configurations: Configuration, committed: bool = True) -> State:
    """The leader of term 1 with a committed no-op and these configurations, all acknowledged by everybody."""
    log = Log().append((Entry(1, None), *(Entry(1, None, configuration) for configuration in configurations)))
    state = State(raft.Config((1, 2, 3)), 1, 1, 1, log, role=Role.LEADER, durable_index=log.last_index)
    count = len(state.configuration.members)
    return replace(
        state,
        commit_index=log.last_index if committed else log.last_index - 1,
        last_applied=log.last_index if committed else log.last_index - 1,
        next_index=(log.last_index + 1,) * count,
        match_index=(log.last_index,) * count,
    )


def ask(state: State, *words: str) -> Decision:
    """The decision about a request."""
    return decide(state, FOUNDERS, encode_request(*words))


def change(state: State, *words: str) -> tuple[Configuration, dict[str, object]]:
    """The configuration that a request leads to at once, by the core itself, and the reply."""
    decision = ask(state, *words)
    assert isinstance(decision, Change), decision
    return raft.step(state, decision.event).state.configuration, json.loads(decision.reply)


def refusal(state: State, *words: str) -> str:
    """Why a request is refused."""
    decision = ask(state, *words)
    assert isinstance(decision, Answer), decision
    return str(json.loads(decision.reply)["error"])


def with_learner(storage: bytes = NEW) -> State:
    """The leader of a cluster that a fourth node has joined."""
    words = ("add", "127.0.0.1:7104") if not storage else ("join", "127.0.0.1:7104", storage.hex())
    return leader(change(leader(), *words)[0])


def test_who_joins_becomes_a_learner_with_an_id_of_its_own() -> None:
    """The directory begins with what the founders know of each other."""
    configuration, reply = change(leader(), "join", "127.0.0.1:7104", NEW.hex())
    assert (configuration.voters, configuration.outgoing, configuration.learners) == ((1, 2, 3), (), (4,))
    assert reply == {"id": 4, "cluster": "c", "cluster_id": (b"c" * 16).hex()}
    founders = {member: Contact(ADDRESSES[member], STORAGES[member]) for member in (1, 2, 3)}
    joined = Contact(("127.0.0.1", 7104), NEW, since=2)
    assert directory_of(configuration) == Directory({**founders, 4: joined}, 5)


def test_who_asks_again_has_one_place() -> None:
    """The answer may have been lost; but no answer comes before the place is committed."""
    again = ask(with_learner(), "join", "127.0.0.1:7104", NEW.hex())
    assert isinstance(again, Answer)
    assert json.loads(again.reply)["id"] == 4
    pending = replace(with_learner(), commit_index=1, last_applied=1)
    assert isinstance(ask(pending, "join", "127.0.0.1:7104", NEW.hex()), Later)


def test_another_storage_gets_no_place_that_is_taken() -> None:
    """An emptied folder is another storage, at the address of the one that joined."""
    assert refusal(with_learner(), "join", "127.0.0.1:7104", OTHER.hex()) == (
        "node 4 is at 127.0.0.1:7104: give the new node another address, or remove node 4 first"
    )
    assert refusal(leader(), "join", "127.0.0.1:7102", OTHER.hex()).startswith("node 2 is at 127.0.0.1:7102")


def test_a_reserved_place_is_for_who_joins_from_its_address() -> None:
    """It votes only when somebody has come."""
    reserved = with_learner(b"")
    assert refusal(reserved, "promote", "4") == "node 4 hasn't come yet: start it with `quorate serve --join`"
    assert refusal(reserved, "replace", "3", "4") == "node 4 hasn't come yet: start it with `quorate serve --join`"
    configuration, reply = change(reserved, "join", "127.0.0.1:7104", NEW.hex())
    assert reply["id"] == 4
    directory = directory_of(configuration)
    assert directory is not None
    assert directory.contacts[4] == Contact(("127.0.0.1", 7104), NEW, since=2)
    assert refusal(reserved, "add", "127.0.0.1:7104") == "node 4 is at 127.0.0.1:7104 already"


def test_no_id_is_used_twice() -> None:
    """Nor one that was removed, nor one below a wanted one."""
    removed = leader(change(with_learner(), "remove", "4")[0])
    assert removed.configuration.members == (1, 2, 3)
    assert change(removed, "join", "127.0.0.1:7104", OTHER.hex())[1]["id"] == 5
    wanted = leader(change(removed, "join", "127.0.0.1:7104", OTHER.hex(), "9")[0])
    assert wanted.configuration.learners == (9,)
    assert change(wanted, "add", "127.0.0.1:7105")[1]["id"] == 10
    assert refusal(wanted, "add", "127.0.0.1:7105", "9").startswith("id 9: a number from 10 on is needed")
    assert refusal(wanted, "add", "127.0.0.1:7105", "x").startswith("id x: a number from 10 on is needed")


def test_voters_come_go_and_are_replaced() -> None:
    """One at a time directly, one by another jointly; who goes can be reached until the joint phase ends."""
    four = with_learner()
    assert change(four, "promote", "4")[0].voters == (1, 2, 3, 4)
    assert change(four, "remove", "4")[0].members == (1, 2, 3)
    assert change(leader(), "remove", "1")[0].voters == (2, 3)
    joint, reply = change(four, "replace", "3", "4")
    assert (joint.voters, joint.outgoing, joint.learners, reply) == ((1, 2, 4), (1, 2, 3), (), {})
    directory = directory_of(joint)
    assert directory is not None
    assert set(directory.contacts) == {1, 2, 3, 4}


def test_an_address_changes_alone() -> None:
    """The members stay, so the change is direct."""
    configuration, _ = change(leader(), "address", "2", "10.0.0.2:7109")
    assert (configuration.voters, configuration.outgoing) == ((1, 2, 3), ())
    directory = directory_of(configuration)
    assert directory is not None
    assert directory.contacts[2] == Contact(("10.0.0.2", 7109), STORAGES[2])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("promote", "2"), "node 2 is no learner: it votes already"),
        (("promote", "7"), "node 7 is no member; these are: 1, 2, 3"),
        (("promote", "x"), "node x is no member; these are: 1, 2, 3"),
        (("remove", "0"), "node 0 is no member; these are: 1, 2, 3"),
        (("replace", "3", "2"), "node 2 is no learner: start a new node with `quorate serve --join`"),
        (("replace", "3", "9"), "node 9 is no member; these are: 1, 2, 3"),
        (("address", "2", "here"), "host:port is needed, as in 127.0.0.1:7101, not 'here'"),
        (("address", "2", "127.0.0.1:7103"), "node 3 is at 127.0.0.1:7103 already"),
        (("add", "127.0.0.1:0"), "a port from 1 to 65535 is needed behind the colon, not '0'"),
        (("add", "127.0.0.1:7102"), "node 2 is at 127.0.0.1:7102 already"),
        (("join", "127.0.0.1:7104", "ff"), "the request can't be read"),
        (("join", "127.0.0.1:7104", "no"), "the request can't be read"),
        (
            ("promote",),
            "a request about members is one of list, add, join, promote, remove, replace, address, transfer",
        ),
        (("transfer", "4"), "node 4 is no member; these are: 1, 2, 3"),
        (("list", "all"), "a request about members is one of list"),
        (("grow",), "a request about members is one of list"),
        ((), "a request about members is one of list"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_one_line(words: tuple[str, ...], why: str) -> None:
    """Nothing has changed."""
    assert refusal(leader(), *words).startswith(why)


@pytest.mark.parametrize("payload", [b"", b"[1]", b"{}", b'["list"', b"\xff", b'["list", 1]', b"[" * 10_000])
def test_what_is_no_request_is_refused(payload: bytes) -> None:
    """A peer of a later version may pass on what this one can't read."""
    decision = decide(leader(), FOUNDERS, encode_request()[: -len(b"[]")] + payload)
    assert isinstance(decision, Answer)
    assert "error" in json.loads(decision.reply)


def test_requests_are_told_from_commands() -> None:
    """By their first byte, which no command and no query has."""
    assert is_request(encode_request("list"))
    assert not is_request(b"\x93\x10\x01\x02")


def test_a_second_change_waits_for_the_first() -> None:
    """The core says so; the driver tries the request again until it is too old."""
    pending = replace(with_learner(), commit_index=1, last_applied=1)
    decision = ask(pending, "remove", "3")
    assert isinstance(decision, Change)
    with pytest.raises(raft.ChangeRefused, match="a change is under way") as refused:
        raft.step(pending, decision.event)
    assert refused.value.soon


def test_the_list_has_roles_and_progress() -> None:
    """As the leader knows them; a joint change has two kinds more."""

    def roles(state: State) -> dict[int, str]:
        decision = ask(state, "list")
        assert isinstance(decision, Answer)
        return {member["id"]: member["role"] for member in json.loads(decision.reply)["members"]}

    four = with_learner()
    assert roles(four) == {1: "voter", 2: "voter", 3: "voter", 4: "learner"}
    joint = leader(change(four, "replace", "3", "4")[0])
    assert roles(joint) == {1: "voter", 2: "voter", 3: "outgoing", 4: "incoming"}
    decision = ask(joint, "list")
    assert isinstance(decision, Answer)
    content = json.loads(decision.reply)
    assert (content["leader"], content["term"], content["index"], content["change"]) == (1, 1, 2, "joint")
    assert content["members"][3] == {
        "id": 4, "role": "incoming", "address": "127.0.0.1:7104", "since": 2, "match_index": 2, "expected": False
    }  # fmt: skip
    pending = ask(replace(four, commit_index=1, last_applied=1), "list")
    assert isinstance(pending, Answer)
    assert json.loads(pending.reply)["change"] == "direct"


ids = st.integers(1, 1 << 31)
contacts = st.builds(
    Contact, st.tuples(st.text(min_size=1), st.integers(1, 65535)), st.binary(max_size=16), st.integers(0, 1 << 60)
)


@given(st.dictionaries(ids, contacts, max_size=5), ids)
def test_a_directory_survives_the_log(entries: dict[int, Contact], next_id: int) -> None:
    """As bytes in a configuration, and as the text of that on disk and on the wire."""
    directory = Directory(entries, next_id)
    configuration = Configuration((1,), contacts=directory.encode())
    assert directory_of(configuration) == directory
    assert configuration_text.decode(configuration_text.encode(configuration)) == configuration


@pytest.mark.parametrize("text", [b"x", b"[]", b"{}", b'{"contacts": {}}', b'{"contacts": {"1": ["h"]}, "next": 2}'])
def test_a_directory_that_cannot_be_read_says_so(text: bytes) -> None:
    """Of a later version, or of nobody."""
    with pytest.raises(ValueError, match="a configuration's directory can't be read"):
        directory_of(Configuration((1,), contacts=text))


# What members say to each other once the members have changed.

DIRECTORY = Directory(
    {1: Contact(ADDRESSES[1], STORAGES[1]), 2: Contact(ADDRESSES[2], STORAGES[2]), 4: Contact(("h", 1), NEW)}, 5
)


def claim(incarnation: bytes, **rest: object) -> Claim:
    """What a member of the cluster says."""
    return replace(Claim(cluster_id=b"c" * 16, incarnation=incarnation, starts=1, joined=True), **rest)


def verdict(peer: int, said: Claim, directory: Directory | None = DIRECTORY, me: Register = REGISTER) -> str | None:
    """Why a claim is refused, None if it isn't."""
    found = hear(me, peer, said, {}, directory).verdict
    assert found is None or isinstance(found, Refused)
    return None if found is None else found.why


def test_who_joined_is_admitted_with_its_own_storage_only() -> None:
    """The entry that made it a member names the storage."""
    assert verdict(4, claim(NEW)) is None
    why = verdict(4, claim(OTHER))
    assert why is not None
    assert why.startswith("the storage of node 4 isn't the one that joined")


def test_who_was_removed_is_refused_for_good() -> None:
    """No id is used twice, so there is nobody else whom it could be."""
    assert verdict(3, claim(STORAGES[3])) == (
        "node 3 was removed from the cluster: stop it; it may join again as a new node"
    )


def test_who_may_have_joined_lately_is_admitted() -> None:
    """The entry that says so may not have arrived; who comes is of this cluster, or refused."""
    assert verdict(5, claim(OTHER)) is None
    assert verdict(5, claim(OTHER), directory=None) is None
    stranger = verdict(5, claim(OTHER, cluster_id=b"d" * 16))
    assert stranger is not None
    assert "has a folder of the cluster" in stranger
    new = verdict(5, claim(OTHER, cluster_id=b""))
    assert new is not None
    assert "was started with the members" in new


def test_a_storage_that_came_before_its_entry_gives_way_to_the_right_one() -> None:
    """Whoever posed as node 4 while this member knew nothing of it."""
    posed = hear(REGISTER, 4, claim(OTHER), {}, None).register
    assert posed.peers[4].incarnation == OTHER
    heard = hear(posed, 4, claim(NEW), {}, DIRECTORY)
    assert heard.verdict is None
    assert heard.register.peers[4].incarnation == NEW


def test_a_lost_storage_keeps_no_id_once_the_members_have_changed() -> None:
    """Who replaces it under its old id would ask the founders, who may not be the members any more."""
    why = verdict(2, claim(OTHER, replaces=True))
    assert why is not None
    assert "quorate members replace" in why


def test_members_change_only_by_a_leader() -> None:
    """As the core says; the event has all that the entry needs."""
    decision = ask(leader(), "remove", "3")
    assert isinstance(decision, Change)
    assert isinstance(decision.event, ChangeMembers)
    with pytest.raises(raft.NotLeader):
        raft.step(replace(leader(), role=Role.FOLLOWER), decision.event)
