"""Connections between members that come and go: who dials whom, and who refuses whom, is decided by the real rules.

A connection comes about in an instant, if neither end is down, paused or cut off, and if both find each other's claims
good (quorate.membership.introductions). Its dialler sends on it. It ends when either end drops it, is cut off or starts
again; then nothing arrives of what is on its way on it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from quorate.membership.claim import INCARNATION_BYTES
from quorate.membership.introductions import Introductions
from quorate.membership.register import Register, form
from quorate.membership.serving import ServedMembership
from quorate.membership.starting import Speaker
from quorate.raft import NodeId
from quorate.raft_server.interfaces import PeerMessage, Receiver
from quorate.runtime.addresses import Address, show_address
from quorate.runtime.interfaces import Loss
from simulation.loop import Process
from simulation.network import SimulatedNetwork, SimulatedTransport

DIALS_EVERY_S = 0.03
NAME = "simulated"
PEER_PORT = 7000


class DiallingTransport(SimulatedTransport):
    """One run of one node on the network, which sends to the peers that it has dialled (simulation.network).

    `address` is where it is reached, and `is_paused` says whether it answers nobody now.
    """

    def __init__(
        self,
        network: SimulatedNetwork,
        node: NodeId,
        process: Process,
        *,
        address: Address,
        introductions: Introductions,
        is_paused: Callable[[], bool],
    ) -> None:
        """Dial nobody before `start`."""
        super().__init__(network, node, process)
        self.process = process
        self.address = address
        self.introductions = introductions
        self.is_paused = is_paused
        self._addresses: dict[NodeId, Address] = {}
        self._links: dict[NodeId, DiallingTransport] = {}
        introductions.connect(lambda: None, self._drop)

    async def start(self, receive: Receiver, lost: Loss) -> None:
        """Listen, and begin to dial."""
        await super().start(receive, lost)
        self._network.loop.call_soon(self._dial_all, context=self._network.context)

    def set_peers(self, addresses: Mapping[NodeId, Address]) -> None:
        """Connect to these nodes from now on, and to no others."""
        before, self._addresses = self._addresses, {**addresses}
        for peer in sorted(before.keys() - addresses.keys()):
            self._drop(peer, "it is no peer of this node any more")
        for peer in sorted(before.keys() & addresses.keys()):
            if before[peer] != addresses[peer]:
                self.hang_up(peer)

    def send(self, peer: NodeId, message: PeerMessage) -> bool:
        """Give a message to the network, if there is a connection."""
        return peer in self._links and super().send(peer, message)

    @property
    def connected(self) -> frozenset[NodeId]:
        """The peers with a connection."""
        return frozenset(self._links)

    def lost_connection(self, peer: NodeId) -> None:
        """Have the process learn that the connections with a peer have ended."""
        if not self.hang_up(peer):
            super().lost_connection(peer)

    def hang_up(self, peer: NodeId) -> bool:
        """End the connection to a peer; False if there is none."""
        if self._links.pop(peer, None) is None:
            return False
        self._network.sever(self._node, peer)
        super().lost_connection(peer)
        return True

    def _tell_of_loss(self, peer: NodeId) -> None:
        if self._lost is not None:
            self.introductions.lost(peer)
        super()._tell_of_loss(peer)

    def _drop(self, peer: NodeId, _: str) -> None:
        self.hang_up(peer)
        there = self._network.listening(peer)
        if isinstance(there, DiallingTransport):
            there.hang_up(self._node)

    def _dial_all(self) -> None:
        """Dial whom there is no connection to, now and again; nobody else's code runs meanwhile."""
        if not self.process.alive or self._receive is None:
            return
        if not self.is_paused():
            for peer in sorted(self._addresses.keys() - self._links.keys() - {self._node}):
                self._dial(peer)
        self._network.loop.call_later(DIALS_EVERY_S, self._dial_all, context=self._network.context)

    def _dial(self, peer: NodeId) -> None:
        there = self._network.listening(peer)
        if not isinstance(there, DiallingTransport) or there.address != self._addresses[peer]:
            return
        ways = ((self._node, peer), (peer, self._node))
        is_cut = any(self._network.conditions(*way).cut for way in ways)
        if is_cut or there.is_paused() or not there.process.alive:
            return
        ours = self.process.context.run(self.introductions.claim, peer)
        theirs = there.process.context.run(there.introductions.hear, self._node, ours)
        answer = there.process.context.run(there.introductions.claim, self._node)
        verdict = self.process.context.run(self.introductions.hear, peer, answer)
        if verdict is None and theirs is None and peer in self._addresses:
            self._links[peer] = there


@dataclass
class Standing:
    """What one node keeps of its membership through all its lives.

    `founders` are the addresses in its file, none if it joined. What its register says is on its disk at once.
    """

    node: NodeId
    address: Address
    founders: dict[NodeId, Address]
    register: Register
    rng: Random
    speaker: Speaker = field(init=False)

    def open(
        self, network: SimulatedNetwork, process: Process, is_paused: Callable[[], bool]
    ) -> tuple[DiallingTransport, ServedMembership]:
        """Begin a life; `speaker.server` must be set before it starts."""
        self.register = replace(self.register, starts=self.register.starts + 1, address=show_address(self.address))
        self.speaker = Speaker()

        def save(register: Register) -> None:
            if process.acts():
                self.register = register

        introductions = Introductions(self.register, self.rng.randbytes(INCARNATION_BYTES), save, self.speaker)
        transport = DiallingTransport(
            network, self.node, process, address=self.address, introductions=introductions, is_paused=is_paused
        )
        return transport, ServedMembership(self.founders, introductions, transport)

    def move(self, address: Address) -> None:
        """Be reached at another address from the next life on, as its own file says."""
        self.address = address
        if self.founders:
            self.founders = {**self.founders, self.node: address}


def founders(members: Sequence[NodeId], rng: Random) -> dict[NodeId, Standing]:
    """The founders of a cluster, who know each other."""
    addresses = {member: (f"founder{member}", PEER_PORT) for member in members}
    storages = {member: rng.randbytes(INCARNATION_BYTES) for member in members}
    result = {}
    for member in members:
        register = form(Register(NAME, member, tuple(members), storages[member]), storages)
        peers = {peer: replace(record, remembers=True) for peer, record in register.peers.items()}
        register = replace(register, joined=True, peers=peers)
        result[member] = Standing(member, addresses[member], addresses, register, Random(rng.random()))
    return result


def joined(place: Mapping[str, Any], address: Address, incarnation: bytes, rng: Random) -> Standing:
    """A node that has got a place in a cluster, as the reply to it says (quorate.node.joining)."""
    register = Register(
        place["cluster"], place["id"], (), incarnation, cluster_id=bytes.fromhex(place["cluster_id"]), joined=True
    )
    return Standing(place["id"], address, {}, register, rng)
