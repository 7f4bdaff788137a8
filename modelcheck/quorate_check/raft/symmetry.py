"""The renaming of servers in ids, votes, leaders, tuples with a place for each member, and commands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from quorate.disk import Write
from quorate.raft import (
    AppendEntries,
    Configuration,
    Durable,
    Entry,
    InstallSnapshot,
    Log,
    Message,
    Persist,
    Snapshot,
    State,
)
from quorate_check.raft.disks import sorted_by_receiver
from quorate_check.raft.subject import Applied, CoreNode, Record, decode, encode

Permutation = tuple[int, ...]
M = TypeVar("M", bound=Any)


def rename_server(server: CoreNode, p: Permutation) -> CoreNode:
    """Return the local state of `server` after every server i, counted from 0, is renamed to p[i]."""
    return CoreNode(
        state=_state(server.state, p),
        durable=None if server.durable is None else _durable(server.durable, p),
        queue=tuple(
            Write(_persist(w.persist, p), sorted_by_receiver(tuple(rename_message(m, p) for m in w.messages)))
            for w in server.queue
        ),
        record=_record(server.record, p),
    )


def rename_message(message: Message, p: Permutation) -> Message:
    """Return `message` with its source, destination and commands renamed by p as in `rename_server`."""
    renamed = rename_ends(message, p)
    match renamed:
        case AppendEntries():
            return replace(renamed, entries=_entries(renamed.entries, p))
        case InstallSnapshot():
            return replace(renamed, snapshot=_snapshot(renamed.snapshot, p))
        case _:
            return renamed


def rename_ends(message: M, p: Permutation) -> M:
    """Return `message` with its two ends renamed, but no command; nodes that are no servers keep their numbers."""
    return replace(message, source=renamed_id(message.source, p), dest=renamed_id(message.dest, p))


def rename_roles(state: State, p: Permutation) -> State:
    """Return the state of a server with all servers in it renamed, but not those in commands."""
    return replace(
        state,
        id=renamed_id(state.id, p),
        voted_for=renamed_optional(state.voted_for, p),
        leader_id=renamed_optional(state.leader_id, p),
        votes_granted=frozenset(renamed_id(v, p) for v in state.votes_granted),
        next_index=_permuted(state, state.next_index, p),
        match_index=_permuted(state, state.match_index, p),
        heard_from=frozenset(renamed_id(v, p) for v in state.heard_from),
        transfer_target=renamed_optional(state.transfer_target, p),
        reads=replace(state.reads, confirmed_by=frozenset(renamed_id(v, p) for v in state.reads.confirmed_by)),
    )


def renamed_id(server: int, p: Permutation) -> int:
    """Return the new number of a server; 0 and the numbers of other nodes stay."""
    return p[server - 1] + 1 if 0 < server <= len(p) else server


def renamed_optional(server: int | None, p: Permutation) -> int | None:
    """Return the new number of a server, if there is one."""
    return None if server is None else renamed_id(server, p)


def _permuted(state: State, values: tuple[int, ...], p: Permutation) -> tuple[int, ...]:
    """Return values that are aligned with the members of a configuration, for the renamed members."""
    pairs = zip(state.configuration.members, values, strict=False)
    return tuple(value for _, value in sorted((renamed_id(member, p), value) for member, value in pairs))


def _configuration(configuration: Configuration, p: Permutation) -> Configuration:
    groups = (configuration.voters, configuration.outgoing, configuration.learners)
    voters, outgoing, learners = (tuple(sorted(renamed_id(member, p) for member in group)) for group in groups)
    return Configuration(voters, outgoing, learners)


def _entry(entry: Entry, p: Permutation) -> Entry:
    if entry.configuration is not None:
        return replace(entry, configuration=_configuration(entry.configuration, p))
    return entry if entry.command is None else Entry(entry.term, str(renamed_id(int(entry.command), p)).encode())


def _entries(entries: tuple[Entry, ...], p: Permutation) -> tuple[Entry, ...]:
    return tuple(_entry(e, p) for e in entries)


def _snapshot(snapshot: Snapshot, p: Permutation) -> Snapshot:
    configuration = None if snapshot.configuration is None else _configuration(snapshot.configuration, p)
    return replace(snapshot, data=encode(_entries(decode(snapshot.data), p)), configuration=configuration)


def _log(log: Log, p: Permutation) -> Log:
    return Log(None if log.snapshot is None else _snapshot(log.snapshot, p)).append(_entries(log.entries, p))


def _state(state: State, p: Permutation) -> State:
    return replace(rename_roles(state, p), log=_log(state.log, p))


def _durable(durable: Durable, p: Permutation) -> Durable:
    return Durable(durable.current_term, renamed_optional(durable.voted_for, p), _log(durable.log, p))


def _persist(persist: Persist, p: Permutation) -> Persist:
    return replace(
        persist,
        voted_for=renamed_optional(persist.voted_for, p),
        entries=_entries(persist.entries, p),
        snapshot=None if persist.snapshot is None else _snapshot(persist.snapshot, p),
    )


def _record(record: Record, p: Permutation) -> Record:
    return Record(
        record.terms_led,
        None if record.vote is None else (record.vote[0], renamed_id(record.vote[1], p)),
        tuple(Applied(_entry(a.entry, p), a.by_term) for a in record.applied),
        record.reads,
    )
