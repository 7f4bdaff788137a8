"""Real processes whose cluster changes its members: nodes that join, and `quorate members` asked of any node."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

from patience import PATIENCE_S
from real_cluster import QUORATE, RealCluster, RealNode, free_ports, serving


class ChangingCluster(RealCluster):
    """A cluster of `count` founders, without proxies between them, and room for `joiners` more nodes.

    `nodes` are those that serve; who has been removed is taken out of it by `forget`. A node has the `options` of all,
    and its own, `options_of`.
    """

    def __init__(
        self,
        folder: Path,
        options: Iterable[str] = (),
        count: int = 3,
        joiners: int = 3,
        options_of: Callable[[int], list[str]] = lambda _: [],
    ) -> None:
        super().__init__(folder, options, count)
        self._options_of = options_of
        ports = free_ports(2 * (count + joiners))
        ids = range(1, count + joiners + 1)
        self.client_ports = dict(zip(ids, ports, strict=False))
        self.peer_ports = dict(zip(ids, ports[count + joiners :], strict=True))
        self.former: list[RealNode] = []

    @property
    def places(self) -> list[tuple[str, int]]:
        """Where clients connect, now or later."""
        return [("127.0.0.1", port) for port in self.client_ports.values()]

    async def start(self) -> Self:
        """Start the founders."""
        self.traces.mkdir()
        for me in self._founders:
            self._begin(me, self._command(me, self._founders, self.client_ports[me]))
        return self

    @property
    def _founders(self) -> dict[int, int]:
        return {number: self.peer_ports[number] for number in range(1, self._count + 1)}

    def move(self, founder: int, to: int) -> None:
        """Have a founder that is down be reached at another port, as its own options say."""
        self.nodes[founder] = RealNode(
            founder,
            self.client_ports[founder],
            self._command(founder, {**self._founders, founder: to}, self.client_ports[founder]),
            self._folder / f"node{founder}.log",
        )

    def _begin(self, me: int, command: list[str]) -> RealNode:
        command = [*command, *self._options_of(me)]
        self.nodes[me] = RealNode(me, self.client_ports[me], command, self._folder / f"node{me}.log")
        self.nodes[me].start()
        return self.nodes[me]

    def join_command(self, me: int, through: int, options: Iterable[str] = ()) -> list[str]:
        """How to start the node that is expected to get the id `me`."""
        return [
            *(QUORATE, "serve", "--join", f"127.0.0.1:{self.client_ports[through]}"),
            *("--address", f"127.0.0.1:{self.peer_ports[me]}", "--listen", f"127.0.0.1:{self.client_ports[me]}"),
            *("--data", str(self._folder / f"node{me}"), "--trace", str(self.traces / f"node{me}.ndjson")),
            *self._options,
            *options,
        ]

    def begin_joining(self, me: int, through: int, options: Iterable[str] = ()) -> RealNode:
        """Start a new node, which gets its id when a change is committed."""
        return self._begin(me, self.join_command(me, through, options))

    async def join(self, me: int, through: int) -> RealNode:
        """Start a new node, and wait until it serves; it must get the id `me`."""
        node = self.begin_joining(me, through)
        await self.info_has(me, b"raft_node_id:%d" % me)
        return node

    def forget(self, number: int) -> RealNode:
        """Serve clients there no more: the node isn't a member now."""
        self.former.append(self.nodes.pop(number))
        return self.former[-1]

    async def members(self, *words: str, options: Iterable[str] = (), timeout_s: float = PATIENCE_S) -> tuple[int, str]:
        """`quorate members`, of every node that serves in turn: its exit status, and what it prints."""
        servers = [part for node in self.nodes.values() for part in ("--server", f"127.0.0.1:{node.port}")]
        command = [QUORATE, "members", *words, *servers, *options, "--timeout", f"{timeout_s:g}"]
        ended = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False
        )
        return ended.returncode, ended.stdout + ended.stderr

    async def change(self, *words: str) -> None:
        """Have a change done that is possible, now or as soon as a learner has caught up, though answers get lost."""
        async with asyncio.timeout(PATIENCE_S):
            while not _has_happened(words, await self.roles()):
                for number in tuple(self.nodes):
                    answer = await self.ask(number, "QUORATE.MEMBERS", *words)
                    if answer:
                        passing = (b"+OK", b"-UNKNOWN", b"-CLUSTERDOWN")
                        assert answer.startswith(passing) or b"lags behind" in answer, answer
                        break

    async def listing(self) -> dict[str, Any]:
        """The members as the leader knows them; any node that serves is asked."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for number in tuple(self.nodes):
                    _, _, text = (await self.ask(number, "QUORATE.MEMBERS", "LIST")).partition(b"\r\n")
                    if text:
                        content: dict[str, Any] = json.loads(text)
                        return content
                await asyncio.sleep(0.02)

    async def has_caught_up(self, number: int) -> None:
        """Wait until a learner may be promoted: it has all that the leader has now."""
        goal = (await self.listing())["last_index"]
        async with asyncio.timeout(PATIENCE_S):
            while not any(m["match_index"] >= goal for m in (await self.listing())["members"] if m["id"] == number):
                pass

    async def has_roles(self, roles: Mapping[int, str]) -> None:
        """Wait until these are the members."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.roles() != roles:
                pass

    async def has_logged(self, number: int, text: str) -> None:
        """Wait until a node's log says so."""
        async with asyncio.timeout(PATIENCE_S):
            while text not in self.nodes[number].log.read_text():  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.02)

    async def has_listed(self, number: int, what: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until a leader's own list of the members is so; a leader answers alone."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                _, _, text = (await self.ask(number, "QUORATE.MEMBERS", "LIST")).partition(b"\r\n")
                if text and what(content := json.loads(text)):
                    return content
                await asyncio.sleep(0.01)

    async def no_change_is_under_way(self) -> dict[int, str]:
        """Wait until all changes are complete; return the members' roles."""
        async with asyncio.timeout(PATIENCE_S):
            while (content := await self.listing())["change"] != "none":
                pass
        return {member["id"]: member["role"] for member in content["members"]}

    async def roles(self) -> dict[int, str]:
        """The role of each member."""
        return {member["id"]: member["role"] for member in (await self.listing())["members"]}

    async def close(self) -> None:
        """End everything at once."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(super().close)
            for node in self.former:
                stack.callback(node.kill)


@asynccontextmanager
async def changing_cluster(
    folder: Path,
    options: Iterable[str] = (),
    *,
    count: int = 3,
    joiners: int = 3,
    options_of: Callable[[int], list[str]] = lambda _: [],
) -> AsyncIterator[ChangingCluster]:
    """A cluster that serves, ended afterwards whatever happens."""
    async with serving(ChangingCluster(folder, options, count, joiners, options_of)) as cluster:
        yield cluster


def _has_happened(words: Sequence[str], roles: Mapping[int, str]) -> bool:
    match words:
        case ("promote", new):
            return roles.get(int(new)) == "voter"
        case ("remove", old):
            return int(old) not in roles
        case ("replace", old, new):
            return int(old) not in roles and roles.get(int(new)) == "voter"
        case _:
            raise AssertionError(words)
