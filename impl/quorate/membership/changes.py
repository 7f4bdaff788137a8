"""Requests about the members, as clients send them and as the leader decides them; pure functions.

A request is a payload that begins with PREFIX, so that it travels from any node to the leader as all requests do. The
leader answers it at once (`Answer`), or begins a change, whose reply is sent when the new configuration is committed
(`Change`). Requests may be repeated: who joins is known by its storage's incarnation.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from quorate.membership.claim import INCARNATION_BYTES
from quorate.membership.directory import Contact, Directory, directory_of
from quorate.membership.register import Register
from quorate.raft.configuration import NodeId
from quorate.raft.events import ChangeMembers, TransferLeadership
from quorate.raft.state import State
from quorate.raft_server.status import change_of, role_of
from quorate.runtime.addresses import Address, parse_address, show_address

PREFIX: Final = b"\0members "  # no request to the state machine begins with 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to a request that changes nothing."""

    reply: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the members, or a transfer of leadership, to begin, and the reply when it is complete."""

    event: ChangeMembers | TransferLeadership
    reply: bytes


@dataclass(frozen=True, slots=True)
class Later:
    """The request can't be decided yet, and may be soon."""

    why: str


Decision: TypeAlias = Answer | Change | Later


class _RefusedError(Exception):
    """A request is refused; the text is one line."""


@dataclass(frozen=True, slots=True)
class Founders:
    """What a leader knows of the members of a cluster that has no directory yet."""

    addresses: Mapping[NodeId, Address]
    register: Register

    def directory(self, members: Sequence[NodeId]) -> Directory:
        """The first directory of the cluster."""
        storages = {member: record.incarnation for member, record in self.register.peers.items()}
        storages[self.register.node_id] = self.register.incarnation
        contacts = {member: Contact(self.addresses[member], storages.get(member, b"")) for member in members}
        return Directory(contacts, max(members) + 1)


def is_request(payload: bytes) -> bool:
    """Whether a request is about the members."""
    return payload.startswith(PREFIX)


def encode_request(*words: str) -> bytes:
    """The payload of a request: the name of what to do, and its arguments."""
    return PREFIX + json.dumps(words).encode()


def refusal(why: str) -> bytes:
    """The reply that refuses a request."""
    return json.dumps({"error": why}).encode()


def decide(state: State, founders: Founders, payload: bytes) -> Decision:
    """The decision of the leader in `state` about a request; the core may still refuse a change."""
    try:
        match json.loads(payload.removeprefix(PREFIX)):
            case [str(name), *words] if name in _REQUESTS and all(isinstance(word, str) for word in words):
                request, counts = _REQUESTS[name]
                if len(words) in counts:
                    return request(_Leader(state, founders), *words)
    except (ValueError, RecursionError):
        return Answer(refusal("the request can't be read"))
    except _RefusedError as error:
        return Answer(refusal(str(error)))
    return Answer(refusal(f"a request about members is one of {', '.join(_REQUESTS)}, with its arguments"))


class _Leader:
    """The members as the leader knows them."""

    def __init__(self, state: State, founders: Founders) -> None:
        self.state = state
        self.register = founders.register
        self.configuration = state.configuration
        members = self.configuration.members
        self.directory = (directory_of(self.configuration) or founders.directory(members)).of(members)

    def change(self, voters: set[NodeId], learners: set[NodeId], directory: Directory, **reply: Any) -> Change:  # noqa: ANN401 - any JSON
        """The change to these members; who leaves is in the directory until the joint phase ends."""
        event = ChangeMembers(tuple(sorted(voters)), tuple(sorted(learners)), directory.encode())
        return Change(event, json.dumps(reply).encode())

    def member(self, text: str) -> NodeId:
        """The id in a request; raises _RefusedError if it is no member's."""
        if not (text.isascii() and text.isdigit()) or int(text) not in self.configuration.members:
            members = ", ".join(map(str, self.configuration.members))
            raise _RefusedError(f"node {text} is no member; these are: {members}")
        return int(text)


def _list(leader: _Leader) -> Decision:
    state, configuration = leader.state, leader.configuration
    return Answer(
        json.dumps(
            {
                "leader": state.id,
                "term": state.current_term,
                "index": state.log.configuration_index,
                "last_index": state.log.last_index,
                "change": change_of(state),
                "members": [
                    {
                        "id": member,
                        "role": role_of(member, configuration),
                        "address": show_address(leader.directory.contacts[member].address),
                        "since": leader.directory.contacts[member].since,
                        "match_index": state.log.last_index if member == state.id else state.match_index_of(member),
                        "expected": not leader.directory.contacts[member].incarnation,
                    }
                    for member in configuration.members
                ],
            }
        ).encode()
    )


def _add(leader: _Leader, address: str, wanted: str = "") -> Decision:
    """A learner that has yet to come: who joins from this address will be it."""
    return _new_learner(leader, Contact(_address(address), since=leader.state.log.last_index + 1), wanted)


