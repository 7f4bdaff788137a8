"""Configurations as JSON, on disk and on the wire: a list of the voters, the outgoing voters and the learners."""

import json

from quorate.raft.configuration import Configuration


def encode(configuration: Configuration | None) -> bytes | None:
    """The text of a configuration; None for none."""
    if configuration is None:
        return None
    return json.dumps([configuration.voters, configuration.outgoing, configuration.learners]).encode()


def decode(text: bytes | None) -> Configuration | None:
    """The configuration with this text; raises ValueError if it is no text of one."""
    if text is None:
        return None
    groups = json.loads(text)
    if type(groups) is not list or len(groups) != 3 or any(type(group) is not list for group in groups):
        raise ValueError(f"three lists are needed, not {text!r}")
    return Configuration(*map(tuple, groups))
