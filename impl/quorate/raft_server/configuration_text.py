"""Configurations as JSON, on disk and on the wire: the voters, the outgoing voters, the learners, and the contacts."""

import json

from quorate.raft.configuration import Configuration


def encode(configuration: Configuration | None) -> bytes | None:
    """The text of a configuration; None for none."""
    if configuration is None:
        return None
    groups = configuration.voters, configuration.outgoing, configuration.learners
    return json.dumps([*groups, configuration.contacts.decode()]).encode()


def decode(text: bytes | None) -> Configuration | None:
    """The configuration with this text; raises ValueError if it is no text of one."""
    if text is None:
        return None
    match json.loads(text):
        case [list(voters), list(outgoing), list(learners), str(contacts)]:
            return Configuration(tuple(voters), tuple(outgoing), tuple(learners), contacts.encode())
        case _:
            raise ValueError(f"three lists and a text are needed, not {text!r}")