def _join(leader: _Leader, address: str, incarnation: str, wanted: str = "") -> Decision:
    """A new node asks to be a learner; its storage has this incarnation."""
    storage = bytes.fromhex(incarnation)
    if len(storage) != INCARNATION_BYTES:
        raise ValueError(incarnation)
    contact = Contact(_address(address), storage, leader.state.log.last_index + 1)
    for member, other in leader.directory.contacts.items():
        if other.incarnation == storage:
            reply = json.dumps(_identity(leader, member)).encode()
            return Answer(reply) if change_of(leader.state) == "none" else Later("a change of members is under way")
        if other.address == contact.address and other.incarnation:
            raise _RefusedError(
                f"node {member} is at {address}: give the new node another address, or remove node {member} first"
            )
        if other.address == contact.address:
            directory = leader.directory.with_contact(member, Contact(other.address, storage, other.since))
            configuration = leader.configuration
            return leader.change(
                {*configuration.voters}, {*configuration.learners}, directory, **_identity(leader, member)
            )
    return _new_learner(leader, contact, wanted)


def _new_learner(leader: _Leader, contact: Contact, wanted: str) -> Decision:
    directory, configuration = leader.directory, leader.configuration
    for member, other in directory.contacts.items():
        if other.address == contact.address:
            raise _RefusedError(f"node {member} is at {show_address(contact.address)} already")
    member = directory.next_id
    if wanted:
        if not (wanted.isascii() and wanted.isdigit() and directory.next_id <= int(wanted) < 1 << 31):
            raise _RefusedError(f"id {wanted}: a number from {directory.next_id} on is needed, for no id is used twice")
        member = int(wanted)
    directory = directory.with_contact(member, contact)
    identity = _identity(leader, member)
    return leader.change({*configuration.voters}, {*configuration.learners, member}, directory, **identity)


def _identity(leader: _Leader, member: NodeId) -> dict[str, Any]:
    """What a new member must know."""
    register = leader.register
    return {"id": member, "cluster": register.name, "cluster_id": register.cluster_id.hex()}


def _promote(leader: _Leader, text: str) -> Decision:
    member, configuration = leader.member(text), leader.configuration
    if member not in configuration.learners:
        raise _RefusedError(f"node {member} is no learner: it votes already")
    if not leader.directory.contacts[member].incarnation:
        raise _RefusedError(f"node {member} hasn't come yet: start it with `quorate serve --join`")
    voters, learners = {*configuration.voters, member}, {*configuration.learners} - {member}
    return leader.change(voters, learners, leader.directory)


def _remove(leader: _Leader, text: str) -> Decision:
    member, configuration = leader.member(text), leader.configuration
    return leader.change({*configuration.voters} - {member}, {*configuration.learners} - {member}, leader.directory)


def _replace(leader: _Leader, old_text: str, new_text: str) -> Decision:
    """One voter goes and a learner takes its place, in one joint change."""
    old, new, configuration = leader.member(old_text), leader.member(new_text), leader.configuration
    if old not in configuration.voters:
        raise _RefusedError(f"node {old} is no voter: `quorate members remove {old}` removes it")
    if new not in configuration.learners:
        raise _RefusedError(f"node {new} is no learner: start a new node with `quorate serve --join`")
    if not leader.directory.contacts[new].incarnation:
        raise _RefusedError(f"node {new} hasn't come yet: start it with `quorate serve --join`")
    voters = ({*configuration.voters} - {old}) | {new}
    return leader.change(voters, {*configuration.learners} - {new}, leader.directory)


def _transfer(leader: _Leader, text: str) -> Decision:
    """Another voter is to lead."""
    return Change(TransferLeadership(leader.member(text)), b"{}")


def _move(leader: _Leader, text: str, address: str) -> Decision:
    """A member is reached at another address."""
    member, configuration, place = leader.member(text), leader.configuration, _address(address)
    for other, contact in leader.directory.contacts.items():
        if contact.address == place and other != member:
            raise _RefusedError(f"node {other} is at {address} already")
    contact = leader.directory.contacts[member]
    directory = leader.directory.with_contact(member, Contact(place, contact.incarnation, contact.since))
    return leader.change({*configuration.voters}, {*configuration.learners}, directory)


def _address(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as error:
        raise _RefusedError(str(error)) from None


# With the numbers of arguments that each may have.
_REQUESTS: Final[Mapping[str, tuple[Callable[..., Decision], range]]] = {
    "list": (_list, range(1)),
    "add": (_add, range(1, 3)),
    "join": (_join, range(2, 4)),
    "promote": (_promote, range(1, 2)),
    "remove": (_remove, range(1, 2)),
    "replace": (_replace, range(2, 3)),
    "address": (_move, range(2, 3)),
    "transfer": (_transfer, range(1, 2)),
}
