"""Starts the server of a node: the storage, transport, core and driver of its protocol."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from random import SystemRandom
from typing import Any, TypeVar

from quorate import bft
from quorate.backup.export import Exports
from quorate.bft_server.batches import MOST_VALUE_BYTES as BFT_VALUE_BYTES
from quorate.bft_server.codec import CODEC as BFT
from quorate.bft_server.driver import BftServer
from quorate.bft_server.evidence import EvidenceFile
from quorate.bft_server.storage import BftStorage
from quorate.bft_server.trace import Tracer as BftTracer
from quorate.membership.handshake import MemberHandshake
from quorate.membership.introductions import Introductions
from quorate.membership.serving import ServedMembership
from quorate.membership.starting import Speaker, enter_term, introduce, open_register
from quorate.node.config import Bft, Configuration
from quorate.node.metrics import Metrics
from quorate.raft_server.driver import RaftServer
from quorate.raft_server.settings import served_config
from quorate.raft_server.storage import SqliteStorage
from quorate.raft_server.trace import Tracer as RaftTracer
from quorate.raft_server.wire import CODEC as RAFT
from quorate.runtime.addresses import show_address
from quorate.runtime.keys import KeyFileError, RememberingVerifier, read_public, read_secret
from quorate.runtime.storage_errors import StorageError
from quorate.runtime.trace_file import TraceFile
from quorate.runtime.transport import Codec, TcpTransport, Tls, TlsError, TransportError, load_tls
from quorate.store.clock import Clock
from quorate.store.machine import KeyValueMachine
from quorate.store.operations import encode, is_repeatable
from quorate.store.queries import Size

EVIDENCE_NAME = "evidence.ndjson"

M = TypeVar("M")
T = TypeVar("T", bound=TraceFile)


class StartError(Exception):
    """The node can't start; the text is one line that says what to change."""


@dataclass(frozen=True, slots=True)
class Started:
    """A running server and its transport; BFT servers have neither introductions nor exports."""

    server: RaftServer | BftServer
    transport: TcpTransport[Any]
    introductions: Introductions | None = None
    exports: Exports | None = None

    @property
    def notices(self) -> dict[str, str]:
        """The notices for operators in INFO."""
        notices = {} if self.introductions is None else dict(self.introductions.notices)
        first = 1 + sum(key.startswith("notice") for key in notices)
        return notices | {f"notice{number}": text for number, text in enumerate(self.transport.notices, first)}


async def start_server(
    configuration: Configuration,
    metrics: Metrics,
    resources: AsyncExitStack,
    reopening: list[Callable[[], None]],
) -> Started:
    """Start the server and return it; raises StartError if that isn't possible.

    `resources` gets what must be closed after the server, `reopening` the functions that reopen files which another
    program may have moved away.
    """
    try:
        if configuration.bft is not None:
            return await _start_bft(configuration, configuration.bft, metrics, resources, reopening)
        tracer = _opened(configuration, RaftTracer, resources, reopening)
        return await _start_raft(configuration, metrics, tracer)
    except (StorageError, TransportError, TlsError, KeyFileError) as error:
        raise StartError(str(error)) from error


async def _start_raft(configuration: Configuration, metrics: Metrics, tracer: RaftTracer | None) -> Started:
    members = () if configuration.join is not None else tuple(sorted(configuration.peers))
    tls = load_peer_tls(configuration)
    make_folder(configuration)
    storage = SqliteStorage.open(configuration.database, configuration.node_id, members, metrics.fsync)
    speaker = Speaker()
    try:
        register = open_register(configuration.database, configuration.cluster, configuration.node_id, members, storage)
        address = configuration.peers[configuration.node_id]
        register = replace(register, address=show_address(address))
        await enter_term(register, storage)
        introductions = introduce(configuration.database, register, speaker)
        if tracer is not None:
            tracer.identify(register.incarnation, register.after_term)
        transport = _transport(RAFT, configuration, tls, MemberHandshake(introductions))
        founders = configuration.peers if members else {}
        membership = ServedMembership(founders, introductions, transport)
    except BaseException:
        storage.close()
        raise
    machine = KeyValueMachine(Clock())
    server = speaker.server = RaftServer(
        configuration.settings,
        configuration.node_id,
        served_config(members),
        storage=storage,
        transport=transport,
        machine=machine,
        rng=SystemRandom(),
        tracer=tracer,
        metrics=metrics,
        after_term=register.after_term,
        membership=membership,
    )
    try:
        await _start(server, storage)
    except ValueError as error:
        raise StartError(f"{configuration.database} has a snapshot that can't be read: {error}") from error
    return Started(server, transport, introductions, _exports(server, machine, introductions))


