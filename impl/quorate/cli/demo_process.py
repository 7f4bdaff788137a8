"""A node of `quorate demo`, which is a process of its own."""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from quorate.runtime.addresses import Address, show_address
from quorate.runtime.paths import is_there

STOP_PATIENCE_S = 10.0


class Process:
    """One node as a process; its configuration and its log are files beside its data."""

    def __init__(
        self, number: int, address: Address, folder: Path, options: Sequence[str] = (), *, can_be_slow: bool = False
    ) -> None:
        """Describe a node that serves clients at `address`; `start` runs it, with these options beside its file.

        With `can_be_slow`, its disk can be slowed down while it runs.
        """
        self.number = number
        self.address = address
        self.is_paused = False
        self.log = folder / f"node{number}.log"
        self.configuration = folder / f"node{number}.toml"
        self._slow = folder / f"node{number}.slow"  # there while the disk is slow
        self._slow.unlink(missing_ok=True)
        program = ["quorate.cli.demo_web.slow_disk", str(self._slow)] if can_be_slow else ["quorate.cli"]
        self._command = [sys.executable, "-m", *program, "serve", "--config", str(self.configuration), *options]

    def configure(self, values: Mapping[str, str | int], peers: Mapping[int, Address] | None = None) -> None:
        """Write the configuration: these keys beside those that every node has, and the peers of a founder."""
        every = {"id": self.number, "data": f"node{self.number}", "listen": show_address(self.address)}
        lines = [f"{key} = {json.dumps(value)}" for key, value in {**every, **values}.items()]
        if peers:
            lines += ["[peers]", *(f'{peer} = "{show_address(address)}"' for peer, address in peers.items())]
        self.configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")

    async def start(self) -> None:
        """Start the node in a session of its own, so that Ctrl-C reaches only the demo, which then stops its nodes."""
        self.is_paused = False
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """The id of the process, also after its end."""
        return self._process.pid

    @property
    def end(self) -> str | None:
        """How the process ended, None while it runs."""
        status = self._process.returncode
        if status is None:
            return None
        return f"dead: {signal.Signals(-status).name}" if status < 0 else f"dead: exit status {status}"

    def last_log_line(self) -> str:
        """Return the last line of the node's log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else "its log is empty"

    async def kill(self) -> None:
        """Send SIGKILL, as `kill -9` does, and wait until the process has ended."""
        self._signal(signal.SIGKILL)
        await self.wait()

    def pause(self) -> None:
        """Send SIGSTOP: the process does nothing until `resume`."""
        self._signal(signal.SIGSTOP)
        self.is_paused = True

    def resume(self) -> None:
        """Send SIGCONT."""
        self._signal(signal.SIGCONT)
        self.is_paused = False

    @property
    def has_slow_disk(self) -> bool:
        """Whether its disk is slowed down."""
        return is_there(self._slow)

    def slow_disk(self) -> None:
        """Let each durable write take longer, until `restore_disk`; the node must be one that can be slow."""
        self._slow.touch()

    def restore_disk(self) -> None:
        """Let durable writes take as long as they take."""
        self._slow.unlink(missing_ok=True)

    def ask_to_end(self) -> None:
        """Send SIGTERM, unless the process has ended; a paused process goes on and ends."""
        self._signal(signal.SIGTERM)
        if self.is_paused:
            self.resume()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def wait(self) -> None:
        """Wait until the process has ended; kill it if that takes too long."""
        try:
            async with asyncio.timeout(STOP_PATIENCE_S):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
