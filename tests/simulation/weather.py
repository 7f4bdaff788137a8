"""What goes wrong in a run: faults come and go at their times, until all of them are over."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import assert_never

from quorate.raft import NodeId, Role
from simulation.loop import SimulatedLoop
from simulation.network import Conditions, Pair, SimulatedNetwork
from simulation.node import SimulatedNode
from simulation.scenario import LEADER, SLOWEST_DELAY_MS, Fault, Kind
from simulation.wiping import Wiping

Undo = Callable[[], None]


@dataclass
class Weather:
    """Does what faults say to the network and the nodes; `tell` hears of each that comes, with its node."""

    loop: SimulatedLoop
    network: SimulatedNetwork
    nodes: Mapping[NodeId, SimulatedNode]
    wiping: Wiping
    tell: Callable[[Fault, NodeId], None]
    _clear: bool = False

    def expect(self, faults: Iterable[Fault]) -> None:
        """Have them come and go at their times, counted from the beginning."""
        for fault in faults:
            self.loop.call_at(fault.at_ms / 1000, self._come, fault)

    def clear_up(self) -> None:
        """End all faults, and let none come any more."""
        self._clear = True
        self.network.heal()
        for node in self.nodes.values():
            node.disk.slowness, node.disk.full, node.disk.fails_next = 1.0, False, False
            node.resume()
            node.process.kill_after(None)
            if node.id not in self.wiping.lost and (node.stopping or not node.up):
                node.restart()
        for lost in tuple(self.wiping.lost):
            self.wiping.replace(self.nodes[lost])

    def _come(self, fault: Fault) -> None:
        if self._clear:
            return
        node = self._target(fault)
        self.tell(fault, node.id)
        undo = self._do(fault, node)
        self.loop.call_later(fault.for_ms / 1000, lambda: None if self._clear else undo())

    def _wipe(self, node: SimulatedNode) -> Undo:
        return partial(self.wiping.replace, node) if self.wiping.wipe(node) else lambda: None

    def _stop(self, node: SimulatedNode) -> Undo:
        node.stop()
        return partial(self._restart, node)

    def _restart(self, node: SimulatedNode) -> None:
        """Start a node again, unless there is no disk that it could start with."""
        if node.id not in self.wiping.lost:
            node.restart()

    def _target(self, fault: Fault) -> SimulatedNode:
        if fault.target != LEADER:
            return list(self.nodes.values())[(fault.target - 1) % len(self.nodes)]
        states = [state for node in self.nodes.values() if (state := node.state) is not None]
        leading = [(state.current_term, state.id) for state in states if state.role is Role.LEADER]
        return self.nodes[max(leading)[1] if leading else 1]

    def _do(self, fault: Fault, node: SimulatedNode) -> Undo:
        match fault.kind:
            case Kind.CRASH | Kind.POWER_CUT:
                crashing = [node] if fault.kind is Kind.CRASH else list(self.nodes.values())
                return _crash(crashing, fault.amount, self._restart)
            case Kind.WIPE | Kind.STOP:
                return self._wipe(node) if fault.kind is Kind.WIPE else self._stop(node)
            case Kind.PAUSE:
                node.pause()
                return node.resume
            case Kind.ISOLATE | Kind.DEAFEN | Kind.MUTE | Kind.CUT | Kind.SPLIT:
                cut = [pair for pair in self.network.pairs() if _is_cut(fault, node.id, pair)]
                return self.network.change(cut, lambda usual: replace(usual, cut=True))
            case Kind.LOSE | Kind.REPEAT | Kind.DELAY | Kind.LATE:
                pairs = [pair for pair in self.network.pairs() if fault.kind is not Kind.LATE or pair[1] == node.id]
                return self.network.change(pairs, lambda usual: _worse(fault, usual))
            case Kind.SLOW_DISK | Kind.FULL_DISK | Kind.BREAK_DISK:
                return _spoil_disk(fault, node, self._restart)
            case _:
                assert_never(fault.kind)


def _crash(nodes: Sequence[SimulatedNode], points: int, restart: Callable[[SimulatedNode], None]) -> Undo:
    for node in nodes:
        node.process.kill_after(points)

    def start() -> None:
        for node in nodes:
            restart(node)

    return start


def _is_cut(fault: Fault, node: NodeId, pair: Pair) -> bool:
    source, dest = pair
    match fault.kind:
        case Kind.DEAFEN:
            return dest == node
        case Kind.MUTE:
            return source == node
        case Kind.CUT:
            return pair == (node, fault.amount)
        case Kind.SPLIT:
            return (fault.amount >> (source - 1) & 1) != (fault.amount >> (dest - 1) & 1)
        case _:
            return node in pair


def _worse(fault: Fault, usual: Conditions) -> Conditions:
    match fault.kind:
        case Kind.LOSE:
            return replace(usual, lost=fault.amount / 100)
        case Kind.REPEAT:
            return replace(usual, repeated=fault.amount / 100)
        case _:
            return replace(usual, delay_s=min(usual.delay_s * fault.amount, SLOWEST_DELAY_MS / 1000))


def _spoil_disk(fault: Fault, node: SimulatedNode, restart: Callable[[SimulatedNode], None]) -> Undo:
    disk = node.disk
    disk.slowness = fault.amount if fault.kind is Kind.SLOW_DISK else disk.slowness
    disk.full = disk.full or fault.kind is Kind.FULL_DISK
    disk.fails_next = disk.fails_next or fault.kind is Kind.BREAK_DISK

    def mend() -> None:
        match fault.kind:
            case Kind.SLOW_DISK:
                disk.slowness = 1.0
            case Kind.FULL_DISK:
                disk.full = False
            case _:
                disk.fails_next = False
                if not node.up:
                    restart(node)

    return mend
