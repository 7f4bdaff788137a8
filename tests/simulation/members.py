"""An operator who changes the members, one change after the other, whatever goes wrong meanwhile."""

import asyncio
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from quorate.client.client import connect_tcp
from quorate.client.retries import MAYBE_DONE, SURELY_NOT_DONE, CommandError, Reply
from quorate.membership.claim import INCARNATION_BYTES
from quorate.raft import NodeId
from quorate.runtime.addresses import Address, show_address
from simulation.checks import BrokenPromiseError
from simulation.clients import PATIENCE_S, ask_once
from simulation.connections import PEER_PORT
from simulation.node import SimulatedNode

MOST_MEMBERS = 5
PAUSE_S = 0.05
ENDS_WITHIN_S = 10.0  # in peace
SHARE_RESERVED = 0.3  # of new nodes, by `add`
SHARE_RETIRED = 0.5  # of removed nodes; the others go on, and must be in nobody's way

Roles = frozenset[tuple[NodeId, str]]
Join = Callable[[Mapping[str, Any], Address, bytes], None]


@dataclass
class Operator:
    """Asks any node, again until it is told; `nodes` are those that there are, and `join` starts a new one.

    `outlook` has the members that there may be after all changes so far: several, if it wasn't told.
    """

    nodes: Mapping[NodeId, SimulatedNode]
    rng: Random
    counts: Counter[str]
    goes_on: Callable[[], bool]
    join: Join
    moves: bool
    outlook: set[Roles] = field(init=False)
    _addresses: int = 0

    def __post_init__(self) -> None:
        self.outlook = {frozenset((member, "voter") for member in self.nodes)}

    async def run(self, changes: int, lasts_s: float) -> None:
        """Begin changes now and then while it goes on, and end each."""
        for _ in range(changes):
            await asyncio.sleep(self.rng.uniform(0, lasts_s / changes))
            if not self.goes_on():
                return
            kind, *words = self.rng.choice(list(self._possible()))
            await (self._bring_node() if kind == "join" else self._change(kind, *words))

    def _possible(self) -> Iterator[tuple[str, ...]]:
        """Yield what may be changed, as far as the operator knows.

        It isn't wanted that one voter is left, or that too few are reached until an address has been changed.
        """
        roles = dict(self.rng.choice(sorted(self.outlook, key=sorted)))
        voters, learners = ([m for m, role in sorted(roles.items()) if role == each] for each in ("voter", "learner"))
        if len(roles) < MOST_MEMBERS:
            yield ("join",)
        for learner in learners:
            yield "promote", str(learner)
            yield "replace", str(self.rng.choice(voters)), str(learner)
        if removable := [*(voters if len(voters) > 2 else ()), *learners]:
            yield "remove", str(self.rng.choice(removable))
        yield "transfer", str(self.rng.choice(voters))
        if self.moves and len(self.outlook) == 1 and (movable := [*(voters if len(voters) > 2 else ()), *learners]):
            yield "address", str(self.rng.choice(movable)), show_address(self._new_address())

    def _new_address(self) -> Address:
        self._addresses += 1
        return f"place{self._addresses}", PEER_PORT

    async def _bring_node(self) -> None:
        """A new node gets an id, and starts."""
        address, incarnation = self._new_address(), self.rng.randbytes(INCARNATION_BYTES)
        words = [show_address(address)]
        if self.rng.random() < SHARE_RESERVED:
            await self._ask("add", *words)
        reply, _ = await self._ask("join", *words, incarnation.hex())
        if isinstance(reply, bytes):
            place = json.loads(reply)
            self.outlook = {roles | {(place["id"], "learner")} for roles in self.outlook}
            self.join(place, address, incarnation)

    async def _change(self, kind: str, *words: str) -> None:
        if kind == "address":
            self._move(int(words[0]), words[1])
        reply, in_doubt = await self._ask(kind, *words)
        after = {_after(roles, kind, *words) for roles in self.outlook}
        if not isinstance(reply, CommandError):
            self.outlook = after
        elif in_doubt:
            self.outlook |= after
        member = int(words[0])
        if not self._may_be_member(member) and self.rng.random() < SHARE_RETIRED:
            self.nodes[member].retire()

    def _may_be_member(self, node: NodeId) -> bool:
        return any(member == node for roles in self.outlook for member, _ in roles)

    def _move(self, member: NodeId, address: str) -> None:
        node = self.nodes[member]
        assert node.standing is not None
        host, _, port = address.rpartition(":")
        node.standing.move((host, int(port)))
        node.restart()

    async def _ask(self, *words: str) -> tuple[Reply | CommandError, bool]:
        """The answer, be it a refusal, and whether an attempt before it is in doubt."""
        in_doubt, latest, loop = False, math.inf, asyncio.get_running_loop()
        while True:
            node = self.rng.choice(
                [node for node in self.nodes.values() if self.goes_on() or self._may_be_member(node.id)]
            )
            try:
                reply = await self._once(node, words)
            except CommandError as error:
                if error.code not in {SURELY_NOT_DONE, MAYBE_DONE}:
                    self.counts[f"{words[0]} refused"] += 1
                    return error, in_doubt
                in_doubt = in_doubt or error.code == MAYBE_DONE
            except ConnectionRefusedError:
                pass
            except OSError:
                in_doubt = True
            else:
                self.counts[f"{words[0]} done"] += 1
                return reply, in_doubt
            if not self.goes_on():
                latest = min(latest, loop.time() + ENDS_WITHIN_S)
            if loop.time() > latest:
                raise BrokenPromiseError("changes end", f"in peace, no node answers {words}")
            await asyncio.sleep(PAUSE_S)

    async def _once(self, node: SimulatedNode, words: Sequence[str]) -> Reply:
        async with asyncio.timeout(PATIENCE_S):
            connection = await connect_tcp(node.address)
        try:
            return await ask_once(connection, ("QUORATE.MEMBERS", *words))
        finally:
            connection.close()


def _after(roles: Roles, kind: str, *words: str) -> Roles:
    match kind, words:
        case "promote", (new,):
            return roles - {(int(new), "learner")} | {(int(new), "voter")}
        case "remove", (old,):
            return frozenset(each for each in roles if each[0] != int(old))
        case "replace", (old, new):
            return _after(_after(roles, "remove", old), "promote", new)
        case _:
            return roles
