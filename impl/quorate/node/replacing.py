"""`quorate replace`: a new storage replaces a lost one, once all other members have recorded it.

The command runs where the node will run, with the node's own options, while the other members serve.
`quorate.membership.register` says why this is safe, and what the new storage may not do at first.
"""

import asyncio
from dataclasses import replace
from random import SystemRandom

from quorate.membership import register_file
from quorate.membership.handshake import MemberHandshake
from quorate.membership.register import Acknowledged, Register, show_members
from quorate.membership.starting import introduce
from quorate.node.config import Configuration
from quorate.node.members import StartError, load_peer_tls, make_folder
from quorate.raft.configuration import NodeId
from quorate.raft.output import Durable
from quorate.raft_server.interfaces import PeerMessage
from quorate.raft_server.storage import SqliteStorage
from quorate.raft_server.wire import CODEC
from quorate.runtime.storage_errors import StorageError
from quorate.runtime.transport import TcpTransport, TlsError, TransportError

PATIENCE_S = 15.0


class _Empty:
    """A member with an empty storage (quorate.membership.introductions.Member)."""

    position = (0, 0, 0)

    def acknowledged(self, peer: NodeId) -> Acknowledged:
        """Nothing has been acknowledged: the member doesn't serve."""
        del peer
        return Acknowledged()

    def step_down(self) -> None:
        """Do nothing: the member doesn't lead."""


async def replace_storage(configuration: Configuration, patience_s: float = PATIENCE_S) -> None:
    """Create a new storage, and let all other members record it; raises StartError if that isn't possible."""
    try:
        tls = load_peer_tls(configuration)
        make_folder(configuration)
        members = tuple(sorted(configuration.peers))
        storage = SqliteStorage.open(configuration.database, configuration.node_id, members)
        try:
            register = _register_of(configuration, storage, members)
            introductions = introduce(configuration.database, register, _Empty())
            transport = TcpTransport(
                CODEC,
                configuration.node_id,
                configuration.peers,
                configuration.cluster,
                SystemRandom(),
                tls=tls,
                handshake=MemberHandshake(introductions),
            )
            joined = asyncio.Event()
            introductions.on_joined = joined.set
            try:
                await transport.start(_ignore, lambda _: None)
                async with asyncio.timeout(patience_s):
                    await joined.wait()
            finally:
                await transport.close()
        except TimeoutError:
            lacking = show_members(introductions.register.lacking)
            wrong = [text for key, text in introductions.notices.items() if key.startswith("notice")]
            raise StartError(
                f"the members {lacking} have not noted the new storage within {patience_s:g} s ({'; '.join(wrong)}): "
                "all other members must serve; then run this again"
            ) from None
        finally:
            storage.close()
    except (StorageError, TransportError, TlsError) as error:
        raise StartError(str(error)) from error


def _register_of(configuration: Configuration, storage: SqliteStorage, members: tuple[NodeId, ...]) -> Register:
    at = register_file.path_of(configuration.database)
    register = register_file.load(at, configuration.cluster, configuration.node_id, members)
    if storage.load() != Durable() or (register is not None and register.joined):
        raise StartError(f"data: {configuration.data} is in use: only an empty folder can take the place of a lost one")
    if len(members) == 1:
        raise StartError("peer: a cluster of one has nobody to take a lost storage's place from")
    if register is None or register.incarnation != storage.incarnation:
        register = Register(configuration.cluster, configuration.node_id, members, storage.incarnation)
    return replace(register, replaces=True)


def _ignore(peer: NodeId, message: PeerMessage) -> None:
    """Drop a message: the member doesn't serve yet."""
