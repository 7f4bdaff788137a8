"""The members of a cluster that serves, followed from configuration to configuration."""

import logging
from collections.abc import Mapping
from typing import Protocol

from quorate.membership.changes import Decision, Founders, decide
from quorate.membership.directory import Contact, Directory, directory_of
from quorate.membership.introductions import Introductions
from quorate.raft.configuration import NodeId
from quorate.raft.state import State
from quorate.raft_server.status import change_of
from quorate.runtime.addresses import Address, parse_address

MOST_STRANGERS = 16

log = logging.getLogger("quorate.membership")


class Dialler(Protocol):
    """What this module needs of a transport."""

    def set_peers(self, addresses: Mapping[NodeId, Address]) -> None:
        """Connect to these nodes from now on, and to no others."""
        ...


class ServedMembership:
    """Gives the transport the peers, and the introductions the directory, of the configuration in force.

    A node that this member's configuration doesn't have may be a member by an entry that hasn't arrived here. It may
    ask for this member's vote, or be the leader that sends the entry, so this member talks to it until it knows better.
    """

    def __init__(
        self,
        addresses: Mapping[NodeId, Address],
        introductions: Introductions,
        transport: Dialler,
    ) -> None:
        """Begin with the `addresses` from this node's file, which count until a configuration has others."""
        self._addresses = addresses
        self._introductions = introductions
        self._transport = transport
        self._contacts: dict[NodeId, Address] = dict(addresses)
        self._strangers: dict[NodeId, Address] = {}
        introductions.on_peer = self._meet

    def follow(self, state: State) -> None:
        """Connect to the members of the latest committed configuration and of all later ones.

        One of these is the configuration of the leader, or of a candidate that can win.
        """
        committed = state.log.configuration_at(state.commit_index) or state.config.first_configuration
        uncommitted = (each for index, each in state.log.configurations if index > state.commit_index)
        configurations = [committed, *uncommitted]
        directories = [directory_of(configuration) for configuration in configurations]
        contacts: dict[NodeId, Address] = {}
        for configuration, directory in zip(configurations, directories, strict=True):
            for member in configuration.members:
                if directory is not None:
                    contacts[member] = directory.contacts[member].address
                elif member in self._addresses:
                    contacts[member] = self._addresses[member]
        latest = directories[-1]
        if latest is not None:
            # Removed for good is who is in none of them.
            known = {member: contact for each in directories if each for member, contact in each.contacts.items()}
            members = {member: known.get(member, Contact(address)) for member, address in contacts.items()}
            self._introductions.directory = Directory(members, latest.next_id)
        self._contacts = contacts
        if state.configuration.members:
            self._strangers = {member: at for member, at in self._strangers.items() if self._may_be_member(member)}
        self._connect()
        log.info(
            "members",
            extra={
                "voters": configurations[-1].voters,
                "outgoing": configurations[-1].outgoing,
                "learners": configurations[-1].learners,
                "index": state.log.configuration_index,
                "change": change_of(state),
            },
        )

    def decide(self, state: State, payload: bytes) -> Decision:
        """The decision of this leader about a request."""
        return decide(state, Founders(self._addresses, self._introductions.register), payload)

    def _may_be_member(self, peer: NodeId) -> bool:
        directory = self._introductions.directory
        return directory is None or peer in directory.contacts or peer >= directory.next_id

    def _meet(self, peer: NodeId, address: str) -> None:
        if peer in self._contacts or len(self._strangers) >= MOST_STRANGERS:
            return
        try:
            self._strangers[peer] = parse_address(address)
        except ValueError:
            return
        self._connect()

    def _connect(self) -> None:
        self._transport.set_peers({**self._strangers, **self._contacts})
