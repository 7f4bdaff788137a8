"""A whole node: storage, transport, state machine, server, front and metrics, assembled from its configuration."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Self

from quorate.bft_server.batches import MOST_VALUE_BYTES as BFT_VALUE_BYTES
from quorate.node.config import Configuration, TlsFiles
from quorate.node.descriptors import TooFewDescriptorsError, room_for_clients
from quorate.node.info import Clients, info_text
from quorate.node.joining import join
from quorate.node.members import StartError, start_server
from quorate.node.metrics import Metrics
from quorate.node.metrics_endpoint import MetricsEndpoint
from quorate.runtime.addresses import Address, show_address
from quorate.runtime.network_errors import describe
from quorate.runtime.outcomes import Outcome
from quorate.runtime.trust import believe, show
from quorate.store.front import REQUEST_OVERHEAD, Front, FrontSettings
from quorate.store.keyspace import MOST_VALUE_BYTES

log = logging.getLogger("quorate")


class Node:
    """Serves from `start` until `stop`; the future `failed` gets an exception if the node can't go on."""

    failed: "asyncio.Future[None]"

    def __init__(self, configuration: Configuration) -> None:
        """Prepare a node; call `start` instead."""
        self._configuration = configuration
        self._metrics = Metrics()
        self._began = asyncio.get_running_loop().time()
        self._open = AsyncExitStack()
        self._reopening: list[Callable[[], None]] = []
        self._clients_at = configuration.listen
        self._metrics_at = configuration.metrics

    @classmethod
    async def start(cls, configuration: Configuration) -> Self:
        """Open the storage, join the cluster and listen for clients; raises StartError if that isn't possible."""
        node = cls(configuration)
        try:
            await node._start()
        except BaseException:
            await node.stop()
            raise
        return node

    async def stop(self) -> None:
        """Answer every request, let clients read their replies, and close everything."""
        await self._open.aclose()

    @property
    def listening(self) -> str:
        """The addresses at which the node listens, as text."""
        peers_at = self._configuration.peers[self._configuration.node_id]
        text = f"{show_address(self._clients_at)} for clients, {show_address(peers_at)} for nodes"
        return text if self._metrics_at is None else f"{text}, {show_address(self._metrics_at)} for metrics"

    def reopen(self) -> None:
        """Reopen files that another program, such as logrotate, has moved away."""
        for reopen in self._reopening:
            reopen()

    async def _start(self) -> None:
        if self._configuration.join is not None:
            self._configuration = await join(self._configuration)
        configuration = self._configuration
        client_tls = None if configuration.client_tls is None else _client_tls(configuration.client_tls)
        settings = self._front_settings()
        started = await start_server(configuration, self._metrics, self._open, self._reopening)
        self._server, self._started = started.server, started
        self.failed = self._server.failed
        self._front = Front(self, settings, started.exports)
        try:
            self._clients_at = await _listening(
                "listen", configuration.listen, lambda address: self._front.start(*address, tls=client_tls)
            )
            self._open.push_async_callback(self._front.close)
        finally:
            # The server stops before the front, so that the front can still send its clients their outcomes.
            self._open.push_async_callback(self._server.stop)
        if configuration.metrics is not None:
            endpoint = MetricsEndpoint(lambda: self._metrics.page(self._server.status()))
            self._metrics_at = await _listening("metrics", configuration.metrics, endpoint.start)
            self._open.push_async_callback(endpoint.close)

    def _front_settings(self) -> FrontSettings:
        configuration = self._configuration
        try:
            room = room_for_clients(configuration.max_clients, len(configuration.peers) - 1)
        except TooFewDescriptorsError as error:
            raise StartError(str(error)) from error
        if room < configuration.max_clients:
            wanted = configuration.max_clients
            log.warning("fewer clients than wanted: raise `ulimit -n`", extra={"max_clients": room, "wanted": wanted})
        most = MOST_VALUE_BYTES if configuration.bft is None else BFT_VALUE_BYTES
        return FrontSettings(
            configuration.password,
            configuration.operator_password,
            room,
            max_value_bytes=most,
            max_request_bytes=most + REQUEST_OVERHEAD,
            max_client_bytes=configuration.max_client_bytes,
            idle_timeout_s=configuration.idle_timeout_s,
            members_change=configuration.bft is None,
        )

    # quorate.store.front.Backend

    def submit(self, write: bool, payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        """Pass a request to the server, and count its outcome."""

        def counted(outcome: Outcome) -> None:
            self._metrics.outcome(outcome)
            done(outcome)

        self._server.submit(write, payload, counted)

    def info(self) -> str:
        """Return the text of INFO."""
        front = self._front
        clients = Clients(front.clients, front.accepted, front.commands)
        uptime_s = asyncio.get_running_loop().time() - self._began
        return info_text(
            self._server.status(),
            self._clients_at,
            uptime_s=uptime_s,
            clients=clients,
            notices=self._started.notices,
        )


async def _listening(key: str, address: Address, listen: Callable[[Address], Awaitable[Address]]) -> Address:
    try:
        return await listen(address)
    except OSError as error:
        raise StartError(f"{key}: cannot listen on {show_address(address)}: {describe(error)}") from error


def _client_tls(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        show(context, files.certificate, files.key)
    except OSError as error:
        raise StartError(
            f"client-certificate {files.certificate}, client-key {files.key}: "
            f"PEM files, the key unencrypted, are needed: {describe(error)}"
        ) from error
    if files.authority is not None:
        try:
            believe(context, files.authority)
        except OSError as error:
            raise StartError(f"client-authority {files.authority}: {describe(error)}") from error
    return context
