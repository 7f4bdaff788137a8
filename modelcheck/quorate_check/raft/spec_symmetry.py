"""The renaming of servers in the specification's variables and messages."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TypeVar

from quorate_spec.raft.messages import AppendEntries, Config, Entry, InstallSnapshot, Message
from quorate_spec.raft.state import Applied, Progress, Server

E = TypeVar("E", Entry, Applied)


def rename_server(server: Server, p: tuple[int, ...]) -> Server:
    """Return the local state of `server` after every server i, counted from 0, is renamed to p[i]."""
    return replace(
        server,
        id=_id(server.id, p),
        first_config=rename_config(server.first_config, p),
        voted_for=_choice(server.voted_for, p),
        log=rename_entries(server.log, p),
        disk=None
        if server.disk is None
        else replace(server.disk, voted_for=_choice(server.disk.voted_for, p), log=rename_entries(server.disk.log, p)),
        votes_granted=frozenset(_id(voter, p) for voter in server.votes_granted),
        next_index=_progress(server.next_index, p),
        match_index=_progress(server.match_index, p),
        confirmed_by=frozenset(_id(voter, p) for voter in server.confirmed_by),
        transfer_target=_choice(server.transfer_target, p),
        applied=rename_entries(server.applied, p),
    )


def rename_message(message: Message, p: tuple[int, ...]) -> Message:
    """Return `message` with its source, its destination and the configurations in its entries renamed."""
    renamed: Message = replace(message, source=_id(message.source, p), dest=_id(message.dest, p))
    match renamed:
        case AppendEntries():
            return replace(renamed, entries=rename_entries(renamed.entries, p))
        case InstallSnapshot():
            return replace(renamed, snapshot=rename_entries(renamed.snapshot, p))
        case _:
            return renamed


def rename_entries(entries: tuple[E, ...], p: tuple[int, ...]) -> tuple[E, ...]:
    """Return entries with the servers of their configurations renamed."""
    if all(entry.config is None for entry in entries):
        return entries
    return tuple(
        entry if entry.config is None else replace(entry, config=rename_config(entry.config, p)) for entry in entries
    )


def rename_config(config: Config, p: tuple[int, ...]) -> Config:
    """Return a configuration with its servers renamed."""
    return Config(*(frozenset(_id(server, p) for server in getattr(config, f.name)) for f in fields(config)))


def _id(server: int, p: tuple[int, ...]) -> int:
    return p[server - 1] + 1


def _choice(server: int | None, p: tuple[int, ...]) -> int | None:
    return None if server is None else _id(server, p)


def _progress(values: Progress, p: tuple[int, ...]) -> Progress:
    return tuple(sorted((_id(peer, p), value) for peer, value in values))
