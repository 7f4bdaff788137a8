"""The start of a storage: its register is read, compared with the database, and its starts are counted."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from quorate.membership import register_file
from quorate.membership.claim import INCARNATION_BYTES
from quorate.membership.introductions import IntroducedServer, Introductions
from quorate.membership.register import Acknowledged, Register, form
from quorate.raft.configuration import NodeId
from quorate.raft.output import Durable, Persist
from quorate.raft.state import Role, State
from quorate.raft_server.interfaces import RaftStorage
from quorate.runtime.storage_errors import StorageError


class Stored(Protocol):
    """The part of a database that a start needs."""

    @property
    def incarnation(self) -> bytes:
        """The random identity of the database."""
        ...

    def load(self) -> Durable:
        """The contents."""
        ...


class Stateful(Protocol):
    """The part of a server that introductions need."""

    @property
    def state(self) -> State:
        """The state of its core."""
        ...

    def step_down(self) -> None:
        """Lead no more, if it leads."""
        ...


class Speaker:
    """The server as introductions need it (quorate.membership.introductions.Member); `server` must be set first."""

    server: Stateful

    @property
    def position(self) -> tuple[int, int, int]:
        """The current term, and the index and the term of the last entry of the log."""
        state = self.server.state
        return state.current_term, state.log.last_index, state.log.last_term

    def acknowledged(self, peer: NodeId) -> Acknowledged:
        """What `peer` has acknowledged to this server; nothing if the server isn't leader."""
        state = self.server.state
        if state.role is not Role.LEADER or peer not in state.configuration.members:
            return Acknowledged()
        if not (match_index := state.match_index_of(peer)):
            return Acknowledged()
        # The term of a compacted entry is unknown. The entry is committed, so its index identifies it.
        match_term = state.log.term_at(match_index) or 0
        return Acknowledged(state.current_term, match_index, match_term, min(match_index, state.commit_index))

    def step_down(self) -> None:
        """Lead no more, if it leads."""
        self.server.step_down()


def open_register(path: Path, name: str, node_id: NodeId, members: tuple[NodeId, ...], stored: Stored) -> Register:
    """The register of the storage with the database at `path`.

    Raises StorageError if the folder isn't that of this member of this cluster, or has been changed.
    """
    at = register_file.path_of(path)
    register = register_file.load(at, name, node_id, members)
    if register is None:
        if stored.load() != Durable():
            raise StorageError(
                f"{at} is missing, so that nothing tells whose {path.name} is: restore it, or, if it is lost, empty "
                "the folder and run `quorate replace`"
            )
        register = Register(name, node_id, members, stored.incarnation)
        if members == (node_id,):
            register = form(register, {node_id: stored.incarnation})
    if register.replaces:
        raise StorageError(f"{at} says that this storage has yet to replace a lost one: run `quorate replace` again")
    if register.incarnation != stored.incarnation:
        raise StorageError(
            f"{path} isn't the database that {at.name} beside it is of, but a new one or another's: restore it, or, if "
            "it is lost, empty the folder and run `quorate replace`"
        )
    return register


async def enter_term(register: Register, storage: RaftStorage) -> None:
    """Let a storage that replaced a lost one enter term `after_term` + 1: in earlier terms it must not vote."""
    durable = storage.load()
    if register.after_term and durable.current_term <= register.after_term:
        await storage.write([Persist(register.after_term + 1, None, durable.log.last_index + 1)])


def introduce(path: Path, register: Register, speaker: IntroducedServer) -> Introductions:
    """Count this start, and return its introductions; raises StorageError if the register can't be written."""
    at = register_file.path_of(path)
    register = replace(register, starts=register.starts + 1)
    try:
        register_file.save(at, register)
    except OSError as error:
        raise StorageError(f"{at} cannot be written ({error.strerror}): let this user write it") from error
    nonce = os.urandom(INCARNATION_BYTES)
    return Introductions(register, nonce, lambda changed: register_file.save(at, changed), speaker)
