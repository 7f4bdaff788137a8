"""The directory of a cluster: where each member is reached, and whose storage it has.

It travels in configurations (`Configuration.contacts`), so it is in force exactly as long as these, on every member
that has the entry. A cluster whose members never changed has none: its members know each other's addresses from their
files, and each other's storages from their registers.

No id is used twice. So an acknowledgement, a vote or a connection of a member that was removed can't be taken for those
of one that joined later, and what a leader knows of a member's log belongs to one membership.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from quorate.raft.configuration import Configuration, NodeId
from quorate.runtime.addresses import Address


@dataclass(frozen=True, slots=True)
class Contact:
    """How to reach one member.

    `address` is where other nodes connect. `incarnation` is that of the member's storage; it is empty for a member that
    was added and hasn't come yet. `since` is the index of the entry that added the member, 0 for a founder.
    """

    address: Address
    incarnation: bytes = b""
    since: int = 0


@dataclass(frozen=True, slots=True)
class Directory:
    """The contacts of all members, and the id that the next new one gets."""

    contacts: Mapping[NodeId, Contact]
    next_id: NodeId

    def with_contact(self, member: NodeId, contact: Contact) -> "Directory":
        """This directory with another contact of `member`, who may be new."""
        return replace(self, contacts={**self.contacts, member: contact}, next_id=max(self.next_id, member + 1))

    def of(self, members: Iterable[NodeId]) -> "Directory":
        """This directory without the contacts of others than `members`."""
        return replace(self, contacts={member: self.contacts[member] for member in members})

    def encode(self) -> bytes:
        """The bytes of this directory, for a configuration."""
        contacts = {
            str(member): [*contact.address, contact.incarnation.hex(), contact.since]
            for member, contact in sorted(self.contacts.items())
        }
        return json.dumps({"contacts": contacts, "next": self.next_id}).encode()


def directory_of(configuration: Configuration) -> Directory | None:
    """The directory in a configuration, None if there is none; raises ValueError if it can't be read."""
    if not configuration.contacts:
        return None
    try:
        content = json.loads(configuration.contacts)
        contacts = {
            int(member): Contact((str(host), int(port)), bytes.fromhex(incarnation), int(since))
            for member, (host, port, incarnation, since) in content["contacts"].items()
        }
        return Directory(contacts, int(content["next"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a configuration's directory can't be read: {error!r}") from None
