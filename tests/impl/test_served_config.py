"""Every server runs the configuration that `model-check` explores first (tests/modelcheck/test_raft_adapter.py)."""

import asyncio
import socket
from contextlib import AsyncExitStack
from pathlib import Path

from quorate.node.config import read_configuration
from quorate.node.members import start_server
from quorate.node.metrics import Metrics
from quorate.raft_server.driver import RaftServer
from quorate.raft_server.settings import served_config


def test_a_node_serves_the_configuration_that_is_explored(tmp_path: Path) -> None:
    """A real node, from its options on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"id": 1, "data": str(tmp_path / "node"), "peers": {"1": f"127.0.0.1:{port}"}}

    async def config_of_a_node() -> object:
        async with AsyncExitStack() as resources:
            configuration = read_configuration(None, options)
            started = await start_server(configuration, Metrics(), resources, [])
            try:
                assert isinstance(started.server, RaftServer)
                return started.server.state.config
            finally:
                await started.server.stop()

    assert asyncio.run(config_of_a_node()) == served_config((1,))
    assert served_config((1,)).pre_vote
    assert served_config((1,)).no_op
    assert served_config((1,)).check_quorum
