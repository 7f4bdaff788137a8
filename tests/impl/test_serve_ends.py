"""Why `quorate serve` ends, beside being asked to: its disk has failed, or a bug may have left a step half done."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from quorate.cli import serve as serve_module
from quorate.cli.errors import CommandFailedError
from quorate.node.config import read_configuration
from quorate.runtime.storage_errors import StorageError

CONFIGURATION = read_configuration(None, {"id": 1, "data": "unused", "peers": {"1": "127.0.0.1:1"}})


class FakeNode:
    """A node to which something happens as soon as it serves."""

    listening = "nowhere"

    def __init__(self, happens: Callable[["FakeNode"], None]) -> None:
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stopped = False
        asyncio.get_running_loop().call_soon(happens, self)

    def reopen(self) -> None:
        """It has no files."""

    async def stop(self) -> None:
        """Note that it was stopped."""
        self.stopped = True


def reason(monkeypatch: pytest.MonkeyPatch, happens: Callable[[FakeNode], None]) -> str:
    """Why a node ends to which this happens."""
    nodes: list[FakeNode] = []

    class Starter:
        @staticmethod
        async def start(_: object) -> FakeNode:
            nodes.append(FakeNode(happens))
            return nodes[-1]

    monkeypatch.setattr(serve_module, "Node", Starter)
    with pytest.raises(CommandFailedError) as ended:
        asyncio.run(serve_module._serve(CONFIGURATION))
    assert ended.value.status == 1
    assert nodes[0].stopped
    return str(ended.value)


def test_a_node_whose_disk_failed_ends_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what the disk holds."""
    error = StorageError(f"{Path('db')} can't be written: Input/output error")
    why = reason(monkeypatch, lambda node: node.failed.set_exception(error))
    assert why == "the node can't go on: db can't be written: Input/output error"


def test_a_bug_in_a_callback_ends_the_node(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The event loop would go on, with a state that nobody has thought of."""

    def bug(_: FakeNode) -> None:
        raise AssertionError("a leader has no leader")

    assert "AssertionError('a leader has no leader')" in reason(monkeypatch, bug)
    assert "Traceback" in caplog.text


def test_what_the_world_does_wrong_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port scanner must not be able to end a node; what comes afterwards does."""

    def trouble(node: FakeNode) -> None:
        node.failed.get_loop().call_soon(node.failed.set_exception, StorageError("afterwards"))
        raise ConnectionResetError("by peer")

    assert reason(monkeypatch, trouble) == "the node can't go on: afterwards"