def _exports(server: RaftServer, machine: KeyValueMachine, introductions: Introductions) -> Exports:
    return Exports(
        server,
        capture=machine.capture,
        applied=lambda: server.status().machine_index,
        register=lambda: introductions.register,
        probe=encode(Size()),
    )


async def _start_bft(
    configuration: Configuration,
    options: Bft,
    metrics: Metrics,
    resources: AsyncExitStack,
    reopening: list[Callable[[], None]],
) -> Started:
    members = tuple(sorted(configuration.peers))
    secret, public = read_secret(options.secret_key), read_public(options.public_keys)
    if public.members != members:
        raise StartError(
            f"public-keys: {options.public_keys} is of the nodes {public.members}, the peers are {members}"
        )
    if public.cluster != configuration.cluster:
        raise StartError(f"cluster: {options.public_keys} is of {public.cluster!r}, not of {configuration.cluster!r}")
    if public.keys[configuration.node_id] != secret.public:
        raise StartError(f"secret-key: {options.secret_key} is not the key of node {configuration.node_id}")
    transport = _transport(BFT, configuration, load_peer_tls(configuration))
    tracer = _opened(configuration, partial(BftTracer, keys=public.keys), resources, reopening)
    make_folder(configuration)
    evidence = _evidence(configuration)
    storage = BftStorage.open(configuration.database, configuration.node_id, members, metrics.fsync)
    server = BftServer(
        options.settings,
        configuration.node_id,
        bft.Config(configuration.cluster.encode(), members, secret, RememberingVerifier(public)),
        storage=storage,
        transport=transport,
        machine=KeyValueMachine(most_value_bytes=BFT_VALUE_BYTES),
        evidence=evidence,
        is_repeatable=is_repeatable,
        rng=SystemRandom(),
        tracer=tracer,
        metrics=metrics,
    )
    await _start(server, storage)
    return Started(server, transport)


async def _start(server: RaftServer | BftServer, storage: SqliteStorage | BftStorage) -> None:
    """Start a server; if that fails, close what it has opened."""
    try:
        await server.start()
    except TransportError:
        await server.stop()
        raise
    except BaseException:  # raised before the server had anything else to stop
        storage.close()
        raise


def load_peer_tls(configuration: Configuration) -> Tls | None:
    """Return the TLS settings between nodes, None without TLS; raises TlsError if a file is invalid."""
    files = configuration.peer_tls
    if files is None:
        return None
    assert files.authority is not None, "nodes verify each other"
    return load_tls(files.certificate, files.key, files.authority, configuration.node_id)


def _transport(
    codec: Codec[M], configuration: Configuration, tls: Tls | None, handshake: MemberHandshake | None = None
) -> TcpTransport[M]:
    node_id, peers, name = configuration.node_id, configuration.peers, configuration.cluster
    try:
        return TcpTransport(codec, node_id, peers, name, SystemRandom(), tls=tls, handshake=handshake)
    except ValueError as error:
        raise StartError(str(error)) from error


def make_folder(configuration: Configuration) -> None:
    """Create the data folder if it doesn't exist; raises StartError if that isn't possible."""
    try:
        configuration.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"data: {configuration.data} can't be made: {error.strerror}") from error


def _evidence(configuration: Configuration) -> EvidenceFile:
    path = configuration.data / EVIDENCE_NAME
    try:
        return EvidenceFile(path, configuration.cluster)
    except OSError as error:
        raise StartError(f"data: {path} can't be read: {error.strerror}") from error


def _opened(
    configuration: Configuration,
    tracer_of: Callable[..., T],
    resources: AsyncExitStack,
    reopening: list[Callable[[], None]],
) -> T | None:
    """Return the tracer that a protocol makes, None if no trace is wanted."""
    path = configuration.trace
    if path is None:
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tracer = tracer_of(path, part_bytes=configuration.trace_bytes, parts=configuration.trace_parts)
    except OSError as error:
        raise StartError(f"trace: {path}: {error.strerror}") from error
    resources.callback(tracer.close)
    reopening.append(tracer.reopen)
    return tracer
